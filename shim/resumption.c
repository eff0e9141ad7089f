#include "resumption.h"

#include <string.h>
#include <sys/mman.h>

#include "../crypto_glue/cg_hash.h"
#include "../tls/tls_cache.h"
#include "../tls/tls_ticket.h"
#include "global.h"

enum {
    SESSIONS = 4096,         /* 10 MiB of address space; pages are used as sessions come */
    TICKET_KEY_PERIOD = 7200 /* seconds that a ticket key seals */
};

static struct tls_cache cache;
static struct tls_ticket_ring *ring;

static bool map_shared(void)
{
    size_t table_size = (tls_cache_table_size(SESSIONS) + 63) & ~(size_t)63;
    char *memory = mmap(NULL, table_size + sizeof(*ring), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return false;
    madvise(memory, table_size + sizeof(*ring), MADV_DONTDUMP);
    cache = tls_cache_of(tls_cache_table_init(memory, SESSIONS));
    ring = (struct tls_ticket_ring *)(memory + table_size);
    tls_ticket_ring_init(ring, TICKET_KEY_PERIOD);
    return true;
}

static void add_bytes(struct cg_hash *h, const void *data, size_t n)
{
    uint64_t length = n;

    cg_hash_update(h, &length, sizeof(length));
    cg_hash_update(h, data, n);
}

static void add_string(struct cg_hash *h, const char *text)
{
    add_bytes(h, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
}

/* What bears on who the peer is and how strong the session must be: not the rule's place in the
 * file, nor anything of this machine, so that an unrelated edit or another machine of a farm does
 * not spoil what was kept. */
static void identify(struct tls_config *config, const struct policy_rule *rule)
{
    const struct tls_credential *own = config->credential;
    struct cg_hash h;
    uint32_t numbers[] = {
        rule->kind,
        config->role,
        config->version_min,
        config->version_max,
        config->minimum_rsa_bits,
        config->minimum_dh_bits,
        config->allow_sha1_certificates,
        config->allow_anonymous,
        config->skip_name_check,
        config->client_certificate,
    };

    cg_hash_init(&h, CG_SHA256);
    add_string(&h, rule->name);
    add_bytes(&h, numbers, sizeof(numbers));
    add_bytes(&h, config->suites, config->suite_count * sizeof(config->suites[0]));
    add_string(&h, rule->settings.verify_name.text);
    for (size_t i = 0; config->trust != NULL && i < config->trust->count; i++)
        add_bytes(&h, config->trust->roots[i].der.data, config->trust->roots[i].der.length);
    if (own != NULL && own->chain_count > 0)
        add_bytes(&h, own->chain[0].data, own->chain[0].length);
    cg_hash_final(&h, config->rule);
}

void resumption_start(void)
{
    const struct policy *policy = &shim_rules.policy;

    if (policy->rule_count == 0 || !map_shared())
        return;
    for (size_t i = 0; i < policy->rule_count; i++) {
        const struct policy_rule *rule = &policy->rules[i];
        /* The loader made it for this process, in memory that can be written. */
        struct tls_config *config = (struct tls_config *)(uintptr_t)shim_rules.configs[rule->index];

        if (config == NULL)
            continue;
        identify(config, rule);
        config->cache = &cache;
        if (config->role == TLS_SERVER)
            config->tickets = ring;
    }
}
