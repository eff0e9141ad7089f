#include "common_configs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../crypto_glue/cg_export.h"
#include "../policy/policy_detail.h"
#include "../tls/tls_key_exchange.h"
#include "common_credentials.h"
#include "common_identity.h"
#include "common_keyfiles.h"
#include "common_trust.h"

void loader_complain(struct loader *loader, struct policy_place place, const char *format, ...)
{
    struct policy_error error = {.place = place};
    va_list args;
    va_start(args, format);
    vsnprintf(error.message, sizeof error.message, format, args);
    va_end(args);
    loader->errors++;
    loader->report(loader->report_arg, &error);
}

static void *take(struct loader *loader, struct policy_place place, size_t size)
{
    void *taken = memory_take(&loader->rules->memory, size);
    if (!taken)
        loader_complain(loader, place, "not enough memory");
    return taken;
}

/* ---- files that rules name ---- */

/* keyUsage of our certificates, by the kind of their keys; 0: there is none of this kind. */
typedef uint16_t key_usages[X509_KEY_UNSUPPORTED];

static bool is_withheld(const struct loader *loader, const struct policy_rule *rule)
{
    for (size_t i = 0; loader->is_child && i < POLICY_CREDENTIALS_MAX; i++)
        if (rule->settings.keys[i].text &&
            faccessat(AT_FDCWD, rule->settings.keys[i].text, R_OK, AT_EACCESS) != 0 &&
            errno == EACCES)
            return true;
    return false;
}

/* The certificate and key at `i` of their lists. */
static struct tls_credential *load_credential(struct loader *loader, const struct policy_rule *rule,
                                              size_t i, key_usages usages)
{
    char reason[CREDENTIALS_REASON];
    struct x509_certificate leaf;
    struct rules *rules = loader->rules;
    const struct policy_settings *settings = &rule->settings;
    struct policy_string chain = settings->certificates[i], key = settings->keys[i];
    const struct credentials_terms terms = {
        settings->minimum_certificate,
        rule->kind == POLICY_SERVER ? settings->minimum_key_exchange : 0,
        settings->key_passphrase_file.text,
    };
    struct tls_credential *credential = take(loader, chain.place, sizeof *credential);
    if (!credential)
        return NULL;
    if (!credentials_load_chain(credential, &leaf, chain.text, &rules->memory, reason))
        loader_complain(loader, chain.place, "certificate: %s", reason);
    else if (usages[leaf.key.kind] != 0)
        loader_complain(
            loader, chain.place,
            "certificate: %.120s: this is the second one with %s; name one of each kind",
            chain.text, credentials_kind_text(leaf.key.kind));
    else if (!credentials_load_key(credential, &leaf, key.text, &terms, &rules->secrets, reason))
        loader_complain(loader, key.place, "key: %s", reason);
    else {
        trust_staple(loader, rule, i, &leaf, credential);
        usages[leaf.key.kind] = leaf.key_usage;
        return credential;
    }
    return NULL;
}

/* NULL when the rule has none, or when one of them is wrong, which is told. */
static const struct tls_credential *
load_credentials(struct loader *loader, const struct policy_rule *rule, key_usages usages)
{
    const struct policy_settings *settings = &rule->settings;
    const struct tls_credential *first = NULL, **link = &first;
    unsigned errors = loader->errors;
    for (size_t i = 0; i < POLICY_CREDENTIALS_MAX; i++) {
        if (!settings->certificates[i].text || !settings->keys[i].text)
            break;
        struct tls_credential *credential = load_credential(loader, rule, i, usages);
        if (!credential)
            continue;
        *link = credential;
        link = &credential->next;
    }
    return loader->errors == errors ? first : NULL;
}

/* Suites that need a certificate of another kind, or a use that its keyUsage does not allow (RFC
 * 5280 4.2.1.3), would only make handshakes fail that could go otherwise. */
static void keep_certified_suites(struct loader *loader, const struct policy_rule *rule,
                                  struct tls_config *config, const key_usages usages)
{
    size_t kept = 0;
    for (size_t i = 0; i < config->suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(config->suites[i]);
        const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
        uint16_t use = info->is_signed ? X509_KU_DIGITAL_SIGNATURE : X509_KU_KEY_ENCIPHERMENT;
        if (!info->certificate || (usages[info->certificate_key] & use))
            config->suites[kept++] = config->suites[i];
    }
    config->suite_count = kept;
    if (kept == 0)
        loader_complain(
            loader, rule->settings.certificates[0].place,
            "certificate: no suite of [server %s] goes with the key of this certificate and "
            "its keyUsage; use a certificate of another kind, or allow other suites",
            rule->name);
}

