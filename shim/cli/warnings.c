/* Warnings of `tlshim check` about rules. */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy_detail.h"
#include "../common_program.h"
#include "findings.h"

void warn(struct findings *findings, struct policy_place place, const char *format, ...)
{
    struct policy_error error = {.place = place};
    va_list args;
    va_start(args, format);
    vsnprintf(error.message, sizeof error.message, format, args);
    va_end(args);
    findings_add(findings, true, &error);
}

/* ---- rules that never decide ---- */

static void warn_of_hidden(struct findings *findings, const struct policy *policy,
                           const struct policy_rule *rule)
{
    for (int direction = POLICY_CONNECT; direction <= POLICY_LISTEN; direction++)
        for (const struct policy_pattern *p = direction == POLICY_CONNECT ? rule->connect
                                                                          : rule->listen;
             p; p = p->next) {
            const struct policy_rule *by =
                policy_hidden_by(policy, rule, p, (enum policy_direction)direction);
            if (by)
                warn(findings, p->word.place,
                     "\"%.200s\" is never reached: [%s %s] (%s:%u) takes all of it before; move "
                     "this rule above that one, or remove the pattern",
                     p->word.text, policy_kind_name(by->kind), by->name, by->place.file,
                     by->place.line);
        }
}

/* ---- allowances ---- */

/* NIST SP 800-131A: what is acceptable today. */
static bool is_old_fashioned(const struct policy_settings *s, enum policy_key_id key)
{
    enum { MODERN = 112, MODERN_DH = 2048 };
    return policy_is_allowance(s, key) ||
           (key == POLICY_KEY_MINIMUM_CIPHER && s->minimum_cipher < MODERN) ||
           (key == POLICY_KEY_MINIMUM_KEY_EXCHANGE && s->minimum_key_exchange < MODERN) ||
           (key == POLICY_KEY_MINIMUM_CERTIFICATE && s->minimum_certificate < MODERN) ||
           (key == POLICY_KEY_MINIMUM_DH && s->minimum_dh && s->minimum_dh < MODERN_DH);
}

static void warn_of_allowances(struct findings *findings, const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    const struct policy_entry *last = NULL;
    for (int key = 0; key < POLICY_KEY_COUNT && !s->legacy_until; key++) {
        const struct policy_entry *entry = rule->said[key];
        if (!entry || entry == last || !is_old_fashioned(s, (enum policy_key_id)key))
            continue;
        last = entry;
        warn(findings, entry->place,
             "\"%s = %.40s\" of [%s %s] has no end; add \"legacy-until = YYYY-MM-DD\" to the rule, "
             "after which it refuses",
             policy_keys[entry->key].name, entry->value.text, policy_kind_name(rule->kind),
             rule->name);
    }
}

static void warn_of_end(struct findings *findings, const struct policy_rule *rule, int64_t now)
{
    const struct policy_settings *s = &rule->settings;
    if (rule->past && now > s->legacy_until)
        warn(findings, s->legacy_until_text.place,
             "the date has passed: what [%s %s] decides is refused; remove the rule, or move the "
             "date",
             policy_kind_name(rule->kind), rule->name);
    else if (rule->past && s->legacy_until - now < WARN_DAYS * 86400)
        warn(findings, s->legacy_until_text.place, "[%s %s] ends in %d days",
             policy_kind_name(rule->kind), rule->name, (int)((s->legacy_until - now) / 86400));
}

/* ---- plaintext ---- */

static bool is_loopback(const struct policy_pattern *pattern)
{
    static const uint8_t loopback6[16] = {[15] = 1};
    return pattern->address_length == 4
               ? pattern->address[0] == 127 && pattern->prefix >= 8
               : memcmp(pattern->address, loopback6, 16) == 0 && pattern->prefix == 128;
}

static bool is_wide(const struct policy_pattern *pattern)
{
    enum { SUBNET = 24, SUBNET6 = 64 };
    if (pattern->host == POLICY_HOST_ADDRESS)
        return !is_loopback(pattern) &&
               pattern->prefix < (pattern->address_length == 4 ? SUBNET : SUBNET6);
    return pattern->host != POLICY_HOST_NAME;
}

