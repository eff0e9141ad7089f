/* poll, ppoll, select, pselect. With a session among the descriptors, or one that needs carrying
 * on, the kernel is asked about what the sessions wait for, until there is something that the
 * program may see. */
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include "deadlines.h"
#include "fdtable.h"
#include "global.h"
#include "needy.h"
#include "poll_anyway.h"
#include "poll_view.h"
#include "user_memory.h"
#include "wait.h"

enum { ON_STACK = 128 };

struct polling {
    struct pollfd *asked; /* the program's */
    nfds_t count;
    struct pollfd *kernel; /* count + NEEDY_MAX entries */
    struct shim_ref *refs; /* by index; NULL session: plain */
    int64_t end;           /* CLOCK_MONOTONIC; INT64_MAX: none */
    const sigset_t *mask;
    bool anyway;   /* for select, which knows no limit of descriptors */
    bool changed;  /* a handshake ended in the last round: the kernel must be asked again */
    bool withheld; /* somebody waits for a handshake to end */
    unsigned rounds;
};

static bool find_session(struct polling *p, nfds_t i)
{
    p->refs[i].session = NULL;
    if (p->asked[i].fd >= 0 && fd_verdict(p->asked[i].fd, &p->refs[i]) == FD_IS_TLS)
        return true;
    p->refs[i].session = NULL;
    return false;
}

static bool find_sessions(struct polling *p)
{
    bool any = false;

    for (nfds_t i = 0; i < p->count; i++)
        any |= find_session(p, i);
    return any;
}

/* Returns the deadline, or the end of a handshake among them if that is earlier. */
static int64_t ask(struct polling *p, int64_t deadline)
{
    p->withheld = false;
    for (nfds_t i = 0; i < p->count; i++) {
        p->kernel[i] = p->asked[i];
        p->kernel[i].revents = 0;
        if (p->refs[i].session == NULL)
            continue;
        p->kernel[i].events =
            (short)view_ask(p->refs[i].session, (unsigned short)p->asked[i].events);
        deadline = wait_handshake_end(p->refs[i].session, deadline);
        if (atomic_load(&p->refs[i].session->stage) == SHIM_HANDSHAKE)
            p->withheld = true;
    }
    return p->withheld ? wait_slice(deadline, p->rounds++) : deadline;
}

static bool is_overdue(const struct shim_session *s)
{
    return wait_handshake_end(s, INT64_MAX) <= shim_now();
}

static unsigned stage_of(struct shim_ref ref)
{
    return ref.session != NULL ? atomic_load(&ref.session->stage) : SHIM_OPEN;
}

static int answer(struct polling *p)
{
    int ready = 0;

    p->changed = false;
    for (nfds_t i = 0; i < p->count; i++) {
        unsigned got = (unsigned short)p->kernel[i].revents;
        unsigned before;

        if (p->refs[i].session != NULL && !session_is_live(p->refs[i])) {
            find_session(p, i); /* closed meanwhile, and perhaps another there now */
            p->changed = true;
        }
        before = stage_of(p->refs[i]);

        if (p->refs[i].session != NULL && (got != 0 || is_overdue(p->refs[i].session)))
            got = view_answer(p->asked[i].fd, p->refs[i], (unsigned short)p->asked[i].events, got);
        p->changed |= stage_of(p->refs[i]) != before;
        p->asked[i].revents = (short)got;
        ready += got != 0;
    }
    return ready;
}

static int poll_rounds(struct polling *p)
{
    for (bool hurry = false;;) {
        int64_t deadline = ask(p, deadlines_next());
        struct timespec limit;
        bool swallowed;
        int extra, r;

        extra = needy_collect(p->kernel + p->count, NEEDY_MAX, p->kernel, (int)p->count);
        if (p->end < deadline)
            deadline = p->end;
        if (hurry)
            deadline = 0;
        r = (p->anyway ? poll_anyway : real(ppoll))(p->kernel, p->count + (nfds_t)extra,
                                                    wait_until(deadline, &limit), p->mask);
        if (r < 0)
            return -1;
        needy_attend(p->kernel + p->count, extra);
        swallowed = r > 0;
        r = answer(p);
        /* After a handshake has ended all are asked once more, so that none is left out. */
        hurry = p->changed && r > 0;
        if (p->changed)
            continue;
        if (r > 0)
            return r;
        if (p->end != INT64_MAX && shim_now() >= p->end)
            return swallowed ? wait_for_signals_only(p->mask) : 0;
    }
}

