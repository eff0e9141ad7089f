/* Values: words, ${VAR}, and the meaning of each setting. */
#include <stdio.h>
#include <string.h>

#include "../tls/tls.h"
#include "policy_parser.h"
#include "policy_pattern.h"
#include "policy_text.h"

bool policy_next_word(struct policy_word *rest, struct policy_word *word)
{
    const char *end = rest->text + rest->length, *start = rest->text;
    while (start < end && policy_is_space(*start))
        start++;
    const char *p = start;
    while (p < end && !policy_is_space(*p))
        p++;
    word->text = start;
    word->length = (size_t)(p - start);
    word->place = policy_advance(rest->place, rest->text, start);
    rest->place = policy_advance(word->place, start, p);
    rest->text = p;
    rest->length = (size_t)(end - p);
    return word->length > 0;
}

/* ---- ${VAR} ---- */

static bool is_variable_character(char c)
{
    return policy_is_alphanumeric(c) || c == '_';
}

/* What a variable may bring in: the same characters as a line, and at least one. */
static bool is_fit_for_value(const char *value)
{
    size_t n = strlen(value);
    for (size_t i = 0, step; i < n; i += step) {
        step = policy_utf8(value + i, n - i);
        if (step == 0 || policy_is_control(value + i, step))
            return false;
    }
    return n > 0;
}

/* The value of the variable that *at points behind the "${" of; *at moves behind the "}". */
static const char *variable(struct policy_parser *parser, const char **at, const char *end,
                            struct policy_place place)
{
    char name[POLICY_NAME_MAX + 1];
    size_t n = 0;
    while (*at < end && n < POLICY_NAME_MAX && is_variable_character(**at))
        name[n++] = *(*at)++;
    name[n] = '\0';
    if (*at == end || **at != '}' || n == 0) {
        policy_complain(parser, place, "a variable is written ${NAME}, of letters, digits and _");
        return NULL;
    }
    ++*at;
    if (!parser->environment) {
        policy_complain(parser, place,
                        "${%s}: a privileged program takes nothing from the "
                        "environment; write the value itself",
                        name);
        return NULL;
    }
    const char *value = parser->environment(name);
    if (!value)
        policy_complain(parser, place, "${%s} is not set in the environment", name);
    else if (!is_fit_for_value(value))
        policy_complain(parser, place,
                        "${%s} is empty, or has control characters or bytes that "
                        "are not UTF-8",
                        name);
    else
        return value;
    return NULL;
}

struct policy_string policy_expand(struct policy_parser *parser, const struct policy_word *word)
{
    const struct policy_string none = {NULL, word->place};
    char text[POLICY_LINE_MAX + 1];
    size_t n = 0;
    for (const char *at = word->text, *end = at + word->length; at < end;) {
        const char *piece = at++;
        size_t length = 1;
        if (*piece == '$') {
            struct policy_place place = policy_advance(word->place, word->text, piece);
            char next = at < end ? *at++ : '\0';
            if (next != '$' && next != '{') {
                policy_complain(parser, place,
                                "a $ begins ${NAME}; write $$ for the character itself");
                return none;
            }
            if (next == '{') {
                piece = variable(parser, &at, end, place);
                if (!piece)
                    return none;
                length = strlen(piece);
            }
        }
        if (length > POLICY_LINE_MAX - n) {
            policy_complain(parser, word->place, "the value is longer than %d bytes",
                            POLICY_LINE_MAX);
            return none;
        }
        memcpy(text + n, piece, length);
        n += length;
    }
    char *copy = policy_take(parser, word->place, n + 1);
    if (copy)
        memcpy(copy, text, n);
    return (struct policy_string){copy, word->place};
}

static struct policy_string read_path(struct policy_parser *parser,
                                      const struct policy_entry *entry)
{
    struct policy_string value = policy_expand(parser, &entry->value);
    if (value.text && (value.text[0] == '"' || value.text[0] == '\'')) {
        policy_complain(parser, value.place, "a value is written without quotes");
        value.text = NULL;
    }
    return value;
}

/* ---- settings ---- */

static const char *choice_at(const void *choices, size_t i)
{
    return ((const char *const *)choices)[i];
}

int policy_read_choice(struct policy_parser *parser, const struct policy_entry *entry,
                       const char *const *choices)
{
    struct policy_string value = policy_expand(parser, &entry->value);
    if (!value.text)
        return -1;
    char list[200] = "";
    size_t used = 0;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(value.text, choices[i]) == 0)
            return i;
        int n = snprintf(list + used, sizeof list - used, "%s%s", i ? " | " : "", choices[i]);
        used = used + (size_t)n < sizeof list ? used + (size_t)n : sizeof list - 1;
    }
    const char *near = policy_nearest(value.text, strlen(value.text), choice_at, choices);
    policy_complain(parser, value.place, "\"%.40s\" is not a value of \"%s\" (%s)%s%s%s",
                    value.text, policy_keys[entry->key].name, list, near ? "; did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "");
    return -1;
}

