/* The reading half: records out of the kernel, plaintext to the program.
 *
 * Records are peeked at and taken whole. While plaintext is left over in user memory the last
 * byte of its record stays in the kernel, so that every way of waiting, in any thread or process,
 * finds the socket readable; a partial record stays there too, with SO_RCVLOWAT set to what makes
 * it whole. */
#include "io_internal.h"

#include <sys/ioctl.h>
#include <time.h>

#include "../crypto_glue/cg_ct.h"
#include "arena.h"
#include "global.h"
#include "poll_anyway.h"
#include "sockets.h"
#include "user_memory.h"
#include "wait.h"
#include "watch.h"

void io_consume(struct shim_session *s, int fd, size_t n)
{
    if (n > 0)
        sys6(SYS_recvfrom, fd, NULL, n, MSG_DONTWAIT | MSG_TRUNC, 0, 0);
    s->in_have = 0;
}

bool io_low_water(struct shim_session *s, int fd, size_t missing)
{
    int want = missing > 0 ? (int)missing : 1;
    int got = 0;
    socklen_t length = sizeof(got);

    if (s->low_water == missing)
        return true;
    s->low_water = (uint32_t)missing;
    sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &want, sizeof(want));
    if (missing == 0)
        return true;
    sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &got, &length);
    return got == want;
}

void io_take_partial(struct shim_session *s, int fd)
{
    uint8_t *slab;
    size_t have;
    long r;

    if (io_leftover(s) > 0 || s->held_byte || !io_need_slab(&s->in_slab))
        return;
    slab = arena_at(ARENA_SLAB, s->in_slab);
    r = sys6(SYS_recvfrom, fd, slab + s->in_have, ARENA_SLAB_SIZE - s->in_have,
             MSG_DONTWAIT | MSG_PEEK, 0, 0);
    have = s->in_have + (r > 0 ? (size_t)r : 0);
    /* Only bytes that make no whole record: one of those must never be out of the kernel's sight.
     */
    if (r > 0 && have < tls_record_length(&s->tls, slab, have)) {
        io_consume(s, fd, (size_t)r);
        s->in_have = (uint32_t)have;
    }
    if (s->in_have == 0)
        io_give_slab(&s->in_slab);
    io_low_water(s, fd, 0);
}

void io_await_rest(struct shim_session *s, int fd)
{
    bool woken_too_early = s->missing > 0 && s->low_water == s->missing;

    if (s->missing > 0 && (woken_too_early || !io_low_water(s, fd, s->missing)))
        io_take_partial(s, fd);
}

static enum io_state transport_ended(struct shim_session *s, int *error)
{
    struct shim_ref self = {.session = s, .generation = atomic_load(&s->generation)};
    struct tls_conn conn;

    *error = atomic_load(&s->error); /* of the socket, told to a wait */
    if (s->shut_read && atomic_load(&s->stage) == SHIM_OPEN)
        return IO_END;
    if (*error != 0)
        return IO_ERROR;
    /* The engine wants both halves in a handshake. */
    bool alone = tls_in_handshake(&s->tls) && !s->both;

    if (alone && !session_lock_write(self))
        return IO_ERROR;
    if (alone || s->both)
        io_conn(&conn, s);
    else
        io_conn_reading(&conn, s);
    enum tls_result result = tls_receive_end(&conn);

    if (alone)
        session_unlock_write(s);
    return result == TLS_CLOSED ? IO_END : IO_ERROR;
}

enum io_state io_peek(struct shim_session *s, int fd, struct io_peeked *in, int *error)
{
    uint8_t *slab;
    long r;

    *error = 0;
    s->missing = 0;
    if (!io_need_slab(&s->in_slab)) {
        *error = ENOBUFS;
        return IO_ERROR;
    }
    slab = arena_at(ARENA_SLAB, s->in_slab);
    r = sys6(SYS_recvfrom, fd, slab + s->in_have, ARENA_SLAB_SIZE - s->in_have,
             MSG_DONTWAIT | MSG_PEEK, 0, 0);
    in->record = slab;
    in->taken_before = s->in_have;
    in->available = s->in_have + (r > 0 ? (size_t)r : 0);
    in->record_length = tls_record_length(&s->tls, slab, in->available);
    if (in->record_length == 0)
        in->record_length = in->available;
    if (r > 0 && in->available >= in->record_length && in->available > 0)
        return IO_DONE;
    if (r > 0) {
        s->missing = (uint32_t)(in->record_length - in->taken_before);
        return IO_READ;
    }
    /* Where both halves are shut, the peer's close_notify alone provokes a reset. */
    if (r == 0 || (r == -ECONNRESET && s->shut_read && s->shut != 0))
        return transport_ended(s, error);
    if (r != -EAGAIN) {
        *error = (int)-r;
        return IO_ERROR;
    }
    if (s->in_have == 0)
        io_give_slab(&s->in_slab);
    return IO_READ;
}

