#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_mont.h"
#include "cg_rsa_power.h"

enum {
    BITS_EXPORT = 512,
    BITS_MIN = 1024,
    LIMBS_MAX = CG_RSA_PRIVATE_BYTES_MAX / CG_LIMB_BYTES,
    HALF_MAX = LIMBS_MAX / 2,
    OVERHEAD = 11 /* as in cg_rsa_public.c */
};
_Static_assert(HALF_MAX <= (int)CG_MONT_LIMBS_MAX, "a prime fits");

struct cg_rsa_private {
    size_t bytes; /* of n */
    size_t limbs; /* of n */
    size_t half;  /* limbs of each prime; 2 * half is limbs or one more */
    mp_limb_t e;
    mp_limb_t n[LIMBS_MAX];
    /* secret */
    struct cg_mont p, q;
    mp_limb_t dp[HALF_MAX], dq[HALF_MAX];
    mp_limb_t qinv[HALF_MAX]; /* 1/q mod p, times R */
};

size_t cg_rsa_private_size(void)
{
    return sizeof(struct cg_rsa_private);
}

size_t cg_rsa_private_bytes(const struct cg_rsa_private *key)
{
    return key->bytes;
}

/* out = in^d mod n, by the Chinese remainder theorem (Garner). in is below n; both have
 * 2 * half limbs. */
static void private_power(const struct cg_rsa_private *key, mp_limb_t *out, const mp_limb_t *in)
{
    mp_limb_t m1[HALF_MAX], m2[LIMBS_MAX] = {0}, wide[LIMBS_MAX], h[HALF_MAX];
    mp_limb_t scratch[4 * HALF_MAX];
    size_t half = key->half;
    mp_size_t size = (mp_size_t)half;

    cg_mont_pow(&key->p, m1, in, key->dp);
    cg_mont_pow(&key->q, m2, in, key->dq);

    /* h = (m1 - m2) / q mod p; m2 may be above p, and is reduced first. */
    memcpy(wide, m2, 2 * half * sizeof *wide);
    cg_mont_reduce(&key->p, h, wide);
    cg_mont_to(&key->p, h, h);
    cg_mont_sub(&key->p, h, m1, h);
    cg_mont_mul(&key->p, h, h, key->qinv);

    mpn_sec_mul(out, h, size, key->q.modulus, size, scratch);
    mpn_add_n(out, out, m2, 2 * size);
    cg_wipe(m1, sizeof m1);
    cg_wipe(m2, sizeof m2);
    cg_wipe(wide, sizeof wide);
    cg_wipe(h, sizeof h);
    cg_wipe(scratch, sizeof scratch);
    cg_wipe_stack();
}

/* Whether `wrong` is 0, which is no secret. */
static bool verdict(mp_limb_t wrong)
{
    return cg_ct_public(cg_ct_nonzero((uint32_t)(wrong | wrong >> 32))) == 0;
}

/* Reads one secret integer into half limbs; the result is not 0 when it is too long. */
static mp_limb_t read_half(const struct cg_rsa_private *key, mp_limb_t *out, const uint8_t *bytes,
                           size_t n)
{
    return cg_limbs_from_bytes(out, key->half, bytes, n);
}

static bool load_public(struct cg_rsa_private *key, const struct cg_rsa_private_parts *parts)
{
    size_t bits = cg_bytes_bits(parts->n, parts->n_length);
    size_t e_bits = cg_bytes_bits(parts->e, parts->e_length);
    if (bits != BITS_EXPORT && (bits < BITS_MIN || bits > CG_RSA_PRIVATE_BITS_MAX))
        return false;
    if (e_bits < 2 || e_bits > 64)
        return false;
    key->bytes = (bits + 7) / 8;
    key->limbs = cg_limbs_for(key->bytes);
    key->half = (key->limbs + 1) / 2;
    cg_limbs_from_bytes(key->n, key->limbs, parts->n, parts->n_length);
    cg_limbs_from_bytes(&key->e, 1, parts->e, parts->e_length);
    return (key->n[0] & key->e & 1) != 0;
}

/* Not 0 when something is wrong. With a p and q whose product is n, and n odd, all that
 * cg_mont_init asks for holds; with others it computes nonsense, without harm. */
