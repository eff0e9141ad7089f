/* The second pass: sections into rules. */
#include <string.h>

#include "../tls/tls.h"
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

static void set_builtin(struct policy_settings *settings)
{
    *settings = (struct policy_settings){
        .minimum_strength = 112,
        .version_min = TLS_VERSION_10,
        .version_max = TLS_VERSION_10,
        .handshake = POLICY_HANDSHAKE_FIRST_USE,
        .handshake_timeout = 30,
        .record_splitting = true,
        .client_certificate = POLICY_CERT_NO,
    };
    policy_all_suites(settings);
}

/* ---- match keys ---- */

static const struct policy_pattern *read_patterns(struct policy_parser *parser,
                                                  const struct policy_entry *entry,
                                                  enum policy_direction direction)
{
    if (!entry)
        return NULL;
    const struct policy_pattern *first = NULL, **link = &first;
    struct policy_word rest = entry->value, word;
    while (policy_next_word(&rest, &word)) {
        struct policy_pattern *pattern = policy_read_pattern(parser, &word, direction);
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
    if (!entry)
        return NULL;
    struct policy_word rest = entry->value, word;
    size_t count = 0;
    while (policy_next_word(&rest, &word))
        count++;
    const char **programs = policy_take(parser, entry->place, (count + 1) * sizeof *programs);
    if (!programs)
        return NULL;
    rest = entry->value;
    for (size_t i = 0; policy_next_word(&rest, &word);) {
        struct policy_string program = policy_expand(parser, &word);
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

/* ---- what a rule needs ---- */

static void keep_strong_suites(struct policy_parser *parser, const struct policy_rule *rule,
                               struct policy_settings *settings)
{
    size_t kept = 0;
    for (size_t i = 0; i < settings->suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(settings->suites[i]);
        if (suite && suite->cipher_bits >= settings->minimum_strength)
            settings->suites[kept++] = suite->id;
    }
    bool emptied = settings->suite_count > 0 && kept == 0;
    settings->suite_count = kept;
    if (!emptied)
        return;
    const struct policy_entry *suites = rule->said[POLICY_KEY_SUITES];
    const struct policy_entry *floor = rule->said[POLICY_KEY_MINIMUM_STRENGTH];
    policy_complain(parser,
                    suites  ? suites->value.place
                    : floor ? floor->value.place
                            : rule->place,
                    "no suite of [%s %s] reaches minimum-strength = %u; add a stronger suite or "
                    "lower the floor",
                    policy_kind_name(rule->kind), rule->name, settings->minimum_strength);
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
    if (rule->kind == POLICY_CLIENT && !said[POLICY_KEY_TRUST])
        policy_complain(parser, section->place,
                        "%s trusts nobody; add \"trust = /path/to/ca.pem\" or \"trust = system\"",
                        title);
    bool certificate = said[POLICY_KEY_CERTIFICATE], key = said[POLICY_KEY_KEY];
    bool needs = rule->kind == POLICY_SERVER || certificate || key;
    if (needs && !certificate)
        policy_complain(parser, section->place,
                        "%s has no certificate; add \"certificate = /path/to/chain.pem\"", title);
    if (needs && !key)
        policy_complain(parser, section->place, "%s has no key; add \"key = /path/to/key.pem\"",
                        title);
}

static void read_rule(struct policy_parser *parser, const struct policy_section *section,
                      const struct policy_section *defaults, const struct policy *policy,
                      struct policy_rule *rule)
{
    const struct policy_entry **said =
        policy_take(parser, section->place, POLICY_KEY_COUNT * sizeof *said);
    if (!said)
        return;
    for (int key = 0; key < POLICY_KEY_COUNT; key++) {
        bool filled = defaults && (policy_keys[key].meaning & section->kind);
        said[key] = section->entries[key] ? section->entries[key]
                    : filled              ? defaults->entries[key]
                                          : NULL;
    }
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
    for (int key = 0; key < POLICY_KEY_COUNT; key++)
        if (section->entries[key])
            policy_read_setting(parser, section->entries[key], &rule->settings);
    if (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER)
        keep_strong_suites(parser, rule, &rule->settings);
    check_complete(parser, section, rule);
}

static void read_defaults(struct policy_parser *parser, const struct policy_section *section,
                          struct policy *policy)
{
    static const char *const fates[] = {"deny", "plain", NULL};
    for (int key = 0; key < POLICY_KEY_COUNT; key++)
        if (section->entries[key])
            policy_read_setting(parser, section->entries[key], &policy->defaults);
    if (section->entries[POLICY_KEY_UNMATCHED])
        policy->unmatched_plain =
            policy_read_choice(parser, section->entries[POLICY_KEY_UNMATCHED], fates) == 1;
}

bool policy_parse_all(struct policy *out, struct policy_pool *pool, const char *file,
                      const char *text, size_t length, const char *(*environment)(const char *name),
                      void (*report)(void *arg, const struct policy_error *error), void *arg)
{
    struct policy_parser parser = {
        .pool = pool,
        .file = file,
        .environment = environment,
        .report = report,
        .report_arg = arg,
    };
    *out = (struct policy){0};
    set_builtin(&out->defaults);
    const struct policy_section *sections = policy_read_lines(&parser, text, length);
    const struct policy_section *defaults = NULL;
    size_t count = 0;
    for (const struct policy_section *s = sections; s; s = s->next) {
        if (s->kind == POLICY_IN_DEFAULTS && !defaults)
            defaults = s;
        count += (s->kind & POLICY_IN_RULES) != 0;
    }
    if (defaults)
        read_defaults(&parser, defaults, out);
    struct policy_place start = {file, 1, 1};
    struct policy_rule *rules = policy_take(&parser, start, count * sizeof *rules);
    out->rules = rules;
    for (const struct policy_section *s = sections; s && rules && !parser.pool_full; s = s->next)
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
    struct policy_earliest earliest = {0};
    bool good = policy_parse_all(out, pool, file, text, length, environment, policy_keep_earliest,
                                 &earliest);
    if (!good)
        *error = earliest.error;
    return good;
}
