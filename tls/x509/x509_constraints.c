/* Name constraints (RFC 5280 4.2.1.10): which names a CA may give. */
#include "x509_internal.h"

/* ---- which names are inside of a constraint ---- */

static struct x509_bytes from(struct x509_bytes s, size_t start)
{
    return (struct x509_bytes){s.data + start, s.length - start};
}

static bool is_within_domain(struct x509_bytes name, struct x509_bytes domain)
{
    if (domain.length == 0)
        return true;
    if (name.length < domain.length)
        return false;
    size_t start = name.length - domain.length;
    return x509_equal_folded(from(name, start), domain) &&
           (start == 0 || name.data[start - 1] == '.');
}

/* "*.a.example" stands for b.a.example too, so it is inside of an exclusion of that. */
static bool wildcard_may_be(struct x509_bytes name, struct x509_bytes domain)
{
    const uint8_t *dot = domain.length ? memchr(domain.data, '.', domain.length) : NULL;
    return name.data[0] == '*' && dot &&
           x509_equal_folded(from(name, 1), from(domain, (size_t)(dot - domain.data)));
}

static bool dns_matches(struct x509_bytes name, struct x509_bytes constraint, bool excluded)
{
    struct x509_bytes host, domain = {constraint.data, 0};
    if (!x509_dns_name(name, true, &host))
        return excluded;
    if (constraint.length > 0 && !x509_dns_name(constraint, false, &domain))
        return excluded;
    return is_within_domain(host, domain) || (excluded && wildcard_may_be(host, domain));
}

static bool ip_matches(struct x509_bytes name, struct x509_bytes constraint)
{
    if (constraint.length != 2 * name.length)
        return false;
    for (size_t i = 0; i < name.length; i++)
        if ((name.data[i] ^ constraint.data[i]) & constraint.data[name.length + i])
            return false;
    return true;
}

/* A host, or with a leading dot what is below it but not itself: the rule of e-mail addresses and
 * URIs. */
static bool host_matches(struct x509_bytes host, struct x509_bytes constraint)
{
    if (constraint.length == 0)
        return true;
    if (constraint.data[0] != '.')
        return x509_equal_folded(host, constraint);
    return host.length > constraint.length &&
           x509_equal_folded(from(host, host.length - constraint.length), constraint);
}

/* local@host, with one '@': quoted local parts are not taken apart. */
static bool split_email(struct x509_bytes email, struct x509_bytes *local, struct x509_bytes *host)
{
    const uint8_t *at = email.length ? memchr(email.data, '@', email.length) : NULL;
    if (!at || at == email.data)
        return false;
    *local = (struct x509_bytes){email.data, (size_t)(at - email.data)};
    return x509_dns_name(from(email, local->length + 1), false, host);
}

static bool email_matches(struct x509_bytes name, struct x509_bytes constraint, bool excluded)
{
    struct x509_bytes local, host, wanted_local, wanted_host;
    if (!split_email(name, &local, &host))
        return excluded;
    if (split_email(constraint, &wanted_local, &wanted_host))
        return x509_bytes_equal(local, wanted_local) && x509_equal_folded(host, wanted_host);
    return host_matches(host, constraint);
}

/* The host of scheme://user@host:port/path (RFC 3986 3.2); it must be a DNS name. */
static bool uri_host(struct x509_bytes uri, struct x509_bytes *host)
{
    size_t start = 0, end;
    while (start + 2 < uri.length && memcmp(uri.data + start, "://", 3) != 0)
        start++;
    if (start + 2 >= uri.length)
        return false;
    start += 3;
    for (end = start; end < uri.length && !memchr("/?#", uri.data[end], 3); end++)
        if (uri.data[end] == '@')
            start = end + 1;
    for (size_t i = start; i < end; i++)
        if (uri.data[i] == ':')
            end = i;
    return x509_host_name((struct x509_bytes){uri.data + start, end - start}, host);
}

static bool uri_matches(struct x509_bytes name, struct x509_bytes constraint, bool excluded)
{
    struct x509_bytes host;
    return uri_host(name, &host) ? host_matches(host, constraint) : excluded;
}

