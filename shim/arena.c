#include "arena.h"

#include <errno.h>
#include <sys/mman.h>

#include "../tls/tls.h"
#include "session.h"
#include "watch.h"

struct pool {
    _Atomic uint64_t free_list; /* tag << 32 | index of the first free piece */
    _Atomic uint32_t fresh;     /* pieces handed out at least once */
    _Atomic uint32_t used;      /* pieces out now */
    uint32_t capacity;
    size_t size, offset; /* bytes of a piece; of the first from the arena's start */
};

struct arena {
    struct pool pools[ARENA_POOLS];
};

_Static_assert(ARENA_SLAB_SIZE >= (int)TLS_OUTPUT_SIZE, "a slab holds an output buffer");
_Static_assert(ARENA_SLAB_SIZE >= (int)TLS_RECORD_MAX, "a slab holds a record");

static struct arena *arena;
static unsigned char *base;

static const size_t piece_size[ARENA_POOLS] = {
    [ARENA_SESSION] = sizeof(struct shim_session),
    [ARENA_SLAB] = ARENA_SLAB_SIZE,
    [ARENA_BIG] = TLS_BIG_SIZE,
    [ARENA_WATCH] = sizeof(struct shim_watch),
};

/* At full size: as many sessions as a process may usually have descriptors, and slabs for as many
 * to be busy at once. Untouched pages cost nothing. */
static const uint32_t full_capacity[ARENA_POOLS] = {
    [ARENA_SESSION] = 131072,
    [ARENA_SLAB] = 65536,
    [ARENA_BIG] = 1024,
    [ARENA_WATCH] = 262144,
};
enum { SMALLEST_SHARE = 256 }; /* 1/256 of the above is the least that is worth starting with */

static size_t round_up(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

static size_t lay_out(struct pool *pools, uint32_t share)
{
    size_t offset = round_up(sizeof(struct arena)) + ARENA_GLOBAL_SIZE;

    for (int i = 0; i < ARENA_POOLS; i++) {
        pools[i].capacity = full_capacity[i] / share;
        pools[i].size = (piece_size[i] + 63) & ~(size_t)63;
        pools[i].offset = offset;
        offset += round_up(pools[i].size * pools[i].capacity);
    }
    return offset;
}

bool arena_init(void)
{
    struct pool pools[ARENA_POOLS] = {0};

    if (arena != NULL)
        return true;
    for (uint32_t share = 1; share <= SMALLEST_SHARE; share *= 2) {
        size_t size = lay_out(pools, share);
        void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (map == MAP_FAILED)
            continue;
        madvise(map, size, MADV_DONTDUMP);
        base = map;
        arena = map;
        for (int i = 0; i < ARENA_POOLS; i++)
            arena->pools[i] = pools[i];
        return true;
    }
    return false;
}

void *arena_global(void)
{
    return base + round_up(sizeof(struct arena));
}

void *arena_at(enum arena_pool which, uint32_t index)
{
    const struct pool *pool = &arena->pools[which];

    if (index == 0 || index > pool->capacity)
        return NULL;
    return base + pool->offset + (size_t)(index - 1) * pool->size;
}

/* A free piece's first four bytes name the next one. Sessions keep their own link there. */
static _Atomic uint32_t *link_of(enum arena_pool which, uint32_t index)
{
    return arena_at(which, index);
}

uint32_t arena_take(enum arena_pool which)
{
    struct pool *pool = &arena->pools[which];
    uint64_t head = atomic_load_explicit(&pool->free_list, memory_order_acquire);

    while ((uint32_t)head != 0) {
        uint32_t next = atomic_load_explicit(link_of(which, (uint32_t)head), memory_order_relaxed);
        uint64_t wanted = ((head >> 32) + 1) << 32 | next;

        if (atomic_compare_exchange_weak(&pool->free_list, &head, wanted)) {
            atomic_fetch_add(&pool->used, 1);
            return (uint32_t)head;
        }
    }
    if (atomic_load(&pool->fresh) >= pool->capacity)
        return 0;
    uint32_t index = atomic_fetch_add(&pool->fresh, 1) + 1;

    if (index > pool->capacity)
        return 0;
    atomic_fetch_add(&pool->used, 1);
    return index;
}

void arena_give(enum arena_pool which, uint32_t index)
{
    struct pool *pool = &arena->pools[which];
    uint64_t head, wanted;

    if (index == 0)
        return;
    atomic_fetch_sub(&pool->used, 1);
    head = atomic_load(&pool->free_list);
    do {
        atomic_store_explicit(link_of(which, index), (uint32_t)head, memory_order_relaxed);
        wanted = ((head >> 32) + 1) << 32 | index;
    } while (!atomic_compare_exchange_weak(&pool->free_list, &head, wanted));
}

uint32_t arena_capacity(enum arena_pool which)
{
    return arena->pools[which].capacity;
}

uint32_t arena_used(enum arena_pool which)
{
    return atomic_load(&arena->pools[which].used);
}
