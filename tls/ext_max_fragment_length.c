/* max_fragment_length (RFC 6066 section 4): a client with little memory asks for smaller records,
 * both ways. */
#include "tls_extensions.h"

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    if (conn->config->max_fragment == 0) {
        return false;
    }
    tls_write_u8(data, conn->config->max_fragment);
    return true;
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    tls_write_u8(data, conn->session->max_fragment);
    return true;
}

static enum tls_error read_code(struct tls_conn *conn, struct tls_reader data)
{
    uint8_t code = tls_read_u8(&data);
    bool answer = conn->session->role == TLS_CLIENT;

    if (!tls_read_all(&data)) {
        return TLS_ERROR_DECODE;
    }
    if (code < TLS_FRAGMENT_512 || code > TLS_FRAGMENT_4096 ||
        (answer && code != conn->config->max_fragment)) {
        return tls_because(conn, TLS_ERROR_PARAMETER, "max_fragment_length (RFC 6066 4)");
    }
    conn->session->max_fragment = code;
    return TLS_ERROR_OK;
}

const struct tls_extension tls_ext_max_fragment_length = {
    .type = 1,
    .name = "max_fragment_length",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_code, [TLS_SERVER] = read_code},
};
