/* A certificate from its bytes (RFC 5280 4.1). */
#include "x509_internal.h"

/* DEFAULT v1 must not be encoded (X.690 11.5); v3 is 2 on the wire. */
static x509_why parse_version(struct x509_certificate *cert, struct der *tbs)
{
    struct der inside;
    unsigned version;
    cert->version = 1;
    if (der_peek(tbs) != DER_CONTEXT(0))
        return NULL;
    if (!der_enter(tbs, DER_CONTEXT(0), &inside) || !der_small(&inside, 2, &version) ||
        version == 0 || !der_done(&inside))
        return "the version is not one of 1, 2, 3 (RFC 5280 4.1.2.1)";
    cert->version = (uint8_t)(version + 1);
    return NULL;
}

/* 20 octets, and one for a sign bit that is clear. */
static x509_why parse_serial(struct x509_certificate *cert, struct der *tbs)
{
    if (!der_integer(tbs, &cert->serial))
        return "the serial number is malformed (RFC 5280 4.1.2.2)";
    if (cert->serial.data[0] & 0x80)
        return "the serial number is negative (RFC 5280 4.1.2.2)";
    if (cert->serial.length > 20u + (cert->serial.data[0] == 0))
        return "the serial number is longer than 20 octets (RFC 5280 4.1.2.2)";
    return NULL;
}

static x509_why parse_names(struct x509_certificate *cert, struct der *tbs)
{
    struct der validity;
    x509_why why;
    if (!der_read_whole(tbs, DER_SEQUENCE, &cert->issuer))
        return "the issuer is missing (RFC 5280 4.1.2.4)";
    if ((why = x509_check_name(cert->issuer)))
        return why;
    if (x509_name_is_empty(cert->issuer))
        return "the issuer's name is empty (RFC 5280 4.1.2.4)";
    if (!der_enter(tbs, DER_SEQUENCE, &validity) ||
        !der_time(&validity, &cert->not_before, &cert->has_misplaced_time) ||
        !der_time(&validity, &cert->not_after, &cert->has_misplaced_time) || !der_done(&validity))
        return "the validity dates are malformed (RFC 5280 4.1.2.5)";
    if (!der_read_whole(tbs, DER_SEQUENCE, &cert->subject))
        return "the subject is missing (RFC 5280 4.1.2.6)";
    return x509_check_name(cert->subject);
}

/* issuerUniqueID and subjectUniqueID, which nobody uses, then the extensions. */
static x509_why parse_tail(struct x509_certificate *cert, struct der *tbs)
{
    struct der wrapper;
    struct x509_bytes extensions;
    for (uint8_t tag = DER_CONTEXT_PRIMITIVE(1); tag <= DER_CONTEXT_PRIMITIVE(2); tag++) {
        struct x509_bytes id, octets;
        unsigned unused;
        if (der_peek(tbs) != tag)
            continue;
        if (cert->version < 2 || !der_read(tbs, tag, &id) ||
            !der_bit_string_content(id, &octets, &unused))
            return "a unique identifier is malformed (RFC 5280 4.1.2.8)";
    }
    if (der_done(tbs))
        return NULL;
    if (!der_enter(tbs, DER_CONTEXT(3), &wrapper) ||
        !der_read(&wrapper, DER_SEQUENCE, &extensions) || !der_done(&wrapper) || !der_done(tbs))
        return "the end of the certificate is malformed (RFC 5280 4.1)";
    if (cert->version != 3)
        return "only version 3 may have extensions (RFC 5280 4.1.2.9)";
    return x509_parse_extensions(cert, extensions);
}

static x509_why parse_tbs(struct x509_certificate *cert, struct x509_bytes outer_algorithm)
{
    struct der d = der_over(cert->tbs), tbs;
    struct x509_bytes algorithm;
    x509_why why;
    if (!der_enter(&d, DER_SEQUENCE, &tbs))
        return "the certificate is not a sequence (RFC 5280 4.1)";
    if ((why = parse_version(cert, &tbs)) || (why = parse_serial(cert, &tbs)))
        return why;
    if (!der_read_whole(&tbs, DER_SEQUENCE, &algorithm) ||
        !x509_bytes_equal(algorithm, outer_algorithm))
        return "the two signature algorithms differ (RFC 5280 4.1.1.2)";
    if ((why = parse_names(cert, &tbs)))
        return why;
    if (!der_read_whole(&tbs, DER_SEQUENCE, &cert->public_key))
        return "the public key is missing (RFC 5280 4.1.2.7)";
    if ((why = x509_parse_public_key(&cert->key, cert->public_key)))
        return why;
    return parse_tail(cert, &tbs);
}

enum tls_error x509_parse(struct x509_certificate *cert, const uint8_t *der, size_t length,
                          const char **why)
{
    struct der d = der_over((struct x509_bytes){der, length}), certificate;
    struct x509_bytes algorithm;
    *cert = (struct x509_certificate){.der = {der, length},
                                      .key_usage = X509_KU_ABSENT,
                                      .allows_server = true,
                                      .allows_client = true,
                                      .require_explicit_policy = X509_NO_SKIP,
                                      .inhibit_policy_mapping = X509_NO_SKIP,
                                      .inhibit_any_policy = X509_NO_SKIP};
    *why = "the certificate is not one DER sequence of three parts (RFC 5280 4.1)";
    if (!der_enter(&d, DER_SEQUENCE, &certificate) || !der_done(&d) ||
        !der_read_whole(&certificate, DER_SEQUENCE, &cert->tbs) ||
        !der_read_whole(&certificate, DER_SEQUENCE, &algorithm))
        return TLS_ERROR_CERT_PARSE;
    if (!der_bit_string(&certificate, &cert->signature) || !der_done(&certificate)) {
        *why = "the signature is not a bit string of whole octets (RFC 5280 4.1.1.3)";
        return TLS_ERROR_CERT_PARSE;
    }
    *why = parse_tbs(cert, algorithm);
    if (*why)
        return TLS_ERROR_CERT_PARSE;
    x509_parse_algorithm(&cert->signature_algorithm, algorithm);
    return TLS_ERROR_OK;
}
