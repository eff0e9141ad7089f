/* The second pass: sections into rules. */
#include <stdio.h>
#include <string.h>

#include "../tls/tls_key_exchange.h"
#include "policy_parser.h"
#include "policy_text.h"

const char *policy_kind_name(enum policy_kind kind)
{
    static const char *const names[] = {"client", "server", "plain", "deny"};
    return names[kind];
}

static enum policy_kind kind_of(const struct policy_section *section)
{
    switch (section->kind) {
    case POLICY_IN_CLIENT:
        return POLICY_CLIENT;
    case POLICY_IN_SERVER:
        return POLICY_SERVER;
    case POLICY_IN_PLAIN:
        return POLICY_PLAIN;
    default:
        return POLICY_DENY;
    }
}

/* ---- match keys ---- */

/* Walks the words of a list, each with ${VAR} replaced; counts what they come to, so that a list
 * can be written in one line again. */
struct list {
    struct policy_parser *parser;
    struct policy_word rest;
    struct policy_place place;
    size_t length;
};

static struct list list_of(struct policy_parser *parser, const struct policy_entry *entry)
{
    return (struct list){parser, entry->value, entry->value.place, 0};
}

static bool next_in_list(struct list *list, struct policy_word *word, struct policy_string *text)
{
    if (!policy_next_word(&list->rest, word))
        return false;
    *text = policy_expand(list->parser, word, true);
    list->length += 1 + (text->text ? policy_written_length(text->text) : 0);
    if (list->length <= POLICY_VALUE_MAX)
        return true;
    policy_complain(list->parser, list->place, "the value is longer than %d bytes",
                    POLICY_VALUE_MAX);
    return false;
}

static const struct policy_pattern *read_patterns(struct policy_parser *parser,
                                                  const struct policy_entry *entry,
                                                  enum policy_direction direction)
{
    if (!entry)
        return NULL;
    const struct policy_pattern *first = NULL, **link = &first;
    struct list list = list_of(parser, entry);
    struct policy_word word;
    struct policy_string text;
    while (next_in_list(&list, &word, &text)) {
        struct policy_pattern *pattern =
            text.text ? policy_read_pattern(parser, text, direction) : NULL;
        if (!pattern)
            continue;
        *link = pattern;
        link = &pattern->next;
    }
    return first;
}

static const char *const *read_programs(struct policy_parser *parser,
                                        const struct policy_entry *entry)
{
    const char **programs =
        entry ? policy_take(parser, entry->place,
                            (policy_count_words(entry->value) + 1) * sizeof *programs)
              : NULL;
    if (!programs)
        return NULL;
    struct list list = list_of(parser, entry);
    struct policy_word word;
    struct policy_string program;
    for (size_t i = 0; next_in_list(&list, &word, &program);) {
        if (!program.text)
            continue;
        if (program.text[0] != '/' && strchr(program.text, '/'))
            policy_complain(parser, program.place,
                            "\"%.200s\": a program is a bare name or an absolute path",
                            program.text);
        else if (strpbrk(program.text, "*?"))
            policy_complain(parser, program.place,
                            "\"%.200s\": a program is named without wildcards; leave the key out "
                            "for any program",
                            program.text);
        else
            programs[i++] = program.text;
    }
    return programs;
}

static bool read_user(struct policy_parser *parser, struct policy_string user, uint32_t *id)
{
    const struct policy_input *input = parser->input;
    uint64_t number = 0;
    size_t digits = strspn(user.text, "0123456789");
    for (size_t i = 0; i < digits && i < 11; i++)
        number = number * 10 + (uint64_t)(user.text[i] - '0');
    if (!user.text[digits] && number < UINT32_MAX) { /* (uid_t)-1 is nobody's */
        *id = (uint32_t)number;
        return true;
    }
    if (user.text[digits] && input->user_id && input->user_id(input->arg, user.text, id))
        return true;
    policy_complain(parser, user.place,
                    "\"%.80s\" is no user: neither a name of /etc/passwd nor a number", user.text);
    return false;
}

