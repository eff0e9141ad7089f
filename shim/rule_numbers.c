#include "rule_numbers.h"

#include <string.h>

#include "global.h"

/* What has been found out for the own arena: index in the policy + 1; 0: not yet; -1: none. */
static _Atomic int32_t known[SHIM_RULES];

static const struct policy_rule *rule_by_identity(const uint8_t identity[TLS_DIGEST])
{
    for (size_t i = 0; i < shim_rules.policy.rule_count; i++)
        if (shim_rules.configs[i] != NULL &&
            memcmp(shim_rules.configs[i]->rule, identity, TLS_DIGEST) == 0)
            return &shim_rules.policy.rules[i];
    return NULL;
}

static uint32_t enter(struct shim_global *g, const uint8_t identity[TLS_DIGEST])
{
    uint32_t i;

    for (i = 0; i < g->rule_count; i++)
        if (memcmp(g->rules[i], identity, TLS_DIGEST) == 0)
            return i;
    if (i == SHIM_RULES)
        return RULE_NUMBER_NONE;
    memcpy(g->rules[i], identity, TLS_DIGEST);
    __atomic_store_n(&g->rule_count, i + 1, __ATOMIC_RELEASE);
    return i;
}

uint32_t rule_number_in(struct arena *a, const struct policy_rule *rule)
{
    return enter(arena_global_of(a), shim_rules.configs[rule->index]->rule);
}

/* Once per rule and process: afterwards the number is known. */
uint32_t rule_number(const struct policy_rule *rule)
{
    static _Atomic uint32_t numbers[SHIM_RULES]; /* number + 1, by index in the policy */
    uint32_t number = atomic_load(&numbers[rule->index]);

    if (number != 0)
        return number - 1;
    registry_lock();
    number = rule_number_in(arena_own(), rule);
    registry_unlock();
    if (number != RULE_NUMBER_NONE)
        atomic_store(&numbers[rule->index], number + 1);
    return number;
}

const struct policy_rule *rule_from(struct arena *a, uint32_t number)
{
    struct shim_global *g = arena_global_of(a);

    if (number >= SHIM_RULES || number >= __atomic_load_n(&g->rule_count, __ATOMIC_ACQUIRE))
        return NULL;
    return rule_by_identity(g->rules[number]);
}

const struct policy_rule *rule_of_session(const struct shim_session *s)
{
    uint32_t number = s->rule;
    const struct policy_rule *rule;
    int32_t index;

    if (number >= SHIM_RULES)
        return NULL;
    index = atomic_load_explicit(&known[number], memory_order_relaxed);
    if (index > 0)
        return &shim_rules.policy.rules[index - 1];
    if (index < 0)
        return NULL;
    rule = rule_from(arena_own(), number);
    atomic_store(&known[number], rule != NULL ? (int32_t)rule->index + 1 : -1);
    return rule;
}

const struct tls_config *config_of_session(const struct shim_session *s)
{
    const struct policy_rule *rule = rule_of_session(s);

    return rule != NULL ? shim_rules.configs[rule->index] : NULL;
}