static void warn_of_plaintext(struct findings *findings, const struct policy_rule *rule)
{
    if (rule->kind != POLICY_PLAIN || rule->settings.reason.text)
        return;
    for (int list = 0; list < 2; list++)
        for (const struct policy_pattern *p = list ? rule->listen : rule->connect; p; p = p->next)
            if (is_wide(p))
                warn(findings, p->word.place,
                     "\"%.200s\" leaves more than a subnet in plaintext; narrow it, or give the "
                     "rule a \"reason = ...\"",
                     p->word.text);
}

/* ---- names of programs and suites ---- */

static bool is_script(const char *path)
{
    char start[3] = "";
    FILE *file = fopen(path, "re");
    bool script = file && fread(start, 1, 2, file) == 2 && strcmp(start, "#!") == 0;
    if (file)
        fclose(file);
    return script;
}

static void warn_of_links(struct findings *findings, const struct policy_rule *rule)
{
    for (const char *const *p = rule->programs; p && *p; p++) {
        struct program found;
        char real[PATH_MAX];
        if (program_find(&found, *p) != 0 || !realpath(found.path, real))
            continue;
        if (is_script(real)) {
            warn(findings, rule->said[POLICY_KEY_PROGRAM]->value.place,
                 "\"%.100s\" (%.200s) is a script: what runs is its interpreter, and goes by that "
                 "name",
                 *p, real);
            continue;
        }
        const char *name = (*p)[0] == '/' ? real : strrchr(real, '/') + 1;
        if (strcmp(name, *p) != 0)
            warn(
                findings, rule->said[POLICY_KEY_PROGRAM]->value.place,
                "\"%.100s\" is a link to %.200s, and what runs goes by that name: write \"%.200s\"",
                *p, real, name);
    }
}

/* Suites that were asked for by name and are below a floor. */
static void warn_of_weak_suite(struct findings *findings, const struct policy_rule *rule,
                               struct policy_place place, const struct tls_suite *suite)
{
    const struct policy_settings *s = &rule->settings;
    struct policy_strength strength = policy_suite_strength(suite, rule);
    const struct {
        enum policy_key_id key;
        unsigned bits, floor;
    } axes[] = {
        {POLICY_KEY_MINIMUM_CIPHER, strength.cipher, s->minimum_cipher},
        {POLICY_KEY_MINIMUM_KEY_EXCHANGE, strength.key_exchange, s->minimum_key_exchange},
        {POLICY_KEY_MINIMUM_CERTIFICATE, strength.certificate, s->minimum_certificate},
        {POLICY_KEY_MINIMUM_SIGNATURE, strength.signature, s->minimum_signature},
    };
    for (size_t i = 0; i < sizeof axes / sizeof axes[0]; i++)
        if (axes[i].bits < axes[i].floor) {
            warn(findings, place, "%s is left out of [%s %s]: it has %u bits, %s asks for %u",
                 suite->name, policy_kind_name(rule->kind), rule->name, axes[i].bits,
                 policy_keys[axes[i].key].name, axes[i].floor);
            return;
        }
}

static void warn_of_suites(struct findings *findings, const struct policy_rule *rule)
{
    const struct policy_entry *entry = rule->said[POLICY_KEY_SUITES];
    struct policy_word rest = entry ? entry->value : (struct policy_word){"", 0, {0}}, word;
    while (policy_next_word(&rest, &word)) {
        const struct tls_suite *suite = tls_suite_by_name(word.text, word.length);
        if (suite)
            warn_of_weak_suite(findings, rule, word.place, suite);
    }
}

void findings_warn(struct findings *findings, const struct rules *rules)
{
    const struct policy *policy = &rules->policy;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (!rule->said)
            continue;
        warn_of_hidden(findings, policy, rule);
        warn_of_end(findings, rule, policy->now);
        warn_of_plaintext(findings, rule);
        warn_of_links(findings, rule);
        if (rule->kind != POLICY_CLIENT && rule->kind != POLICY_SERVER)
            continue;
        warn_of_allowances(findings, rule);
        warn_of_suites(findings, rule);
        if (rules->configs && rules->configs[i])
            warn_of_certificates(findings, rule, rules->configs[i], policy->now);
    }
    if (policy->process.unmatched_plain && policy->unmatched_entry)
        warn(findings, policy->unmatched_entry->place,
             "whatever no rule matches is left in plaintext; \"unmatched = deny\" is safer");
    if (policy->uncovered_entry && policy->process.uncovered_child == POLICY_UNCOVERED_PLAIN)
        warn(findings, policy->uncovered_entry->place,
             "programs that cannot be covered run in plaintext; \"uncovered-child = refuse\" is "
             "safer");
}
