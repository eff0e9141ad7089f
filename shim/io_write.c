/* The writing half: plaintext from the program, sealed and handed to the kernel.
 *
 * A sealed record counts as accepted. For a blocking descriptor a write returns when the kernel
 * has all of it; for a non-blocking one records are sized to the free send space, so that sealed
 * bytes seldom stay behind (a tail, flushed by any later call or wait). */
#include "io_internal.h"
#include "ruling.h"

#include <linux/sock_diag.h>

#include "../crypto_glue/cg_ct.h"
#include "arena.h"
#include "connections.h"
#include "global.h"
#include "needy.h"
#include "poll_anyway.h"
#include "report.h"
#include "rule_numbers.h"
#include "sockets.h"
#include "user_memory.h"
#include "wait.h"
#include "watch.h"

/* What a record may take of the kernel's send space so that it goes in whole: the kernel counts
 * buffers, not bytes, and a 16 KiB record can cost it twice its length. */
enum { SEND_SPACE_MARGIN = 4096 };

static int64_t send_space(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof(memory);

    if (sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_MEMINFO, memory, &length) != 0)
        return INT64_MAX;
    return (int64_t)memory[SK_MEMINFO_SNDBUF] - memory[SK_MEMINFO_WMEM_QUEUED];
}

/* How much plaintext a non-blocking write may seal now; 0 when the program should wait. Asking
 * with poll makes the kernel remember that somebody wants room, so that an edge will come. */
static size_t sized(struct shim_session *s, int fd, size_t wanted)
{
    int64_t space = send_space(fd);
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    struct timespec none = {0};
    size_t fits;

    if (space >= (int64_t)(2 * wanted) + SEND_SPACE_MARGIN)
        return wanted;
    if (sys_poll_anyway(&entry, 1, &none, NULL) != 1 || (entry.revents & POLLOUT) == 0)
        return 0;
    fits =
        tls_plaintext_for(&s->tls, config_of_session(s), space > 2048 ? (size_t)space / 2 : 1024);
    if (fits == 0)
        fits = 1;
    return fits < wanted ? fits : wanted;
}

/* The next stretch of the program's bytes: its own buffer where one is long enough, else gathered
 * into `scratch`, so that a thousand small pieces do not become a thousand records. */
static const void *next_stretch(const struct io_vector *v, uint8_t *scratch, size_t *length)
{
    size_t first = v->at->iov_len - v->offset;
    const char *base = (const char *)v->at->iov_base + v->offset;
    struct io_vector copy = *v;
    size_t done = 0;

    if (first >= TLS_PLAINTEXT_MAX || first >= v->left || scratch == NULL) {
        *length = first < TLS_PLAINTEXT_MAX ? first : TLS_PLAINTEXT_MAX;
        return base;
    }
    while (done < TLS_PLAINTEXT_MAX && copy.left > 0) {
        size_t n = copy.at->iov_len - copy.offset;

        if (n > TLS_PLAINTEXT_MAX - done)
            n = TLS_PLAINTEXT_MAX - done;
        if (n > 0)
            memcpy(scratch + done, (const char *)copy.at->iov_base + copy.offset, n);
        done += n;
        copy.left -= n;
        copy.offset = 0;
        copy.at++;
    }
    *length = done;
    return scratch;
}

static void advance(struct io_vector *v, size_t n)
{
    v->left -= n;
    while (n > 0) {
        size_t here = v->at->iov_len - v->offset;

        if (n < here) {
            v->offset += n;
            return;
        }
        n -= here;
        v->at++;
        v->offset = 0;
    }
}

static void skip_empty(struct io_vector *v)
{
    while (v->left > 0 && v->at->iov_len == v->offset) {
        v->at++;
        v->offset = 0;
    }
}

struct sending {
    struct io_vector v;
    size_t total; /* bytes accepted */
    size_t sent;  /* of these, with the kernel to the last byte */
    bool blocks;
    bool waited; /* the number may stand for another file by now */
    int error;
};

static enum io_state write_failed(struct shim_session *s, int fd, struct sending *w, int error)
{
    /* A reset is told once, to the writer or the reader; afterwards the pipe is broken. */
    w->error = error != EPIPE ? error : io_error_once(s);
    if (tls_failure(&s->tls) != TLS_ERROR_OK) {
        io_fail(s, fd, io_errno_of(tls_failure(&s->tls)), IO_HOLDS_WRITE);
        w->error = io_error_once(s);
    }
    return IO_ERROR;
}

