#include "probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../policy/policy_pattern.h"
#include "../../tls/tls_cache.h"
#include "../../tls/tls_key_exchange.h"
#include "cli.h"
#include "json.h"

/* ---- the question ---- */

enum { POLICY, RULE, TRUST, TIMEOUT, FORMAT };
static const struct option_name names[] = {
    [POLICY] = {"-p", true},         [RULE] = {"--rule", false},    [TRUST] = {"--trust", true},
    [TIMEOUT] = {"--timeout", true}, [FORMAT] = {"--format", true}, {NULL, false},
};
enum { TIMEOUT_DEFAULT = 10, TIMEOUT_MAX = 600 };

static bool read_timeout(struct probe *probe, const char *value)
{
    char *end;
    unsigned long seconds = strtoul(value, &end, 10);
    probe->target.timeout = (unsigned)seconds;
    return value[0] >= '0' && value[0] <= '9' && !*end && seconds > 0 && seconds <= TIMEOUT_MAX;
}

/* False after a message. */
static bool take_option(struct probe *probe, const struct options *options, int option, bool *json)
{
    switch (option) {
    case POLICY:
        return choose_policy_file(options->value);
    case RULE:
        probe->as_rule = true;
        return true;
    case TRUST:
        probe->trust = options->value;
        return true;
    case TIMEOUT:
        if (read_timeout(probe, options->value))
            return true;
        usage_error("probe: --timeout is in seconds, 1 to %d", TIMEOUT_MAX);
        return false;
    case FORMAT:
        if (json_wanted(options->value, json))
            return true;
        usage_error("probe: --format is text or json");
        return false;
    default:
        usage_error("probe: %s", options->wrong);
        return false;
    }
}

static bool read_peer(struct probe *probe, const char *text)
{
    struct policy_endpoint endpoint;
    struct probe_target *target = &probe->target;
    const char *why;
    uint8_t address[16], length;
    if (!policy_split_endpoint(text, &endpoint, &why)) {
        usage_error("probe: \"%s\": %s", text, why);
        return false;
    }
    probe->question = text;
    target->port = policy_read_port(endpoint.port, strlen(endpoint.port));
    snprintf(target->host, sizeof target->host, "%.*s", (int)endpoint.host_length, endpoint.host);
    bool literal = policy_read_address(target->host, address, &length);
    if (!literal && !endpoint.bracketed && policy_is_dns_name(target->host))
        target->name = target->host;
    if (!target->port || (!literal && !target->name)) {
        usage_error("probe: \"%s\": HOST is a name, an IPv4 address or [IPv6], PORT a number",
                    text);
        return false;
    }
    return true;
}

static bool read_question(struct probe *probe, char **arguments, bool *json)
{
    struct options options = {.at = arguments};
    const char *peer = NULL;
    for (;;) {
        int option = next_option(&options, names);
        if (option != OPTION_END) {
            if (!take_option(probe, &options, option, json))
                return false;
        } else if (!*options.at) {
            break;
        } else if (peer) {
            usage_error("probe takes one HOST:PORT");
            return false;
        } else {
            peer = *options.at++;
        }
    }
    if (!peer) {
        usage_error("probe takes a HOST:PORT");
        return false;
    }
    return read_peer(probe, peer);
}

/* ---- a line that moves, for who watches ---- */

static bool progress_shown;

static void progress(const char *what)
{
    if (isatty(STDERR_FILENO))
        progress_shown = fprintf(stderr, "\r\033[Ktlshim: asking about %s ...", what) > 0;
}

static void end_progress(void)
{
    if (progress_shown)
        fputs("\r\033[K", stderr);
}

/* ---- handshakes ---- */

/* The peer's own leaf as the only trust, at a time when it is good: what is wrong with the
 * certificates is judged elsewhere, and must not hide the rest of the handshake. */
static int64_t time_of(const struct probe_chain *chain)
{
    int64_t now = time(NULL);
    const struct x509_certificate *leaf = &chain->list[0];
    return chain->count > 0 && (now < leaf->not_before || now > leaf->not_after)
               ? leaf->not_before + (leaf->not_after - leaf->not_before) / 2
               : now;
}

