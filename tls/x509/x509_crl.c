#include "x509_crl.h"

#include "x509_internal.h"

struct entry {
    struct x509_bytes serial; /* INTEGER content */
    struct x509_bytes issuer; /* a directory name that begins a run of entries of another issuer */
    unsigned reason;
    bool has_unknown_critical;
};

static bool next_extension(struct der *extensions, enum x509_oid *id, bool *critical,
                           struct x509_bytes *value)
{
    struct der extension;
    struct x509_bytes oid;
    if (!der_enter(extensions, DER_SEQUENCE, &extension) || !der_oid(&extension, &oid) ||
        !der_default_false(&extension, critical) ||
        !der_read(&extension, DER_OCTET_STRING, value) || !der_done(&extension))
        return false;
    *id = x509_oid_find(oid);
    return true;
}

/* The directory name among GeneralNames, by which indirect lists name issuers. */
static bool read_certificate_issuer(struct der *value, struct x509_bytes *issuer)
{
    struct der names, inside;
    struct der_element e;
    if (!der_enter(value, DER_SEQUENCE, &names))
        return false;
    while (!der_done(&names)) {
        if (!der_next(&names, &e))
            return false;
        inside = der_over(e.content);
        if (e.tag == X509_GN_DIRECTORY && !der_read_whole(&inside, DER_SEQUENCE, issuer))
            return false;
    }
    return issuer->data && !x509_check_name(*issuer);
}

static bool read_entry_extension(struct entry *entry, enum x509_oid id, bool critical,
                                 struct x509_bytes content)
{
    struct der value = der_over(content);
    struct x509_bytes reason;
    switch (id) {
    case X509_OID_CRL_REASON:
        return der_read(&value, DER_ENUMERATED, &reason) &&
               der_small_content(reason, 10, &entry->reason) && der_done(&value);
    case X509_OID_CERTIFICATE_ISSUER:
        return read_certificate_issuer(&value, &entry->issuer) && der_done(&value);
    case X509_OID_INVALIDITY_DATE:
        return true;
    default:
        entry->has_unknown_critical |= critical;
        return true;
    }
}

/* RFC 5280 5.3. A date that should be UTCTime is let pass: nothing is decided by it. */
static bool next_entry(struct der *entries, struct entry *entry)
{
    struct der inside, extensions;
    struct x509_bytes value;
    enum x509_oid id;
    int64_t date;
    bool critical, misplaced = false;
    *entry = (struct entry){.reason = 0};
    if (!der_enter(entries, DER_SEQUENCE, &inside) || !der_integer(&inside, &entry->serial) ||
        !der_time(&inside, &date, &misplaced))
        return false;
    if (der_done(&inside))
        return true;
    if (!der_enter(&inside, DER_SEQUENCE, &extensions) || der_done(&extensions))
        return false;
    while (!der_done(&extensions))
        if (!next_extension(&extensions, &id, &critical, &value) ||
            !read_entry_extension(entry, id, critical, value))
            return false;
    return der_done(&inside);
}

static x509_why check_entries(struct x509_crl *crl)
{
    struct der d = der_over(crl->revoked);
    struct entry entry;
    if (crl->revoked.data && der_done(&d))
        return "the CRL's list is there, but empty (RFC 5280 5.1.2.6)";
    while (!der_done(&d)) {
        if (!next_entry(&d, &entry))
            return "an entry of the CRL is malformed (RFC 5280 5.3)";
        crl->has_unknown_critical |= entry.has_unknown_critical;
    }
    return NULL;
}

static bool read_flag(struct der *d, unsigned number, bool *flag)
{
    struct x509_bytes content;
    if (der_peek(d) != DER_CONTEXT_PRIMITIVE(number))
        return true;
    return der_read(d, (uint8_t)DER_CONTEXT_PRIMITIVE(number), &content) &&
           der_boolean_content(content, flag);
}

/* RFC 5280 5.2.5. */
static bool read_scope(struct x509_crl *crl, struct der *value)
{
    struct der d;
    struct x509_bytes reasons;
    crl->scope = (struct x509_bytes){value->at, (size_t)(value->end - value->at)};
    if (!der_enter(value, DER_SEQUENCE, &d))
        return false;
    if (der_peek(&d) == DER_CONTEXT(0) && !der_read(&d, DER_CONTEXT(0), &crl->point))
        return false;
    if (!read_flag(&d, 1, &crl->only_users) || !read_flag(&d, 2, &crl->only_cas))
        return false;
    if (der_peek(&d) == DER_CONTEXT_PRIMITIVE(3) &&
        !(der_read(&d, DER_CONTEXT_PRIMITIVE(3), &reasons) &&
          der_named_bits_content(reasons, &crl->reasons)))
        return false;
    crl->reasons &= X509_REASONS_ALL;
    return read_flag(&d, 4, &crl->is_indirect) && read_flag(&d, 5, &crl->only_attributes) &&
           der_done(&d) && crl->only_users + crl->only_cas + crl->only_attributes <= 1;
}

static bool read_key_id(struct x509_crl *crl, struct der *value)
{
    struct der d;
    struct der_element e;
    if (!der_enter(value, DER_SEQUENCE, &d))
        return false;
    if (der_peek(&d) == DER_CONTEXT_PRIMITIVE(0) &&
        !der_read(&d, DER_CONTEXT_PRIMITIVE(0), &crl->authority_key_id))
        return false;
    while (!der_done(&d))
        if (!der_next(&d, &e))
            return false;
    return true;
}