/* Memory for a large set: mapped, for malloc may not be called here (a signal handler may poll). */
static void *room_for(size_t size)
{
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return map == MAP_FAILED ? NULL : map;
}

static int poll_mapped(struct polling *p, const struct timespec *timeout)
{
    size_t kernel_size = sizeof(*p->kernel) * (p->count + NEEDY_MAX);
    size_t size = kernel_size + sizeof(*p->refs) * p->count;
    char *memory = room_for(size);
    int r, saved;

    if (memory == NULL)
        return -1;
    p->kernel = (struct pollfd *)memory;
    p->refs = (struct shim_ref *)(memory + kernel_size);
    if (find_sessions(p) || needy_any())
        r = poll_rounds(p);
    else
        r = real(ppoll)(p->asked, p->count, timeout, p->mask);
    saved = errno;
    munmap(memory, size);
    errno = saved;
    return r;
}

/* timeout: NULL for none. anyway: as poll_anyway's. */
static int poll_all(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                    const sigset_t *mask, bool anyway)
{
    struct pollfd kernel[ON_STACK + NEEDY_MAX];
    struct shim_ref refs[ON_STACK];
    struct polling p = {
        .asked = fds,
        .count = count,
        .kernel = kernel,
        .refs = refs,
        .end = INT64_MAX,
        .mask = mask,
        .anyway = anyway,
    };

    if (!shim_ready() || fdtable_reach() == 0 ||
        (count <= FDTABLE_SIZE && !user_memory(fds, count * sizeof(*fds))))
        return real(ppoll)(fds, count, timeout, mask);
    if (timeout != NULL && !user_memory(timeout, sizeof(*timeout)))
        return -1;
    if (timeout != NULL && !wait_is_time(timeout)) {
        errno = EINVAL;
        return -1;
    }
    p.end = wait_end(timeout);
    if (count > ON_STACK && count <= FDTABLE_SIZE)
        return poll_mapped(&p, timeout);
    if (count <= ON_STACK && (find_sessions(&p) || needy_any()))
        return poll_rounds(&p);
    return real(ppoll)(fds, count, timeout, mask);
}

HOOK int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    struct timespec limit = {timeout / 1000, timeout % 1000 * 1000000L};

    return poll_all(fds, count, timeout >= 0 ? &limit : NULL, NULL, false);
}

HOOK int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
               const sigset_t *mask)
{
    return poll_all(fds, count, timeout, mask, false);
}

HOOK int __poll_chk(struct pollfd *fds, nfds_t count, int timeout, size_t size)
{
    if (size / sizeof(*fds) < count)
        __chk_fail();
    return poll(fds, count, timeout);
}

HOOK int __ppoll_chk(struct pollfd *fds, nfds_t count, const struct timespec *timeout,
                     const sigset_t *mask, size_t size)
{
    if (size / sizeof(*fds) < count)
        __chk_fail();
    return ppoll(fds, count, timeout, mask);
}

/* ---- select, by way of poll ---- */

struct selecting {
    int count;
    unsigned long *in, *out, *except; /* the program's sets, as words; may be NULL */
};

static bool bit(const unsigned long *set, int fd)
{
    const int width = 8 * sizeof(*set);

    return set != NULL && (set[fd / width] >> (fd % width) & 1) != 0;
}

static void set_bit(unsigned long *set, int fd, bool value)
{
    const int width = 8 * sizeof(*set);

    if (set == NULL)
        return;
    if (value)
        set[fd / width] |= 1ul << (fd % width);
    else
        set[fd / width] &= ~(1ul << (fd % width));
}

static bool selects_session(const struct selecting *s)
{
    for (int fd = 0; fd < s->count; fd++) {
        struct shim_ref ref;

        if ((bit(s->in, fd) || bit(s->out, fd) || bit(s->except, fd)) &&
            fd_verdict(fd, &ref) == FD_IS_TLS)
            return true;
    }
    return false;
}

