/* From the premaster secret to the keys (RFC 2246 8.1, 6.3; RFC 7627 4). */
#include "../crypto_glue/cg_ct.h"
#include "tls_defences.h"
#include "tls_handshake.h"

enum tls_error tls_derive_master_secret(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;

    if (s->extended_master_secret && tls_defends(TLS_DEFENCE_TRIPLE)) {
        uint8_t digest[TLS_TRANSCRIPT_DIGEST];
        tls_transcript_digest(h, digest);
        tls_prf(h->premaster, h->premaster_length, "extended master secret", digest, sizeof digest,
                NULL, 0, s->master_secret, TLS_MASTER_SECRET);
    } else {
        tls_master_secret(h->premaster, h->premaster_length, h->client_random, h->server_random,
                          s->master_secret);
    }
    cg_wipe(h->premaster, sizeof h->premaster);
    return TLS_ERROR_OK;
}

enum tls_error tls_derive_keys(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_suite *suite = tls_suite_of(conn);

    if (conn->log_secret != NULL) {
        conn->log_secret(conn->log_secret_arg, h->client_random, conn->session->master_secret);
    }
    tls_key_block(suite, conn->session->master_secret, h->client_random, h->server_random,
                  &h->client_write, &h->server_write);
    h->client_write.encrypt_then_mac = h->server_write.encrypt_then_mac =
        h->encrypt_then_mac && cg_cipher_info(suite->cipher)->block > 1;
    return TLS_ERROR_OK;
}
