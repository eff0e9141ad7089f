/* CertificateVerify (RFC 2246 7.4.8): the client signs the transcript. */
#include "tls_handshake.h"

enum tls_error tls_write_certificate_verify(struct tls_conn *conn, struct tls_writer *body)
{
    const struct cg_rsa_private *key = conn->config->credential->key;
    uint8_t digest[TLS_TRANSCRIPT_DIGEST];

    tls_transcript_digest(conn->handshake, digest);
    size_t signature = tls_open_vector(body, 2);
    uint8_t *out = tls_write_room(body, cg_rsa_private_bytes(key));
    if (out == NULL || !cg_rsa_sign_pkcs1(key, digest, sizeof digest, out)) {
        return tls_because(conn, TLS_ERROR_INTERNAL, "signing with our key failed");
    }
    tls_close_vector(body, 2, signature);
    return TLS_ERROR_OK;
}
