/* How strong: suites, floors and presets. */
#include <string.h>

#include "../tls/tls_key_exchange.h"
#include "policy_parser.h"
#include "policy_text.h"

/* ---- floors ---- */

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

static const char *const strengths[] = {"0", "40", "56", "80", "112", "128", "192", "256", NULL};
static const unsigned strength_bits[] = {0, 40, 56, 80, 112, 128, 192, 256};

static void set_floors(struct policy_settings *settings, unsigned bits)
{
    settings->minimum_cipher = settings->minimum_key_exchange = settings->minimum_certificate =
        bits;
}

void policy_read_floor(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_settings *settings)
{
    int i = policy_read_choice(parser, entry, strengths);
    if (i < 0)
        return;
    switch (entry->key) {
    case POLICY_KEY_MINIMUM_CIPHER:
        settings->minimum_cipher = strength_bits[i];
        break;
    case POLICY_KEY_MINIMUM_KEY_EXCHANGE:
        settings->minimum_key_exchange = strength_bits[i];
        break;
    case POLICY_KEY_MINIMUM_CERTIFICATE:
        settings->minimum_certificate = strength_bits[i];
        break;
    case POLICY_KEY_MINIMUM_SIGNATURE:
        settings->minimum_signature = strength_bits[i];
        break;
    default: /* minimum-strength: all but the handshake's signature */
        set_floors(settings, strength_bits[i]);
    }
}

/* ---- presets ---- */

static const char *const preset_names[] = {"legacy", "default", "future", NULL};
enum { PRESET_DEFAULT = 1 };

static const struct {
    unsigned floors, signature;
} presets[] = {{80, 0}, {112, 0}, {128, 112}};

static void set_preset(struct policy_settings *settings, int preset)
{
    set_floors(settings, presets[preset].floors);
    settings->minimum_signature = presets[preset].signature;
}

void policy_read_preset(struct policy_parser *parser, const struct policy_entry *entry,
                        struct policy_settings *settings)
{
    int i = policy_read_choice(parser, entry, preset_names);
    if (i >= 0)
        set_preset(settings, i);
}