static void read_users(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_rule *rule)
{
    uint32_t *users =
        entry ? policy_take(parser, entry->place, policy_count_words(entry->value) * sizeof *users)
              : NULL;
    if (!users)
        return;
    struct list list = list_of(parser, entry);
    struct policy_word word;
    struct policy_string user;
    while (next_in_list(&list, &word, &user))
        if (user.text && read_user(parser, user, &users[rule->user_count]))
            rule->user_count++;
    rule->users = users;
}

/* ---- what a rule needs ---- */

/* Is there a suite in which the server shows a certificate? */
static bool has_certified_suite(const struct policy_settings *settings)
{
    size_t i = 0;
    while (i < settings->suite_count &&
           !tls_key_exchange_info(tls_suite_by_id(settings->suites[i])->key_exchange)->certificate)
        i++;
    return i < settings->suite_count;
}

static void check_complete(struct policy_parser *parser, const struct policy_section *section,
                           const struct policy_rule *rule)
{
    const struct policy_entry *const *said = rule->said;
    char title[POLICY_NAME_MAX + 16];
    policy_section_title(section, title, sizeof title);
    if (!said[POLICY_KEY_CONNECT] && !said[POLICY_KEY_LISTEN])
        policy_complain(parser, section->place, "%s matches nothing; add %s%s%s", title,
                        rule->kind == POLICY_SERVER ? "" : "\"connect = HOST:PORT\"",
                        rule->kind == POLICY_PLAIN || rule->kind == POLICY_DENY ? " or " : "",
                        rule->kind == POLICY_CLIENT ? "" : "\"listen = *:PORT\"");
    bool certified = !said[POLICY_KEY_PSK_FILE] && has_certified_suite(&rule->settings);
    if (rule->kind == POLICY_CLIENT && !said[POLICY_KEY_TRUST] && certified)
        policy_complain(parser, section->place,
                        "%s trusts nobody; add \"trust = /path/to/ca.pem\" or \"trust = system\"",
                        title);
    bool certificate = said[POLICY_KEY_CERTIFICATE], key = said[POLICY_KEY_KEY];
    bool needs = (rule->kind == POLICY_SERVER && certified) || certificate || key;
    if (needs && !certificate)
        policy_complain(parser, section->place,
                        "%s has no certificate; add \"certificate = /path/to/chain.pem\"", title);
    if (needs && !key)
        policy_complain(parser, section->place, "%s has no key; add \"key = /path/to/key.pem\"",
                        title);
}

static size_t count_paths(const struct policy_string paths[POLICY_CREDENTIALS_MAX])
{
    size_t count = 0;
    while (count < POLICY_CREDENTIALS_MAX && paths[count].text)
        count++;
    return count;
}

/* A server that shows no certificate may not ask for one (RFC 2246 7.4.4). */
static void check_suites_ask(struct policy_parser *parser, const struct policy_rule *rule)
{
    const struct policy_entry *suites = rule->said[POLICY_KEY_SUITES];
    for (size_t i = 0; i < rule->settings.suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(rule->settings.suites[i]);
        if (!tls_key_exchange_info(suite->key_exchange)->certificate) {
            policy_complain(parser, suites ? suites->value.place : rule->place,
                            "client-certificate = require, but with %s no client can be asked; "
                            "%s",
                            suite->name,
                            suites ? "remove that suite" : "name the suites that the rule has");
            return;
        }
    }
}

/* Keys that mean nothing without another. */
static void check_companions(struct policy_parser *parser, const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    const struct policy_entry *const *said = rule->said;
    if (s->psk_identities.count && !s->psk_file.text)
        policy_complain(parser, said[POLICY_KEY_PSK_IDENTITY]->place,
                        "there are no keys for psk-identity; add \"psk-file = /path/to/psk.txt\"");
    if (rule->kind == POLICY_CLIENT && s->psk_identities.count > 1)
        policy_complain(parser, s->psk_identities.words[1].place,
                        "a client has one identity; make a rule for each peer that wants another");
    if (s->ticket_keys.text && !s->tickets)
        policy_complain(parser, s->ticket_keys.place,
                        "tickets = off, so these keys seal nothing; remove one of the two");
    if (s->key_passphrase_file.text && !s->keys[0].text)
        policy_complain(parser, s->key_passphrase_file.place,
                        "there is no key that the passphrase could be for; add \"key = "
                        "/path/to/key.pem\"");
}

