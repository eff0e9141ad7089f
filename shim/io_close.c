/* The end: half close, close_notify, and the last bytes. */
#include "io_internal.h"

#include <fcntl.h>

#include "arena.h"
#include "connections.h"
#include "fdtable.h"
#include "global.h"
#include "holders.h"
#include "needy.h"
#include "poll_anyway.h"
#include "sockets.h"

/* Everything that the program wrote is with the kernel, or the session is broken. */
static bool all_sent(const struct shim_session *s)
{
    return (s->queue_length == 0 && atomic_load(&s->tail) == 0) ||
           atomic_load(&s->stage) == SHIM_FAILED;
}

static bool in_handshake(const struct shim_session *s)
{
    return atomic_load(&s->stage) == SHIM_HANDSHAKE;
}

/* Nothing left to do for the program, not even a handshake behind which nothing waits. */
static bool all_done(const struct shim_session *s)
{
    return all_sent(s) && !in_handshake(s);
}

/* Waits until the session is as `enough` says, at most until `end`. Both locks are held on entry
 * and, unless it returns false (the session is gone), on exit, but not while waiting; the program's
 * signals are let in then. */
static bool finish(struct shim_session *s, int fd, struct shim_ref ref, int64_t end,
                   bool (*enough)(const struct shim_session *), const struct shim_guard *guard)
{
    while (!enough(s)) {
        int error = 0;
        enum io_state state = io_drive(s, fd);

        if (state == IO_DONE)
            state = io_flush(s, fd, &error);
        int64_t left = end - shim_now();
        struct pollfd entry = {.fd = fd, .events = state == IO_READ ? POLLIN : POLLOUT};
        struct timespec limit = {left / 1000000000, left % 1000000000};

        if (state == IO_ERROR || enough(s) || left <= 0)
            break;
        session_unlock_both(s);
        sys_poll_anyway(&entry, 1, &limit, &guard->signals);
        if (!session_lock_both(ref))
            return false;
    }
    return true;
}

/* ---- lingering: close returns at once where it can, and what was written, or the handshake behind
 * which close_notify tells the peer of an orderly end, still goes out, through a number of ours
 * that other waits carry on ---- */

enum { LINGER_NUMBERS = 900 /* from here up, out of the way of select and of people's counting */ };

static bool linger(struct shim_session *s, int fd, struct shim_ref ref)
{
    int64_t end = shim_now() + IO_GOODBYE_LIMIT;
    long copy;

    if (s->lingering || atomic_load(&shim_ending))
        return false;
    copy = sys3(SYS_fcntl, fd, F_DUPFD_CLOEXEC, LINGER_NUMBERS);
    if (copy < 0)
        return false;
    /* What was written may wait for as long as the handshake may take. */
    if (!in_handshake(s) || (all_sent(s) && end < s->deadline))
        s->deadline = end;
    if (s->shut == 0)
        s->shut = SHIM_SHUT;
    s->lingering = 1;
    holders_add(s);
    fdtable_set_session((int)copy, ref);
    if (!needy_add((int)copy)) {
        unsigned left;

        fdtable_clear((int)copy, &left);
        holders_drop(s);
        s->lingering = 0;
        sys3(SYS_close, copy, 0, 0);
        return false;
    }
    return true;
}

/* Is there something left to do that close need not wait for? A handshake behind which nothing
 * waits to be sent; anything, when the program does not wait. */
static bool should_linger(const struct shim_session *s, int fd)
{
    return all_sent(s) ? in_handshake(s) : !io_blocks(fd);
}

/* A close that waits: this very thread may be the one that is to accept the connection. At exit
 * only a forked child may still do so. */
#define OWN_LISTENER_PATIENCE 500000000LL
#define ENDING_PATIENCE       2500000000LL

static int64_t close_patience(const struct shim_session *s, int fd)
{
    if (!in_handshake(s) || !shim_peer_is_own_listener(fd))
        return IO_GOODBYE_LIMIT;
    return atomic_load(&shim_ending) ? ENDING_PATIENCE : OWN_LISTENER_PATIENCE;
}

