#include "fdtable.h"

#include <sys/mman.h>

#include "arena.h"
#include "checkers.h"
#include "sockets.h"

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
    CHECKER_ATOMIC(fdtable);
    CHECKER_ATOMICS(fdtable, sizeof(*fdtable) * FDTABLE_SIZE);
    CHECKER_ATOMICS(counts, sizeof(*counts) * ((size_t)arena_capacity(ARENA_SESSION) + 1));
    CHECKER_ATOMIC(reach);
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

struct shim_ref fdtable_session_of(uint64_t entry)
{
    struct shim_ref ref = ref_of(entry);

    if (ref.session != NULL && !session_is_live(ref))
        ref.session = NULL;
    return ref;
}

struct shim_ref fdtable_session(int fd)
{
    return fdtable_session_of(fdtable_entry(fd));
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

static uint64_t entry_of(struct shim_ref ref)
{
    return FD_TLS | (uint64_t)ref.session->index << 2 | (uint64_t)ref.generation << 32;
}

/* Without a session; never the same word twice. */
static uint64_t fresh_entry(unsigned kind)
{
    static _Atomic uint64_t version;

    return kind | (atomic_fetch_add(&version, 1) + 1) << 2;
}

bool fdtable_set_session(int fd, struct shim_ref ref)
{
    if ((unsigned)fd >= FDTABLE_SIZE)
        return false;
    atomic_fetch_add(&counts[ref.session->index], 1);
    raise_reach(fd);
    CHECKER_GIVES(ref.session);
    uncount(atomic_exchange(&fdtable[fd], entry_of(ref)));
    return true;
}

bool fdtable_settle_session(int fd, uint64_t seen, struct shim_ref ref)
{
    if ((unsigned)fd >= FDTABLE_SIZE || (seen & 3) == FD_CHANGING)
        return false;
    atomic_fetch_add(&counts[ref.session->index], 1);
    raise_reach(fd);
    CHECKER_GIVES(ref.session);
    if (atomic_compare_exchange_strong(&fdtable[fd], &seen, entry_of(ref)))
        return true;
    atomic_fetch_sub(&counts[ref.session->index], 1);
    return false;
}

void fdtable_set_plain(int fd)
{
    if ((unsigned)fd < FDTABLE_SIZE)
        uncount(atomic_exchange(&fdtable[fd], fresh_entry(FD_PLAIN)));
}

bool fdtable_settle_plain(int fd, uint64_t seen)
{
    return (unsigned)fd < FDTABLE_SIZE && (seen & 3) != FD_CHANGING &&
           atomic_compare_exchange_strong(&fdtable[fd], &seen, fresh_entry(FD_PLAIN));
}

static struct shim_ref cleared(uint64_t entry, unsigned *left)
{
    struct shim_ref ref = ref_of(entry);

    *left = uncount(entry);
    if (ref.session != NULL && !session_is_live(ref))
        ref.session = NULL;
    return ref;
}

struct shim_ref fdtable_clear(int fd, unsigned *left)
{
    struct shim_ref none = {0};

    *left = 0;
    if ((unsigned)fd >= FDTABLE_SIZE)
        return none;
    return cleared(atomic_exchange(&fdtable[fd], fresh_entry(FD_UNKNOWN)), left);
}

struct shim_ref fdtable_clear_if(int fd, uint64_t seen, unsigned *left)
{
    struct shim_ref none = {0};

    *left = 0;
    if ((unsigned)fd >= FDTABLE_SIZE ||
        !atomic_compare_exchange_strong(&fdtable[fd], &seen, fresh_entry(FD_UNKNOWN)))
        return none;
    return cleared(seen, left);
}

struct shim_ref fdtable_take(int fd, unsigned *left, uint64_t *taken)
{
    struct shim_ref none = {0};

    *left = 0;
    *taken = fresh_entry(FD_CHANGING);
    if ((unsigned)fd >= FDTABLE_SIZE)
        return none;
    return cleared(atomic_exchange(&fdtable[fd], *taken), left);
}

void fdtable_changed(int fd, uint64_t taken)
{
    if ((unsigned)fd < FDTABLE_SIZE)
        atomic_compare_exchange_strong(&fdtable[fd], &taken, fresh_entry(FD_UNKNOWN));
}

int fdtable_reach(void)
{
    return atomic_load(&reach);
}

unsigned fdtable_count(const struct shim_session *s)
{
    return atomic_load(&counts[s->index]);
}

int fdtable_number(const struct shim_session *s)
{
    if (fdtable_count(s) == 0)
        return -1;
    for (int fd = 0; fd < fdtable_reach(); fd++)
        if (fdtable_session(fd).session == s && socket_is_of(fd, s))
            return fd;
    return -1;
}

static _Atomic int pins;

void fdtable_pin(const struct shim_session *s)
{
    atomic_fetch_add(&pins, 1);
    atomic_fetch_add(&counts[s->index], 1);
}

unsigned fdtable_unpin(const struct shim_session *s)
{
    unsigned left = atomic_fetch_sub(&counts[s->index], 1) - 1u;

    atomic_fetch_sub(&pins, 1);
    return left;
}

void fdtable_in_child(void)
{
    if (fdtable == NULL || atomic_exchange(&pins, 0) == 0)
        return;
    for (uint32_t i = 0; i <= arena_reach(ARENA_SESSION); i++)
        atomic_store(&counts[i], 0);
    for (int fd = 0; fd < fdtable_reach(); fd++)
        if (fdtable_kind(fd) == FD_TLS)
            atomic_fetch_add(&counts[(uint32_t)fdtable_entry(fd) >> 2], 1);
}
