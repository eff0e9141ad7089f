/* The pseudo-random function of TLS 1.0 and what is made with it (RFC 2246 5, 6.3, 8.1). */
#ifndef TLS_PRF_H
#define TLS_PRF_H

#include <stddef.h>
#include <stdint.h>

#include "tls.h"

enum { TLS_TRANSCRIPT_DIGEST = 36 /* MD5 || SHA-1 */ };

/* PRF(secret, label, seed), RFC 2246 section 5, into out. The seed is given in two parts, the
 * second of which may be empty. label is a C string, hashed without its end. */
void tls_prf(const uint8_t *secret, size_t secret_length, const char *label, const uint8_t *seed,
             size_t seed_length, const uint8_t *seed2, size_t seed2_length, uint8_t *out, size_t n);

/* RFC 2246 8.1. */
void tls_master_secret(const uint8_t *premaster, size_t premaster_length,
                       const uint8_t client_random[TLS_RANDOM],
                       const uint8_t server_random[TLS_RANDOM], uint8_t master[TLS_MASTER_SECRET]);

/* Cuts the key block (RFC 2246 6.3) into the two directions' keys: each becomes what a half of the
 * session is right after its ChangeCipherSpec. */
void tls_key_block(const struct tls_suite *suite, const uint8_t master[TLS_MASTER_SECRET],
                   const uint8_t client_random[TLS_RANDOM], const uint8_t server_random[TLS_RANDOM],
                   struct tls_half *client_write, struct tls_half *server_write);

/* verify_data of a Finished message (RFC 2246 7.4.9). */
void tls_verify_data(const uint8_t master[TLS_MASTER_SECRET], enum tls_role sender,
                     const uint8_t digest[TLS_TRANSCRIPT_DIGEST],
                     uint8_t verify_data[TLS_VERIFY_DATA]);

#endif
