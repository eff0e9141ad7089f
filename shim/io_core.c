/* What the two halves share: the engine's view, sending, the handshake, failing. */
#include "io.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <time.h>

#include "../crypto_glue/cg_ct.h"
#include "arena.h"
#include "deadlines.h"
#include "global.h"
#include "identity.h"
#include "io_internal.h"
#include "keylog.h"
#include "needy.h"
#include "report.h"
#include "ruling.h"
#include "sockets.h"
#include "user_memory.h"
#include "watch.h"

bool io_vector_init(struct io_vector *v, const struct iovec *iov, int count)
{
    v->at = iov;
    v->count = count;
    v->offset = 0;
    v->left = 0;
    if (!user_memory(iov, (size_t)count * sizeof(*iov)))
        return false;
    for (int i = 0; i < count; i++) {
        if (iov[i].iov_len > SSIZE_MAX - v->left) {
            errno = EINVAL;
            return false;
        }
        v->left += iov[i].iov_len;
    }
    return true;
}

bool io_blocks(int fd)
{
    return (sys3(SYS_fcntl, fd, F_GETFL, 0) & O_NONBLOCK) == 0;
}

int io_errno_of(enum tls_error error)
{
    switch (tls_error_class(error)) {
    case TLS_CLASS_TRUST:
        return EACCES;
    case TLS_CLASS_PROTO:
        return EPROTO;
    case TLS_CLASS_PEER:
        return ECONNRESET;
    case TLS_CLASS_SELF:
        break;
    }
    return EIO;
}

void io_conn_reading(struct tls_conn *conn, struct shim_session *s)
{
    *conn = (struct tls_conn){.session = &s->tls, .config = config_of_session(s)};
    report_messages(conn, s);
}

void io_conn(struct tls_conn *conn, struct shim_session *s)
{
    const struct policy_rule *rule = rule_of_session(s);
    struct timespec now;

    io_conn_reading(conn, s);
    conn->handshake = arena_at(ARENA_SLAB, s->handshake_slab);
    conn->output = arena_at(ARENA_SLAB, s->out_slab);
    conn->big = arena_at(ARENA_BIG, s->big_piece);
    conn->big_size = s->big_piece != 0 ? TLS_BIG_SIZE : 0;
    if (s->handshake_slab != 0) {
        clock_gettime(CLOCK_REALTIME, &now);
        conn->now = now.tv_sec;
        if (keylog_is_wanted(rule)) {
            conn->log_secret = keylog_write;
            conn->log_secret_arg = (void *)(uintptr_t)rule;
        }
        conn->approve = identity_approve;
        conn->approve_arg = s;
    }
}

bool io_need_slab(uint32_t *slab)
{
    if (*slab == 0)
        *slab = arena_take(ARENA_SLAB);
    return *slab != 0;
}

void io_give_slab(uint32_t *slab)
{
    arena_give(ARENA_SLAB, *slab);
    *slab = 0;
}

/* After these errors nothing that is sent will arrive. Others (EAGAIN, ENOBUFS, a host that cannot
 * be reached at the moment) pass. */
static bool ends_connection(int error)
{
    return error == EPIPE || error == ECONNRESET || error == ETIMEDOUT || error == ENOTCONN ||
           error == ECONNABORTED || error == EBADF || error == ENOTSOCK;
}

/* Nagle's algorithm would hold the program's first bytes until the peer has acknowledged the
 * handshake's last, 40 ms later where it puts that off; over plain TCP nothing is ahead of them. */
