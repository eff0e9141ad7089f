/* ServerHelloDone (RFC 2246 7.4.5): empty. */
#include "tls_handshake.h"

enum tls_error tls_write_server_hello_done(struct tls_conn *conn, struct tls_writer *body)
{
    (void)conn;
    (void)body;
    return TLS_ERROR_OK;
}

enum tls_error tls_read_server_hello_done(struct tls_conn *conn, struct tls_reader body)
{
    (void)conn;
    return tls_read_all(&body) ? TLS_ERROR_OK : TLS_ERROR_DECODE;
}
