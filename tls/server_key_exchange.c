/* ServerKeyExchange (RFC 2246 7.4.3, RFC 4279): a hint for a pre-shared key, the agreement's
 * parameters and, unless the server is anonymous, a signature over them and both randoms. */
#include "tls_defences.h"
#include "tls_key_exchange.h"
#include "tls_psk.h"
#include "tls_sign.h"

static void digest_parameters(const struct tls_handshake *h, const uint8_t *parameters, size_t n,
                              uint8_t digest[TLS_TRANSCRIPT_DIGEST])
{
    static const enum cg_hash_id ids[] = {CG_MD5, CG_SHA1};
    struct cg_hash hash;

    for (unsigned i = 0; i < 2; i++) {
        cg_hash_init(&hash, ids[i]);
        cg_hash_update(&hash, h->client_random, TLS_RANDOM);
        cg_hash_update(&hash, h->server_random, TLS_RANDOM);
        cg_hash_update(&hash, parameters, n);
        cg_hash_final(&hash, digest);
        digest += cg_hash_size(ids[i]);
    }
}

enum tls_error tls_write_server_key_exchange(struct tls_conn *conn, struct tls_writer *body)
{
    const struct tls_key_exchange_info *info = tls_key_exchange_of(conn);
    uint8_t digest[TLS_TRANSCRIPT_DIGEST];
    size_t start = body->used;

    if (info->psk) {
        tls_write_psk_hint(conn, body);
    }
    const struct tls_agreement *agreement = tls_agreement_of(conn);
    enum tls_error error = agreement->write_parameters != NULL
                               ? agreement->write_parameters(conn, body)
                               : TLS_ERROR_OK;
    if (error != TLS_ERROR_OK || !info->is_signed) {
        return error;
    }
    digest_parameters(conn->handshake, body->start + start, body->used - start, digest);
    return tls_write_signature(conn, tls_credential_of_kind(conn->config, info->certificate_key),
                               digest, body);
}

enum tls_error tls_read_server_key_exchange(struct tls_conn *conn, struct tls_reader body)
{
    uint8_t digest[TLS_TRANSCRIPT_DIGEST];
    const uint8_t *start = body.at;
    const struct tls_agreement *agreement = tls_agreement_of(conn);

    if (!tls_defends(TLS_DEFENCE_EXPORT_KEY) && agreement == &tls_agreement_rsa) {
        enum tls_error weak = tls_agreement_rsa_export.read_parameters(conn, &body);
        digest_parameters(conn->handshake, start, (size_t)(body.at - start), digest);
        return weak != TLS_ERROR_OK ? weak : tls_read_signature(conn, digest, &body);
    }
    if (tls_key_exchange_of(conn)->psk) {
        tls_read_psk_hint(&body);
    }
    enum tls_error error =
        agreement->read_parameters != NULL ? agreement->read_parameters(conn, &body) : TLS_ERROR_OK;
    if (error != TLS_ERROR_OK) {
        return error;
    }
    if (!tls_key_exchange_of(conn)->is_signed) {
        return tls_read_all(&body) ? TLS_ERROR_OK : TLS_ERROR_DECODE;
    }
    digest_parameters(conn->handshake, start, (size_t)(body.at - start), digest);
    return tls_read_signature(conn, digest, &body);
}
