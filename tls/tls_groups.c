/* The named groups, and which of them a configuration lets in. */
#include "tls_key_exchange.h"

enum {
    MINIMUM_DH_BITS = 2048, /* Logjam, CVE-2015-4000 */
    SECP256R1 = 23          /* for clients that name no curve (RFC 4492 4) */
};

static const struct tls_group groups[] = {
    // clang-format off
    {.id = 29, .is_curve = true, .curve = CG_X25519, .bits = 128, .name = "x25519", .alias = "X25519"},
    {.id = 23, .is_curve = true, .curve = CG_P256, .bits = 128, .name = "secp256r1", .alias = "P-256"},
    {.id = 24, .is_curve = true, .curve = CG_P384, .bits = 192, .name = "secp384r1", .alias = "P-384"},
    {.id = 25, .is_curve = true, .curve = CG_P521, .bits = 256, .name = "secp521r1", .alias = "P-521"},
    {.id = 256, .dh_group = CG_FFDHE2048, .bits = 112, .name = "ffdhe2048", .alias = "FFDHE2048"},
    {.id = 257, .dh_group = CG_FFDHE3072, .bits = 128, .name = "ffdhe3072", .alias = "FFDHE3072"},
    {.id = 258, .dh_group = CG_FFDHE4096, .bits = 128, .name = "ffdhe4096", .alias = "FFDHE4096"},
    // clang-format on
};

enum { GROUP_COUNT = sizeof groups / sizeof groups[0] };
_Static_assert((int)GROUP_COUNT <= (int)TLS_GROUPS_MAX, "a configuration may name them all");

const struct tls_group *tls_group_at(size_t index)
{
    return index < GROUP_COUNT ? &groups[index] : NULL;
}

const struct tls_group *tls_group_by_id(uint16_t id)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (groups[i].id == id) {
            return &groups[i];
        }
    }
    return NULL;
}

static bool is_spelt(const char *known, const char *name, size_t length)
{
    return strlen(known) == length && memcmp(known, name, length) == 0;
}

const struct tls_group *tls_group_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        if (is_spelt(groups[i].name, name, length) || is_spelt(groups[i].alias, name, length)) {
            return &groups[i];
        }
    }
    return NULL;
}

/* ---- under a configuration ---- */

const struct tls_group *tls_configured_group(const struct tls_config *config, size_t index)
{
    if (config->group_count == 0) {
        return tls_group_at(index);
    }
    return index < config->group_count ? tls_group_by_id(config->groups[index]) : NULL;
}

bool tls_group_is_configured(const struct tls_config *config, const struct tls_group *group)
{
    const struct tls_group *one;

    for (size_t i = 0; (one = tls_configured_group(config, i)) != NULL; i++) {
        if (one == group) {
            return true;
        }
    }
    return false;
}

unsigned tls_minimum_dh_bits(const struct tls_config *config)
{
    return config->minimum_dh_bits != 0 ? config->minimum_dh_bits : (unsigned)MINIMUM_DH_BITS;
}

bool tls_group_is_allowed(const struct tls_config *config, const struct tls_group *group)
{
    return group->is_curve ||
           cg_dh_bits(&cg_dh_groups[group->dh_group]) >= tls_minimum_dh_bits(config);
}

uint16_t tls_default_curve(const struct tls_config *config)
{
    const struct tls_group *group;

    if (tls_group_is_configured(config, tls_group_by_id(SECP256R1))) {
        return SECP256R1;
    }
    for (size_t i = 0; (group = tls_configured_group(config, i)) != NULL; i++) {
        if (group->is_curve) {
            return group->id;
        }
    }
    return TLS_GROUP_NONE_FITS;
}

const struct cg_dh_group *tls_default_dh_group(const struct tls_config *config)
{
    const struct tls_group *group;

    if (config->dh_group != NULL) {
        return config->dh_group;
    }
    for (size_t i = 0; (group = tls_configured_group(config, i)) != NULL; i++) {
        if (!group->is_curve && tls_group_is_allowed(config, group)) {
            return &cg_dh_groups[group->dh_group];
        }
    }
    return NULL;
}