static bool read_crl_extension(struct x509_crl *crl, enum x509_oid id, bool critical,
                               struct x509_bytes content)
{
    struct der value = der_over(content);
    switch (id) {
    case X509_OID_CRL_NUMBER:
        return !critical && der_unsigned(&value, &crl->number) && der_done(&value);
    case X509_OID_DELTA_CRL:
        return der_unsigned(&value, &crl->base_number) && der_done(&value);
    case X509_OID_ISSUING_DISTRIBUTION_POINT:
        return read_scope(crl, &value) && der_done(&value);
    case X509_OID_AUTHORITY_KEY_ID:
        return read_key_id(crl, &value) && der_done(&value);
    default:
        crl->has_unknown_critical |= critical;
        return true;
    }
}

static x509_why read_crl_extensions(struct x509_crl *crl, struct der *tbs)
{
    struct der wrapper, extensions;
    struct x509_bytes value;
    enum x509_oid id;
    bool critical;
    uint64_t seen = 0; /* by OID; those not known may repeat, they decide nothing */
    _Static_assert(X509_OID_ISSUING_DISTRIBUTION_POINT < 64 && X509_OID_AUTHORITY_KEY_ID < 64 &&
                       X509_OID_CRL_NUMBER < 64 && X509_OID_DELTA_CRL < 64,
                   "one bit for each");
    if (der_done(tbs))
        return NULL;
    if (!der_enter(tbs, DER_CONTEXT(0), &wrapper) ||
        !der_enter(&wrapper, DER_SEQUENCE, &extensions) || !der_done(&wrapper) || !der_done(tbs))
        return "the CRL's extensions are malformed (RFC 5280 5.2)";
    while (!der_done(&extensions)) {
        if (!next_extension(&extensions, &id, &critical, &value) ||
            !read_crl_extension(crl, id, critical, value))
            return "an extension of the CRL is malformed (RFC 5280 5.2)";
        if (id == X509_OID_UNKNOWN || id >= 64)
            continue;
        if (seen >> id & 1)
            return "an extension of the CRL is there twice (RFC 5280 5.2)";
        seen |= UINT64_C(1) << id;
    }
    return NULL;
}

static x509_why parse_tbs(struct x509_crl *crl, struct x509_bytes outer_algorithm)
{
    struct der d = der_over(crl->tbs), tbs;
    struct x509_bytes algorithm;
    unsigned version = 0;
    bool misplaced = false;
    x509_why why;
    if (!der_enter(&d, DER_SEQUENCE, &tbs) ||
        (der_peek(&tbs) == DER_INTEGER && (!der_small(&tbs, 1, &version) || version != 1)))
        return "the CRL's version is not 2 (RFC 5280 5.1.2.1)";
    if (!der_read_whole(&tbs, DER_SEQUENCE, &algorithm) ||
        !x509_bytes_equal(algorithm, outer_algorithm))
        return "the CRL's two signature algorithms differ (RFC 5280 5.1.1.2)";
    if (!der_read_whole(&tbs, DER_SEQUENCE, &crl->issuer) || (why = x509_check_name(crl->issuer)) ||
        x509_name_is_empty(crl->issuer))
        return "the CRL's issuer is malformed (RFC 5280 5.1.2.3)";
    uint8_t next = 0;
    if (der_time(&tbs, &crl->this_update, &misplaced))
        next = der_peek(&tbs);
    else
        misplaced = true;
    crl->has_next_update = next == DER_UTC_TIME || next == DER_GENERALIZED_TIME;
    if (crl->has_next_update && !der_time(&tbs, &crl->next_update, &misplaced))
        misplaced = true;
    if (misplaced)
        return "the CRL's dates are malformed (RFC 5280 5.1.2.4)";
    if (der_peek(&tbs) == DER_SEQUENCE && !der_read(&tbs, DER_SEQUENCE, &crl->revoked))
        return "the CRL's list is malformed (RFC 5280 5.1.2.6)";
    if ((why = check_entries(crl)))
        return why;
    return read_crl_extensions(crl, &tbs);
}

enum tls_error x509_crl_parse(struct x509_crl *crl, const uint8_t *der, size_t length,
                              const char **why)
{
    struct der d = der_over((struct x509_bytes){der, length}), list;
    struct x509_bytes algorithm;
    *crl = (struct x509_crl){.der = {der, length}, .reasons = X509_REASONS_ALL};
    *why = "the CRL is not one DER sequence of three parts (RFC 5280 5.1)";
    if (!der_enter(&d, DER_SEQUENCE, &list) || !der_done(&d) ||
        !der_read_whole(&list, DER_SEQUENCE, &crl->tbs) ||
        !der_read_whole(&list, DER_SEQUENCE, &algorithm) ||
        !der_bit_string(&list, &crl->signature) || !der_done(&list))
        return TLS_ERROR_CERT_PARSE;
    *why = parse_tbs(crl, algorithm);
    if (*why)
        return TLS_ERROR_CERT_PARSE;
    x509_parse_algorithm(&crl->signature_algorithm, algorithm);
    return TLS_ERROR_OK;
}

bool x509_crl_find(const struct x509_crl *crl, struct x509_bytes issuer, struct x509_bytes serial,
                   unsigned *reason)
{
    struct der d = der_over(crl->revoked);
    struct entry entry;
    struct x509_bytes run_of = crl->issuer;
    while (!der_done(&d) && next_entry(&d, &entry)) {
        if (entry.issuer.data)
            run_of = entry.issuer;
        if (!x509_bytes_equal(entry.serial, serial) || !x509_names_equal(run_of, issuer))
            continue;
        *reason = entry.reason;
        return true;
    }
    return false;
}
