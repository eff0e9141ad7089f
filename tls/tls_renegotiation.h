/* A further handshake in an established session. For the engine's own files only. */
#ifndef TLS_RENEGOTIATION_H
#define TLS_RENEGOTIATION_H

#include "tls_handshake.h"

/* May the peer have one, if this record begins it? */
bool tls_may_renegotiate(const struct tls_conn *conn);
/* The handshake object is a new one. */
enum tls_error tls_begin_renegotiation(struct tls_conn *conn);
/* When both hellos are known: is nothing given up that the session had? */
enum tls_error tls_judge_renegotiation(struct tls_conn *conn);

#endif
