/* close, dup and kin: descriptor numbers come and go, the session stays until the last is gone. */
#include <fcntl.h>
#include <limits.h>

#include "checkers.h"
#include "connections.h"
#include "global.h"
#include "io.h"
#include "route.h"
#include "sockets.h"
#include "stdio_streams.h"
#include "watch.h"

/* Taking a number away from a session that lives on under others: done under both its locks, so
 * that nobody who works on the session meets another file at that number half-way. */
struct taking {
    struct shim_guard guard;
    struct shim_ref ref;
    unsigned left;
    uint64_t taken;
};

static void take_number(int fd, struct taking *t)
{
    t->ref = connection_take(fd, &t->left, &t->taken);
    if (t->left == 0)
        t->ref.session = NULL;
    if (t->ref.session == NULL)
        return;
    shim_enter(&t->guard);
    if (!session_lock_both(t->ref)) {
        shim_leave(&t->guard);
        t->ref.session = NULL;
    }
}

static void number_taken(struct taking *t)
{
    int error = errno;

    if (t->ref.session == NULL)
        return;
    session_unlock_both(t->ref.session);
    shim_leave(&t->guard);
    errno = error;
}

/* The arena's descriptor is none for the program. */
static bool is_hidden(int fd)
{
    if (!arena_hides(fd))
        return false;
    errno = EBADF;
    return true;
}

/* libc's would let the thread be cancelled half-way: it asks before, and not in the call. */
static int close_taken(int fd)
{
    long r;

    CHECKER_CLOSES(fd);
    r = sys3(SYS_close, fd, 0, 0);

    if (r < 0)
        errno = (int)-r;
    return r < 0 ? -1 : 0;
}

HOOK int close(int fd)
{
    struct taking t;
    int saved = errno, r;

    if (is_hidden(fd))
        return -1;
    if (fdtable == NULL || !shim_ready())
        return real(close)(fd);
    if (fdtable_kind(fd) != FD_TLS) {
        watch_set_closes(fd);
        connection_forget(fd);
        errno = saved;
        return real(close)(fd);
    }
    pthread_testcancel();
    take_number(fd, &t);
    errno = saved;
    r = close_taken(fd);
    number_taken(&t);
    fdtable_changed(fd, t.taken);
    return r;
}

/* Sessions in the range only; other numbers keep what they were until they are used anew. */
static void let_go_range(unsigned first, unsigned last)
{
    unsigned reach = fdtable != NULL ? (unsigned)fdtable_reach() : 0;

    for (unsigned fd = first; fd < reach && fd <= last; fd++)
        if (fdtable_kind((int)fd) == FD_TLS)
            connection_forget((int)fd);
}

/* What the program asked for, but for the descriptor that it does not know. */
static int close_around(unsigned first, unsigned last, int flags)
{
    int hidden = arena_descriptor();
    unsigned number = (unsigned)hidden;
    int r = 0;

    if (hidden < 0 || number < first || number > last)
        return real(close_range)(first, last, flags);
    if (number > first)
        r = real(close_range)(first, number - 1, flags);
    if (r == 0 && number < last)
        r = real(close_range)(number + 1, last, flags);
    return r;
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (first <= last && (flags & CLOSE_RANGE_CLOEXEC) == 0)
        let_go_range(first, last);
    return close_around(first, last, flags);
}

HOOK void closefrom(int first)
{
    unsigned from = first < 0 ? 0 : (unsigned)first;

    let_go_range(from, UINT_MAX);
    if (arena_descriptor() < (int)from || close_around(from, UINT_MAX, 0) != 0)
        real(closefrom)(first);
}

HOOK int shutdown(int fd, int how)
{
    ROUTE(fd, io_shutdown(fd, ref, how), real(shutdown)(fd, how))
}

/* Making a copy of a number: its session is counted once more from before the real call, so that a
 * last close in another thread does not end it in between. */
struct copying {
    int fd;
    struct shim_ref ref; /* what fd stood for; no session: none */
    bool refused;        /* another thread was faster to close it: errno is set */
};

/* The session that the number names, counted once more; NULL session: none. */
static struct shim_ref pinned_session(int fd)
{
    struct shim_ref ref;
    uint64_t seen;
    unsigned left;

