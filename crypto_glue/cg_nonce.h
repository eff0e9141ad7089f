/* Deterministic nonces for DSA and ECDSA (RFC 6979 3.2). Internal to crypto_glue. */
#ifndef CG_NONCE_H
#define CG_NONCE_H

#include <gmp.h>
#include <stdbool.h>

#include "cg_hash.h"

enum { CG_NONCE_LIMBS_MAX = 9, CG_NONCE_BYTES_MAX = 66 };

/* The subgroup's order; public. */
struct cg_order {
    size_t bits, bytes, limbs;
    mp_limb_t limb[CG_NONCE_LIMBS_MAX];
};

/* bytes: big-endian without leading zeros, at most CG_NONCE_BYTES_MAX. */
void cg_order_load(struct cg_order *order, const uint8_t *bytes, size_t n);
/* The leftmost bits of a digest as a number below the order (RFC 6979 2.3.2 and 2.3.4, FIPS 186-4
 * 4.6). n may be any length. */
void cg_order_from_digest(const struct cg_order *order, mp_limb_t *out, const uint8_t *digest,
                          size_t n);
/* Is it in 1..order-1? The answer is not secret. */
bool cg_order_contains(const struct cg_order *order, const mp_limb_t *x);

/* Writes k, of the order's limbs. x is the private key. False only when 64 candidates in a row are
 * out of range, which does not happen. */
bool cg_nonce(const struct cg_order *order, enum cg_hash_id hash, const mp_limb_t *x,
              const uint8_t *digest, mp_limb_t *k);

#endif
