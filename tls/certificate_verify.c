/* CertificateVerify (RFC 2246 7.4.8): the client signs the transcript up to here. */
#include "tls_key_exchange.h"
#include "tls_sign.h"

enum tls_error tls_write_certificate_verify(struct tls_conn *conn, struct tls_writer *body)
{
    uint8_t digest[TLS_TRANSCRIPT_DIGEST];

    tls_transcript_digest(conn->handshake, digest);
    return tls_write_signature(conn, tls_own_credential(conn), digest, body);
}

enum tls_error tls_read_certificate_verify(struct tls_conn *conn, struct tls_reader body)
{
    uint8_t digest[TLS_TRANSCRIPT_DIGEST];

    tls_transcript_digest(conn->handshake, digest);
    return tls_read_signature(conn, digest, &body);
}
