/* For a connection, the rule that decides. */
#include <string.h>

#include "policy_detail.h"
#include "policy_pattern.h"
#include "policy_text.h"

/* Compares a name that a program used, of n characters, with a lower-case one of the policy. */
static bool is_name(const char *name, size_t n, const char *lower)
{
    if (strlen(lower) != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (policy_lower(name[i]) != lower[i])
            return false;
    return true;
}

static bool matches_name(const struct policy_pattern *pattern, const char *name)
{
    size_t n = name ? strlen(name) : 0;
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (pattern->host == POLICY_HOST_NAME)
        return n > 0 && is_name(name, n, pattern->name);
    size_t tail = strlen(pattern->name); /* ".example.com" */
    return n > tail && is_name(name + n - tail, tail, pattern->name);
}

bool policy_in_network(const struct policy_pattern *pattern, const uint8_t *address, uint8_t length)
{
    if (pattern->address_length != length)
        return false;
    size_t whole = pattern->prefix / 8;
    unsigned rest = pattern->prefix % 8;
    if (memcmp(pattern->address, address, whole) != 0)
        return false;
    return rest == 0 || ((pattern->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}

static bool has_port(const struct policy_pattern *pattern, uint16_t port)
{
    return port >= pattern->first_port && port <= pattern->last_port;
}

static bool matches_host(const struct policy_pattern *pattern, const struct policy_query *query)
{
    switch (pattern->host) {
    case POLICY_HOST_ANY:
        return true;
    case POLICY_HOST_ADDRESS:
        return policy_in_network(pattern, query->address, query->address_length);
    default:
        return matches_name(pattern, query->name);
    }
}

static bool matches_user(const struct policy_rule *rule, uint32_t user)
{
    size_t i = 0;
    while (i < rule->user_count && rule->users[i] != user)
        i++;
    return !rule->users || i < rule->user_count;
}

bool policy_has_program(const struct policy_rule *rule, const char *program)
{
    if (!rule->programs)
        return true;
    if (!program || !program[0])
        return false;
    const char *slash = strrchr(program, '/'), *base = slash ? slash + 1 : program;
    for (const char *const *p = rule->programs; *p; p++)
        if (strcmp((*p)[0] == '/' ? program : base, *p) == 0)
            return true;
    return false;
}

enum policy_mismatch policy_compare(const struct policy *policy, const struct policy_rule *rule,
                                    const struct policy_query *query)
{
    struct policy_query q = *query;
    policy_unmap_address(q.address, &q.address_length);
    const struct policy_pattern *pattern =
        q.direction == POLICY_CONNECT ? rule->connect : rule->listen;
    enum policy_mismatch mismatch = pattern ? POLICY_OTHER_PORT : POLICY_OTHER_DIRECTION;
    for (; pattern; pattern = pattern->next) {
        if (!has_port(pattern, q.port))
            continue;
        mismatch = POLICY_OTHER_HOST;
        if (matches_host(pattern, &q))
            break;
    }
    if (!pattern)
        return mismatch;
    return !policy_has_program(rule, q.program) ? POLICY_OTHER_PROGRAM
           : !matches_user(rule, policy->user)  ? POLICY_OTHER_USER
                                                : POLICY_MATCHES;
}

const struct policy_rule *policy_match(const struct policy *policy,
                                       const struct policy_query *query)
{
    int64_t now = query->now ? query->now : policy->now;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (policy_compare(policy, rule, query) == POLICY_MATCHES)
            return rule->past && now > rule->settings.legacy_until ? rule->past : rule;
    }
    return NULL;
}

bool policy_covers_listen_port(const struct policy *policy, uint16_t port)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        for (const struct policy_pattern *p = rule->listen; p; p = p->next) {
            if (!has_port(p, port))
                continue;
            if (rule->kind != POLICY_PLAIN || rule->past)
                return true;
            if (p->host == POLICY_HOST_ANY && !rule->programs && !rule->users)
                return false; /* whoever accepts here is decided */
        }
    }
    return !policy->process.unmatched_plain;
}
