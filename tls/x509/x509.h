/* Certificates, as much as TLS needs of RFC 5280: read, build a path to a trusted root, check
 * names.
 *
 * Nothing here allocates or calls the system: certificates are offset views into bytes that the
 * caller keeps, results go to structs that the caller gives. */
#ifndef X509_H
#define X509_H

#include "../../crypto_glue/cg_hash.h"
#include "../../crypto_glue/cg_rsa.h"
#include "../../crypto_glue/cg_sign.h"
#include "../tls_error.h"
#include "bytes.h"

enum x509_key_kind {
    X509_KEY_RSA,
    X509_KEY_RSA_PSS, /* an RSA key that may sign with PSS only (RFC 4055 1.2) */
    X509_KEY_DSA, /* dsa.p is NULL when the parameters are those of the issuer (RFC 3279 2.3.2) */
    X509_KEY_EC,
    X509_KEY_ED25519,
    X509_KEY_UNSUPPORTED
};

struct x509_key {
    enum x509_key_kind kind;
    enum cg_curve curve; /* of an EC key */
    union {              /* views into the certificate */
        struct cg_rsa_public rsa;
        struct cg_dsa_public dsa;
        struct x509_bytes point; /* of an EC key, uncompressed; or the 32 bytes of Ed25519 */
    };
};

enum x509_signature {
    X509_SIG_RSA_MD5, /* known, to be refused by name */
    X509_SIG_RSA_SHA1,
    X509_SIG_RSA_SHA224,
    X509_SIG_RSA_SHA256,
    X509_SIG_RSA_SHA384,
    X509_SIG_RSA_SHA512,
    X509_SIG_RSA_PSS,
    X509_SIG_DSA_SHA1,
    X509_SIG_DSA_SHA224,
    X509_SIG_DSA_SHA256,
    X509_SIG_ECDSA_SHA1,
    X509_SIG_ECDSA_SHA224,
    X509_SIG_ECDSA_SHA256,
    X509_SIG_ECDSA_SHA384,
    X509_SIG_ECDSA_SHA512,
    X509_SIG_ED25519,
    X509_SIG_UNSUPPORTED
};

struct x509_algorithm {
    enum x509_signature id;
    enum cg_hash_id hash, mgf_hash; /* of PSS: its parameters (RFC 4055 3.1) */
    unsigned salt_length;
};

enum { /* keyUsage bits (RFC 5280 4.2.1.3), bit 0 first */
       X509_KU_DIGITAL_SIGNATURE = 1 << 0,
       X509_KU_KEY_ENCIPHERMENT = 1 << 2,
       X509_KU_KEY_AGREEMENT = 1 << 4,
       X509_KU_CERT_SIGN = 1 << 5,
       X509_KU_CRL_SIGN = 1 << 6,
       X509_KU_ABSENT = 0xffff /* no keyUsage: every bit */
};

enum { X509_NO_SKIP = 0x7fffffff };

/* What RFC 5280 or the CA/Browser Forum's requirements forbid a CA to write, and the validation of
 * paths does not need: for x509_rules.strict. */
enum {
    X509_ODD_CA = 1 << 0,        /* basicConstraints with cA is not critical (4.2.1.9) */
    X509_ODD_NAMES = 1 << 1,     /* subjectAltName is critical beside a subject (4.2.1.6) */
    X509_ODD_PURPOSES = 1 << 2,  /* extendedKeyUsage is critical, or lists any purpose, or others
                                  * than serverAuth and clientAuth (BR 7.1.2.7.10) */
    X509_ODD_AUTHORITY = 1 << 3, /* authorityKeyIdentifier without a key identifier, or with an
                                  * issuer and serial number (BR 7.1.2.1.3) */
    X509_ODD_POLICIES = 1 << 4,  /* policyConstraints is not critical (4.2.1.11) */
    X509_HAS_PURPOSES = 1 << 5   /* extendedKeyUsage is there at all */
};

