/* What is told about connections: log lines (one for each that was refused or that failed, with
 * rule, peer, cause and what to do about it; one, at level info, for each that opened), and the
 * trace of `tlshim trace`. Connections are named by the socket's SO_COOKIE, which stays the same in
 * every process that has the socket, and which ss(8) shows with -e as "sk:". */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

#include "connections.h"
#include "session.h"

/* The policy left a connection plain (trace only), or denied it. rule: NULL when none matched. */
void report_plain(const struct policy_rule *rule, const struct connection *c,
                  enum policy_direction direction);
void report_denied(const struct policy_rule *rule, const struct connection *c,
                   enum policy_direction direction);

/* The program listens there. */
void report_listen(const struct connection *c);

/* A session was made, and what its peer is called is known. */
void report_begin(struct shim_session *s);
/* The program has written these bytes. When its first ones are a ClientHello it has TLS of its own,
 * which is hardly meant: told once. With the write lock. */
void report_written(struct shim_session *s, const uint8_t *bytes, size_t n);
/* With the lock of the half that failed, while the handshake's memory is still there. */
void report_failure(struct shim_session *s);
void report_success(const struct shim_session *s);
/* The session is about to be given back. */
void report_end(const struct shim_session *s);

/* Has the engine tell every message to the trace, if there is one. */
void report_messages(struct tls_conn *conn, struct shim_session *s);

#endif
