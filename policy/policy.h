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
 * In a value ${VAR} stands for an environment variable (it never splits a word in two) and $$ for
 * a dollar. Keys: policy_keys.h. Words of connect and listen are HOST:PORT:
 *   HOST  *  erp.example.com  *.example.com (any depth, not example.com itself)  10.0.0.1
 *         10.0.0.0/8  [2001:db8::1]  [2001:db8::/32]
 *   PORT  *  443  1-1023 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A bump allocator over memory that the caller gives and frees whole. */
struct policy_pool {
    unsigned char *memory; /* aligned as malloc's */
    size_t size, used;
};

/* A pool of this size is always enough for a text of `length` bytes. Most of it stays untouched,
 * so mapped memory costs nothing. */
size_t policy_pool_size(size_t length);

enum { POLICY_LINE_MAX = 4096, POLICY_RULES_MAX = 1024, POLICY_TIMEOUT_MAX = 3600 };

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

enum { POLICY_SUITES_MAX = 64 };

/* One section's settings, [defaults] already filled in. */
struct policy_settings {
    unsigned minimum_strength;          /* bits */
    uint16_t suites[POLICY_SUITES_MAX]; /* IANA numbers in order, those below the floor removed */
    size_t suite_count;
    uint16_t version_min, version_max;
    enum policy_handshake handshake;
    unsigned handshake_timeout; /* seconds */
    bool allow_truncation;
    bool record_splitting;
    struct policy_string trust, certificate, key, client_trust, verify_name;
    bool trust_system; /* trust = system */
    enum policy_client_certificate client_certificate;
};

struct policy_pattern; /* one word of connect or listen */
struct policy_entry;   /* one key with its value, as written (policy_parser.h) */

struct policy_rule {
    enum policy_kind kind;
    const char *name;                              /* "erp" of [client erp] */
    struct policy_place place;                     /* of the section's header */
    unsigned index;                                /* in the file, from 0 */
    const struct policy_pattern *connect, *listen; /* lists; NULL when the key is absent */
    const char *const *programs;                   /* NULL-terminated; NULL: any */
    struct policy_settings settings;
    const struct policy_entry *const *said; /* by policy_key_id: the entry of this section or else
                                             * of [defaults] that a setting comes from, or NULL */
};

struct policy {
    const struct policy_rule *rules;
    size_t rule_count;
    bool unmatched_plain; /* unmatched = plain; deny otherwise */
    struct policy_settings defaults;
};

/* Parses text of `length` bytes. environment looks up ${VAR} (NULL result: unset, an error);
 * pass NULL to refuse ${VAR} (under AT_SECURE). False: *error tells the error that comes first in
 * the file, and *out is not to be used. */
bool policy_parse(struct policy *out, struct policy_pool *pool, const char *file, const char *text,
                  size_t length, const char *(*environment)(const char *name),
                  struct policy_error *error);
/* The same, but every error goes to report (not always in the order of lines). */
bool policy_parse_all(struct policy *out, struct policy_pool *pool, const char *file,
                      const char *text, size_t length, const char *(*environment)(const char *name),
                      void (*report)(void *arg, const struct policy_error *error), void *arg);

/* A report that keeps the error that comes first in the file; arg is a zeroed
 * struct policy_earliest. */
struct policy_earliest {
    struct policy_error error;
    bool found;
};
void policy_keep_earliest(void *arg, const struct policy_error *error);

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
};

/* The first rule that matches, or NULL (then policy->unmatched_plain decides). */
const struct policy_rule *policy_match(const struct policy *policy,
                                       const struct policy_query *query);

/* Could any rule make a listener on this port (any address) a TLS or denied one? */
bool policy_covers_listen_port(const struct policy *policy, uint16_t port);

#endif