static void offer_accepted(const struct scan *scan, struct tls_config *config)
{
    for (size_t pass = 0; pass < 2 && config->suite_count == 0; pass++)
        for (size_t i = 0; i < scan->suite_count; i++) {
            const struct tls_suite *suite = scan->suites[i].suite;
            const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
            if (!info->psk && info->certificate == (pass == 0))
                config->suites[config->suite_count++] = suite->id;
        }
}

/* Two handshakes with one cache: did the second resume? */
static bool resumes(const struct probe *probe, struct tls_config *config,
                    struct probe_session *first)
{
    enum { SESSIONS = 4, PATIENCE = 10 };
    struct probe_session again;
    void *memory = calloc(1, tls_cache_table_size(SESSIONS));
    int64_t now = time_of(&probe->chain);
    if (!memory)
        return false;
    struct tls_cache cache = tls_cache_of(tls_cache_table_init(memory, SESSIONS));
    config->cache = &cache;
    progress("a whole handshake");
    probe_handshake(&probe->target, config, probe->target.host, now, PATIENCE, first);
    again.resumed = false;
    if (first->established) {
        progress("resumption");
        probe_handshake(&probe->target, config, probe->target.host, now, 0, &again);
    }
    config->cache = NULL;
    free(memory);
    return again.resumed;
}

static void shake_hands(struct probe *probe)
{
    enum { SESSION_TICKET = 35, SMALLEST = 512 };
    const struct x509_trust leaf = {probe->chain.list, probe->chain.count ? 1 : 0};
    struct probe_session ignored;
    struct tls_config config = {.role = TLS_CLIENT,
                                .version_min = TLS_VERSION_10,
                                .version_max = TLS_VERSION_10,
                                .trust = &leaf,
                                .skip_name_check = true,
                                .allow_anonymous = true,
                                .allow_sha1_certificates = true,
                                .minimum_rsa_bits = SMALLEST,
                                .minimum_rsa_exchange_bits = SMALLEST,
                                .minimum_dh_bits = SMALLEST};
    offer_accepted(&probe->scan, &config);
    if (config.suite_count == 0) {
        snprintf(probe->session.failure, sizeof probe->session.failure,
                 "every suite that it accepts needs a key that both sides know beforehand");
        return;
    }
    bool has_tickets = probe_answered_extension(probe->scan.answer, SESSION_TICKET);
    bool resumed = resumes(probe, &config, &probe->session);
    probe->resumes_by_ticket = resumed && has_tickets;
    probe->resumes_by_id = resumed && !has_tickets;
    config.no_tickets = true;
    if (has_tickets && probe->session.established)
        probe->resumes_by_id = resumes(probe, &config, &ignored);
}

/* ---- what the policy says ---- */

static void judge_by_rule(struct probe *probe, const struct rules *rules,
                          const struct policy_rule *rule, const char *where)
{
    struct probe_session session;
    const char *name = rule->settings.verify_name.text;
    progress("what the policy allows");
    probe_handshake(&probe->target, rules->configs[rule->index], name ? name : probe->target.host,
                    time(NULL), 0, &session);
    const struct tls_suite *suite = tls_suite_by_id(session.suite);
    probe->connects = session.established;
    snprintf(probe->policy_text, sizeof probe->policy_text, "%s would %s: %s%s", where,
             session.established ? "connect" : "refuse",
             !session.established ? session.failure
             : suite              ? "TLS 1.0, "
                                  : "TLS 1.0",
             session.established && suite ? suite->name : "");
}

