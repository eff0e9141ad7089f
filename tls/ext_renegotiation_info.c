/* renegotiation_info (RFC 5746), in first handshakes: there it is empty. A client of ours sends the
 * signalling suite in its place, which peers that choke on extensions take as well. */
#include "tls_extensions.h"

static enum tls_error read_empty(struct tls_conn *conn, struct tls_reader data)
{
    struct tls_reader renegotiated = tls_read_vector(&data, 1);

    if (!tls_read_all(&data)) {
        return TLS_ERROR_DECODE;
    }
    if (renegotiated.left > 0) {
        return TLS_ERROR_RENEGOTIATION_INFO;
    }
    conn->session->secure_renegotiation = 1;
    return TLS_ERROR_OK;
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    (void)conn;
    tls_write_u8(data, 0);
    return true;
}

const struct tls_extension tls_ext_renegotiation_info = {
    .type = 0xff01,
    .name = "renegotiation_info",
    .write = {[TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_empty, [TLS_SERVER] = read_empty},
};
