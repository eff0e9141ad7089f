#include "cg_export.h"

#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_random.h"

enum {
    HALF_BYTES = CG_EXPORT_BYTES / 2,
    HALF = HALF_BYTES / CG_LIMB_BYTES,
    HALF_BITS = 8 * HALF_BYTES,
    E = 65537,
    ROUNDS = 32,  /* of Miller and Rabin's test with drawn bases: it errs in one case of 2^64 */
    SCRATCH = 512 /* what mpn_sec_powm asks for, and more */
};

static const uint8_t prime[CG_EXPORT_BYTES] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34,
    0xc4, 0xc6, 0x62, 0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74,
    0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13, 0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd,
    0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x9d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t two = 2;
const struct cg_dh_group cg_export_group = {prime, &two, sizeof prime, 1};

/* out = base^e mod m, all of HALF limbs. False when GMP asks for more scratch than foreseen. */
static bool power(mp_limb_t *out, const mp_limb_t *base, const mp_limb_t *e, const mp_limb_t *m)
{
    mp_limb_t scratch[SCRATCH];
    if (mpn_sec_powm_itch(HALF, HALF_BITS, HALF) > SCRATCH)
        return false;
    mpn_sec_powm(out, base, HALF, e, HALF_BITS, m, HALF, scratch);
    cg_wipe(scratch, sizeof scratch);
    return true;
}

/* Has it no divisor below 1000, and is 1 less no multiple of E? Only what is refused is told. */
static bool is_worth_a_test(const mp_limb_t *candidate)
{
    for (mp_limb_t d = 3; d < 1000; d += 2)
        if (mpn_mod_1(candidate, HALF, d) == 0)
            return false;
    return mpn_mod_1(candidate, HALF, E) > 1;
}

/* Miller and Rabin's test, for a candidate that is 3 modulo 4: there a^((p - 1) / 2) is 1 or -1 for
 * every a if p is prime. */
static bool is_prime(const mp_limb_t *p, bool *prime_after_all)
{
    mp_limb_t base[HALF], half[HALF], x[HALF], minus_one[HALF];
    mpn_rshift(half, p, HALF, 1);
    memcpy(minus_one, p, sizeof minus_one);
    minus_one[0] ^= 1;
    *prime_after_all = true;
    for (int round = 0; round < ROUNDS && *prime_after_all; round++) {
        if (!cg_random(base, sizeof base))
            return false;
        base[HALF - 1] >>= 2; /* below p, whose two highest bits are set */
        base[0] |= 2;         /* and not 0 or 1 */
        if (!power(x, base, half, p))
            return false;
        mp_limb_t not_one = cg_limbs_any(x + 1, HALF - 1) | (x[0] ^ 1);
        *prime_after_all = not_one == 0 || cg_limbs_differ(x, minus_one, HALF) == 0;
    }
    cg_wipe(base, sizeof base);
    cg_wipe(half, sizeof half);
    cg_wipe(x, sizeof x);
    cg_wipe(minus_one, sizeof minus_one);
    return true;
}

static bool draw_prime(mp_limb_t *p)
{
    bool found = false;
    while (!found) {
        if (!cg_random(p, HALF * sizeof *p))
            return false;
        p[HALF - 1] |= (mp_limb_t)3 << 62; /* so that the product has all its bits */
        p[0] |= 3;
        if (is_worth_a_test(p) && !is_prime(p, &found))
            return false;
    }
    return true;
}

/* 1 / E mod p - 1: with k = -1 / (p - 1) mod E it is ((p - 1) k + 1) / E. E is prime, so by
 * Fermat's little theorem 1 / r is r^(E - 2). */
static void invert_e(mp_limb_t *out, const mp_limb_t *p)
{
    mp_limb_t product[HALF + 1], m[HALF];
    memcpy(m, p, sizeof m);
    m[0] ^= 1;
    uint64_t r = mpn_mod_1(m, HALF, E), inverse = 1;
    for (uint32_t bit = 1u << 15; bit != 0; bit >>= 1) {
        inverse = inverse * inverse % E;
        inverse = (E - 2) & bit ? inverse * r % E : inverse;
    }
    product[HALF] = mpn_mul_1(product, m, HALF, E - inverse);
    mpn_add_1(product, product, HALF + 1, 1);
    mpn_divexact_1(product, product, HALF + 1, E);
    memcpy(out, product, HALF * sizeof *out);
    cg_wipe(product, sizeof product);
    cg_wipe(m, sizeof m);
}

/* 1 / q mod p = q^(p - 2). */
static bool invert_q(mp_limb_t *out, const mp_limb_t *q, const mp_limb_t *p)
{
    mp_limb_t e[HALF];
    memcpy(e, p, sizeof e);
    mpn_sub_1(e, e, HALF, 2);
    bool done = power(out, q, e, p);
    cg_wipe(e, sizeof e);
    return done;
}

bool cg_export_key_make(struct cg_export_key *key)
{
    mp_limb_t p[HALF], q[HALF], number[HALF], n[2 * HALF];
    bool done = draw_prime(p) && draw_prime(q) && invert_q(number, q, p);
    if (done) {
        cg_limbs_to_bytes(key->qinv, HALF_BYTES, number, HALF);
        mpn_mul_n(n, p, q, HALF);
        cg_limbs_to_bytes(key->n, CG_EXPORT_BYTES, n, 2 * HALF);
        cg_limbs_to_bytes(key->p, HALF_BYTES, p, HALF);
        cg_limbs_to_bytes(key->q, HALF_BYTES, q, HALF);
        invert_e(number, p);
        cg_limbs_to_bytes(key->dp, HALF_BYTES, number, HALF);
        invert_e(number, q);
        cg_limbs_to_bytes(key->dq, HALF_BYTES, number, HALF);
        memcpy(key->e, (const uint8_t[]){1, 0, 1}, sizeof key->e);
    }
    cg_wipe(p, sizeof p);
    cg_wipe(q, sizeof q);
    cg_wipe(number, sizeof number);
    cg_wipe_stack();
    return done;
}

struct cg_rsa_private_parts cg_export_key_parts(const struct cg_export_key *key)
{
    return (struct cg_rsa_private_parts){.n = key->n,
                                         .n_length = sizeof key->n,
                                         .e = key->e,
                                         .e_length = sizeof key->e,
                                         .p = key->p,
                                         .p_length = sizeof key->p,
                                         .q = key->q,
                                         .q_length = sizeof key->q,
                                         .dp = key->dp,
                                         .dp_length = sizeof key->dp,
                                         .dq = key->dq,
                                         .dq_length = sizeof key->dq,
                                         .qinv = key->qinv,
                                         .qinv_length = sizeof key->qinv};
}
