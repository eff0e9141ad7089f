#include "report.h"

#include <stdio.h>
#include <string.h>

#include "arena.h"
#include "common_ladder.h"
#include "common_log.h"
#include "global.h"
#include "learn.h"
#include "remedy.h"
#include "ruling.h"

enum { CAUSE_TEXT = 768, RULE_TEXT = 640 };

static void about_session(const struct shim_session *s, struct log_event *e)
{
    const struct policy_rule *rule = rule_of_session(s);
    bool client = s->tls.role == TLS_CLIENT;
    bool named = client && strncmp(s->peer_address, s->peer_name, strlen(s->peer_name)) != 0;

    *e = (struct log_event){
        .connection = s->cookie,
        .file = rule != NULL ? rule->place.file : ruling_file(),
        .line = rule != NULL ? rule->place.line : 0,
        .kind = rule != NULL ? policy_kind_name(rule->kind) : NULL,
        .rule = rule != NULL ? rule->name : NULL,
        .direction = client ? "to" : "from",
        .name = named ? s->peer_name : NULL,
        .peer = s->peer_address,
    };
}

static void remedy(const struct shim_session *s, char out[REMEDY_TEXT])
{
    const struct policy_rule *rule = rule_of_session(s);
    const struct remedy_about about = {
        .error = tls_failure(&s->tls),
        .alert = atomic_load(&s->tls.alert_received),
        .client = s->tls.role == TLS_CLIENT,
        .answered = s->tls.suite != 0,
        .omits_extensions = rule->settings.omit_extensions,
        .plain_rule = rule->place.file[0] == '(' ? "--except" : "a [plain] rule with connect =",
        .peer = s->peer_address,
    };

    remedy_text(&about, out);
}

void report_written(struct shim_session *s, const uint8_t *bytes, size_t n)
{
    enum { HANDSHAKE = 22, MAJOR = 3, CLIENT_HELLO = 1 };
    char help[160];
    struct log_event e;

    if (s->written || n == 0)
        return;
    s->written = 1;
    if (n < TLS_HEADER + 1 || bytes[0] != HANDSHAKE || bytes[1] != MAJOR ||
        bytes[TLS_HEADER] != CLIENT_HELLO)
        return;
    about_session(s, &e);
    e.event = "own-tls";
    e.cause = "the program begins TLS of its own, which now goes inside of this rule's TLS";
    snprintf(help, sizeof(help), "if it should go to the peer as it is, add %s %s",
             e.file[0] == '(' ? "--except" : "a [plain] rule with connect =", s->peer_address);
    e.remedy = help;
    log_event(LOG_LEVEL_WARN, &e);
}

void report_failure(struct shim_session *s)
{
    char cause[CAUSE_TEXT], help[REMEDY_TEXT];
    struct log_event e;

    about_session(s, &e);
    tls_failure_text(&s->tls, arena_at(ARENA_SLAB, s->handshake_slab), cause, sizeof(cause));
    remedy(s, help);
    e.event = "failed";
    e.cause = cause;
    e.remedy = help[0] != '\0' ? help : NULL;
    log_event(LOG_LEVEL_ERROR, &e);
    log_trace(s->cookie, s->born, "failed: %s", cause);
}

void report_success(const struct shim_session *s)
{
    const struct tls_suite *suite = tls_suite_by_id(s->tls.suite);
    char cause[256];
    struct log_event e;

    if (!log_enabled(LOG_LEVEL_INFO) && !log_is_tracing())
        return;
    about_session(s, &e);
    e.event = "open";
    e.suite = suite != NULL ? suite->name : "unknown suite";
    snprintf(cause, sizeof(cause), "TLS 1.0, %s%s%s%s", e.suite, s->tls.resumed ? ", resumed" : "",
             s->peer_subject[0] != '\0' ? ", with " : "", s->peer_subject);
    e.cause = cause;
    log_event(LOG_LEVEL_INFO, &e);
    log_trace(s->cookie, s->born, "open: %s", cause);
}

/* ---- refused and plain ---- */

static void about_connection(const struct policy_rule *rule, const struct connection *c,
                             enum policy_direction direction, struct log_event *e)
{
    *e = (struct log_event){
        .file = rule != NULL ? rule->place.file : ruling_file(),
        .line = rule != NULL ? rule->place.line : 0,
        .kind = rule != NULL ? policy_kind_name(rule->kind) : NULL,
        .rule = rule != NULL ? rule->name : NULL,
        .direction = direction == POLICY_CONNECT ? "to" : "at",
        .name = c->name[0] != '\0' ? c->name : NULL,
        .peer = c->text,
    };
}

