#include <string.h>

#include "cg_limbs.h"
#include "cg_mont.h"
#include "cg_sign.h"

/* Verification only, so everything here is public and may take branches. */

enum { LIMBS = 4, BYTES = 32 };

typedef mp_limb_t element[LIMBS]; /* of the field, in Montgomery form */

struct point { /* x = X/Z, y = Y/Z, x y = T/Z */
    element x, y, z, t;
};

struct curve {
    struct cg_mont f;
    element d, twice_d, root_of_minus_one, one;
};

/* Little-endian limbs. */
static const mp_limb_t prime[LIMBS] = {0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff,
                                       0x7fffffffffffffff}; /* 2^255 - 19 */
static const mp_limb_t order[LIMBS] = {0x5812631a5cf5d3ed, 0x14def9dea2f79cd6, 0,
                                       0x1000000000000000};
static const uint8_t base_point[BYTES] = {
    0x58, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
    0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66};

static void read_little_endian(mp_limb_t *out, size_t limbs, const uint8_t *bytes, size_t n)
{
    memset(out, 0, limbs * sizeof *out);
    for (size_t i = 0; i < n; i++)
        out[i / CG_LIMB_BYTES] |= (mp_limb_t)bytes[i] << 8 * (i % CG_LIMB_BYTES);
}

/* out = base^e, base and out in Montgomery form. */
static void power(const struct curve *c, mp_limb_t *out, const mp_limb_t *base, const mp_limb_t *e)
{
    mp_limb_t wide[2 * LIMBS] = {0};
    cg_mont_from(&c->f, wide, base);
    cg_mont_pow(&c->f, out, wide, e);
    cg_mont_to(&c->f, out, out);
}

static void load_curve(struct curve *c)
{
    /* d = -121665/121666 (RFC 8032 5.1); 2^((p-1)/4) squares to -1. */
    const mp_limb_t one[LIMBS] = {1}, two[LIMBS] = {2}, numerator[LIMBS] = {121665},
                    denominator[LIMBS] = {121666}, zero[LIMBS] = {0};
    element x, e;
    cg_mont_init(&c->f, prime, LIMBS);
    cg_mont_to(&c->f, c->one, one);
    cg_mont_invert(&c->f, x, denominator);
    cg_mont_to(&c->f, x, x);
    cg_mont_to(&c->f, c->d, numerator);
    cg_mont_mul(&c->f, c->d, c->d, x);
    cg_mont_sub(&c->f, c->d, zero, c->d);
    cg_mont_add(&c->f, c->twice_d, c->d, c->d);
    mpn_rshift(e, prime, LIMBS, 2);
    cg_mont_to(&c->f, x, two);
    power(c, c->root_of_minus_one, x, e);
}

/* RFC 8032 5.1.4; complete, so it doubles too. out may be either operand. */
static void add(const struct curve *c, struct point *out, const struct point *p,
                const struct point *q)
{
    const struct cg_mont *f = &c->f;
    element a, b, tt, zz, e, g, h, sum;
    cg_mont_sub(f, a, p->y, p->x);
    cg_mont_sub(f, sum, q->y, q->x);
    cg_mont_mul(f, a, a, sum);
    cg_mont_add(f, b, p->y, p->x);
    cg_mont_add(f, sum, q->y, q->x);
    cg_mont_mul(f, b, b, sum);
    cg_mont_mul(f, tt, p->t, q->t);
    cg_mont_mul(f, tt, tt, c->twice_d);
    cg_mont_mul(f, zz, p->z, q->z);
    cg_mont_add(f, zz, zz, zz);
    cg_mont_sub(f, e, b, a);
    cg_mont_sub(f, sum, zz, tt);
    cg_mont_add(f, g, zz, tt);
    cg_mont_add(f, h, b, a);
    cg_mont_mul(f, out->x, e, sum);
    cg_mont_mul(f, out->y, g, h);
    cg_mont_mul(f, out->t, e, h);
    cg_mont_mul(f, out->z, sum, g);
}

/* x = sqrt(u/v), either of the two roots; false when there is none (RFC 8032 5.1.3). */
static bool square_root(const struct curve *c, mp_limb_t *x, const mp_limb_t *u, const mp_limb_t *v)
{
    const struct cg_mont *f = &c->f;
    const mp_limb_t zero[LIMBS] = {0};
    element inverse, ratio, check, e;
    cg_mont_from(f, inverse, v);
    cg_mont_invert(f, inverse, inverse);
    cg_mont_to(f, inverse, inverse);
    cg_mont_mul(f, ratio, u, inverse);
    mpn_add_1(e, prime, LIMBS, 3);
    mpn_rshift(e, e, LIMBS, 3);
    power(c, x, ratio, e);
    cg_mont_mul(f, check, x, x);
    if (cg_limbs_differ(check, ratio, LIMBS) == 0)
        return true;
    cg_mont_sub(f, ratio, zero, ratio);
    cg_mont_mul(f, x, x, c->root_of_minus_one);
    return cg_limbs_differ(check, ratio, LIMBS) == 0;
}

