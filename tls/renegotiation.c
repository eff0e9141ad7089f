/* Renegotiation (RFC 2246 7.4.1.1, RFC 5746): a further handshake in an established session, begun
 * by the peer. What may not change in it is who the peer is. */
#include "tls_renegotiation.h"

#include "../crypto_glue/cg_ct.h"
#include "tls_defences.h"
#include "tls_driver.h"
#include "tls_limits.h"

bool tls_may_renegotiate(const struct tls_conn *conn)
{
    const struct tls_session *s = conn->session;

    return conn->config->allow_renegotiation && !conn->config->no_extensions &&
           s->secure_renegotiation && s->renegotiations < TLS_RENEGOTIATIONS_MAX;
}

enum tls_error tls_begin_renegotiation(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;
    struct tls_handshake *h = conn->handshake;

    h->flow = TLS_FLOW_AGAIN;
    h->had_extended_master_secret = s->extended_master_secret;
    s->extended_master_secret = s->resumed = 0;
    s->warnings = 0;
    s->renegotiations++;
    atomic_store_explicit(&s->renegotiating, 1, memory_order_release);
    return s->role == TLS_SERVER ? tls_advance(conn) : TLS_ERROR_OK;
}

enum tls_error tls_read_hello_request(struct tls_conn *conn, struct tls_reader body)
{
    (void)conn;
    return tls_read_all(&body) ? TLS_ERROR_OK : TLS_ERROR_DECODE;
}

enum tls_error tls_judge_renegotiation(struct tls_conn *conn)
{
    const struct tls_session *s = conn->session;
    const struct tls_handshake *h = conn->handshake;
    bool blocks = cg_cipher_info(tls_suite_of(conn)->cipher)->block > 1;

    if (!tls_is_renegotiation(conn)) {
        return TLS_ERROR_OK;
    }
    if (s->read.encrypt_then_mac && blocks && !h->encrypt_then_mac) {
        return TLS_ERROR_ENCRYPT_THEN_MAC;
    }
    /* A server takes both: which it is does not bear on who the client is, and clients differ. */
    if (s->role == TLS_CLIENT && h->had_extended_master_secret != s->extended_master_secret) {
        return tls_because(conn, TLS_ERROR_PARAMETER,
                           "the server has changed its mind about the extended master secret");
    }
    return TLS_ERROR_OK;
}

enum tls_error tls_judge_identity(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;
    const struct tls_handshake *h = conn->handshake;
    struct cg_hash hash;
    uint8_t peer[TLS_DIGEST];

    cg_hash_init(&hash, CG_SHA256);
    cg_hash_update(&hash, h->peer_digest, TLS_DIGEST);
    cg_hash_update(&hash, h->psk_digest, TLS_DIGEST);
    cg_hash_final(&hash, peer);
    if (tls_is_renegotiation(conn) && memcmp(peer, s->peer, TLS_DIGEST) != 0 &&
        tls_defends(TLS_DEFENCE_IDENTITY)) {
        return TLS_ERROR_IDENTITY_CHANGED;
    }
    memcpy(s->peer, peer, TLS_DIGEST);
    return TLS_ERROR_OK;
}
