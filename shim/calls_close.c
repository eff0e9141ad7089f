/* close, dup and kin: descriptor numbers come and go, the session stays until the last is gone. */
#include <fcntl.h>
#include <limits.h>

#include "connections.h"
#include "global.h"
#include "io.h"
#include "route.h"
#include "stdio_streams.h"
#include "watch.h"

/* Taking a number away from a session that lives on under others: done under both its locks, so
 * that nobody who works on the session meets another file at that number half-way. */
struct taking {
    struct shim_guard guard;
    struct shim_ref ref;
    unsigned left;
};

static void take_number(int fd, struct taking *t)
{
    t->ref = fdtable_clear(fd, &t->left);
    if (t->ref.session != NULL && t->left == 0) {
        connection_let_go(fd, t->ref, 0);
        t->ref.session = NULL;
    }
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

HOOK int close(int fd)
{
    struct taking t;
    int saved = errno, r;

    if (fdtable == NULL || !shim_ready())
        return real(close)(fd);
    take_number(fd, &t);
    errno = saved;
    r = real(close)(fd);
    number_taken(&t);
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

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (first <= last && (flags & CLOSE_RANGE_CLOEXEC) == 0)
        let_go_range(first, last);
    return real(close_range)(first, last, flags);
}

HOOK void closefrom(int first)
{
    let_go_range(first < 0 ? 0 : (unsigned)first, UINT_MAX);
    real(closefrom)(first);
}

HOOK int shutdown(int fd, int how)
{
    ROUTE(fd, io_shutdown(fd, ref, how), real(shutdown)(fd, how))
}

/* `copy` stands for what `fd` stands for. */
static int entered(int fd, int copy)
{
    struct shim_ref ref;
    int saved = errno;

    if (copy < 0 || !shim_ready())
        return copy;
    switch (fd_verdict(fd, &ref)) {
    case FD_IS_TLS:
        fdtable_set_session(copy, ref);
        stdio_takes_over(copy);
        break;
    case FD_IS_PLAIN:
        if (fdtable_kind(fd) == FD_PLAIN) {
            fdtable_set_plain(copy);
            stdio_gives_back(copy);
            break;
        }
        /* fall through */
    default:
        connection_forget(copy);
    }
    errno = saved;
    return copy;
}

HOOK int dup(int fd)
{
    return entered(fd, real(dup)(fd));
}

static bool is_open(int fd)
{
    return sys3(SYS_fcntl, fd, F_GETFD, 0) >= 0;
}

/* Another file is about to be put at `copy`, perhaps while other threads use it. */
static void replacing(int copy, struct taking *t)
{
    t->ref.session = NULL;
    if (fdtable == NULL || !shim_ready())
        return;
    take_number(copy, t);
    fdtable_set_changing(copy);
}

static int replaced(int fd, int copy, int result, struct taking *t)
{
    unsigned left;
    int saved = errno;

    number_taken(t);
    if (result < 0 && fdtable != NULL)
        fdtable_clear(copy, &left);
    errno = saved;
    return entered(fd, result);
}

HOOK int dup2(int fd, int copy)
{
    if (fd == copy || !is_open(fd))
        return real(dup2)(fd, copy);
    struct taking t;

    replacing(copy, &t);
    return replaced(fd, copy, real(dup2)(fd, copy), &t);
}

HOOK int dup3(int fd, int copy, int flags)
{
    if (fd == copy || !is_open(fd) || (flags & ~O_CLOEXEC) != 0)
        return real(dup3)(fd, copy, flags);
    struct taking t;

    replacing(copy, &t);
    return replaced(fd, copy, real(dup3)(fd, copy, flags), &t);
}

static int control(int fd, int command, void *argument, int (*real_fcntl)(int, int, ...))
{
    int r = real_fcntl(fd, command, argument);

    return command == F_DUPFD || command == F_DUPFD_CLOEXEC ? entered(fd, r) : r;
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
