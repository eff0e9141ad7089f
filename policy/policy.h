/* The policy: text in, rules out; then, for a connection, the one rule that decides.
 *
 * No system call, no stdio, no allocation but the caller's pool: the file is read by who calls.
 * Everything a rule points to lies in the pool and lives as long as it, except the file's name,
 * which is the caller's.
 *
 * The text, line by line (UTF-8, at most POLICY_LINE_MAX bytes a line, no control characters but
 * the tab):
 *   # comment                  whole line, or after white space behind a value
 *   [KIND NAME]  [defaults]    KIND: client server plain deny; NAME: letters, digits, . _ -
 *   KEY = VALUE                one value, or words separated by white space
 *   include = FILE ...         before the first section: sections of other files, in that place;
 *                              its last part may have stars
 * In a value ${VAR} stands for an environment variable (it never splits a word in two) and $$ for
 * a dollar. A path may have white space; where a key takes several, white space before a / or a ${
 * begins the next. Keys: policy_keys.h. Words of connect and listen are HOST:PORT:
 *   HOST  *  erp.example.com  *.example.com (any depth, not example.com itself)  10.0.0.1
 *         10.0.0.0/8  [2001:db8::1]  [2001:db8::/32]
 *   PORT  *  443  1-1023 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../tls/tls.h"

/* A bump allocator over memory that the caller gives and frees whole. */
struct policy_pool {
    unsigned char *memory; /* aligned as malloc's */
    size_t size, used;
    /* NULL, or: called when less than `size` bytes are left; gives the pool other memory, the old
     * one stays as it is. False when there is none. */
    bool (*grow)(struct policy_pool *pool, size_t size);
    void *grow_arg;
};

/* A pool of this size is always enough for a text of `length` bytes that has no ${VAR} and no
 * include. Most of it stays untouched, so mapped memory costs nothing. */
size_t policy_pool_size(size_t length);

enum {
    POLICY_LINE_MAX = 4096,
    POLICY_VALUE_MAX = 4000, /* with ${VAR} replaced */
    POLICY_RULES_MAX = 1024,
    POLICY_TIMEOUT_MAX = 3600,
    POLICY_CACHE_AGE_MAX = 7 * 86400,
    POLICY_DH_BITS_MIN = 512,
    POLICY_DH_BITS_MAX = 8192
};
#define POLICY_DATA_LIMIT_MIN ((uint64_t)1 << 20)
#define POLICY_DATA_LIMIT_MAX ((uint64_t)1 << 35) /* 2^32 blocks of 8 bytes: the birthday bound */
enum { POLICY_CACHE_ENTRIES_MAX = 1 << 20 };
#define POLICY_CACHE_BYTES_MAX ((uint64_t)1 << 32)

struct policy_place { /* where a thing was said; lines and columns (in characters) from 1 */
    const char *file;
    unsigned line, column;
};

enum { POLICY_ERROR_TEXT = 512 };
struct policy_error {
    struct policy_place place;
    char message[POLICY_ERROR_TEXT]; /* with the remedy; no "file:line:column: " in front */
};

enum policy_kind { POLICY_CLIENT, POLICY_SERVER, POLICY_PLAIN, POLICY_DENY };
enum policy_handshake { POLICY_HANDSHAKE_FIRST_USE, POLICY_HANDSHAKE_CONNECT };
enum policy_client_certificate { POLICY_CERT_NO, POLICY_CERT_REQUEST, POLICY_CERT_REQUIRE };

struct policy_string { /* a value with its place; text is NULL when the key is absent */
    const char *text;
    struct policy_place place;
};

struct policy_list { /* words of a value; words is NULL when the key is absent */
    const struct policy_string *words;
    size_t count;
};

enum {
    POLICY_SUITES_MAX = TLS_SUITES_MAX,
    POLICY_GROUPS_MAX = TLS_GROUPS_MAX,
    POLICY_ALPN_MAX = 32,
    POLICY_PSK_IDENTITIES_MAX = 256,
    POLICY_CREDENTIALS_MAX = 3 /* one for each kind of key: RSA, EC, DSA */
};

enum policy_trust_kind {
    POLICY_TRUST_FILE, /* files, or directories of files */
    POLICY_TRUST_SYSTEM,
    POLICY_TRUST_PIN_ONLY, /* this and the next: certificates are not looked at beyond their key */
    POLICY_TRUST_FIRST_USE
};
enum policy_ocsp { POLICY_OCSP_OFF, POLICY_OCSP_REQUEST, POLICY_OCSP_REQUIRE };
enum { POLICY_PINS_MAX = 16 };