/* The leftover plaintext goes to the slab's start, to make room behind it. */
static void compact(struct shim_session *s)
{
    uint8_t *slab = arena_at(ARENA_SLAB, s->in_slab);
    uint32_t left = s->plain_end - s->plain_start;

    if (left > 0 && s->plain_start > 0)
        memmove(slab, slab + s->plain_start, left);
    s->plain_start = 0;
    s->plain_end = left;
}

static enum io_state read_failed(struct shim_session *s, int fd, int error)
{
    if (error == 0)
        error = io_errno_of(tls_failure(&s->tls));
    io_fail(s, fd, error, s->both ? IO_HOLDS_BOTH : IO_HOLDS_READ);
    return IO_ERROR;
}

/* After close_notify the kernel shows the end by itself (POLLIN | POLLRDHUP), as it does already
 * when the peer has closed TCP too. */
static void stream_ended(struct shim_session *s, int fd)
{
    s->ended = 1;
    if (!socket_peer_has_finished(fd))
        sys3(SYS_shutdown, fd, SHUT_RD, 0);
}

struct opening { /* one peek's worth of records */
    uint8_t *at;
    size_t available;
    size_t opened; /* bytes of whole records opened */
    enum tls_result result;
};

/* Opens whole records until `want` bytes of plaintext (at least one) are there; their plaintext is
 * gathered behind what the slab already holds. */
static void open_records(struct shim_session *s, int fd, struct opening *o, size_t want)
{
    uint8_t *slab = arena_at(ARENA_SLAB, s->in_slab);

    if (s->in_used < (uint32_t)(o->at - slab + o->available))
        s->in_used = (uint32_t)(o->at - slab + o->available);
    o->opened = 0;
    o->result = TLS_DONE;
    while (o->result == TLS_DONE && (io_leftover(s) == 0 || io_leftover(s) < want) &&
           o->available > o->opened) {
        struct io_record r = {.bytes = o->at + o->opened};
        size_t have = o->available - o->opened;

        r.length = tls_record_length(&s->tls, r.bytes, have);
        if (r.length > have)
            break;
        if (r.length == 0)
            r.length = have;
        o->result = io_receive_record(s, fd, &r);
        o->opened += r.length;
        if (r.plain_length == 0)
            continue;
        if (io_leftover(s) == 0) {
            s->plain_start = s->plain_end = (uint32_t)(r.plain - slab);
        } else if (r.plain != slab + s->plain_end) {
            memmove(slab + s->plain_end, r.plain, r.plain_length);
        }
        s->plain_end += (uint32_t)r.plain_length;
    }
}

/* Takes the opened records out of the kernel: all, or all but the last byte when more plaintext
 * was in them than the caller takes at once. `before` bytes had been taken earlier. */
static void settle(struct shim_session *s, int fd, size_t opened, size_t before, size_t takes)
{
    size_t in_kernel = opened + s->held_byte - before;
    uint8_t keep = io_leftover(s) > takes;

    io_consume(s, fd, in_kernel - keep);
    s->held_byte = keep;
    io_low_water(s, fd, 0);
}

/* The engine answered with an alert: it goes out now if nobody is writing; who is writing sends
 * it otherwise. */
static void answer(struct shim_session *s, int fd)
{
    struct shim_ref self = {.session = s, .generation = atomic_load(&s->generation)};
    int ignored = 0;

    if (atomic_load(&s->tls.mailbox) != 0 && session_try_write(self)) {
        io_flush(s, fd, &ignored);
        session_unlock_write(s);
    }
}

static enum io_state after_opening(struct shim_session *s, int fd, enum tls_result result)
{
    if (result == TLS_FAILED)
        return read_failed(s, fd, 0);
    answer(s, fd);
    if (result == TLS_CLOSED)
        stream_ended(s, fd);
    if (io_leftover(s) > 0)
        return IO_DONE;
    return s->ended ? IO_END : IO_DONE;
}