/* A client that closes a connection which is none of its own may call nothing of ours for long: it
 * waits for a child, or sleeps. Its peer would wait with it for the end of the handshake, where a
 * plain connection has ended. Hence a moment here, unless close must not wait; servers do not, for
 * clients that stand still must not hold them up. */
#define HANDSHAKE_PATIENCE 200000000LL

static bool waits_for_handshake(const struct shim_session *s, int fd)
{
    return !s->lingering && in_handshake(s) && s->tls.role == TLS_CLIENT && io_blocks(fd) &&
           !atomic_load(&shim_ending) && !shim_peer_is_own_listener(fd);
}

bool io_linger_is_over(int fd, struct shim_ref ref)
{
    struct shim_session *s = ref.session;
    unsigned left;

    if (!all_done(s) && shim_now() < s->deadline)
        return false;
    ref = fdtable_clear(fd, &left);
    if (ref.session != NULL)
        connection_let_go(fd, ref, left);
    sys3(SYS_close, fd, 0, 0);
    return true;
}

/* What the peer sent and nobody reads would make the kernel answer the close with a reset, which
 * can overtake our last bytes. Its close_notify is taken. */
static void take_last_record(struct shim_session *s, int fd)
{
    uint8_t head[TLS_HEADER + 1];
    long r;

    r = sys6(SYS_recvfrom, fd, head, sizeof(head), MSG_DONTWAIT | MSG_PEEK, 0, 0);
    if (s->in_have > 0 || atomic_load(&s->stage) != SHIM_OPEN || (r >= TLS_HEADER && head[0] == 21))
        io_drain(fd);
}

/* Would closing the plain socket reset it? With SO_LINGER of no time, or data that the program has
 * not read: then this one is made to, for the data may be out of the kernel already. The peer must
 * not take that for an orderly end. */
static bool aborts(struct shim_session *s, int fd, struct shim_ref ref)
{
    struct linger linger = {0};
    socklen_t length = sizeof(linger);
    bool unread = false;

    sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, &length);
    if (linger.l_onoff && linger.l_linger == 0)
        return true;
    /* The read lock alone: looking may find a failure, which takes the write lock. */
    if (!session_lock_read(ref))
        return false;
    if (atomic_load(&s->stage) == SHIM_OPEN)
        unread = io_fill(s, fd, 0, 0) == IO_DONE && io_leftover(s) > 0;
    session_unlock_read(s);
    if (unread) {
        linger = (struct linger){.l_onoff = 1};
        sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    return unread;
}

/* Both locks are held, and released. */
static void last_words(struct shim_session *s, int fd, struct shim_ref ref)
{
    int ignored = 0;

    if (!all_sent(s) && in_handshake(s) && linger(s, fd, ref)) {
        session_unlock_both(s);
        return;
    }
    if (s->shut == 0)
        s->shut = SHIM_SHUT;
    io_flush(s, fd, &ignored);
    take_last_record(s, fd);
    session_release(s);
}

void io_goodbye(int fd, struct shim_ref ref)
{
    struct shim_session *s = ref.session;
    struct shim_guard guard;
    int ignored = 0;
    bool abort, behind;

    shim_enter(&guard);
    if (s->moved) {
        if (session_lock_both(ref))
            session_release(s);
        shim_leave(&guard);
        return;
    }
    abort = aborts(s, fd, ref);
    if (!session_lock_both(ref)) {
        shim_leave(&guard);
        return;
    }
    if (abort) {
        session_release(s);
        shim_leave(&guard);
        return;
    }
    if (!all_done(s) && io_drive(s, fd) == IO_DONE)
        io_flush(s, fd, &ignored);
    if (waits_for_handshake(s, fd) &&
        !finish(s, fd, ref, shim_now() + HANDSHAKE_PATIENCE, all_done, &guard)) {
        shim_leave(&guard);
        return;
    }
    /* When too many linger, the rest end at once: peers that stand still must not make a server
     * stand still that closes them. */
    behind = !atomic_load(&shim_ending) && should_linger(s, fd);
    if (behind && linger(s, fd, ref))
        session_unlock_both(s);
    else if (behind || (s->lingering && !atomic_load(&shim_ending)) ||
             finish(s, fd, ref, shim_now() + close_patience(s, fd), all_sent, &guard))
        last_words(s, fd, ref);
    shim_leave(&guard);
}

