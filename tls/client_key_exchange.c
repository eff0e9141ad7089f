/* ClientKeyExchange (RFC 2246 7.4.7): what is in it is the agreement's matter. */
#include "tls_key_exchange.h"

enum tls_error tls_write_client_key_exchange(struct tls_conn *conn, struct tls_writer *body)
{
    return tls_agreement_of(conn)->write_public(conn, body);
}

enum tls_error tls_read_client_key_exchange(struct tls_conn *conn, struct tls_reader body)
{
    return tls_agreement_of(conn)->read_public(conn, &body);
}
