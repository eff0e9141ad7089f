/* The search for a path from the leaf to a trust anchor. See x509_verify in x509.h for what it
 * promises. */
#include "x509_internal.h"

enum { ANSWER_UNKNOWN, ANSWER_NO, ANSWER_YES };

/* How far a path came, for choosing which failure to report: a longer one beats a shorter one, of
 * two the one that met an anchor, and most of all the one that only failed as a whole. A
 * certificate whose issuer is not at hand at all is reported only when nothing else is known. */
enum { MISSING_ISSUER, BAD_ISSUER, BAD_ANCHOR, BAD_WHOLE };

static bool give_up(struct x509_search *s, size_t depth, unsigned kind)
{
    unsigned progress = kind == MISSING_ISSUER ? 1 : 2 + 4 * (unsigned)depth + kind;
    if (progress > s->progress) {
        s->progress = progress;
        *s->failure = s->work->why;
    }
    return false;
}

/* Self-issued certificates do not count (RFC 5280 4.2.1.9, 6.1.4 l). */
static unsigned intermediates_below(const struct x509_search *s, size_t depth)
{
    unsigned n = 0;
    for (size_t i = 1; i < depth; i++)
        n += !x509_is_self_issued(s->path[i]);
    return n;
}

static bool may_have_issued(const struct x509_certificate *issuer,
                            const struct x509_certificate *child)
{
    if (child->authority_key_id.data && issuer->subject_key_id.data &&
        !x509_bytes_equal(child->authority_key_id, issuer->subject_key_id))
        return false;
    return x509_names_equal(issuer->subject, child->issuer);
}

bool x509_check_signature(struct x509_work *work, const struct x509_key *key,
                          const struct x509_algorithm *algorithm, struct x509_bytes signed_bytes,
                          struct x509_bytes signature)
{
    if (work->signatures == X509_SIGNATURES_MAX) {
        work->over_limit = true;
        return false;
    }
    work->signatures++;
    return x509_signature_holds(key, algorithm, signed_bytes, signature);
}

static bool check_signature(struct x509_search *s, const struct x509_certificate *child,
                            const struct x509_key *key)
{
    return x509_check_signature(s->work, key, &child->signature_algorithm, child->tbs,
                                child->signature);
}

static bool is_sent(const struct x509_search *s, const struct x509_certificate *cert)
{
    return cert >= s->chain && cert < s->chain + s->count;
}

/* Does issuer's key verify child's signature? Asked once of two certificates that the peer sent. */
static bool has_signed(struct x509_search *s, const struct x509_certificate *issuer,
                       const struct x509_certificate *child)
{
    if (!is_sent(s, issuer) || !is_sent(s, child))
        return check_signature(s, child, &issuer->key);
    uint8_t *known = &s->work->signed_by[child - s->chain][issuer - s->chain];
    if (*known == ANSWER_UNKNOWN)
        *known = check_signature(s, child, &issuer->key) ? ANSWER_YES : ANSWER_NO;
    return *known == ANSWER_YES;
}

static bool refuse_signature(struct x509_search *s, size_t depth, unsigned kind,
                             const struct x509_certificate *cert)
{
    if (s->work->over_limit)
        return false;
    x509_fail(&s->work->why, TLS_ERROR_CERT_SIGNATURE, cert,
              "its signature does not verify with its issuer's key (RFC 5280 6.1.3)",
              "get a fresh copy of the chain and the root");
    return give_up(s, depth, kind);
}

struct x509_key x509_working_key(const struct x509_search *s, size_t at, size_t count)
{
    struct x509_key key = s->path[at]->key;
    while (x509_lacks_parameters(&key) && ++at < count && s->path[at]->key.kind == X509_KEY_DSA) {
        struct cg_dsa_public above = s->path[at]->key.dsa;
        above.y = key.dsa.y;
        above.y_length = key.dsa.y_length;
        key.dsa = above;
    }
    return key;
}

/* Signatures by keys that take their parameters from their own issuer can be checked only when it
 * is known who that is, or a stranger's parameters could be slipped in. */
static bool check_inherited(struct x509_search *s, size_t count)
{
    for (size_t i = count - 1; i-- > 1;) {
        if (!x509_lacks_parameters(&s->path[i]->key))
            continue;
        struct x509_key key = x509_working_key(s, i, count);
        if (!check_signature(s, s->path[i - 1], &key))
            return refuse_signature(s, count - 1, BAD_WHOLE, s->path[i - 1]);
    }
    return true;
}

/* path[0] to path[count - 1], the anchor, as a whole. Policies bind what the peer is, not who signs
 * a CRL. */
static bool holds_together(struct x509_search *s, size_t count)
{
    if (!check_inherited(s, count))
        return false;
    if (s->anchor && !x509_bytes_equal(s->anchor->der, s->path[count - 1]->der))
        return false;
    return (x509_names_allowed(s->path, count, s->rules, &s->work->why) &&
            (s->nested > 0 || x509_policies_hold(s->path, count, s->rules, &s->work->why)) &&
            x509_not_revoked(s, count, &s->work->why) && x509_holds_pin(s, count, &s->work->why)) ||
           give_up(s, count - 1, BAD_WHOLE);
}

