/* The handshake's driver: what the engine's calls use to move a handshake on. */
#ifndef TLS_DRIVER_H
#define TLS_DRIVER_H

#include "tls_handshake.h"

/* Is it the peer's turn? */
bool tls_awaits_peer(const struct tls_conn *conn);
/* Performs steps until it is the peer's turn, the output is full, or the handshake is over. */
enum tls_error tls_advance(struct tls_conn *conn);
/* Takes handshake bytes of one record: collects messages and performs their steps. *taken is how
 * many of the record's n bytes were used before, and is moved on; it stays below n when a larger
 * buffer is needed or the handshake is over. */
enum tls_error tls_take_messages(struct tls_conn *conn, const uint8_t *bytes, size_t n,
                                 size_t *taken);
/* Does a message wait for a larger buffer than the caller has given? */
bool tls_needs_big(const struct tls_conn *conn);
/* Performs the step of a message that came in another form: raw is what the transcript gets, body
 * what the message would be. */
enum tls_error tls_take_translated(struct tls_conn *conn, unsigned message, const uint8_t *raw,
                                   size_t n, struct tls_reader body);
/* Performs the step of ChangeCipherSpec. */
enum tls_error tls_take_change_cipher_spec(struct tls_conn *conn, const uint8_t *content, size_t n);

#endif
