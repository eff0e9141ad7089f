/* NewSessionTicket (RFC 5077 3.3). */
#include "tls_resumption.h"
#include "tls_ticket.h"

enum tls_error tls_write_new_session_ticket(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_resumable resumable;
    uint8_t ticket[TLS_TICKET_SIZE];

    tls_resumable_of(conn, &resumable);
    /* RFC 5077 3.3: a server that has changed its mind sends none, as an empty one. */
    bool sealed = tls_ticket_seal(conn->config->tickets, conn->now, &resumable, ticket);
    tls_wipe_resumable(&resumable);
    tls_write_number(body, 4, sealed ? tls_resumption_lifetime(conn->config) : 0);
    size_t vector = tls_open_vector(body, 2);
    tls_write_bytes(body, ticket, sealed ? sizeof ticket : 0);
    tls_close_vector(body, 2, vector);
    return TLS_ERROR_OK;
}

enum tls_error tls_read_new_session_ticket(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_handshake *h = conn->handshake;

    /* The hint says how long the server keeps the ticket good; trying in vain costs nothing. */
    (void)tls_read_number(&body, 4);
    struct tls_reader ticket = tls_read_vector(&body, 2);
    if (!tls_read_all(&body)) {
        return TLS_ERROR_DECODE;
    }
    h->got_ticket = ticket.left > 0 && ticket.left <= TLS_TICKET_MAX;
    h->resumable.ticket_length = 0;
    if (h->got_ticket) {
        h->resumable.ticket_length = (uint16_t)ticket.left;
        memcpy(h->resumable.ticket, ticket.at, ticket.left);
    }
    return TLS_ERROR_OK;
}
