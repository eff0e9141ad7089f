/* vfork. Its child would share the parent's memory and close the parent's sessions in the parent's
 * table, so it is a forked one, with memory of its own; the parent is suspended all the same until
 * the child has executed or ended, on which programs rely (their order of events, and what they say
 * to the child by descriptors). What the child writes to variables does not reach the parent.
 *
 * How the parent learns of it: the child holds a robust mutex, which the kernel passes on at an
 * exec as at an exit. A pipe would do too, but programs count and close descriptors. */
#include <sys/wait.h>
#include <time.h>

#include "arena.h"
#include "global.h"
#include "real.h"

struct suspension { /* in a slab of the arena */
    pthread_mutex_t held_by_child;
    _Atomic int is_held;
};

static struct suspension *prepare(uint32_t *slab)
{
    struct suspension *s;

    *slab = shim_ready() ? arena_take(ARENA_SLAB) : 0;
    s = *slab != 0 ? arena_at(ARENA_SLAB, *slab) : NULL;
    if (s == NULL)
        return NULL;
    shim_mutex_init(&s->held_by_child);
    atomic_store(&s->is_held, 0);
    return s;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {.si_pid = 0};

    /* Not libc's, in which a thread can be cancelled. */
    return sys5(SYS_waitid, P_PID, pid, &info, WEXITED | WNOHANG | WNOWAIT, NULL) != 0 ||
           info.si_pid == pid;
}

static void wait_for_child(struct suspension *s, pid_t pid)
{
    const struct timespec moment = {0, 20000};

    while (!atomic_load(&s->is_held) && !has_ended(pid))
        sys3(SYS_nanosleep, &moment, NULL, 0);
    if (pthread_mutex_lock(&s->held_by_child) == EOWNERDEAD)
        pthread_mutex_consistent(&s->held_by_child);
    pthread_mutex_unlock(&s->held_by_child);
    pthread_mutex_destroy(&s->held_by_child);
}

HOOK pid_t vfork(void)
{
    struct shim_guard guard;
    struct suspension *s;
    uint32_t slab;
    pid_t pid;

    shim_enter(&guard);
    s = prepare(&slab);
    pid = fork();
    if (pid < 0)
        guard.saved_errno = errno;
    if (s != NULL && pid == 0) {
        pthread_mutex_lock(&s->held_by_child);
        atomic_store(&s->is_held, 1);
    } else if (s != NULL) {
        if (pid > 0)
            wait_for_child(s, pid);
        arena_give(ARENA_SLAB, slab);
    }
    shim_leave(&guard);
    return pid;
}
