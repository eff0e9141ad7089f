/* Nobody forks while an entry of the descriptor table and the list of a session's holders are
 * brought in line, and the other way round: a child that had the one without the other would be
 * taken for a holder that never gives up, or for none, and close_notify would be sent by nobody or
 * too early. */
#ifndef SHIM_FORK_GATE_H
#define SHIM_FORK_GATE_H

#include "session.h"

/* Any number may be inside, with their signals blocked. Not nested, and not for waiting. */
void fork_gate_enter(struct shim_guard *guard);
void fork_gate_leave(const struct shim_guard *guard);

/* Around fork, in the forking thread, with its signals blocked. */
void fork_gate_shut(void);
void fork_gate_open(bool in_child);

#endif
