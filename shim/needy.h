/* Sessions of this process that have something to do and nobody who waits for them: a handshake
 * not finished, sealed bytes not sent, on a descriptor that is in no epoll set. Every wait in the
 * library carries them on, so that a program which connects to its own listener in one thread, or
 * waits for one connection after having written to another, does not stand still.
 *
 * A small lock-free set of descriptor numbers; when it is full the rest are carried on only by the
 * program's own calls on them. */
#ifndef SHIM_NEEDY_H
#define SHIM_NEEDY_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

enum { NEEDY_MAX = 256 };

/* False: it is full. */
bool needy_add(int fd);
bool needy_any(void);
/* The earlier of a deadline and the time when a lingering session is given up. */
int64_t needy_deadline(int64_t deadline);
/* Writes poll entries for the needy, leaving out those that are in list[0..count). Returns how
 * many. */
int needy_collect(struct pollfd *out, int room, const struct pollfd *list, int count);
/* Carries on those that poll found ready. */
void needy_attend(const struct pollfd *entries, int count);

#endif
