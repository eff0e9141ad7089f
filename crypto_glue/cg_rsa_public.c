#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_random.h"
#include "cg_rsa_power.h"

enum {
    BITS_MIN = 512,
    LIMBS_MAX = CG_RSA_PUBLIC_BYTES_MAX / CG_LIMB_BYTES,
    /* For exponents of one limb mpn_sec_powm asks for 12 limbs per limb of n. */
    POWM_SCRATCH = 13 * LIMBS_MAX,
    OVERHEAD = 11, /* 00 BT, at least eight bytes of padding, 00 (RFC 8017 7.2.1, 9.2) */
    DIGEST_INFO_MAX = 19 + CG_HASH_MAX
};

size_t cg_rsa_bits(const struct cg_rsa_public *key)
{
    return cg_bytes_bits(key->n, key->n_length);
}

bool cg_rsa_public_is_sane(const struct cg_rsa_public *key)
{
    size_t bits = cg_rsa_bits(key), e_bits = cg_bytes_bits(key->e, key->e_length);
    return bits >= BITS_MIN && bits <= CG_RSA_PUBLIC_BITS_MAX && key->n[0] != 0 &&
           (key->n[key->n_length - 1] & 1) && e_bits >= 2 && e_bits <= 64 &&
           (key->e[key->e_length - 1] & 1);
}

bool cg_rsa_public_power_limbs(mp_limb_t *out, const mp_limb_t *in, const mp_limb_t *n,
                               size_t limbs, mp_limb_t e)
{
    mp_limb_t scratch[POWM_SCRATCH], result[LIMBS_MAX];
    mp_bitcnt_t e_bits = 0;
    for (mp_limb_t rest = e; rest > 0; rest >>= 1)
        e_bits++;
    mp_size_t size = (mp_size_t)limbs;
    if (limbs > LIMBS_MAX || mpn_sec_powm_itch(size, e_bits, size) > POWM_SCRATCH)
        return false;
    mpn_sec_powm(result, in, size, &e, e_bits, n, size, scratch);
    memcpy(out, result, limbs * sizeof *out);
    cg_wipe(scratch, sizeof scratch);
    cg_wipe(result, sizeof result);
    return true;
}

bool cg_rsa_public_power(const struct cg_rsa_public *key, uint8_t *out, const uint8_t *in)
{
    mp_limb_t n[LIMBS_MAX], x[LIMBS_MAX], e;
    if (!cg_rsa_public_is_sane(key))
        return false;
    size_t limbs = cg_limbs_for(key->n_length);
    cg_limbs_from_bytes(n, limbs, key->n, key->n_length);
    cg_limbs_from_bytes(&e, 1, key->e, key->e_length);
    cg_limbs_from_bytes(x, limbs, in, key->n_length);
    bool done = cg_ct_public((uint32_t)cg_limbs_below(x, n, limbs)) &&
                cg_rsa_public_power_limbs(x, x, n, limbs, e);
    cg_limbs_to_bytes(out, key->n_length, x, limbs);
    cg_wipe(x, sizeof x);
    return done;
}

bool cg_rsa_verify_pkcs1(const struct cg_rsa_public *key, const uint8_t *encoded,
                         size_t encoded_length, const uint8_t *signature, size_t signature_length)
{
    uint8_t expected[CG_RSA_PUBLIC_BYTES_MAX], got[CG_RSA_PUBLIC_BYTES_MAX];
    size_t n = key->n_length;
    if (signature_length != n || n > sizeof got || n < OVERHEAD || encoded_length > n - OVERHEAD ||
        !cg_rsa_public_power(key, got, signature))
        return false;
    memset(expected, 0xff, n);
    expected[0] = 0;
    expected[1] = 1;
    expected[n - encoded_length - 1] = 0;
    memcpy(expected + n - encoded_length, encoded, encoded_length);
    return memcmp(expected, got, n) == 0;
}

/* DigestInfo up to the digest, with NULL parameters: RFC 8017 9.2 note 1. */
struct digest_info {
    uint8_t length, bytes[19];
};

static const struct digest_info digest_infos[CG_HASH_COUNT] = {
    [CG_MD5] = {18, "\x30\x20\x30\x0c\x06\x08\x2a\x86\x48\x86\xf7\x0d\x02\x05\x05\x00\x04\x10"},
    [CG_SHA1] = {15, "\x30\x21\x30\x09\x06\x05\x2b\x0e\x03\x02\x1a\x05\x00\x04\x14"},
    [CG_SHA224] = {19, "\x30\x2d\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x04\x05\x00\x04"
                       "\x1c"},
    [CG_SHA256] = {19, "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04"
                       "\x20"},
    [CG_SHA384] = {19, "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04"
                       "\x30"},
    [CG_SHA512] = {19, "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04"
                       "\x40"},
};

bool cg_rsa_verify_digest(const struct cg_rsa_public *key, enum cg_hash_id hash,
                          const uint8_t *digest, const uint8_t *signature, size_t length)
{
    uint8_t encoded[DIGEST_INFO_MAX];
    const struct digest_info *info = &digest_infos[hash];
    memcpy(encoded, info->bytes, info->length);
    memcpy(encoded + info->length, digest, cg_hash_size(hash));
    return cg_rsa_verify_pkcs1(key, encoded, info->length + cg_hash_size(hash), signature, length);
}

/* Random bytes, none of them zero: zeros are drawn again. That shows which places were drawn
 * twice, and nothing of what stands there. */
static bool random_nonzero(uint8_t *out, size_t n)
{
    if (!cg_random(out, n))
        return false;
    for (size_t i = 0; i < n; i++) {
        while (out[i] == 0) {
            if (!cg_random(&out[i], 1))
                return false;
        }
    }
    return true;
}

bool cg_rsa_encrypt_pkcs1(const struct cg_rsa_public *key, const uint8_t *message,
                          size_t message_length, uint8_t *out)
{
    uint8_t block[CG_RSA_PUBLIC_BYTES_MAX];
    size_t n = key->n_length;
    if (n > sizeof block || n < OVERHEAD || message_length > n - OVERHEAD)
        return false;
    block[0] = 0;
    block[1] = 2;
    bool done = random_nonzero(block + 2, n - message_length - 3);
    block[n - message_length - 1] = 0;
    memcpy(block + n - message_length, message, message_length);
    done = done && cg_rsa_public_power(key, out, block);
    cg_wipe(block, sizeof block);
    return done;
}
