/* Certificate (RFC 2246 7.4.2, 7.4.6). */
#include "tls_handshake.h"
#include "tls_text.h"

/* ---- ours ---- */

/* A client without a fitting certificate sends an empty list. */
static size_t chain_count(const struct tls_conn *conn)
{
    const struct tls_credential *credential = conn->config->credential;

    if (credential == NULL ||
        (conn->session->role == TLS_CLIENT && !conn->handshake->certificate_fits)) {
        return 0;
    }
    return credential->chain_count;
}

bool tls_certificate_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                           struct x509_bytes *out)
{
    size_t count = chain_count(conn);

    if (index == 0) {
        size_t list = 0;
        for (size_t i = 0; i < count; i++) {
            list += 3 + conn->config->credential->chain[i].length;
        }
        scratch[0] = TLS_CERTIFICATE;
        tls_put_number(scratch + 1, 3, 3 + list);
        tls_put_number(scratch + 4, 3, list);
        *out = (struct x509_bytes){scratch, 7};
        return true;
    }
    if ((index - 1) / 2 >= count) {
        return false;
    }
    const struct x509_bytes *certificate = &conn->config->credential->chain[(index - 1) / 2];
    if (index % 2 == 0) {
        *out = *certificate;
    } else {
        tls_put_number(scratch, 3, certificate->length);
        *out = (struct x509_bytes){scratch, 3};
    }
    return true;
}

/* ---- the peer's ---- */

static enum tls_error parse_chain(struct tls_conn *conn, struct tls_reader list,
                                  struct x509_certificate *chain, size_t *count)
{
    const char *why = NULL;

    for (*count = 0; list.left > 0; ++*count) {
        struct tls_reader der = tls_read_vector(&list, 3);
        if (list.bad || der.left == 0) {
            return TLS_ERROR_DECODE;
        }
        if (*count == X509_CHAIN_MAX) {
            return TLS_ERROR_CERT_CHAIN_LIMIT;
        }
        enum tls_error error = x509_parse(&chain[*count], der.at, der.left, &why);
        if (error != TLS_ERROR_OK) {
            return tls_because(conn, error, why);
        }
    }
    return TLS_ERROR_OK;
}

static bool is_loopback(const struct tls_handshake *h)
{
    static const uint8_t six[16] = {[15] = 1};

    return h->peer_ip_length == 4 ? h->peer_ip[0] == 127 : memcmp(h->peer_ip, six, 16) == 0;
}

static enum tls_error verify_server(struct tls_conn *conn, const struct x509_certificate *chain,
                                    size_t count)
{
    const struct tls_config *config = conn->config;
    const struct tls_handshake *h = conn->handshake;
    struct x509_rules rules = {.now = conn->now,
                               .purpose = X509_SERVER,
                               .minimum_rsa_bits = config->minimum_rsa_bits,
                               .allow_sha1 = config->allow_sha1_certificates};
    struct x509_failure failure = {.error = TLS_ERROR_OK};

    if (!config->skip_name_check) {
        if (h->peer_ip_length > 0) {
            rules.ip = (struct x509_bytes){h->peer_ip, h->peer_ip_length};
            /* RFC 6761 6.3: loopback is localhost, and many a program knows so without asking a
             * resolver. */
            if (is_loopback(h)) {
                rules.dns_name = "localhost";
            }
        } else if (h->peer_name[0] != '\0') {
            rules.dns_name = h->peer_name;
        } else {
            return TLS_ERROR_CERT_NO_NAME;
        }
    }
    enum tls_error error = x509_verify(chain, count, config->trust, &rules, &failure);
    return error == TLS_ERROR_OK ? error : tls_because(conn, error, failure.detail);
}

/* The key must be one that the negotiated key exchange can use. */
static enum tls_error take_key(struct tls_conn *conn, const struct x509_certificate *leaf)
{
    struct tls_peer_key *peer = &conn->handshake->peer;
    const struct cg_rsa_public *key = &leaf->key.rsa;

    if (leaf->key.kind != X509_KEY_RSA) {
        return tls_because(conn, TLS_ERROR_CERT_UNSUPPORTED, "the leaf's key is not RSA");
    }
    if ((leaf->key_usage & X509_KU_KEY_ENCIPHERMENT) == 0) {
        return tls_because(conn, TLS_ERROR_CERT_KEY_USAGE,
                           "keyUsage of the leaf lacks keyEncipherment, which RSA key exchange "
                           "needs (RFC 5280 4.2.1.3)");
    }
    if (!cg_rsa_public_is_sane(key)) {
        return tls_because(conn, TLS_ERROR_CERT_UNSUPPORTED, "the leaf's RSA key is not usable");
    }
    peer->n_length = (uint16_t)key->n_length;
    peer->e_length = (uint16_t)key->e_length;
    memcpy(peer->n, key->n, key->n_length);
    memcpy(peer->e, key->e, key->e_length);
    cg_hash_once(CG_SHA256, leaf->der.data, leaf->der.length, conn->handshake->peer_digest);
    conn->handshake->peer_expires = leaf->not_after;
    return TLS_ERROR_OK;
}

static void note_leaf(struct tls_handshake *h, const struct x509_certificate *leaf)
{
    char words[TLS_NOTE_MAX];
    struct tls_text t = tls_text_in(h->note, sizeof h->note);

    x509_name_text(leaf->subject, words, sizeof words);
    tls_text_add(&t, words);
    x509_san_text(leaf, words, sizeof words);
    if (words[0] != '\0') {
        tls_text_add(&t, ", for ");
        tls_text_add(&t, words);
    }
}

enum tls_error tls_read_server_certificate(struct tls_conn *conn, struct tls_reader body)
{
    struct x509_certificate chain[X509_CHAIN_MAX];
    size_t count;
    struct tls_reader list = tls_read_vector(&body, 3);

    if (!tls_read_all(&body)) {
        return TLS_ERROR_DECODE;
    }
    if (list.left == 0) {
        return tls_because(conn, TLS_ERROR_DECODE, "a server's certificate list is not empty");
    }
    enum tls_error error = parse_chain(conn, list, chain, &count);
    if (error == TLS_ERROR_OK) {
        error = verify_server(conn, chain, count);
    }
    if (error == TLS_ERROR_OK) {
        error = take_key(conn, &chain[0]);
    }
    if (error == TLS_ERROR_OK) {
        note_leaf(conn->handshake, &chain[0]);
    }
    return error;
}
