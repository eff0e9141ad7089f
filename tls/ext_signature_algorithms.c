/* signature_algorithms (RFC 5246 7.4.1.4.1) and signature_algorithms_cert (RFC 8446 4.2.3), from
 * clients that know later versions. TLS 1.0 has no choice of algorithms; but a list that is
 * malformed is a malformed hello. */
#include "tls_extensions.h"

static enum tls_error read_list(struct tls_conn *conn, struct tls_reader data)
{
    struct tls_reader list = tls_read_vector(&data, 2);

    (void)conn;
    return tls_read_all(&data) && list.left > 0 && list.left % 2 == 0 ? TLS_ERROR_OK
                                                                      : TLS_ERROR_DECODE;
}

const struct tls_extension tls_ext_signature_algorithms = {
    .type = 13,
    .name = "signature_algorithms",
    .read = {[TLS_CLIENT] = read_list},
};

const struct tls_extension tls_ext_signature_algorithms_cert = {
    .type = 50,
    .name = "signature_algorithms_cert",
    .read = {[TLS_CLIENT] = read_list},
};
