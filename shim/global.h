/* What there is once per arena, and once per process. */
#ifndef SHIM_GLOBAL_H
#define SHIM_GLOBAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "common_rules.h"
#include "holders.h"
#include "session.h"

enum { SHIM_COOKIE_BITS = 14, SHIM_RULES = POLICY_RULES_MAX };

struct shim_global { /* shared by all processes of the arena */
    pthread_mutex_t registry_lock;
    uint32_t token_magic; /* marks our epoll data; random, so that no program's data looks so */
    uint32_t watch_serial;
    _Atomic uint32_t early_watches; /* chain of watches without a session */
    uint32_t forks;                 /* counts forks: who was there when a session was born */
    uint32_t next_process;          /* ids, never reused */
    uint32_t process_reach;         /* entries of the table that were ever used */
    struct shim_process processes[SHIM_PROCESSES];
    uint32_t reap_at; /* sessions at which those of dead processes are looked for; 0: the least */
    uint32_t rule_count;                       /* rules that ever had a session here */
    uint8_t rules[SHIM_RULES][TLS_DIGEST];     /* by rule number (rule_numbers.h) */
    uint32_t by_cookie[1 << SHIM_COOKIE_BITS]; /* session indices, chained by hash_next */
};
_Static_assert(sizeof(struct shim_global) <= ARENA_GLOBAL_SIZE, "fits its place");

static inline struct shim_global *shim_global(void)
{
    return arena_global();
}

/* A process-shared robust mutex. */
void shim_mutex_init(pthread_mutex_t *mutex);

/* Makes the library usable: resolver, log, policy, arena. Called by the constructor and by the
 * first hook that needs it, for a program's .preinit_array runs before any constructor. Without a
 * usable policy it ends the process with status 125. */
void shim_start(void);
/* The system call `number` makes a process with memory of its own: libc's handlers of fork do not
 * run for it, so what they do for the sessions is done here. The call's result. */
long shim_fork_by_number(long number, const long a[6]);
extern _Atomic int shim_started; /* 2 when ready */

/* The process says goodbye: no new sessions, what they would carry comes too late. */
extern _Atomic int shim_ending;

/* False while the start itself is running (its own calls pass through). */
static inline bool shim_ready(void)
{
    if (__builtin_expect(atomic_load_explicit(&shim_started, memory_order_acquire) == 2, 1))
        return true;
    shim_start();
    return atomic_load_explicit(&shim_started, memory_order_acquire) == 2;
}

/* Nanoseconds of CLOCK_MONOTONIC. */
int64_t shim_now(void);

#endif
