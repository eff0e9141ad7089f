/* What each certificate of a path must be on its own (RFC 5280 6.1.3, 6.1.4, RFC 2246 7.4.2), and
 * how a failure reads. */
#include "x509_internal.h"

static void name_certificate(struct x509_text *t, const struct x509_certificate *cert)
{
    char name[72];
    x509_text_add(t, "certificate ");
    x509_name_text(cert->subject, name, sizeof name);
    x509_text_add(t, name);
    x509_text_add(t, " (issuer ");
    x509_name_text(cert->issuer, name, sizeof name);
    x509_text_add(t, name);
    x509_text_add(t, ", serial ");
    x509_text_add_hex(t, cert->serial);
    x509_text_add(t, "): ");
}

bool x509_fail(struct x509_failure *failure, enum tls_error error,
               const struct x509_certificate *cert, const char *what, const char *remedy)
{
    struct x509_text t = x509_text_over(failure->detail, sizeof failure->detail);
    failure->error = error;
    name_certificate(&t, cert);
    x509_text_add(&t, what);
    x509_text_add(&t, "; ");
    x509_text_add(&t, remedy);
    x509_text_end(&t);
    return false;
}

/* "3 days", "5 hours": how far a date is away, in the largest unit that fits twice. */
static void add_span(struct x509_text *t, int64_t seconds)
{
    static const struct {
        int64_t seconds;
        const char *words;
    } units[] = {{365 * 86400, " years"}, {86400, " days"}, {3600, " hours"}, {60, " minutes"}};
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (seconds >= 2 * units[i].seconds) {
            x509_text_add_number(t, (uint64_t)(seconds / units[i].seconds));
            x509_text_add(t, units[i].words);
            return;
        }
    x509_text_add_number(t, (uint64_t)seconds);
    x509_text_add(t, seconds == 1 ? " second" : " seconds");
}

static bool check_dates(const struct x509_certificate *cert, const struct x509_rules *rules,
                        struct x509_failure *failure)
{
    char what[128];
    struct x509_text t = x509_text_over(what, sizeof what);
    bool early = rules->now < cert->not_before;
    if (!early && rules->now <= cert->not_after)
        return true;
    x509_text_add(&t, early ? "not valid before " : "expired ");
    x509_text_add_date(&t, early ? cert->not_before : cert->not_after);
    x509_text_add(&t, early ? ", in " : ", ");
    add_span(&t, early ? cert->not_before - rules->now : rules->now - cert->not_after);
    x509_text_add(&t, early ? " (RFC 5280 4.1.2.5)" : " ago (RFC 5280 4.1.2.5)");
    x509_text_end(&t);
    return early ? x509_fail(failure, TLS_ERROR_CERT_NOT_YET, cert, what,
                             "check this machine's clock")
                 : x509_fail(failure, TLS_ERROR_CERT_EXPIRED, cert, what,
                             "renew it, or check this machine's clock");
}

bool x509_rules_key(const struct x509_certificate *cert, const struct x509_rules *rules,
                    struct x509_failure *failure)
{
    char what[96];
    struct x509_text t = x509_text_over(what, sizeof what);
    if (cert->key.kind == X509_KEY_UNSUPPORTED)
        return x509_fail(failure, TLS_ERROR_CERT_UNSUPPORTED, cert,
                         "its public key is of a kind that is not supported (RFC 5280 4.1.2.7)",
                         "use a certificate with an RSA key or one on P-256");
    x509_text_add(&t, "its ");
    x509_text_add(&t, x509_key_words(&cert->key));
    if (!x509_key_is_sane(&cert->key)) {
        x509_text_add(&t, " key is not usable: a number out of bounds or a point off the curve");
        x509_text_end(&t);
        return x509_fail(failure, TLS_ERROR_CERT_WEAK_KEY, cert, what, "make a new key");
    }
    if (x509_key_is_strong(&cert->key, rules->minimum_rsa_bits))
        return true;
    x509_text_add(&t, " key is short of the strength of an RSA key of ");
    x509_text_add_number(&t, rules->minimum_rsa_bits);
    x509_text_add(&t, " bits");
    x509_text_end(&t);
    return x509_fail(failure, TLS_ERROR_CERT_WEAK_KEY, cert, what,
                     "make a longer key, or lower `minimum-strength` in the rule");
}

