/* What the files of tls/x509 share among themselves. */
#ifndef X509_INTERNAL_H
#define X509_INTERNAL_H

#include "der.h"
#include "x509.h"
#include "x509_oid.h"

/* Parsers return NULL, or a static phrase that says what is wrong. */
typedef const char *x509_why;

/* ---- x509_text.c: strings into a buffer, cut with "..." ---- */
struct x509_text {
    char *start, *at, *end; /* end: where the final NUL goes at the latest; NULL: no room at all */
    bool cut;
};
struct x509_text x509_text_over(char *out, size_t size);
void x509_text_add(struct x509_text *t, const char *s);
void x509_text_add_number(struct x509_text *t, uint64_t n);
void x509_text_add_hex(struct x509_text *t, struct x509_bytes bytes);
/* A character of a string that a peer made: escaped unless it is printable ASCII. */
void x509_text_add_escaped(struct x509_text *t, uint8_t c);
void x509_text_add_date(struct x509_text *t, int64_t seconds); /* "2024-02-29 12:00:00Z" */
void x509_text_end(struct x509_text *t); /* the NUL, and the dots when it was cut */

/* ---- x509_algorithm.c ---- */
void x509_parse_algorithm(struct x509_algorithm *algorithm, struct x509_bytes whole);
/* SHA-1 only by rule, MD5 never, and nothing unknown. */
bool x509_allows_algorithm(const struct x509_algorithm *algorithm, const struct x509_rules *rules);
bool x509_is_sha1(const struct x509_algorithm *algorithm);
bool x509_parse_hash(struct x509_bytes algorithm_whole, enum cg_hash_id *hash);
x509_why x509_parse_public_key(struct x509_key *key, struct x509_bytes spki_whole);
bool x509_key_is_sane(const struct x509_key *key);
/* Is the key as strong as an RSA key of that many bits? */
bool x509_key_is_strong(const struct x509_key *key, unsigned rsa_bits);
const char *x509_key_words(const struct x509_key *key);
bool x509_lacks_parameters(const struct x509_key *key);
/* Does `key` verify `signature` over `signed_bytes`? A key of another kind than the algorithm's
 * does not, nor one that is not sane or lacks its parameters. */
bool x509_signature_holds(const struct x509_key *key, const struct x509_algorithm *algorithm,
                          struct x509_bytes signed_bytes, struct x509_bytes signature);

/* ---- x509_extensions.c ---- */
/* content: of the [3] in a certificate. Fills what the extensions say. */
x509_why x509_parse_extensions(struct x509_certificate *cert, struct x509_bytes content);
/* The forms of a GeneralName, RFC 5280 4.2.1.6. */
enum {
    X509_GN_OTHER = DER_CONTEXT(0),
    X509_GN_EMAIL = DER_CONTEXT_PRIMITIVE(1),
    X509_GN_DNS = DER_CONTEXT_PRIMITIVE(2),
    X509_GN_X400 = DER_CONTEXT(3),
    X509_GN_DIRECTORY = DER_CONTEXT(4),
    X509_GN_EDI = DER_CONTEXT(5),
    X509_GN_URI = DER_CONTEXT_PRIMITIVE(6),
    X509_GN_IP = DER_CONTEXT_PRIMITIVE(7),
    X509_GN_REGISTERED_ID = DER_CONTEXT_PRIMITIVE(8)
};

/* A GeneralName's own syntax. An IP address may have any length: constraints have twice as many
 * octets as names. */
x509_why x509_check_general_name(const struct der_element *name);

/* ---- x509_name.c ---- */
/* A Name of RFC 5280 4.1.2.4, whole TLV: structure, strings without NUL, valid UTF-8. */
x509_why x509_check_name(struct x509_bytes name);
bool x509_name_is_empty(struct x509_bytes name);
/* RFC 5280 7.1: same attributes in the same order; text is compared without regard to the string
 * type, to case (ASCII only: beyond that, characters compare as they are) and to runs of spaces. */
bool x509_names_equal(struct x509_bytes a, struct x509_bytes b);

/* Name with one more RDN (the content of its SET), in out: its length, 0 when there is no room. */
size_t x509_name_extended(struct x509_bytes name, struct x509_bytes rdn, uint8_t *out, size_t size);
/* Does name begin with all the RDNs of base? (RFC 5280 4.2.1.10, directoryName) */
bool x509_name_within(struct x509_bytes name, struct x509_bytes base);
static inline bool x509_is_self_issued(const struct x509_certificate *cert)
{
    return x509_names_equal(cert->subject, cert->issuer);
}
/* The last common name of a Name; its data is NULL when there is none, or none of ASCII text. */
struct x509_bytes x509_common_name(struct x509_bytes name);
/* Calls visit for the value of each emailAddress in a Name; stops when it returns false. */
bool x509_name_emails(struct x509_bytes name, bool (*visit)(void *arg, struct x509_bytes email),
                      void *arg);

/* ---- x509_constraints.c and x509_policy.c: a whole path, leaf first, anchor last ---- */
x509_why x509_check_constraints(struct x509_bytes name_constraints);
bool x509_names_allowed(const struct x509_certificate *const *path, size_t count,
                        const struct x509_rules *rules, struct x509_failure *failure);
