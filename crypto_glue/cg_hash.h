/* Hashes and HMAC. Contexts are plain values: they may be copied, moved and wiped at any time. */
#ifndef CG_HASH_H
#define CG_HASH_H

#include <stddef.h>
#include <stdint.h>

enum cg_hash_id { CG_MD5, CG_SHA1, CG_SHA224, CG_SHA256, CG_SHA384, CG_SHA512, CG_HASH_COUNT };

enum { CG_HASH_MAX = 64, CG_HASH_BLOCK_MAX = 128 };

struct cg_hash {
    enum cg_hash_id id;
    _Alignas(8) unsigned char opaque[232]; /* the largest Nettle context; asserted in cg_hash.c */
};

size_t cg_hash_size(enum cg_hash_id id);  /* bytes of a digest */
size_t cg_hash_block(enum cg_hash_id id); /* bytes of the compression function's block */

void cg_hash_init(struct cg_hash *h, enum cg_hash_id id);
void cg_hash_update(struct cg_hash *h, const void *data, size_t n);
/* Writes cg_hash_size bytes and leaves h as cg_hash_init does. To look at a running hash, copy the
 * struct and finish the copy. */
void cg_hash_final(struct cg_hash *h, uint8_t *out);
/* One call for hash_init, update, final. */
void cg_hash_once(enum cg_hash_id id, const void *data, size_t n, uint8_t *out);

struct cg_hmac {
    struct cg_hash inner, outer, running;
};

/* Keys of any length (RFC 2104: longer than a block are hashed first). */
void cg_hmac_init(struct cg_hmac *m, enum cg_hash_id id, const void *key, size_t key_length);
void cg_hmac_update(struct cg_hmac *m, const void *data, size_t n);
/* Writes cg_hash_size bytes and starts anew with the same key. */
void cg_hmac_final(struct cg_hmac *m, uint8_t *out);

#endif