static void read_strength(struct policy_parser *parser, const struct policy_entry *entry,
                          struct policy_settings *settings)
{
    static const char *const texts[] = {"0", "40", "56", "80", "112", "128", "192", "256", NULL};
    static const unsigned bits[] = {0, 40, 56, 80, 112, 128, 192, 256};
    int i = policy_read_choice(parser, entry, texts);
    if (i >= 0)
        settings->minimum_strength = bits[i];
}

static void read_timeout(struct policy_parser *parser, const struct policy_entry *entry,
                         struct policy_settings *settings)
{
    struct policy_string value = policy_expand(parser, &entry->value);
    if (!value.text)
        return;
    unsigned seconds = 0;
    for (const char *p = value.text; *p; p++) {
        seconds = policy_is_digit(*p) ? seconds * 10 + (unsigned)(*p - '0') : 0;
        if (seconds == 0 || seconds > POLICY_TIMEOUT_MAX) {
            policy_complain(parser, value.place,
                            "\"%.40s\" is not a number of seconds from 1 to %d", value.text,
                            POLICY_TIMEOUT_MAX);
            return;
        }
    }
    settings->handshake_timeout = seconds;
}

static void read_versions(struct policy_parser *parser, const struct policy_entry *entry,
                          struct policy_settings *settings)
{
    static const struct {
        const char *name, *other_name;
        uint16_t number; /* 0: known, not supported */
    } versions[] = {
        {"TLSv1.0", "TLS1.0", TLS_VERSION_10},
        {"TLSv1", "TLS1", TLS_VERSION_10},
        {"SSLv2", "SSL2", 0},
        {"SSLv3", "SSL3", 0},
        {"TLSv1.1", "TLS1.1", 0},
        {"TLSv1.2", "TLS1.2", 0},
        {"TLSv1.3", "TLS1.3", 0},
    };
    struct policy_word rest = entry->value, word;
    uint16_t number = 0;
    while (policy_next_word(&rest, &word)) {
        struct policy_string value = policy_expand(parser, &word);
        if (!value.text)
            return;
        size_t i = 0, count = sizeof versions / sizeof versions[0];
        while (i < count && strcmp(value.text, versions[i].name) != 0 &&
               strcmp(value.text, versions[i].other_name) != 0)
            i++;
        if (i == count)
            policy_complain(parser, value.place, "unknown version \"%.40s\"; write TLSv1.0",
                            value.text);
        else if (versions[i].number == 0)
            policy_complain(parser, value.place,
                            "%s is not supported by this version; write "
                            "TLSv1.0",
                            versions[i].name);
        else if (number != 0)
            policy_complain(parser, value.place, "%s is named twice", versions[i].name);
        else
            number = versions[i].number;
    }
    settings->version_min = settings->version_max = number;
}

unsigned policy_rsa_bits(unsigned strength)
{
    static const struct {
        unsigned strength, bits;
    } rows[] = {{256, 15360}, {192, 7680}, {128, 3072}, {112, 2048}, {80, 1024}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strength >= rows[i].strength)
            return rows[i].bits;
    return 512; /* the shortest that any suite of RFC 2246 uses, for export */
}

/* ---- suites ---- */

static size_t suite_index(const struct policy_settings *settings, uint16_t id)
{
    size_t i = 0;
    while (i < settings->suite_count && settings->suites[i] != id)
        i++;
    return i;
}

static const char *suite_name_at(const void *unused, size_t i)
{
    (void)unused;
    const struct tls_suite *suite = tls_suite_at(i / 2);
    return !suite ? NULL : i % 2 ? suite->alias : suite->name;
}

void policy_all_suites(struct policy_settings *settings)
{
    const struct tls_suite *suite;
    settings->suite_count = 0;
    for (size_t i = 0; (suite = tls_suite_at(i)) && i < POLICY_SUITES_MAX; i++)
        settings->suites[settings->suite_count++] = suite->id;
}

