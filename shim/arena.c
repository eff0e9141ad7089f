#include "arena.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../tls/tls.h"
#include "arena_windows.h"
#include "checkers.h"
#include "common_log.h"
#include "common_memory.h"
#include "global.h"
#include "session.h"
#include "watch.h"

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U
#endif

struct pool {
    _Atomic uint64_t free_list; /* tag << 32 | index of the first free piece */
    _Atomic uint32_t fresh;     /* pieces handed out at least once */
    _Atomic uint32_t used;      /* pieces out now */
    uint32_t capacity;
    size_t size, offset; /* bytes of a piece; of the first from the arena's start */
    size_t links;        /* where a word for each piece says which free one comes after it */
};

/* What the file begins with; ARENA_GLOBAL_SIZE bytes and the pools follow. */
struct arena_head {
    char magic[8];
    uint32_t format;
    uint32_t share;  /* of the full capacity: 1 / share */
    uint64_t layout; /* layout_digest() of who made it */
    uint64_t size;
    struct pool pools[ARENA_POOLS];
};

/* How this process sees it. */
struct arena {
    struct arena_head *head;
    size_t size;
    unsigned char *whole;   /* NULL: the head is mapped, and the rest seen through windows */
    int fd;                 /* of another arena, through windows: the file, its opener's */
    struct windows windows; /* last, for its size varies */
};

/* Raised with every change of what the arena's content means. */
enum { ARENA_FORMAT = 2 };
static const char arena_magic[8] = "tlshim\0A";

_Static_assert(ARENA_SLAB_SIZE >= (int)TLS_OUTPUT_SIZE, "a slab holds an output buffer");
_Static_assert(ARENA_SLAB_SIZE >= (int)TLS_RECORD_MAX, "a slab holds a record");
_Static_assert((int)WINDOW_OVERLAP >= (int)TLS_BIG_SIZE, "a window shows every piece whole");
_Static_assert((int)WINDOW_OVERLAP >= (int)ARENA_SLAB_SIZE, "a window shows every piece whole");

static struct arena *own;

/* The own arena's descriptor, to hand it to another program; -1: none. */
_Atomic int arena_number = -1;
static dev_t own_device;
static ino_t own_inode;

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

/* Of the address space that the process may have (ulimit -v, LimitAS=) the library takes no more
 * than this part for the arena: the rest is the program's. */
enum { PART_OF_LIMIT = 16 };

static size_t round_up(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

static size_t head_size(void)
{
    return round_up(sizeof(struct arena_head)) + ARENA_GLOBAL_SIZE;
}

static size_t lay_out(struct pool *pools, uint32_t share)
{
    size_t offset = head_size();

    for (int i = 0; i < ARENA_POOLS; i++) {
        pools[i].capacity = full_capacity[i] / share;
        pools[i].size = (piece_size[i] + 63) & ~(size_t)63;
        pools[i].offset = offset;
        offset += round_up(pools[i].size * pools[i].capacity);
        pools[i].links = offset;
        offset += round_up(sizeof(uint32_t) * pools[i].capacity);
    }
    return offset;
}

/* Another build of the library, or one for another C library, may lay out otherwise what lies in
 * the arena: then it is no arena for it. FNV-1a. */
static uint64_t layout_digest(void)
{
    const size_t facts[] = {
        sizeof(struct arena_head),
        sizeof(struct shim_session),
        offsetof(struct shim_session, rule),
        offsetof(struct shim_session, peer_name),
        sizeof(struct shim_global),
        offsetof(struct shim_global, by_cookie),
        sizeof(struct shim_watch),
        sizeof(struct tls_session),
        tls_handshake_size(),
        sizeof(pthread_mutex_t),
        ARENA_SLAB_SIZE,
        TLS_BIG_SIZE,
        __GLIBC__,
        __GLIBC_MINOR__,
    };
    uint64_t digest = 0xcbf29ce484222325;

    for (size_t i = 0; i < sizeof(facts) / sizeof(*facts); i++)
        digest = (digest ^ facts[i]) * 0x100000001b3;
    return digest;
}

/* ---- its memory and its descriptor ---- */

/* Out of the way of select and of the programs' own numbers, yet not so high that the kernel's
 * table of them, which fork copies, grows for it. */
static int move_up(int fd)
{
    struct rlimit limit = {.rlim_cur = 0};
    long up, from = 1000;

    sys4(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit);
    if ((long)limit.rlim_cur <= from + 1)
        from = (long)limit.rlim_cur > 16 ? (long)limit.rlim_cur - 8 : 3;
    up = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, from);
    sys3(SYS_close, fd, 0, 0);
    return (int)up;
}

