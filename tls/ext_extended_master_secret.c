/* extended_master_secret (RFC 7627): binds the master secret to the whole handshake, against the
 * triple handshake attack. */
#include "tls_extensions.h"

static bool write_empty(const struct tls_conn *conn, struct tls_writer *data)
{
    (void)conn;
    (void)data;
    return true;
}

static enum tls_error read_empty(struct tls_conn *conn, struct tls_reader data)
{
    if (data.left > 0) {
        return TLS_ERROR_DECODE;
    }
    conn->session->extended_master_secret = 1;
    return TLS_ERROR_OK;
}

const struct tls_extension tls_ext_extended_master_secret = {
    .type = 23,
    .name = "extended_master_secret",
    .write = {[TLS_CLIENT] = write_empty, [TLS_SERVER] = write_empty},
    .read = {[TLS_CLIENT] = read_empty, [TLS_SERVER] = read_empty},
};
