/* renegotiation_info (RFC 5746): the Finished messages of the handshake before, and nothing in a
 * first one. There a client of ours sends the signalling suite in its place, which peers that choke
 * on extensions take as well. */
#include "../crypto_glue/cg_ct.h"
#include "tls_defences.h"
#include "tls_extensions.h"

/* What a hello of this sender's must hold: no more than a client's own in its hello. */
static size_t verify_data(const struct tls_conn *conn, enum tls_role sender,
                          uint8_t out[2 * TLS_VERIFY_DATA])
{
    const struct tls_session *s = conn->session;

    if (!tls_is_renegotiation(conn)) {
        return 0;
    }
    memcpy(out, s->client_verify_data, TLS_VERIFY_DATA);
    memcpy(out + TLS_VERIFY_DATA, s->server_verify_data, TLS_VERIFY_DATA);
    return sender == TLS_CLIENT ? TLS_VERIFY_DATA : 2 * TLS_VERIFY_DATA;
}

static enum tls_error read_from(struct tls_conn *conn, enum tls_role sender, struct tls_reader data)
{
    struct tls_reader renegotiated = tls_read_vector(&data, 1);
    uint8_t expected[2 * TLS_VERIFY_DATA];
    size_t n = verify_data(conn, sender, expected);

    if (!tls_read_all(&data)) {
        return TLS_ERROR_DECODE;
    }
    if (!tls_defends(TLS_DEFENCE_PREFIX)) {
        return TLS_ERROR_OK;
    }
    if (renegotiated.left != n || (n > 0 && !cg_ct_equal(renegotiated.at, expected, n))) {
        return TLS_ERROR_RENEGOTIATION_INFO;
    }
    conn->session->secure_renegotiation = 1;
    return TLS_ERROR_OK;
}

static enum tls_error read_client(struct tls_conn *conn, struct tls_reader data)
{
    return read_from(conn, TLS_CLIENT, data);
}

static enum tls_error read_server(struct tls_conn *conn, struct tls_reader data)
{
    return read_from(conn, TLS_SERVER, data);
}

static void write_from(const struct tls_conn *conn, enum tls_role sender, struct tls_writer *data)
{
    uint8_t bytes[2 * TLS_VERIFY_DATA];
    size_t n = verify_data(conn, sender, bytes);

    tls_write_u8(data, (uint8_t)n);
    tls_write_bytes(data, bytes, n);
}

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    write_from(conn, TLS_CLIENT, data);
    return tls_is_renegotiation(conn);
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    write_from(conn, TLS_SERVER, data);
    return true;
}

const struct tls_extension tls_ext_renegotiation_info = {
    .type = 0xff01,
    .name = "renegotiation_info",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_client, [TLS_SERVER] = read_server},
};
