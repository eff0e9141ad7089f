/* Certificate policies (RFC 5280 6.1), level by level as RFC 9618 has it.
 *
 * Instead of a tree it keeps the policies that are valid at one certificate, as its issuer's
 * expected_policy_set leaves them, each with the one fact about its way down that the answer needs:
 * whether it began, in the anchor's own terms, as a policy that the user accepts. */
#include "x509_internal.h"

struct policy {
    struct x509_bytes oid;
    bool accepted;
};

struct level {
    struct policy policies[X509_POLICIES_MAX];
    size_t count;
    bool overflow;
};

struct state {
    const struct x509_rules *rules;
    struct level valid;
    unsigned explicit_policy, policy_mapping, any_policy; /* certificates until it is enforced */
};

/* ---- syntax ---- */

static bool next_policy(struct der *policies, struct x509_bytes *oid, struct der *qualifiers)
{
    struct der info;
    *qualifiers = (struct der){NULL, NULL};
    return der_enter(policies, DER_SEQUENCE, &info) && der_oid(&info, oid) &&
           (der_done(&info) || (der_enter(&info, DER_SEQUENCE, qualifiers) &&
                                !der_done(qualifiers) && der_done(&info)));
}

static bool check_qualifiers(struct der *qualifiers, bool *unknown)
{
    struct der inside;
    struct x509_bytes oid;
    struct der_element value;
    while (!der_done(qualifiers)) {
        if (!der_enter(qualifiers, DER_SEQUENCE, &inside) || !der_oid(&inside, &oid) ||
            !der_next(&inside, &value) || !der_done(&inside))
            return false;
        enum x509_oid kind = x509_oid_find(oid);
        *unknown |= kind != X509_OID_POLICY_CPS && kind != X509_OID_POLICY_NOTICE;
    }
    return true;
}

x509_why x509_check_policies(struct x509_bytes policies, bool critical, bool *unknown_qualifier)
{
    struct der d = der_over(policies), qualifiers, others;
    struct x509_bytes oid, other;
    bool unknown = false;
    size_t count = 0;
    if (der_done(&d))
        return "certificatePolicies is empty (RFC 5280 4.2.1.4)";
    for (; !der_done(&d); count++) {
        if (!next_policy(&d, &oid, &qualifiers) || !check_qualifiers(&qualifiers, &unknown))
            return "certificatePolicies is malformed (RFC 5280 4.2.1.4)";
        if (count == X509_POLICIES_MAX)
            return "the certificate has more than 64 policies";
        others = der_over(policies);
        for (size_t i = 0; i < count; i++)
            if (next_policy(&others, &other, &qualifiers) && x509_bytes_equal(oid, other))
                return "a policy is there twice (RFC 5280 4.2.1.4)";
    }
    *unknown_qualifier |= critical && unknown;
    return NULL;
}

static bool is_any(struct x509_bytes oid)
{
    return x509_bytes_equal(oid, x509_oid_bytes(X509_OID_ANY_POLICY));
}

static bool next_mapping(struct der *mappings, struct x509_bytes *issuer,
                         struct x509_bytes *subject)
{
    struct der pair;
    return der_enter(mappings, DER_SEQUENCE, &pair) && der_oid(&pair, issuer) &&
           der_oid(&pair, subject) && der_done(&pair);
}

x509_why x509_check_policy_mappings(struct x509_bytes mappings)
{
    struct der d = der_over(mappings);
    struct x509_bytes issuer, subject;
    size_t count = 0;
    if (der_done(&d))
        return "policyMappings is empty (RFC 5280 4.2.1.5)";
    while (!der_done(&d)) {
        if (!next_mapping(&d, &issuer, &subject))
            return "policyMappings is malformed (RFC 5280 4.2.1.5)";
        if (is_any(issuer) || is_any(subject))
            return "policyMappings maps anyPolicy (RFC 5280 4.2.1.5)";
        if (++count > X509_POLICIES_MAX)
            return "the certificate has more than 64 policy mappings";
    }
    return NULL;
}

/* ---- levels ---- */

static struct policy *find(struct level *level, struct x509_bytes oid)
{
    for (size_t i = 0; i < level->count; i++)
        if (x509_bytes_equal(level->policies[i].oid, oid))
            return &level->policies[i];
    return NULL;
}

static struct policy *find_any(struct level *level)
{
    return find(level, x509_oid_bytes(X509_OID_ANY_POLICY));
}

static void add(struct level *level, struct x509_bytes oid, bool accepted)
{
    struct policy *there = find(level, oid);
    if (there)
        there->accepted |= accepted;
    else if (level->count < X509_POLICIES_MAX)
        level->policies[level->count++] = (struct policy){oid, accepted};
    else
        level->overflow = true;
}

