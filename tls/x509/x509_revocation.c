/* Is a certificate revoked? RFC 5280 6.3.3: which CRLs speak of it, who may sign them, what they
 * say. */
#include "x509_crl.h"
#include "x509_internal.h"
#include "x509_ocsp.h"

enum status { NOT_SAID, NOT_REVOKED, REVOKED };

/* Where a certificate says that its CRL is to be found, 4.2.1.13. */
struct point {
    struct x509_bytes name;       /* DistributionPointName, its [0] or [1] whole; or absent */
    struct x509_bytes crl_issuer; /* GeneralNames content; or absent */
    uint16_t reasons;
};

/* ---- syntax ---- */

static bool check_point_name(struct x509_bytes name)
{
    struct der d = der_over(name), inside;
    struct der_element e;
    bool full = der_peek(&d) == DER_CONTEXT(0);
    if (!der_enter(&d, full ? DER_CONTEXT(0) : DER_CONTEXT(1), &inside) || !der_done(&d) ||
        der_done(&inside))
        return false;
    while (!der_done(&inside))
        if (!der_next(&inside, &e) || (full && x509_check_general_name(&e)))
            return false;
    return true;
}

static bool next_point(struct der *points, struct point *p)
{
    struct der d, names;
    struct der_element e;
    struct x509_bytes reasons;
    *p = (struct point){.reasons = X509_REASONS_ALL};
    if (!der_enter(points, DER_SEQUENCE, &d))
        return false;
    if (der_peek(&d) == DER_CONTEXT(0) &&
        !(der_read(&d, DER_CONTEXT(0), &p->name) && check_point_name(p->name)))
        return false;
    if (der_peek(&d) == DER_CONTEXT_PRIMITIVE(1) &&
        !(der_read(&d, DER_CONTEXT_PRIMITIVE(1), &reasons) &&
          der_named_bits_content(reasons, &p->reasons)))
        return false;
    if (der_peek(&d) == DER_CONTEXT(2) && !der_read(&d, DER_CONTEXT(2), &p->crl_issuer))
        return false;
    p->reasons &= X509_REASONS_ALL;
    for (names = der_over(p->crl_issuer); !der_done(&names);)
        if (!der_next(&names, &e) || x509_check_general_name(&e))
            return false;
    return der_done(&d) && (p->name.data || p->crl_issuer.length > 0);
}

x509_why x509_check_crl_points(struct x509_bytes crl_points)
{
    struct der d = der_over(crl_points);
    struct point p;
    if (der_done(&d))
        return "cRLDistributionPoints is empty (RFC 5280 4.2.1.13)";
    while (!der_done(&d))
        if (!next_point(&d, &p))
            return "cRLDistributionPoints is malformed (RFC 5280 4.2.1.13)";
    return NULL;
}

/* ---- does a CRL speak of a certificate? ---- */

/* GeneralNames content that holds this directory name. */
static bool has_directory(struct x509_bytes names, struct x509_bytes directory)
{
    struct der d = der_over(names), inside;
    struct der_element e;
    while (!der_done(&d) && der_next(&d, &e)) {
        inside = der_over(e.content);
        struct x509_bytes name;
        if (e.tag == X509_GN_DIRECTORY && der_read_whole(&inside, DER_SEQUENCE, &name) &&
            x509_names_equal(name, directory))
            return true;
    }
    return false;
}

static bool have_common(struct x509_bytes a, struct x509_bytes b)
{
    struct der d = der_over(a), inside;
    struct der_element e, f;
    struct x509_bytes name;
    while (!der_done(&d) && der_next(&d, &e)) {
        inside = der_over(e.content);
        if (e.tag == X509_GN_DIRECTORY) {
            if (der_read_whole(&inside, DER_SEQUENCE, &name) && has_directory(b, name))
                return true;
            continue;
        }
        for (struct der other = der_over(b); !der_done(&other) && der_next(&other, &f);)
            if (x509_bytes_equal(e.whole, f.whole))
                return true;
    }
    return false;
}

