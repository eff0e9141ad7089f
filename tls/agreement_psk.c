/* The pre-shared key alone (RFC 4279 2): in the place of an agreed secret stand zeros. */
#include "tls_key_exchange.h"
#include "tls_psk.h"

static void take_zeros(struct tls_handshake *h, size_t n)
{
    h->premaster_length = (uint16_t)n;
    memset(h->premaster, 0, n);
}

static enum tls_error write_public(struct tls_conn *conn, struct tls_writer *body)
{
    (void)body;
    take_zeros(conn->handshake, tls_psk_length(conn));
    return TLS_ERROR_OK;
}

static enum tls_error read_public(struct tls_conn *conn, struct tls_reader *body)
{
    take_zeros(conn->handshake, tls_psk_length(conn));
    return tls_read_all(body) ? TLS_ERROR_OK : TLS_ERROR_KEY_EXCHANGE;
}

static bool is_possible(const struct tls_conn *conn)
{
    (void)conn;
    return true;
}

const struct tls_agreement tls_agreement_psk = {
    .write_public = write_public, .read_public = read_public, .is_possible = is_possible};
