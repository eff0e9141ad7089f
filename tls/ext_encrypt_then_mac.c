/* encrypt_then_mac (RFC 7366): the MAC covers the ciphertext. For suites with blocks only; a server
 * does not answer it for others. */
#include "tls_extensions.h"

static bool has_blocks(const struct tls_conn *conn)
{
    return cg_cipher_info(tls_suite_of(conn)->cipher)->block > 1;
}

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    (void)conn;
    (void)data;
    return true;
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    (void)data;
    return has_blocks(conn);
}

/* A server that answers it for a suite without blocks breaks RFC 7366 3, as OpenSSL does for NULL;
 * without padding both orders give the same bytes, and it is of no consequence. */
static enum tls_error read_empty(struct tls_conn *conn, struct tls_reader data)
{
    if (data.left > 0) {
        return TLS_ERROR_DECODE;
    }
    conn->handshake->encrypt_then_mac = true;
    return TLS_ERROR_OK;
}

const struct tls_extension tls_ext_encrypt_then_mac = {
    .type = 22,
    .name = "encrypt_then_mac",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_empty, [TLS_SERVER] = read_empty},
};
