/* server_name (RFC 6066 section 3): which name the client wants to reach. */
#include "tls_extensions.h"

enum { HOST_NAME = 0 };

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    const struct tls_handshake *h = conn->handshake;
    size_t n = strlen(h->peer_name);

    /* Literal addresses are not permitted, and a trailing dot is left off. */
    if (h->peer_ip_length > 0) {
        return false;
    }
    if (n > 0 && h->peer_name[n - 1] == '.') {
        n--;
    }
    if (n == 0) {
        return false;
    }
    size_t list = tls_open_vector(data, 2);
    tls_write_u8(data, HOST_NAME);
    size_t name = tls_open_vector(data, 2);
    tls_write_bytes(data, h->peer_name, n);
    tls_close_vector(data, 2, name);
    tls_close_vector(data, 2, list);
    return true;
}

/* Of ASCII characters that one can see; RFC 6066 wants A-labels, but not all clients keep to it. */
static bool is_printable(struct tls_reader name)
{
    for (size_t i = 0; i < name.left; i++) {
        if (name.at[i] <= ' ' || name.at[i] > '~') {
            return false;
        }
    }
    return true;
}

static enum tls_error read_client(struct tls_conn *conn, struct tls_reader data)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader list = tls_read_vector(&data, 2);
    bool seen = false;

    if (!tls_read_all(&data) || list.left == 0) {
        return TLS_ERROR_DECODE;
    }
    while (list.left > 0) {
        uint8_t type = tls_read_u8(&list);
        struct tls_reader name = tls_read_vector(&list, 2);
        if (list.bad || name.left == 0) {
            return TLS_ERROR_DECODE;
        }
        if (type != HOST_NAME) {
            continue;
        }
        if (seen || name.left > TLS_NAME_MAX || !is_printable(name)) {
            return tls_because(conn, TLS_ERROR_PARAMETER,
                               seen ? "server_name has two host names (RFC 6066 section 3)"
                                    : "server_name holds what cannot be a DNS name");
        }
        seen = true;
        memcpy(h->server_name, name.at, name.left);
        h->server_name[name.left] = '\0';
    }
    return TLS_ERROR_OK;
}

static enum tls_error read_server(struct tls_conn *conn, struct tls_reader data)
{
    (void)conn;
    return data.left == 0 ? TLS_ERROR_OK : TLS_ERROR_DECODE;
}

const struct tls_extension tls_ext_server_name = {
    .type = 0,
    .name = "server_name",
    .write = {[TLS_CLIENT] = write_client},
    .read = {[TLS_CLIENT] = read_client, [TLS_SERVER] = read_server},
};
