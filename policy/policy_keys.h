/* Every key of the policy language, in one table. A key that this version cannot honour is listed
 * all the same, so that it is refused by name instead of being taken for a typing error. */
#ifndef POLICY_KEYS_H
#define POLICY_KEYS_H

#include <stddef.h>

/* Kinds of section, as bits. */
enum {
    POLICY_IN_CLIENT = 1,
    POLICY_IN_SERVER = 2,
    POLICY_IN_PLAIN = 4,
    POLICY_IN_DENY = 8,
    POLICY_IN_DEFAULTS = 16,
    POLICY_IN_TOP = 32, /* before the first section */
    POLICY_IN_TLS = POLICY_IN_CLIENT | POLICY_IN_SERVER,
    POLICY_IN_RULES = POLICY_IN_TLS | POLICY_IN_PLAIN | POLICY_IN_DENY,
    POLICY_IN_ANY = POLICY_IN_RULES | POLICY_IN_DEFAULTS
};

#define POLICY_C     POLICY_IN_CLIENT
#define POLICY_S     POLICY_IN_SERVER
#define POLICY_CS    POLICY_IN_TLS
#define POLICY_D     POLICY_IN_DEFAULTS
#define POLICY_NC    (POLICY_IN_RULES & ~POLICY_IN_SERVER)
#define POLICY_NDENY (POLICY_IN_ANY & ~POLICY_IN_DENY)
#define POLICY_NS    (POLICY_IN_RULES & ~POLICY_IN_CLIENT)

/* X(id, name, sections where it has a meaning, sections where this version honours it)
 * Match keys and secrets have no place in [defaults]. */
#define POLICY_KEYS(X)                                                                             \
    X(CONNECT, "connect", POLICY_NC, POLICY_NC)                                                    \
    X(LISTEN, "listen", POLICY_NS, POLICY_NS)                                                      \
    X(PROGRAM, "program", POLICY_IN_RULES, POLICY_IN_RULES)                                        \
    X(USER, "user", POLICY_IN_RULES, POLICY_IN_RULES)                                              \
    X(VERSIONS, "versions", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                            \
    X(SUITES, "suites", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                                \
    X(PRESET, "preset", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                                \
    X(MINIMUM_STRENGTH, "minimum-strength", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)            \
    X(MINIMUM_CIPHER, "minimum-cipher", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                \
    X(MINIMUM_KEY_EXCHANGE, "minimum-key-exchange", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)    \
    X(MINIMUM_CERTIFICATE, "minimum-certificate", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)      \
    X(MINIMUM_SIGNATURE, "minimum-signature", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)          \
    X(SHA1_CERTIFICATES, "sha1-certificates", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)          \
    X(HANDSHAKE, "handshake", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                          \
    X(HANDSHAKE_TIMEOUT, "handshake-timeout", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)          \
    X(RENEGOTIATION, "renegotiation", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                  \
    X(RENEGOTIATION_INFO, "renegotiation-info", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)        \
    X(SSLV2_HELLO, "sslv2-hello", POLICY_S | POLICY_D, POLICY_S | POLICY_D)                        \
    X(EXTENSIONS, "extensions", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                          \
    X(TRUNCATION, "truncation", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                        \
    X(TICKETS, "tickets", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                              \
    X(TICKET_KEYS, "ticket-keys", POLICY_S, POLICY_S)                                              \
    X(CACHE_AGE, "cache-age", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                          \
    X(KEYLOG, "keylog", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                                \
    X(STARTTLS, "starttls", POLICY_CS, 0)                                                          \
    X(LEGACY_UNTIL, "legacy-until", POLICY_NDENY, POLICY_NDENY)                                    \
    X(REASON, "reason", POLICY_IN_ANY, POLICY_IN_ANY)                                              \
    X(CHILDREN, "children", POLICY_D, POLICY_D)                                                    \
    X(UNCOVERED_CHILD, "uncovered-child", POLICY_D, POLICY_D)                                      \
    X(CACHE_ENTRIES, "cache-entries", POLICY_D, POLICY_D)                                          \
    X(CACHE_BYTES, "cache-bytes", POLICY_D, POLICY_D)                                              \
    X(GROUPS, "groups", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                                \
    X(MINIMUM_DH, "minimum-dh", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                        \
    X(DH_PARAMETERS, "dh-parameters", POLICY_S | POLICY_D, POLICY_S | POLICY_D)                    \
    X(ALPN, "alpn", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                                    \
    X(PSK_IDENTITY, "psk-identity", POLICY_CS, POLICY_CS)                                          \
    X(PSK_FILE, "psk-file", POLICY_CS, POLICY_CS)                                                  \
    X(RECORD_SPLITTING, "record-splitting", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)            \
    X(DATA_LIMIT, "data-limit", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                        \
    X(CRL, "crl", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                                      \
    X(OCSP, "ocsp", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                                      \
    X(OCSP_RESPONSE, "ocsp-response", POLICY_S, POLICY_S)                                          \
    X(COMMON_NAME, "common-name", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                        \
    X(CERTIFICATE_PROFILE, "certificate-profile", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)      \
    X(KNOWN_PEERS, "known-peers", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                        \
    X(TRUST, "trust", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                                    \
    X(VERIFY_NAME, "verify-name", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                        \
    X(PIN, "pin", POLICY_C | POLICY_D, POLICY_C | POLICY_D)                                        \
    X(CERTIFICATE, "certificate", POLICY_CS | POLICY_D, POLICY_CS | POLICY_D)                      \
    X(KEY, "key", POLICY_CS, POLICY_CS)                                                            \
    X(KEY_PASSPHRASE_FILE, "key-passphrase-file", POLICY_CS, POLICY_CS)                            \
    X(CLIENT_CERTIFICATE, "client-certificate", POLICY_S | POLICY_D, POLICY_S | POLICY_D)          \
    X(CLIENT_TRUST, "client-trust", POLICY_S | POLICY_D, POLICY_S | POLICY_D)                      \
    X(CLIENT_SUBJECT, "client-subject", POLICY_S | POLICY_D, POLICY_S | POLICY_D)                  \
    X(CLIENT_SAN, "client-san", POLICY_S | POLICY_D, POLICY_S | POLICY_D)                          \
    X(CLIENT_ENVIRONMENT, "client-environment", POLICY_S | POLICY_D, POLICY_S | POLICY_D)          \
    X(UNMATCHED, "unmatched", POLICY_D, POLICY_D)                                                  \
    X(INCLUDE, "include", POLICY_IN_TOP, POLICY_IN_TOP)

enum policy_key_id {
#define X(id, name, meaning, honoured) POLICY_KEY_##id,
    POLICY_KEYS(X)
#undef X
        POLICY_KEY_COUNT
};

struct policy_key {
    const char *name;
    unsigned meaning, honoured; /* POLICY_IN_ bits */
};
extern const struct policy_key policy_keys[POLICY_KEY_COUNT];

/* The key of this name, POLICY_KEY_COUNT when there is none. */
enum policy_key_id policy_key_by_name(const char *name, size_t length);

#endif
