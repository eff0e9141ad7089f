#include "cg_nonce.h"

#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"

enum { TRIES = 64 };

void cg_order_load(struct cg_order *order, const uint8_t *bytes, size_t n)
{
    order->bits = cg_bytes_bits(bytes, n);
    order->bytes = n;
    order->limbs = cg_limbs_for(n);
    cg_limbs_from_bytes(order->limb, CG_NONCE_LIMBS_MAX, bytes, n);
}

/* bits2int: the leftmost order->bits bits, which may still be above the order. */
static void leftmost_bits(const struct cg_order *order, mp_limb_t *out, const uint8_t *bytes,
                          size_t n)
{
    size_t taken = n < order->bytes ? n : order->bytes;
    cg_limbs_from_bytes(out, order->limbs, bytes, taken);
    if (8 * taken > order->bits)
        mpn_rshift(out, out, (mp_size_t)order->limbs, (unsigned)(8 * taken - order->bits));
}

void cg_order_from_digest(const struct cg_order *order, mp_limb_t *out, const uint8_t *digest,
                          size_t n)
{
    leftmost_bits(order, out, digest, n);
    /* Both have the same number of bits, so the order goes in at most once. */
    mp_limb_t not_below = 1 ^ cg_limbs_below(out, order->limb, order->limbs);
    mpn_cnd_sub_n(not_below, out, out, order->limb, (mp_size_t)order->limbs);
}

bool cg_order_contains(const struct cg_order *order, const mp_limb_t *x)
{
    mp_limb_t any = cg_limbs_any(x, order->limbs);
    uint32_t inside = cg_ct_nonzero((uint32_t)(any | any >> 32)) &
                      cg_ct_nonzero((uint32_t)cg_limbs_below(x, order->limb, order->limbs));
    return cg_ct_public(inside) != 0;
}

struct generator { /* HMAC_DRBG: RFC 6979 3.2's K and V */
    enum cg_hash_id hash;
    size_t size;
    uint8_t key[CG_HASH_MAX], value[CG_HASH_MAX];
};

/* K = HMAC_K(V || tag || seed), V = HMAC_K(V) */
static void stir(struct generator *g, uint8_t tag, const uint8_t *seed, size_t n)
{
    struct cg_hmac m;
    cg_hmac_init(&m, g->hash, g->key, g->size);
    cg_hmac_update(&m, g->value, g->size);
    cg_hmac_update(&m, &tag, 1);
    cg_hmac_update(&m, seed, n);
    cg_hmac_final(&m, g->key);
    cg_hmac_init(&m, g->hash, g->key, g->size);
    cg_hmac_update(&m, g->value, g->size);
    cg_hmac_final(&m, g->value);
    cg_wipe(&m, sizeof m);
}

static void draw(struct generator *g, uint8_t *out, size_t n)
{
    struct cg_hmac m;
    cg_hmac_init(&m, g->hash, g->key, g->size);
    for (size_t at = 0; at < n; at += g->size) {
        cg_hmac_update(&m, g->value, g->size);
        cg_hmac_final(&m, g->value);
        memcpy(out + at, g->value, n - at < g->size ? n - at : g->size);
    }
    cg_wipe(&m, sizeof m);
}

bool cg_nonce(const struct cg_order *order, enum cg_hash_id hash, const mp_limb_t *x,
              const uint8_t *digest, mp_limb_t *k)
{
    struct generator g = {.hash = hash, .size = cg_hash_size(hash)};
    uint8_t seed[2 * CG_NONCE_BYTES_MAX], drawn[CG_NONCE_BYTES_MAX];
    cg_order_from_digest(order, k, digest, g.size);
    cg_limbs_to_bytes(seed, order->bytes, x, order->limbs);
    cg_limbs_to_bytes(seed + order->bytes, order->bytes, k, order->limbs);
    memset(g.value, 1, g.size);
    stir(&g, 0, seed, 2 * order->bytes);
    stir(&g, 1, seed, 2 * order->bytes);

    bool found = false;
    for (unsigned i = 0; i < TRIES && !found; i++) {
        draw(&g, drawn, order->bytes);
        leftmost_bits(order, k, drawn, order->bytes);
        found = cg_order_contains(order, k);
        if (!found)
            stir(&g, 0, NULL, 0);
    }
    cg_wipe(&g, sizeof g);
    cg_wipe(seed, sizeof seed);
    cg_wipe(drawn, sizeof drawn);
    return found;
}