bool x509_rules_common(const struct x509_certificate *cert, const struct x509_rules *rules,
                       struct x509_failure *failure)
{
    if (cert->has_unknown_critical)
        return x509_fail(failure, TLS_ERROR_CERT_CRITICAL, cert,
                         "it has a critical extension that is not understood (RFC 5280 4.2)",
                         "reissue it without that extension, or mark it not critical");
    return check_dates(cert, rules, failure) && x509_rules_key(cert, rules, failure);
}

static bool check_name(const struct x509_certificate *cert, bool is_anchor,
                       const struct x509_rules *rules, struct x509_failure *failure)
{
    char sans[120], what[300];
    if (!rules->dns_name && !rules->ip.data)
        return true;
    if (cert->is_ca && !is_anchor && x509_is_self_issued(cert))
        return x509_fail(failure, TLS_ERROR_CERT_UNTRUSTED, cert,
                         "it is signed by itself and not among those that are trusted "
                         "(RFC 5280 6.1)",
                         "put it into `trust`, or pin its key, once you know that it is the peer's");
    if (cert->is_ca && !is_anchor)
        return x509_fail(failure, TLS_ERROR_CERT_KEY_USAGE, cert,
                         "it is a CA's own certificate, which names no peer (RFC 5280 4.2.1.9)",
                         "get a certificate without cA, or put this one into `trust`");
    struct x509_bytes old = x509_name_of_old(cert, rules);
    if ((rules->dns_name && x509_matches_dns(cert, rules->dns_name)) ||
        (rules->ip.data && x509_matches_ip(cert, rules->ip)) ||
        (rules->dns_name && old.data && x509_entry_matches(old, rules->dns_name)))
        return true;
    if (!cert->subject_alt_name.data && !old.data)
        return x509_fail(failure, TLS_ERROR_CERT_NAME, cert,
                         "it has no subjectAltName, and a common name does not count (RFC 9525 2)",
                         "reissue it with a subjectAltName, or set `common-name = allow` in the "
                         "rule");
    x509_san_text(cert, sans, sizeof sans);
    struct x509_text t = x509_text_over(what, sizeof what);
    x509_text_add(&t, "it is for ");
    for (size_t i = 0; old.data && i < old.length && i < 100; i++)
        x509_text_add_escaped(&t, old.data[i]);
    x509_text_add(&t, old.data && sans[0] ? " " : "");
    x509_text_add(&t, sans);
    x509_text_add(&t, ", not for ");
    if (rules->dns_name)
        for (const char *c = rules->dns_name; *c; c++)
            x509_text_add_escaped(&t, (uint8_t)*c);
    else
        x509_text_add_ip(&t, rules->ip);
    x509_text_add(&t, " (RFC 9525 6)");
    x509_text_end(&t);
    return x509_fail(failure, TLS_ERROR_CERT_NAME, cert, what,
                     "connect by one of its names, or set `verify-name` in the rule");
}

bool x509_rules_leaf(const struct x509_certificate *cert, bool is_anchor,
                     const struct x509_rules *rules, struct x509_failure *failure)
{
    bool server = rules->purpose == X509_SERVER;
    if (!x509_rules_common(cert, rules, failure))
        return false;
    if (cert->key.kind == X509_KEY_ED25519 || cert->key.kind == X509_KEY_RSA_PSS)
        return x509_fail(failure, TLS_ERROR_CERT_UNSUPPORTED, cert,
                         "TLS 1.0 has no way to authenticate with its kind of key "
                         "(RFC 8422 5.10, RFC 8446 4.2.3)",
                         "use a certificate with an RSA key or one on P-256");
    /* RSA key exchange decrypts; ephemeral key exchange and client authentication sign (RFC 2246
     * 7.4.2, RFC 4492 2). */
    unsigned usage = X509_KU_DIGITAL_SIGNATURE;
    if (server && cert->key.kind == X509_KEY_RSA)
        usage |= X509_KU_KEY_ENCIPHERMENT;
    if (!(cert->key_usage & usage))
        return x509_fail(failure, TLS_ERROR_CERT_KEY_USAGE, cert,
                         "its keyUsage allows neither signing nor key exchange (RFC 5280 4.2.1.3)",
                         "reissue it with digitalSignature and keyEncipherment");
    if (!(server ? cert->allows_server : cert->allows_client))
        return x509_fail(failure, TLS_ERROR_CERT_KEY_USAGE, cert,
                         server ? "its extendedKeyUsage is without serverAuth (RFC 5280 4.2.1.12)"
                                : "its extendedKeyUsage is without clientAuth (RFC 5280 4.2.1.12)",
                         "reissue it for that purpose");
    return check_name(cert, is_anchor, rules, failure);
}

