#include "standstill.h"

#include <linux/futex.h>
#include <time.h>

#include "global.h"
#include "real.h"

_Atomic int standstill_by;
static _Atomic int64_t until;

static int this_thread(void)
{
    return (int)sys3(SYS_gettid, 0, 0, 0);
}

void standstill_begins(void)
{
    atomic_store(&until, shim_now() + STANDSTILL_LIMIT);
    atomic_store(&standstill_by, this_thread());
}

void standstill_ends(void)
{
    atomic_store(&standstill_by, 0);
}

bool standstill_is_for_me(void)
{
    int by = atomic_load(&standstill_by);

    return by != 0 && by != this_thread() && shim_now() < atomic_load(&until);
}

void standstill_pause(void)
{
    struct timespec pause = {0, 200000};

    sys3(SYS_nanosleep, &pause, NULL, 0);
}

/* A mutex knows its owner by the thread's id. */
static bool is_held_here(const pthread_mutex_t *mutex)
{
    int owner = __atomic_load_n(&mutex->__data.__lock, __ATOMIC_SEQ_CST) & FUTEX_TID_MASK;

    return owner != 0 && owner != this_thread() &&
           sys3(SYS_tgkill, sys3(SYS_getpid, 0, 0, 0), owner, 0) == 0;
}

void standstill_reach(const struct shim_session *s)
{
    while ((is_held_here(&s->read_lock) || is_held_here(&s->write_lock)) &&
           shim_now() < atomic_load(&until))
        standstill_pause();
}
