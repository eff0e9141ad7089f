#include "x509_ocsp.h"

#include "x509_internal.h"

enum { RESPONSE_MAX = 65536, RESPONDERS_MAX = 2 /* certificates in a response that are tried */ };

struct response {
    struct x509_bytes tbs, signature;
    struct x509_bytes responses;    /* SEQUENCE content of SingleResponse */
    struct x509_bytes by_name;      /* responderID: a Name, whole TLV, */
    struct x509_bytes by_key;       /* or the SHA-1 of a public key */
    struct x509_bytes certificates; /* SEQUENCE content */
    struct x509_algorithm algorithm;
};

/* RFC 6960 4.4: no extension that may be critical is understood. */
static bool check_extensions(struct der *d, uint8_t tag)
{
    struct der wrapper, list, extension;
    struct x509_bytes oid, value;
    bool critical;
    if (der_peek(d) != tag)
        return true;
    if (!der_enter(d, tag, &wrapper) || !der_enter(&wrapper, DER_SEQUENCE, &list) ||
        !der_done(&wrapper))
        return false;
    while (!der_done(&list))
        if (!der_enter(&list, DER_SEQUENCE, &extension) || !der_oid(&extension, &oid) ||
            !der_default_false(&extension, &critical) || critical ||
            !der_read(&extension, DER_OCTET_STRING, &value) || !der_done(&extension))
            return false;
    return true;
}

static bool read_responder(struct response *r, struct der *tbs)
{
    struct der id;
    if (der_enter(tbs, DER_CONTEXT(1), &id))
        return der_read_whole(&id, DER_SEQUENCE, &r->by_name) && der_done(&id) &&
               !x509_check_name(r->by_name);
    return der_enter(tbs, DER_CONTEXT(2), &id) && der_read(&id, DER_OCTET_STRING, &r->by_key) &&
           der_done(&id) && r->by_key.length == cg_hash_size(CG_SHA1);
}

/* ResponseData, 4.2.1; its version is 1, which DER leaves out. */
static bool read_data(struct response *r)
{
    struct der d = der_over(r->tbs), tbs;
    int64_t produced;
    return der_enter(&d, DER_SEQUENCE, &tbs) && read_responder(r, &tbs) &&
           der_generalized_time(&tbs, &produced) && der_read(&tbs, DER_SEQUENCE, &r->responses) &&
           check_extensions(&tbs, DER_CONTEXT(1)) && der_done(&tbs);
}

static bool read_basic(struct response *r, struct x509_bytes bytes)
{
    struct der d = der_over(bytes), basic, wrapper;
    struct x509_bytes algorithm;
    if (!der_enter(&d, DER_SEQUENCE, &basic) || !der_done(&d) ||
        !der_read_whole(&basic, DER_SEQUENCE, &r->tbs) ||
        !der_read_whole(&basic, DER_SEQUENCE, &algorithm) || !der_bit_string(&basic, &r->signature))
        return false;
    if (!der_done(&basic) &&
        (!der_enter(&basic, DER_CONTEXT(0), &wrapper) ||
         !der_read(&wrapper, DER_SEQUENCE, &r->certificates) || !der_done(&wrapper)))
        return false;
    x509_parse_algorithm(&r->algorithm, algorithm);
    return der_done(&basic) && read_data(r);
}

static const char *read_response(struct response *r, struct x509_bytes bytes)
{
    static const char malformed[] = "the OCSP response is malformed (RFC 6960 4.2.1)";
    struct der d = der_over(bytes), response, wrapper, typed;
    struct x509_bytes status, oid, basic;
    *r = (struct response){.by_name = {NULL, 0}};
    if (bytes.length > RESPONSE_MAX || !der_enter(&d, DER_SEQUENCE, &response) || !der_done(&d) ||
        !der_read(&response, DER_ENUMERATED, &status) || status.length != 1)
        return malformed;
    if (status.data[0] != 0)
        return "the OCSP responder answered with an error (RFC 6960 4.2.1)";
    if (!der_enter(&response, DER_CONTEXT(0), &wrapper) || !der_done(&response) ||
        !der_enter(&wrapper, DER_SEQUENCE, &typed) || !der_done(&wrapper) ||
        !der_oid(&typed, &oid) || x509_oid_find(oid) != X509_OID_OCSP_BASIC ||
        !der_read(&typed, DER_OCTET_STRING, &basic) || !der_done(&typed))
        return malformed;
    return read_basic(r, basic) ? NULL : malformed;
}

/* ---- whose answer is it? ---- */

static struct x509_bytes key_bits(const struct x509_certificate *cert)
{
    struct der d = der_over(cert->public_key), spki;
    struct x509_bytes algorithm, bits = {NULL, 0};
    if (der_enter(&d, DER_SEQUENCE, &spki) && der_read(&spki, DER_SEQUENCE, &algorithm))
        (void)der_bit_string(&spki, &bits);
    return bits;
}

static bool hash_is(enum cg_hash_id hash, struct x509_bytes of, struct x509_bytes wanted)
{
    uint8_t digest[CG_HASH_MAX];
    if (wanted.length != cg_hash_size(hash))
        return false;
    cg_hash_once(hash, of.data, of.length, digest);
    return memcmp(digest, wanted.data, wanted.length) == 0;
}

static bool is_responder(const struct response *r, const struct x509_certificate *cert)
{
    return r->by_name.data ? x509_names_equal(r->by_name, cert->subject)
                           : hash_is(CG_SHA1, key_bits(cert), r->by_key);
}

static bool has_signed(const struct response *r, const struct x509_certificate *cert)
{
    return is_responder(r, cert) &&
           x509_signature_holds(&cert->key, &r->algorithm, r->tbs, r->signature);
}

