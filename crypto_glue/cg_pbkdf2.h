/* PBKDF2 (RFC 8018 5.2): a key from a passphrase. */
#ifndef CG_PBKDF2_H
#define CG_PBKDF2_H

#include "cg_hash.h"

/* n bytes of key to out, with HMAC of this hash. Takes as long as `rounds` says: about a second for
 * three million. */
void cg_pbkdf2(enum cg_hash_id hash, const void *passphrase, size_t passphrase_length,
               const void *salt, size_t salt_length, uint32_t rounds, uint8_t *out, size_t n);

#endif
