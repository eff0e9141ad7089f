#include "rule_numbers.h"

#include <string.h>

#include "global.h"

static uint32_t find(const struct shim_global *g, const uint8_t identity[TLS_DIGEST])
{
    uint32_t count = __atomic_load_n(&g->rule_count, __ATOMIC_ACQUIRE), i = 0;

    while (i < count && memcmp(g->rules[i], identity, TLS_DIGEST) != 0)
        i++;
    return i < count ? i : RULE_NUMBER_NONE;
}

static uint32_t enter(struct shim_global *g, const uint8_t identity[TLS_DIGEST])
{
    uint32_t i = find(g, identity);

    if (i != RULE_NUMBER_NONE || g->rule_count == SHIM_RULES)
        return i;
    i = g->rule_count;
    memcpy(g->rules[i], identity, TLS_DIGEST);
    __atomic_store_n(&g->rule_count, i + 1, __ATOMIC_RELEASE);
    return i;
}

uint32_t rule_number_copy(struct arena *to, struct arena *from, uint32_t number)
{
    const struct shim_global *g = arena_global_of(from);

    return number < SHIM_RULES ? enter(arena_global_of(to), g->rules[number]) : RULE_NUMBER_NONE;
}

uint32_t rule_number(const struct rules *rules, const struct policy_rule *rule)
{
    uint32_t number = find(shim_global(), rules->configs[rule->index]->rule);

    if (number != RULE_NUMBER_NONE)
        return number;
    registry_lock();
    number = enter(shim_global(), rules->configs[rule->index]->rule);
    registry_unlock();
    return number;
}

const struct policy_rule *rule_from(const struct rules *rules, struct arena *a, uint32_t number)
{
    const struct shim_global *g = arena_global_of(a);

    if (number >= __atomic_load_n(&g->rule_count, __ATOMIC_ACQUIRE) || number >= SHIM_RULES)
        return NULL;
    for (size_t i = 0; i < rules->policy.rule_count; i++)
        if (rules->configs[i] != NULL &&
            memcmp(rules->configs[i]->rule, g->rules[number], TLS_DIGEST) == 0)
            return &rules->policy.rules[i];
    return NULL;
}