x509_why x509_check_policies(struct x509_bytes policies, bool critical, bool *unknown_qualifier);
x509_why x509_check_policy_mappings(struct x509_bytes mappings);
bool x509_policies_hold(const struct x509_certificate *const *path, size_t count,
                        const struct x509_rules *rules, struct x509_failure *failure);

/* ---- x509_hostname.c ---- */
/* A DNS name as certificates may hold it: labels of letters, digits, '-', '_', at most 253 octets,
 * the left-most label perhaps "*". One trailing dot is allowed and left out of the result. */
bool x509_dns_name(struct x509_bytes text, bool wildcard, struct x509_bytes *name);
/* The same without a wildcard, and no IPv4 address. */
bool x509_host_name(struct x509_bytes text, struct x509_bytes *name);
/* The leaf's common name where it stands for a DNS name: the rule allows it, and subjectAltName has
 * none. Its data is NULL otherwise. */
struct x509_bytes x509_name_of_old(const struct x509_certificate *cert,
                                   const struct x509_rules *rules);
/* Does an entry, perhaps with a wildcard, stand for the name? */
bool x509_entry_matches(struct x509_bytes entry, const char *name);
void x509_text_add_ip(struct x509_text *t, struct x509_bytes ip);
bool x509_equal_folded(struct x509_bytes a, struct x509_bytes b); /* ASCII case ignored */

/* ---- x509_path.c: the search ---- */
struct x509_work { /* spent by one x509_verify, its searches for signers of CRLs included */
    unsigned signatures, steps;
    bool over_limit;
    uint8_t signed_by[X509_SENT_MAX][X509_SENT_MAX]; /* answers: [child][issuer] of the chain */
    struct x509_failure why; /* of the step at hand: one for all levels, to spare the stack */
};

struct x509_search {
    const struct x509_certificate *chain;
    size_t count;
    const struct x509_trust *trust;
    const struct x509_rules *rules;
    struct x509_work *work;
    struct x509_failure *failure;
    unsigned progress; /* of the path that failure tells about */
    /* A search for the signer of a CRL: how deep it is nested, and the anchor that it must end at
     * (RFC 5280 6.3.3 f). */
    unsigned nested;
    bool may_vouch; /* path[0] may sign the CRL that speaks of itself */
    const struct x509_certificate *anchor;
    const struct x509_certificate *path[X509_CHAIN_MAX + 1];
};

/* The key of path[at], with the DSA parameters that it takes from above (RFC 3279 2.3.2). */
struct x509_key x509_working_key(const struct x509_search *s, size_t at, size_t count);
/* Is there a way from path[0], one of the chain, to an anchor? */
bool x509_find_path(struct x509_search *s);
/* x509_signature_holds within the bounds of the work. */
bool x509_check_signature(struct x509_work *work, const struct x509_key *key,
                          const struct x509_algorithm *algorithm, struct x509_bytes signed_bytes,
                          struct x509_bytes signature);

/* ---- x509_pin.c ---- */
bool x509_holds_pin(const struct x509_search *s, size_t count, struct x509_failure *failure);

/* ---- x509_revocation.c ---- */
x509_why x509_check_crl_points(struct x509_bytes crl_points);
/* Is no certificate of the path in s, count long with its anchor, revoked, and is that known? */
bool x509_not_revoked(struct x509_search *s, size_t count, struct x509_failure *failure);

/* ---- x509_rules.c ---- */
/* What a certificate must be on its own, as the leaf (and for the name, if asked) and as an issuer
 * of the certificate that `below` intermediate certificates separate from the leaf. */
bool x509_rules_leaf(const struct x509_certificate *cert, bool is_anchor,
                     const struct x509_rules *rules, struct x509_failure *failure);
bool x509_rules_issuer(const struct x509_certificate *cert, bool is_anchor, unsigned below,
                       const struct x509_rules *rules, struct x509_failure *failure);
bool x509_rules_key(const struct x509_certificate *cert, const struct x509_rules *rules,
                    struct x509_failure *failure);
/* Dates, key and critical extensions: what every certificate must be. */
bool x509_rules_common(const struct x509_certificate *cert, const struct x509_rules *rules,
                       struct x509_failure *failure);
/* What the signer of a CRL must be on its own. */
bool x509_rules_crl_signer(const struct x509_certificate *cert, const struct x509_rules *rules,
                           struct x509_failure *failure);
/* What concerns only a certificate that is not an anchor: it comes from the peer, and its signature
 * counts. */
bool x509_rules_issued(const struct x509_certificate *cert, const struct x509_rules *rules,
                       struct x509_failure *failure);
/* ---- x509_profile.c: x509_rules.strict ---- */
/* The leaf, whoever has issued it. */
bool x509_profile_leaf(const struct x509_certificate *cert, struct x509_failure *failure);
/* A certificate and the one above it. */
bool x509_profile_pair(const struct x509_certificate *child, const struct x509_certificate *issuer,
                       bool is_anchor, struct x509_failure *failure);
/* Records a failure of `cert`: "certificate SUBJECT (issuer I, serial S): WHAT; REMEDY". Returns
 * false. */
bool x509_fail(struct x509_failure *failure, enum tls_error error,
               const struct x509_certificate *cert, const char *what, const char *remedy);

#endif