static int fill_polls(const struct selecting *s, struct pollfd *fds)
{
    int n = 0;

    for (int fd = 0; fd < s->count; fd++) {
        short events = (short)((bit(s->in, fd) ? POLLIN : 0) | (bit(s->out, fd) ? POLLOUT : 0) |
                               (bit(s->except, fd) ? POLLPRI : 0));

        if (events != 0)
            fds[n++] = (struct pollfd){.fd = fd, .events = events};
    }
    return n;
}

/* As the kernel's select reads poll's bits. -1 with EBADF when a descriptor is none. */
static int give_sets(const struct selecting *s, const struct pollfd *fds, int n)
{
    int ready = 0;

    for (int i = 0; i < n; i++)
        if (fds[i].revents & POLLNVAL) {
            errno = EBADF;
            return -1;
        }
    for (int i = 0; i < n; i++) {
        short got = fds[i].revents, asked = fds[i].events;
        bool in = asked & POLLIN && got & (POLLIN | POLLHUP | POLLERR);
        bool out = asked & POLLOUT && got & (POLLOUT | POLLERR);
        bool except = asked & POLLPRI && got & POLLPRI;

        set_bit(s->in, fds[i].fd, in);
        set_bit(s->out, fds[i].fd, out);
        set_bit(s->except, fds[i].fd, except);
        ready += in + out + except;
    }
    return ready;
}

static int select_by_poll(const struct selecting *s, const struct timespec *timeout,
                          const sigset_t *mask)
{
    size_t size = sizeof(struct pollfd) * ((size_t)s->count + 1);
    struct pollfd *fds = room_for(size);
    int n, r, saved;

    if (fds == NULL)
        return -1;
    n = fill_polls(s, fds);
    r = poll_all(fds, (nfds_t)n, timeout, mask, true);
    if (r >= 0)
        r = give_sets(s, fds, n);
    saved = errno;
    munmap(fds, size);
    errno = saved;
    return r;
}

/* The words that the kernel would read. */
static bool sets_are_there(const struct selecting *s)
{
    const size_t width = 8 * sizeof(*s->in);
    size_t n = ((size_t)s->count + width - 1) / width * sizeof(*s->in);

    return (s->in == NULL || user_memory(s->in, n)) && (s->out == NULL || user_memory(s->out, n)) &&
           (s->except == NULL || user_memory(s->except, n));
}

static bool needs_poll(const struct selecting *s)
{
    return shim_ready() && fdtable_reach() > 0 && s->count > 0 && s->count <= FDTABLE_SIZE &&
           sets_are_there(s) && (selects_session(s) || needy_any());
}

HOOK int select(int count, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
    struct selecting s = {count, (unsigned long *)in, (unsigned long *)out,
                          (unsigned long *)except};
    struct timespec limit = {0};
    int64_t end, left;
    int r;

    if (!needs_poll(&s) || (timeout != NULL && !user_memory(timeout, sizeof(*timeout))))
        return real(select)(count, in, out, except, timeout);
    if (timeout == NULL)
        return select_by_poll(&s, NULL, NULL);
    if (timeout->tv_sec < 0 || timeout->tv_usec < 0) {
        errno = EINVAL;
        return -1;
    }
    limit.tv_sec = timeout->tv_sec + timeout->tv_usec / 1000000;
    limit.tv_nsec = timeout->tv_usec % 1000000 * 1000;
    end = wait_end(&limit);
    r = select_by_poll(&s, &limit, NULL);
    /* Linux leaves in timeout what was not waited. */
    left = end - shim_now();
    timeout->tv_sec = left > 0 ? left / 1000000000 : 0;
    timeout->tv_usec = left > 0 ? left % 1000000000 / 1000 : 0;
    return r;
}

HOOK int pselect(int count, fd_set *in, fd_set *out, fd_set *except, const struct timespec *timeout,
                 const sigset_t *mask)
{
    struct selecting s = {count, (unsigned long *)in, (unsigned long *)out,
                          (unsigned long *)except};

    if (!needs_poll(&s) || (timeout != NULL && !user_memory(timeout, sizeof(*timeout))))
        return real(pselect)(count, in, out, except, timeout, mask);
    return select_by_poll(&s, timeout, mask);
}