struct x509_certificate {
    struct x509_bytes der;              /* the whole */
    struct x509_bytes tbs;              /* what the signature covers */
    struct x509_bytes serial;           /* INTEGER content */
    struct x509_bytes issuer;           /* Name, whole TLV */
    struct x509_bytes subject;          /* Name, whole TLV */
    struct x509_bytes public_key;       /* SubjectPublicKeyInfo, whole TLV: what pins hash */
    struct x509_bytes signature;        /* BIT STRING content, no unused bits */
    struct x509_bytes subject_alt_name; /* SEQUENCE content of GeneralNames */
    struct x509_bytes subject_key_id, authority_key_id;
    struct x509_bytes name_constraints; /* SEQUENCE content: permitted [0], excluded [1] */
    struct x509_bytes policies;         /* SEQUENCE content of PolicyInformation */
    struct x509_bytes policy_mappings;  /* SEQUENCE content of pairs of OIDs */
    struct x509_bytes crl_points;       /* SEQUENCE content of DistributionPoint */
    int64_t not_before, not_after;      /* seconds since 1970, UTC */
    struct x509_algorithm signature_algorithm;
    struct x509_key key;
    uint16_t key_usage; /* bits above, or X509_KU_ABSENT */
    bool is_ca;
    bool has_path_length;
    bool allows_server, allows_client; /* extendedKeyUsage; both true when it is absent */
    bool allows_any, allows_ocsp;      /* anyExtendedKeyUsage, OCSPSigning are listed */
    bool must_staple;                  /* TLS feature status_request (RFC 7633) */
    bool has_unknown_critical;
    bool has_misplaced_time; /* a GeneralizedTime before 2050 (RFC 5280 4.1.2.5) */
    uint8_t odd;             /* X509_ODD_ bits */
    uint8_t version;         /* 1, 2 or 3 */
    int path_length;
    /* RFC 5280 4.2.1.11, 4.2.1.14: skipped certificates; X509_NO_SKIP when absent */
    unsigned require_explicit_policy, inhibit_policy_mapping, inhibit_any_policy;
};

/* Parses exactly one certificate of strict DER (der.h). Refused besides what is no DER: a version
 * that does not fit the fields, inner and outer signature algorithm that differ, a serial number
 * that is negative or over 20 octets, an empty issuer, NUL or broken UTF-8 in names, a signature
 * with unused bits, impossible dates, duplicate or malformed extensions, keyCertSign or a path
 * length without cA. A key or signature algorithm that is not known is no error here but
 * X509_KEY_UNSUPPORTED and X509_SIG_UNSUPPORTED, so that a bundle with such a certificate can be
 * read; x509_verify refuses to use it. On failure returns TLS_ERROR_CERT_PARSE and sets *why to a
 * static phrase. The views point into der. */
enum tls_error x509_parse(struct x509_certificate *cert, const uint8_t *der, size_t length,
                          const char **why);

/* Trust anchors: parsed certificates, in an array that the caller owns. */
struct x509_trust {
    const struct x509_certificate *roots;
    size_t count;
};

enum x509_purpose { X509_SERVER, X509_CLIENT }; /* what the leaf wants to act as */

struct x509_crl;

