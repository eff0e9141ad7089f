#include "fdtable.h"

#include <sys/mman.h>

#include "arena.h"
#include "real.h"

_Atomic uint64_t *fdtable;

/* By session index: how many numbers of this process name it. Private memory, so that fork gives
 * the child a count of its own. */
static _Atomic uint16_t *counts;
static _Atomic int reach;

static void *map_private(size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return map == MAP_FAILED ? NULL : map;
}

bool fdtable_init(void)
{
    if (fdtable != NULL)
        return true;
    counts = map_private(sizeof(*counts) * ((size_t)arena_capacity(ARENA_SESSION) + 1));
    fdtable = map_private(sizeof(*fdtable) * FDTABLE_SIZE);
    return counts != NULL && fdtable != NULL;
}

static struct shim_ref ref_of(uint64_t entry)
{
    struct shim_ref ref = {0};

    if ((entry & 3) == FD_TLS) {
        ref.session = arena_at(ARENA_SESSION, (uint32_t)entry >> 2);
        ref.generation = (uint32_t)(entry >> 32);
    }
    return ref;
}

struct shim_ref fdtable_session(int fd)
{
    struct shim_ref ref = {0};

    if ((unsigned)fd < FDTABLE_SIZE)
        ref = ref_of(atomic_load_explicit(&fdtable[fd], memory_order_acquire));
    if (ref.session != NULL && !session_is_live(ref))
        ref.session = NULL;
    return ref;
}

static unsigned uncount(uint64_t entry)
{
    if ((entry & 3) != FD_TLS)
        return 0;
    return atomic_fetch_sub(&counts[(uint32_t)entry >> 2], 1) - 1u;
}

static void raise_reach(int fd)
{
    int now = atomic_load(&reach);

    while (now <= fd && !atomic_compare_exchange_weak(&reach, &now, fd + 1))
        ;
}

bool fdtable_set_session(int fd, struct shim_ref ref)
{
    uint64_t entry = FD_TLS | (uint64_t)ref.session->index << 2 | (uint64_t)ref.generation << 32;

    if ((unsigned)fd >= FDTABLE_SIZE)
        return false;
    atomic_fetch_add(&counts[ref.session->index], 1);
    raise_reach(fd);
    uncount(atomic_exchange(&fdtable[fd], entry));
    return true;
}

void fdtable_set_plain(int fd)
{
    if ((unsigned)fd < FDTABLE_SIZE)
        uncount(atomic_exchange(&fdtable[fd], FD_PLAIN));
}

struct shim_ref fdtable_clear(int fd, unsigned *left)
{
    struct shim_ref ref = {0};
    uint64_t entry;

    *left = 0;
    if ((unsigned)fd >= FDTABLE_SIZE)
        return ref;
    entry = atomic_exchange(&fdtable[fd], FD_UNKNOWN);
    *left = uncount(entry);
    ref = ref_of(entry);
    if (ref.session != NULL && !session_is_live(ref))
        ref.session = NULL;
    return ref;
}

int fdtable_reach(void)
{
    return atomic_load(&reach);
}

uint64_t fd_cookie(int fd)
{
    uint64_t cookie = 0;
    socklen_t length = sizeof(cookie);

    if (sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0)
        return 0;
    return cookie;
}