/* A program that sends no bytes learns whether the connection is broken: the kernel tells. */
static enum io_state send_nothing(struct shim_session *s, int fd, struct sending *w)
{
    long r = sys6(SYS_sendto, fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);

    return r < 0 && r != -EAGAIN ? write_failed(s, fd, w, (int)-r) : IO_DONE;
}

/* In a handshake bytes wait in memory. False: no room for a single one. */
static bool enqueue(struct shim_session *s, struct sending *w, uint8_t *scratch)
{
    bool any = false;

    while (w->v.left > 0 && s->queue_length < SHIM_QUEUE_MAX && io_need_slab(&s->queue_slab)) {
        uint8_t *queue = arena_at(ARENA_SLAB, s->queue_slab);
        size_t length, room = SHIM_QUEUE_MAX - s->queue_length;

        skip_empty(&w->v);
        const void *stretch = next_stretch(&w->v, scratch, &length);

        if (length > room)
            length = room;
        memcpy(queue + s->queue_length, stretch, length);
        report_written(s, queue + s->queue_length, length);
        s->queue_length += (uint32_t)length;
        advance(&w->v, length);
        w->total += length;
        any = true;
    }
    return any;
}

/* Seals and sends until all is accepted or the kernel is full. Write lock, session open. */
static enum io_state send_now(struct shim_session *s, int fd, struct sending *w, uint8_t *scratch)
{
    for (;;) {
        struct tls_conn conn;
        size_t length, taken = 0;
        int error = 0;
        enum io_state state = io_flush(s, fd, &error);

        if (state == IO_ERROR) {
            w->total = w->sent; /* what was sealed since is lost with the connection */
            return write_failed(s, fd, w, error);
        }
        if (state == IO_DONE)
            w->sent = w->total;
        if (w->v.left == 0 && w->total == 0)
            return send_nothing(s, fd, w);
        if (state != IO_DONE || w->v.left == 0)
            return state;
        if (tls_in_handshake(&s->tls)) { /* a reader has begun a renegotiation */
            enqueue(s, w, scratch);
            return IO_READ;
        }
        skip_empty(&w->v);
        const void *stretch = next_stretch(&w->v, scratch, &length);

        if (!w->blocks)
            length = sized(s, fd, length);
        if (length == 0)
            return IO_WRITE;
        if (!io_need_slab(&s->out_slab)) {
            w->error = ENOBUFS;
            return IO_ERROR;
        }
        io_conn(&conn, s);
        if (tls_send(&conn, stretch, length, &taken) != TLS_DONE)
            return write_failed(s, fd, w, EPIPE);
        report_written(s, stretch, taken);
        advance(&w->v, taken);
        w->total += taken;
    }
}

/* Writing is shut; an error of the socket is told before that, as by the kernel. */
static int error_behind_shut(struct shim_session *s, int fd)
{
    int error = io_error_once(s);
    socklen_t length = sizeof(error);

    if (error == 0)
        sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &length);
    return error != 0 && !s->ended && !s->shut_read ? error : EPIPE;
}

/* One round under the lock. IO_READ, IO_CONNECTING or IO_WRITE with bytes left or sealed. */
static enum io_state send_round(int fd, struct shim_ref ref, struct sending *w)
{
    struct shim_session *s = ref.session;
    struct shim_guard guard;
    uint32_t slab = 0;
    enum io_state state = IO_GONE;
    bool open = atomic_load(&s->stage) == SHIM_OPEN && !session_in_handshake(s);
    uint8_t *scratch;

