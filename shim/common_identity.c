#include "common_identity.h"

#include <string.h>

#include "../policy/policy_keys.h"
#include "../tls/x509/x509_crl.h"
#include "common_credentials.h"

/* Each part with its length before it, so that no two lists of parts are the same bytes. */
static void add(struct cg_hash *hash, const void *bytes, size_t n)
{
    uint8_t length[8];
    for (unsigned i = 0; i < sizeof length; i++)
        length[i] = (uint8_t)((uint64_t)n >> 8 * i);
    cg_hash_update(hash, length, sizeof length);
    cg_hash_update(hash, bytes, n);
}

static void add_text(struct cg_hash *hash, const char *text)
{
    add(hash, text, strlen(text));
}

static bool matters(unsigned key)
{
    switch (key) {
    case POLICY_KEY_VERSIONS:
    case POLICY_KEY_SUITES:
    case POLICY_KEY_MINIMUM_CIPHER:
    case POLICY_KEY_MINIMUM_KEY_EXCHANGE:
    case POLICY_KEY_MINIMUM_CERTIFICATE:
    case POLICY_KEY_MINIMUM_SIGNATURE:
    case POLICY_KEY_SHA1_CERTIFICATES:
    case POLICY_KEY_VERIFY_NAME:
    case POLICY_KEY_CLIENT_CERTIFICATE:
    case POLICY_KEY_GROUPS:
    case POLICY_KEY_MINIMUM_DH:
    case POLICY_KEY_PSK_IDENTITY:
    case POLICY_KEY_RENEGOTIATION_INFO:
    case POLICY_KEY_PIN:
    case POLICY_KEY_OCSP:
    case POLICY_KEY_COMMON_NAME:
    case POLICY_KEY_CERTIFICATE_PROFILE:
    case POLICY_KEY_CLIENT_SUBJECT:
    case POLICY_KEY_CLIENT_SAN:
        return true;
    default:
        return false;
    }
}

static void add_setting(void *hash, unsigned key, const char *value)
{
    if (!matters(key))
        return;
    add_text(hash, policy_keys[key].name);
    add_text(hash, value);
}

void identity_of_rule(const struct policy_rule *rule, const struct tls_config *config,
                      uint8_t out[TLS_DIGEST])
{
    struct cg_hash hash;
    cg_hash_init(&hash, CG_SHA256);
    add_text(&hash, policy_kind_name(rule->kind));
    add_text(&hash, rule->name);
    policy_each_setting(rule, add_setting, &hash);
    /* A root's signature stands for all of it, and is a fifth of what there would be to hash. */
    struct x509_bytes text;
    for (size_t i = 0; config->find_trust_arg && later_roots_text(config->find_trust_arg, i, &text);
         i++)
        add(&hash, text.data, text.length);
    for (size_t i = 0; config->trust && i < config->trust->count; i++)
        add(&hash, config->trust->roots[i].signature.data,
            config->trust->roots[i].signature.length);
    for (size_t i = 0; i < config->psk_count; i++) {
        add(&hash, config->psks[i].identity.data, config->psks[i].identity.length);
        add(&hash, config->psks[i].key.data, config->psks[i].key.length);
    }
    for (const struct tls_credential *c = config->credential; rule->kind == POLICY_CLIENT && c;
         c = c->next) /* who we are to the server */
        add(&hash, c->chain[0].data, c->chain[0].length);
    /* New revocation lists spoil old sessions: whoever was let in may have been revoked since. */
    for (size_t i = 0; i < config->crl_count; i++)
        add(&hash, config->crls[i].signature.data, config->crls[i].signature.length);
    uint8_t kind = (uint8_t)rule->settings.trusting.kind;
    add(&hash, &kind, sizeof kind);
    cg_hash_final(&hash, out);
}

static void add_any(void *hash, unsigned key, const char *value)
{
    add_text(hash, policy_keys[key].name);
    add_text(hash, value);
}

uint64_t identity_tag(const struct policy_rule *rule, const struct tls_config *config)
{
    struct cg_hash hash;
    uint8_t digest[TLS_DIGEST];
    uint64_t tag;
    cg_hash_init(&hash, CG_SHA256);
    add_text(&hash, policy_kind_name(rule->kind));
    add_text(&hash, rule->name);
    policy_each_setting(rule, add_any, &hash);
    if (config)
        add(&hash, config->rule, sizeof config->rule);
    cg_hash_final(&hash, digest);
    memcpy(&tag, digest, sizeof tag);
    return tag;
}
