#include "common_trust.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../tls/x509/x509_crl.h"
#include "../tls/x509/x509_ocsp.h"
#include "common_credentials.h"
#include "common_files.h"
#include "common_log.h"

struct loaded_trust { /* each file of roots is read once for all rules */
    struct loaded_trust *next;
    const char *path;
    struct x509_trust trust;
};

struct loaded_lists { /* and each file or directory of CRLs */
    struct loaded_lists *next;
    const char *path;
    struct credentials_crls crls;
};

static void *take_memory(struct loader *loader, struct policy_place place, size_t size)
{
    void *taken = memory_take(&loader->rules->memory, size);
    if (!taken)
        loader_complain(loader, place, "not enough memory");
    return taken;
}

/* ---- roots ---- */

static const struct x509_trust *load_trust(struct loader *loader, const char *key,
                                           struct policy_string path)
{
    char reason[CREDENTIALS_REASON];
    for (struct loaded_trust *t = loader->trusts; t; t = t->next)
        if (strcmp(t->path, path.text) == 0)
            return &t->trust;
    struct loaded_trust *loaded = take_memory(loader, path.place, sizeof *loaded);
    if (!loaded)
        return NULL;
    if (!credentials_load_trust_path(&loaded->trust, path.text, &loader->rules->memory, reason)) {
        loader_complain(loader, path.place, "%s: %s", key, reason);
        return NULL;
    }
    loaded->path = path.text;
    loaded->next = loader->trusts;
    loader->trusts = loaded;
    return &loaded->trust;
}

/* The roots of all paths. NULL when one of them is wrong, which is told. */
static const struct x509_trust *load_trusts(struct loader *loader, const char *key,
                                            const struct policy_list *paths)
{
    const struct x509_trust **parts =
        take_memory(loader, paths->words[0].place, paths->count * sizeof *parts);
    struct x509_trust *all = take_memory(loader, paths->words[0].place, sizeof *all);
    size_t count = 0, used = 0;
    bool good = parts && all;
    for (size_t i = 0; parts && i < paths->count; i++) {
        parts[i] = load_trust(loader, key, paths->words[i]);
        good = good && parts[i];
        count += parts[i] ? parts[i]->count : 0;
    }
    if (!good || paths->count == 1)
        return good ? parts[0] : NULL;
    struct x509_certificate *roots =
        take_memory(loader, paths->words[0].place, count * sizeof *roots);
    for (size_t i = 0; roots && i < paths->count; used += parts[i++]->count)
        memcpy(roots + used, parts[i]->roots, parts[i]->count * sizeof *roots);
    *all = (struct x509_trust){roots, used};
    return roots ? all : NULL;
}

/* One for all rules. */
static struct later_roots *system_roots(struct loader *loader, struct policy_string word)
{
    char reason[CREDENTIALS_REASON];
    struct rules *rules = loader->rules;
    if (!rules->system_roots)
        rules->system_roots = credentials_system_trust_later(&rules->memory, reason);
    if (!rules->system_roots)
        loader_complain(loader, word.place, "trust: %s", reason);
    return rules->system_roots;
}

static void add_trust(struct loader *loader, const struct policy_rule *rule,
                      struct tls_config *config)
{
    const struct policy_settings *settings = &rule->settings;
    enum policy_trust_kind kind = settings->trusting.kind;
    if (config->client_certificate != TLS_CLIENT_CERT_NO && settings->client_trust.count)
        config->trust = load_trusts(loader, "client-trust", &settings->client_trust);
    if (rule->kind != POLICY_CLIENT || !settings->trust.count)
        return;
    config->unchained = kind == POLICY_TRUST_PIN_ONLY || kind == POLICY_TRUST_FIRST_USE;
    config->needs_approval = kind == POLICY_TRUST_FIRST_USE;
    if (kind == POLICY_TRUST_SYSTEM) {
        config->find_trust = later_roots_find;
        config->find_trust_arg = system_roots(loader, settings->trust.words[0]);
    } else if (!config->unchained) {
        config->trust = load_trusts(loader, "trust", &settings->trust);
    }
}

