/* The system calls of common_os.h in the launcher, where nothing stands before libc. */
#include "../common_os.h"
#include "../real.h"

#include <poll.h>
#include <unistd.h>

ssize_t os_read(int fd, void *buffer, size_t n)
{
    return read(fd, buffer, n);
}

ssize_t os_write(int fd, const void *buffer, size_t n)
{
    return write(fd, buffer, n);
}

int os_close(int fd)
{
    return close(fd);
}

int os_socket(int domain, int type, int protocol)
{
    return socket(domain, type, protocol);
}

ssize_t os_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return sendmsg(fd, message, flags);
}

bool os_is_writable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT);
}

/* real.h's, for the arena. */
long shim_sys(long number, long a, long b, long c, long d, long e, long f)
{
    long result = syscall(number, a, b, c, d, e, f);
    return result < 0 ? -errno : result;
}
