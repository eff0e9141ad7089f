#include "tls_extensions.h"

static const struct tls_extension *const extensions[] = {
    &tls_ext_server_name,
    &tls_ext_renegotiation_info,
    &tls_ext_extended_master_secret,
    &tls_ext_encrypt_then_mac,
    &tls_ext_session_ticket,
    &tls_ext_max_fragment_length,
    &tls_ext_alpn,
    &tls_ext_supported_groups,
    &tls_ext_ec_point_formats,
    &tls_ext_signature_algorithms,
    &tls_ext_signature_algorithms_cert,
    &tls_ext_status_request,
};

enum {
    EXTENSION_COUNT = sizeof extensions / sizeof extensions[0],
    EXTENSION_TYPES = 65536,
    NOT_KNOWN = EXTENSION_COUNT
};
_Static_assert(EXTENSION_COUNT <= 32, "one bit each");

static unsigned row_of_type(uint16_t type)
{
    unsigned row = 0;

    while (row < EXTENSION_COUNT && extensions[row]->type != type) {
        row++;
    }
    return row;
}

bool tls_extension_received(const struct tls_handshake *h, const struct tls_extension *extension)
{
    return (h->extensions_received >> row_of_type(extension->type) & 1) != 0;
}

void tls_extension_signalled(struct tls_conn *conn, const struct tls_extension *extension)
{
    struct tls_handshake *h = conn->handshake;

    *(conn->session->role == TLS_CLIENT ? &h->extensions_sent : &h->extensions_received) |=
        UINT32_C(1) << row_of_type(extension->type);
}

void tls_write_extensions(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;
    enum tls_role role = conn->session->role;
    size_t before = body->used, block = tls_open_vector(body, 2);

    if (role == TLS_CLIENT && conn->config->no_extensions) {
        body->used = before;
        return;
    }
    for (unsigned row = 0; row < EXTENSION_COUNT; row++) {
        const struct tls_extension *extension = extensions[row];
        size_t start = body->used;
        if (extension->write[role] == NULL ||
            (role == TLS_SERVER && !tls_extension_received(h, extension))) {
            continue;
        }
        tls_write_u16(body, extension->type);
        size_t data = tls_open_vector(body, 2);
        if (extension->write[role](conn, body)) {
            tls_close_vector(body, 2, data);
            h->extensions_sent |= UINT32_C(1) << row;
        } else {
            body->used = start;
        }
    }
    if (body->used == block) {
        body->used = before;
    } else {
        tls_close_vector(body, 2, block);
    }
}

static enum tls_error read_extension(struct tls_conn *conn, unsigned row, struct tls_reader data)
{
    struct tls_handshake *h = conn->handshake;
    enum tls_role sender = conn->session->role == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;

    /* RFC 3546 2.3: a server answers only what it was offered. */
    if (sender == TLS_SERVER && (row == NOT_KNOWN || (h->extensions_sent >> row & 1) == 0)) {
        return TLS_ERROR_EXTENSION;
    }
    if (row == NOT_KNOWN) {
        return TLS_ERROR_OK;
    }
    h->extensions_received |= UINT32_C(1) << row;
    if (extensions[row]->read[sender] == NULL) {
        return TLS_ERROR_OK;
    }
    enum tls_error error = extensions[row]->read[sender](conn, data);
    return error == TLS_ERROR_DECODE ? tls_because(conn, error, extensions[row]->name) : error;
}

enum tls_error tls_check_extensions(struct tls_conn *conn, struct tls_reader body)
{
    uint8_t seen[EXTENSION_TYPES / 8] = {0};

    if (body.left == 0) {
        return body.bad ? TLS_ERROR_DECODE : TLS_ERROR_OK;
    }
    struct tls_reader block = tls_read_vector(&body, 2);
    if (!tls_read_all(&body)) {
        return tls_because(conn, TLS_ERROR_DECODE,
                           "bytes after the compression methods that are not one block of "
                           "extensions");
    }
    while (block.left > 0) {
        uint16_t type = tls_read_u16(&block);
        tls_read_vector(&block, 2);
        if (block.bad) {
            return tls_because(conn, TLS_ERROR_DECODE, "an extension is longer than its block");
        }
        if (seen[type / 8] >> type % 8 & 1) {
            return tls_because(conn, TLS_ERROR_DECODE, "an extension stands there twice");
        }
        seen[type / 8] |= (uint8_t)(1 << type % 8);
    }
    return TLS_ERROR_OK;
}

enum tls_error tls_read_extensions(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_reader block = tls_read_vector(&body, 2);
    enum tls_error error = TLS_ERROR_OK;

    while (error == TLS_ERROR_OK && block.left > 0) {
        uint16_t type = tls_read_u16(&block);
        error = read_extension(conn, row_of_type(type), tls_read_vector(&block, 2));
    }
    return error;
}