bool x509_rules_issuer(const struct x509_certificate *cert, bool is_anchor, unsigned below,
                       const struct x509_rules *rules, struct x509_failure *failure)
{
    bool server = rules->purpose == X509_SERVER;
    if (!x509_rules_common(cert, rules, failure))
        return false;
    if (!cert->is_ca && !(is_anchor && cert->version < 3))
        return x509_fail(failure, TLS_ERROR_CERT_NOT_CA, cert,
                         "it has issued a certificate, but is no CA: basicConstraints is without "
                         "cA (RFC 5280 4.2.1.9)",
                         "get the certificate from a CA");
    if (!(cert->key_usage & X509_KU_CERT_SIGN))
        return x509_fail(failure, TLS_ERROR_CERT_KEY_USAGE, cert,
                         "its keyUsage does not allow signing certificates (RFC 5280 4.2.1.3)",
                         "reissue it with keyCertSign");
    if (cert->has_path_length && below > (unsigned)cert->path_length)
        return x509_fail(failure, TLS_ERROR_CERT_PATH_LENGTH, cert,
                         "more CAs are below it than its path length allows (RFC 5280 4.2.1.9)",
                         "reissue it with a greater path length, or shorten the chain");
    if (!(server ? cert->allows_server : cert->allows_client) && !cert->allows_any)
        return x509_fail(failure, TLS_ERROR_CERT_KEY_USAGE, cert,
                         "its extendedKeyUsage does not allow it to issue for this purpose "
                         "(RFC 5280 4.2.1.12)",
                         "use a CA for this purpose");
    return true;
}

bool x509_rules_crl_signer(const struct x509_certificate *cert, const struct x509_rules *rules,
                           struct x509_failure *failure)
{
    if (!(cert->key_usage & X509_KU_CRL_SIGN))
        return x509_fail(failure, TLS_ERROR_CERT_STATUS, cert,
                         "its keyUsage does not allow signing CRLs (RFC 5280 4.2.1.3)",
                         "reissue it with cRLSign");
    return x509_rules_common(cert, rules, failure);
}

bool x509_rules_issued(const struct x509_certificate *cert, const struct x509_rules *rules,
                       struct x509_failure *failure)
{
    if (cert->has_misplaced_time)
        return x509_fail(failure, TLS_ERROR_CERT_PARSE, cert,
                         "it has a date before 2050 that is no UTCTime (RFC 5280 4.1.2.5)",
                         "reissue it");
    if (cert->serial.length == 1 && cert->serial.data[0] == 0)
        return x509_fail(failure, TLS_ERROR_CERT_PARSE, cert,
                         "its serial number is 0 (RFC 5280 4.1.2.2)", "reissue it");
    if (cert->signature_algorithm.id == X509_SIG_UNSUPPORTED)
        return x509_fail(failure, TLS_ERROR_CERT_UNSUPPORTED, cert,
                         "it is signed with an algorithm that is not supported "
                         "(RFC 5280 4.1.1.2)",
                         "reissue it, signed with RSA or ECDSA and SHA-256");
    if (cert->signature_algorithm.id == X509_SIG_RSA_MD5)
        return x509_fail(failure, TLS_ERROR_CERT_WEAK_HASH, cert,
                         "it is signed with MD5, which can be forged (RFC 6151)",
                         "reissue it, signed with SHA-256");
    return rules->allow_sha1 || !x509_is_sha1(&cert->signature_algorithm) ||
           x509_fail(failure, TLS_ERROR_CERT_WEAK_HASH, cert,
                     "it is signed with SHA-1, which can be forged (RFC 9155)",
                     "reissue it, signed with SHA-256, or allow SHA-1 in the rule");
}