/* A file in memory of `size` bytes that holds keys: only its owner can open it again, and it never
 * becomes shorter under somebody's mapping. -1: the kernel gives none (a sandbox). */
static int make_file(size_t size)
{
    const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    long fd = sys3(SYS_memfd_create, ARENA_FILE_NAME, flags | MFD_NOEXEC_SEAL, 0);

    if (fd == -EINVAL)
        fd = sys3(SYS_memfd_create, ARENA_FILE_NAME, flags, 0);
    if (fd < 0)
        return -1;
    if (sys3(SYS_fchmod, fd, 0600, 0) == 0 && sys3(SYS_ftruncate, fd, size, 0) == 0 &&
        sys3(SYS_fcntl, fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == 0)
        return move_up((int)fd);
    sys3(SYS_close, fd, 0, 0);
    return -1;
}

static size_t room(void)
{
    struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

    sys4(SYS_prlimit64, 0, RLIMIT_AS, NULL, &limit);
    return limit.rlim_cur == RLIM_INFINITY ? SIZE_MAX : (size_t)limit.rlim_cur / PART_OF_LIMIT;
}

static size_t view_size(size_t size)
{
    return sizeof(struct arena) + windows_bytes(size);
}

/* All of the file, or its head, the rest to be seen through windows. */
static struct arena *map_file(int fd, size_t size, bool is_whole)
{
    struct arena *a = memory_map(view_size(size), false);

    if (a == NULL)
        return NULL;
    a->size = size;
    a->fd = fd;
    a->head = arena_map(fd, 0, is_whole ? size : head_size());
    if (a->head == NULL) {
        memory_unmap(a, view_size(size), false);
        return NULL;
    }
    if (is_whole)
        a->whole = (unsigned char *)a->head;
    else
        a->windows.size = size;
    return a;
}

static void mark_atomics(struct arena *a)
{
    CHECKER_ATOMIC(a->head->pools);
    for (int i = 0; a->whole != NULL && i < ARENA_POOLS; i++)
        CHECKER_ATOMICS(a->whole + a->head->pools[i].links,
                        sizeof(uint32_t) * a->head->pools[i].capacity);
}

static struct arena *make(uint32_t share, int *fd)
{
    struct pool pools[ARENA_POOLS] = {0};
    size_t size = lay_out(pools, share);
    struct arena *a;

    *fd = make_file(size);
    a = map_file(*fd, size, true);
    if (a == NULL && *fd >= 0)
        sys3(SYS_close, *fd, 0, 0);
    if (a == NULL)
        return NULL;
    memcpy(a->head->magic, arena_magic, sizeof(a->head->magic));
    a->head->format = ARENA_FORMAT;
    a->head->share = share;
    a->head->layout = layout_digest();
    a->head->size = size;
    memcpy(a->head->pools, pools, sizeof(pools));
    mark_atomics(a);
    return a;
}

static void remember(int fd)
{
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0)
        return;
    own_device = status.st_dev;
    own_inode = status.st_ino;
    atomic_store(&arena_number, fd);
}

bool arena_init(void)
{
    struct pool pools[ARENA_POOLS];
    size_t most = room();
    int fd;

    for (uint32_t share = 1; own == NULL && share <= SMALLEST_SHARE; share *= 2) {
        if (share < SMALLEST_SHARE && lay_out(pools, share) > most)
            continue;
        own = make(share, &fd);
        if (own != NULL)
            remember(fd);
    }
    return own != NULL;
}