/* More records behind plaintext that is still there: the first peeked byte is the held one. */
static enum io_state fill_behind(struct shim_session *s, int fd, size_t want)
{
    uint8_t *slab = arena_at(ARENA_SLAB, s->in_slab);
    struct opening o;
    size_t before = io_leftover(s);
    int none = 0;
    size_t length;
    long r;

    s->missing = 0;
    compact(s);
    r = sys6(SYS_recvfrom, fd, slab + before, ARENA_SLAB_SIZE - before, MSG_DONTWAIT | MSG_PEEK, 0,
             0);
    if (r < 0 && r != -EAGAIN)
        atomic_compare_exchange_strong(&s->error, &none,
                                       (int)-r); /* told, and not to the program */
    if (r <= s->held_byte)
        return IO_DONE;
    o.at = slab + before + s->held_byte;
    o.available = (size_t)r - s->held_byte;
    length = tls_record_length(&s->tls, o.at, o.available);
    if (length > o.available)
        s->missing = (uint32_t)length;
    if (length > ARENA_SLAB_SIZE - before - s->held_byte)
        return IO_DONE;
    open_records(s, fd, &o, want);
    if (o.result == TLS_FAILED)
        return IO_DONE; /* what is there is good; the next call finds the failure */
    if (o.opened > 0)
        settle(s, fd, o.opened, 0, 0);
    if (o.result == TLS_CLOSED)
        stream_ended(s, fd);
    return IO_DONE;
}

enum io_state io_fill(struct shim_session *s, int fd, size_t want, size_t takes)
{
    struct io_peeked in;
    struct opening o;
    int error;
    enum io_state state;

    if (io_leftover(s) > 0)
        return io_leftover(s) >= want || s->ended ? IO_DONE : fill_behind(s, fd, want);
    if (s->ended)
        return IO_END;
    if (tls_failure(&s->tls) != TLS_ERROR_OK)
        return read_failed(s, fd, 0);
    do {
        state = io_peek(s, fd, &in, &error);
        /* After SHUT_RD that is the program's own end: what arrives later is still read. */
        if (state == IO_END && !s->shut_read)
            stream_ended(s, fd);
        if (state == IO_ERROR)
            return read_failed(s, fd, error);
        if (state != IO_DONE)
            return state;
        o.at = in.record;
        o.available = in.available;
        open_records(s, fd, &o, want);
        settle(s, fd, o.opened, in.taken_before, takes);
        state = after_opening(s, fd, o.result);
    } while (state == IO_DONE && io_leftover(s) == 0);
    return state;
}

/* The byte that kept the kernel readable goes. */
static void release_held(struct shim_session *s, int fd)
{
    if (s->held_byte)
        sys6(SYS_recvfrom, fd, NULL, 1, MSG_DONTWAIT | MSG_TRUNC, 0, 0);
    s->held_byte = 0;
}

/* With SO_RCVLOWAT set by the program: less than that is nothing to wake for. The kernel's own mark
 * is set above the held byte, and above a partial record behind it, then. */
static bool reaches_low_water(struct shim_session *s, int fd)
{
    size_t low = s->program_low_water;

    if (low > TLS_PLAINTEXT_MAX)
        low = TLS_PLAINTEXT_MAX;
    if (io_fill(s, fd, low, 0) != IO_DONE && io_leftover(s) == 0)
        return s->ended || atomic_load(&s->error) != 0;
    if (io_leftover(s) >= low || s->ended)
        return true;
    if (io_leftover(s) > 0)
        io_low_water(s, fd, s->held_byte + (s->missing > 0 ? s->missing : 1));
    else
        io_await_rest(s, fd);
    return false;
}

int io_set_low_water(struct shim_session *s, int fd, const void *value, socklen_t length)
{
    int mark = 1, one = 1, before = s->low_water > 0 ? (int)s->low_water : 1;
    socklen_t size = sizeof(mark);
    long r = sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, value, length);

    if (r < 0)
        return (int)-r;
    sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &mark, &size);
    sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &before, sizeof(before));
    s->program_low_water = (uint32_t)mark;
    if (atomic_load(&s->stage) != SHIM_OPEN || !io_is_readable(s, fd))
        return 0;
    s->low_water = 0;
    sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
    return 0;
}

