/* A policy back into text. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../tls/tls.h"
#include "policy_parser.h"

struct printer {
    void (*put)(void *arg, const char *text, size_t n);
    void *arg;
};

static void put(const struct printer *printer, const char *text)
{
    printer->put(printer->arg, text, strlen(text));
}

static void put_number(const struct printer *printer, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    put(printer, text);
}

static void put_key(const struct printer *printer, enum policy_key_id key)
{
    put(printer, policy_keys[key].name);
    put(printer, " =");
}

/* A value, or a word of one. */
static void put_word(const struct printer *printer, const char *word)
{
    put(printer, " ");
    for (const char *p = word; *p; p++)
        printer->put(printer->arg, *p == '$' ? "$$" : p, *p == '$' ? 2 : 1);
}

static void put_text(const struct printer *printer, enum policy_key_id key, const char *value)
{
    if (!value)
        return;
    put_key(printer, key);
    put_word(printer, value);
    put(printer, "\n");
}

static void put_bits(const struct printer *printer, enum policy_key_id key, uint64_t number)
{
    put_key(printer, key);
    put(printer, " ");
    put_number(printer, number);
    put(printer, "\n");
}

static void put_patterns(const struct printer *printer, enum policy_key_id key,
                         const struct policy_pattern *pattern)
{
    if (!pattern)
        return;
    put_key(printer, key);
    for (; pattern; pattern = pattern->next)
        put_word(printer, pattern->word.text);
    put(printer, "\n");
}

static void put_matches(const struct printer *printer, const struct policy_rule *rule)
{
    put_patterns(printer, POLICY_KEY_CONNECT, rule->connect);
    put_patterns(printer, POLICY_KEY_LISTEN, rule->listen);
    if (rule->programs) {
        put_key(printer, POLICY_KEY_PROGRAM);
        for (const char *const *p = rule->programs; *p; p++)
            put_word(printer, *p);
        put(printer, "\n");
    }
    if (rule->users) {
        put_key(printer, POLICY_KEY_USER);
        for (size_t i = 0; i < rule->user_count; i++) {
            put(printer, " ");
            put_number(printer, rule->users[i]);
        }
        put(printer, "\n");
    }
}

static void put_strength(const struct printer *printer, const struct policy_settings *s)
{
    put_text(printer, POLICY_KEY_VERSIONS, "TLSv1.0");
    put_key(printer, POLICY_KEY_SUITES);
    for (size_t i = 0; i < s->suite_count; i++)
        put_word(printer, tls_suite_by_id(s->suites[i])->name);
    put(printer, "\n");
    put_bits(printer, POLICY_KEY_MINIMUM_CIPHER, s->minimum_cipher);
    put_bits(printer, POLICY_KEY_MINIMUM_KEY_EXCHANGE, s->minimum_key_exchange);
    put_bits(printer, POLICY_KEY_MINIMUM_CERTIFICATE, s->minimum_certificate);
    put_bits(printer, POLICY_KEY_MINIMUM_SIGNATURE, s->minimum_signature);
}

static void put_tls(const struct printer *printer, const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    put_strength(printer, s);
    if (rule->kind == POLICY_CLIENT) {
        put_text(printer, POLICY_KEY_SHA1_CERTIFICATES,
                 policy_refuse_or_allow[s->allow_sha1_certificates]);
        put_text(printer, POLICY_KEY_TRUST, s->trust.text);
        put_text(printer, POLICY_KEY_VERIFY_NAME, s->verify_name.text);
    }
    put_text(printer, POLICY_KEY_CERTIFICATE, s->certificate.text);
    put_text(printer, POLICY_KEY_KEY, s->key.text);
    if (rule->kind == POLICY_SERVER)
        put_text(printer, POLICY_KEY_CLIENT_CERTIFICATE, policy_degrees[s->client_certificate]);
    put_text(printer, POLICY_KEY_HANDSHAKE, policy_moments[s->handshake]);
    put_bits(printer, POLICY_KEY_HANDSHAKE_TIMEOUT, s->handshake_timeout);
    put_text(printer, POLICY_KEY_TRUNCATION, policy_refuse_or_allow[s->allow_truncation]);
    put_text(printer, POLICY_KEY_RECORD_SPLITTING, policy_on_or_off[!s->record_splitting]);
    put_bits(printer, POLICY_KEY_DATA_LIMIT, s->data_limit);
}

void policy_print(const struct policy *policy,
                  void (*put_to)(void *arg, const char *text, size_t n), void *arg)
{
    const struct printer printer = {put_to, arg};
    put(&printer, "[defaults]\n");
    put_text(&printer, POLICY_KEY_UNMATCHED, policy_fates[policy->unmatched_plain]);
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        put(&printer, "\n[");
        put(&printer, policy_kind_name(rule->kind));
        put(&printer, " ");
        put(&printer, rule->name);
        put(&printer, "]\n");
        put_matches(&printer, rule);
        if (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER)
            put_tls(&printer, rule);
        if (rule->kind != POLICY_DENY)
            put_text(&printer, POLICY_KEY_LEGACY_UNTIL, rule->settings.legacy_until_text.text);
        put_text(&printer, POLICY_KEY_REASON, rule->settings.reason.text);
    }
}