/* Is `issuer` one above path[depth - 1]? */
static bool is_issuer(struct x509_search *s, size_t depth, const struct x509_certificate *issuer,
                      bool is_anchor)
{
    const struct x509_certificate *child = s->path[depth - 1];
    unsigned kind = is_anchor ? BAD_ANCHOR : BAD_ISSUER;
    if (!x509_rules_issuer(issuer, is_anchor, intermediates_below(s, depth), s->rules,
                           &s->work->why))
        return give_up(s, depth, kind);
    if (s->rules->strict && !x509_profile_pair(child, issuer, is_anchor, &s->work->why))
        return give_up(s, depth, kind);
    if (!is_anchor && x509_lacks_parameters(&issuer->key))
        return true; /* check_inherited decides */
    return has_signed(s, issuer, child) || refuse_signature(s, depth, kind, child);
}

static bool may_step(struct x509_search *s)
{
    if (s->work->steps < X509_STEPS_MAX) {
        s->work->steps++;
        return true;
    }
    s->work->over_limit = true;
    return false;
}

static bool reaches_anchor(struct x509_search *s, size_t depth)
{
    const struct x509_certificate *child = s->path[depth - 1];
    for (size_t i = 0; i < s->trust->count; i++) {
        const struct x509_certificate *root = &s->trust->roots[i];
        if (!may_have_issued(root, child))
            continue;
        if (!may_step(s))
            return false;
        if (!is_issuer(s, depth, root, true))
            continue;
        s->path[depth] = root;
        if (holds_together(s, depth + 1))
            return true;
    }
    return false;
}

static bool is_on_path(const struct x509_search *s, size_t depth,
                       const struct x509_certificate *cert)
{
    for (size_t i = 0; i < depth; i++)
        if (s->path[i] == cert || (x509_bytes_equal(s->path[i]->subject, cert->subject) &&
                                   x509_bytes_equal(s->path[i]->public_key, cert->public_key)))
            return true;
    return false;
}

/* path[0] to path[depth - 1] is a path so far: is there a way on to an anchor? */
static bool extend(struct x509_search *s, size_t depth)
{
    const struct x509_certificate *child = s->path[depth - 1];
    if (!x509_rules_issued(child, s->rules, &s->work->why))
        return give_up(s, depth, BAD_ISSUER);
    if (reaches_anchor(s, depth))
        return true;
    for (size_t i = 0; i < s->count && depth < X509_CHAIN_MAX && !s->work->over_limit; i++) {
        const struct x509_certificate *issuer = &s->chain[i];
        if (!may_have_issued(issuer, child) || is_on_path(s, depth, issuer) || !may_step(s) ||
            !is_issuer(s, depth, issuer, false))
            continue;
        s->path[depth] = issuer;
        if (extend(s, depth + 1))
            return true;
    }
    x509_fail(&s->work->why, TLS_ERROR_CERT_UNTRUSTED, child,
              x509_is_self_issued(child)
                  ? "it is self-signed and not in the trust file (RFC 5280 6.1)"
                  : "its issuer is neither in the trust file nor sent by the peer (RFC 5280 6.1)",
              "add the root to `trust`, or have the peer send its intermediate certificates");
    return give_up(s, depth, MISSING_ISSUER);
}

bool x509_find_path(struct x509_search *s)
{
    return extend(s, 1);
}

static bool is_anchor(const struct x509_trust *trust, const struct x509_certificate *cert)
{
    for (size_t i = 0; i < trust->count; i++)
        if (x509_bytes_equal(trust->roots[i].der, cert->der))
            return true;
    return false;
}

static enum tls_error refuse(struct x509_failure *failure, enum tls_error error, const char *detail)
{
    struct x509_text t = x509_text_over(failure->detail, sizeof failure->detail);
    x509_text_add(&t, detail);
    x509_text_end(&t);
    failure->error = error;
    return error;
}

enum tls_error x509_verify(const struct x509_certificate *chain, size_t count,
                           const struct x509_trust *trust, const struct x509_rules *rules,
                           struct x509_failure *failure)
{
    const struct x509_certificate *issuer;
    return x509_verify_path(chain, count, trust, rules, &issuer, failure);
}

enum tls_error x509_verify_path(const struct x509_certificate *chain, size_t count,
                                const struct x509_trust *trust, const struct x509_rules *rules,
                                const struct x509_certificate **issuer,
                                struct x509_failure *failure)
{
    struct x509_work work = {.signatures = 0};
    struct x509_search s = {.chain = chain,
                            .count = count,
                            .trust = trust,
                            .rules = rules,
                            .work = &work,
                            .failure = failure,
                            .path = {chain}};
    *issuer = NULL;
    failure->error = TLS_ERROR_OK;
    failure->detail[0] = 0;
    if (count == 0)
        return refuse(failure, TLS_ERROR_NO_CERTIFICATE, "the peer sent no certificate");
    if (count > X509_SENT_MAX)
        return refuse(failure, TLS_ERROR_CERT_CHAIN_LIMIT,
                      "the peer sent more than 48 certificates; have it send only its own chain");
    bool alone = is_anchor(trust, &chain[0]);
    if (!x509_rules_leaf(&chain[0], alone, rules, failure) ||
        (rules->strict && !x509_profile_leaf(&chain[0], failure)))
        return failure->error;
    bool trusted = alone ? x509_holds_pin(&s, 1, failure) : x509_find_path(&s);
    if (trusted) {
        *issuer = s.path[1]; /* NULL when there was no search */
        failure->error = TLS_ERROR_OK;
        failure->detail[0] = 0;
        return TLS_ERROR_OK;
    }
    if (work.over_limit)
        return refuse(failure, TLS_ERROR_CERT_CHAIN_LIMIT,
                      "no path to a root was found within 32 signature checks and 400 steps; have "
                      "the peer send only its own chain");
    return failure->error;
}
