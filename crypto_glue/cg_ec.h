/* Elliptic-curve Diffie-Hellman: P-256, P-384, P-521 (RFC 4492) and X25519 (RFC 7748, 8422).
 *
 * Time and memory access do not depend on the private key or the shared secret; no allocator is
 * called (Nettle's ecc_point_mul and curve25519_mul take their scratch from GMP's and leave secrets
 * in it). Keys are for one handshake. Needs 21 KiB of stack. */
#ifndef CG_EC_H
#define CG_EC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cg_curve { CG_P256, CG_P384, CG_P521, CG_X25519, CG_CURVE_COUNT };

enum { CG_EC_BYTES_MAX = 66, CG_EC_POINT_MAX = 1 + 2 * CG_EC_BYTES_MAX };

size_t cg_ec_bytes(enum cg_curve curve); /* of a coordinate, a private key, a shared secret */
/* Of a public key: 04 || x || y for the NIST curves (no other form is taken), 32 for X25519. */
size_t cg_ec_point_bytes(enum cg_curve curve);

/* False when the length is wrong, the first byte is not 04, a coordinate is not below the field's
 * prime, or the point is not on the curve (invalid-curve attacks: the cofactor is 1, so a point on
 * the curve is in the right group). X25519 takes any 32 bytes. */
bool cg_ec_point_is_valid(enum cg_curve curve, const uint8_t *point, size_t length);

/* A private key; a flat value, to be wiped with cg_wipe after one use. */
struct cg_ec_key {
    enum cg_curve curve;
    uint8_t scalar[CG_EC_BYTES_MAX]; /* cg_ec_bytes; big-endian, but little-endian for X25519 */
};

/* Draws a key and writes its public key, cg_ec_point_bytes. False without randomness. */
bool cg_ec_make(enum cg_curve curve, struct cg_ec_key *key, uint8_t *point);
/* The public key of a given private key. False when that is not in 1..order-1. */
bool cg_ec_public(const struct cg_ec_key *key, uint8_t *point);

/* Writes the shared secret, cg_ec_bytes, leading zeros kept (RFC 4492 5.10). False when the peer's
 * point is not valid, or when the X25519 result is all zeros (RFC 8422 5.11). */
bool cg_ec_shared(const struct cg_ec_key *key, const uint8_t *peer, size_t peer_length,
                  uint8_t *secret);

#endif
