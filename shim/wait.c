#include "wait.h"

#include <limits.h>
#include <sys/time.h>

#include "deadlines.h"
#include "global.h"
#include "needy.h"
#include "poll_anyway.h"

bool wait_restarts(void)
{
    bool caught = false;

    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction action;

        if (sigaction(sig, NULL, &action) != 0 || action.sa_handler == SIG_DFL ||
            action.sa_handler == SIG_IGN)
            continue;
        caught = true;
        if ((action.sa_flags & SA_RESTART) == 0)
            return false;
    }
    return caught;
}

int wait_for_signals_only(const sigset_t *mask)
{
    struct timespec none = {0};

    return mask != NULL ? real(ppoll)(NULL, 0, &none, mask) : 0;
}

int64_t wait_handshake_end(const struct shim_session *s, int64_t deadline)
{
    if (session_in_handshake(s) && s->deadline < deadline)
        return s->deadline;
    return deadline;
}

int64_t wait_end(const struct timespec *timeout)
{
    if (timeout == NULL || timeout->tv_sec > INT32_MAX)
        return INT64_MAX;
    return shim_now() + timeout->tv_sec * 1000000000LL + timeout->tv_nsec;
}

int64_t wait_slice(int64_t deadline, unsigned rounds)
{
    int64_t end = shim_now() + (10000000LL << (rounds < 4 ? rounds : 4));

    return end < deadline ? end : deadline;
}

struct timespec *wait_until(int64_t deadline, struct timespec *limit)
{
    int64_t left = deadline - shim_now();

    if (deadline == INT64_MAX)
        return NULL;
    if (left < 0)
        left = 0;
    *limit = (struct timespec){left / 1000000000, left % 1000000000};
    return limit;
}

