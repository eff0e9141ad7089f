/* Files of secret keys that are lines of text: pre-shared keys, and keys of session tickets. No
 * other than the owner may have any right to such a file. */
#ifndef SHIM_COMMON_KEYFILES_H
#define SHIM_COMMON_KEYFILES_H

#include "../policy/policy.h"
#include "../tls/tls_ticket.h"
#include "common_credentials.h"

enum { KEYFILE_PSK_MIN = 16 /* bytes of a key */ };

/* Keys that both sides know beforehand: lines IDENTITY:KEY as stunnel and GnuTLS have them, KEY in
 * hexadecimal, 16 to TLS_PSK_MAX bytes and no fewer bits than `floor`. #HEX:KEY is GnuTLS's way to
 * write an identity in hexadecimal; "# " begins a comment. wanted: only these identities, in this
 * order; empty: all. secrets holds them afterwards. */
bool keyfile_load_psks(const struct tls_psk **out, size_t *count, const char *path,
                       const struct policy_list *wanted, unsigned floor, struct memory *secrets,
                       char reason[CREDENTIALS_REASON]);

/* Keys of tickets: 1 to TLS_TICKET_KEYS lines of hexadecimal, each a key of TLS_TICKET_KEY_BYTES as
 * `openssl rand -hex 80` makes it; the first seals, all of them open. "#" begins a comment. */
bool keyfile_load_ticket_ring(struct tls_ticket_ring *ring, const char *path,
                              char reason[CREDENTIALS_REASON]);

#endif
