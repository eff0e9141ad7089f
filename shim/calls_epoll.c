/* epoll: sets stay the kernel's own; the library stands between for the descriptors of sessions. */
#include "connections.h"
#include "deadlines.h"
#include "global.h"
#include "needy.h"
#include "poll_anyway.h"
#include "sockets.h"
#include "wait.h"
#include "watch.h"

HOOK int epoll_ctl(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    struct shim_ref ref;

    switch (fd_verdict(fd, &ref)) {
    case FD_IS_TLS:
        return watch_control(epoll_fd, operation, fd, ref, event);
    case FD_IS_DENIED:
        errno = EPERM;
        return -1;
    default:
        if (fdtable != NULL && fdtable_kind(fd) == FD_UNKNOWN && shim_ready() &&
            socket_kind(fd) == SOCKET_TCP)
            return watch_control_early(epoll_fd, operation, fd, event);
        return real(epoll_ctl)(epoll_fd, operation, fd, event);
    }
}

/* Sessions that need carrying on but are in no set: they are waited for beside the set. */
static int wait_beside(int epoll_fd, struct epoll_event *events, int max, struct timespec *timeout,
                       const sigset_t *mask)
{
    struct pollfd entries[1 + NEEDY_MAX];
    int extra, r;

    entries[0] = (struct pollfd){.fd = epoll_fd, .events = POLLIN};
    extra = needy_collect(entries + 1, NEEDY_MAX, entries, 1);
    r = poll_anyway(entries, (nfds_t)(1 + extra), timeout, mask);
    if (r < 0)
        return -1;
    needy_attend(entries + 1, extra);
    if (entries[0].revents == 0)
        return 0;
    return real(epoll_pwait)(epoll_fd, events, max, 0, mask);
}

/* Not shorter than asked: milliseconds are rounded up. */
static int milliseconds(const struct timespec *t)
{
    int64_t ms;

    if (t == NULL)
        return -1;
    ms = t->tv_sec * 1000LL + (t->tv_nsec + 999999) / 1000000;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

/* end: CLOCK_MONOTONIC; INT64_MAX: none; 0: at once, which lets no signal in. */
static int wait_rounds(int epoll_fd, struct epoll_event *events, int max, int64_t end,
                       const sigset_t *mask)
{
    for (int extra = 0;;) {
        int64_t deadline = deadlines_next();
        struct timespec limit, *timeout;
        int r;

        timeout = wait_until(end < deadline ? end : deadline, &limit);
        if (needy_any())
            r = wait_beside(epoll_fd, events, max, timeout, mask);
        else
            r = real(epoll_pwait)(epoll_fd, events, max, milliseconds(timeout), mask);
        if (r < 0)
            return -1;
        bool swallowed = r > 0;

        if (r > 0)
            r = watch_translate(events, r);
        if (r > 0)
            return r;
        /* What was swallowed may have ended a handshake, and with it made something to see. */
        if (end != INT64_MAX && shim_now() >= end && (!swallowed || extra++ == 2))
            return end != 0 ? wait_for_signals_only(mask) : 0;
    }
}

static int64_t end_of(int timeout)
{
    if (timeout == 0)
        return 0;
    return timeout < 0 ? INT64_MAX : shim_now() + timeout * 1000000LL;
}

HOOK int epoll_wait(int epoll_fd, struct epoll_event *events, int max, int timeout)
{
    return epoll_pwait(epoll_fd, events, max, timeout, NULL);
}

/* A program that has no session yet may get one in another thread while this one waits; what the
 * wait then brings is translated all the same. */
HOOK int epoll_pwait(int epoll_fd, struct epoll_event *events, int max, int timeout,
                     const sigset_t *mask)
{
    if (!shim_ready())
        return real(epoll_pwait)(epoll_fd, events, max, timeout, mask);
    return wait_rounds(epoll_fd, events, max, end_of(timeout), mask);
}

HOOK int epoll_pwait2(int epoll_fd, struct epoll_event *events, int max,
                      const struct timespec *timeout, const sigset_t *mask)
{
    if (!shim_ready())
        return real(epoll_pwait2)(epoll_fd, events, max, timeout, mask);
    if (timeout != NULL && !wait_is_time(timeout)) {
        errno = EINVAL;
        return -1;
    }
    bool at_once = timeout != NULL && timeout->tv_sec == 0 && timeout->tv_nsec == 0;

    return wait_rounds(epoll_fd, events, max, at_once ? 0 : wait_end(timeout), mask);
}
