/* ChangeCipherSpec (RFC 2246 7.1): one byte, after which one direction's keys change. */
#include "../crypto_glue/cg_ct.h"
#include "tls_handshake.h"

enum { CHANGE_CIPHER_SPEC = 1 };

static void take_keys(struct tls_half *half, struct tls_half *waiting)
{
    *half = *waiting;
    cg_wipe(waiting, sizeof *waiting);
}

enum tls_error tls_write_change_cipher_spec(struct tls_conn *conn, struct tls_writer *body)
{
    (void)conn;
    tls_write_u8(body, CHANGE_CIPHER_SPEC);
    return TLS_ERROR_OK;
}

enum tls_error tls_use_write_keys(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;

    take_keys(&conn->session->write,
              conn->session->role == TLS_CLIENT ? &h->client_write : &h->server_write);
    return TLS_ERROR_OK;
}

enum tls_error tls_read_change_cipher_spec(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_handshake *h = conn->handshake;
    uint8_t type = tls_read_u8(&body);

    if (!tls_read_all(&body)) {
        return tls_because(conn, TLS_ERROR_UNEXPECTED, "a ChangeCipherSpec of more than one byte");
    }
    if (type != CHANGE_CIPHER_SPEC) {
        return TLS_ERROR_PARAMETER;
    }
    h->peer_changed = true;
    take_keys(&conn->session->read,
              conn->session->role == TLS_CLIENT ? &h->server_write : &h->client_write);
    return TLS_ERROR_OK;
}