size_t arena_reserved(void)
{
    if (own == NULL)
        return 0;
    return own->whole != NULL ? own->size : head_size() + windows_mapped(&own->windows);
}

struct arena *arena_make(int *fd)
{
    return make(SMALLEST_SHARE, fd);
}

/* What can be seen before it is mapped: nobody can shorten it, and it belongs to who may rule over
 * this process anyway. */
static bool is_fit(int fd, struct stat *status)
{
    const long wanted = F_SEAL_SHRINK | F_SEAL_GROW;
    long seals = sys3(SYS_fcntl, fd, F_GET_SEALS, 0);

    return seals >= 0 && (seals & wanted) == wanted && fstat(fd, status) == 0 &&
           (status->st_uid == geteuid() || status->st_uid == 0) &&
           status->st_size >= (off_t)head_size();
}

static bool is_ours(const struct arena_head *a, size_t size)
{
    struct pool pools[ARENA_POOLS] = {0};

    if (memcmp(a->magic, arena_magic, sizeof(a->magic)) != 0 || a->format != ARENA_FORMAT ||
        a->layout != layout_digest() || a->size != size || a->share == 0 ||
        a->share > SMALLEST_SHARE || lay_out(pools, a->share) != size)
        return false;
    for (int i = 0; i < ARENA_POOLS; i++)
        if (a->pools[i].capacity != pools[i].capacity || a->pools[i].size != pools[i].size ||
            a->pools[i].offset != pools[i].offset || a->pools[i].links != pools[i].links)
            return false;
    return true;
}

static struct arena *open_file(int fd, bool is_whole)
{
    struct stat status;
    struct arena *a;

    if (!is_fit(fd, &status))
        return NULL;
    a = map_file(fd, (size_t)status.st_size, is_whole);
    if (a != NULL && !is_ours(a->head, (size_t)status.st_size)) {
        arena_close(a);
        return NULL;
    }
    return a;
}

struct arena *arena_open(int fd)
{
    return open_file(fd, false);
}

void arena_close(struct arena *a)
{
    windows_close(&a->windows);
    munmap(a->head, a->whole != NULL ? a->size : head_size());
    memory_unmap(a, view_size(a->size), false);
}

bool arena_adopt(int fd)
{
    struct stat status;

    if (own == NULL && fstat(fd, &status) == 0 && (size_t)status.st_size <= room())
        own = open_file(fd, true);
    if (own == NULL)
        own = open_file(fd, false);
    if (own == NULL)
        return false;
    remember(move_up(fd));
    return true;
}

struct arena *arena_own(void)
{
    return own;
}

bool arena_is(int fd)
{
    struct stat status;

    return atomic_load(&arena_number) >= 0 && fstat(fd, &status) == 0 &&
           status.st_dev == own_device && status.st_ino == own_inode;
}

int arena_descriptor(void)
{
    int fd = atomic_load(&arena_number);

    return fd >= 0 && arena_is(fd) ? fd : -1;
}

bool arena_make_way(int fd)
{
    long moved;

    if (!arena_hides(fd))
        return true;
    moved = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fd + 1);
    if (moved < 0)
        moved = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
    if (moved < 0) {
        errno = EMFILE;
        return false;
    }
    atomic_store(&arena_number, (int)moved);
    return true;
}

/* ---- its pieces ---- */

void *arena_global_of(struct arena *a)
{
    return (unsigned char *)a->head + round_up(sizeof(struct arena_head));
}

void *arena_global(void)
{
    return arena_global_of(own);
}

static void *look_at(struct arena *a, size_t offset)
{
    void *there;

    if (a->whole != NULL)
        return a->whole + offset;
    there = windows_look(&a->windows, -1, offset);
    if (there == NULL)
        there = windows_look(&a->windows, a == own ? arena_descriptor() : a->fd, offset);
    return there;
}

