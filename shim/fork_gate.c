#include "fork_gate.h"

#include <pthread.h>

static pthread_rwlock_t gate = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

void fork_gate_enter(struct shim_guard *guard)
{
    shim_enter(guard);
    pthread_rwlock_rdlock(&gate);
}

void fork_gate_leave(const struct shim_guard *guard)
{
    pthread_rwlock_unlock(&gate);
    shim_leave(guard);
}

void fork_gate_shut(void)
{
    pthread_rwlock_wrlock(&gate);
}

/* The lock knows its owner by a thread id that the child's thread does not have. */
void fork_gate_open(bool in_child)
{
    static const pthread_rwlock_t fresh = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

    if (in_child)
        gate = fresh;
    else
        pthread_rwlock_unlock(&gate);
}