/* 4.2.2.2: issued by the CA itself, for OCSPSigning. */
static bool is_delegate(const struct x509_certificate *cert, const struct x509_certificate *issuer,
                        const struct x509_rules *rules)
{
    struct x509_failure why;
    return cert->allows_ocsp && cert->key_usage & X509_KU_DIGITAL_SIGNATURE &&
           x509_names_equal(cert->issuer, issuer->subject) &&
           x509_rules_common(cert, rules, &why) && x509_rules_issued(cert, rules, &why) &&
           x509_signature_holds(&issuer->key, &cert->signature_algorithm, cert->tbs,
                                cert->signature);
}

static bool is_signed(const struct response *r, const struct x509_certificate *issuer,
                      const struct x509_rules *rules)
{
    struct der d = der_over(r->certificates);
    struct x509_certificate cert;
    struct x509_bytes whole;
    const char *why;
    if (!x509_allows_algorithm(&r->algorithm, rules))
        return false;
    if (has_signed(r, issuer))
        return true;
    for (unsigned tried = 0; tried < RESPONDERS_MAX && !der_done(&d); tried++) {
        if (!der_read_whole(&d, DER_SEQUENCE, &whole) ||
            x509_parse(&cert, whole.data, whole.length, &why) != TLS_ERROR_OK)
            return false;
        if (is_responder(r, &cert) && is_delegate(&cert, issuer, rules))
            return has_signed(r, &cert);
    }
    return false;
}

/* ---- which certificate is it about, and what does it say? ---- */

static bool read_certificate_id(struct der *single, const struct x509_certificate *cert,
                                const struct x509_certificate *issuer, bool *matches)
{
    struct der id;
    struct x509_bytes name, key, serial;
    enum cg_hash_id hash;
    struct x509_bytes whole;
    if (!der_enter(single, DER_SEQUENCE, &id) || !der_read_whole(&id, DER_SEQUENCE, &whole) ||
        !der_read(&id, DER_OCTET_STRING, &name) || !der_read(&id, DER_OCTET_STRING, &key) ||
        !der_integer(&id, &serial) || !der_done(&id))
        return false;
    *matches = x509_parse_hash(whole, &hash) && x509_bytes_equal(serial, cert->serial) &&
               hash_is(hash, issuer->subject, name) && hash_is(hash, key_bits(issuer), key);
    return true;
}

struct answer {
    uint8_t status; /* the tag: [0] good, [1] revoked, [2] unknown */
    int64_t this_update, next_update;
    bool has_next_update, matches;
};

static bool next_answer(struct der *responses, const struct x509_certificate *cert,
                        const struct x509_certificate *issuer, struct answer *a)
{
    struct der single, inside;
    struct der_element status;
    *a = (struct answer){.status = 0};
    if (!der_enter(responses, DER_SEQUENCE, &single) ||
        !read_certificate_id(&single, cert, issuer, &a->matches) || !der_next(&single, &status) ||
        !der_generalized_time(&single, &a->this_update))
        return false;
    a->status = status.tag;
    if (der_peek(&single) == DER_CONTEXT(0)) {
        if (!der_enter(&single, DER_CONTEXT(0), &inside) ||
            !der_generalized_time(&inside, &a->next_update) || !der_done(&inside))
            return false;
        a->has_next_update = true;
    }
    return check_extensions(&single, DER_CONTEXT(1)) && der_done(&single);
}

static const char *find_answer(const struct response *r, const struct x509_certificate *cert,
                               const struct x509_certificate *issuer,
                               const struct x509_rules *rules, struct answer *a)
{
    struct der d = der_over(r->responses);
    while (!der_done(&d)) {
        if (!next_answer(&d, cert, issuer, a))
            return "an answer in the OCSP response is malformed (RFC 6960 4.2.1)";
        if (!a->matches)
            continue;
        if (rules->now < a->this_update || !a->has_next_update || rules->now > a->next_update)
            return "the OCSP response is out of date (RFC 6960 4.2.2.1)";
        return NULL;
    }
    return "the OCSP response is about another certificate (RFC 6960 3.2)";
}

int64_t x509_ocsp_until(struct x509_bytes response, const struct x509_certificate *cert,
                        const struct x509_certificate *issuer)
{
    struct response r;
    struct answer a;
    if (read_response(&r, response))
        return 0;
    for (struct der d = der_over(r.responses); !der_done(&d);) {
        if (!next_answer(&d, cert, issuer, &a))
            return 0;
        if (a.matches)
            return a.has_next_update ? a.next_update : 0;
    }
    return 0;
}

bool x509_ocsp_issuer(struct x509_certificate *issuer, struct x509_bytes name,
                      struct x509_bytes public_key)
{
    *issuer = (struct x509_certificate){.subject = name, .public_key = public_key};
    return !x509_parse_public_key(&issuer->key, public_key);
}

enum x509_ocsp x509_ocsp_check(struct x509_bytes response, const struct x509_certificate *cert,
                               const struct x509_certificate *issuer,
                               const struct x509_rules *rules, const char **why)
{
    struct response r;
    struct answer a;
    if ((*why = read_response(&r, response)) || (*why = find_answer(&r, cert, issuer, rules, &a)))
        return X509_OCSP_SILENT;
    if (!is_signed(&r, issuer, rules)) {
        *why = "the OCSP response is not signed by the certificate's CA or its responder "
               "(RFC 6960 4.2.2.2)";
        return X509_OCSP_SILENT;
    }
    if (a.status == DER_CONTEXT_PRIMITIVE(0))
        return X509_OCSP_GOOD;
    if (a.status == DER_CONTEXT(1))
        return X509_OCSP_REVOKED;
    *why = "the OCSP responder does not know the certificate (RFC 6960 2.2)";
    return X509_OCSP_SILENT;
}