static void drop_certified_suites(struct tls_config *config)
{
    size_t kept = 0;
    for (size_t i = 0; i < config->suite_count; i++)
        if (!tls_key_exchange_info(tls_suite_by_id(config->suites[i])->key_exchange)->certificate)
            config->suites[kept++] = config->suites[i];
    config->suite_count = kept;
}

static void add_credentials(struct loader *loader, const struct policy_rule *rule,
                            struct tls_config *config)
{
    key_usages usages = {0};
    if (is_withheld(loader, rule)) {
        drop_certified_suites(config);
        return;
    }
    config->credential = load_credentials(loader, rule, usages);
    if (!config->credential)
        return;
    if (rule->kind == POLICY_SERVER) {
        keep_certified_suites(loader, rule, config, usages);
        return;
    }
    for (const struct tls_credential *c = config->credential; c; c = c->next)
        if (!(usages[c->kind] & X509_KU_DIGITAL_SIGNATURE))
            loader_complain(
                loader, rule->settings.certificates[0].place,
                "certificate: its keyUsage lacks digitalSignature, so it cannot show servers who "
                "we are (RFC 5280 4.2.1.3); have it made with that use");
}

static bool has_exported_suite(const struct tls_config *config)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(config->suites[i]);
        if (tls_key_exchange_info(suite->key_exchange)->exported)
            return true;
    }
    return false;
}

/* Drawn anew by each process that reads the policy (RFC 2246 D.1 wants them changed often). */
static void add_export_keys(struct loader *loader, const struct policy_rule *rule,
                            struct tls_config *config)
{
    struct memory *secrets = &loader->rules->secrets;
    if (rule->kind != POLICY_SERVER || !has_exported_suite(config))
        return;
    struct cg_export_key *drawn = memory_take(secrets, sizeof *drawn);
    struct cg_rsa_private *key = memory_take(secrets, cg_rsa_private_size());
    struct cg_rsa_private_parts parts;
    bool good = drawn && key && cg_export_key_make(drawn);
    if (good) {
        parts = cg_export_key_parts(drawn);
        good = cg_rsa_private_load(key, &parts);
    }
    if (!good) {
        loader_complain(loader, rule->place, "a key for export suites cannot be made");
        return;
    }
    config->export_key = key;
    config->export_public = (struct cg_rsa_public){
        .n = drawn->n, .e = drawn->e, .n_length = sizeof drawn->n, .e_length = sizeof drawn->e};
    config->export_dh_group = &cg_export_group;
}

static void add_dh_group(struct loader *loader, const struct policy_rule *rule,
                         struct tls_config *config)
{
    char reason[CREDENTIALS_REASON];
    struct policy_string path = rule->settings.dh_parameters;
    if (rule->kind != POLICY_SERVER || !path.text)
        return;
    struct cg_dh_group *group = take(loader, path.place, sizeof *group);
    if (group && !credentials_load_dh_group(group, path.text, config->minimum_dh_bits,
                                            &loader->rules->memory, reason))
        loader_complain(loader, path.place, "dh-parameters: %s", reason);
    config->dh_group = group;
}

/* ---- keys that both sides know ---- */

static void add_psks(struct loader *loader, const struct policy_rule *rule,
                     struct tls_config *config)
{
    char reason[CREDENTIALS_REASON];
    const struct policy_settings *settings = &rule->settings;
    struct policy_string path = settings->psk_file;
    unsigned certificate = settings->minimum_certificate, exchange = settings->minimum_key_exchange;
    if (!path.text)
        return;
    if (!keyfile_load_psks(&config->psks, &config->psk_count, path.text, &settings->psk_identities,
                           certificate > exchange ? certificate : exchange, &loader->rules->secrets,
                           reason))
        loader_complain(loader, path.place, "psk-file: %s", reason);
    else if (rule->kind == POLICY_CLIENT && config->psk_count > 1)
        loader_complain(loader, path.place,
                        "psk-file: %.120s: there are %zu keys in it; say which one this client "
                        "uses: psk-identity = NAME",
                        path.text, config->psk_count);
}