    shim_enter(&guard);
    if (w->v.count > 1)
        slab = arena_take(ARENA_SLAB);
    scratch = arena_at(ARENA_SLAB, slab);
    if (open ? session_lock_write(ref) : session_lock_both(ref)) {
        state = open ? IO_DONE : io_drive(s, fd);
        if (atomic_load(&s->stage) == SHIM_FAILED)
            state = IO_ERROR; /* also when the lock's last holder died */
        else if (w->waited && !socket_is_of(fd, s))
            state = IO_GONE; /* another file has this number since the wait */
        if (state == IO_GONE || state == IO_ERROR) {
            ;
        } else if (state == IO_CONNECTING && (w->error = io_connect_error(fd)) != 0) {
            state = IO_ERROR;
        } else if (s->shut) {
            w->error = error_behind_shut(s, fd);
            state = IO_ERROR;
        } else if (state == IO_DONE) {
            state = send_now(s, fd, w, scratch);
        } else {
            enqueue(s, w, scratch);
        }
        if (atomic_load(&s->tail) != 0 || session_in_handshake(s))
            needy_add(fd);
        open ? session_unlock_write(s) : session_unlock_both(s);
    }
    if (scratch != NULL)
        cg_wipe(scratch, TLS_PLAINTEXT_MAX);
    arena_give(ARENA_SLAB, slab);
    shim_leave(&guard);
    /* A reader that wanted to answer found the lock taken. */
    if (open && atomic_load(&s->tls.mailbox) != 0)
        io_attend(fd, ref);
    return state;
}

/* SIGPIPE to the calling thread, as the kernel's send does. */
void io_broken_pipe(int flags)
{
    if ((flags & MSG_NOSIGNAL) == 0)
        sys3(SYS_tgkill, sys3(SYS_getpid, 0, 0, 0), sys3(SYS_gettid, 0, 0, 0), SIGPIPE);
    errno = EPIPE;
}

static ssize_t send_failed(struct shim_ref ref, const struct sending *w, int flags)
{
    int error = w->error;

    if (w->total > 0)
        return (ssize_t)w->total;
    if (error == 0)
        error = io_error_once(ref.session);
    if (error == 0 || error == EPIPE)
        io_broken_pipe(flags);
    else
        errno = error;
    return -1;
}

/* A blocking write before Finished has put its bytes in the queue. They should leave soon, for the
 * program may not call again for long; but the peer may be this very thread, which is to accept the
 * connection later, or a server that is busy with another: hence a bound. */
#define EARLY_WRITE_PATIENCE 1000000000LL

static bool session_is_waiting(const struct shim_session *s)
{
    return atomic_load(&s->stage) != SHIM_OPEN || session_in_handshake(s);
}

static bool wait_to_send(int fd, struct shim_ref ref, enum io_state state, struct wait_clock *clock)
{
    if (state == IO_WRITE)
        return wait_writable(fd, ref, clock);
    state = wait_for_handshake(fd, ref, true, clock);
    return state == IO_DONE || state == IO_ERROR || state == IO_END;
}

ssize_t io_send(int fd, struct shim_ref ref, const struct iovec *iov, int count, int flags)
{
    struct sending w = {0};
    struct wait_clock clock = {0};

    if (flags & MSG_OOB) {
        errno = EOPNOTSUPP;
        return -1;
    }
    if (!io_vector_init(&w.v, iov, count) || !user_memory_vector(iov, (size_t)count))
        return -1;
    w.blocks = (flags & MSG_DONTWAIT) == 0 && io_blocks(fd);
    atomic_store(&ref.session->touched, 1);
    if (w.v.left == 0 && atomic_load(&ref.session->stage) == SHIM_HANDSHAKE &&
        ref.session->shut == 0)
        return 0;
    for (;;) {
        enum io_state state = send_round(fd, ref, &w);

        if (state == IO_GONE)
            errno = EBADF;
        if (state == IO_GONE)
            return w.total > 0 ? (ssize_t)w.total : -1;
        if (state == IO_ERROR)
            return send_failed(ref, &w, flags);
        if (state == IO_DONE)
            return (ssize_t)w.total;
        if (!w.blocks && w.v.left > 0)
            atomic_fetch_add(&ref.session->refusals, 1);
        if (!w.blocks && w.total > 0)
            return (ssize_t)w.total;
        if (!w.blocks) {
            errno = EAGAIN;
            return -1;
        }
        if (session_is_waiting(ref.session) && w.v.left == 0) {
            if (shim_peer_is_own_listener(fd) ||
                io_handshake_wait(fd, ref, EARLY_WRITE_PATIENCE) != IO_ERROR)
                return (ssize_t)w.total;
            w.total = 0;
            return send_failed(ref, &w, flags);
        }
        if (!wait_to_send(fd, ref, state, &clock))
            return w.total > 0 ? (ssize_t)w.total : -1;
        w.waited = true;
    }
}
