/* The extensions of a certificate (RFC 5280 4.2): each is read whole or refused. */
#include "x509_internal.h"

enum { EXTENSIONS_MAX = 40 }; /* the most that any certificate of Debian's bundle has is 12 */

/* Each reader gets the cursor over extnValue; the caller checks that nothing is left over. */
typedef x509_why reader(struct x509_certificate *cert, struct der *value, bool critical);

static bool is_ia5(struct x509_bytes s)
{
    for (size_t i = 0; i < s.length; i++)
        if (s.data[i] == 0 || s.data[i] >= 0x80)
            return false;
    return true;
}

x509_why x509_check_general_name(const struct der_element *name)
{
    struct der inside = der_over(name->content);
    struct der_element e;
    switch (name->tag) {
    case X509_GN_EMAIL:
    case X509_GN_DNS:
    case X509_GN_URI:
        return is_ia5(name->content) ? NULL
                                     : "an alternative name has NUL or non-ASCII characters in it "
                                       "(RFC 5280 4.2.1.6)";
    case X509_GN_DIRECTORY:
        if (!der_next(&inside, &e) || !der_done(&inside))
            return "a directory name is malformed (RFC 5280 4.2.1.6)";
        return x509_check_name(e.whole);
    case X509_GN_REGISTERED_ID:
        return der_is_oid(name->content) ? NULL : "a registered ID is malformed";
    case X509_GN_IP:
    case X509_GN_OTHER:
    case X509_GN_X400:
    case X509_GN_EDI:
        return NULL;
    default:
        return "a general name is of no known form (RFC 5280 4.2.1.6)";
    }
}

static x509_why read_alternative_names(struct der *value, struct x509_bytes *names)
{
    struct der d;
    struct der_element e;
    x509_why why;
    if (!der_read(value, DER_SEQUENCE, names) || names->length == 0)
        return "the alternative names are malformed (RFC 5280 4.2.1.6)";
    for (d = der_over(*names); !der_done(&d);) {
        if (!der_next(&d, &e))
            return "the alternative names are malformed (RFC 5280 4.2.1.6)";
        if ((why = x509_check_general_name(&e)))
            return why;
        if (e.tag == X509_GN_IP && e.content.length != 4 && e.content.length != 16)
            return "an IP address has neither 4 nor 16 octets (RFC 5280 4.2.1.6)";
    }
    return NULL;
}

static x509_why read_subject_alt_name(struct x509_certificate *cert, struct der *value,
                                      bool critical)
{
    if (!critical && x509_name_is_empty(cert->subject))
        return "the subject is empty, but subjectAltName is not critical (RFC 5280 4.1.2.6)";
    if (critical && !x509_name_is_empty(cert->subject))
        cert->odd |= X509_ODD_NAMES;
    return read_alternative_names(value, &cert->subject_alt_name);
}

static x509_why read_issuer_alt_name(struct x509_certificate *cert, struct der *value,
                                     bool critical)
{
    struct x509_bytes names;
    (void)cert, (void)critical;
    return read_alternative_names(value, &names);
}

static x509_why read_basic_constraints(struct x509_certificate *cert, struct der *value,
                                       bool critical)
{
    struct der inside;
    unsigned length;
    if (!der_enter(value, DER_SEQUENCE, &inside) || !der_default_false(&inside, &cert->is_ca))
        return "basicConstraints is malformed (RFC 5280 4.2.1.9)";
    if (cert->is_ca && !critical)
        cert->odd |= X509_ODD_CA;
    if (der_done(&inside))
        return NULL;
    if (!der_small(&inside, 0x7fffffff, &length) || !der_done(&inside))
        return "basicConstraints is malformed (RFC 5280 4.2.1.9)";
    if (!cert->is_ca)
        return "a path length without cA (RFC 5280 4.2.1.9)";
    cert->has_path_length = true;
    cert->path_length = (int)length;
    return NULL;
}

static x509_why read_key_usage(struct x509_certificate *cert, struct der *value, bool critical)
{
    (void)critical;
    return der_named_bits(value, &cert->key_usage) && cert->key_usage != 0
               ? NULL
               : "keyUsage is malformed or empty (RFC 5280 4.2.1.3)";
}

static x509_why read_extended_key_usage(struct x509_certificate *cert, struct der *value,
                                        bool critical)
{
    struct der inside;
    struct x509_bytes oid;
    if (!der_enter(value, DER_SEQUENCE, &inside) || der_done(&inside))
        return "extendedKeyUsage is malformed or empty (RFC 5280 4.2.1.12)";
    cert->odd |= X509_HAS_PURPOSES | (critical ? X509_ODD_PURPOSES : 0);
    cert->allows_server = cert->allows_client = false;
    while (!der_done(&inside)) {
        if (!der_oid(&inside, &oid))
            return "extendedKeyUsage is malformed (RFC 5280 4.2.1.12)";
        enum x509_oid purpose = x509_oid_find(oid);
        cert->allows_server |= purpose == X509_OID_SERVER_AUTH;
        cert->allows_client |= purpose == X509_OID_CLIENT_AUTH;
        cert->allows_any |= purpose == X509_OID_ANY_KEY_USAGE;
        cert->allows_ocsp |= purpose == X509_OID_OCSP_SIGNING;
        if (purpose != X509_OID_SERVER_AUTH && purpose != X509_OID_CLIENT_AUTH)
            cert->odd |= X509_ODD_PURPOSES;
    }
    return NULL;
}