static long send_at_once(int fd, const uint8_t *bytes, size_t length)
{
    int before = 1, on = 1;
    socklen_t size = sizeof(before);
    long r;

    sys5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &before, &size);
    if (!before)
        sys5(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    r = sys6(SYS_sendto, fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    if (!before)
        sys5(SYS_setsockopt, fd, IPPROTO_TCP, TCP_NODELAY, &before, sizeof(before));
    return r;
}

static long send_bytes(struct shim_session *s, int fd, const uint8_t *bytes, size_t length)
{
    if (!s->after_handshake)
        return sys6(SYS_sendto, fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
    s->after_handshake = 0;
    return send_at_once(fd, bytes, length);
}

/* Sealed bytes to the kernel. */
static enum io_state send_output(struct shim_session *s, int fd, int *error)
{
    struct tls_conn conn;
    const uint8_t *bytes;
    size_t length;

    if (s->out_slab == 0)
        return IO_DONE;
    io_conn(&conn, s);
    while ((bytes = tls_output(&conn, &length)), length > 0) {
        long r = send_bytes(s, fd, bytes, length);

        /* A sealed record cannot be taken back: it waits through whatever may pass. */
        if (r < 0 && !ends_connection((int)-r)) {
            atomic_store(&s->tail, 1);
            return IO_WRITE;
        }
        if (r < 0) {
            *error = (int)-r;
            tls_output_sent(&conn, length);
            break;
        }
        tls_output_sent(&conn, (size_t)r);
    }
    atomic_store(&s->tail, 0);
    io_give_slab(&s->out_slab);
    return length > 0 ? IO_ERROR : IO_DONE;
}

/* Seals some of what the program wrote before Finished. False: nothing is left of it. */
static bool seal_queue(struct shim_session *s)
{
    uint8_t *queue = arena_at(ARENA_SLAB, s->queue_slab);
    struct tls_conn conn;
    size_t taken = 0;

    if (s->queue_length == 0 || atomic_load(&s->stage) != SHIM_OPEN || tls_in_handshake(&s->tls) ||
        !io_need_slab(&s->out_slab))
        return false;
    io_conn(&conn, s);
    if (tls_send(&conn, queue, s->queue_length, &taken) != TLS_DONE || taken == 0)
        return false;
    s->queue_length -= (uint32_t)taken;
    memmove(queue, queue + taken, s->queue_length);
    if (s->queue_length == 0) {
        cg_wipe(queue, ARENA_SLAB_SIZE);
        io_give_slab(&s->queue_slab);
    }
    return true;
}

/* close_notify, once, behind everything that the program wrote. */
static bool seal_close(struct shim_session *s)
{
    struct tls_conn conn;

    if (s->shut == 0 || s->close_sealed || atomic_load(&s->stage) != SHIM_OPEN ||
        tls_in_handshake(&s->tls) || !io_need_slab(&s->out_slab))
        return false;
    s->close_sealed = 1;
    io_conn(&conn, s);
    tls_close(&conn);
    return true;
}

static enum io_state flush_all(struct shim_session *s, int fd, int *error)
{
    enum io_state state;

    do {
        if (atomic_load_explicit(&s->tls.mailbox, memory_order_relaxed) != 0 &&
            io_need_slab(&s->out_slab)) {
            struct tls_conn conn;

            io_conn(&conn, s);
            tls_flush_mailbox(&conn);
        }
        state = send_output(s, fd, error);
    } while (state == IO_DONE && (io_continue_renegotiation(s) || seal_queue(s) || seal_close(s)));
    /* Left over only for want of a slab: nothing newer may be sealed before it. */
    if (state == IO_DONE && s->queue_length > 0 && atomic_load(&s->stage) == SHIM_OPEN &&
        !tls_in_handshake(&s->tls)) {
        *error = ENOBUFS;
        return IO_ERROR;
    }
    return state;
}

enum io_state io_flush(struct shim_session *s, int fd, int *error)
{
    uint8_t tail = atomic_load(&s->tail);
    enum io_state state = flush_all(s, fd, error);

    if (state == IO_DONE && s->shut == SHIM_SHUT_FIN && s->close_sealed) {
        s->shut = SHIM_SHUT;
        sys3(SYS_shutdown, fd, SHUT_WR, 0);
    }
    /* The kernel's epoll masks have OUT while a tail waits, and only then. */
    if (atomic_load(&s->tail) != tail && watch_any(s))
        watch_update(s);
    return state;
}

void io_drop_handshake(struct shim_session *s)
{
    if (s->handshake_slab != 0)
        cg_wipe(arena_at(ARENA_SLAB, s->handshake_slab), ARENA_SLAB_SIZE);
    io_give_slab(&s->handshake_slab);
    arena_give(ARENA_BIG, s->big_piece);
    s->big_piece = 0;
}

/* What the peer has sent is thrown away: a close with unread bytes makes the kernel send a reset,
 * which can overtake the alert. Bounded, for a peer may go on sending. */
void io_drain(int fd)
{
    for (int i = 0; i < 64; i++)
        if (sys6(SYS_recvfrom, fd, NULL, 1 << 20, MSG_DONTWAIT | MSG_TRUNC, 0, 0) <= 0)
            break;
}

/* The alert goes out before the socket is shut down. */
static void send_last(struct shim_session *s, int fd, enum io_held held)
{
    struct shim_ref self = {.session = s, .generation = atomic_load(&s->generation)};
    int ignored = 0;

    if (held == IO_HOLDS_READ && !session_lock_write(self))
        return;
    io_flush(s, fd, &ignored);
    if (held == IO_HOLDS_READ)
        session_unlock_write(s);
}

void io_fail(struct shim_session *s, int fd, int error, enum io_held held)
{
    int none = 0;

    if (atomic_exchange(&s->stage, SHIM_FAILED) == SHIM_FAILED)
        return;
    atomic_compare_exchange_strong(&s->error, &none, error);
    atomic_store(&s->failure, atomic_load(&s->error));
    send_last(s, fd, held);
    if (tls_failure(&s->tls) != TLS_ERROR_OK)
        report_failure(s);
    io_drop_handshake(s);
    io_drain(fd);
    /* A connection that is gone has woken everybody; once more would be an edge that TCP has not.
     */
    if (!socket_is_closed(fd))
        sys3(SYS_shutdown, fd, SHUT_RDWR, 0);
    watch_update(s);
}

static void fail_by_engine(struct shim_session *s, int fd)
{
    io_fail(s, fd, io_errno_of(tls_failure(&s->tls)), IO_HOLDS_BOTH);
}

static bool tcp_is_connected(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    return sys3(SYS_getpeername, fd, &address, &length) == 0;
}

int io_connect_error(int fd)
{
    char byte;
    long r = sys6(SYS_recvfrom, fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK, 0, 0);

    if (r == -EAGAIN || r > 0)
        return 0;
    return r == 0 ? EPIPE : (int)-r;
}

void io_set_deadline(struct shim_session *s)
{
    const struct policy_rule *rule = rule_of_session(s);

    s->deadline = shim_now() + (int64_t)rule->settings.handshake_timeout * 1000000000LL;
}

void io_start_clock(struct shim_session *s, int fd)
{
    io_set_deadline(s);
    atomic_store(&s->stage, SHIM_HANDSHAKE);
    deadlines_add(fd, s->deadline);
}

static bool start(struct shim_session *s)
{
    struct tls_conn conn;

    if (s->started)
        return true;
    if (!io_need_slab(&s->handshake_slab) || !io_need_slab(&s->out_slab))
        return false;
    tls_handshake_init(arena_at(ARENA_SLAB, s->handshake_slab),
                       s->peer_name[0] != '\0' ? s->peer_name : NULL);
    io_conn(&conn, s);
    s->started = 1;
    return tls_start(&conn) == TLS_DONE;
}

/* The handshake is over: its memory goes back, the program's early writes go out, and the epoll
 * masks become the program's own, which fires its edges. */
static enum io_state open_session(struct shim_session *s, int fd)
{
    int error = 0;

    io_drop_handshake(s);
    s->after_handshake = 1;
    atomic_store(&s->stage, SHIM_OPEN);
    if (s->in_have == 0)
        io_give_slab(&s->in_slab);
    io_low_water(s, fd, 0);
    report_success(s);
    if (io_flush(s, fd, &error) == IO_ERROR)
        atomic_store(&s->error, error);
    if (s->shut_read)
        sys3(SYS_shutdown, fd, SHUT_RD, 0);
    watch_update(s);
    return IO_DONE;
}

/* One record of the handshake, if it is whole. IO_DONE: one was taken. */
static enum io_state handshake_record(struct shim_session *s, int fd, int *error)
{
    struct io_peeked in;
    struct tls_conn conn;
    uint8_t *plain;
    size_t plain_length;
    enum tls_result result;
    enum io_state state = io_peek(s, fd, &in, error);

    if (state != IO_DONE)
        return state;
    if (!io_need_slab(&s->out_slab)) {
        *error = ENOBUFS;
        return IO_ERROR;
    }
    io_conn(&conn, s);
    result = tls_receive(&conn, in.record, in.record_length, &plain, &plain_length);
    if (result == TLS_NEED_BIG) {
        s->big_piece = arena_take(ARENA_BIG);
        if (s->big_piece != 0)
            return IO_DONE;
        *error = ENOBUFS;
        return IO_ERROR;
    }
    if (result == TLS_NEED_ROOM)
        return IO_DONE;
    io_consume(s, fd, in.record_length - in.taken_before);
    if (result == TLS_DONE)
        return IO_DONE;
    *error = 0;
    return IO_ERROR;
}

bool io_time_is_up(struct shim_session *s, int fd)
{
    struct tls_conn conn;

    if (shim_now() <= s->deadline)
        return false;
    if (io_need_slab(&s->out_slab)) {
        io_conn(&conn, s);
        tls_abort(&conn, TLS_ERROR_TIMEOUT);
    }
    fail_by_engine(s, fd);
    return true;
}

static enum io_state drive_started(struct shim_session *s, int fd)
{
    for (;;) {
        int send_error = 0, error = 0;
        struct tls_conn conn;
        enum io_state state = io_flush(s, fd, &send_error);

        /* A peer that never stops sending must not keep this going. */
        if (!tls_is_established(&s->tls) && io_time_is_up(s, fd))
            return IO_ERROR;
        if (state == IO_WRITE)
            return IO_WRITE;
        if (state == IO_DONE && tls_is_established(&s->tls))
            return open_session(s, fd);
        if (s->handshake_slab != 0 && io_need_slab(&s->out_slab)) {
            size_t waiting;

            io_conn(&conn, s);
            if (tls_continue(&conn) == TLS_FAILED) {
                fail_by_engine(s, fd);
                return IO_ERROR;
            }
            tls_output(&conn, &waiting);
            if (waiting > 0)
                continue;
        }
        /* After a failed send too: the peer's alert that says why may be there to read. */
        state = handshake_record(s, fd, &error);
        if (state == IO_READ && send_error != 0) {
            state = IO_ERROR;
            error = send_error;
        }
        if (state == IO_READ) {
            io_give_slab(&s->out_slab);
            io_await_rest(s, fd);
            return IO_READ;
        }
        if (state == IO_END || (state == IO_ERROR && error == 0)) {
            fail_by_engine(s, fd);
            return IO_ERROR;
        }
        if (state == IO_ERROR) {
            io_fail(s, fd, error == EPIPE ? ECONNRESET : error, IO_HOLDS_BOTH);
            return IO_ERROR;
        }
    }
}

static bool has_bytes(int fd)
{
    char byte;

    return sys6(SYS_recvfrom, fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK, 0, 0) != -EAGAIN;
}

enum io_state io_drive(struct shim_session *s, int fd)
{
    switch (atomic_load(&s->stage)) {
    case SHIM_OPEN:
        return tls_in_handshake(&s->tls) ? io_carry_renegotiation(s, fd) : IO_DONE;
    case SHIM_FAILED:
        return IO_ERROR;
    case SHIM_CONNECTING:
        if (!tcp_is_connected(fd))
            return IO_CONNECTING;
        io_start_clock(s, fd);
        break;
    default:
        break;
    }
    if (io_time_is_up(s, fd))
        return IO_ERROR;
    /* A client that says nothing costs a server no memory. */
    if (!s->started && s->tls.role == TLS_SERVER && !has_bytes(fd))
        return IO_READ;
    if (!start(s)) {
        if (tls_failure(&s->tls) != TLS_ERROR_OK)
            fail_by_engine(s, fd);
        else
            io_fail(s, fd, ENOBUFS, IO_HOLDS_BOTH);
        return IO_ERROR;
    }
    enum io_state state = drive_started(s, fd);

    if (watch_any(s))
        watch_update(s);
    return state;
}

enum io_state io_attend(int fd, struct shim_ref ref)
{
    struct shim_guard guard;
    enum io_state state;
    int error = 0;

    shim_enter(&guard);
    if (atomic_load(&ref.session->stage) == SHIM_OPEN && !session_in_handshake(ref.session)) {
        state = IO_DONE;
        if (session_try_write(ref)) {
            if (atomic_load(&ref.session->stage) == SHIM_OPEN)
                state = io_flush(ref.session, fd, &error);
            session_unlock_write(ref.session);
        }
    } else if (session_lock_both(ref)) {
        state = io_drive(ref.session, fd);
        session_unlock_both(ref.session);
    } else {
        state = IO_GONE;
    }
    shim_leave(&guard);
    return state;
}
