#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_mont.h"
#include "cg_nonce.h"
#include "cg_sign.h"

enum {
    P_LIMBS_MAX = CG_DSA_P_BITS_MAX / 64,
    Q_LIMBS_MAX = CG_DSA_Q_BITS_MAX / 64,
    /* For exponents of 256 bits mpn_sec_powm asks for 20 limbs per limb of p. */
    POWM_SCRATCH = 21 * P_LIMBS_MAX,
    DIV_SCRATCH = 8 * P_LIMBS_MAX
};

struct group {
    size_t limbs; /* of p */
    mp_limb_t p[P_LIMBS_MAX];
    struct cg_order q;
    struct cg_mont mod_q;
};

size_t cg_dsa_bits(const struct cg_dsa_public *key)
{
    return cg_bytes_bits(key->p, key->p_length);
}

/* Reads a public number into p's limbs; false when it is not in 2..p-1. */
static bool read_element(mp_limb_t *x, const mp_limb_t *p, size_t limbs, const uint8_t *bytes,
                         size_t n)
{
    mp_limb_t lost = cg_limbs_from_bytes(x, limbs, bytes, n);
    return !lost && (cg_limbs_any(x + 1, limbs - 1) | x[0] >> 1) && cg_limbs_below(x, p, limbs);
}

static bool is_odd_number(const uint8_t *bytes, size_t n, size_t bits_min, size_t bits_max)
{
    size_t bits = cg_bytes_bits(bytes, n);
    return bits >= bits_min && bits <= bits_max && bytes[0] != 0 && (bytes[n - 1] & 1);
}

bool cg_dsa_public_is_sane(const struct cg_dsa_public *key)
{
    mp_limb_t p[P_LIMBS_MAX], x[P_LIMBS_MAX];
    if (!is_odd_number(key->p, key->p_length, CG_DSA_P_BITS_MIN, CG_DSA_P_BITS_MAX) ||
        !is_odd_number(key->q, key->q_length, CG_DSA_Q_BITS_MIN, CG_DSA_Q_BITS_MAX))
        return false;
    size_t limbs = cg_limbs_for(key->p_length);
    cg_limbs_from_bytes(p, limbs, key->p, key->p_length);
    return read_element(x, p, limbs, key->g, key->g_length) &&
           read_element(x, p, limbs, key->y, key->y_length);
}

static void load_group(struct group *g, const struct cg_dsa_public *key)
{
    g->limbs = cg_limbs_for(key->p_length);
    cg_limbs_from_bytes(g->p, g->limbs, key->p, key->p_length);
    cg_order_load(&g->q, key->q, key->q_length);
    cg_mont_init(&g->mod_q, g->q.limb, g->q.limbs);
}

/* out = base^exponent mod p, for an exponent of q's bits. */
static bool power(const struct group *g, mp_limb_t *out, const uint8_t *base, size_t n,
                  const mp_limb_t *exponent)
{
    mp_limb_t scratch[POWM_SCRATCH], x[P_LIMBS_MAX];
    mp_size_t limbs = (mp_size_t)g->limbs;
    if (mpn_sec_powm_itch(limbs, g->q.bits, limbs) > POWM_SCRATCH)
        return false;
    cg_limbs_from_bytes(x, g->limbs, base, n);
    mpn_sec_powm(out, x, limbs, exponent, g->q.bits, g->p, limbs, scratch);
    cg_wipe(scratch, sizeof scratch);
    return true;
}

/* x mod modulus, in place; x has n limbs, the modulus size limbs, the top one not zero. */
static bool reduce(mp_limb_t *x, size_t n, const mp_limb_t *modulus, size_t size)
{
    mp_limb_t scratch[DIV_SCRATCH];
    if (mpn_sec_div_r_itch((mp_size_t)n, (mp_size_t)size) > DIV_SCRATCH)
        return false;
    mpn_sec_div_r(x, (mp_size_t)n, modulus, (mp_size_t)size, scratch);
    cg_wipe(scratch, sizeof scratch);
    return true;
}

/* out = a * b mod q, all plain. */
static void multiply_mod_q(const struct group *g, mp_limb_t *out, const mp_limb_t *a,
                           const mp_limb_t *b)
{
    mp_limb_t lifted[CG_MONT_LIMBS_MAX];
    cg_mont_to(&g->mod_q, lifted, a);
    cg_mont_mul(&g->mod_q, out, lifted, b);
}

