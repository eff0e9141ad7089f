/* Pre-shared keys (RFC 4279): which one is used, and how it joins the premaster secret. */
#ifndef TLS_PSK_H
#define TLS_PSK_H

#include "tls_handshake.h"

/* ClientKeyExchange begins with the identity. A server that does not know it goes on with a random
 * key, so that a stranger learns no names: the handshake fails at Finished as with a wrong key (RFC
 * 4279 2). */
enum tls_error tls_write_psk_identity(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_psk_identity(struct tls_conn *conn, struct tls_reader *body);
/* Of the key, when the identity is known. */
size_t tls_psk_length(const struct tls_conn *conn);
/* Makes the agreed secret in the handshake part of the one that the key is in. */
void tls_mix_psk(struct tls_conn *conn);

/* ServerKeyExchange begins with a hint, which may be empty and which a client of ours reads over.
 */
void tls_write_psk_hint(const struct tls_conn *conn, struct tls_writer *body);
void tls_read_psk_hint(struct tls_reader *body);

#endif
