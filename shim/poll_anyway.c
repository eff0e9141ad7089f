#include "poll_anyway.h"

struct sets {
    fd_set in, out, special;
    int reach;
};

/* False: there is a number that no set holds. */
static bool fill(struct sets *s, const struct pollfd *entries, nfds_t count)
{
    FD_ZERO(&s->in);
    FD_ZERO(&s->out);
    FD_ZERO(&s->special);
    s->reach = 0;
    for (nfds_t i = 0; i < count; i++) {
        int fd = entries[i].fd;

        if (fd >= FD_SETSIZE)
            return false;
        if (fd < 0)
            continue;
        if (entries[i].events & (POLLIN | POLLRDHUP))
            FD_SET(fd, &s->in);
        if (entries[i].events & POLLOUT)
            FD_SET(fd, &s->out);
        if (entries[i].events & POLLPRI)
            FD_SET(fd, &s->special);
        if (fd >= s->reach)
            s->reach = fd + 1;
    }
    return true;
}

static int give(const struct sets *s, struct pollfd *entries, nfds_t count)
{
    int ready = 0;

    for (nfds_t i = 0; i < count; i++) {
        int fd = entries[i].fd, got = 0;

        if (fd >= 0)
            got = (FD_ISSET(fd, &s->in) ? POLLIN : 0) | (FD_ISSET(fd, &s->out) ? POLLOUT : 0) |
                  (FD_ISSET(fd, &s->special) ? POLLPRI : 0);
        entries[i].revents = (short)(got & entries[i].events);
        ready += entries[i].revents != 0;
    }
    return ready;
}

int poll_anyway(struct pollfd *entries, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask)
{
    struct sets s;
    int r = real(ppoll)(entries, count, timeout, mask);

    if (r >= 0 || errno != EINVAL || !fill(&s, entries, count))
        return r;
    r = real(pselect)(s.reach, &s.in, &s.out, &s.special, timeout, mask);
    return r < 0 ? r : give(&s, entries, count);
}

long sys_poll_anyway(struct pollfd *entries, nfds_t count, struct timespec *timeout,
                     const uint64_t *mask)
{
    struct {
        const uint64_t *mask;
        size_t size;
    } with = {mask, sizeof(*mask)};
    struct sets s;
    long r = sys5(SYS_ppoll, entries, count, timeout, mask, sizeof(*mask));

    if (r != -EINVAL || !fill(&s, entries, count))
        return r;
    r = sys6(SYS_pselect6, s.reach, &s.in, &s.out, &s.special, timeout, &with);
    return r < 0 ? r : give(&s, entries, count);
}