/* Who the peer is, beyond files of certificates. */
struct policy_trust {
    enum policy_trust_kind kind; /* of a client's `trust` */
    struct policy_list pins;     /* texts that x509_pin_parse reads */
    struct policy_string known_peers;
    struct policy_list crls; /* paths */
    enum policy_ocsp ocsp;
    struct policy_string ocsp_responses[POLICY_CREDENTIALS_MAX]; /* places as of certificates */
    bool allow_common_name;
    bool strict; /* certificate-profile = strict */
    struct policy_list client_subjects, client_names;
    bool client_environment;
};

/* One section's settings, [defaults] already filled in. */
struct policy_settings {
    /* Floors in bits, each for itself. `signature` is that of the handshake, which TLS 1.0 makes
     * with MD5 and SHA-1 (POLICY_TLS10_SIGNATURE_BITS), whatever the certificate's is. */
    unsigned minimum_cipher, minimum_key_exchange, minimum_certificate, minimum_signature;
    uint16_t suites[POLICY_SUITES_MAX]; /* IANA numbers in order, those below the floor removed */
    size_t suite_count;
    uint16_t version_min, version_max;
    uint16_t groups[POLICY_GROUPS_MAX]; /* IANA numbers in order; none: whatever there is */
    size_t group_count;
    unsigned minimum_dh; /* bits of a group's prime; 0: as minimum_key_exchange says */
    enum policy_handshake handshake;
    unsigned handshake_timeout; /* seconds */
    bool allow_truncation;
    bool record_splitting;
    bool allow_sha1_certificates;
    bool allow_renegotiation;
    bool allow_no_renegotiation_info; /* peers without RFC 5746 */
    bool allow_sslv2_hello;           /* server */
    bool omit_extensions;             /* client */
    bool tickets;
    bool allow_keylog;
    unsigned cache_age;   /* seconds that a session may be resumed; 0: none is */
    uint64_t data_limit;  /* bytes per key of a cipher with 64-bit blocks */
    int64_t legacy_until; /* the rule's last second, since 1970; 0: no end */
    struct policy_string legacy_until_text, reason;
    struct policy_list trust; /* paths, or the word of another trusting.kind */
    struct policy_list client_trust;
    struct policy_string verify_name, dh_parameters;
    struct policy_string ticket_keys, psk_file, key_passphrase_file;
    struct policy_list alpn, psk_identities;
    /* One or several, each with the key in the same place of the other list. */
    struct policy_string certificates[POLICY_CREDENTIALS_MAX], keys[POLICY_CREDENTIALS_MAX];
    struct policy_trust trusting;
    enum policy_client_certificate client_certificate;
};

/* SHA-1's resistance to collisions, to the power of two (Stevens and others 2017). */
enum { POLICY_TLS10_SIGNATURE_BITS = 61 };

struct policy_pattern; /* one word of connect or listen */
struct policy_entry;   /* one key with its value, as written (policy_parser.h) */

struct policy_rule {
    enum policy_kind kind;
    const char *name;                              /* "erp" of [client erp] */
    struct policy_place place;                     /* of the section's header */
    unsigned index;                                /* in the file, from 0 */
    const struct policy_pattern *connect, *listen; /* lists; NULL when the key is absent */
    const char *const *programs;                   /* NULL-terminated; NULL: any */
    const uint32_t *users;                         /* user ids; NULL: any */
    size_t user_count;
    struct policy_settings settings;
    /* By policy_key_id: the entry that a setting comes from, of this section or of [defaults]; it
     * may be of another key (`preset` sets minimum-cipher). NULL: built in. */
    const struct policy_entry *const *said;
    /* When legacy-until is set: the deny rule that takes this one's place afterwards. */
    const struct policy_rule *past;
    const char *refusal; /* of that rule: why it denies, for the log; else NULL */
};

/* How strong a suite can be under a rule, in bits by axis; `signature` is that
 * of the handshake. POLICY_AS_KEY: as strong as a key or certificate, which is held against the
 * floor when it is seen. A key exchange without such a key counts as what a client makes of it: the
 * weakest curve, and for a server the weakest group that it may be asked for (RFC 7919); a client
 * takes groups up to the largest, each held against the floor. */
enum { POLICY_AS_KEY = 256 };
struct policy_strength {
    unsigned cipher, key_exchange, certificate, signature;
    const char *exchanged_by; /* what is held against minimum-key-exchange, for people; or NULL */
    unsigned exchanged_bits;  /* how long that must be */
};
struct policy_strength policy_suite_strength(const struct tls_suite *suite,
                                             const struct policy_rule *rule);

enum policy_children { POLICY_CHILDREN_INHERIT, POLICY_CHILDREN_DROP };
enum policy_uncovered { POLICY_UNCOVERED_REFUSE, POLICY_UNCOVERED_PLAIN };

