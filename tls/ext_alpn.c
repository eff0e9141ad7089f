/* application_layer_protocol_negotiation (RFC 7301). A server without protocols of its own does not
 * take part. */
#include "tls_extensions.h"

static void write_name(struct tls_writer *data, struct x509_bytes name)
{
    tls_write_u8(data, (uint8_t)name.length);
    tls_write_bytes(data, name.data, name.length);
}

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    const struct tls_config *config = conn->config;

    if (config->alpn_count == 0) {
        return false;
    }
    size_t list = tls_open_vector(data, 2);
    for (size_t i = 0; i < config->alpn_count; i++) {
        write_name(data, config->alpn[i]);
    }
    tls_close_vector(data, 2, list);
    return true;
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    if (conn->session->alpn == 0) {
        return false;
    }
    size_t list = tls_open_vector(data, 2);
    write_name(data, conn->config->alpn[conn->session->alpn - 1]);
    tls_close_vector(data, 2, list);
    return true;
}

static bool has_name(struct tls_reader list, struct x509_bytes name)
{
    while (list.left > 0) {
        struct tls_reader one = tls_read_vector(&list, 1);
        if (one.left == name.length && memcmp(one.at, name.data, name.length) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_well_formed(struct tls_reader list)
{
    while (list.left > 0) {
        if (tls_read_vector(&list, 1).left == 0) {
            return false;
        }
    }
    return !list.bad;
}

/* What the program speaks does not change under its feet. */
static enum tls_error agree(struct tls_conn *conn, size_t index)
{
    uint8_t choice = (uint8_t)(index + 1);

    if (tls_is_renegotiation(conn) && conn->session->alpn != choice) {
        return tls_because(conn, TLS_ERROR_PARAMETER,
                           "a renegotiation chooses another application protocol");
    }
    conn->session->alpn = choice;
    return TLS_ERROR_OK;
}

static enum tls_error read_client(struct tls_conn *conn, struct tls_reader data)
{
    const struct tls_config *config = conn->config;
    struct tls_reader list = tls_read_vector(&data, 2);

    if (!tls_read_all(&data) || list.left == 0 || !is_well_formed(list)) {
        return TLS_ERROR_DECODE;
    }
    for (size_t i = 0; i < config->alpn_count; i++) {
        if (has_name(list, config->alpn[i])) {
            return agree(conn, i);
        }
    }
    return config->alpn_count == 0 ? TLS_ERROR_OK
                                   : tls_because(conn, TLS_ERROR_NO_PROTOCOL, "RFC 7301 3.2");
}

static enum tls_error read_server(struct tls_conn *conn, struct tls_reader data)
{
    const struct tls_config *config = conn->config;
    struct tls_reader list = tls_read_vector(&data, 2), name = tls_read_vector(&list, 1);

    if (!tls_read_all(&data) || !tls_read_all(&list) || name.left == 0) {
        return TLS_ERROR_DECODE;
    }
    for (size_t i = 0; i < config->alpn_count; i++) {
        if (config->alpn[i].length == name.left &&
            memcmp(config->alpn[i].data, name.at, name.left) == 0) {
            return agree(conn, i);
        }
    }
    return tls_because(conn, TLS_ERROR_PARAMETER,
                       "the server chose an application protocol not offered (RFC 7301)");
}

const struct tls_extension tls_ext_alpn = {
    .type = 16,
    .name = "application_layer_protocol_negotiation",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_client, [TLS_SERVER] = read_server},
};
