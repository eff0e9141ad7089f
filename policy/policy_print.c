/* A policy back into text. */
#include <stdio.h>
#include <string.h>

#include "../tls/tls.h"
#include "policy_parser.h"

/* A value in the making. */
struct line {
    void (*each)(void *arg, unsigned key, const char *value);
    void *arg;
    char text[POLICY_LINE_MAX + 1];
    size_t length;
};

static void add_character(struct line *line, char c)
{
    if (line->length < POLICY_LINE_MAX)
        line->text[line->length++] = c;
}

/* A value, or a word of one. */
static void add_word(struct line *line, const char *word)
{
    if (line->length)
        add_character(line, ' ');
    for (const char *p = word; *p; p++) {
        if (*p == '$')
            add_character(line, '$');
        add_character(line, *p);
    }
}

static void end(struct line *line, enum policy_key_id key)
{
    line->text[line->length] = '\0';
    line->length = 0;
    line->each(line->arg, key, line->text);
}

static void add_text(struct line *line, enum policy_key_id key, const char *value)
{
    if (!value)
        return;
    add_word(line, value);
    end(line, key);
}

static void add_number(struct line *line, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    add_word(line, text);
}

static void add_numeric(struct line *line, enum policy_key_id key, uint64_t number)
{
    add_number(line, number);
    end(line, key);
}

static void add_patterns(struct line *line, enum policy_key_id key,
                         const struct policy_pattern *pattern)
{
    if (!pattern)
        return;
    for (; pattern; pattern = pattern->next)
        add_word(line, pattern->word.text);
    end(line, key);
}

static void add_matches(struct line *line, const struct policy_rule *rule)
{
    add_patterns(line, POLICY_KEY_CONNECT, rule->connect);
    add_patterns(line, POLICY_KEY_LISTEN, rule->listen);
    for (const char *const *p = rule->programs; p && *p; p++)
        add_word(line, *p);
    if (rule->programs)
        end(line, POLICY_KEY_PROGRAM);
    for (size_t i = 0; i < rule->user_count; i++)
        add_number(line, rule->users[i]);
    if (rule->users)
        end(line, POLICY_KEY_USER);
}

static void add_strength(struct line *line, const struct policy_settings *s)
{
    add_text(line, POLICY_KEY_VERSIONS, "TLSv1.0");
    for (size_t i = 0; i < s->suite_count; i++)
        add_word(line, tls_suite_by_id(s->suites[i])->name);
    end(line, POLICY_KEY_SUITES);
    add_numeric(line, POLICY_KEY_MINIMUM_CIPHER, s->minimum_cipher);
    add_numeric(line, POLICY_KEY_MINIMUM_KEY_EXCHANGE, s->minimum_key_exchange);
    add_numeric(line, POLICY_KEY_MINIMUM_CERTIFICATE, s->minimum_certificate);
    add_numeric(line, POLICY_KEY_MINIMUM_SIGNATURE, s->minimum_signature);
    add_numeric(line, POLICY_KEY_MINIMUM_DH, policy_dh_bits(s));
    for (size_t i = 0; i < s->group_count; i++)
        add_word(line, tls_group_by_id(s->groups[i])->name);
    if (s->group_count)
        end(line, POLICY_KEY_GROUPS);
}

static void add_paths(struct line *line, enum policy_key_id key,
                      const struct policy_string paths[POLICY_CREDENTIALS_MAX])
{
    for (size_t i = 0; i < POLICY_CREDENTIALS_MAX && paths[i].text; i++)
        add_word(line, paths[i].text);
    if (paths[0].text)
        end(line, key);
}

static void add_list(struct line *line, enum policy_key_id key, const struct policy_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        add_word(line, list->words[i].text);
    if (list->count)
        end(line, key);
}

static void put_trust_word(void *line, unsigned key, const char *word, bool last)
{
    add_word(line, word);
    if (last)
        end(line, (enum policy_key_id)key);
}

static void add_tls(struct line *line, const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    if (rule->kind == POLICY_CLIENT) {
        add_list(line, POLICY_KEY_TRUST, &s->trust);
        add_text(line, POLICY_KEY_VERIFY_NAME, s->verify_name.text);
    }
    add_paths(line, POLICY_KEY_CERTIFICATE, s->certificates);
    add_paths(line, POLICY_KEY_KEY, s->keys);
    add_text(line, POLICY_KEY_KEY_PASSPHRASE_FILE, s->key_passphrase_file.text);
    add_text(line, POLICY_KEY_PSK_FILE, s->psk_file.text);
    add_list(line, POLICY_KEY_PSK_IDENTITY, &s->psk_identities);
    if (rule->kind == POLICY_SERVER) {
        add_list(line, POLICY_KEY_CLIENT_TRUST, &s->client_trust);
        add_text(line, POLICY_KEY_DH_PARAMETERS, s->dh_parameters.text);
        add_text(line, POLICY_KEY_TICKET_KEYS, s->ticket_keys.text);
    }
    policy_each_trust_setting(rule, put_trust_word, line);
    add_strength(line, s);
    add_list(line, POLICY_KEY_ALPN, &s->alpn);
    policy_each_choice(s, rule->kind == POLICY_CLIENT ? POLICY_IN_CLIENT : POLICY_IN_SERVER,
                       line->each, line->arg);
    add_numeric(line, POLICY_KEY_HANDSHAKE_TIMEOUT, s->handshake_timeout);
    add_numeric(line, POLICY_KEY_CACHE_AGE, s->cache_age);
    add_numeric(line, POLICY_KEY_DATA_LIMIT, s->data_limit);
}

void policy_each_setting(const struct policy_rule *rule,
                         void (*each)(void *arg, unsigned key, const char *value), void *arg)
{
    struct line line = {.each = each, .arg = arg};
    add_matches(&line, rule);
    if (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER)
        add_tls(&line, rule);
    if (rule->kind != POLICY_DENY)
        add_text(&line, POLICY_KEY_LEGACY_UNTIL, rule->settings.legacy_until_text.text);
    add_text(&line, POLICY_KEY_REASON, rule->settings.reason.text);
}

/* ---- whole policies ---- */

struct printer {
    void (*put)(void *arg, const char *text, size_t n);
    void *arg;
};

static void put(const struct printer *printer, const char *text)
{
    printer->put(printer->arg, text, strlen(text));
}

static void put_setting(void *arg, unsigned key, const char *value)
{
    put(arg, policy_keys[key].name);
    put(arg, " = ");
    put(arg, value);
    put(arg, "\n");
}

void policy_print(const struct policy *policy,
                  void (*put_to)(void *arg, const char *text, size_t n), void *arg)
{
    struct printer printer = {put_to, arg};
    put(&printer, "[defaults]\n");
    policy_each_process_setting(&policy->process, put_setting, &printer);
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        put(&printer, "\n[");
        put(&printer, policy_kind_name(rule->kind));
        put(&printer, " ");
        put(&printer, rule->name);
        put(&printer, "]\n");
        policy_each_setting(rule, put_setting, &printer);
    }
}
