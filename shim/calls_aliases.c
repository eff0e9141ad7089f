/* Other names under which libc exports the same calls; old programs, and those that look symbols up
 * by name, use them. */
#include <fcntl.h>

#include "real.h"

HOOK ssize_t __read(int fd, void *buffer, size_t n)
{
    return read(fd, buffer, n);
}

HOOK ssize_t __write(int fd, const void *buffer, size_t n)
{
    return write(fd, buffer, n);
}

HOOK ssize_t __send(int fd, const void *buffer, size_t n, int flags)
{
    return send(fd, buffer, n, flags);
}

HOOK int __connect(int fd, const struct sockaddr *address, socklen_t length)
{
    return connect(fd, address, length);
}

HOOK int __close(int fd)
{
    return close(fd);
}

HOOK int __dup2(int fd, int copy)
{
    return dup2(fd, copy);
}

HOOK int __fcntl(int fd, int command, ...)
{
    va_list arguments;
    void *argument;

    va_start(arguments, command);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return fcntl(fd, command, argument);
}

HOOK int __poll(struct pollfd *fds, nfds_t count, int timeout)
{
    return poll(fds, count, timeout);
}

HOOK int __select(int count, fd_set *in, fd_set *out, fd_set *except, struct timeval *timeout)
{
    return select(count, in, out, except, timeout);
}

HOOK pid_t __fork(void)
{
    return fork();
}

HOOK FILE *_IO_fdopen(int fd, const char *mode)
{
    return fdopen(fd, mode);
}

HOOK FILE *_IO_popen(const char *command, const char *mode)
{
    return popen(command, mode);
}

HOOK int _IO_fclose(FILE *stream)
{
    return fclose(stream);
}

HOOK pid_t __vfork(void)
{
    return vfork();
}
