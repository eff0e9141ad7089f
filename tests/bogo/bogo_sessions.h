/* What lasts from one connection to the next: the session cache and the ticket keys. */
#ifndef BOGO_SESSIONS_H
#define BOGO_SESSIONS_H

#include "tls/tls_ticket.h"

struct bogo_sessions {
    struct tls_cache cache;
    struct tls_cache inner; /* that of tls_cache.h */
    bool stored;            /* by the connection in work */
    struct tls_ticket_ring ring;
    uint8_t keys[TLS_TICKET_KEYS][TLS_TICKET_KEY_BYTES];
};

void bogo_sessions_init(struct bogo_sessions *sessions);
void bogo_sessions_free(struct bogo_sessions *sessions);
/* Before each connection. new_key: tickets are sealed with another key than those of the connection
 * before, which still opens. */
void bogo_sessions_next(struct bogo_sessions *sessions, uint64_t number, bool new_key);

#endif
