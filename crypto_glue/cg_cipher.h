/* Record ciphers: stream ciphers and block ciphers in CBC mode, one table.
 *
 * Between records a session keeps raw keys and IVs only; a struct cg_cipher is made from them when
 * a record is to be processed (about 0.3 us for AES-256) and wiped, or kept in a borrowed slab by
 * a busy session. Stream ciphers are the exception: their state is the context, so they are kept
 * through cg_cipher_state. */
#ifndef CG_CIPHER_H
#define CG_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cg_cipher_id {
    CG_CIPHER_NULL,
    CG_AES128_CBC,
    CG_AES256_CBC,
    CG_3DES_EDE_CBC,
    CG_CIPHER_COUNT /* later rows: RC4, DES, RC2, Camellia */
};

enum { CG_CIPHER_KEY_MAX = 32, CG_CIPHER_IV_MAX = 16 };

struct cg_cipher_info {
    const char *name;
    uint8_t key_length; /* bytes */
    uint8_t block;      /* bytes; 1 for stream and null ciphers, which have no IV and no padding */
    uint8_t iv_length;  /* bytes */
};

/* Never NULL for an id below CG_CIPHER_COUNT. */
const struct cg_cipher_info *cg_cipher_info(enum cg_cipher_id id);

struct cg_cipher {
    enum cg_cipher_id id;
    _Alignas(16) unsigned char opaque[496]; /* the largest Nettle context; asserted */
};

enum cg_direction { CG_DECRYPT, CG_ENCRYPT };

void cg_cipher_set_key(struct cg_cipher *c, enum cg_cipher_id id, enum cg_direction direction,
                       const uint8_t *key);
/* Processes n bytes (a multiple of the block) from src to dst; in place is allowed, other overlap
 * is not. iv is read and left as the IV of the next record (the last ciphertext block), as
 * RFC 2246 6.2.3.2 chains it. */
void cg_cipher_crypt(const struct cg_cipher *c, enum cg_direction direction, uint8_t *iv,
                     uint8_t *dst, const uint8_t *src, size_t n);

#endif
