/* Waiting: in the kernel, with no lock held, so that time-outs, signals and cancellation are the
 * kernel's and libc's own. */
#ifndef SHIM_WAIT_H
#define SHIM_WAIT_H

#include "io.h"

/* How long a call has waited, over several waits. Zero at first. */
struct wait_clock {
    int64_t began;   /* CLOCK_MONOTONIC ns; 0: not begun */
    int64_t timeout; /* SO_RCVTIMEO or SO_SNDTIMEO in ns; 0: none */
    unsigned rounds; /* waits so far */
    bool sliced;     /* for a handshake: no wait lasts long */
    bool partial;    /* the call has something to return: a signal ends it, SA_RESTART or not */
};

/* The first time: notes when the waiting began, and the socket's time-out (option is SO_RCVTIMEO or
 * SO_SNDTIMEO). */
void wait_begin(struct wait_clock *clock, int fd, int option);

/* Wait until the socket has new bytes (or an end, or an error). False with errno: EINTR, EAGAIN
 * (SO_RCVTIMEO), EBADF. */
bool wait_readable(int fd, struct shim_ref ref, struct wait_clock *clock);
/* The same for a descriptor that has no session: a listener, a pipe. */
bool wait_on_plain(int fd, struct wait_clock *clock);
bool wait_writable(int fd, struct shim_ref ref, struct wait_clock *clock);

/* Carries the handshake on; waits for it when `blocks`. IO_DONE: open. IO_ERROR: failed, the errno
 * waits in the session. IO_END: the connect failed, and that has been told. Otherwise it is not
 * over and errno is set (EAGAIN, EINTR, ENOTCONN). */
enum io_state wait_for_handshake(int fd, struct shim_ref ref, bool blocks,
                                 struct wait_clock *clock);

/* Is it a time as the kernel takes it? EINVAL otherwise. */
static inline bool wait_is_time(const struct timespec *t)
{
    return t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < 1000000000;
}

/* The CLOCK_MONOTONIC time at which a time-out that begins now is over; INT64_MAX for NULL and for
 * more than there is. */
int64_t wait_end(const struct timespec *timeout);

/* The earlier of a deadline and the end of this session's handshake, if it is in one. (Its place
 * among the deadlines is lost when the descriptor is moved to another number.) */
int64_t wait_handshake_end(const struct shim_session *s, int64_t deadline);

/* While a handshake is waited for, no single wait lasts long (10 ms, later 160), for another thread
 * or process may end it without anything that this one's wait would see. */
int64_t wait_slice(int64_t deadline, unsigned rounds);

/* What is left until a CLOCK_MONOTONIC time, as poll wants it; NULL for INT64_MAX (for ever). */
struct timespec *wait_until(int64_t deadline, struct timespec *limit);

/* At the end of a masked wait: the kernel may not have looked for signals in it, where something
 * was swallowed or the time was over early. 0, or -1 with EINTR. mask: NULL for none. */
int wait_for_signals_only(const sigset_t *mask);

/* After EINTR: would the kernel have restarted the call? It would if the handler was installed
 * with SA_RESTART; which handler ran is not known, so this is true when every handler is. */
bool wait_restarts(void);

#endif