/* "[plain local-dns] (policy.conf:5)", or what decides when no rule matches. */
static void name_rule(const struct policy_rule *rule, char *out, size_t size)
{
    if (rule != NULL)
        snprintf(out, size, "[%s %.100s] (%.480s:%u)", policy_kind_name(rule->kind), rule->name,
                 rule->place.file, rule->place.line);
    else
        snprintf(out, size, "unmatched (%.480s)", ruling_file());
}

void report_listen(const struct connection *c)
{
    if (log_is_tracing())
        log_trace(0, 0, "listen on %s", c->text);
    learn_listener(c);
}

static void trace_verdict(const struct policy_rule *rule, const struct connection *c,
                          enum policy_direction direction, const char *verdict)
{
    char by[RULE_TEXT];

    if (!log_is_tracing())
        return;
    name_rule(rule, by, sizeof(by));
    log_trace(0, 0, "%s %s%s%s%s: %s by %s",
              direction == POLICY_CONNECT ? "connect to" : "arrived at", c->name,
              c->name[0] != '\0' ? " (" : "", c->text, c->name[0] != '\0' ? ")" : "", verdict, by);
}

void report_plain(const struct policy_rule *rule, const struct connection *c,
                  enum policy_direction direction)
{
    if (direction == POLICY_CONNECT)
        learn_connection(c);
    trace_verdict(rule, c, direction, "left plain");
}

void report_denied(const struct policy_rule *rule, const struct connection *c,
                   enum policy_direction direction)
{
    char cause[CAUSE_TEXT], help[256];
    struct log_event e;

    about_connection(rule, c, direction, &e);
    e.event = "refused";
    e.cause = "refused";
    if (rule != NULL && rule->refusal != NULL) {
        snprintf(cause, sizeof(cause), "refused: %s", rule->refusal);
        e.cause = cause;
    } else if (rule == NULL) {
        e.cause = "refused: no rule matches";
        snprintf(help, sizeof(help),
                 "add a [%s] or [plain] rule with %s = %s, or unmatched = plain in [defaults]",
                 direction == POLICY_CONNECT ? "client" : "server",
                 direction == POLICY_CONNECT ? "connect" : "listen", c->text);
        e.remedy = help;
    }
    log_event(LOG_LEVEL_WARN, &e);
    trace_verdict(rule, c, direction, "denied");
}

/* ---- the trace of a session ---- */

void report_begin(struct shim_session *s)
{
    const struct policy_rule *rule = rule_of_session(s);
    struct log_event e;
    char by[RULE_TEXT];

    if (!log_is_tracing())
        return;
    s->born = shim_now();
    about_session(s, &e);
    name_rule(rule, by, sizeof(by));
    log_trace(s->cookie, 0, "%s %s%s%s%s: TLS by %s",
              s->tls.role == TLS_CLIENT ? "connect to" : "accepted from",
              e.name != NULL ? e.name : "", e.name != NULL ? " (" : "", e.peer,
              e.name != NULL ? ")" : "", by);
}

void report_end(const struct shim_session *s)
{
    static const char *const ends[] = {"was not said", "was sent", "was received",
                                       "was sent and received"};
    bool sent = s->close_sealed, received = s->tls.read.closed && s->failure == 0;

    if (!log_is_tracing() || s->born == 0)
        return;
    if (atomic_load(&s->stage) == SHIM_CONNECTING)
        log_trace(s->cookie, s->born, "closed: no connection was made");
    else if (!tls_is_established(&s->tls))
        log_trace(s->cookie, s->born, "closed%s",
                  atomic_load(&s->stage) == SHIM_FAILED ? "" : " before the handshake was over");
    else
        log_trace(s->cookie, s->born, "closed: %llu bytes sealed, %llu opened; close_notify %s",
                  (unsigned long long)s->tls.write.bytes, (unsigned long long)s->tls.read.bytes,
                  ends[sent + 2 * received]);
}

static void trace_message(void *arg, const struct tls_event *event)
{
    const struct shim_session *s = arg;
    char line[LADDER_LINE];

    log_trace(s->cookie, s->born, "%s", ladder_line(s->tls.role, event, line));
}

void report_messages(struct tls_conn *conn, struct shim_session *s)
{
    if (!log_is_tracing())
        return;
    conn->observe = trace_message;
    conn->observe_arg = s;
}
