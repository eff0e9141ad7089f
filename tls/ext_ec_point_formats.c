/* ec_point_formats (RFC 4492 5.1.2): uncompressed, which is all there is (RFC 8422). */
#include "tls_extensions.h"
#include "tls_key_exchange.h"

enum { UNCOMPRESSED = 0 };

static bool write_list(struct tls_writer *data)
{
    tls_write_u8(data, 1);
    tls_write_u8(data, UNCOMPRESSED);
    return true;
}

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    return tls_offers_agreement(conn->config, TLS_AGREE_ECDH) && write_list(data);
}

static bool write_server(const struct tls_conn *conn, struct tls_writer *data)
{
    return tls_key_exchange_of(conn)->agreement == TLS_AGREE_ECDH && write_list(data);
}

static enum tls_error read_either(struct tls_conn *conn, struct tls_reader data)
{
    struct tls_reader list = tls_read_vector(&data, 1);

    if (!tls_read_all(&data) || list.left == 0) {
        return TLS_ERROR_DECODE;
    }
    return memchr(list.at, UNCOMPRESSED, list.left) != NULL
               ? TLS_ERROR_OK
               : tls_because(conn, TLS_ERROR_PARAMETER,
                             "ec_point_formats lacks uncompressed points (RFC 4492 5.1.2)");
}

const struct tls_extension tls_ext_ec_point_formats = {
    .type = 11,
    .name = "ec_point_formats",
    .write = {[TLS_CLIENT] = write_client, [TLS_SERVER] = write_server},
    .read = {[TLS_CLIENT] = read_either, [TLS_SERVER] = read_either},
};
