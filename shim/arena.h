/* The shared arena: sessions, their buffers, and who holds what. One file in memory, made by the
 * constructor and mapped shared, so that a forked child sees the same sessions at the same place
 * and nothing moves at fork, and so that a program that this one execs can map it too: wherever it
 * lies there, for nothing in it is an address.
 *
 * The file's descriptor is close-on-exec, out of the way of the program's own numbers, and hidden
 * from what the program does to numbers (arena_hides). It is never read or written.
 *
 * Free lists are lock-free with a tag against ABA, so a process that is killed in the middle can
 * leak a piece and never corrupt a list. Slabs are numbered from 1; 0 is "none". */
#ifndef SHIM_ARENA_H
#define SHIM_ARENA_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum arena_pool {
    ARENA_SESSION, /* struct shim_session */
    ARENA_SLAB,    /* ARENA_SLAB_SIZE bytes: records, plaintext, a handshake */
    ARENA_BIG,     /* a handshake message over 16 KiB */
    ARENA_WATCH,   /* struct shim_watch: one descriptor in one epoll set */
    ARENA_POOLS
};

enum { ARENA_SLAB_SIZE = 24576 };
#define ARENA_FILE_NAME "tlshim-arena"

struct arena;

/* Makes this process's arena; where the address space is limited, of a sixteenth of it, for the
 * rest is the program's. Without a descriptor where the kernel gives no file in memory. False with
 * errno set when not even the smallest fits. Idempotent. */
bool arena_init(void);
/* Makes the arena behind an inherited descriptor this process's own; where the address space is
 * limited, it is mapped in windows as far as it is used. False: it is none, of another build, or of
 * another user; nothing is changed. */
bool arena_adopt(int fd);
struct arena *arena_own(void);
/* Bytes of address space that it takes; 0: there is none. */
size_t arena_reserved(void);

/* The own arena's descriptor; -1: there is none, or something else lies at its number by now. */
int arena_descriptor(void);
/* Is fd, whatever its number, the own arena's file? */
bool arena_is(int fd);
/* Does the program's use of this number mean a descriptor that it must not know? */
extern _Atomic int arena_number;
static inline bool arena_hides(int fd)
{
    return fd >= 0 && atomic_load_explicit(&arena_number, memory_order_relaxed) == fd;
}
/* The program wants this number for a file of its own: the descriptor moves. False with errno: it
 * cannot. */
bool arena_make_way(int fd);

/* Another arena: the smallest that there is, empty (*fd: its descriptor, -1: none), and one that a
 * descriptor stands for, which stays open until arena_close: what is looked at is mapped then.
 * NULL: no memory; no arena of this build and of a user to be trusted. */
struct arena *arena_make(int *fd);
struct arena *arena_open(int fd);
void arena_close(struct arena *a);

/* A piece of the pool, with whatever content it had; 0 when the pool is used up. */
uint32_t arena_take(enum arena_pool pool);
void arena_give(enum arena_pool pool, uint32_t index);
/* NULL for 0. Whoever has taken a piece can look at it; a process that has no room for one that
 * another has taken ends. */
void *arena_at(enum arena_pool pool, uint32_t index);
uint32_t arena_capacity(enum arena_pool pool); /* highest index there can be */
uint32_t arena_used(enum arena_pool pool);     /* pieces that are out */
uint32_t arena_reach(enum arena_pool pool);    /* highest index that was ever out */
/* The same in any arena; a piece that another process took is NULL when there is no room for it,
 * and stays where it is once it has been looked at. */
uint32_t arena_take_from(struct arena *a, enum arena_pool pool);
void arena_give_to(struct arena *a, enum arena_pool pool, uint32_t index);
void *arena_piece(struct arena *a, enum arena_pool pool, uint32_t index);
uint32_t arena_reach_of(const struct arena *a, enum arena_pool pool);

/* Room at the arena's start for the few things that are one per arena; zero at first. */
enum { ARENA_GLOBAL_SIZE = 262144 };
void *arena_global(void);
void *arena_global_of(struct arena *a);

#endif
