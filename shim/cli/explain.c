/* tlshim explain: which rule decides about a connection, and what it gets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy_detail.h"
#include "../../policy/policy_pattern.h"
#include "../common_rules.h"
#include "cli.h"

struct question {
    struct policy_query query;
    char host[256];
    const char *text; /* HOST:PORT as given */
    bool all;         /* not about a connection: the whole policy */
};

/* ---- the question ---- */

static bool read_endpoint(struct question *question, const char *text)
{
    struct policy_endpoint endpoint;
    const char *why;
    struct policy_query *query = &question->query;
    question->text = text;
    if (!policy_split_endpoint(text, &endpoint, &why)) {
        usage_error("explain: \"%s\": %s", text, why);
        return false;
    }
    query->port = policy_read_port(endpoint.port, strlen(endpoint.port));
    if (!query->port) {
        usage_error("explain: \"%s\": the port is a number from 1 to 65535", text);
        return false;
    }
    snprintf(question->host, sizeof question->host, "%.*s", (int)endpoint.host_length,
             endpoint.host);
    bool any = query->direction == POLICY_LISTEN && strcmp(question->host, "*") == 0;
    if (any || policy_read_address(question->host, query->address, &query->address_length))
        return true;
    if (query->direction == POLICY_CONNECT && !endpoint.bracketed &&
        policy_is_dns_name(question->host)) {
        query->name = question->host;
        return true;
    }
    usage_error("explain: \"%s\": the host is %s", text,
                query->direction == POLICY_CONNECT ? "a DNS name, an IPv4 address or [IPv6]"
                                                   : "*, an IPv4 address or [IPv6]");
    return false;
}

enum { POLICY, PROGRAM, ADDRESS, ALL };
static const struct option_name names[] = {
    [POLICY] = {"-p", true},
    [PROGRAM] = {"--program", true},
    [ADDRESS] = {"--address", true},
    [ALL] = {"--all", false},
    {NULL, false},
};

static bool take_option(struct question *question, const struct options *options, int option,
                        const char **address)
{
    switch (option) {
    case POLICY:
        return choose_policy_file(options->value);
    case PROGRAM:
        question->query.program = options->value;
        return true;
    case ADDRESS:
        *address = options->value;
        return true;
    case ALL:
        question->all = true;
        return true;
    default:
        usage_error("explain: %s", options->wrong);
        return false;
    }
}

/* Options may stand before, between and behind the two words. */
static bool read_question(struct question *question, char **arguments)
{
    struct options options = {.at = arguments};
    const char *words[2] = {NULL, NULL}, *address = NULL;
    size_t count = 0;
    for (;;) {
        int option = next_option(&options, names);
        if (option != OPTION_END) {
            if (!take_option(question, &options, option, &address))
                return false;
        } else if (!*options.at) {
            break;
        } else if (count == 2) {
            usage_error("explain: what is \"%s\"?", *options.at);
            return false;
        } else {
            words[count++] = *options.at++;
        }
    }
    if (question->all && count == 0)
        return true;
    if (question->all || count != 2 ||
        (strcmp(words[0], "connect") != 0 && strcmp(words[0], "listen") != 0)) {
        usage_error("explain connect HOST:PORT, explain listen ADDRESS:PORT, or explain --all");
        return false;
    }
    question->query.direction = words[0][0] == 'c' ? POLICY_CONNECT : POLICY_LISTEN;
    if (!read_endpoint(question, words[1]))
        return false;
    if (address &&
        !policy_read_address(address, question->query.address, &question->query.address_length)) {
        usage_error("explain: --address \"%s\" is no IP address", address);
        return false;
    }
    return true;
}

/* ---- the answer ---- */

static const char *mismatch_words(enum policy_mismatch mismatch)
{
    switch (mismatch) {
    case POLICY_OTHER_DIRECTION:
        return "is for the other direction";
    case POLICY_OTHER_PORT:
        return "has no pattern with this port";
    case POLICY_OTHER_HOST:
        return "has no pattern with this host and port";
    case POLICY_OTHER_PROGRAM:
        return "is for other programs";
    case POLICY_OTHER_USER:
        return "is for other users";
    default:
        return "matches";
    }
}

static const char *outcome(const struct policy_rule *rule)
{
    static const char *const words[] = {"TLS, as client", "TLS, as server", "left plain", "denied"};
    return words[rule->kind];
}

/* Where a setting comes from: "built in", "line 7", "[defaults], line 2", "preset = legacy in line
 * 3". */
static void source_text(const struct policy_rule *rule, unsigned key, char *out, size_t size)
{
    const struct policy_entry *entry = rule->said[key];
    if (!entry) {
        snprintf(out, size, "built in");
        return;
    }
    bool elsewhere = strcmp(entry->place.file, rule->place.file) != 0;
    char by[64] = "";
    if (entry->key != key)
        snprintf(by, sizeof by, "%s = %.20s in ", policy_keys[entry->key].name, entry->value.text);
    snprintf(out, size, "%s%s%.80s%sline %u", by, entry->of_defaults ? "[defaults], " : "",
             elsewhere ? entry->place.file : "", elsewhere ? ", " : "", entry->place.line);
}

