#include "tls_psk.h"

#include "../crypto_glue/cg_ct.h"
#include "../crypto_glue/cg_random.h"

static void take_key(struct tls_handshake *h, struct x509_bytes key)
{
    h->psk_length = (uint8_t)key.length;
    memcpy(h->psk, key.data, key.length);
}

enum tls_error tls_write_psk_identity(struct tls_conn *conn, struct tls_writer *body)
{
    const struct tls_psk *psk = &conn->config->psks[0];

    if (psk->key.length > TLS_PSK_MAX || psk->identity.length > TLS_PSK_IDENTITY_MAX) {
        return tls_because(conn, TLS_ERROR_NO_CREDENTIAL, "the pre-shared key is too long");
    }
    size_t identity = tls_open_vector(body, 2);
    tls_write_bytes(body, psk->identity.data, psk->identity.length);
    tls_close_vector(body, 2, identity);
    take_key(conn->handshake, psk->key);
    return TLS_ERROR_OK;
}

enum tls_error tls_read_psk_identity(struct tls_conn *conn, struct tls_reader *body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader identity = tls_read_vector(body, 2);

    if (body->bad) {
        return TLS_ERROR_KEY_EXCHANGE;
    }
    cg_hash_once(CG_SHA256, identity.at, identity.left, h->psk_digest);
    h->psk_length = TLS_PSK_MAX / 2;
    if (!cg_random(h->psk, h->psk_length)) {
        return TLS_ERROR_RANDOM;
    }
    for (size_t i = 0; i < conn->config->psk_count; i++) {
        const struct tls_psk *psk = &conn->config->psks[i];
        if (psk->identity.length == identity.left && psk->key.length <= TLS_PSK_MAX &&
            memcmp(psk->identity.data, identity.at, identity.left) == 0) {
            take_key(h, psk->key);
        }
    }
    return TLS_ERROR_OK;
}

size_t tls_psk_length(const struct tls_conn *conn)
{
    return conn->handshake->psk_length;
}

void tls_mix_psk(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;
    uint8_t secret[TLS_PREMASTER_MAX];
    struct tls_writer w = tls_writer_to(secret, sizeof secret);

    tls_write_u16(&w, h->premaster_length);
    tls_write_bytes(&w, h->premaster, h->premaster_length);
    tls_write_u16(&w, h->psk_length);
    tls_write_bytes(&w, h->psk, h->psk_length);
    memcpy(h->premaster, secret, w.used);
    h->premaster_length = (uint16_t)w.used;
    cg_wipe(secret, sizeof secret);
    cg_wipe(h->psk, sizeof h->psk);
}

void tls_write_psk_hint(const struct tls_conn *conn, struct tls_writer *body)
{
    struct x509_bytes hint = conn->config->psk_hint;

    tls_write_u16(body, (uint16_t)hint.length);
    tls_write_bytes(body, hint.data, hint.length);
}

void tls_read_psk_hint(struct tls_reader *body)
{
    tls_read_vector(body, 2);
}
