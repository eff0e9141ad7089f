/* Finished (RFC 2246 7.4.9). */
#include "../crypto_glue/cg_ct.h"
#include "tls_handshake.h"

static uint8_t *make_verify_data(struct tls_conn *conn, enum tls_role sender)
{
    struct tls_session *s = conn->session;
    uint8_t digest[TLS_TRANSCRIPT_DIGEST];
    uint8_t *verify_data = sender == TLS_CLIENT ? s->client_verify_data : s->server_verify_data;

    tls_transcript_digest(conn->handshake, digest);
    tls_verify_data(s->master_secret, sender, digest, verify_data);
    return verify_data;
}

enum tls_error tls_write_finished(struct tls_conn *conn, struct tls_writer *body)
{
    tls_write_bytes(body, make_verify_data(conn, conn->session->role), TLS_VERIFY_DATA);
    return TLS_ERROR_OK;
}

enum tls_error tls_read_finished(struct tls_conn *conn, struct tls_reader body)
{
    enum tls_role peer = conn->session->role == TLS_CLIENT ? TLS_SERVER : TLS_CLIENT;
    const uint8_t *received = tls_read_bytes(&body, TLS_VERIFY_DATA);

    if (!tls_read_all(&body)) {
        return TLS_ERROR_DECODE;
    }
    return cg_ct_equal(received, make_verify_data(conn, peer), TLS_VERIFY_DATA)
               ? TLS_ERROR_OK
               : TLS_ERROR_FINISHED;
}
