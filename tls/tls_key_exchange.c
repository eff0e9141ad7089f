#include "tls_key_exchange.h"

static const struct tls_key_exchange_info key_exchanges[] = {
    // clang-format off
    [TLS_KX_RSA] = {.agreement = TLS_AGREE_RSA, .certificate = true, .certificate_key = X509_KEY_RSA},
    [TLS_KX_DHE_RSA] = {.agreement = TLS_AGREE_DH, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_RSA},
    [TLS_KX_DHE_DSS] = {.agreement = TLS_AGREE_DH, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_DSA},
    [TLS_KX_DH_ANON] = {.agreement = TLS_AGREE_DH, .certificate_key = X509_KEY_UNSUPPORTED},
    [TLS_KX_ECDHE_RSA] = {.agreement = TLS_AGREE_ECDH, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_RSA},
    [TLS_KX_ECDHE_ECDSA] = {.agreement = TLS_AGREE_ECDH, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_EC},
    [TLS_KX_ECDH_ANON] = {.agreement = TLS_AGREE_ECDH, .certificate_key = X509_KEY_UNSUPPORTED},
    [TLS_KX_PSK] = {.agreement = TLS_AGREE_PSK, .certificate_key = X509_KEY_UNSUPPORTED, .psk = true},
    [TLS_KX_DHE_PSK] = {.agreement = TLS_AGREE_DH, .certificate_key = X509_KEY_UNSUPPORTED, .psk = true},
    [TLS_KX_RSA_PSK] = {.agreement = TLS_AGREE_RSA, .certificate = true, .certificate_key = X509_KEY_RSA, .psk = true},
    [TLS_KX_ECDHE_PSK] = {.agreement = TLS_AGREE_ECDH, .certificate_key = X509_KEY_UNSUPPORTED, .psk = true},
    [TLS_KX_RSA_EXPORT] = {.agreement = TLS_AGREE_RSA_EXPORT, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_RSA, .exported = true},
    [TLS_KX_DHE_RSA_EXPORT] = {.agreement = TLS_AGREE_DH, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_RSA, .exported = true},
    [TLS_KX_DHE_DSS_EXPORT] = {.agreement = TLS_AGREE_DH, .certificate = true, .is_signed = true, .certificate_key = X509_KEY_DSA, .exported = true},
    [TLS_KX_DH_ANON_EXPORT] = {.agreement = TLS_AGREE_DH, .certificate_key = X509_KEY_UNSUPPORTED, .exported = true},
    // clang-format on
};

const struct tls_key_exchange_info *tls_key_exchange_info(enum tls_key_exchange id)
{
    return &key_exchanges[id];
}

const struct tls_agreement *tls_agreement_of(const struct tls_conn *conn)
{
    static const struct tls_agreement *const agreements[] = {
        [TLS_AGREE_RSA] = &tls_agreement_rsa,
        [TLS_AGREE_DH] = &tls_agreement_dh,
        [TLS_AGREE_ECDH] = &tls_agreement_ecdh,
        [TLS_AGREE_PSK] = &tls_agreement_psk,
        [TLS_AGREE_RSA_EXPORT] = &tls_agreement_rsa_export,
    };

    return agreements[tls_key_exchange_of(conn)->agreement];
}

const struct tls_credential *tls_credential_of_kind(const struct tls_config *config,
                                                    enum x509_key_kind kind)
{
    const struct tls_credential *credential = config->credential;

    while (credential != NULL && credential->kind != kind) {
        credential = credential->next;
    }
    return credential;
}

const struct tls_credential *tls_own_credential(const struct tls_conn *conn)
{
    if (conn->session->role == TLS_SERVER) {
        return tls_credential_of_kind(conn->config, tls_key_exchange_of(conn)->certificate_key);
    }
    const struct tls_credential *credential = NULL;
    for (unsigned i = 0; i < conn->handshake->credential; i++) {
        credential = i == 0 ? conn->config->credential : credential->next;
    }
    return credential;
}

bool tls_suite_is_usable(const struct tls_config *config, uint16_t id)
{
    const struct tls_suite *suite = tls_suite_by_id(id);

    if (suite == NULL) {
        return false;
    }
    const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
    if (info->psk && config->psk_count == 0) {
        return false;
    }
    if (!info->certificate) {
        /* RFC 2246 7.4.4: a server that shows no certificate may not ask for one. */
        if (config->role == TLS_SERVER && config->client_certificate == TLS_CLIENT_CERT_REQUIRE) {
            return false;
        }
        return info->psk || config->allow_anonymous;
    }
    return config->role == TLS_CLIENT ||
           tls_credential_of_kind(config, info->certificate_key) != NULL;
}

bool tls_suite_is_configured(const struct tls_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        if (config->suites[i] == id) {
            return tls_suite_is_usable(config, id);
        }
    }
    return false;
}

bool tls_offers_agreement(const struct tls_config *config, enum tls_agreement_kind kind)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        if (tls_suite_is_usable(config, config->suites[i]) &&
            tls_key_exchange_info(tls_suite_by_id(config->suites[i])->key_exchange)->agreement ==
                kind) {
            return true;
        }
    }
    return false;
}
