/* Resuming sessions: what may be resumed, and what is kept. */
#ifndef TLS_RESUMPTION_H
#define TLS_RESUMPTION_H

#include "tls_handshake.h"

/* Client, before its hello: looks into the cache for something to offer. */
void tls_offer_session(struct tls_conn *conn);
/* Client: does the ServerHello with this session id resume what was offered? Then the session's
 * secrets are those, and the rest of the ServerHello has to agree with them. */
enum tls_error tls_accept_resumption(struct tls_conn *conn, struct tls_reader id);

/* Server: notes what a ticket holds, if it is a good one. */
void tls_resume_by_ticket(struct tls_conn *conn, const uint8_t *ticket, size_t n);
/* Server, when the whole hello has been read: finds out whether to resume, by what the ticket held
 * or by the session id, and else makes a session id. suites: those offered. */
enum tls_error tls_choose_resumption(struct tls_conn *conn, struct tls_reader id,
                                     struct tls_reader suites);

/* Both, as the last step: keeps the session for later. */
enum tls_error tls_remember_session(struct tls_conn *conn);
/* After a failure a session is not resumed again (RFC 2246 7.2.2). */
void tls_forget_session(const struct tls_conn *conn);

/* What there is to keep of the session. */
void tls_resumable_of(const struct tls_conn *conn, struct tls_resumable *out);
void tls_wipe_resumable(struct tls_resumable *resumable);

static inline uint32_t tls_resumption_lifetime(const struct tls_config *config)
{
    return config->resumption_lifetime != 0 ? config->resumption_lifetime
                                            : (uint32_t)TLS_RESUMPTION_LIFETIME;
}

#endif
