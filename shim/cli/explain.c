/* tlshim explain: which rule decides about a connection, and what it gets. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy_keys.h"
#include "../../policy/policy_parser.h"
#include "../../policy/policy_pattern.h"
#include "../common_rules.h"
#include "cli.h"

struct question {
    struct policy_query query;
    char host[256];
    const char *text; /* HOST:PORT as given */
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

enum { POLICY, PROGRAM, ADDRESS };
static const struct option_name names[] = {
    [POLICY] = {"-p", true},
    [PROGRAM] = {"--program", true},
    [ADDRESS] = {"--address", true},
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
    if (count != 2 || (strcmp(words[0], "connect") != 0 && strcmp(words[0], "listen") != 0)) {
        usage_error("explain connect HOST:PORT, or explain listen ADDRESS:PORT");
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

static const char *key_source(const struct policy_rule *rule, enum policy_key_id key, char *out,
                              size_t size)
{
    const struct policy_entry *entry = rule->said[key];
    if (entry)
        snprintf(out, size, "%s, line %u", entry->of_defaults ? "[defaults]" : "the rule",
                 entry->place.line);
    else
        snprintf(out, size, "built in");
    return out;
}

static void show(const struct policy_rule *rule, enum policy_key_id key, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void show(const struct policy_rule *rule, enum policy_key_id key, const char *format, ...)
{
    char value[512], source[64];
    va_list args;
    va_start(args, format);
    vsnprintf(value, sizeof value, format, args);
    va_end(args);
    printf("  %-19s %-33s %s\n", policy_keys[key].name, value,
           key_source(rule, key, source, sizeof source));
}

static void show_settings(const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    if (s->trust.text)
        show(rule, POLICY_KEY_TRUST, "%s", s->trust.text);
    if (rule->kind == POLICY_CLIENT)
        show(rule, POLICY_KEY_VERIFY_NAME, "%s",
             s->verify_name.text ? s->verify_name.text : "(what the program asked for)");
    if (s->certificate.text)
        show(rule, POLICY_KEY_CERTIFICATE, "%s", s->certificate.text);
    if (s->key.text)
        show(rule, POLICY_KEY_KEY, "%s", s->key.text);
    if (rule->kind == POLICY_SERVER)
        show(rule, POLICY_KEY_CLIENT_CERTIFICATE, "no");
    show(rule, POLICY_KEY_VERSIONS, "TLSv1.0");
    show(rule, POLICY_KEY_MINIMUM_CIPHER, "%u", s->minimum_cipher);
    show(rule, POLICY_KEY_HANDSHAKE, "%s",
         s->handshake == POLICY_HANDSHAKE_CONNECT ? "connect" : "first-use");
    show(rule, POLICY_KEY_HANDSHAKE_TIMEOUT, "%u", s->handshake_timeout);
    show(rule, POLICY_KEY_TRUNCATION, "%s", s->allow_truncation ? "allow" : "refuse");
    show(rule, POLICY_KEY_RECORD_SPLITTING, "%s", s->record_splitting ? "on" : "off");
    for (size_t i = 0; i < s->suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(s->suites[i]);
        show(rule, POLICY_KEY_SUITES, "%s, %u bits", suite->name, suite->cipher_bits);
    }
}

static const char *outcome(enum policy_kind kind)
{
    switch (kind) {
    case POLICY_CLIENT:
        return "TLS, as client";
    case POLICY_SERVER:
        return "TLS, as server";
    case POLICY_PLAIN:
        return "left plain";
    default:
        return "denied";
    }
}

static void answer(const struct rules *rules, const struct question *question)
{
    const struct policy_query *query = &question->query;
    const struct policy_rule *rule = policy_match(&rules->policy, query);
    printf("%s %s%s%s: ", query->direction == POLICY_CONNECT ? "connect" : "listen", question->text,
           query->program ? " by " : "", query->program ? query->program : "");
    if (rule)
        printf("%s\n  decided by [%s %s], %s:%u\n", outcome(rule->kind),
               policy_kind_name(rule->kind), rule->name, rule->place.file, rule->place.line);
    else
        printf("%s\n  no rule matches, and unmatched = %s\n",
               rules->policy.unmatched_plain ? "left plain" : "denied",
               rules->policy.unmatched_plain ? "plain" : "deny");
    if (rule && (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER))
        show_settings(rule);
    if (!query->address_length)
        printf("  (patterns with an address were passed over: %s)\n",
               query->name ? "give one with --address" : "a listener on * may be reached at any");
    if (!query->program)
        printf("  (rules with a program were passed over: give one with --program)\n");
}

int explain_command(char **arguments)
{
    struct question question = {0};
    struct rules rules;
    struct rules_error error;
    if (!read_question(&question, arguments))
        return EXIT_REFUSED;
    if (!rules_load(&rules, &error)) {
        say("%s", error.text);
        return EXIT_REFUSED;
    }
    answer(&rules, &question);
    rules_unload(&rules);
    return fflush(stdout) == 0 ? 0 : EXIT_REFUSED;
}
