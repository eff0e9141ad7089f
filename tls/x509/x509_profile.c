/* The strict profile: what RFC 5280 section 4 and the CA/Browser Forum's Baseline Requirements (BR)
 * forbid CAs to write, beyond what the validation of a path (section 6) asks for. Nothing of this
 * guards against a known attack; it tells certificates made with care from others. */
#include "x509_internal.h"

#include "../../crypto_glue/cg_rsa.h"

static bool refuse(struct x509_failure *failure, enum tls_error error,
                   const struct x509_certificate *cert, const char *what)
{
    return x509_fail(failure, error, cert, what,
                     "reissue it by the rules, or use `certificate-profile = basic`");
}

static bool check_key(const struct x509_certificate *cert, struct x509_failure *failure)
{
    if (cert->key.kind == X509_KEY_DSA)
        return refuse(failure, TLS_ERROR_CERT_WEAK_KEY, cert, "its key is a DSA key (BR 6.1.5)");
    if ((cert->key.kind == X509_KEY_RSA || cert->key.kind == X509_KEY_RSA_PSS) &&
        cg_rsa_bits(&cert->key.rsa) % 8 != 0)
        return refuse(failure, TLS_ERROR_CERT_WEAK_KEY, cert,
                      "its RSA modulus is not a whole number of octets (BR 6.1.5)");
    return true;
}

bool x509_profile_leaf(const struct x509_certificate *cert, struct x509_failure *failure)
{
    if (cert->odd & X509_ODD_NAMES)
        return refuse(failure, TLS_ERROR_CERT_CRITICAL, cert,
                      "its subjectAltName is critical although it has a subject "
                      "(RFC 5280 4.2.1.6)");
    if (cert->odd & X509_ODD_PURPOSES)
        return refuse(failure, TLS_ERROR_CERT_KEY_USAGE, cert,
                      "its extendedKeyUsage is critical or names purposes besides serverAuth and "
                      "clientAuth (BR 7.1.2.7.10)");
    return check_key(cert, failure);
}

/* A self-signed certificate that is an anchor: BR 7.1.2.1. */
static bool check_root(const struct x509_certificate *root, struct x509_failure *failure)
{
    /* In CAs below, NIST's PKITS (4.6.4) has it accepted. */
    if (root->odd & X509_ODD_CA)
        return refuse(failure, TLS_ERROR_CERT_NOT_CA, root,
                      "it is a root whose basicConstraints is not critical (RFC 5280 4.2.1.9)");
    if (root->odd & X509_HAS_PURPOSES)
        return refuse(failure, TLS_ERROR_CERT_KEY_USAGE, root,
                      "it is a root with extendedKeyUsage (BR 7.1.2.1.2)");
    if (root->odd & X509_ODD_AUTHORITY ||
        (root->authority_key_id.data &&
         !x509_bytes_equal(root->authority_key_id, root->subject_key_id)))
        return refuse(failure, TLS_ERROR_CERT_UNTRUSTED, root,
                      "it is a root whose authorityKeyIdentifier is not its own key's identifier "
                      "alone (BR 7.1.2.1.3)");
    return true;
}

/* RFC 5280 4.2.1.1 and 4.2.1.2 want both identifiers always. Refused is only who writes one and
 * leaves out the other: a certificate with an identifier of its own, but none of its issuer's key,
 * or with one of its issuer's key, which that issuer does not have. */
static bool has_authority(const struct x509_certificate *cert, struct x509_failure *failure)
{
    return cert->authority_key_id.data || !cert->subject_key_id.data || x509_is_self_issued(cert) ||
           refuse(failure, TLS_ERROR_CERT_UNTRUSTED, cert,
                  "it has a subjectKeyIdentifier, but no authorityKeyIdentifier "
                  "(RFC 5280 4.2.1.1)");
}

bool x509_profile_pair(const struct x509_certificate *child, const struct x509_certificate *issuer,
                       bool is_anchor, struct x509_failure *failure)
{
    if (!has_authority(child, failure) || (is_anchor && !has_authority(issuer, failure)))
        return false;
    if (child->authority_key_id.data && !issuer->subject_key_id.data && issuer->version == 3)
        return refuse(failure, TLS_ERROR_CERT_UNTRUSTED, issuer,
                      "it is a CA without a subjectKeyIdentifier (RFC 5280 4.2.1.2)");
    if (is_anchor && x509_is_self_issued(issuer) && !check_root(issuer, failure))
        return false;
    /* Beside policies NIST's PKITS has it accepted. */
    if (issuer->odd & X509_ODD_POLICIES && !issuer->policies.data)
        return refuse(failure, TLS_ERROR_CERT_CRITICAL, issuer,
                      "its policyConstraints is not critical (RFC 5280 4.2.1.11)");
    return check_key(issuer, failure);
}