static void read_suite(struct policy_parser *parser, struct policy_string word,
                       struct policy_settings *settings)
{
    bool removes = word.text[0] == '-';
    const char *name = word.text + removes;
    const struct tls_suite *suite = tls_suite_by_name(name, strlen(name));
    if (!suite) {
        const char *near = policy_nearest(name, strlen(name), suite_name_at, NULL);
        policy_complain(parser, word.place, "unknown suite \"%.60s\"%s%s%s", name,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return;
    }
    size_t i = suite_index(settings, suite->id);
    bool there = i < settings->suite_count;
    if (removes && !there)
        policy_complain(parser, word.place,
                        "there is no %s to remove here; what is removed stands before it, as in "
                        "\"ALL -%s\"",
                        suite->name, suite->alias);
    else if (!removes && there)
        policy_complain(parser, word.place, "%s is in the list already", suite->name);
    else if (removes)
        memmove(settings->suites + i, settings->suites + i + 1,
                (--settings->suite_count - i) * sizeof settings->suites[0]);
    else if (settings->suite_count < POLICY_SUITES_MAX)
        settings->suites[settings->suite_count++] = suite->id;
}

static void read_suites(struct policy_parser *parser, const struct policy_entry *entry,
                        struct policy_settings *settings)
{
    struct policy_word rest = entry->value, word;
    unsigned errors = parser->errors;
    settings->suite_count = 0;
    for (bool first = true; policy_next_word(&rest, &word); first = false) {
        struct policy_string value = policy_expand(parser, &word);
        if (!value.text)
            return;
        if (strcmp(value.text, "ALL") != 0)
            read_suite(parser, value, settings);
        else if (first)
            policy_all_suites(settings);
        else
            policy_complain(parser, value.place, "ALL stands first, or not at all");
    }
    if (settings->suite_count == 0 && errors == parser->errors)
        policy_complain(parser, entry->value.place, "every suite is removed; leave at least one");
}

/* ---- which reader for which key ---- */

static void read_verify_name(struct policy_parser *parser, const struct policy_entry *entry,
                             struct policy_settings *settings)
{
    struct policy_string value = policy_expand(parser, &entry->value);
    uint8_t address[16], length;
    if (!value.text)
        return;
    if (policy_is_dns_name(value.text) || policy_read_address(value.text, address, &length))
        settings->verify_name = value;
    else
        policy_complain(parser, value.place, "\"%.80s\" is neither a DNS name nor an IP address",
                        value.text);
}

static void read_trust(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_settings *settings)
{
    settings->trust = read_path(parser, entry);
    settings->trust_system = settings->trust.text && strcmp(settings->trust.text, "system") == 0;
}

static void read_choice_setting(struct policy_parser *parser, const struct policy_entry *entry,
                                struct policy_settings *settings)
{
    static const char *const moments[] = {"first-use", "connect", NULL};
    static const char *const refuse_or_allow[] = {"refuse", "allow", NULL};
    static const char *const on_or_off[] = {"on", "off", NULL};
    static const char *const degrees[] = {"no", "request", "require", NULL};
    int i;
    switch (entry->key) {
    case POLICY_KEY_HANDSHAKE:
        if ((i = policy_read_choice(parser, entry, moments)) >= 0)
            settings->handshake = (enum policy_handshake)i;
        break;
    case POLICY_KEY_TRUNCATION:
        if ((i = policy_read_choice(parser, entry, refuse_or_allow)) >= 0)
            settings->allow_truncation = i == 1;
        break;
    case POLICY_KEY_RECORD_SPLITTING:
        if ((i = policy_read_choice(parser, entry, on_or_off)) >= 0)
            settings->record_splitting = i == 0;
        break;
    default:
        i = policy_read_choice(parser, entry, degrees);
        if (i > POLICY_CERT_NO)
            policy_complain(parser, entry->value.place,
                            "\"client-certificate = %s\" is not supported by this version",
                            degrees[i]);
    }
}

void policy_read_setting(struct policy_parser *parser, const struct policy_entry *entry,
                         struct policy_settings *settings)
{
    switch (entry->key) {
    case POLICY_KEY_MINIMUM_STRENGTH:
        read_strength(parser, entry, settings);
        break;
    case POLICY_KEY_HANDSHAKE_TIMEOUT:
        read_timeout(parser, entry, settings);
        break;
    case POLICY_KEY_VERSIONS:
        read_versions(parser, entry, settings);
        break;
    case POLICY_KEY_SUITES:
        read_suites(parser, entry, settings);
        break;
    case POLICY_KEY_TRUST:
        read_trust(parser, entry, settings);
        break;
    case POLICY_KEY_VERIFY_NAME:
        read_verify_name(parser, entry, settings);
        break;
    case POLICY_KEY_CERTIFICATE:
        settings->certificate = read_path(parser, entry);
        break;
    case POLICY_KEY_KEY:
        settings->key = read_path(parser, entry);
        break;
    case POLICY_KEY_HANDSHAKE:
    case POLICY_KEY_TRUNCATION:
    case POLICY_KEY_RECORD_SPLITTING:
    case POLICY_KEY_CLIENT_CERTIFICATE:
        read_choice_setting(parser, entry, settings);
        break;
    default: /* match keys and `unmatched` are policy_parse.c's; others are refused by name */
        break;
    }
}
