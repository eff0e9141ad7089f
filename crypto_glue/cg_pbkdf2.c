#include "cg_pbkdf2.h"

#include <string.h>

#include "cg_ct.h"

void cg_pbkdf2(enum cg_hash_id hash, const void *passphrase, size_t passphrase_length,
               const void *salt, size_t salt_length, uint32_t rounds, uint8_t *out, size_t n)
{
    size_t size = cg_hash_size(hash);
    uint8_t u[CG_HASH_MAX], sum[CG_HASH_MAX];
    struct cg_hmac hmac;

    cg_hmac_init(&hmac, hash, passphrase, passphrase_length);
    for (uint32_t block = 1; n > 0; block++) {
        const uint8_t number[4] = {(uint8_t)(block >> 24), (uint8_t)(block >> 16),
                                   (uint8_t)(block >> 8), (uint8_t)block};
        size_t part = n < size ? n : size;

        cg_hmac_update(&hmac, salt, salt_length);
        cg_hmac_update(&hmac, number, sizeof number);
        cg_hmac_final(&hmac, u);
        memcpy(sum, u, size);
        for (uint32_t round = 1; round < rounds; round++) {
            cg_hmac_update(&hmac, u, size);
            cg_hmac_final(&hmac, u);
            for (size_t i = 0; i < size; i++) {
                sum[i] ^= u[i];
            }
        }
        memcpy(out, sum, part);
        out += part;
        n -= part;
    }
    cg_wipe(&hmac, sizeof hmac);
    cg_wipe(u, sizeof u);
    cg_wipe(sum, sizeof sum);
}
