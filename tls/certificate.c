/* Certificate (RFC 2246 7.4.2, 7.4.6). */
#include "tls_key_exchange.h"
#include "tls_sign.h"
#include "tls_text.h"

/* ---- ours ---- */

bool tls_certificate_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                           struct x509_bytes *out)
{
    const struct tls_credential *credential = tls_own_credential(conn);
    size_t count = credential == NULL ? 0 : credential->chain_count; /* a client's may be empty */

    if (index == 0) {
        size_t list = 0;
        for (size_t i = 0; i < count; i++) {
            list += 3 + credential->chain[i].length;
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
    const struct x509_bytes *certificate = &credential->chain[(index - 1) / 2];
    if (index % 2 == 0) {
        *out = *certificate;
    } else {
        tls_put_number(scratch, 3, certificate->length);
        *out = (struct x509_bytes){scratch, 3};
    }
    return true;
}

/* ---- the peer's ---- */

/* Does the list divide into certificates of at least one byte? */
static bool is_well_formed(struct tls_reader list)
{
    while (list.left > 0) {
        if (tls_read_vector(&list, 3).left == 0) {
            return false;
        }
    }
    return !list.bad;
}

static enum tls_error parse_chain(struct tls_conn *conn, struct tls_reader list,
                                  struct x509_certificate *chain, size_t *count)
{
    const char *why = NULL;

    /* Form before meaning: a wrong length is not a bad certificate. */
    if (!is_well_formed(list)) {
        return TLS_ERROR_DECODE;
    }
    for (*count = 0; list.left > 0; ++*count) {
        struct tls_reader der = tls_read_vector(&list, 3);
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

/* Sets the name that the server's certificate must be for. */
static enum tls_error set_name(const struct tls_conn *conn, struct x509_rules *rules)
{
    const struct tls_handshake *h = conn->handshake;

    if (conn->config->skip_name_check) {
        return TLS_ERROR_OK;
    }
    if (h->peer_ip_length > 0) {
        rules->ip = (struct x509_bytes){h->peer_ip, h->peer_ip_length};
        /* RFC 6761 6.3: loopback is localhost, and many a program knows so without asking a
         * resolver. */
        if (is_loopback(h)) {
            rules->dns_name = "localhost";
        }
    } else if (h->peer_name[0] != '\0') {
        rules->dns_name = h->peer_name;
    } else {
        return TLS_ERROR_CERT_NO_NAME;
    }
    return TLS_ERROR_OK;
}

struct x509_rules tls_x509_rules(const struct tls_conn *conn, enum x509_purpose purpose)
{
    const struct tls_config *config = conn->config;

    return (struct x509_rules){
        .now = conn->now,
        .purpose = purpose,
        .minimum_rsa_bits = config->minimum_rsa_bits,
        .allow_sha1 = config->allow_sha1_certificates,
        .allow_common_name = config->allow_common_name,
        .strict = config->strict_certificates,
        .crls = config->crls,
        .crl_count = config->crl_count,
        .pins = config->pins,
        .pin_count = config->pin_count,
    };
}

/* Some word about a key that no chain vouches for there must be. */
static enum tls_error verify_key(const struct tls_conn *conn, const struct x509_certificate *leaf,
                                 const struct x509_rules *rules, struct x509_failure *failure)
{
    if (conn->config->pin_count == 0 && !conn->config->needs_approval) {
        return TLS_ERROR_CERT_UNTRUSTED;
    }
    return x509_verify_key(leaf, rules, failure);
}

static const struct x509_trust *trust_of(const struct tls_config *config)
{
    return config->trust == NULL && config->find_trust != NULL
               ? config->find_trust(config->find_trust_arg)
               : config->trust;
}

/* *issuer: as x509_verify_path gives it. */
static enum tls_error verify(struct tls_conn *conn, const struct x509_certificate *chain,
                             size_t count, enum x509_purpose purpose,
                             const struct x509_certificate **issuer)
{
    const struct tls_config *config = conn->config;
    struct x509_rules rules = tls_x509_rules(conn, purpose);
    struct x509_failure failure = {.error = TLS_ERROR_OK};
    enum tls_error error = TLS_ERROR_OK;

    *issuer = NULL;
    if (config->unchained) {
        error = verify_key(conn, &chain[0], &rules, &failure);
    } else {
        const struct x509_trust *trust = trust_of(config);
        error = purpose == X509_SERVER ? set_name(conn, &rules) : TLS_ERROR_OK;
        if (error == TLS_ERROR_OK) {
            error = trust == NULL
                        ? tls_because(conn, TLS_ERROR_CERT_UNTRUSTED, "no roots can be read")
                        : x509_verify_path(chain, count, trust, &rules, issuer, &failure);
        }
    }
    if (error != TLS_ERROR_OK && failure.detail[0] != '\0') {
        tls_because(conn, error, failure.detail);
    }
    return error;
}

/* What the rule says about this one certificate, beyond that it is good. */
static enum tls_error admit(struct tls_conn *conn, const struct x509_certificate *leaf)
{
    const struct tls_config *config = conn->config;
    char words[TLS_DETAIL_MAX];

    if (config->admitted != NULL && !x509_is_admitted(leaf, config->admitted)) {
        struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);
        x509_name_text(leaf->subject, words, sizeof words / 2);
        tls_text_add(&t, words);
        x509_san_text(leaf, words, sizeof words / 3);
        tls_text_add(&t, words[0] != '\0' ? ", for " : "");
        tls_text_add(&t, words);
        tls_text_add(&t, "; add it to `client-subject` or `client-san`");
        return TLS_ERROR_CERT_NOT_ADMITTED;
    }
    if (conn->approve == NULL) {
        return config->needs_approval ? TLS_ERROR_CERT_UNTRUSTED : TLS_ERROR_OK;
    }
    words[0] = '\0';
    enum tls_error error = conn->approve(conn->approve_arg, leaf, words, sizeof words);
    return error == TLS_ERROR_OK ? error : tls_because(conn, error, words);
}

/* The key must be one that can do what is asked of it: encrypt for the server, or sign. */
static enum tls_error take_key(struct tls_conn *conn, const struct x509_certificate *leaf,
                               bool signs)
{
    if ((leaf->key_usage & (signs ? X509_KU_DIGITAL_SIGNATURE : X509_KU_KEY_ENCIPHERMENT)) == 0) {
        return tls_because(conn, TLS_ERROR_CERT_KEY_USAGE,
                           signs ? "keyUsage of the leaf lacks digitalSignature, and its key has "
                                   "to sign (RFC 5280 4.2.1.3)"
                                 : "keyUsage of the leaf lacks keyEncipherment, which RSA key "
                                   "exchange needs (RFC 5280 4.2.1.3)");
    }
    if (!signs && cg_rsa_bits(&leaf->key.rsa) < conn->config->minimum_rsa_exchange_bits) {
        return tls_because(conn, TLS_ERROR_CERT_WEAK_KEY,
                           "the server's RSA key, to which a secret would be sent");
    }
    if (!tls_peer_key_take(&conn->handshake->peer, &leaf->key)) {
        return tls_because(conn, TLS_ERROR_CERT_UNSUPPORTED, "the leaf's key is not usable");
    }
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

static enum tls_error take_chain(struct tls_conn *conn, struct tls_reader list,
                                 enum x509_purpose purpose)
{
    struct x509_certificate chain[X509_CHAIN_MAX];
    const struct x509_certificate *issuer = NULL;
    size_t count = 0;
    bool signs = purpose == X509_CLIENT || tls_key_exchange_of(conn)->is_signed;

    memset(&chain[0], 0, sizeof chain[0]); /* gcc does not see that a list that parses has one */
    enum tls_error error = parse_chain(conn, list, chain, &count);
    if (error == TLS_ERROR_OK && purpose == X509_SERVER &&
        chain[0].key.kind != tls_key_exchange_of(conn)->certificate_key) {
        return tls_because(conn, TLS_ERROR_CERT_UNSUPPORTED,
                           "the kind of the leaf's key is not that of the suite");
    }
    if (error == TLS_ERROR_OK) {
        error = verify(conn, chain, count, purpose, &issuer);
    }
    if (error == TLS_ERROR_OK) {
        error = admit(conn, &chain[0]);
    }
    if (error == TLS_ERROR_OK) {
        error = take_key(conn, &chain[0], signs);
    }
    if (error == TLS_ERROR_OK && purpose == X509_SERVER) {
        error = tls_await_status(conn, &chain[0], issuer);
    }
    if (error == TLS_ERROR_OK) {
        note_leaf(conn->handshake, &chain[0]);
    }
    return error;
}

enum tls_error tls_read_server_certificate(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_reader list = tls_read_vector(&body, 3);

    if (!tls_read_all(&body)) {
        return TLS_ERROR_DECODE;
    }
    if (list.left == 0) {
        return tls_because(conn, TLS_ERROR_DECODE, "a server's certificate list is not empty");
    }
    return take_chain(conn, list, X509_SERVER);
}

enum tls_error tls_read_client_certificate(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_reader list = tls_read_vector(&body, 3);

    if (!tls_read_all(&body)) {
        return TLS_ERROR_DECODE;
    }
    if (list.left == 0) {
        return conn->config->client_certificate == TLS_CLIENT_CERT_REQUIRE
                   ? TLS_ERROR_NO_CERTIFICATE
                   : TLS_ERROR_OK;
    }
    conn->handshake->peer_is_certified = true;
    return take_chain(conn, list, X509_CLIENT);
}
