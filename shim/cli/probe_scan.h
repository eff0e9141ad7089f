/* What a peer accepts, found out by asking: one connection a question (probe_hello.h). */
#ifndef SHIM_CLI_PROBE_SCAN_H
#define SHIM_CLI_PROBE_SCAN_H

#include "probe_hello.h"

enum { SCAN_VERSIONS = 5, SCAN_GROUPS_MAX = 32 };
enum scan_said { SCAN_NO, SCAN_YES, SCAN_UNKNOWN };

struct scan_suite {
    const struct tls_suite *suite;
    uint16_t group;         /* of ECDHE; 0: none */
    unsigned exchange_bits; /* of DH's prime or an export key; 0: none */
};

struct scan {
    enum scan_said versions[SCAN_VERSIONS];   /* SSL 3.0 to TLS 1.3 */
    struct scan_suite suites[TLS_SUITES_MAX]; /* under TLS 1.0, in the order in which they were
                                               * found: the peer's own, if it has one */
    size_t suite_count;
    enum scan_said own_order; /* does the peer choose by an order of its own? */
    uint16_t groups[SCAN_GROUPS_MAX];
    size_t group_count;
    enum scan_said compression,
        fallback;       /* takes DEFLATE; refuses TLS_FALLBACK_SCSV below its best */
    bool no_extensions; /* it answers only hellos without extensions */
    bool few_suites;    /* and only short ones */
    bool intolerant;    /* it does not answer a hello of a version above its own with its own */
    bool cut_short;     /* questions were left out: too much time had passed, or it went silent */
    char protocol[32];  /* what it chose among h2 and http/1.1; empty: nothing */
    bool wants_certificate;
    struct probe_answer *answer; /* to the hello that offered most, under TLS 1.0; malloc'ed */
};

/* Asks everything. progress is called before each question. True when the peer answers TLS 1.0;
 * else scan->answer says what it does instead. Free scan->answer. */
bool scan_peer(const struct probe_target *target, struct scan *scan,
               void (*progress)(const char *what));

uint16_t scan_version(size_t index);

#endif