static bool read_point(const struct curve *c, struct point *p, const uint8_t *bytes)
{
    const struct cg_mont *f = &c->f;
    const mp_limb_t zero[LIMBS] = {0};
    mp_limb_t sign = bytes[BYTES - 1] >> 7;
    element u, v, plain;
    read_little_endian(p->y, LIMBS, bytes, BYTES);
    p->y[LIMBS - 1] &= ~(mp_limb_t)0 >> 1;
    if (!cg_limbs_below(p->y, prime, LIMBS))
        return false;
    cg_mont_to(f, p->y, p->y);
    cg_mont_mul(f, u, p->y, p->y);
    cg_mont_mul(f, v, u, c->d);
    cg_mont_sub(f, u, u, c->one);
    cg_mont_add(f, v, v, c->one);
    if (!square_root(c, p->x, u, v))
        return false;
    cg_mont_from(f, plain, p->x);
    if (cg_limbs_any(plain, LIMBS) == 0 && sign)
        return false;
    if ((plain[0] & 1) != sign)
        cg_mont_sub(f, p->x, zero, p->x);
    memcpy(p->z, c->one, sizeof p->z);
    cg_mont_mul(f, p->t, p->x, p->y);
    return true;
}

/* Does p, encoded, give these bytes? */
static bool encodes_to(const struct curve *c, const struct point *p, const uint8_t *bytes)
{
    const struct cg_mont *f = &c->f;
    element z, x, y, expected;
    cg_mont_from(f, z, p->z);
    cg_mont_invert(f, z, z);
    cg_mont_mul(f, x, p->x, z);
    cg_mont_mul(f, y, p->y, z);
    y[LIMBS - 1] |= x[0] << 63;
    read_little_endian(expected, LIMBS, bytes, BYTES);
    return cg_limbs_differ(y, expected, LIMBS) == 0;
}

/* out = s * p + k * q, for scalars below 2^256. */
static void multiply_two(const struct curve *c, struct point *out, const mp_limb_t *s,
                         const struct point *p, const mp_limb_t *k, const struct point *q)
{
    memset(out, 0, sizeof *out);
    memcpy(out->y, c->one, sizeof out->y);
    memcpy(out->z, c->one, sizeof out->z);
    for (int bit = 64 * LIMBS - 1; bit >= 0; bit--) {
        add(c, out, out, out);
        if (s[bit / 64] >> bit % 64 & 1)
            add(c, out, out, p);
        if (k[bit / 64] >> bit % 64 & 1)
            add(c, out, out, q);
    }
}

/* k = SHA-512(R || A || message) mod the order. */
static void challenge(mp_limb_t *k, const uint8_t *r, const uint8_t *key, const uint8_t *message,
                      size_t n)
{
    uint8_t digest[CG_HASH_MAX];
    mp_limb_t wide[2 * LIMBS], scratch[8 * LIMBS];
    struct cg_hash h;
    cg_hash_init(&h, CG_SHA512);
    cg_hash_update(&h, r, BYTES);
    cg_hash_update(&h, key, BYTES);
    cg_hash_update(&h, message, n);
    cg_hash_final(&h, digest);
    read_little_endian(wide, 2 * LIMBS, digest, sizeof digest);
    mpn_sec_div_r(wide, 2 * LIMBS, order, LIMBS, scratch);
    memcpy(k, wide, LIMBS * sizeof *k);
}

bool cg_ed25519_verify(const uint8_t key[32], const uint8_t *message, size_t n,
                       const uint8_t *signature, size_t length)
{
    const mp_limb_t zero[LIMBS] = {0};
    struct curve c;
    struct point a, b, r;
    mp_limb_t s[LIMBS], k[LIMBS];
    if (length != 2 * BYTES || mpn_sec_div_r_itch(2 * LIMBS, LIMBS) > 8 * LIMBS)
        return false;
    load_curve(&c);
    read_little_endian(s, LIMBS, signature + BYTES, BYTES);
    if (!cg_limbs_below(s, order, LIMBS) || !read_point(&c, &a, key) ||
        !read_point(&c, &b, base_point))
        return false;
    challenge(k, signature, key, message, n);
    cg_mont_sub(&c.f, a.x, zero, a.x);
    cg_mont_sub(&c.f, a.t, zero, a.t);
    multiply_two(&c, &r, s, &b, k, &a);
    return encodes_to(&c, &r, signature);
}
