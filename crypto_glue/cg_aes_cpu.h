/* AES-CBC by the CPU's instructions. Internal to crypto_glue.
 *
 * Nettle encrypts with them too, but its key expansion looks the key's bytes up in tables on every
 * CPU, and keys are expanded anew for every record. Here nothing is looked up. */
#ifndef CG_AES_CPU_H
#define CG_AES_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cg_aes_rounds { CG_AES128_ROUNDS = 10, CG_AES256_ROUNDS = 14 };

struct cg_aes_keys {
    _Alignas(16) uint8_t round[CG_AES256_ROUNDS + 1][16];
};

/* False: none of the other functions may be called. */
bool cg_aes_is_in_cpu(void);

#ifdef CG_TEST
extern bool cg_aes_hide_cpu_for_tests; /* while set, cg_aes_is_in_cpu says no */
#endif

void cg_aes_encrypt_key(struct cg_aes_keys *keys, enum cg_aes_rounds rounds, const uint8_t *key);
void cg_aes_decrypt_key(struct cg_aes_keys *keys, enum cg_aes_rounds rounds, const uint8_t *key);

/* n is a multiple of 16; dst may be src; iv is left as the last ciphertext block. */
void cg_aes_cbc_encrypt(const struct cg_aes_keys *keys, enum cg_aes_rounds rounds, uint8_t *iv,
                        uint8_t *dst, const uint8_t *src, size_t n);
void cg_aes_cbc_decrypt(const struct cg_aes_keys *keys, enum cg_aes_rounds rounds, uint8_t *iv,
                        uint8_t *dst, const uint8_t *src, size_t n);

#endif
