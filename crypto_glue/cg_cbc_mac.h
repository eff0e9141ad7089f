/* The one check that MAC-then-encrypt CBC needs: padding and HMAC together, in time that depends
 * on the record's public length only (Lucky Thirteen, CVE-2013-0169; POODLE for TLS,
 * CVE-2014-8730: every padding byte is checked). */
#ifndef CG_CBC_MAC_H
#define CG_CBC_MAC_H

#include <stddef.h>
#include <stdint.h>

#include "cg_hash.h"

/* record: n bytes of decrypted CBC output: content || MAC || padding || padding_length.
 * header: the MAC's pseudo header (RFC 2246 6.2.3.1) up to and without the length: sequence
 * number, type, version = 11 bytes. The content's length is appended by this function.
 * n must hold at least a MAC and a padding length; less is public knowledge, and the result is 0 at
 * once. That n is a multiple of the cipher's block is for the caller to check.
 * mac: CG_MD5 or CG_SHA1, keyed with mac_key of that hash's length.
 * Returns a mask: all ones when padding and MAC are both right. *content_length is then the length
 * of the content; it is some value not above n otherwise. Which it was is secret until the caller
 * publishes the mask (cg_ct_public). */
uint32_t cg_cbc_mac_check(enum cg_hash_id mac, const uint8_t *mac_key, const uint8_t header[11],
                          const uint8_t *record, size_t n, size_t *content_length);

#ifdef CG_TEST
extern _Thread_local unsigned
    cg_cbc_mac_blocks_for_tests; /* how many the inner hashes have taken */
#endif

#endif
