#include <string.h>

#include "cg_rsa_power.h"
#include "cg_sign.h"

/* MGF1 (RFC 8017 B.2.1), XORed over out. */
static void mask(enum cg_hash_id hash, uint8_t *out, size_t n, const uint8_t *seed, size_t seed_n)
{
    uint8_t digest[CG_HASH_MAX];
    size_t size = cg_hash_size(hash);
    for (uint32_t counter = 0; counter * size < n; counter++) {
        const uint8_t be[4] = {(uint8_t)(counter >> 24), (uint8_t)(counter >> 16),
                               (uint8_t)(counter >> 8), (uint8_t)counter};
        struct cg_hash h;
        cg_hash_init(&h, hash);
        cg_hash_update(&h, seed, seed_n);
        cg_hash_update(&h, be, sizeof be);
        cg_hash_final(&h, digest);
        for (size_t i = 0; i < size && counter * size + i < n; i++)
            out[counter * size + i] ^= digest[i];
    }
}

/* EMSA-PSS-VERIFY (RFC 8017 9.1.2); block has (bits + 7) / 8 bytes and is used up. */
static bool check_block(uint8_t *block, size_t bits, enum cg_hash_id hash, enum cg_hash_id mgf_hash,
                        size_t salt_length, const uint8_t *digest)
{
    static const uint8_t zeros[8];
    uint8_t expected[CG_HASH_MAX];
    size_t n = (bits + 7) / 8, size = cg_hash_size(hash);
    if (salt_length > n || n < size + salt_length + 2 || block[n - 1] != 0xbc)
        return false;
    size_t db = n - size - 1; /* of the masked part; H follows it */
    uint8_t unused = (uint8_t) ~(0xff >> (8 * n - bits));
    if (block[0] & unused)
        return false;
    mask(mgf_hash, block, db, block + db, size);
    block[0] &= (uint8_t)~unused;

    size_t one = db - salt_length - 1;
    for (size_t i = 0; i < one; i++) {
        if (block[i] != 0)
            return false;
    }
    if (block[one] != 1)
        return false;
    struct cg_hash h;
    cg_hash_init(&h, hash);
    cg_hash_update(&h, zeros, sizeof zeros);
    cg_hash_update(&h, digest, size);
    cg_hash_update(&h, block + one + 1, salt_length);
    cg_hash_final(&h, expected);
    return memcmp(expected, block + db, size) == 0;
}

bool cg_rsa_verify_pss(const struct cg_rsa_public *key, enum cg_hash_id hash,
                       enum cg_hash_id mgf_hash, size_t salt_length, const uint8_t *digest,
                       const uint8_t *signature, size_t length)
{
    uint8_t block[CG_RSA_PUBLIC_BYTES_MAX];
    if (length != key->n_length || length > sizeof block ||
        !cg_rsa_public_power(key, block, signature))
        return false;
    size_t bits = cg_rsa_bits(key) - 1, skip = length - (bits + 7) / 8;
    return (skip == 0 || block[0] == 0) &&
           check_block(block + skip, bits, hash, mgf_hash, salt_length, digest);
}