/* Things that mean something only together. */
static void check_pairs(struct policy_parser *parser, const struct policy_rule *rule)
{
    const struct policy_settings *s = &rule->settings;
    const struct policy_entry *const *said = rule->said;
    size_t certificates = count_paths(s->certificates), keys = count_paths(s->keys);
    if (certificates && keys && certificates != keys)
        policy_complain(parser, s->keys[0].place,
                        "%zu certificate%s and %zu key%s; each certificate has its key in the same "
                        "place of the other list",
                        certificates, certificates == 1 ? "" : "s", keys, keys == 1 ? "" : "s");
    check_companions(parser, rule);
    if (rule->kind != POLICY_SERVER)
        return;
    if (s->client_certificate != POLICY_CERT_NO && !said[POLICY_KEY_CLIENT_TRUST])
        policy_complain(parser, said[POLICY_KEY_CLIENT_CERTIFICATE]->place,
                        "client-certificate = %s, but no client is trusted; add \"client-trust = "
                        "/path/to/ca.pem\"",
                        policy_choice_word(s, POLICY_KEY_CLIENT_CERTIFICATE));
    if (s->client_certificate == POLICY_CERT_NO && said[POLICY_KEY_CLIENT_TRUST] &&
        !said[POLICY_KEY_CLIENT_TRUST]->of_defaults)
        policy_complain(parser, said[POLICY_KEY_CLIENT_TRUST]->place,
                        "no client is asked for its certificate; add \"client-certificate = "
                        "require\"");
    if (s->client_certificate == POLICY_CERT_REQUIRE)
        check_suites_ask(parser, rule);
}

/* Lays the entries of a section over said: each takes the place of what sets the same. */
static void overlay(const struct policy_entry **said, const struct policy_section *section,
                    unsigned kind)
{
    for (int by = 0; by < POLICY_KEY_COUNT; by++)
        for (int key = 0; key < POLICY_KEY_COUNT && section->entries[by]; key++)
            if ((policy_keys[key].meaning & kind) &&
                policy_key_sets((enum policy_key_id)by, (enum policy_key_id)key))
                said[key] = section->entries[by];
}

/* The rule that denies what this one decided, once its date has passed. */
static void add_past(struct policy_parser *parser, struct policy_rule *rule)
{
    const char *reason = rule->settings.reason.text;
    char text[POLICY_ERROR_TEXT];
    int n = snprintf(text, sizeof text, "legacy-until = %s has passed%s%.300s%s",
                     rule->settings.legacy_until_text.text, reason ? " (reason: " : "",
                     reason ? reason : "", reason ? ")" : "");
    struct policy_rule *past = policy_take(parser, rule->place, sizeof *past);
    char *refusal = past ? policy_take(parser, rule->place, (size_t)n + 1) : NULL;
    if (!refusal)
        return;
    memcpy(refusal, text, (size_t)n);
    *past = *rule;
    past->kind = POLICY_DENY;
    past->refusal = refusal;
    past->place = rule->settings.legacy_until_text.place;
    rule->past = past;
}