bool policy_key_sets(enum policy_key_id by, enum policy_key_id key)
{
    bool floor = key == POLICY_KEY_MINIMUM_CIPHER || key == POLICY_KEY_MINIMUM_KEY_EXCHANGE ||
                 key == POLICY_KEY_MINIMUM_CERTIFICATE;
    if (by == POLICY_KEY_PRESET && (floor || key == POLICY_KEY_MINIMUM_SIGNATURE))
        return true;
    return by == key || (by == POLICY_KEY_MINIMUM_STRENGTH && floor);
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

unsigned policy_dh_bits(const struct policy_settings *settings)
{
    return settings->minimum_dh ? settings->minimum_dh
                                : policy_rsa_bits(settings->minimum_key_exchange);
}

/* All that encrypt and authenticate, and were not made to be broken: any other is named or it is
 * not there. */
static void all_suites(struct policy_settings *settings)
{
    const struct tls_suite *suite;
    settings->suite_count = 0;
    for (size_t i = 0; (suite = tls_suite_at(i)) && i < POLICY_SUITES_MAX; i++) {
        const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
        if ((info->certificate || info->psk) && !info->exported && suite->cipher_bits > 0)
            settings->suites[settings->suite_count++] = suite->id;
    }
}

static void read_suite(struct policy_parser *parser, struct policy_string word,
                       struct policy_settings *settings)
{
    bool removes = word.text[0] == '-';
    const char *name = word.text + removes;
    const struct tls_suite *suite = tls_suite_by_name(name, strlen(name));
    if (!suite && strpbrk(name, ",:;!+")) { /* as for OpenSSL */
        policy_complain(parser, word.place,
                        "unknown suite \"%.60s\"; names are separated by spaces, and a - in front "
                        "of one takes it away",
                        name);
        return;
    }
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

void policy_read_suites(struct policy_parser *parser, const struct policy_entry *entry,
                        struct policy_settings *settings)
{
    struct policy_word rest = entry->value, word;
    unsigned errors = parser->errors;
    settings->suite_count = 0;
    for (bool first = true; policy_next_word(&rest, &word); first = false) {
        struct policy_string value = policy_expand(parser, &word, true);
        if (!value.text)
            return;
        if (strcmp(value.text, "ALL") != 0)
            read_suite(parser, value, settings);
        else if (first)
            all_suites(settings);
        else
            policy_complain(parser, value.place, "ALL stands first, or not at all");
    }
    if (settings->suite_count == 0 && errors == parser->errors)
        policy_complain(parser, entry->value.place, "every suite is removed; leave at least one");
}

void policy_set_builtin(struct policy_settings *settings)
{
    *settings = (struct policy_settings){
        .version_min = TLS_VERSION_10,
        .version_max = TLS_VERSION_10,
        .handshake = POLICY_HANDSHAKE_FIRST_USE,
        .handshake_timeout = 30,
        .record_splitting = true,
        .tickets = true,
        .cache_age = TLS_RESUMPTION_LIFETIME,
        .client_certificate = POLICY_CERT_NO,
        .data_limit = TLS_DATA_LIMIT_64,
        .trusting = policy_builtin_trust,
    };
    set_preset(settings, PRESET_DEFAULT);
    all_suites(settings);
}

/* ---- floors and suites together ---- */

const struct tls_group *policy_group_at(const struct policy_settings *settings, size_t index)
{
    if (settings->group_count == 0)
        return tls_group_at(index);
    return index < settings->group_count ? tls_group_by_id(settings->groups[index]) : NULL;
}

/* Of the weakest curve that the rule has. */
static unsigned curve_strength(const struct policy_settings *settings)
{
    unsigned weakest = POLICY_AS_KEY;
    const struct tls_group *group;
    for (size_t i = 0; (group = policy_group_at(settings, i)); i++)
        if (group->is_curve && group->bits < weakest)
            weakest = group->bits;
    return weakest;
}

struct policy_strength policy_suite_strength(const struct tls_suite *suite,
                                             const struct policy_rule *rule)
{
    enum { EXPORTED = 40, LARGEST_GROUP = 128 };
    const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
    const struct policy_settings *settings = &rule->settings;
    struct policy_strength strength = {
        .cipher = suite->cipher_bits,
        .key_exchange = POLICY_AS_KEY,
        .certificate = info->certificate || info->psk ? POLICY_AS_KEY : 0,
        .signature = info->is_signed ? POLICY_TLS10_SIGNATURE_BITS : POLICY_AS_KEY,
        .exchanged_bits = policy_rsa_bits(settings->minimum_key_exchange),
    };
    if (info->exported) {
        strength.key_exchange = EXPORTED;
    } else if (info->agreement == TLS_AGREE_ECDH) {
        strength.key_exchange = curve_strength(settings);
    } else if (info->agreement == TLS_AGREE_DH) {
        strength.key_exchange = LARGEST_GROUP;
        strength.exchanged_by = rule->kind == POLICY_SERVER ? "our group" : "the server's group";
        strength.exchanged_bits = policy_dh_bits(settings);
    } else if (info->agreement == TLS_AGREE_RSA) {
        strength.exchanged_by = "the RSA key";
    } else if (info->agreement == TLS_AGREE_PSK) {
        strength.exchanged_by = "the pre-shared key";
        strength.exchanged_bits = settings->minimum_key_exchange;
    }
    return strength;
}

static bool is_strong(const struct tls_suite *suite, const struct policy_rule *rule)
{
    const struct policy_settings *settings = &rule->settings;
    struct policy_strength strength = policy_suite_strength(suite, rule);
    return strength.cipher >= settings->minimum_cipher &&
           strength.key_exchange >= settings->minimum_key_exchange &&
           strength.certificate >= settings->minimum_certificate &&
           strength.signature >= settings->minimum_signature;
}

void policy_keep_strong_suites(struct policy_parser *parser, const struct policy_rule *rule,
                               struct policy_settings *settings)
{
    size_t kept = 0, before = settings->suite_count;
    policy_keep_usable_suites(parser, rule, settings);
    for (size_t i = 0; i < settings->suite_count; i++)
        if (is_strong(tls_suite_by_id(settings->suites[i]), rule))
            settings->suites[kept++] = settings->suites[i];
    settings->suite_count = kept;
    const struct policy_entry *suites = rule->said[POLICY_KEY_SUITES];
    if (before == 0 || kept > 0)
        return;
    const struct policy_entry *floor = rule->said[POLICY_KEY_MINIMUM_CIPHER];
    policy_complain(
        parser,
        suites  ? suites->value.place
        : floor ? floor->value.place
                : rule->place,
        "no suite of [%s %s] reaches its floors (minimum-cipher = %u, minimum-key-exchange = %u, "
        "minimum-certificate = %u, minimum-signature = %u%s%s); add a stronger suite or lower the "
        "floor",
        policy_kind_name(rule->kind), rule->name, settings->minimum_cipher,
        settings->minimum_key_exchange, settings->minimum_certificate, settings->minimum_signature,
        floor && floor->key != POLICY_KEY_MINIMUM_CIPHER ? ", from " : "",
        floor && floor->key != POLICY_KEY_MINIMUM_CIPHER ? policy_keys[floor->key].name : "");
}
