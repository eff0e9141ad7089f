/* Record ciphers: stream ciphers and block ciphers in CBC mode, one table.
 *
 * Between records a session keeps raw keys and IVs only; a struct cg_cipher is made from them when
 * a record is to be processed (25 ns for AES where the CPU has it) and wiped, or kept in a borrowed
 * slab by a busy session. A stream cipher's state cannot be made again from the key, so between
 * records it is kept as cg_cipher_save's bytes. */
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
    CG_RC4_128,
    CG_RC4_40,
    CG_RC2_CBC_40,
    CG_DES40_CBC,
    CG_DES_CBC,
    CG_CAMELLIA128_CBC,
    CG_CAMELLIA256_CBC,
    CG_CIPHER_COUNT
};

enum { CG_CIPHER_KEY_MAX = 32, CG_CIPHER_IV_MAX = 16, CG_CIPHER_STATE_MAX = 258 };

/* RFC 2246 appendix C. */
struct cg_cipher_info {
    const char *name;
    uint8_t key_material; /* bytes taken from the key block; fewer than key_length for the export
                           * ciphers, whose final key RFC 2246 6.3.1 derives from them */
    uint8_t key_length;   /* bytes that cg_cipher_set_key reads */
    uint8_t block;     /* bytes; 1 for stream and null ciphers, which have no IV and no padding */
    uint8_t iv_length; /* bytes */
    uint16_t state_length; /* bytes that cg_cipher_save writes; 0 for all but stream ciphers */
    bool table_lookups;    /* the implementation reads tables at places that depend on the key; AES
                            * does so only on a CPU without instructions for it */
};

/* Never NULL for an id below CG_CIPHER_COUNT. */
const struct cg_cipher_info *cg_cipher_info(enum cg_cipher_id id);

struct cg_cipher {
    enum cg_cipher_id id;
    _Alignas(16) unsigned char opaque[496]; /* the largest Nettle context; asserted */
};

enum cg_direction { CG_DECRYPT, CG_ENCRYPT };

/* key is not looked at for CG_CIPHER_NULL. DES parity bits are ignored. */
void cg_cipher_set_key(struct cg_cipher *c, enum cg_cipher_id id, enum cg_direction direction,
                       const uint8_t *key);
/* Processes n bytes (a multiple of the block) from src to dst; in place is allowed, other overlap
 * is not. The direction is that of cg_cipher_set_key. iv is read and left as the IV of the next
 * record (the last ciphertext block), as RFC 2246 6.2.3.2 chains it; ciphers without an IV do not
 * look at it. A stream cipher's state moves on inside c. */
void cg_cipher_crypt(struct cg_cipher *c, enum cg_direction direction, uint8_t *iv, uint8_t *dst,
                     const uint8_t *src, size_t n);

/* A stream cipher's state as state_length flat bytes, whose meaning depends on no library version:
 * for RC4 the permutation, then i and j. Restoring into a c that holds any key goes on exactly
 * where the saved one was. Both do nothing for the other ciphers. */
void cg_cipher_save(const struct cg_cipher *c, uint8_t *state);
void cg_cipher_restore(struct cg_cipher *c, enum cg_cipher_id id, const uint8_t *state);

#endif