/* A DistributionPointName as GeneralNames: nameRelativeToCRLIssuer is put after the CRL issuer's
 * name, into room. */
static struct x509_bytes point_names(struct x509_bytes point, struct x509_bytes crl_issuer,
                                     uint8_t *room, size_t size)
{
    struct der d = der_over(point);
    struct x509_bytes content = {NULL, 0};
    if (der_read(&d, DER_CONTEXT(0), &content) || !der_read(&d, DER_CONTEXT(1), &content))
        return content;
    enum { HEADER = 4 }; /* [4], two octets of length: not minimal perhaps, and never parsed */
    size_t n =
        size > HEADER ? x509_name_extended(crl_issuer, content, room + HEADER, size - HEADER) : 0;
    if (n == 0)
        return (struct x509_bytes){NULL, 0};
    size_t start = n < 128 ? 2 : n < 256 ? 1 : 0;
    room[start] = X509_GN_DIRECTORY;
    if (n >= 128)
        room[start + 1] = n < 256 ? 0x81 : 0x82;
    if (n >= 256)
        room[2] = (uint8_t)(n >> 8);
    room[3] = (uint8_t)n;
    return (struct x509_bytes){room + start, n + HEADER - start};
}

/* 6.3.3 b. An implied point, that of the issuer itself, has neither name nor crl_issuer. */
static bool is_in_scope(const struct x509_crl *crl, const struct x509_certificate *cert,
                        const struct point *point)
{
    uint8_t room[1024], other_room[1024];
    if (point->crl_issuer.data ? !crl->is_indirect || !has_directory(point->crl_issuer, crl->issuer)
                               : !x509_names_equal(crl->issuer, cert->issuer))
        return false;
    if (crl->only_attributes || (crl->only_users && cert->is_ca) || (crl->only_cas && !cert->is_ca))
        return false;
    if (!crl->point.data)
        return true;
    struct x509_bytes ours = point_names(crl->point, crl->issuer, room, sizeof room);
    if (point->name.data)
        return have_common(ours,
                           point_names(point->name, crl->issuer, other_room, sizeof other_room));
    return point->crl_issuer.data ? have_common(ours, point->crl_issuer)
                                  : has_directory(ours, cert->issuer);
}

static bool is_usable(const struct x509_crl *crl, const struct x509_rules *rules)
{
    if (rules->strict && !crl->number.data) /* 5.2.3 */
        return false;
    return !crl->has_unknown_critical && crl->has_next_update && crl->this_update <= rules->now &&
           rules->now <= crl->next_update && crl->signature_algorithm.id != X509_SIG_UNSUPPORTED &&
           crl->signature_algorithm.id != X509_SIG_RSA_MD5 &&
           (rules->allow_sha1 || !x509_is_sha1(&crl->signature_algorithm));
}

/* ---- who signed it? ---- */

enum { NESTED_MAX = 2 }; /* searches for signers of CRLs about signers of CRLs */

struct signer {
    const struct x509_certificate *cert;
    struct x509_key key;
};

static bool has_signed(struct x509_search *s, const struct x509_crl *crl, const struct signer *by)
{
    if (crl->authority_key_id.data && by->cert->subject_key_id.data &&
        !x509_bytes_equal(crl->authority_key_id, by->cert->subject_key_id))
        return false;
    return x509_names_equal(by->cert->subject, crl->issuer) &&
           x509_rules_crl_signer(by->cert, s->rules, &s->work->why) &&
           x509_check_signature(s->work, &by->key, &crl->signature_algorithm, crl->tbs,
                                crl->signature);
}

/* A certificate that the peer sent, off the path: it needs a path of its own, to the same anchor.
 */
