#include "resumption.h"

#include <sys/mman.h>

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

void resumption_start(void)
{
    const struct policy *policy = &shim_rules.policy;

    if (policy->rule_count == 0 || !map_shared())
        return;
    for (size_t i = 0; i < policy->rule_count; i++) {
        /* The loader made it for this process, in memory that can be written. */
        struct tls_config *config = (struct tls_config *)(uintptr_t)shim_rules.configs[i];

        if (config == NULL)
            continue;
        config->cache = &cache;
        if (config->role == TLS_SERVER)
            config->tickets = ring;
    }
}