static bool user_accepts(const struct x509_rules *rules, struct x509_bytes oid)
{
    for (size_t i = 0; i < rules->policy_count; i++)
        if (x509_bytes_equal(rules->policies[i], oid))
            return true;
    return !rules->policies;
}

/* 6.1.3 d and e. */
static void take_policies(struct state *s, const struct x509_certificate *cert, bool is_leaf)
{
    struct level next = {.count = 0, .overflow = s->valid.overflow};
    struct der d = der_over(cert->policies), qualifiers;
    struct x509_bytes oid;
    bool has_any = false;
    struct policy *any = find_any(&s->valid);
    while (!der_done(&d) && next_policy(&d, &oid, &qualifiers)) {
        struct policy *parent = find(&s->valid, oid);
        if (is_any(oid))
            has_any = true;
        else if (parent)
            add(&next, oid, parent->accepted);
        else if (any)
            add(&next, oid, user_accepts(s->rules, oid));
    }
    if (has_any && (s->any_policy > 0 || (!is_leaf && x509_is_self_issued(cert))))
        for (size_t i = 0; i < s->valid.count; i++)
            if (!find(&next, s->valid.policies[i].oid))
                add(&next, s->valid.policies[i].oid, s->valid.policies[i].accepted);
    s->valid = next;
}

/* 6.1.4 b: a mapped policy is expected below under its subject's names, no longer its own. */
static void map_policies(struct state *s, const struct x509_certificate *cert)
{
    struct level before = s->valid;
    struct der d = der_over(cert->policy_mappings);
    struct x509_bytes from, to;
    if (!cert->policy_mappings.data)
        return;
    s->valid.count = 0;
    for (size_t i = 0; i < before.count; i++) {
        bool mapped = false;
        struct der e = d;
        while (!der_done(&e) && next_mapping(&e, &from, &to))
            mapped |= x509_bytes_equal(from, before.policies[i].oid);
        if (!mapped)
            add(&s->valid, before.policies[i].oid, before.policies[i].accepted);
    }
    while (s->policy_mapping > 0 && !der_done(&d) && next_mapping(&d, &from, &to)) {
        struct policy *source = find(&before, from);
        if (source)
            add(&s->valid, to, source->accepted);
        else if (find_any(&before))
            add(&s->valid, to, user_accepts(s->rules, from));
    }
}

static void count_down(unsigned *n)
{
    if (*n > 0)
        --*n;
}

static void lower(unsigned *n, unsigned to)
{
    if (to < *n)
        *n = to;
}

/* 6.1.4 h to j. */
static void constrain(struct state *s, const struct x509_certificate *cert)
{
    if (!x509_is_self_issued(cert)) {
        count_down(&s->explicit_policy);
        count_down(&s->policy_mapping);
        count_down(&s->any_policy);
    }
    lower(&s->explicit_policy, cert->require_explicit_policy);
    lower(&s->policy_mapping, cert->inhibit_policy_mapping);
    lower(&s->any_policy, cert->inhibit_any_policy);
}

static bool any_accepted(const struct level *level)
{
    for (size_t i = 0; i < level->count; i++)
        if (level->policies[i].accepted)
            return true;
    return false;
}

static bool refuse(const struct state *s, const struct x509_certificate *cert,
                   struct x509_failure *failure)
{
    if (s->valid.overflow)
        return x509_fail(failure, TLS_ERROR_CERT_CHAIN_LIMIT, cert,
                         "more than 64 policies are valid at it", "use fewer policies");
    return x509_fail(failure, TLS_ERROR_CERT_POLICY, cert,
                     "a policy is required, but none that is valid down to it is acceptable "
                     "(RFC 5280 6.1.5)",
                     "have the CAs agree on their policies");
}

bool x509_policies_hold(const struct x509_certificate *const *path, size_t count,
                        const struct x509_rules *rules, struct x509_failure *failure)
{
    unsigned never = (unsigned)count + 1;
    struct state s = {.rules = rules,
                      .explicit_policy = rules->require_explicit_policy ? 0 : never,
                      .policy_mapping = rules->inhibit_policy_mapping ? 0 : never,
                      .any_policy = rules->inhibit_any_policy ? 0 : never};
    add(&s.valid, x509_oid_bytes(X509_OID_ANY_POLICY), true);
    for (size_t i = count - 1; i-- > 0;) {
        take_policies(&s, path[i], i == 0);
        if (s.valid.overflow || (s.explicit_policy == 0 && s.valid.count == 0))
            return refuse(&s, path[i], failure);
        if (i > 0) {
            map_policies(&s, path[i]);
            constrain(&s, path[i]);
        }
    }
    if (s.explicit_policy > 0) /* 6.1.5 a and b */
        s.explicit_policy--;
    if (path[0]->require_explicit_policy == 0)
        s.explicit_policy = 0;
    if (s.explicit_policy == 0 && !any_accepted(&s.valid))
        return refuse(&s, path[0], failure);
    return true;
}
