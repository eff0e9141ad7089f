/* The answer of `tlshim explain`. */
#include <stdio.h>
#include <string.h>

#include "explain.h"
#include "json.h"

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

static const char *verdict(const struct policy *policy, const struct policy_rule *rule)
{
    static const char *const words[] = {"TLS, as client", "TLS, as server", "left plain", "denied"};
    return rule ? words[rule->kind] : words[policy->process.unmatched_plain ? 2 : 3];
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

/* A suite's strength by axis: a number, or ">=" and the floor that keys and groups are held
 * against, or "none" where the axis has no meaning for it. */
struct worth {
    char cipher[16], exchange[16], certificate[16], signature[16];
};

static struct worth worth_of(const struct policy_rule *rule, uint16_t id)
{
    const struct policy_settings *s = &rule->settings;
    struct policy_strength strength = policy_suite_strength(tls_suite_by_id(id), rule);
    struct worth w;
    snprintf(w.cipher, sizeof w.cipher, "%u", strength.cipher);
    if (strength.exchanged_by)
        snprintf(w.exchange, sizeof w.exchange, ">=%u", s->minimum_key_exchange);
    else
        snprintf(w.exchange, sizeof w.exchange, "%u", strength.key_exchange);
    if (strength.certificate == POLICY_AS_KEY)
        snprintf(w.certificate, sizeof w.certificate, ">=%u", s->minimum_certificate);
    else
        snprintf(w.certificate, sizeof w.certificate, "none");
    if (strength.signature == POLICY_AS_KEY)
        snprintf(w.signature, sizeof w.signature, "none");
    else
        snprintf(w.signature, sizeof w.signature, "%u", strength.signature);
    return w;
}

static void show_suites(const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    printf("      %-44s %6s %9s %12s %10s\n", "bits by axis", "cipher", "exchange", "certificate",
           "signature");
    for (size_t i = 0; i < s->suite_count; i++) {
        struct worth w = worth_of(rule, s->suites[i]);
        printf("      %2zu. %-40s %6s %9s %12s %10s\n", i + 1, tls_suite_by_id(s->suites[i])->name,
               w.cipher, w.exchange, w.certificate, w.signature);
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

enum { CAVEATS_MAX = 3 };

/* What the answer may depend on and was not told. */
static size_t find_caveats(const struct policy *policy, const struct policy_query *query,
                           const char *out[CAVEATS_MAX])
{
    size_t count = 0;
    bool connect = query->direction == POLICY_CONNECT;
    if (!query->address_length && has_pattern_of(policy, true))
        out[count++] =
            connect ? "Patterns with an address were passed over: say which one with --address."
                    : "Patterns with an address were passed over: ask again with the address that "
                      "a peer connects to.";
    if (connect && !query->name && has_pattern_of(policy, false))
        out[count++] = "Patterns with a name were passed over: they count when the program looked "
                       "the name up.";
    if (!query->program && has_programs(policy))
        out[count++] = "Rules with a program were passed over: say which one with --program.";
    return count;
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

void explain_text(const struct policy *policy, const struct question *question)
{
    const struct policy_query *query = &question->query;
    const struct policy_rule *rule = policy_match(policy, query);
    printf("%s %s%s%s: %s\n", query->direction == POLICY_CONNECT ? "connect" : "listen",
           question->text, query->program ? " by " : "", query->program ? query->program : "",
           verdict(policy, rule));
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
    const char *caveats[CAVEATS_MAX];
    size_t count = find_caveats(policy, query, caveats);
    for (size_t i = 0; i < count; i++)
        printf("  %s\n", caveats[i]);
}

/* ---- JSON ---- */

static void put_place(bool *first, const struct policy_rule *rule)
{
    json_text(first, "kind", policy_kind_name(rule->kind));
    json_text(first, "name", rule->name);
    json_text(first, "file", rule->place.file);
    json_number(first, "line", rule->place.line);
}

static void put_earlier(const struct policy *policy, const struct policy_query *query,
                        const struct policy_rule *decided)
{
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        bool first = true;
        if (decided && rule->index == decided->index)
            return;
        fputs(i ? ",\n  {" : "\n  {", stdout);
        put_place(&first, rule);
        json_text(&first, "why_not", mismatch_words(policy_compare(policy, rule, query)));
        putchar('}');
    }
}

static void put_suites(const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    fputs(",\n   \"suites\": [", stdout);
    for (size_t i = 0; i < s->suite_count; i++) {
        struct worth w = worth_of(rule, s->suites[i]);
        bool first = true;
        fputs(i ? ",\n    {" : "\n    {", stdout);
        json_text(&first, "name", tls_suite_by_id(s->suites[i])->name);
        json_text(&first, "cipher", w.cipher);
        json_text(&first, "exchange", w.exchange);
        json_text(&first, "certificate", w.certificate);
        json_text(&first, "signature", w.signature);
        putchar('}');
    }
    putchar(']');
}

struct json_settings {
    const struct policy_rule *rule;
    bool any;
};

static void put_setting(void *arg, unsigned key, const char *value)
{
    struct json_settings *settings = arg;
    char source[256];
    bool first = true;
    source_text(settings->rule, key, source, sizeof source);
    fputs(settings->any ? ",\n    {" : "\n    {", stdout);
    settings->any = true;
    json_text(&first, "key", policy_keys[key].name);
    json_text(&first, "value", value);
    json_text(&first, "source", source);
    putchar('}');
}

static void put_rule(const struct policy *policy, const struct policy_rule *rule)
{
    struct json_settings settings = {.rule = rule};
    bool first = true;
    fputs(",\n \"rule\": ", stdout);
    if (!rule) {
        fputs("null", stdout);
        return;
    }
    putchar('{');
    put_place(&first, &policy->rules[rule->index]);
    json_text(&first, "refusal", rule->refusal);
    fputs(",\n   \"settings\": [", stdout);
    if (!rule->refusal)
        policy_each_setting(rule, put_setting, &settings);
    putchar(']');
    if (!rule->refusal && (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER))
        put_suites(rule);
    putchar('}');
}

void explain_json(const struct policy *policy, const struct question *question)
{
    const struct policy_query *query = &question->query;
    const struct policy_rule *rule = policy_match(policy, query);
    const char *caveats[CAVEATS_MAX];
    size_t count = find_caveats(policy, query, caveats);
    bool first = true;
    putchar('{');
    json_text(&first, "direction", query->direction == POLICY_CONNECT ? "connect" : "listen");
    json_text(&first, "endpoint", question->text);
    json_text(&first, "program", query->program);
    json_text(&first, "verdict", verdict(policy, rule));
    fputs(",\n \"earlier\": [", stdout);
    put_earlier(policy, query, rule);
    putchar(']');
    put_rule(policy, rule);
    fputs(",\n \"caveats\": [", stdout);
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", stdout);
        json_string(caveats[i]);
    }
    fputs("]}\n", stdout);
}
