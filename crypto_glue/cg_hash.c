#include "cg_hash.h"

#include <nettle/md5.h>
#include <nettle/nettle-meta.h>
#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <string.h>

#include "cg_ct.h"

enum { OPAQUE = sizeof((struct cg_hash *)0)->opaque };
_Static_assert(sizeof(struct md5_ctx) <= OPAQUE, "MD5 context");
_Static_assert(sizeof(struct sha1_ctx) <= OPAQUE, "SHA-1 context");
_Static_assert(sizeof(struct sha256_ctx) <= OPAQUE, "SHA-224 and SHA-256 context");
_Static_assert(sizeof(struct sha512_ctx) <= OPAQUE, "SHA-384 and SHA-512 context");

static const struct nettle_hash *const hashes[CG_HASH_COUNT] = {
    [CG_MD5] = &nettle_md5,       [CG_SHA1] = &nettle_sha1,     [CG_SHA224] = &nettle_sha224,
    [CG_SHA256] = &nettle_sha256, [CG_SHA384] = &nettle_sha384, [CG_SHA512] = &nettle_sha512,
};

size_t cg_hash_size(enum cg_hash_id id)
{
    return hashes[id]->digest_size;
}

size_t cg_hash_block(enum cg_hash_id id)
{
    return hashes[id]->block_size;
}

void cg_hash_init(struct cg_hash *h, enum cg_hash_id id)
{
    h->id = id;
    hashes[id]->init(h->opaque);
}

void cg_hash_update(struct cg_hash *h, const void *data, size_t n)
{
    if (n > 0)
        hashes[h->id]->update(h->opaque, n, data);
}

void cg_hash_final(struct cg_hash *h, uint8_t *out)
{
    hashes[h->id]->digest(h->opaque, hashes[h->id]->digest_size, out);
    /* Nettle's digest starts the state anew but leaves the last block's bytes behind. */
    cg_wipe(h->opaque, sizeof h->opaque);
    hashes[h->id]->init(h->opaque);
}

void cg_hash_once(enum cg_hash_id id, const void *data, size_t n, uint8_t *out)
{
    struct cg_hash h;
    cg_hash_init(&h, id);
    cg_hash_update(&h, data, n);
    cg_hash_final(&h, out);
}

void cg_hmac_init(struct cg_hmac *m, enum cg_hash_id id, const void *key, size_t key_length)
{
    uint8_t block[CG_HASH_BLOCK_MAX] = {0};
    size_t size = cg_hash_block(id);
    if (key_length > size)
        cg_hash_once(id, key, key_length, block);
    else if (key_length > 0)
        memcpy(block, key, key_length);

    for (size_t i = 0; i < size; i++)
        block[i] ^= 0x36;
    cg_hash_init(&m->inner, id);
    cg_hash_update(&m->inner, block, size);

    for (size_t i = 0; i < size; i++)
        block[i] ^= 0x36 ^ 0x5c;
    cg_hash_init(&m->outer, id);
    cg_hash_update(&m->outer, block, size);

    m->running = m->inner;
    cg_wipe(block, sizeof block);
}

void cg_hmac_update(struct cg_hmac *m, const void *data, size_t n)
{
    cg_hash_update(&m->running, data, n);
}

void cg_hmac_final(struct cg_hmac *m, uint8_t *out)
{
    uint8_t digest[CG_HASH_MAX];
    cg_hash_final(&m->running, digest);
    m->running = m->outer;
    cg_hash_update(&m->running, digest, cg_hash_size(m->inner.id));
    cg_hash_final(&m->running, out);
    m->running = m->inner;
    cg_wipe(digest, sizeof digest);
}