static x509_why read_subject_key_id(struct x509_certificate *cert, struct der *value, bool critical)
{
    if (critical)
        return "subjectKeyIdentifier is critical (RFC 5280 4.2.1.2)";
    return der_read(value, DER_OCTET_STRING, &cert->subject_key_id) &&
                   cert->subject_key_id.length > 0
               ? NULL
               : "subjectKeyIdentifier is malformed (RFC 5280 4.2.1.2)";
}

static x509_why read_authority_key_id(struct x509_certificate *cert, struct der *value,
                                      bool critical)
{
    struct der inside;
    struct x509_bytes issuer = {NULL, 0}, serial = {NULL, 0};
    static const char malformed[] = "authorityKeyIdentifier is malformed (RFC 5280 4.2.1.1)";
    if (critical)
        return "authorityKeyIdentifier is critical (RFC 5280 4.2.1.1)";
    if (!der_enter(value, DER_SEQUENCE, &inside))
        return malformed;
    if (der_peek(&inside) == DER_CONTEXT_PRIMITIVE(0) &&
        (!der_read(&inside, DER_CONTEXT_PRIMITIVE(0), &cert->authority_key_id) ||
         cert->authority_key_id.length == 0))
        return malformed;
    if (der_peek(&inside) == DER_CONTEXT(1) && !der_read(&inside, DER_CONTEXT(1), &issuer))
        return malformed;
    if (der_peek(&inside) == DER_CONTEXT_PRIMITIVE(2) &&
        (!der_read(&inside, DER_CONTEXT_PRIMITIVE(2), &serial) || !der_is_integer(serial)))
        return malformed;
    if (!cert->authority_key_id.data || issuer.data)
        cert->odd |= X509_ODD_AUTHORITY;
    return der_done(&inside) && !issuer.data == !serial.data ? NULL : malformed;
}

/* Not used, but a malformed one is not passed over. */
static x509_why read_authority_info_access(struct x509_certificate *cert, struct der *value,
                                           bool critical)
{
    struct der inside, description;
    struct x509_bytes oid;
    struct der_element e;
    (void)cert;
    if (critical)
        return "authorityInfoAccess is critical (RFC 5280 4.2.2.1)";
    if (!der_enter(value, DER_SEQUENCE, &inside) || der_done(&inside))
        return "authorityInfoAccess is malformed (RFC 5280 4.2.2.1)";
    while (!der_done(&inside))
        if (!der_enter(&inside, DER_SEQUENCE, &description) || !der_oid(&description, &oid) ||
            !der_next(&description, &e) || !der_done(&description))
            return "authorityInfoAccess is malformed (RFC 5280 4.2.2.1)";
    return NULL;
}

static x509_why read_name_constraints(struct x509_certificate *cert, struct der *value,
                                      bool critical)
{
    (void)critical;
    if (!der_read(value, DER_SEQUENCE, &cert->name_constraints))
        return "nameConstraints is malformed (RFC 5280 4.2.1.10)";
    return x509_check_constraints(cert->name_constraints);
}

static x509_why read_policies(struct x509_certificate *cert, struct der *value, bool critical)
{
    if (!der_read(value, DER_SEQUENCE, &cert->policies))
        return "certificatePolicies is malformed (RFC 5280 4.2.1.4)";
    return x509_check_policies(cert->policies, critical, &cert->has_unknown_critical);
}

static x509_why read_policy_mappings(struct x509_certificate *cert, struct der *value,
                                     bool critical)
{
    (void)critical;
    if (!der_read(value, DER_SEQUENCE, &cert->policy_mappings))
        return "policyMappings is malformed (RFC 5280 4.2.1.5)";
    return x509_check_policy_mappings(cert->policy_mappings);
}

static x509_why read_crl_points(struct x509_certificate *cert, struct der *value, bool critical)
{
    (void)critical;
    if (!der_read(value, DER_SEQUENCE, &cert->crl_points))
        return "cRLDistributionPoints is malformed (RFC 5280 4.2.1.13)";
    return x509_check_crl_points(cert->crl_points);
}

static bool read_skip(struct der *d, uint8_t tag, unsigned *skip)
{
    struct x509_bytes content;
    return der_peek(d) != tag ||
           (der_read(d, tag, &content) && der_small_content(content, X509_NO_SKIP - 1, skip));
}

static x509_why read_policy_constraints(struct x509_certificate *cert, struct der *value,
                                        bool critical)
{
    struct der inside;
    if (!critical)
        cert->odd |= X509_ODD_POLICIES;
    if (!der_enter(value, DER_SEQUENCE, &inside) || der_done(&inside) ||
        !read_skip(&inside, DER_CONTEXT_PRIMITIVE(0), &cert->require_explicit_policy) ||
        !read_skip(&inside, DER_CONTEXT_PRIMITIVE(1), &cert->inhibit_policy_mapping) ||
        !der_done(&inside))
        return "policyConstraints is malformed or empty (RFC 5280 4.2.1.11)";
    return NULL;
}

