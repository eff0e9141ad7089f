/* The system calls of common_os.h in the launcher, where nothing stands before libc. */
#include "../common_os.h"

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

ssize_t os_sendto(int fd, const void *buffer, size_t n, int flags, const struct sockaddr *to,
                  socklen_t to_length)
{
    return sendto(fd, buffer, n, flags, to, to_length);
}