static void add_pins(struct loader *loader, const struct policy_rule *rule,
                     struct tls_config *config)
{
    const struct policy_list *list = &rule->settings.trusting.pins;
    if (rule->kind != POLICY_CLIENT || list->count == 0)
        return;
    uint8_t(*pins)[32] = take_memory(loader, list->words[0].place, list->count * sizeof *pins);
    for (size_t i = 0; pins && i < list->count; i++)
        if (!x509_pin_parse(list->words[i].text, strlen(list->words[i].text), pins[i]))
            loader_complain(loader, list->words[i].place, "this is no pin");
    config->pins = (const uint8_t(*)[32])pins;
    config->pin_count = pins ? list->count : 0;
}

/* ---- revocation ---- */

static const struct credentials_crls *load_lists(struct loader *loader, struct policy_string path)
{
    char reason[CREDENTIALS_REASON];
    for (struct loaded_lists *l = loader->lists; l; l = l->next)
        if (strcmp(l->path, path.text) == 0)
            return &l->crls;
    struct loaded_lists *loaded = take_memory(loader, path.place, sizeof *loaded);
    if (!loaded)
        return NULL;
    if (!credentials_load_crls(&loaded->crls, path.text, &loader->rules->memory, reason)) {
        loader_complain(loader, path.place, "crl: %s", reason);
        return NULL;
    }
    loaded->path = path.text;
    loaded->next = loader->lists;
    loader->lists = loaded;
    return &loaded->crls;
}

static void add_lists(struct loader *loader, const struct policy_rule *rule,
                      struct tls_config *config)
{
    const struct policy_list *paths = &rule->settings.trusting.crls;
    bool applies = rule->kind == POLICY_CLIENT ? !config->unchained : config->trust != NULL;
    for (size_t i = 0; applies && i < paths->count; i++) {
        const struct credentials_crls *more = load_lists(loader, paths->words[i]);
        if (!more)
            return;
        struct x509_crl *lists = take_memory(loader, paths->words[i].place,
                                             (config->crl_count + more->count) * sizeof *lists);
        if (!lists)
            return;
        if (config->crl_count > 0)
            memcpy(lists, config->crls, config->crl_count * sizeof *lists);
        memcpy(lists + config->crl_count, more->lists, more->count * sizeof *lists);
        config->crls = lists;
        config->crl_count += more->count;
    }
}

/* NULL: it can be stapled, until *until if that is not 0; without the issuer that cannot be judged.
 */
static const char *problem_of_staple(const struct x509_certificate *leaf,
                                     const struct tls_credential *credential,
                                     struct x509_bytes response, int64_t *until)
{
    struct x509_certificate issuer;
    const struct x509_rules rules = {.now = time(NULL), .allow_sha1 = true};
    const char *why = NULL;
    *until = 0;
    if (credential->chain_count < 2 ||
        x509_parse(&issuer, credential->chain[1].data, credential->chain[1].length, &why) !=
            TLS_ERROR_OK)
        return response.length > 0 && response.data[0] == 0x30 ? NULL : "it is no DER";
    *until = x509_ocsp_until(response, leaf, &issuer);
    switch (x509_ocsp_check(response, leaf, &issuer, &rules, &why)) {
    case X509_OCSP_GOOD:
        return NULL;
    case X509_OCSP_REVOKED:
        return "it says that the certificate has been revoked";
    default:
        return why;
    }
}

