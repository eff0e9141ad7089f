/* tlshim probe: what a peer speaks, what the policy says to that, and what a rule for it would
 * need.
 *
 *   probe_wire     TCP with time limits
 *   probe_hello    one ClientHello and its answer
 *   probe_scan     all the questions: versions, suites, groups, habits
 *   probe_chain    the certificates
 *   probe_session  whole handshakes with the engine
 *   probe_judge    what is weak, and the tightest rule that the peer satisfies
 *   probe_show, probe_json  the report, for people and for programs
 *   probe          the command: in which order */
#ifndef SHIM_CLI_PROBE_H
#define SHIM_CLI_PROBE_H

#include "../../policy/policy_keys.h"
#include "../common_rules.h"
#include "probe_chain.h"
#include "probe_scan.h"
#include "probe_session.h"

/* One line of a rule. */
struct probe_setting {
    enum policy_key_id key;
    char value[1200];
    char why[200]; /* not empty: an allowance, or something that the built-in settings lack */
};
enum { PROBE_SETTINGS_MAX = 16, PROBE_WEAK_MAX = 24 };

struct probe_rule {
    struct probe_setting list[PROBE_SETTINGS_MAX];
    size_t count;
    char impossible[320]; /* not empty: why no rule will do */
};

struct probe {
    struct probe_target target;
    const char *question; /* HOST:PORT as given */
    const char *trust;    /* --trust: a path, "system"; NULL: system */
    struct scan scan;
    struct probe_chain chain;
    struct probe_session session; /* the best handshake that there is */
    bool resumes_by_id, resumes_by_ticket;
    enum tls_error trusted;                /* of the certificates, under --trust, with the name */
    char trust_text[X509_DETAIL_MAX + 80]; /* why not */
    struct probe_rule rule;                /* the tightest */
    const char *weak[PROBE_WEAK_MAX];      /* weaknesses, static words */
    size_t weak_count;
    /* What the policy says: file:line, rule, and whether a connection would be made under it. */
    bool has_policy;
    char policy_text[1600];
    bool connects;
    bool as_rule; /* --rule: only the rule is wanted */
};

/* Fills trusted, rule and weak. Makes connections to see that the rule holds. progress as in
 * scan_peer. */
void probe_judge(struct probe *probe, void (*progress)(const char *what));

/* A rule as a policy's text. comments: with its reasons, for people. Returns malloc'ed text, NULL
 * when memory runs out. */
char *probe_rule_text(const struct probe *probe, bool comments);

void probe_show(const struct probe *probe);
void probe_show_json(const struct probe *probe);

#endif