/* What each suite is worth: what it is by itself, or what the rule asks of keys and groups. */
static void show_suites(const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    for (size_t i = 0; i < s->suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(s->suites[i]);
        struct policy_strength strength = policy_suite_strength(suite, rule);
        printf("      %zu. %s: cipher %u bits; key exchange ", i + 1, suite->name, strength.cipher);
        if (strength.exchanged_by)
            printf("by %s, from %u (%u bits long)", strength.exchanged_by, s->minimum_key_exchange,
                   strength.exchanged_bits);
        else
            printf("from %u", strength.key_exchange);
        if (strength.certificate == 0)
            printf("; no authentication\n");
        else
            printf("; certificates from %u\n", s->minimum_certificate);
    }
}

static void show_setting(void *arg, unsigned key, const char *value)
{
    const struct policy_rule *rule = arg;
    char source[256];
    source_text(rule, key, source, sizeof source);
    if (key == POLICY_KEY_SUITES) {
        printf("    %-22s %-28s # %s\n", "suites =", "in this order:", source);
        show_suites(rule);
        return;
    }
    char name[40];
    snprintf(name, sizeof name, "%s =", policy_keys[key].name);
    printf("    %-22s %-28s # %s\n", name, value, source);
}

static bool has_pattern_of(const struct policy *policy, bool address)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        for (int list = 0; list < 2; list++)
            for (const struct policy_pattern *p = list ? rule->listen : rule->connect; p;
                 p = p->next)
                if (address == (p->host == POLICY_HOST_ADDRESS) && p->host != POLICY_HOST_ANY)
                    return true;
    }
    return false;
}

static bool has_programs(const struct policy *policy)
{
    size_t i = 0;
    while (i < policy->rule_count && !policy->rules[i].programs)
        i++;
    return i < policy->rule_count;
}

/* What the answer may depend on and was not told. */
static void show_caveats(const struct policy *policy, const struct policy_query *query)
{
    bool connect = query->direction == POLICY_CONNECT;
    if (!query->address_length && has_pattern_of(policy, true))
        printf("  Patterns with an address were passed over: %s.\n",
               connect ? "say which one with --address"
                       : "ask again with the address that a peer connects to");
    if (connect && !query->name && has_pattern_of(policy, false))
        printf("  Patterns with a name were passed over: they count when the program looked the "
               "name up.\n");
    if (!query->program && has_programs(policy))
        printf("  Rules with a program were passed over: say which one with --program.\n");
}

static void show_earlier(const struct policy *policy, const struct policy_query *query,
                         const struct policy_rule *decided)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (decided && rule->index == decided->index)
            return;
        printf("  not [%s %s] (%s:%u): it %s\n", policy_kind_name(rule->kind), rule->name,
               rule->place.file, rule->place.line,
               mismatch_words(policy_compare(policy, rule, query)));
    }
}

static void answer(const struct policy *policy, const struct question *question)
{
    const struct policy_query *query = &question->query;
    const struct policy_rule *rule = policy_match(policy, query);
    printf("%s %s%s%s: %s\n", query->direction == POLICY_CONNECT ? "connect" : "listen",
           question->text, query->program ? " by " : "", query->program ? query->program : "",
           rule                              ? outcome(rule)
           : policy->process.unmatched_plain ? "left plain"
                                             : "denied");
    show_earlier(policy, query, rule);
    if (!rule)
        printf("  no rule matches, and unmatched = %s\n",
               policy->process.unmatched_plain ? "plain" : "deny");
    else if (rule->refusal)
        printf("  [%s %s] (%s:%u) would decide, but %s\n",
               policy_kind_name(policy->rules[rule->index].kind), rule->name, rule->place.file,
               rule->place.line, rule->refusal);
    else
        printf("  decided by [%s %s] (%s:%u)\n", policy_kind_name(rule->kind), rule->name,
               rule->place.file, rule->place.line);
    if (rule && !rule->refusal)
        policy_each_setting(rule, show_setting, (void *)rule);
    show_caveats(policy, query);
}

static void print_text(void *arg, const char *text, size_t n)
{
    fwrite(text, 1, n, arg);
}

int explain_command(char **arguments)
{
    struct question question = {0};
    struct rules rules;
    struct rules_error error;
    if (!read_question(&question, arguments))
        return EXIT_REFUSED;
    if (!rules_read(&rules, &error)) {
        say("%s", error.text);
        return EXIT_REFUSED;
    }
    if (question.all)
        policy_print(&rules.policy, print_text, stdout);
    else
        answer(&rules.policy, &question);
    rules_unload(&rules);
    return fflush(stdout) == 0 ? 0 : EXIT_REFUSED;
}