static x509_why read_inhibit_any_policy(struct x509_certificate *cert, struct der *value,
                                        bool critical)
{
    if (!critical)
        return "inhibitAnyPolicy is not critical (RFC 5280 4.2.1.14)";
    return der_small(value, X509_NO_SKIP - 1, &cert->inhibit_any_policy)
               ? NULL
               : "inhibitAnyPolicy is malformed (RFC 5280 4.2.1.14)";
}

/* RFC 7633: TLS extensions that the server promises; only status_request (5) means something. */
static x509_why read_tls_feature(struct x509_certificate *cert, struct der *value, bool critical)
{
    struct der inside;
    unsigned feature;
    if (!der_enter(value, DER_SEQUENCE, &inside))
        return "TLS feature is malformed (RFC 7633 4.1)";
    while (!der_done(&inside)) {
        if (!der_small(&inside, 0xffff, &feature))
            return "TLS feature is malformed (RFC 7633 4.1)";
        cert->must_staple |= feature == 5;
        cert->has_unknown_critical |= critical && feature != 5;
    }
    return NULL;
}

static reader *reader_of(enum x509_oid oid)
{
    switch (oid) {
    case X509_OID_SUBJECT_ALT_NAME:
        return read_subject_alt_name;
    case X509_OID_ISSUER_ALT_NAME:
        return read_issuer_alt_name;
    case X509_OID_BASIC_CONSTRAINTS:
        return read_basic_constraints;
    case X509_OID_KEY_USAGE:
        return read_key_usage;
    case X509_OID_EXTENDED_KEY_USAGE:
        return read_extended_key_usage;
    case X509_OID_SUBJECT_KEY_ID:
        return read_subject_key_id;
    case X509_OID_AUTHORITY_KEY_ID:
        return read_authority_key_id;
    case X509_OID_AUTHORITY_INFO_ACCESS:
        return read_authority_info_access;
    case X509_OID_NAME_CONSTRAINTS:
        return read_name_constraints;
    case X509_OID_CERTIFICATE_POLICIES:
        return read_policies;
    case X509_OID_POLICY_MAPPINGS:
        return read_policy_mappings;
    case X509_OID_POLICY_CONSTRAINTS:
        return read_policy_constraints;
    case X509_OID_TLS_FEATURE:
        return read_tls_feature;
    case X509_OID_CRL_DISTRIBUTION_POINTS:
        return read_crl_points;
    case X509_OID_INHIBIT_ANY_POLICY:
        return read_inhibit_any_policy;
    default:
        return NULL;
    }
}

static x509_why parse_one(struct x509_certificate *cert, struct x509_bytes oid, bool critical,
                          struct x509_bytes content)
{
    struct der value = der_over(content);
    reader *read = reader_of(x509_oid_find(oid));
    if (!read) {
        cert->has_unknown_critical |= critical;
        return NULL;
    }
    x509_why why = read(cert, &value, critical);
    if (!why && !der_done(&value))
        why = "an extension has bytes after its end (RFC 5280 4.2)";
    return why;
}

/* What extensions say about each other. */
static x509_why check_together(const struct x509_certificate *cert)
{
    if (cert->is_ca)
        return x509_name_is_empty(cert->subject) ? "a CA without a subject (RFC 5280 4.1.2.6)"
                                                 : NULL;
    if (cert->key_usage != X509_KU_ABSENT && cert->key_usage & X509_KU_CERT_SIGN)
        return "keyUsage allows signing certificates, basicConstraints does not "
               "(RFC 5280 4.2.1.9)";
    if (cert->name_constraints.data)
        return "nameConstraints without cA (RFC 5280 4.2.1.10)";
    return NULL;
}

x509_why x509_parse_extensions(struct x509_certificate *cert, struct x509_bytes content)
{
    struct der d = der_over(content), extension;
    struct x509_bytes oids[EXTENSIONS_MAX], value;
    size_t count = 0;
    bool critical;
    x509_why why;
    if (der_done(&d))
        return "the list of extensions is empty (RFC 5280 4.1.2.9)";
    while (!der_done(&d)) {
        if (count == EXTENSIONS_MAX)
            return "the certificate has more than 40 extensions";
        if (!der_enter(&d, DER_SEQUENCE, &extension) || !der_oid(&extension, &oids[count]) ||
            !der_default_false(&extension, &critical) ||
            !der_read(&extension, DER_OCTET_STRING, &value) || !der_done(&extension))
            return "an extension is malformed (RFC 5280 4.2)";
        for (size_t i = 0; i < count; i++)
            if (x509_bytes_equal(oids[i], oids[count]))
                return "an extension is there twice (RFC 5280 4.2)";
        if ((why = parse_one(cert, oids[count], critical, value)))
            return why;
        count++;
    }
    return check_together(cert);
}