static bool is_valid_signer(const struct x509_search *s, const struct x509_certificate *cert,
                            const struct x509_certificate *anchor)
{
    struct x509_search nested = *s;
    if (s->nested == NESTED_MAX)
        return false;
    nested.nested++;
    nested.may_vouch = false;
    nested.anchor = anchor;
    nested.failure = &s->work->why;
    nested.progress = 0;
    nested.path[0] = cert;
    return x509_find_path(&nested);
}

/* The issuer on the path itself, or its anchor, or another certificate that the peer sent. */
static bool find_signer(struct x509_search *s, const struct x509_crl *crl, size_t at, size_t count,
                        struct signer *signer)
{
    const struct x509_certificate *anchor = s->path[count - 1];
    *signer = (struct signer){s->path[at + 1], x509_working_key(s, at + 1, count)};
    if (has_signed(s, crl, signer))
        return true;
    *signer = (struct signer){anchor, anchor->key};
    if (at + 1 < count - 1 && has_signed(s, crl, signer))
        return true;
    for (size_t i = 0; i < s->count; i++) {
        const struct x509_certificate *other = &s->chain[i];
        *signer = (struct signer){other, other->key};
        if (other != s->path[at + 1] && has_signed(s, crl, signer) &&
            ((s->may_vouch && other == s->path[0]) || is_valid_signer(s, other, anchor)))
            return true;
    }
    return false;
}

/* ---- what it says ---- */

/* Magnitudes without leading zeros. */
static int compare_numbers(struct x509_bytes a, struct x509_bytes b)
{
    if (a.length != b.length)
        return a.length < b.length ? -1 : 1;
    return a.length ? memcmp(a.data, b.data, a.length) : 0;
}

/* 6.3.3 c, and RFC 5280 5.2.4. */
static bool is_delta_of(const struct x509_crl *delta, const struct x509_crl *crl)
{
    return delta->base_number.data && delta->number.data && crl->number.data &&
           x509_names_equal(delta->issuer, crl->issuer) &&
           x509_bytes_equal(delta->scope, crl->scope) &&
           x509_bytes_equal(delta->authority_key_id, crl->authority_key_id) &&
           compare_numbers(delta->base_number, crl->number) <= 0 &&
           compare_numbers(crl->number, delta->number) < 0;
}

static enum status look_up(struct x509_search *s, const struct x509_crl *crl,
                           const struct x509_certificate *cert, const struct signer *signer)
{
    unsigned reason;
    const struct x509_rules *rules = s->rules;
    for (size_t i = 0; i < rules->crl_count; i++) {
        const struct x509_crl *delta = &rules->crls[i];
        if (is_delta_of(delta, crl) && is_usable(delta, rules) && has_signed(s, delta, signer) &&
            x509_crl_find(delta, cert->issuer, cert->serial, &reason))
            return reason == X509_CRL_REMOVE ? NOT_REVOKED : REVOKED;
    }
    return x509_crl_find(crl, cert->issuer, cert->serial, &reason) ? REVOKED : NOT_REVOKED;
}

/* All CRLs that speak of cert through this point; *reasons gathers what they cover. */
static bool is_revoked_at(struct x509_search *s, const struct point *point, size_t at, size_t count,
                          uint16_t *reasons)
{
    const struct x509_rules *rules = s->rules;
    const struct x509_certificate *cert = s->path[at];
    for (size_t i = 0; i < rules->crl_count && *reasons != X509_REASONS_ALL; i++) {
        const struct x509_crl *crl = &rules->crls[i];
        uint16_t covered = crl->reasons & point->reasons;
        if (crl->base_number.data || !(covered & ~*reasons) || !is_usable(crl, rules) ||
            !is_in_scope(crl, cert, point))
            continue;
        struct signer signer;
        if (!find_signer(s, crl, at, count, &signer))
            continue;
        if (look_up(s, crl, cert, &signer) == REVOKED)
            return true;
        *reasons |= covered;
    }
    return false;
}