static int64_t socket_timeout(int fd, int option)
{
    struct timeval t = {0};
    socklen_t length = sizeof(t);

    sys5(SYS_getsockopt, fd, SOL_SOCKET, option, &t, &length);
    return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

void wait_begin(struct wait_clock *clock, int fd, int option)
{
    if (clock->began != 0)
        return;
    clock->began = shim_now();
    clock->timeout = socket_timeout(fd, option);
}

/* One wait for `events`, carrying on the needy beside it. s: NULL for a descriptor that has none.
 * 1: the descriptor is ready; 0: the session's own deadline or some needy session needs a look;
 * -1: errno. */
static int wait_once(int fd, short events, const struct shim_session *s,
                     const struct wait_clock *clock)
{
    struct pollfd entries[1 + NEEDY_MAX];
    int64_t deadline = INT64_MAX;
    struct timespec limit, *timeout;
    int64_t own_end = clock->timeout > 0 ? clock->began + clock->timeout : INT64_MAX;
    int count, r;

    entries[0] = (struct pollfd){.fd = fd, .events = events};
    if (s == NULL)
        deadline = deadlines_next();
    else if (clock->sliced)
        deadline = wait_slice(wait_handshake_end(s, deadlines_next()), clock->rounds);
    else if (session_in_handshake(s)) /* the peer renegotiates */
        deadline = deadlines_next();
    count = 1 + needy_collect(entries + 1, NEEDY_MAX, entries, 1);
    if (own_end < deadline)
        deadline = own_end;
    timeout = wait_until(deadline, &limit);
    r = poll_anyway(entries, (nfds_t)count, timeout, NULL);
    if (r < 0)
        return -1;
    needy_attend(entries + 1, count - 1);
    if (entries[0].revents & POLLNVAL) {
        errno = EBADF;
        return -1;
    }
    if (entries[0].revents != 0)
        return 1;
    if (own_end != INT64_MAX && shim_now() >= own_end) {
        errno = EAGAIN;
        return -1;
    }
    return 0;
}

static bool wait_for_events(int fd, short events, const struct shim_session *s,
                            struct wait_clock *clock)
{
    for (;;) {
        int r = wait_once(fd, events, s, clock);

        clock->rounds++;
        if (r > 0 || (r == 0 && clock->sliced))
            return true;
        if (r == 0)
            continue;
        /* signal(7): a socket call with a time-out is never restarted. */
        if (errno != EINTR || clock->timeout > 0 || clock->partial || !wait_restarts())
            return false;
    }
}

/* On an empty queue this is the kernel's own blocking read, restarts and all. */
static bool wait_in_recv(int fd, struct shim_session *s)
{
    char byte;
    int none = 0;

    if (real(recv)(fd, &byte, 1, MSG_PEEK) >= 0)
        return true;
    if (errno == EINTR || errno == EAGAIN || errno == EBADF)
        return false;
    /* The kernel tells an error once, and this was it. */
    atomic_compare_exchange_strong(&s->error, &none, errno);
    return true;
}

bool wait_readable(int fd, struct shim_ref ref, struct wait_clock *clock)
{
    struct shim_session *s = ref.session;
    bool first = clock->began == 0;
    short events = POLLIN;

    wait_begin(clock, fd, SO_RCVTIMEO);
    if (atomic_load(&s->tail) != 0)
        events |= POLLOUT;
    else if (atomic_load(&s->stage) == SHIM_OPEN && !session_in_handshake(s) && !needy_any() &&
             (first || clock->timeout == 0) && !clock->partial)
        return wait_in_recv(fd, s);
    if (!wait_for_events(fd, events, s, clock))
        return false;
    if (events & POLLOUT)
        io_attend(fd, ref);
    return true;
}

/* Never in the kernel for long: another thread or process may take the last
 * message and open the session, after which nothing more may come to read. */
static bool wait_in_handshake_for(int fd, short events, struct shim_ref ref,
                                  struct wait_clock *clock)
{
    bool ready;

    wait_begin(clock, fd, SO_RCVTIMEO);
    if (atomic_load(&ref.session->stage) == SHIM_OPEN && !session_in_handshake(ref.session))
        return true;
    /* What the program has not read yet keeps the kernel readable in a renegotiation. */
    if (io_leftover(ref.session) > 0)
        events &= ~POLLIN;
    /* Decided here, not by the stage at each step: it may change at any moment. */
    clock->sliced = true;
    ready = wait_for_events(fd, events, ref.session, clock);
    clock->sliced = false;
    return ready;
}

bool wait_writable(int fd, struct shim_ref ref, struct wait_clock *clock)
{
    wait_begin(clock, fd, SO_SNDTIMEO);
    return wait_for_events(fd, POLLOUT, ref.session, clock);
}

/* For a blocking wait on an empty queue, as in a read. */
static void take_partial(int fd, struct shim_ref ref)
{
    struct shim_guard guard;

    shim_enter(&guard);
    if (session_lock_read(ref)) {
        io_take_partial(ref.session, fd);
        session_unlock_read(ref.session);
    }
    shim_leave(&guard);
}

bool wait_on_plain(int fd, struct wait_clock *clock)
{
    wait_begin(clock, fd, SO_RCVTIMEO);
    return wait_for_events(fd, POLLIN, NULL, clock);
}

enum io_state wait_for_handshake(int fd, struct shim_ref ref, bool blocks, struct wait_clock *clock)
{
    for (;;) {
        enum io_state state;

        atomic_store(&ref.session->touched, 1);
        state = io_attend(fd, ref);
        if (state == IO_DONE || state == IO_ERROR)
            return state;
        if (state == IO_GONE) {
            errno = EBADF;
            return state;
        }
        if (state == IO_CONNECTING && (errno = io_connect_error(fd)) != 0)
            return errno == EPIPE ? IO_END : state;
        if (!blocks) {
            errno = EAGAIN;
            return state;
        }
        if (state == IO_READ) {
            take_partial(fd, ref);
            if (!wait_in_handshake_for(fd, POLLIN, ref, clock))
                return state;
        } else if (!wait_in_handshake_for(fd, POLLOUT, ref, clock)) {
            return state;
        }
    }
}

enum io_state io_handshake_wait(int fd, struct shim_ref ref, int64_t limit)
{
    struct wait_clock clock = {.began = shim_now(), .timeout = limit > 0 ? limit : 0};

    return wait_for_handshake(fd, ref, limit != 0, &clock);
}
