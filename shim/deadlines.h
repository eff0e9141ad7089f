/* When handshakes of this process must be over: in the order in which they end, so that the next
 * one due is at the front. There is no timer: every wait looks here first and is shortened to it.
 */
#ifndef SHIM_DEADLINES_H
#define SHIM_DEADLINES_H

#include <stdint.h>

/* CLOCK_MONOTONIC nanoseconds. Between shim_enter and shim_leave. */
void deadlines_add(int fd, int64_t deadline);
/* Ends the handshakes whose time is over; returns the next deadline, INT64_MAX when none. Not
 * while a session's lock is held. */
int64_t deadlines_next(void);

/* Held across fork. */
void deadlines_lock(void);
void deadlines_unlock(void);

#endif