void trust_staple(struct loader *loader, const struct policy_rule *rule, size_t i,
                  const struct x509_certificate *leaf, struct tls_credential *credential)
{
    struct policy_string path = rule->settings.trusting.ocsp_responses[i];
    struct file_text file;
    char reason[FILE_REASON];
    if (rule->kind != POLICY_SERVER || !path.text)
        return;
    if (!file_read(&file, path.text, TLS_OCSP_MAX, false, reason)) {
        loader_complain(loader, path.place, "ocsp-response: %.120s: %s", path.text, reason);
        return;
    }
    const uint8_t *copy =
        (const uint8_t *)memory_copy(&loader->rules->memory, file.text, file.length);
    struct x509_bytes response = {copy, file.length};
    file_free(&file);
    if (!copy) {
        loader_complain(loader, path.place, "not enough memory");
        return;
    }
    const char *problem = problem_of_staple(leaf, credential, response, &credential->ocsp_until);
    if (!problem) {
        credential->ocsp_response = response;
        return;
    }
    log_line(LOG_LEVEL_WARN,
             "%s:%u: [%s %s]: ocsp-response: %s: %s; it is left out until there is a new one "
             "(openssl ocsp ... -respout FILE)",
             rule->place.file, path.place.line, policy_kind_name(rule->kind), rule->name, path.text,
             problem);
}

/* ---- names that are admitted ---- */

static struct x509_bytes bytes_of(const char *text)
{
    return (struct x509_bytes){(const uint8_t *)text, strlen(text)};
}

/* An address, a mailbox, a URI, else a DNS name. */
static bool read_alt_name(struct loader *loader, struct policy_string word,
                          struct x509_alt_name *out)
{
    uint8_t address[16];
    size_t length = inet_pton(AF_INET, word.text, address) == 1    ? 4
                    : inet_pton(AF_INET6, word.text, address) == 1 ? 16
                                                                   : 0;
    *out = (struct x509_alt_name){X509_ALT_DNS, bytes_of(word.text)};
    if (length > 0) {
        const char *copy = memory_copy(&loader->rules->memory, address, length);
        *out =
            (struct x509_alt_name){X509_ALT_IP, {(const uint8_t *)copy, copy != NULL ? length : 0}};
        return copy != NULL;
    }
    if (strstr(word.text, "://") || strncmp(word.text, "urn:", 4) == 0)
        out->kind = X509_ALT_URI;
    else if (strchr(word.text, '@'))
        out->kind = X509_ALT_EMAIL;
    return true;
}

static void add_admitted(struct loader *loader, const struct policy_rule *rule,
                         struct tls_config *config)
{
    const struct policy_list *subjects = &rule->settings.trusting.client_subjects;
    const struct policy_list *names = &rule->settings.trusting.client_names;
    if (rule->kind != POLICY_SERVER || config->client_certificate == TLS_CLIENT_CERT_NO ||
        subjects->count + names->count == 0)
        return;
    struct x509_admitted *admitted = take_memory(loader, rule->place, sizeof *admitted);
    const char **texts = take_memory(loader, rule->place, (subjects->count + 1) * sizeof *texts);
    struct x509_alt_name *alts =
        take_memory(loader, rule->place, (names->count + 1) * sizeof *alts);
    if (!admitted || !texts || !alts)
        return;
    for (size_t i = 0; i < subjects->count; i++)
        texts[i] = subjects->words[i].text;
    for (size_t i = 0; i < names->count; i++)
        if (!read_alt_name(loader, names->words[i], &alts[i]))
            loader_complain(loader, names->words[i].place, "not enough memory");
    *admitted = (struct x509_admitted){texts, subjects->count, alts, names->count};
    config->admitted = admitted;
}

void trust_configure(struct loader *loader, const struct policy_rule *rule,
                     struct tls_config *config)
{
    const struct policy_trust *trust = &rule->settings.trusting;
    config->strict_certificates = trust->strict;
    config->allow_common_name = trust->allow_common_name;
    config->request_status = rule->kind == POLICY_CLIENT && trust->ocsp != POLICY_OCSP_OFF;
    config->require_status = rule->kind == POLICY_CLIENT && trust->ocsp == POLICY_OCSP_REQUIRE;
    add_trust(loader, rule, config);
    add_pins(loader, rule, config);
    add_lists(loader, rule, config);
    add_admitted(loader, rule, config);
}
