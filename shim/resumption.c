#include "resumption.h"

#include <sys/mman.h>

#include "../tls/tls_cache.h"
#include "../tls/tls_ticket.h"

enum { TICKET_KEY_PERIOD = 7200 /* seconds that a ticket key seals */ };

static struct tls_cache cache;
static struct tls_ticket_ring *ring;

/* As many as both limits allow. The table's size is linear but for its head and its last set. */
static size_t sessions_within(const struct policy_process *limits)
{
    size_t each = (tls_cache_table_size(1 << 10) - tls_cache_table_size(0)) >> 10;
    size_t fit = (size_t)limits->cache_bytes / each;

    while (fit > 0 && tls_cache_table_size(fit) > limits->cache_bytes)
        fit--;
    return fit < limits->cache_entries ? fit : limits->cache_entries;
}

static void map_shared(size_t sessions)
{
    size_t table_size = (tls_cache_table_size(sessions) + 63) & ~(size_t)63;
    char *memory = mmap(NULL, table_size + sizeof(*ring), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return;
    madvise(memory, table_size + sizeof(*ring), MADV_DONTDUMP);
    if (sessions > 0)
        cache = tls_cache_of(tls_cache_table_init(memory, sessions));
    ring = (struct tls_ticket_ring *)(memory + table_size);
    tls_ticket_ring_init(ring, TICKET_KEY_PERIOD);
}

void resumption_start(const struct policy_process *limits)
{
    map_shared(sessions_within(limits));
}

void resumption_equip(struct rules *rules)
{
    const struct policy *policy = &rules->policy;

    for (size_t i = 0; i < policy->rule_count; i++) {
        /* The loader made it for this process, in memory that can be written. */
        struct tls_config *config = (struct tls_config *)(uintptr_t)rules->configs[i];

        if (config == NULL)
            continue;
        /* A resumed session knows only the digest of the client's certificate. */
        if (policy->rules[i].settings.cache_age == 0 ||
            (config->role == TLS_SERVER && policy->rules[i].settings.trusting.client_environment)) {
            config->tickets = NULL;
            config->no_tickets = true;
            continue;
        }
        config->cache = cache.arg != NULL ? &cache : NULL;
        if (config->role == TLS_SERVER && !config->no_tickets && config->tickets == NULL)
            config->tickets = ring;
    }
}