static struct x509_bytes directory_of(struct x509_bytes content)
{
    struct der d = der_over(content);
    struct der_element e;
    return der_next(&d, &e) ? e.whole : content;
}

/* Is the name inside of a constraint of the same form? One that cannot be judged is outside of what
 * is permitted and inside of what is excluded. */
static bool is_inside(uint8_t form, struct x509_bytes name, struct x509_bytes constraint,
                      bool excluded)
{
    switch (form) {
    case X509_GN_DNS:
        return dns_matches(name, constraint, excluded);
    case X509_GN_IP:
        return ip_matches(name, constraint);
    case X509_GN_EMAIL:
        return email_matches(name, constraint, excluded);
    case X509_GN_URI:
        return uri_matches(name, constraint, excluded);
    case X509_GN_DIRECTORY:
        return x509_name_within(directory_of(name), directory_of(constraint));
    default:
        return excluded;
    }
}

/* ---- the extension's own syntax ---- */

static bool is_ip_constraint(struct x509_bytes c)
{
    if (c.length != 8 && c.length != 32)
        return false;
    bool ended = false;
    for (size_t i = 8 * (c.length / 2); i < 8 * c.length; i++) {
        bool bit = c.data[i / 8] & 0x80 >> i % 8;
        if (bit && ended)
            return false;
        ended |= !bit;
    }
    return true;
}

static bool is_host_constraint(struct x509_bytes c)
{
    struct x509_bytes host;
    return c.length == 0 || x509_dns_name(c.data[0] == '.' ? from(c, 1) : c, false, &host);
}

static x509_why check_base(const struct der_element *base)
{
    struct x509_bytes local, host, c = base->content;
    x509_why why = x509_check_general_name(base);
    if (why)
        return why;
    switch (base->tag) {
    case X509_GN_DNS:
        return c.length == 0 || x509_dns_name(c, false, &host)
                   ? NULL
                   : "a name constraint is no DNS name (RFC 5280 4.2.1.10)";
    case X509_GN_IP:
        return is_ip_constraint(c) ? NULL
                                   : "a name constraint is no network of addresses "
                                     "(RFC 5280 4.2.1.10)";
    case X509_GN_EMAIL:
        return split_email(c, &local, &host) || is_host_constraint(c)
                   ? NULL
                   : "a name constraint is no mailbox, host or domain (RFC 5280 4.2.1.10)";
    case X509_GN_URI:
        return is_host_constraint(c) ? NULL
                                     : "a name constraint is no host or domain "
                                       "(RFC 5280 4.2.1.10)";
    default:
        return NULL;
    }
}

/* minimum [0] DEFAULT 0 must be absent, and maximum [1] too. */
static bool next_base(struct der *subtrees, struct der_element *base)
{
    struct der subtree;
    return der_enter(subtrees, DER_SEQUENCE, &subtree) && der_next(&subtree, base) &&
           der_done(&subtree);
}

static x509_why check_subtrees(struct der *d, uint8_t tag)
{
    struct der subtrees;
    struct der_element base;
    if (der_peek(d) != tag)
        return NULL;
    if (!der_enter(d, tag, &subtrees) || der_done(&subtrees))
        return "nameConstraints is malformed (RFC 5280 4.2.1.10)";
    while (!der_done(&subtrees)) {
        if (!next_base(&subtrees, &base))
            return "a name constraint is malformed, or has a minimum or maximum "
                   "(RFC 5280 4.2.1.10)";
        x509_why why = check_base(&base);
        if (why)
            return why;
    }
    return NULL;
}

x509_why x509_check_constraints(struct x509_bytes name_constraints)
{
    struct der d = der_over(name_constraints);
    if (der_done(&d))
        return "nameConstraints is empty (RFC 5280 4.2.1.10)";
    x509_why why = check_subtrees(&d, DER_CONTEXT(0));
    if (!why)
        why = check_subtrees(&d, DER_CONTEXT(1));
    return why || der_done(&d) ? why : "nameConstraints is malformed (RFC 5280 4.2.1.10)";
}

/* ---- one certificate's names against one CA's constraints ---- */

