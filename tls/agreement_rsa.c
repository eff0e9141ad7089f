/* RSA: the client draws a premaster secret and encrypts it for the server (RFC 2246 7.4.7.1). */
#include "../crypto_glue/cg_random.h"
#include "tls_defences.h"
#include "tls_key_exchange.h"
#include "tls_sign.h"

enum { RSA_PREMASTER = 48 };
_Static_assert(RSA_PREMASTER <= (size_t)TLS_PREMASTER_MAX, "the premaster secret has its place");

enum tls_error tls_encrypt_premaster(struct tls_conn *conn, const struct cg_rsa_public *key,
                                     struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;

    if (!cg_random(h->premaster, RSA_PREMASTER)) {
        return TLS_ERROR_RANDOM;
    }
    tls_put_number(h->premaster, 2, h->client_version);
    h->premaster_length = RSA_PREMASTER;
    size_t encrypted = tls_open_vector(body, 2);
    uint8_t *out = tls_write_room(body, key->n_length);
    if (out == NULL || !cg_rsa_encrypt_pkcs1(key, h->premaster, RSA_PREMASTER, out)) {
        return TLS_ERROR_INTERNAL;
    }
    tls_close_vector(body, 2, encrypted);
    return TLS_ERROR_OK;
}

/* No oracle (Bleichenbacher 1998, ROBOT CVE-2017-13099): whatever the decryption finds, there is a
 * premaster secret, and whether it is the client's shows in Finished only. The version is forced,
 * not compared: a hello that was rolled back leaves client and server with different secrets. */
enum tls_error tls_decrypt_premaster(struct tls_conn *conn, const struct cg_rsa_private *key,
                                     struct tls_reader *body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader encrypted = tls_read_vector(body, 2);

    if (!tls_read_all(body)) {
        return TLS_ERROR_KEY_EXCHANGE;
    }
    if (!cg_random(h->premaster, RSA_PREMASTER)) {
        return TLS_ERROR_RANDOM;
    }
    if (!tls_defends(TLS_DEFENCE_RSA_ORACLE)) {
        memset(h->premaster, 0, RSA_PREMASTER);
    }
    /* What has not even the form of a ciphertext is not told apart either. */
    (void)cg_rsa_decrypt_pkcs1_or_keep(key, encrypted.at, encrypted.left, h->premaster,
                                       RSA_PREMASTER);
    if (!tls_defends(TLS_DEFENCE_RSA_ORACLE) && h->premaster[0] == 0) {
        return TLS_ERROR_KEY_EXCHANGE;
    }
    if (tls_defends(TLS_DEFENCE_ROLLBACK)) {
        tls_put_number(h->premaster, 2, h->client_version);
    }
    h->premaster_length = RSA_PREMASTER;
    return TLS_ERROR_OK;
}

static enum tls_error write_public(struct tls_conn *conn, struct tls_writer *body)
{
    const struct cg_rsa_public key = tls_peer_key_rsa(&conn->handshake->peer);

    if (!tls_defends(TLS_DEFENCE_EXPORT_KEY) &&
        conn->handshake->agreement.export_key.n_length > 0) {
        return tls_agreement_rsa_export.write_public(conn, body);
    }
    return tls_encrypt_premaster(conn, &key, body);
}

static enum tls_error read_public(struct tls_conn *conn, struct tls_reader *body)
{
    return tls_decrypt_premaster(conn, tls_credential_of_kind(conn->config, X509_KEY_RSA)->key,
                                 body);
}

static bool is_possible(const struct tls_conn *conn)
{
    (void)conn;
    return true;
}

const struct tls_agreement tls_agreement_rsa = {
    .write_public = write_public, .read_public = read_public, .is_possible = is_possible};