struct x509_rules {
    int64_t now; /* seconds since 1970 */
    enum x509_purpose purpose;
    /* For every key of the chain, roots too: RSA and DSA; EC keys of the same strength by NIST
     * SP 800-57 part 1 table 2. */
    unsigned minimum_rsa_bits;
    bool allow_sha1; /* as a certificate's signature; a root's own is never checked */
    /* Refuse also what no attack needs, but CAs must not write (x509_profile.c): key identifiers
     * that are there on one side only, critical marks in the wrong places, purposes mixed with
     * those of other protocols or in a root, DSA keys, RSA moduli of odd sizes, CRLs without a
     * number. Many a home-made CA fails this. */
    bool strict;
    /* What the leaf must be for; both NULL: no check of names (the caller has another way to know
     * the peer, such as client certificates). ip is 4 or 16 bytes. */
    const char *dns_name;
    struct x509_bytes ip;
    /* The leaf's common name counts as a DNS name when subjectAltName has none: what certificates
     * did before RFC 2818 asked for more. Name constraints then bind it as well. */
    bool allow_common_name;
    /* Certificate policies: the inputs of RFC 5280 6.1.1. All zero, only what the certificates
     * themselves demand is enforced. */
    const struct x509_bytes *policies; /* acceptable ones, OID contents; NULL: any */
    size_t policy_count;
    bool require_explicit_policy, inhibit_policy_mapping, inhibit_any_policy;
    /* Revocation lists (x509_crl.h). When crls is not NULL, even if there is none in it, every
     * certificate of the path but the anchor must be known not to be revoked: RFC 5280 6.3.3, with
     * distribution points, reasons, deltas and indirect lists. A list past its nextUpdate, or
     * without one, tells nothing. */
    const struct x509_crl *crls;
    size_t crl_count;
    /* The OCSP response that the peer stapled (x509_ocsp.h); NULL: none. A response that does not
     * say that the leaf is good is a failure (RFC 6066 8); one that does makes a CRL for the leaf
     * unnecessary. */
    struct x509_bytes ocsp;
    bool ocsp_requested; /* a leaf that demands a response (RFC 7633) without one is a failure */
    /* Key pins: SHA-256 of a SubjectPublicKeyInfo (RFC 7469 2.4), 32 bytes each. When there is one,
     * the path that is trusted must hold a key that is pinned, its anchor included. */
    const uint8_t (*pins)[32];
    size_t pin_count;
};

/* Is the certificate's key one of those pinned? For `trust = pin-only`, and to print a pin. */
bool x509_is_pinned(const struct x509_certificate *cert, const uint8_t (*pins)[32], size_t count);
void x509_pin(const struct x509_certificate *cert, uint8_t pin[32]);
/* One pin as curl writes it, "sha256//" and 44 characters of base64. False when it is not one. */
bool x509_pin_parse(const char *text, size_t length, uint8_t pin[32]);
enum { X509_PIN_TEXT = 8 + 44 + 1 };
void x509_pin_text(const uint8_t pin[32], char out[X509_PIN_TEXT]);

enum { X509_DETAIL_MAX = 480 };

struct x509_failure {
    enum tls_error error;
    char detail[X509_DETAIL_MAX]; /* which certificate, which rule (with its RFC section) and what
                                   * to do */
};

/* What one x509_verify may cost, whatever the peer sends. Past any of these the answer is
 * TLS_ERROR_CERT_CHAIN_LIMIT. The most expensive chain takes X509_SIGNATURES_MAX public-key
 * operations (measured: 100 ms when all are DSA of 4096 bits, 62 ms on P-521, 1 ms for RSA-2048)
 * and name constraints (up to 10 ms). Stack: 36 KiB, with CRLs 52 KiB; most of it is elliptic
 * curves'. */
enum {
    X509_CHAIN_MAX = 10, /* certificates that a peer may send; also of a path, without its root */
    X509_SENT_MAX = 48,  /* certificates that x509_verify takes to choose from */
    X509_SIGNATURES_MAX = 32, /* signatures checked; none is checked twice */
    X509_STEPS_MAX = 400,     /* issuers tried in the search, with or without a signature check */
    X509_NAME_CHECKS_MAX = 32768, /* names compared with name constraints, in pieces of 128 bytes */
    X509_POLICIES_MAX = 64        /* policies valid at one certificate of a path */
};

