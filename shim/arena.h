/* The shared arena: sessions, their buffers, and who holds what. One anonymous shared mapping made
 * by the constructor, so that a forked child sees the same sessions at the same place, and nothing
 * moves at fork.
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

/* Maps the arena, halving its size where the address space is limited. False with errno set when
 * not even the smallest fits. Idempotent. */
bool arena_init(void);

/* A piece of the pool, with whatever content it had; 0 when the pool is used up. */
uint32_t arena_take(enum arena_pool pool);
void arena_give(enum arena_pool pool, uint32_t index);
void *arena_at(enum arena_pool pool, uint32_t index); /* NULL for 0 */
uint32_t arena_capacity(enum arena_pool pool);        /* highest index there can be */
uint32_t arena_used(enum arena_pool pool);            /* pieces that are out */

/* Room at the arena's start for the few things that are one per arena; zero at first. */
enum { ARENA_GLOBAL_SIZE = 262144 };
void *arena_global(void);

#endif