    for (;;) {
        seen = fdtable_entry(fd);
        ref = fdtable_session_of(seen);
        if (ref.session == NULL)
            return ref;
        fdtable_pin(ref.session);
        if (fdtable_entry(fd) == seen) /* whoever takes the number away sees the count */
            return ref;
        left = fdtable_unpin(ref.session);
        connection_let_go(fd, ref, left);
    }
}

static struct copying copy_begins(int fd)
{
    struct copying c = {.fd = fd};

    if (!shim_ready())
        return c;
    c.ref = pinned_session(fd);
    if (c.ref.session == NULL && fdtable != NULL && fdtable_kind(fd) == FD_CHANGING)
        c.refused = fd_verdict(fd, &(struct shim_ref){0}) == FD_IS_DENIED;
    return c;
}

static void enter_session(int copy, struct shim_ref ref)
{
    fdtable_set_session(copy, ref);
    stdio_takes_over(copy);
}

/* `copy` stands for what the first number stands for. */
static void enter_copy(const struct copying *c, int copy)
{
    struct shim_ref ref;

    if (c->ref.session != NULL && socket_is_of(copy, c->ref.session)) {
        enter_session(copy, c->ref);
        return;
    }
    switch (fd_verdict(c->fd, &ref)) {
    case FD_IS_TLS:
        enter_session(copy, ref);
        break;
    case FD_IS_PLAIN:
        if (fdtable_kind(c->fd) == FD_PLAIN) {
            fdtable_set_plain(copy);
            stdio_gives_back(copy);
            break;
        }
        /* fall through */
    default:
        connection_forget(copy);
    }
}

static int copied(const struct copying *c, int copy)
{
    int saved = errno;
    unsigned left;

    if (copy >= 0 && shim_ready())
        enter_copy(c, copy);
    if (c->ref.session != NULL) {
        left = fdtable_unpin(c->ref.session);
        connection_let_go(copy >= 0 ? copy : c->fd, c->ref, left);
    }
    errno = saved;
    return copy;
}

HOOK int dup(int fd)
{
    if (is_hidden(fd))
        return -1;
    struct copying c = copy_begins(fd);

    return c.refused ? -1 : copied(&c, real(dup)(fd));
}

/* Another file is about to be put at `copy`, perhaps while other threads use it. */
static void replacing(int copy, struct taking *t)
{
    *t = (struct taking){0};
    if (fdtable != NULL && shim_ready())
        take_number(copy, t);
}

static int replaced(const struct copying *c, int copy, int result, struct taking *t)
{
    number_taken(t);
    result = copied(c, result);
    if (t->taken != 0) /* not entered anew */
        fdtable_changed(copy, t->taken);
    return result;
}

HOOK int dup2(int fd, int copy)
{
    if (is_hidden(fd) || !arena_make_way(copy))
        return -1;
    if (fd == copy || !socket_is_open(fd))
        return real(dup2)(fd, copy);
    struct copying c = copy_begins(fd);
    struct taking t;

    if (c.refused)
        return -1;
    replacing(copy, &t);
    return replaced(&c, copy, real(dup2)(fd, copy), &t);
}

HOOK int dup3(int fd, int copy, int flags)
{
    if (is_hidden(fd) || !arena_make_way(copy))
        return -1;
    if (fd == copy || !socket_is_open(fd) || (flags & ~O_CLOEXEC) != 0)
        return real(dup3)(fd, copy, flags);
    struct copying c = copy_begins(fd);
    struct taking t;

    if (c.refused)
        return -1;
    replacing(copy, &t);
    return replaced(&c, copy, real(dup3)(fd, copy, flags), &t);
}

static int control(int fd, int command, void *argument, int (*real_fcntl)(int, int, ...))
{
    if (is_hidden(fd))
        return -1;
    if (command != F_DUPFD && command != F_DUPFD_CLOEXEC)
        return real_fcntl(fd, command, argument);
    struct copying c = copy_begins(fd);

    return c.refused ? -1 : copied(&c, real_fcntl(fd, command, argument));
}

HOOK int fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return control(fd, command, argument, real(fcntl));
}

HOOK int fcntl64(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return control(fd, command, argument, real(fcntl64));
}