static void read_rule(struct policy_parser *parser, const struct policy_section *section,
                      const struct policy_section *defaults, const struct policy *policy,
                      struct policy_rule *rule)
{
    const struct policy_entry **said =
        policy_take(parser, section->place, POLICY_KEY_COUNT * sizeof *said);
    if (!said)
        return;
    if (defaults)
        overlay(said, defaults, section->kind);
    overlay(said, section, section->kind);
    *rule = (struct policy_rule){
        .kind = kind_of(section),
        .name = section->name,
        .place = section->place,
        .index = (unsigned)(rule - policy->rules),
        .connect = read_patterns(parser, said[POLICY_KEY_CONNECT], POLICY_CONNECT),
        .listen = read_patterns(parser, said[POLICY_KEY_LISTEN], POLICY_LISTEN),
        .programs = read_programs(parser, said[POLICY_KEY_PROGRAM]),
        .settings = policy->defaults,
        .said = said,
    };
    read_users(parser, said[POLICY_KEY_USER], rule);
    /* A server never takes part in a renegotiation without RFC 5746, so nobody can put anything
     * before what a client says; a client cannot know what its server does. */
    if (!said[POLICY_KEY_RENEGOTIATION_INFO])
        rule->settings.allow_no_renegotiation_info = rule->kind == POLICY_SERVER;
    for (int key = 0; key < POLICY_KEY_COUNT; key++)
        if (section->entries[key])
            policy_read_setting(parser, section->entries[key], &rule->settings);
    if (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER)
        policy_keep_strong_suites(parser, rule, &rule->settings);
    check_complete(parser, section, rule);
    check_pairs(parser, rule);
    policy_check_trust(parser, rule);
    if (rule->settings.legacy_until_text.text && rule->kind != POLICY_DENY)
        add_past(parser, rule);
}

static void read_defaults(struct policy_parser *parser, const struct policy_section *section,
                          struct policy *policy)
{
    for (int key = 0; key < POLICY_KEY_COUNT; key++)
        if (section->entries[key]) {
            policy_read_setting(parser, section->entries[key], &policy->defaults);
            policy_read_process(parser, section->entries[key], &policy->process);
        }
    policy->unmatched_entry = section->entries[POLICY_KEY_UNMATCHED];
    policy->uncovered_entry = section->entries[POLICY_KEY_UNCOVERED_CHILD];
}

bool policy_parse_all(struct policy *out, struct policy_pool *pool,
                      const struct policy_input *input,
                      void (*report)(void *arg, const struct policy_error *error), void *arg)
{
    struct policy_parser parser = {
        .pool = pool,
        .input = input,
        .report = report,
        .report_arg = arg,
    };
    *out = (struct policy){
        .process = policy_builtin_process,
        .now = input->now,
        .user = input->user,
    };
    policy_set_builtin(&out->defaults);
    policy_read_lines(&parser, input->file, input->text, input->length);
    const struct policy_section *defaults = NULL;
    size_t count = 0;
    for (const struct policy_section *s = parser.first; s; s = s->next) {
        if (s->kind == POLICY_IN_DEFAULTS && !defaults)
            defaults = s;
        count += (s->kind & POLICY_IN_RULES) != 0;
    }
    if (defaults)
        read_defaults(&parser, defaults, out);
    struct policy_place start = {input->file, 1, 1};
    struct policy_rule *rules = policy_take(&parser, start, count * sizeof *rules);
    out->rules = rules;
    for (const struct policy_section *s = parser.first; s && rules && !parser.pool_full;
         s = s->next)
        if (s->kind & POLICY_IN_RULES)
            read_rule(&parser, s, defaults, out, &rules[out->rule_count++]);
    return parser.errors == 0;
}

void policy_keep_earliest(void *arg, const struct policy_error *error)
{
    struct policy_earliest *earliest = arg;
    const struct policy_place *old = &earliest->error.place, *new = &error->place;
    if (!earliest->found || new->line < old->line ||
        (new->line == old->line &&new->column < old->column))
        earliest->error = *error;
    earliest->found = true;
}

bool policy_parse(struct policy *out, struct policy_pool *pool, const char *file, const char *text,
                  size_t length, const char *(*environment)(const char *name),
                  struct policy_error *error)
{
    const struct policy_input input = {
        .file = file,
        .text = text,
        .length = length,
        .directory = "",
        .environment = environment,
    };
    struct policy_earliest earliest = {0};
    bool good = policy_parse_all(out, pool, &input, policy_keep_earliest, &earliest);
    if (!good)
        *error = earliest.error;
    return good;
}
