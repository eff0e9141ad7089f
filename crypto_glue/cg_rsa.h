/* RSA on GMP's mpn functions: in private operations time and memory access do not depend on the key
 * or the message, no secret reaches an allocator (GMP's are process-global and may be the
 * program's), and scratch is on the stack and wiped.
 *
 * Stack, measured with the largest keys on x86-64: 20 KiB for a private operation (4096 bits)
 * as for a public one (8192 bits). */
#ifndef CG_RSA_H
#define CG_RSA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cg_hash.h"

enum {
    CG_RSA_PRIVATE_BITS_MAX = 4096, /* keys of our own */
    CG_RSA_PUBLIC_BITS_MAX = 8192,  /* keys of peers and roots */
    CG_RSA_PRIVATE_BYTES_MAX = CG_RSA_PRIVATE_BITS_MAX / 8,
    CG_RSA_PUBLIC_BYTES_MAX = CG_RSA_PUBLIC_BITS_MAX / 8
};

/* A public key as a view: big-endian integers without leading zeros, owned by the caller. */
struct cg_rsa_public {
    const uint8_t *n, *e;
    size_t n_length, e_length; /* bytes */
};

size_t cg_rsa_bits(const struct cg_rsa_public *key);

/* False when the key is not one that verification may use: n even, shorter than 512 or longer
 * than CG_RSA_PUBLIC_BITS_MAX bits, e even, below 3 or longer than 64 bits. */
bool cg_rsa_public_is_sane(const struct cg_rsa_public *key);

/* PKCS#1 v1.5 verification: true when signature is, exactly, the padding of `encoded`
 * (for certificates a DER DigestInfo; for TLS 1.0 the raw 36 bytes of MD5 || SHA-1). The padded
 * block is built and compared, never parsed (Bleichenbacher 2006). */
bool cg_rsa_verify_pkcs1(const struct cg_rsa_public *key, const uint8_t *encoded,
                         size_t encoded_length, const uint8_t *signature, size_t signature_length);
/* The same for a digest: adds the DigestInfo of the hash, with NULL parameters. */
bool cg_rsa_verify_digest(const struct cg_rsa_public *key, enum cg_hash_id hash,
                          const uint8_t *digest, const uint8_t *signature, size_t length);

/* PKCS#1 v1.5 encryption into exactly n_length bytes. False when the message does not fit
 * (n_length - 11) or there is no randomness. */
bool cg_rsa_encrypt_pkcs1(const struct cg_rsa_public *key, const uint8_t *message,
                          size_t message_length, uint8_t *out);

/* A private key, as limbs ready for use; a flat value that may be moved, wiped with cg_wipe. */
struct cg_rsa_private;
size_t cg_rsa_private_size(void); /* bytes to give cg_rsa_private_load */

/* The integers of a PKCS#1 RSAPrivateKey, big-endian, any leading zeros. */
struct cg_rsa_private_parts {
    const uint8_t *n, *e, *d, *p, *q, *dp, *dq, *qinv;
    size_t n_length, e_length, d_length, p_length, q_length, dp_length, dq_length, qinv_length;
};
/* False when the parts do not fit together (p*q = n, odd, each of the primes at most half of n's
 * 64-bit words long, and a trial run of all the rest but d, which is not used) or n is not
 * 1024..4096 bits (512 is admitted for tests and export suites). Costs one private operation. A
 * refused key is left wiped. */
bool cg_rsa_private_load(struct cg_rsa_private *key, const struct cg_rsa_private_parts *parts);
size_t cg_rsa_private_bytes(const struct cg_rsa_private *key); /* bytes of n */

/* PKCS#1 v1.5 signature of `encoded` into cg_rsa_private_bytes bytes. The result is checked with
 * the public key before it leaves (a faulty CRT half would give the key away: Boneh, DeMillo,
 * Lipton 1997); false when that fails. */
bool cg_rsa_sign_pkcs1(const struct cg_rsa_private *key, const uint8_t *encoded,
                       size_t encoded_length, uint8_t *signature);

/* Decrypts for the RSA key exchange (RFC 2246 7.4.7.1): when the padding is right and the message
 * is exactly message_length bytes, they replace what is in message; else message is left as the
 * caller filled it. Which of the two happened is nowhere visible: not in the result, in time or in
 * memory access. Returns false only for what is public: cipher_length is not that of n, the
 * number is not below n, or message_length is above that of n less 11. */
bool cg_rsa_decrypt_pkcs1_or_keep(const struct cg_rsa_private *key, const uint8_t *cipher,
                                  size_t cipher_length, uint8_t *message, size_t message_length);

#endif
