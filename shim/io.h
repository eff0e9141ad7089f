/* Moving bytes between a TLS descriptor's socket and the program: the only place that calls the
 * kernel for a TLS descriptor's data.
 *
 * Two layers. The first never waits and runs under locks (io_drive, io_flush, io_fill ...); the
 * second is what the hooks call, waits where the program's descriptor is a blocking one, and holds
 * no lock while it does. */
#ifndef SHIM_IO_H
#define SHIM_IO_H

#include "real.h"
#include "session.h"

enum io_state {
    IO_DONE,
    IO_CONNECTING, /* TCP is not up: wait for POLLOUT */
    IO_READ,       /* wait for POLLIN */
    IO_WRITE,      /* wait for POLLOUT */
    IO_END,        /* end of stream: close_notify was received */
    IO_ERROR,      /* errno in the out parameter, or given once by session_error */
    IO_GONE        /* the session is no longer there: EBADF */
};

/* A caller's iovec list on its way to be filled or emptied. */
struct io_vector {
    const struct iovec *at;
    int count;
    size_t offset; /* into at[0] */
    size_t left;   /* bytes in all */
};
/* False with errno: EINVAL when the lengths overflow ssize_t, EFAULT when the list is not there. */
bool io_vector_init(struct io_vector *v, const struct iovec *iov, int count);

/* ---- under locks; never wait ---- */

/* Takes the handshake as far as it goes. Both locks. IO_DONE: the session is open. */
enum io_state io_drive(struct shim_session *s, int fd);
/* Sends what waits: sealed bytes first, then the plaintext queued before Finished. Write lock.
 * IO_DONE, IO_WRITE or IO_ERROR (*error). */
enum io_state io_flush(struct shim_session *s, int fd, int *error);
/* Makes plaintext available in user memory if there is any: `want` bytes if so many are there and
 * fit. The kernel is left readable unless the caller, under the same lock, takes all of it, which
 * it promises up to `takes` bytes. Read lock, session open. IO_DONE, IO_READ, IO_END, IO_ERROR. */
enum io_state io_fill(struct shim_session *s, int fd, size_t want, size_t takes);
/* After IO_READ, when nobody will wait in this call: lets the kernel wake only for the rest of the
 * partial record that is there. Read lock. */
void io_await_rest(struct shim_session *s, int fd);
/* Takes a partial record out of the kernel, so that waiting for the rest means waiting for new
 * bytes. Read lock (both in a handshake). */
void io_take_partial(struct shim_session *s, int fd);
/* Ends the session with this errno for the program: alert sent, logged, socket shut down so that
 * every waiter wakes. `held` says which locks the caller has. */
enum io_held { IO_HOLDS_READ, IO_HOLDS_WRITE, IO_HOLDS_BOTH };
void io_fail(struct shim_session *s, int fd, int error, enum io_held held);
/* Would a read return at once (data, end or error)? Read lock, session open. */
bool io_is_readable(struct shim_session *s, int fd);
/* The program's SO_RCVLOWAT, in plaintext: what the kernel makes of the value. Where what is there
 * reaches the new mark, the kernel wakes and fires edges, as for a plain socket. Read lock. 0 or an
 * errno. */
int io_set_low_water(struct shim_session *s, int fd, const void *value, socklen_t length);
/* Have both sides said close_notify, or has the program shut both halves? Whoever said the last of
 * it may have met a kernel that answers with a reset: an error that plain TCP would not have, and
 * not the program's. Takes the read lock. */
bool io_was_orderly(int fd, struct shim_ref ref);
/* Bytes of plaintext left over in user memory. */
static inline size_t io_leftover(const struct shim_session *s)
{
    return s->plain_end - s->plain_start;
}
/* The errno to report, once: 0 when none waits. */
static inline int io_error_once(struct shim_session *s)
{
    return atomic_exchange(&s->error, 0);
}
/* A call that has something else to return gives the errno back, for the next one to tell. */
static inline void io_error_back(struct shim_session *s, int error)
{
    int none = 0;

    if (atomic_load(&s->stage) == SHIM_FAILED)
        atomic_compare_exchange_strong(&s->error, &none, error);
}
/* The handshake's failure or the socket's own error, once: what SO_ERROR tells. */
int io_pending_error(int fd, struct shim_ref ref);
int io_errno_of(enum tls_error error);

/* ---- the hooks' calls; take and release locks, wait when the descriptor blocks ---- */

/* recv and kin: flags are MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL, MSG_TRUNC. Result as recv's. */
ssize_t io_receive(int fd, struct shim_ref ref, const struct iovec *iov, int count, int flags);
/* send and kin: flags are MSG_DONTWAIT, MSG_NOSIGNAL; others mean nothing here. */
ssize_t io_send(int fd, struct shim_ref ref, const struct iovec *iov, int count, int flags);
/* In stage CONNECTING: 0 while TCP is on its way, else the errno of a failed connect, told once;
 * EPIPE after that. */
int io_connect_error(int fd);
/* EPIPE, and SIGPIPE to the calling thread unless flags has MSG_NOSIGNAL. */
void io_broken_pipe(int flags);
/* One attempt to get on with whatever the session has to do: handshake, sealed bytes. */
enum io_state io_attend(int fd, struct shim_ref ref);
/* Waits for the handshake: at most `limit` nanoseconds (negative: its own deadline).
 * IO_DONE, IO_ERROR (errno set), or what it still waits for when the limit is over. */
enum io_state io_handshake_wait(int fd, struct shim_ref ref, int64_t limit);
/* close_notify and a bounded flush, when this was the last holder. A non-blocking descriptor is not
 * waited for: the session lingers. */
void io_goodbye(int fd, struct shim_ref ref);
/* A session that its program has closed and that sends the rest through fd, a number of ours: true
 * when that is done or given up; fd is closed then. Not while a lock is held. */
bool io_linger_is_over(int fd, struct shim_ref ref);
int io_shutdown(int fd, struct shim_ref ref, int how);

/* Does the descriptor wait (O_NONBLOCK unset)? */
bool io_blocks(int fd);

/* Nanoseconds: how long close and exit may take for what the program had written. */
#define IO_GOODBYE_LIMIT (5 * 1000000000LL)

#endif