static void add_tickets(struct loader *loader, const struct policy_rule *rule,
                        struct tls_config *config)
{
    char reason[CREDENTIALS_REASON];
    struct policy_string path = rule->settings.ticket_keys;
    if (rule->kind != POLICY_SERVER || !path.text)
        return;
    struct tls_ticket_ring *ring = memory_take(&loader->rules->secrets, sizeof *ring);
    if (!ring)
        loader_complain(loader, path.place, "not enough memory");
    else if (!keyfile_load_ticket_ring(ring, path.text, reason))
        loader_complain(loader, path.place, "ticket-keys: %s", reason);
    config->tickets = ring;
}

/* ---- protocols ---- */

static void add_alpn(struct loader *loader, const struct policy_rule *rule,
                     struct tls_config *config)
{
    const struct policy_list *list = &rule->settings.alpn;
    struct x509_bytes *names = take(loader, rule->place, (list->count + 1) * sizeof *names);
    for (size_t i = 0; names && i < list->count; i++)
        names[i] =
            (struct x509_bytes){(const uint8_t *)list->words[i].text, strlen(list->words[i].text)};
    config->alpn = names;
    config->alpn_count = list->count;
}

/* Such suites are in the list only where a rule names them. */
static bool names_anonymous_suite(const struct policy_rule *rule)
{
    const struct policy_settings *settings = &rule->settings;
    bool any = false;
    for (size_t i = 0; i < settings->suite_count; i++) {
        const struct tls_suite *suite = tls_suite_by_id(settings->suites[i]);
        any |= policy_suite_strength(suite, rule).certificate == 0;
    }
    return any;
}

static const struct tls_config *build_config(struct loader *loader, const struct policy_rule *rule)
{
    const struct policy_settings *settings = &rule->settings;
    struct tls_config *config = take(loader, rule->place, sizeof *config);
    if (!config)
        return NULL;
    *config = (struct tls_config){
        .role = rule->kind == POLICY_CLIENT ? TLS_CLIENT : TLS_SERVER,
        .version_min = settings->version_min,
        .version_max = settings->version_max,
        .suite_count = settings->suite_count,
        .no_record_splitting = !settings->record_splitting,
        .allow_truncation = settings->allow_truncation,
        .minimum_rsa_bits = policy_rsa_bits(settings->minimum_certificate),
        .minimum_rsa_exchange_bits = policy_rsa_bits(settings->minimum_key_exchange),
        .minimum_dh_bits = policy_dh_bits(settings),
        .group_count = settings->group_count,
        .allow_anonymous = names_anonymous_suite(rule),
        .allow_sha1_certificates = settings->allow_sha1_certificates,
        .data_limit_64 = settings->data_limit,
        .allow_renegotiation = settings->allow_renegotiation,
        .accept_sslv2_hello = settings->allow_sslv2_hello,
        .require_renegotiation_info = !settings->allow_no_renegotiation_info,
        .no_extensions = settings->omit_extensions,
        .no_tickets = !settings->tickets,
        .resumption_lifetime = settings->cache_age,
    };
    _Static_assert(sizeof config->groups == sizeof settings->groups, "the same array");
    memcpy(config->groups, settings->groups, sizeof config->groups);
    _Static_assert(sizeof config->suites == sizeof settings->suites, "the same array");
    memcpy(config->suites, settings->suites, sizeof config->suites);
    _Static_assert((int)POLICY_CERT_REQUIRE == (int)TLS_CLIENT_CERT_REQUIRE, "the same values");
    if (rule->kind == POLICY_SERVER)
        config->client_certificate = (enum tls_client_certificate)settings->client_certificate;
    trust_configure(loader, rule, config);
    add_credentials(loader, rule, config);
    add_dh_group(loader, rule, config);
    add_export_keys(loader, rule, config);
    add_psks(loader, rule, config);
    add_tickets(loader, rule, config);
    add_alpn(loader, rule, config);
    identity_of_rule(rule, config, config->rule);
    return config;
}

void loader_build_configs(struct loader *loader)
{
    const struct policy *policy = &loader->rules->policy;
    struct policy_place start = {loader->rules->file, 1, 1};
    const struct tls_config **configs =
        take(loader, start, (policy->rule_count + 1) * sizeof *configs);
    if (!configs)
        return;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        if (rule->said && (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER))
            configs[i] = build_config(loader, rule);
        if (rule->programs && !rules_program_path()[0])
            loader_complain(
                loader, rule->said[POLICY_KEY_PROGRAM]->place,
                "/proc/self/exe cannot be read, so the program's name is unknown; mount /proc "
                "or remove this key");
    }
    loader->rules->configs = configs;
}
