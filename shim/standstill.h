/* An exec ends the other threads of the process wherever they are. One that is inside a session
 * then (between taking a sequence number and handing the bytes to the kernel) would leave it in a
 * state that nobody knows, and the session would fail closed. So the thread that executes lets the
 * others finish, and keeps them from going in again. Threads that wait hold nothing and are left
 * alone. */
#ifndef SHIM_STANDSTILL_H
#define SHIM_STANDSTILL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "session.h"

/* From here to standstill_ends no other thread of this process goes into a session; it waits, for
 * at most STANDSTILL_LIMIT, for a signal handler may jump out of an exec. */
#define STANDSTILL_LIMIT 2000000000LL /* ns */
void standstill_begins(void);
void standstill_ends(void);

/* Waits, within the same limit, until no other thread of this process is inside the session. */
void standstill_reach(const struct shim_session *s);

/* Is this thread to keep out of sessions? Rare, hence in two steps. */
extern _Atomic int standstill_by; /* the thread that executes; 0: none */
bool standstill_is_for_me(void);
static inline bool standstill_is_on(void)
{
    return __builtin_expect(atomic_load(&standstill_by) != 0, 0) && standstill_is_for_me();
}
/* Waits a moment, before it is asked again. */
void standstill_pause(void);

#endif