static enum status ask_lists(struct x509_search *s, size_t at, size_t count)
{
    const struct point implied = {.reasons = X509_REASONS_ALL};
    struct der d = der_over(s->path[at]->crl_points);
    struct point point;
    uint16_t reasons = 0;
    while (!der_done(&d) && next_point(&d, &point))
        if (is_revoked_at(s, &point, at, count, &reasons))
            return REVOKED;
    if (is_revoked_at(s, &implied, at, count, &reasons))
        return REVOKED;
    return reasons == X509_REASONS_ALL ? NOT_REVOKED : NOT_SAID;
}

/* The signer of a CRL may be spoken of by that very CRL alone (NIST's PKITS has it so); then this
 * search is the one that finds its path. Whoever else speaks of it is asked first. */
static enum status status_of(struct x509_search *s, size_t at, size_t count)
{
    enum status status = ask_lists(s, at, count);
    if (status != NOT_SAID || s->nested == 0)
        return status;
    s->may_vouch = true;
    status = ask_lists(s, at, count);
    s->may_vouch = false;
    return status;
}

static bool refuse_revoked(const struct x509_certificate *cert, struct x509_failure *failure)
{
    return x509_fail(failure, TLS_ERROR_CERT_REVOKED, cert,
                     "its CA has revoked it (RFC 5280 6.3, RFC 6960)", "get a new certificate");
}

/* *is_known: the response says that the leaf is good. */
static bool check_staple(struct x509_search *s, struct x509_failure *failure, bool *is_known)
{
    const struct x509_certificate *leaf = s->path[0];
    const struct x509_rules *rules = s->rules;
    const char *why;
    *is_known = false;
    if (!rules->ocsp.data)
        return !(leaf->must_staple && rules->ocsp_requested) ||
               x509_fail(failure, TLS_ERROR_CERT_STAPLE, leaf,
                         "it demands an OCSP response, and the peer sent none (RFC 7633 4.2.3.1)",
                         "have the server staple one");
    switch (x509_ocsp_check(rules->ocsp, leaf, s->path[1], rules, &why)) {
    case X509_OCSP_GOOD:
        *is_known = true;
        return true;
    case X509_OCSP_REVOKED:
        return refuse_revoked(leaf, failure);
    default:
        return x509_fail(failure, TLS_ERROR_CERT_STAPLE, leaf, why,
                         "have the server fetch a new OCSP response");
    }
}

/* There is a list of its issuer's, but it is out of date: that is what people have to mend. */
static bool refuse_unknown(const struct x509_search *s, const struct x509_certificate *cert,
                           struct x509_failure *failure)
{
    char what[128];
    struct x509_text t = x509_text_over(what, sizeof what);
    const struct x509_rules *rules = s->rules;
    for (size_t i = 0; i < rules->crl_count; i++) {
        const struct x509_crl *crl = &rules->crls[i];
        if (!crl->has_next_update || rules->now <= crl->next_update ||
            !x509_names_equal(crl->issuer, cert->issuer))
            continue;
        x509_text_add(&t, "its CA's CRL is out of date since ");
        x509_text_add_date(&t, crl->next_update);
        x509_text_add(&t, " (RFC 5280 6.3.3)");
        x509_text_end(&t);
        return x509_fail(failure, TLS_ERROR_CERT_STATUS, cert, what,
                         "get its CA's current CRL into `crl`");
    }
    return x509_fail(failure, TLS_ERROR_CERT_STATUS, cert,
                     "no current CRL says whether it is revoked (RFC 5280 6.3.3)",
                     "get its CA's current CRL into `crl`");
}

bool x509_not_revoked(struct x509_search *s, size_t count, struct x509_failure *failure)
{
    bool is_known = false;
    if (s->nested == 0 && !check_staple(s, failure, &is_known))
        return false;
    for (size_t at = count - 1; s->rules->crls && at-- > (is_known ? 1u : 0u);)
        switch (status_of(s, at, count)) {
        case REVOKED:
            return refuse_revoked(s->path[at], failure);
        case NOT_SAID:
            return refuse_unknown(s, s->path[at], failure);
        default:
            break;
        }
    return true;
}
