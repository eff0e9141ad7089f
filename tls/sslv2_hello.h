/* The ClientHello in SSL 2.0's format, with which old clients begin that would also speak SSL 2.0
 * (RFC 2246 appendix E). Taken by a server whose configuration says so, as the very first record,
 * never later. */
#ifndef SSLV2_HELLO_H
#define SSLV2_HELLO_H

#include "tls_handshake.h"

/* Do the bytes begin such a hello, at a place where one may come? *length is then its whole length,
 * header included; or as many bytes as it takes to know. */
bool tls_is_sslv2_hello(const struct tls_session *session, const uint8_t *bytes, size_t have,
                        size_t *length);
/* The same of bytes that came first, by a server that takes none. */
bool tls_looks_like_sslv2_hello(const uint8_t *bytes, size_t have);
/* Takes it as a ClientHello. */
enum tls_error tls_take_sslv2_hello(struct tls_conn *conn, const uint8_t *record, size_t length);

#endif
