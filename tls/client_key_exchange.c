/* ClientKeyExchange (RFC 2246 7.4.7, RFC 4279): the identity of a pre-shared key, if there is one,
 * and what belongs to the agreement. */
#include "tls_key_exchange.h"
#include "tls_psk.h"

enum tls_error tls_write_client_key_exchange(struct tls_conn *conn, struct tls_writer *body)
{
    bool psk = tls_key_exchange_of(conn)->psk;
    enum tls_error error = psk ? tls_write_psk_identity(conn, body) : TLS_ERROR_OK;

    if (error == TLS_ERROR_OK) {
        error = tls_agreement_of(conn)->write_public(conn, body);
    }
    if (error == TLS_ERROR_OK && psk) {
        tls_mix_psk(conn);
    }
    return error;
}

enum tls_error tls_read_client_key_exchange(struct tls_conn *conn, struct tls_reader body)
{
    bool psk = tls_key_exchange_of(conn)->psk;
    enum tls_error error = psk ? tls_read_psk_identity(conn, &body) : TLS_ERROR_OK;

    if (error == TLS_ERROR_OK) {
        error = tls_agreement_of(conn)->read_public(conn, &body);
    }
    if (error == TLS_ERROR_OK && psk) {
        tls_mix_psk(conn);
    }
    return error;
}