static mp_limb_t load_secret(struct cg_rsa_private *key, const struct cg_rsa_private_parts *parts)
{
    mp_limb_t p[HALF_MAX], q[HALF_MAX], product[LIMBS_MAX], scratch[4 * HALF_MAX];
    mp_limb_t wrong = read_half(key, p, parts->p, parts->p_length);
    wrong |= read_half(key, q, parts->q, parts->q_length);
    wrong |= read_half(key, key->dp, parts->dp, parts->dp_length);
    wrong |= read_half(key, key->dq, parts->dq, parts->dq_length);
    wrong |= read_half(key, key->qinv, parts->qinv, parts->qinv_length);

    mp_size_t size = (mp_size_t)key->half;
    mpn_sec_mul(product, p, size, q, size, scratch);
    wrong |= cg_limbs_differ(product, key->n, 2 * key->half);
    cg_mont_init(&key->p, p, key->half);
    cg_mont_init(&key->q, q, key->half);
    wrong |= 1 ^ cg_limbs_below(key->qinv, p, key->half);
    cg_mont_to(&key->p, key->qinv, key->qinv);
    cg_wipe(p, sizeof p);
    cg_wipe(q, sizeof q);
    cg_wipe(product, sizeof product);
    cg_wipe(scratch, sizeof scratch);
    cg_wipe_stack();
    return wrong;
}

/* Is what the private key makes of what the public key makes of a number that number again? 0 if
 * so. Finds every wrong exponent, and a wrong coefficient too, since n - 2 is not the same modulo
 * p and q. */
static mp_limb_t try_out(const struct cg_rsa_private *key)
{
    mp_limb_t x[LIMBS_MAX], y[LIMBS_MAX] = {0};
    mpn_sub_1(x, key->n, LIMBS_MAX, 2);
    if (!cg_rsa_public_power_limbs(y, x, key->n, key->limbs, key->e))
        return 1;
    private_power(key, y, y);
    return cg_limbs_differ(x, y, 2 * key->half);
}

bool cg_rsa_private_load(struct cg_rsa_private *key, const struct cg_rsa_private_parts *parts)
{
    memset(key, 0, sizeof *key);
    if (load_public(key, parts) && verdict(load_secret(key, parts)) && verdict(try_out(key)))
        return true;
    cg_wipe(key, sizeof *key);
    return false;
}

/* in^d mod n for a block of n's length, checked by the public operation. */
static bool checked_power(const struct cg_rsa_private *key, uint8_t *out, const uint8_t *in)
{
    mp_limb_t x[LIMBS_MAX] = {0}, y[LIMBS_MAX], check[LIMBS_MAX];
    cg_limbs_from_bytes(x, key->limbs, in, key->bytes);
    private_power(key, y, x);
    bool right = cg_rsa_public_power_limbs(check, y, key->n, key->limbs, key->e) &&
                 verdict(cg_limbs_differ(check, x, key->limbs));
    if (right)
        cg_limbs_to_bytes(out, key->bytes, y, key->limbs);
    cg_wipe(y, sizeof y);
    cg_wipe(check, sizeof check);
    return right;
}

bool cg_rsa_sign_pkcs1(const struct cg_rsa_private *key, const uint8_t *encoded,
                       size_t encoded_length, uint8_t *signature)
{
    uint8_t block[CG_RSA_PRIVATE_BYTES_MAX];
    size_t n = key->bytes;
    if (encoded_length > n - OVERHEAD)
        return false;
    memset(block, 0xff, n);
    block[0] = 0;
    block[1] = 1;
    block[n - encoded_length - 1] = 0;
    memcpy(block + n - encoded_length, encoded, encoded_length);
    return checked_power(key, signature, block);
}

/* The mask of whether block is 00 02, padding without a zero byte, 00, and length bytes. The place
 * of the zero is known, so nothing has to be searched for. */
static uint32_t check_padding(const uint8_t *block, size_t n, size_t length)
{
    uint32_t good = cg_ct_eq(block[0], 0) & cg_ct_eq(block[1], 2);
    for (size_t i = 2; i < n - length - 1; i++)
        good &= cg_ct_nonzero(block[i]);
    return good & cg_ct_eq(block[n - length - 1], 0);
}

bool cg_rsa_decrypt_pkcs1_or_keep(const struct cg_rsa_private *key, const uint8_t *cipher,
                                  size_t cipher_length, uint8_t *message, size_t message_length)
{
    mp_limb_t x[LIMBS_MAX] = {0}, y[LIMBS_MAX];
    uint8_t block[CG_RSA_PRIVATE_BYTES_MAX];
    size_t n = key->bytes;
    if (cipher_length != n || message_length > n - OVERHEAD)
        return false;
    cg_limbs_from_bytes(x, key->limbs, cipher, cipher_length);
    if (!cg_limbs_below(x, key->n, key->limbs))
        return false;
    private_power(key, y, x);
    cg_limbs_to_bytes(block, n, y, key->limbs);
    uint32_t good = check_padding(block, n, message_length);
    cg_ct_copy_if(good, message, block + n - message_length, message_length);
    cg_wipe(y, sizeof y);
    cg_wipe(block, sizeof block);
    return true;
}
