#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_nonce.h"
#include "cg_sign.h"
#include "cg_weierstrass.h"

/* Not Nettle's: ecc_ecdsa_sign, built by Debian 12's compiler, has branches on the nonce (valgrind
 * reports its table lookup and its conditional subtractions), and ecc_ecdsa_verify refuses right
 * signatures for which the two products that it adds are the same point. */

static bool is_for_ecdsa(enum cg_curve curve)
{
    return curve == CG_P256 || curve == CG_P384 || curve == CG_P521;
}

static void load_order(struct cg_order *order, enum cg_curve curve)
{
    const struct cg_ec_constants *k = cg_ec_constants(curve);
    cg_order_load(order, k->order, k->bytes);
}

/* FIPS 186-4 6.4; SEC 1 4.1.4. point is on the curve; all is public. */
static bool verify(enum cg_curve curve, const struct cg_order *order,
                   const struct cg_ec_affine *point, const uint8_t *digest, size_t digest_length,
                   const mp_limb_t *r, const mp_limb_t *s)
{
    struct cg_mont mod;
    struct cg_ec_affine sum;
    mp_limb_t w[CG_EC_LIMBS_MAX], u[CG_EC_LIMBS_MAX];
    uint8_t u1[CG_EC_BYTES_MAX], u2[CG_EC_BYTES_MAX];
    if (!cg_order_contains(order, r) || !cg_order_contains(order, s))
        return false;
    cg_mont_init(&mod, order->limb, order->limbs);
    cg_mont_invert(&mod, w, s);
    cg_mont_to(&mod, w, w);
    cg_order_from_digest(order, u, digest, digest_length);
    cg_mont_mul(&mod, u, u, w);
    cg_limbs_to_bytes(u1, order->bytes, u, order->limbs);
    cg_mont_mul(&mod, u, r, w);
    cg_limbs_to_bytes(u2, order->bytes, u, order->limbs);
    if (!cg_ec_multiply_two(curve, &sum, u1, u2, point))
        return false;
    cg_mont_to(&mod, sum.x, sum.x);
    cg_mont_from(&mod, sum.x, sum.x);
    return cg_limbs_differ(sum.x, r, order->limbs) == 0;
}

bool cg_ecdsa_verify(enum cg_curve curve, const uint8_t *point, size_t point_length,
                     const uint8_t *digest, size_t digest_length,
                     const struct cg_signature *signature)
{
    struct cg_ec_affine p;
    struct cg_order order;
    mp_limb_t r[CG_EC_LIMBS_MAX], s[CG_EC_LIMBS_MAX];
    if (!is_for_ecdsa(curve) || !cg_ec_read_point(curve, &p, point, point_length))
        return false;
    load_order(&order, curve);
    if (cg_limbs_from_bytes(r, order.limbs, signature->r, signature->r_length) ||
        cg_limbs_from_bytes(s, order.limbs, signature->s, signature->s_length))
        return false;
    return verify(curve, &order, &p, digest, digest_length, r, s);
}

/* r = x of k G, mod the order; s = (z + r d) / k mod the order. */
static bool sign(enum cg_curve curve, const struct cg_order *order, const mp_limb_t *d,
                 const mp_limb_t *k, const uint8_t *digest, size_t digest_length, mp_limb_t *r,
                 mp_limb_t *s)
{
    struct cg_mont mod;
    struct cg_ec_affine point;
    uint8_t k_bytes[CG_EC_BYTES_MAX];
    mp_limb_t z[CG_EC_LIMBS_MAX], inverse[CG_EC_LIMBS_MAX];
    cg_limbs_to_bytes(k_bytes, order->bytes, k, order->limbs);
    cg_ec_generator(curve, &point);
    bool done = cg_ec_multiply(curve, &point, k_bytes, &point);

    /* Factors of R come and go: _to multiplies by one, every product takes one away. */
    cg_mont_init(&mod, order->limb, order->limbs);
    cg_mont_to(&mod, r, point.x);
    cg_mont_mul(&mod, s, r, d);
    cg_mont_from(&mod, r, r);
    cg_order_from_digest(order, z, digest, digest_length);
    cg_mont_add(&mod, s, s, z);
    cg_mont_invert(&mod, inverse, k);
    cg_mont_to(&mod, s, s);
    cg_mont_mul(&mod, s, s, inverse);
    cg_ct_publish(r, order->limbs * sizeof *r);
    cg_ct_publish(s, order->limbs * sizeof *s);
    cg_wipe(&point, sizeof point);
    cg_wipe(k_bytes, sizeof k_bytes);
    cg_wipe(inverse, sizeof inverse);
    cg_wipe_stack();
    return done;
}

/* Does the signature verify with the public key that belongs to d? */
static bool check(enum cg_curve curve, const struct cg_order *order, const uint8_t *d,
                  const uint8_t *digest, size_t digest_length, const mp_limb_t *r,
                  const mp_limb_t *s)
{
    struct cg_ec_affine point;
    cg_ec_generator(curve, &point);
    bool done = cg_ec_multiply(curve, &point, d, &point);
    cg_ct_publish(&point, sizeof point);
    return done && verify(curve, order, &point, digest, digest_length, r, s);
}

bool cg_ecdsa_sign(enum cg_curve curve, const uint8_t *key, enum cg_hash_id hash,
                   const uint8_t *digest, uint8_t *r, uint8_t *s)
{
    mp_limb_t d[CG_EC_LIMBS_MAX], k[CG_EC_LIMBS_MAX];
    mp_limb_t r_limbs[CG_EC_LIMBS_MAX], s_limbs[CG_EC_LIMBS_MAX];
    struct cg_order order;
    if (!is_for_ecdsa(curve))
        return false;
    size_t n = cg_ec_bytes(curve), digest_length = cg_hash_size(hash);
    load_order(&order, curve);
    cg_limbs_from_bytes(d, CG_EC_LIMBS_MAX, key, n);
    bool done = cg_order_contains(&order, d) && cg_nonce(&order, hash, d, digest, k) &&
                sign(curve, &order, d, k, digest, digest_length, r_limbs, s_limbs) &&
                check(curve, &order, key, digest, digest_length, r_limbs, s_limbs);
    if (done) {
        cg_limbs_to_bytes(r, n, r_limbs, order.limbs);
        cg_limbs_to_bytes(s, n, s_limbs, order.limbs);
    }
    cg_wipe(d, sizeof d);
    cg_wipe(k, sizeof k);
    return done;
}
