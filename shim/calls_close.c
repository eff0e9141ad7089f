/* close, dup and kin: descriptor numbers come and go, the session stays until the last is gone. */
#include <fcntl.h>
#include <limits.h>

#include "connections.h"
#include "global.h"
#include "io.h"
#include "route.h"
#include "stdio_streams.h"
#include "watch.h"

/* The number is about to stand for something else, or nothing. */
static void let_go(int fd)
{
    unsigned left;
    struct shim_ref ref;

    if (fdtable == NULL || !shim_ready())
        return;
    ref = fdtable_clear(fd, &left);
    if (ref.session != NULL)
        connection_let_go(fd, ref, left);
}

HOOK int close(int fd)
{
    int saved = errno;

    let_go(fd);
    errno = saved;
    return real(close)(fd);
}

/* Sessions in the range only; other numbers keep what they were until they are used anew. */
static void let_go_range(unsigned first, unsigned last)
{
    unsigned reach = fdtable != NULL ? (unsigned)fdtable_reach() : 0;

    for (unsigned fd = first; fd < reach && fd <= last; fd++)
        if (fdtable_kind((int)fd) == FD_TLS)
            let_go((int)fd);
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
    unsigned left;

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
        fdtable_clear(copy, &left);
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
static void replacing(int copy)
{
    if (fdtable == NULL || !shim_ready())
        return;
    if (fdtable_kind(copy) == FD_TLS)
        let_go(copy);
    fdtable_set_changing(copy);
}

static int replaced(int fd, int copy, int result)
{
    unsigned left;
    int saved = errno;

    if (result < 0 && fdtable != NULL)
        fdtable_clear(copy, &left);
    errno = saved;
    return entered(fd, result);
}

HOOK int dup2(int fd, int copy)
{
    if (fd == copy || !is_open(fd))
        return real(dup2)(fd, copy);
    replacing(copy);
    return replaced(fd, copy, real(dup2)(fd, copy));
}

HOOK int dup3(int fd, int copy, int flags)
{
    if (fd == copy || !is_open(fd) || (flags & ~O_CLOEXEC) != 0)
        return real(dup3)(fd, copy, flags);
    replacing(copy);
    return replaced(fd, copy, real(dup3)(fd, copy, flags));
}

static int control(int fd, int command, void *argument,
                   int (*real_fcntl)(int, int, ...))
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
