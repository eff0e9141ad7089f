#include "report.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "common_log.h"
#include "global.h"
#include "rule_numbers.h"

enum { PEER_TEXT = TLS_NAME_MAX + 64, CAUSE_TEXT = 768 };

struct subject { /* what every line begins with */
    const struct policy_rule *rule;
    const char *side, *direction;
    char peer[PEER_TEXT]; /* "db.example (10.0.0.1:5432)", or the address alone */
};

static void subject_of(const struct shim_session *s, struct subject *out)
{
    bool client = s->tls.role == TLS_CLIENT;

    out->rule = rule_of_session(s);
    out->side = client ? "client" : "server";
    out->direction = client ? "connection to" : "connection from";
    if (client && strncmp(s->peer_address, s->peer_name, strlen(s->peer_name)) != 0)
        snprintf(out->peer, sizeof(out->peer), "%s (%s)", s->peer_name, s->peer_address);
    else
        snprintf(out->peer, sizeof(out->peer), "%s", s->peer_address);
}

/* What helps when the engine's words about the failure do not say it already. */
static void remedy(const struct shim_session *s, char *out, size_t size)
{
    bool client = s->tls.role == TLS_CLIENT;
    const char *inside = shim_rules.file[0] == '(' ? "--except" : "a [plain] rule with connect =";

    out[0] = '\0';
    switch (tls_failure(&s->tls)) {
    case TLS_ERROR_NOT_TLS:
    case TLS_ERROR_RECORD_PLAINTEXT_HTTP:
        if (client)
            snprintf(out, size, "; if this peer is to be reached in plaintext, add %s %s", inside,
                     s->peer_address);
        else
            snprintf(out, size,
                     "; the client has to use TLS, or this port needs a [plain] rule "
                     "with listen =");
        break;
    case TLS_ERROR_CLOSED_IN_HANDSHAKE:
        if (client)
            snprintf(out, size,
                     "; the peer may not speak TLS 1.0 at all; if it is to be reached in "
                     "plaintext, add %s %s",
                     inside, s->peer_address);
        break;
    case TLS_ERROR_TIMEOUT:
        snprintf(out, size, "; `handshake-timeout` in the rule sets the limit");
        break;
    case TLS_ERROR_NO_COMMON_SUITE:
        snprintf(out, size, "; widen `suites` or lower `minimum-strength` in the rule");
        break;
    case TLS_ERROR_SMALL_GROUP:
        snprintf(out, size,
                 "; lower `minimum-key-exchange` in the rule, or leave DHE out of its "
                 "`suites`");
        break;
    case TLS_ERROR_TRUNCATED:
        snprintf(out, size,
                 "; data may be missing; `truncation = allow` in the rule accepts it "
                 "from peers that always do this");
        break;
    default:
        break;
    }
}

void report_failure(struct shim_session *s)
{
    char cause[CAUSE_TEXT], help[256];
    struct subject about;

    subject_of(s, &about);
    tls_failure_text(&s->tls, arena_at(ARENA_SLAB, s->handshake_slab), cause, sizeof(cause));
    remedy(s, help, sizeof(help));
    log_line(LOG_LEVEL_ERROR, "%s:%u: [%s %s]: %s %s: %s%s", about.rule->place.file,
             about.rule->place.line, about.side, about.rule->name, about.direction, about.peer,
             cause, help);
}

void report_success(const struct shim_session *s)
{
    const struct tls_suite *suite = tls_suite_by_id(s->tls.suite);
    struct subject about;

    if (!log_enabled(LOG_LEVEL_INFO))
        return;
    subject_of(s, &about);
    log_line(LOG_LEVEL_INFO, "%s:%u: [%s %s]: %s %s: TLS 1.0, %s", about.rule->place.file,
             about.rule->place.line, about.side, about.rule->name, about.direction, about.peer,
             suite != NULL ? suite->name : "unknown suite");
}
