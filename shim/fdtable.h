/* What each descriptor number of this process stands for.
 *
 * A flat array, one word per number: unknown, plain or a session. "Unknown" is the start of every
 * number; it is found out at first use (classify.c). A session's entry is believed only while the
 * socket's cookie agrees, for a number can be closed and reused without passing through here. */
#ifndef SHIM_FDTABLE_H
#define SHIM_FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "session.h"

enum {
    FD_UNKNOWN,
    FD_PLAIN,
    FD_TLS,
    FD_CHANGING /* it is being closed, or dup2 puts another file there: looked at each time, nothing
                 * is noted */
};
enum { FDTABLE_SIZE = 1 << 20 /* numbers; Linux's usual ceiling for RLIMIT_NOFILE */ };

/* kind | session index << 2 | generation << 32; for the other kinds, kind | version << 2, where the
 * version is new with every change: what was found out about a number is noted only if the entry is
 * still the one that was there before the looking. */
extern _Atomic uint64_t *fdtable;

bool fdtable_init(void);

/* The entry as it is; unknown for numbers beyond the table. */
static inline uint64_t fdtable_entry(int fd)
{
    if ((unsigned)fd >= FDTABLE_SIZE)
        return FD_UNKNOWN;
    return atomic_load_explicit(&fdtable[fd], memory_order_acquire);
}

static inline unsigned fdtable_kind(int fd)
{
    return (unsigned)(fdtable_entry(fd) & 3);
}

/* Is there anything noted about the number? */
static inline bool fdtable_kind_is_known(int fd)
{
    return fdtable != NULL && fdtable_kind(fd) != FD_UNKNOWN;
}

/* The session that the entry names; NULL when it names none or the session is gone. */
struct shim_ref fdtable_session(int fd);
struct shim_ref fdtable_session_of(uint64_t entry);

/* Sets an entry. Entries of a session are counted: fdtable_count says how many numbers of this
 * process name it. False: the number is beyond the table. */
bool fdtable_set_session(int fd, struct shim_ref ref);
void fdtable_set_plain(int fd);

/* After a look that began when the entry was `seen`: false when it has changed meanwhile, or is
 * changing. */
bool fdtable_settle_session(int fd, uint64_t seen, struct shim_ref ref);
bool fdtable_settle_plain(int fd, uint64_t seen);
/* Back to unknown. Returns the session that the entry named, if any, and in *left how many entries
 * of this process still name it. */
struct shim_ref fdtable_clear(int fd, unsigned *left);
/* The same if the entry is still `seen`; else the result names no session. */
struct shim_ref fdtable_clear_if(int fd, uint64_t seen, unsigned *left);
/* As fdtable_clear, but the entry is FD_CHANGING from here until fdtable_changed, or until another
 * thread has got the number for a new file. */
struct shim_ref fdtable_take(int fd, unsigned *left, uint64_t *taken);
void fdtable_changed(int fd, uint64_t taken);
/* Counts a session once more without a number, and once less; unpin says how many are left. */
void fdtable_pin(const struct shim_session *s);
unsigned fdtable_unpin(const struct shim_session *s);
/* The threads that had pins are not in a forked child, and nobody would take their pins back there:
 * the last number would not look like the last, and close_notify would not be sent. */
void fdtable_in_child(void);
/* How many numbers of this process name the session. */
unsigned fdtable_count(const struct shim_session *s);
/* The lowest number of this process that names the session and is still its socket; -1: none. */
int fdtable_number(const struct shim_session *s);
/* One above the highest number that ever named a session. */
int fdtable_reach(void);

/* ---- classify.c: what a descriptor is, asking the policy when nobody knows ---- */

enum fd_verdict {
    FD_IS_PLAIN,      /* pass the call through */
    FD_IS_TLS,        /* *ref is the session */
    FD_IS_DENIED,     /* the policy forbids it, or there is doubt: errno is set */
    FD_IS_UNCONNECTED /* a TCP socket before connect: no data may pass, for the kernel would keep
                       * a write until a connect in another thread is done, and then send it */
};
enum fd_verdict fd_look(int fd, struct shim_ref *ref);

/* The inline part of it, for the common case. */
static inline enum fd_verdict fd_verdict(int fd, struct shim_ref *ref)
{
    if (__builtin_expect(fdtable != NULL, 1) && fdtable_kind(fd) == FD_PLAIN)
        return FD_IS_PLAIN;
    return fd_look(fd, ref);
}

#endif