/* Does not wait: what is not out yet goes out with later calls, close_notify behind it. */
static void shut_writing(int fd, struct shim_ref ref)
{
    struct shim_session *s = ref.session;
    struct shim_guard guard;
    int ignored = 0;

    shim_enter(&guard);
    if (session_lock_both(ref)) {
        if (s->shut == 0) {
            s->shut = SHIM_SHUT_FIN;
            s->shut_last = socket_peer_has_finished(fd);
        }
        if (io_drive(s, fd) == IO_DONE)
            io_flush(s, fd, &ignored);
        needy_add(fd);
        session_unlock_both(s);
    }
    shim_leave(&guard);
}

/* What has arrived can still be read. During the handshake the socket itself must go on reading;
 * it is shut down when the session opens. */
static void shut_reading(struct shim_ref ref)
{
    struct shim_guard guard;

    shim_enter(&guard);
    if (session_lock_read(ref)) {
        ref.session->shut_read = 1;
        session_unlock_read(ref.session);
    }
    shim_leave(&guard);
}

/* The program wants neither half any more: what it wrote still goes out, within the bound. */
static void finish_both(int fd, struct shim_ref ref)
{
    int64_t end = shim_now() + (io_blocks(fd) ? IO_GOODBYE_LIMIT : 0);
    struct shim_guard guard;

    shim_enter(&guard);
    if (session_lock_both(ref) && finish(ref.session, fd, ref, end, all_sent, &guard)) {
        if (all_sent(ref.session))
            sys3(SYS_shutdown, fd, SHUT_WR, 0);
        session_unlock_both(ref.session);
    }
    shim_leave(&guard);
}

bool io_was_orderly(int fd, struct shim_ref ref)
{
    struct shim_session *s = ref.session;
    struct shim_guard guard;
    bool ended = false;

    if (!s->close_sealed || s->shut_last)
        return s->close_sealed;
    shim_enter(&guard);
    if (session_lock_read(ref)) {
        if (atomic_load(&s->stage) == SHIM_OPEN && !s->ended)
            io_fill(s, fd, ARENA_SLAB_SIZE, 0);
        ended = s->ended || s->shut_read;
        session_unlock_read(s);
    }
    shim_leave(&guard);
    return ended;
}

int io_pending_error(int fd, struct shim_ref ref)
{
    struct shim_session *s = ref.session;
    unsigned stage = atomic_load(&s->stage);
    int error = io_error_once(s), none = 0;
    socklen_t size = sizeof(error);

    if (error == 0)
        sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (stage != SHIM_CONNECTING && !atomic_load(&s->touched) &&
        atomic_exchange(&s->connect_result, SHIM_CONNECT_TOLD) != SHIM_CONNECT_TOLD && error != 0) {
        atomic_compare_exchange_strong(&s->error, &none, error);
        return 0;
    }
    return error != 0 && io_was_orderly(fd, ref) ? 0 : error;
}

int io_shutdown(int fd, struct shim_ref ref, int how)
{
    int saved = errno;

    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return real(shutdown)(fd, how);
    if (atomic_load(&ref.session->stage) == SHIM_CONNECTING)
        return real(shutdown)(fd, how);
    if ((how == SHUT_WR && ref.session->close_sealed && all_sent(ref.session)) ||
        socket_is_closed(fd))
        return real(shutdown)(fd, how);
    if (how != SHUT_RD)
        shut_writing(fd, ref);
    if (how == SHUT_WR)
        return 0;
    shut_reading(ref);
    if (how == SHUT_RDWR)
        finish_both(fd, ref);
    if (how == SHUT_RD && atomic_load(&ref.session->stage) != SHIM_OPEN)
        return 0;
    /* Both halves may be over by now, which is what was asked for. */
    if (real(shutdown)(fd, SHUT_RD) != 0 && (how != SHUT_RDWR || errno != ENOTCONN))
        return -1;
    errno = saved;
    return 0;
}