struct judge {
    struct x509_bytes permitted, excluded; /* contents of the two lists */
    unsigned *left;                        /* of X509_NAME_CHECKS_MAX */
    enum { ALLOWED, FORBIDDEN, TOO_MANY } verdict;
};

/* Some constraint of that form holds the name. *has_form: there is one of that form at all. */
static bool is_in_list(struct judge *j, struct x509_bytes list, uint8_t form,
                       struct x509_bytes name, bool excluded, bool *has_form)
{
    struct der d = der_over(list);
    struct der_element base;
    *has_form = false;
    while (!der_done(&d) && next_base(&d, &base)) {
        if (base.tag != form)
            continue;
        *has_form = true;
        unsigned cost = 1 + (unsigned)(name.length / 128);
        if (*j->left < cost) {
            j->verdict = TOO_MANY;
            return false;
        }
        *j->left -= cost;
        if (is_inside(form, name, base.content, excluded))
            return true;
    }
    return false;
}

static bool is_allowed(struct judge *j, uint8_t form, struct x509_bytes name)
{
    bool has_form;
    bool forbidden = is_in_list(j, j->excluded, form, name, true, &has_form) ||
                     (!is_in_list(j, j->permitted, form, name, false, &has_form) && has_form);
    if (forbidden && j->verdict == ALLOWED)
        j->verdict = FORBIDDEN;
    return j->verdict == ALLOWED;
}

static bool email_is_allowed(void *judge, struct x509_bytes email)
{
    return is_allowed(judge, X509_GN_EMAIL, email);
}

/* The subject counts as a directory name, and its emailAddress attributes as mailboxes. */
static bool are_allowed(struct judge *j, const struct x509_certificate *cert)
{
    struct der d = der_over(cert->subject_alt_name);
    struct der_element name;
    if (!x509_name_is_empty(cert->subject) &&
        (!is_allowed(j, X509_GN_DIRECTORY, cert->subject) ||
         !x509_name_emails(cert->subject, email_is_allowed, j)))
        return false;
    while (!der_done(&d) && der_next(&d, &name))
        if (!is_allowed(j, name.tag, name.content))
            return false;
    return true;
}

/* old: a common name that counts as a DNS name. */
static bool ca_allows(const struct x509_certificate *ca, const struct x509_certificate *cert,
                      struct x509_bytes old, unsigned *left, struct x509_failure *failure)
{
    struct judge j = {.left = left, .verdict = ALLOWED};
    struct der d = der_over(ca->name_constraints);
    if (der_peek(&d) == DER_CONTEXT(0) && !der_read(&d, DER_CONTEXT(0), &j.permitted))
        return false;
    if (der_peek(&d) == DER_CONTEXT(1) && !der_read(&d, DER_CONTEXT(1), &j.excluded))
        return false;
    if (are_allowed(&j, cert) && (!old.data || is_allowed(&j, X509_GN_DNS, old)))
        return true;
    if (j.verdict == TOO_MANY)
        return x509_fail(failure, TLS_ERROR_CERT_CHAIN_LIMIT, cert,
                         "its names and the name constraints above it are too many to compare",
                         "issue certificates with fewer names");
    return x509_fail(failure, TLS_ERROR_CERT_NAME_CONSTRAINT, cert,
                     "it has a name that a CA above it may not give (RFC 5280 4.2.1.10)",
                     "get a certificate from another CA");
}

/* Self-issued certificates are exempt, unless they are the leaf: 6.1.3 b and c. */
bool x509_names_allowed(const struct x509_certificate *const *path, size_t count,
                        const struct x509_rules *rules, struct x509_failure *failure)
{
    static const struct x509_bytes none = {NULL, 0};
    struct x509_bytes old = x509_name_of_old(path[0], rules);
    unsigned left = X509_NAME_CHECKS_MAX;
    for (size_t i = count; i-- > 1;) {
        if (!path[i]->name_constraints.data)
            continue;
        for (size_t k = i; k-- > 0;)
            if ((k == 0 || !x509_is_self_issued(path[k])) &&
                !ca_allows(path[i], path[k], k == 0 ? old : none, &left, failure))
                return false;
    }
    return true;
}