static bool verify(const struct group *g, const struct cg_dsa_public *key, const uint8_t *digest,
                   size_t digest_length, const mp_limb_t *r, const mp_limb_t *s)
{
    mp_limb_t w[Q_LIMBS_MAX], u1[Q_LIMBS_MAX], u2[Q_LIMBS_MAX];
    mp_limb_t a[P_LIMBS_MAX], b[P_LIMBS_MAX], v[2 * P_LIMBS_MAX], scratch[P_LIMBS_MAX];
    if (!cg_order_contains(&g->q, r) || !cg_order_contains(&g->q, s))
        return false;
    cg_order_from_digest(&g->q, u1, digest, digest_length);
    cg_mont_invert(&g->mod_q, w, s);
    multiply_mod_q(g, u1, u1, w);
    multiply_mod_q(g, u2, r, w);
    if (!power(g, a, key->g, key->g_length, u1) || !power(g, b, key->y, key->y_length, u2))
        return false;
    mp_size_t limbs = (mp_size_t)g->limbs;
    mpn_sec_mul(v, a, limbs, b, limbs, scratch);
    return reduce(v, 2 * g->limbs, g->p, g->limbs) && reduce(v, g->limbs, g->q.limb, g->q.limbs) &&
           cg_limbs_differ(v, r, g->q.limbs) == 0;
}

bool cg_dsa_verify(const struct cg_dsa_public *key, const uint8_t *digest, size_t digest_length,
                   const struct cg_signature *signature)
{
    struct group g;
    mp_limb_t r[Q_LIMBS_MAX], s[Q_LIMBS_MAX];
    if (!cg_dsa_public_is_sane(key))
        return false;
    load_group(&g, key);
    if (cg_limbs_from_bytes(r, g.q.limbs, signature->r, signature->r_length) ||
        cg_limbs_from_bytes(s, g.q.limbs, signature->s, signature->s_length))
        return false;
    return verify(&g, key, digest, digest_length, r, s);
}

/* r = (g^k mod p) mod q, s = (z + x r) / k mod q */
static bool sign(const struct group *g, const struct cg_dsa_public *key, const mp_limb_t *x,
                 const mp_limb_t *k, const mp_limb_t *z, mp_limb_t *r, mp_limb_t *s)
{
    mp_limb_t wide[P_LIMBS_MAX], inverse[Q_LIMBS_MAX];
    bool done =
        power(g, wide, key->g, key->g_length, k) && reduce(wide, g->limbs, g->q.limb, g->q.limbs);
    if (done) {
        memcpy(r, wide, g->q.limbs * sizeof *r);
        cg_mont_invert(&g->mod_q, inverse, k);
        multiply_mod_q(g, s, x, r);
        cg_mont_add(&g->mod_q, s, s, z);
        multiply_mod_q(g, s, s, inverse);
        cg_ct_publish(r, g->q.limbs * sizeof *r);
        cg_ct_publish(s, g->q.limbs * sizeof *s);
    }
    cg_wipe(wide, sizeof wide);
    cg_wipe(inverse, sizeof inverse);
    cg_wipe_stack();
    return done;
}

bool cg_dsa_sign(const struct cg_dsa_public *key, const uint8_t *x, size_t x_length,
                 enum cg_hash_id hash, const uint8_t *digest, uint8_t *r, uint8_t *s)
{
    struct group g;
    mp_limb_t x_limbs[Q_LIMBS_MAX], k[Q_LIMBS_MAX], z[Q_LIMBS_MAX];
    mp_limb_t r_limbs[Q_LIMBS_MAX], s_limbs[Q_LIMBS_MAX];
    if (!cg_dsa_public_is_sane(key))
        return false;
    load_group(&g, key);
    mp_limb_t lost = cg_limbs_from_bytes(x_limbs, g.q.limbs, x, x_length);
    cg_order_from_digest(&g.q, z, digest, cg_hash_size(hash));
    bool done = !cg_ct_public(cg_ct_nonzero((uint32_t)lost)) && cg_order_contains(&g.q, x_limbs) &&
                cg_nonce(&g.q, hash, x_limbs, digest, k) &&
                sign(&g, key, x_limbs, k, z, r_limbs, s_limbs) &&
                verify(&g, key, digest, cg_hash_size(hash), r_limbs, s_limbs);
    if (done) {
        cg_limbs_to_bytes(r, key->q_length, r_limbs, g.q.limbs);
        cg_limbs_to_bytes(s, key->q_length, s_limbs, g.q.limbs);
    }
    cg_wipe(x_limbs, sizeof x_limbs);
    cg_wipe(k, sizeof k);
    return done;
}
