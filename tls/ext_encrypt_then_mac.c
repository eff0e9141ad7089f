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

static enum tls_error read_client(struct tls_conn *conn, struct tls_reader data)
{
    if (data.left > 0) {
        return TLS_ERROR_DECODE;
    }
    conn->handshake->encrypt_then_mac = true;
    return TLS_ERROR_OK;
}

static enum tls_error read_server(struct tls_conn *conn, struct tls_reader data)
{
    if (!has_blocks(conn)) {
        return tls_because(conn, TLS_ERROR_PARAMETER,
                           "encrypt_then_mac with a suite that has no blocks (RFC 7366 3)");
    }
    return read_client(conn, data);
}

const struct tls_extension tls_ext_encrypt_then_mac = {
    .type = 22,
    .name = "encrypt_then_mac",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_client, [TLS_SERVER] = read_server},
};