/* Is chain[0] (the leaf) to be trusted? The rest of the chain helps, in any order.
 *
 * The search goes from the leaf to issuers whose subject is the name sought (RFC 5280 7.1) and
 * whose key identifier, where both sides have one, is the one named: trust anchors first, then the
 * peer's certificates, depth first, until a path passes every check. A dead end is no
 * failure as long as another path holds, so cross-signed, unordered and superfluous certificates
 * do no harm, nor does an expired root beside a good one.
 *
 * Trust anchors: every certificate of `trust` is one, also when it is not self-signed (a chain may
 * end at an intermediate that the trust file holds) and also when it is the leaf itself, byte by
 * byte (a self-signed server certificate in the trust file). Their own signatures are not checked,
 * and a GeneralizedTime before 2050 (Certum's root of 2011) or a serial number of 0 (GoDaddy's) is
 * refused in others only. All else is checked: dates, key size, critical extensions, and as issuers
 * basicConstraints (but for version 1 and 2, which cannot have it: listing such a certificate is
 * what makes it a CA), path length, keyUsage and extendedKeyUsage, which bind what is below them.
 * As a leaf an anchor needs no CA bit, but usage, purpose and name as any other, and it is not
 * asked for its revocation. A leaf that is no anchor and has the CA bit is refused where a name is
 * asked for: whoever holds its key could issue for any name.
 *
 * A path that is complete is then checked as a whole, from the anchor down: name constraints
 * (RFC 5280 4.2.1.10; of DNS names, IP addresses, e-mail addresses, URIs and directory names; a
 * constraint of another form refuses every name of that form) and certificate policies (6.1; by
 * levels, as RFC 9618 has it, so that mappings cost no more than their number).
 *
 * extendedKeyUsage of CAs limits what is below them (as all TLS stacks do; RFC 5280 leaves it
 * open); anyExtendedKeyUsage suffices there, but not in the leaf, where RFC 5280 4.2.1.12 leaves
 * the choice.
 *
 * On success returns TLS_ERROR_OK; else the error of the path that came furthest, and *failure
 * says why. */
enum tls_error x509_verify(const struct x509_certificate *chain, size_t count,
                           const struct x509_trust *trust, const struct x509_rules *rules,
                           struct x509_failure *failure);

/* The same, and *issuer is the certificate that issued the leaf on the path found, one of chain or
 * of trust; NULL when the leaf itself is an anchor. */
enum tls_error x509_verify_path(const struct x509_certificate *chain, size_t count,
                                const struct x509_trust *trust, const struct x509_rules *rules,
                                const struct x509_certificate **issuer,
                                struct x509_failure *failure);

/* The name check alone (RFC 9525, which replaces RFC 6125): subjectAltName only, never the common
 * name. Case and one trailing dot are ignored. A wildcard is the whole left-most label, stands for
 * exactly one label, and needs two labels or more after it ("*.com" matches nothing). Names are
 * A-labels; anything that is not letters, digits, '-' and '_' matches nothing. An IP address
 * (4 or 16 bytes) matches only an iPAddress entry, a name only a dNSName entry. */
bool x509_matches_dns(const struct x509_certificate *cert, const char *name);
bool x509_matches_ip(const struct x509_certificate *cert, struct x509_bytes ip);

/* An entry of subjectAltName, as an allow-list has it. */
struct x509_alt_name {
    enum { X509_ALT_DNS, X509_ALT_EMAIL, X509_ALT_URI, X509_ALT_IP } kind;
    struct x509_bytes value; /* text, or an address of 4 or 16 bytes */
};

/* Whom a rule admits: a certificate whose subject is one of these texts, character by character as
 * x509_name_text writes it, or that has one of these alternative names (DNS names without regard to
 * case, wildcards standing for themselves; the rest byte by byte). */
struct x509_admitted {
    const char *const *subjects;
    size_t subject_count;
    const struct x509_alt_name *names;
    size_t name_count;
};
bool x509_is_admitted(const struct x509_certificate *cert, const struct x509_admitted *admitted);

/* Of a certificate whose issuer does not matter (a pinned one, or one known from before): is its
 * key usable, and strong enough for rules, and pinned when they have pins? Neither dates, names,
 * extensions nor signatures are looked at. */
enum tls_error x509_verify_key(const struct x509_certificate *leaf, const struct x509_rules *rules,
                               struct x509_failure *failure);

/* A name for people: "CN=host, O=Some Org", control and non-ASCII characters escaped, cut to size
 * with "...". Always ends the string. */
void x509_name_text(struct x509_bytes name, char *out, size_t size);
/* The number that names a certificate's file in a directory as OpenSSL's c_rehash makes it, eight
 * digits of hexadecimal, then ".0", ".1" and so on (".r0" for CRLs, by their issuer). A name whose
 * RDNs have several attributes each hashes as it is encoded, which OpenSSL may order otherwise. */
uint32_t x509_name_hash(struct x509_bytes name);
/* The subjectAltName entries for people, "a.example b.example 10.0.0.1". */
void x509_san_text(const struct x509_certificate *cert, char *out, size_t size);

#endif