void *arena_piece(struct arena *a, enum arena_pool which, uint32_t index)
{
    const struct pool *pool = &a->head->pools[which];

    if (index == 0 || index > pool->capacity)
        return NULL;
    return look_at(a, pool->offset + (size_t)(index - 1) * pool->size);
}

/* Another process's piece, or one from before the exec, which cannot be mapped: its session can
 * neither be used nor closed, and a process without memory for that ends. */
static void end_without_room(void)
{
    log_line(LOG_LEVEL_ERROR, "no address space for a TLS connection that came along; raise the "
                              "limit (ulimit -v, LimitAS=)");
    for (;;)
        sys3(SYS_exit_group, 125, 0, 0);
}

void *arena_at(enum arena_pool which, uint32_t index)
{
    void *piece = arena_piece(own, which, index);

    if (piece == NULL && index != 0 && index <= own->head->pools[which].capacity)
        end_without_room();
    return piece;
}

/* Not in the piece itself: who takes from the list may look at the link of one that somebody else
 * has taken meanwhile, and writes to. */
static _Atomic uint32_t *link_of(struct arena *a, enum arena_pool which, uint32_t index)
{
    const struct pool *pool = &a->head->pools[which];

    if (index == 0 || index > pool->capacity)
        return NULL;
    return look_at(a, pool->links + (size_t)(index - 1) * sizeof(uint32_t));
}

uint32_t arena_take_from(struct arena *a, enum arena_pool which)
{
    struct pool *pool = &a->head->pools[which];
    uint64_t head = atomic_load_explicit(&pool->free_list, memory_order_acquire);

    while ((uint32_t)head != 0) {
        _Atomic uint32_t *link = link_of(a, which, (uint32_t)head);
        uint64_t wanted;

        if (link == NULL)
            return 0;
        wanted = ((head >> 32) + 1) << 32 | atomic_load_explicit(link, memory_order_relaxed);
        if (atomic_compare_exchange_weak(&pool->free_list, &head, wanted)) {
            atomic_fetch_add(&pool->used, 1);
            CHECKER_TAKES(arena_piece(a, which, (uint32_t)head));
            return (uint32_t)head;
        }
    }
    uint32_t index = atomic_load(&pool->fresh) + 1;

    if (index > pool->capacity || link_of(a, which, index) == NULL)
        return 0;
    index = atomic_fetch_add(&pool->fresh, 1) + 1;
    if (index > pool->capacity || link_of(a, which, index) == NULL)
        return 0;
    atomic_fetch_add(&pool->used, 1);
    return index;
}

uint32_t arena_take(enum arena_pool which)
{
    return arena_take_from(own, which);
}

void arena_give_to(struct arena *a, enum arena_pool which, uint32_t index)
{
    struct pool *pool = &a->head->pools[which];
    _Atomic uint32_t *link = link_of(a, which, index);
    uint64_t head, wanted;

    if (link == NULL)
        return;
    atomic_fetch_sub(&pool->used, 1);
    CHECKER_GIVES(arena_piece(a, which, index));
    head = atomic_load(&pool->free_list);
    do {
        atomic_store_explicit(link, (uint32_t)head, memory_order_relaxed);
        wanted = ((head >> 32) + 1) << 32 | index;
    } while (!atomic_compare_exchange_weak(&pool->free_list, &head, wanted));
}

void arena_give(enum arena_pool which, uint32_t index)
{
    arena_give_to(own, which, index);
}

uint32_t arena_capacity(enum arena_pool which)
{
    return own->head->pools[which].capacity;
}

uint32_t arena_reach_of(const struct arena *a, enum arena_pool which)
{
    uint32_t fresh = atomic_load(&a->head->pools[which].fresh),
             capacity = a->head->pools[which].capacity;

    return fresh < capacity ? fresh : capacity;
}

uint32_t arena_reach(enum arena_pool which)
{
    return arena_reach_of(own, which);
}

uint32_t arena_used(enum arena_pool which)
{
    return atomic_load(&own->head->pools[which].used);
}