bool io_is_readable(struct shim_session *s, int fd)
{
    uint8_t head[TLS_HEADER];
    int queued = 0, none = 0;
    long r = 0;

    if (s->shut_read)
        return true;
    if (s->program_low_water > 1)
        return reaches_low_water(s, fd);
    if (io_leftover(s) > 0 || s->ended || atomic_load(&s->error) != 0)
        return true;
    /* A whole record of more than padding holds plaintext: no need to open it here. */
    if (s->in_have == 0)
        r = sys6(SYS_recvfrom, fd, head, sizeof(head), MSG_DONTWAIT | MSG_PEEK, 0, 0);
    if (r < 0 && r != -EAGAIN) /* the kernel tells it once */
        atomic_compare_exchange_strong(&s->error, &none, (int)-r);
    if (r == sizeof(head)) {
        size_t length = tls_record_length(&s->tls, head, sizeof(head));

        sys3(SYS_ioctl, fd, FIONREAD, &queued);
        if (head[0] == 23 && length > 400 && (size_t)queued >= length)
            return true;
    }
    if (io_fill(s, fd, 0, 0) != IO_READ)
        return true;
    io_await_rest(s, fd);
    return false;
}

/* The program may have taken all. */
static void emptied(struct shim_session *s, int fd)
{
    if (io_leftover(s) > 0)
        return;
    release_held(s, fd);
    if (s->in_slab != 0 && s->in_have == 0)
        cg_wipe(arena_at(ARENA_SLAB, s->in_slab), s->in_used);
    s->plain_start = s->plain_end = s->in_used = 0;
    if (s->in_have == 0)
        io_give_slab(&s->in_slab);
}

/* Copies plaintext to the program; a NULL base (MSG_TRUNC) discards. */
static size_t copy_out(const uint8_t *from, size_t available, struct io_vector *v, bool discard)
{
    size_t done = 0;

    while (done < available && v->left > 0) {
        size_t room = v->at->iov_len - v->offset;
        size_t n = room < available - done ? room : available - done;

        if (!discard && n > 0)
            memcpy((char *)v->at->iov_base + v->offset, from + done, n);
        done += n;
        v->left -= n;
        v->offset += n;
        if (v->offset == v->at->iov_len) {
            v->at++;
            v->offset = 0;
        }
    }
    return done;
}

/* Programs with edge-triggered sets (nginx) take a read of more than FIONREAD told for a sign that
 * bytes have come since, and so for a promise of another edge. FIONREAD tells what is opened, not
 * what waits sealed behind it: the edge for that is made here. */
static void beyond_told(struct shim_session *s, size_t n)
{
    if (s->told > n) {
        s->told -= (uint32_t)n;
    } else if (s->told != 0) {
        s->told = 0;
        watch_renew(s);
    }
}

/* What is there, without waiting. Returns the bytes given; *state says why it stopped. */
static size_t receive_now(struct shim_session *s, int fd, struct io_vector *v, int flags,
                          enum io_state *state)
{
    size_t total = 0;

    *state = v->left > 0 ? IO_DONE : io_fill(s, fd, 0, 0);
    while (v->left > 0) {
        if (flags & MSG_PEEK)
            *state = io_fill(s, fd, v->left, 0);
        else if (io_leftover(s) == 0)
            *state = io_fill(s, fd, v->left, v->left);
        if (io_leftover(s) == 0)
            break;
        const uint8_t *plain = (const uint8_t *)arena_at(ARENA_SLAB, s->in_slab) + s->plain_start;
        size_t n = copy_out(plain, io_leftover(s), v, flags & MSG_TRUNC);

        total += n;
        if (flags & MSG_PEEK)
            break;
        s->plain_start += (uint32_t)n;
        emptied(s, fd);
    }
    if ((flags & MSG_PEEK) == 0)
        beyond_told(s, total);
    return total;
}

static int enough(size_t total, size_t asked, int flags, const struct shim_session *s)
{
    size_t wanted = s->program_low_water < asked ? s->program_low_water : asked;

    if (flags & MSG_WAITALL)
        wanted = asked;
    /* Looking again at what a peek has seen shows no more once the stream has ended. */
    if (flags & MSG_PEEK && (s->ended || s->shut_read || atomic_load(&s->failure) != 0))
        return true;
    return total >= wanted;
}

