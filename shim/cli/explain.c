/* tlshim explain: which rule decides about a connection, and what it gets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy_detail.h"
#include "../../policy/policy_pattern.h"
#include "../common_rules.h"
#include "cli.h"
#include "explain.h"
#include "json.h"

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

enum { POLICY, PROGRAM, ADDRESS, ALL, FORMAT };
static const struct option_name names[] = {
    [POLICY] = {"-p", true},  [PROGRAM] = {"--program", true}, [ADDRESS] = {"--address", true},
    [ALL] = {"--all", false}, [FORMAT] = {"--format", true},   {NULL, false},
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
    case FORMAT:
        if (json_wanted(options->value, &question->json))
            return true;
        usage_error("explain: --format is text or json");
        return false;
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
    if (question->all && question->json) {
        usage_error("explain: --all prints a policy, which has no other format");
        return false;
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
        (question.json ? explain_json : explain_text)(&rules.policy, &question);
    rules_unload(&rules);
    return fflush(stdout) == 0 ? 0 : EXIT_REFUSED;
}