static void ask_policy(struct probe *probe, const struct rules *rules)
{
    struct policy_query query = {
        .direction = POLICY_CONNECT, .port = probe->target.port, .name = probe->target.name};
    char where[500], *bracket = strrchr(probe->target.text, ':'), address[64];
    snprintf(address, sizeof address, "%.*s", (int)(bracket - probe->target.text),
             probe->target.text);
    address[strcspn(address, "]")] = '\0';
    policy_read_address(address + (address[0] == '['), query.address, &query.address_length);
    const struct policy_rule *rule = policy_match(&rules->policy, &query);
    if (!rule) {
        snprintf(probe->policy_text, sizeof probe->policy_text,
                 "%s: no rule matches, and unmatched = %s", rules->file,
                 rules->policy.process.unmatched_plain ? "plain" : "deny");
        return;
    }
    snprintf(where, sizeof where, "%.300s:%u: [%s %.100s]", rule->place.file, rule->place.line,
             policy_kind_name(rule->kind), rule->name);
    if (rule->kind == POLICY_CLIENT)
        judge_by_rule(probe, rules, rule, where);
    else
        snprintf(probe->policy_text, sizeof probe->policy_text, "%s %s", where,
                 rule->refusal               ? rule->refusal
                 : rule->kind == POLICY_DENY ? "denies it"
                                             : "leaves it plain");
}

/* Without a policy: the built-in settings. */
static void ask_builtin(struct probe *probe)
{
    struct rules rules;
    struct policy_earliest earliest = {0};
    char *text = NULL, *trust = NULL;
    bool system = !probe->trust || strcmp(probe->trust, "system") == 0;
    trust = system ? strdup("system") : absolute_path(probe->trust);
    if (!trust || asprintf(&text, "[client any]\nconnect = *:*\ntrust = %s\n", trust) < 0)
        text = NULL;
    if (text && rules_load_all(&rules, NULL, text, policy_keep_earliest, &earliest))
        judge_by_rule(probe, &rules, &rules.policy.rules[0],
                      "none is given; the built-in settings");
    else
        snprintf(probe->policy_text, sizeof probe->policy_text, "%s", earliest.error.message);
    if (text)
        rules_unload(&rules);
    free(text);
    free(trust);
}

/* False after a message: the policy is wrong. */
static bool load_policy(struct probe *probe, struct rules *rules)
{
    struct rules_error error;
    probe->has_policy = getenv("TLSHIM_POLICY") || getenv("TLSHIM_POLICY_TEXT") ||
                        access(RULES_DEFAULT_POLICY, F_OK) == 0;
    if (!probe->has_policy || rules_load(rules, &error))
        return true;
    say("%s", error.text);
    return false;
}

/* ---- the command ---- */

static int status_of(const struct probe *probe)
{
    if (probe->scan.suite_count == 0)
        return CHECK_ERRORS;
    return (probe->as_rule ? !probe->rule.impossible[0] : probe->connects) ? CHECK_CLEAN
                                                                           : CHECK_WARNINGS;
}

static int run(struct probe *probe, bool json)
{
    struct rules rules;
    char why[300];
    if (!load_policy(probe, &rules))
        return EXIT_REFUSED;
    progress("its address");
    bool found = wire_find(&probe->target, why, sizeof why);
    if (found && scan_peer(&probe->target, &probe->scan, progress)) {
        chain_read(&probe->chain, probe->scan.answer->certificates);
        shake_hands(probe);
        probe_judge(probe, progress);
        if (probe->has_policy)
            ask_policy(probe, &rules);
        else
            ask_builtin(probe);
    }
    end_progress();
    if (!found)
        say("%s", why);
    else if (!probe->scan.answer)
        say("not enough memory");
    else
        (json ? probe_show_json : probe_show)(probe);
    if (probe->has_policy)
        rules_unload(&rules);
    int status = found ? status_of(probe) : CHECK_ERRORS;
    free(probe->scan.answer);
    return fflush(stdout) == 0 ? status : EXIT_REFUSED;
}

int probe_command(char **arguments)
{
    bool json = false;
    struct probe *probe = calloc(1, sizeof *probe);
    if (!probe) {
        say("not enough memory");
        return EXIT_REFUSED;
    }
    probe->target.timeout = TIMEOUT_DEFAULT;
    int status = read_question(probe, arguments, &json) ? run(probe, json) : EXIT_REFUSED;
    free(probe);
    return status;
}
