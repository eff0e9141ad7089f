/* Rules that can never decide, because an earlier one always does. */
#include <string.h>

#include "policy_detail.h"

static bool ends_with(const char *name, const char *tail)
{
    size_t n = strlen(name), t = strlen(tail);
    return n > t && strcmp(name + n - t, tail) == 0;
}

static bool covers_host(const struct policy_pattern *wide, const struct policy_pattern *narrow)
{
    bool narrow_named = narrow->host == POLICY_HOST_NAME || narrow->host == POLICY_HOST_BELOW;
    switch (wide->host) {
    case POLICY_HOST_ANY:
        return true;
    case POLICY_HOST_ADDRESS:
        return narrow->host == POLICY_HOST_ADDRESS && wide->prefix <= narrow->prefix &&
               policy_in_network(wide, narrow->address, narrow->address_length);
    case POLICY_HOST_NAME:
        return narrow->host == POLICY_HOST_NAME && strcmp(wide->name, narrow->name) == 0;
    default:
        return narrow_named &&
               (ends_with(narrow->name, wide->name) ||
                (narrow->host == POLICY_HOST_BELOW && strcmp(wide->name, narrow->name) == 0));
    }
}

static bool covers(const struct policy_pattern *wide, const struct policy_pattern *narrow)
{
    return wide->first_port <= narrow->first_port && wide->last_port >= narrow->last_port &&
           covers_host(wide, narrow);
}

static bool covers_programs(const struct policy_rule *wide, const struct policy_rule *narrow)
{
    if (!wide->programs)
        return true;
    if (!narrow->programs)
        return false;
    const char *const *p = narrow->programs;
    while (*p && policy_has_program(wide, *p))
        p++;
    return !*p;
}

static bool covers_users(const struct policy_rule *wide, const struct policy_rule *narrow)
{
    if (!wide->users)
        return true;
    for (size_t i = 0; i < narrow->user_count; i++) {
        size_t k = 0;
        while (k < wide->user_count && wide->users[k] != narrow->users[i])
            k++;
        if (k == wide->user_count)
            return false;
    }
    return narrow->users != NULL;
}

const struct policy_rule *policy_hidden_by(const struct policy *policy,
                                           const struct policy_rule *rule,
                                           const struct policy_pattern *pattern,
                                           enum policy_direction direction)
{
    for (size_t i = 0; i < rule->index; i++) {
        const struct policy_rule *earlier = &policy->rules[i];
        const struct policy_pattern *p =
            direction == POLICY_CONNECT ? earlier->connect : earlier->listen;
        if (!covers_programs(earlier, rule) || !covers_users(earlier, rule))
            continue;
        for (; p; p = p->next)
            if (covers(p, pattern))
                return earlier;
    }
    return NULL;
}