/* What [defaults] says about the whole process, rather than for rules. */
struct policy_process {
    bool unmatched_plain;                  /* unmatched = plain; deny otherwise */
    enum policy_children children;         /* are programs that it executes covered? */
    enum policy_uncovered uncovered_child; /* one that cannot be: not executed, or in plaintext */
    uint32_t cache_entries;                /* sessions to be resumed by their ids, at most */
    uint64_t cache_bytes;                  /* and the memory that they take, at most */
};

struct policy {
    const struct policy_rule *rules;
    size_t rule_count;
    struct policy_process process;
    const struct policy_entry *unmatched_entry; /* where `unmatched` is said, or NULL */
    const struct policy_entry *uncovered_entry; /* and `uncovered-child` */
    struct policy_settings defaults;
    int64_t now; /* as in policy_input */
    uint32_t user;
};

struct policy_file {  /* one of those that an include names */
    const char *name; /* lives as long as the policy */
    const char *text;
    size_t length;
    struct policy_file *next;
};

/* What is parsed, and what the parser asks the world for. */
struct policy_input {
    const char *file, *text; /* the name lives as long as the policy */
    size_t length;
    /* Where relative paths start, with its slash ("" for the working directory). NULL: refused. */
    const char *directory;
    /* Looks up ${VAR}; NULL result: unset. NULL: ${VAR} is refused (under AT_SECURE). */
    const char *(*environment)(const char *name);
    /* The id of a user's name. NULL: only numbers are understood. */
    bool (*user_id)(void *arg, const char *name, uint32_t *id);
    /* The files of an include's pattern, in lexical order. False: *why says what is wrong. NULL:
     * includes are refused. */
    bool (*include)(void *arg, const char *pattern, struct policy_file **files, const char **why);
    void *arg;     /* for the two above */
    int64_t now;   /* seconds since 1970, for legacy-until; 0: no date has passed */
    uint32_t user; /* effective user id, for `user` */
};

/* Parses. Every error goes to report (not always in the order of lines). False when there was any;
 * *out is then not to be used but for looking at what was understood. */
bool policy_parse_all(struct policy *out, struct policy_pool *pool,
                      const struct policy_input *input,
                      void (*report)(void *arg, const struct policy_error *error), void *arg);

/* The same for a text alone, relative paths left as they are, and *error tells the error that comes
 * first in the file. */
bool policy_parse(struct policy *out, struct policy_pool *pool, const char *file, const char *text,
                  size_t length, const char *(*environment)(const char *name),
                  struct policy_error *error);

/* A report that keeps the error that comes first in the file; arg is a zeroed
 * struct policy_earliest. */
struct policy_earliest {
    struct policy_error error;
    bool found;
};
void policy_keep_earliest(void *arg, const struct policy_error *error);

/* The shortest prime of a Diffie-Hellman group under these settings, in bits. */
unsigned policy_dh_bits(const struct policy_settings *settings);
/* The shortest RSA modulus of this strength, in bits (NIST SP 800-57 part 1, table 2). */
unsigned policy_rsa_bits(unsigned strength);

/* "client" and so on. */
const char *policy_kind_name(enum policy_kind kind);

enum policy_direction { POLICY_CONNECT, POLICY_LISTEN };

struct policy_query {
    enum policy_direction direction;
    uint8_t address[16];    /* network order; IPv4 in the first 4; v4-mapped IPv6 counts as IPv4 */
    uint8_t address_length; /* 4 or 16. The peer's for connect, the local one for listen */
    uint16_t port;
    const char *name;    /* what the program asked the resolver for, or NULL */
    const char *program; /* absolute path of the executable, or NULL */
    int64_t now;         /* seconds since 1970, for legacy-until; 0: when the policy was read */
};

/* The first rule that matches, or NULL (then policy->process.unmatched_plain decides). */
const struct policy_rule *policy_match(const struct policy *policy,
                                       const struct policy_query *query);

/* Why a rule does not match. */
enum policy_mismatch {
    POLICY_MATCHES,
    POLICY_OTHER_DIRECTION,
    POLICY_OTHER_PORT,    /* no pattern has this port */
    POLICY_OTHER_HOST,    /* some have the port, but none this host */
    POLICY_OTHER_PROGRAM, /* or the program is not known */
    POLICY_OTHER_USER
};
enum policy_mismatch policy_compare(const struct policy *policy, const struct policy_rule *rule,
                                    const struct policy_query *query);

/* Each setting that has a meaning for the rule, as it would be written: "key = value". The order is
 * fixed; key is an enum policy_key_id. */
void policy_each_setting(const struct policy_rule *rule,
                         void (*each)(void *arg, unsigned key, const char *value), void *arg);

/* Writes the policy as a text that means the same, with every setting spelt out, through put. */
void policy_print(const struct policy *policy, void (*put)(void *arg, const char *text, size_t n),
                  void *arg);

/* Could any rule make a listener on this port (any address) a TLS or denied one? */
bool policy_covers_listen_port(const struct policy *policy, uint16_t port);

#endif