/* One round of a read, and why it is not the last. */
static enum io_state receive_round(int fd, struct shim_ref ref, struct io_vector *v, int flags,
                                   bool blocks, bool waited, size_t *total)
{
    struct shim_session *s = ref.session;
    struct shim_guard guard;
    enum io_state state = IO_GONE;

    shim_enter(&guard);
    if (session_lock_read(ref)) {
        if (flags & MSG_PEEK)
            *total = 0;
        if (atomic_load(&s->stage) == SHIM_FAILED)
            state = IO_ERROR;                    /* also when the lock's last holder died */
        else if (!waited || socket_is_of(fd, s)) /* else another file has this number by now */
            *total += receive_now(s, fd, v, flags, &state);
        if (state == IO_READ && blocks)
            io_take_partial(s, fd);
        else if (state == IO_READ)
            io_await_rest(s, fd);
        session_unlock_read(s);
    }
    shim_leave(&guard);
    return state;
}

/* MSG_PEEK with MSG_WAITALL: what is peeked already keeps the socket readable, so the kernel cannot
 * wait for more; look again in a while, and once more after the transport's end or failure. False:
 * no more will come, or the slab holds no more. */
static bool wait_for_more_to_peek(int fd, struct wait_clock *clock, size_t total, bool *over)
{
    struct timespec a_while = {0, 2000000}, none = {0, 0};
    struct pollfd entry = {.fd = fd, .events = POLLRDHUP};

    wait_begin(clock, fd, SO_RCVTIMEO);
    if (*over || total >= ARENA_SLAB_SIZE - TLS_RECORD_MAX ||
        (clock->timeout > 0 && shim_now() >= clock->began + clock->timeout))
        return false;
    *over = sys_poll_anyway(&entry, 1, &none, NULL) > 0;
    return *over || real(ppoll)(NULL, 0, &a_while, NULL) == 0;
}

static ssize_t stopped(struct shim_ref ref, enum io_state state, size_t total)
{
    if (total > 0)
        return (ssize_t)total;
    if (state == IO_END || state == IO_DONE || (state == IO_READ && ref.session->shut_read))
        return 0;
    if (state == IO_ERROR) {
        int error = io_error_once(ref.session), failure = atomic_load(&ref.session->failure);

        /* A program that has shut reading is told of the socket's errors, not of TLS's. */
        if (ref.session->shut_read &&
            (error == 0 || tls_failure(&ref.session->tls) != TLS_ERROR_OK))
            return 0;
        if (error == 0 && failure == 0)
            return 0;
        errno = error != 0 ? error : failure;
    } else {
        errno = state == IO_GONE ? EBADF : EAGAIN;
    }
    return -1;
}

ssize_t io_receive(int fd, struct shim_ref ref, const struct iovec *iov, int count, int flags)
{
    struct io_vector v, all;
    struct wait_clock clock = {0};
    size_t total = 0;
    bool blocks, over = false;

    if (flags & MSG_OOB) {
        errno = EOPNOTSUPP;
        return -1;
    }
    /* tcp(7): with MSG_TRUNC bytes are thrown away, and the buffer may be NULL. */
    if (!io_vector_init(&v, iov, count) ||
        ((flags & MSG_TRUNC) == 0 && !user_memory_vector(iov, (size_t)count)))
        return -1;
    all = v;
    blocks = (flags & MSG_DONTWAIT) == 0 && io_blocks(fd);
    if (atomic_load(&ref.session->stage) != SHIM_OPEN) {
        enum io_state state = wait_for_handshake(fd, ref, blocks, &clock);

        if (state == IO_ERROR || state == IO_END)
            return stopped(ref, state, 0);
        if (state != IO_DONE)
            return -1;
    }
    for (bool waited = false;; waited = true) {
        enum io_state state = receive_round(fd, ref, &v, flags, blocks, waited, &total);

        if (state != IO_READ && state != IO_DONE)
            return stopped(ref, state, total);
        /* The kernel waits once for a read of nothing, and asks no more why that ended. */
        if (all.left == 0 && (state == IO_DONE || waited))
            return 0;
        if (total > 0 && (!blocks || enough(total, all.left, flags, ref.session)))
            return (ssize_t)total;
        if (!blocks)
            return stopped(ref, state, 0);
        clock.partial = total > 0;
        if (total > 0 && (flags & MSG_PEEK) ? !wait_for_more_to_peek(fd, &clock, total, &over)
                                            : !wait_readable(fd, ref, &clock))
            return total > 0 ? (ssize_t)total : all.left == 0 && errno != EBADF ? 0 : -1;
        if (flags & MSG_PEEK)
            v = all;
    }
}
