/* SessionTicket (RFC 5077 3.2): a client offers a ticket, or by an empty one asks for one; a server
 * that will send one says so by an empty answer. */
#include "tls_extensions.h"
#include "tls_resumption.h"

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    const struct tls_resumable *offered = &conn->handshake->resumable;

    if (conn->config->cache == NULL || conn->config->no_tickets || tls_is_renegotiation(conn)) {
        return false;
    }
    tls_write_bytes(data, offered->ticket, offered->ticket_length);
    return true;
}

static enum tls_error read_client(struct tls_conn *conn, struct tls_reader data)
{
    if (conn->config->tickets != NULL) {
        tls_resume_by_ticket(conn, data.at, data.left);
    }
    return TLS_ERROR_OK;
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    (void)data;
    return conn->handshake->ticket_promised;
}

static enum tls_error read_server(struct tls_conn *conn, struct tls_reader data)
{
    if (data.left > 0) {
        return TLS_ERROR_DECODE;
    }
    conn->handshake->ticket_promised = true;
    return TLS_ERROR_OK;
}

const struct tls_extension tls_ext_session_ticket = {
    .type = 35,
    .name = "session_ticket",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_client, [TLS_SERVER] = read_server},
};
