/* Signatures other than RSA's PKCS#1 v1.5 (that is in cg_rsa.h): DSA and ECDSA (RFC 4492 5.4, 5.8;
 * FIPS 186-4), RSA-PSS (RFC 8017 9.1) and Ed25519 (RFC 8032) as certificates need them.
 *
 * Signing: nonces are those of RFC 6979, so that bad randomness cannot give the key away; time and
 * memory access depend on neither key nor nonce; the signature is checked before it leaves, since a
 * faulty one beside a right one with the same nonce would tell the key. No allocator is called.
 * Stack: 29 KiB at most.
 *
 * Numbers are big-endian byte views owned by the caller; DER is the caller's to read and write. */
#ifndef CG_SIGN_H
#define CG_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cg_ec.h"
#include "cg_hash.h"
#include "cg_rsa.h"

/* The two numbers of a signature; any leading zeros. */
struct cg_signature {
    const uint8_t *r, *s;
    size_t r_length, s_length;
};

/* ---- ECDSA on the NIST curves ---- */

/* point: as in cg_ec.h, checked here. digest is cut to the order's bits. False for X25519. */
bool cg_ecdsa_verify(enum cg_curve curve, const uint8_t *point, size_t point_length,
                     const uint8_t *digest, size_t digest_length,
                     const struct cg_signature *signature);
/* key: cg_ec_bytes of scalar. hash made the digest and makes the nonce. r and s get cg_ec_bytes
 * each. False when the key is not in 1..order-1 or the check at the end fails. */
bool cg_ecdsa_sign(enum cg_curve curve, const uint8_t *key, enum cg_hash_id hash,
                   const uint8_t *digest, uint8_t *r, uint8_t *s);

/* ---- DSA ---- */

enum {
    CG_DSA_P_BITS_MIN = 512,
    CG_DSA_P_BITS_MAX = 4096,
    CG_DSA_Q_BITS_MIN = 160,
    CG_DSA_Q_BITS_MAX = 256,
    CG_DSA_Q_BYTES_MAX = CG_DSA_Q_BITS_MAX / 8
};

/* A public key as a view; p and q without leading zeros. */
struct cg_dsa_public {
    const uint8_t *p, *q, *g, *y;
    size_t p_length, q_length, g_length, y_length; /* bytes */
};

size_t cg_dsa_bits(const struct cg_dsa_public *key); /* of p */
/* False when p or q is even or outside the limits above, or g or y is not in 2..p-1. */
bool cg_dsa_public_is_sane(const struct cg_dsa_public *key);

bool cg_dsa_verify(const struct cg_dsa_public *key, const uint8_t *digest, size_t digest_length,
                   const struct cg_signature *signature);
/* x: the private key, any leading zeros. r and s get q_length bytes each. False when x is not in
 * 1..q-1, the key is not sane, or the check at the end fails (x is not y's). */
bool cg_dsa_sign(const struct cg_dsa_public *key, const uint8_t *x, size_t x_length,
                 enum cg_hash_id hash, const uint8_t *digest, uint8_t *r, uint8_t *s);

/* ---- verification only ---- */

/* RSASSA-PSS with MGF1 over mgf_hash and a salt of exactly salt_length bytes. */
bool cg_rsa_verify_pss(const struct cg_rsa_public *key, enum cg_hash_id hash,
                       enum cg_hash_id mgf_hash, size_t salt_length, const uint8_t *digest,
                       const uint8_t *signature, size_t length);

/* Over the message itself. Refuses non-canonical numbers and points (RFC 8032 5.1.3, 5.1.7). */
bool cg_ed25519_verify(const uint8_t key[32], const uint8_t *message, size_t n,
                       const uint8_t *signature, size_t length);

#endif
