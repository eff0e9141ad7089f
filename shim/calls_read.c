/* read and its kin. */
#include <sys/stat.h>

#include "connections.h"
#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "needy.h"
#include "passing.h"
#include "route.h"
#include "user_memory.h"
#include "wait.h"

static ssize_t receive(int fd, struct shim_ref ref, void *buffer, size_t n, int flags)
{
    struct iovec one = {buffer, n > SSIZE_MAX ? SSIZE_MAX : n};

    if (flags & MSG_ERRQUEUE)
        return real(recv)(fd, buffer, n, flags);
    return io_receive(fd, ref, &one, 1, flags);
}

/* Of a pipe or another socket, which may take long: whoever is to write there may wait for one of
 * our connections. */
static ssize_t read_plain(int fd, void *buffer, size_t n)
{
    struct wait_clock clock = {0};
    int saved = errno;
    struct stat status;

    if (n > 0 && needy_any() && fstat(fd, &status) == 0 &&
        (S_ISFIFO(status.st_mode) || S_ISSOCK(status.st_mode)) && io_blocks(fd) &&
        !wait_on_plain(fd, &clock))
        return -1;
    errno = saved;
    return real(read)(fd, buffer, n);
}

HOOK ssize_t read(int fd, void *buffer, size_t n){
    ROUTE_READ(fd, n == 0 ? 0 : receive(fd, ref, buffer, n, 0), read_plain(fd, buffer, n))}

HOOK ssize_t recv(int fd, void *buffer, size_t n, int flags)
{
    ROUTE_READ(fd, receive(fd, ref, buffer, n, flags), real(recv)(fd, buffer, n, flags))
}

/* TCP gives no address: the length becomes 0. */
static ssize_t receive_from(int fd, struct shim_ref ref, void *buffer, size_t n, int flags,
                            socklen_t *length)
{
    ssize_t r = receive(fd, ref, buffer, n, flags);

    if (r >= 0 && length != NULL)
        *length = 0;
    return r;
}

HOOK ssize_t recvfrom(int fd, void *buffer, size_t n, int flags, struct sockaddr *address,
                      socklen_t *length)
{
    ROUTE_READ(fd, receive_from(fd, ref, buffer, n, flags, address != NULL ? length : NULL),
               real(recvfrom)(fd, buffer, n, flags, address, length))
}

static bool bad_count(int count)
{
    if (count >= 0 && count <= 1024)
        return false;
    errno = EINVAL;
    return true;
}

/* read and readv of nothing return at once; recv of nothing waits like any other. */
static ssize_t read_vector(int fd, struct shim_ref ref, const struct iovec *iov, int count,
                           int flags)
{
    size_t n = 0;

    if (bad_count(count) || !user_memory(iov, (size_t)count * sizeof(*iov)))
        return -1;
    for (int i = 0; i < count; i++)
        n |= iov[i].iov_len;
    return n == 0 ? 0 : io_receive(fd, ref, iov, count, flags);
}

HOOK ssize_t readv(int fd, const struct iovec *iov, int count)
{
    ROUTE_READ(fd, read_vector(fd, ref, iov, count, 0), real(readv)(fd, iov, count))
}

static ssize_t receive_message(int fd, struct shim_ref ref, struct msghdr *message, int flags)
{
    ssize_t r;

    if (flags & MSG_ERRQUEUE)
        return real(recvmsg)(fd, message, flags);
    if (!user_memory_message(message))
        return -1;
    if (message->msg_iovlen > 1024) {
        errno = EMSGSIZE;
        return -1;
    }
    r = io_receive(fd, ref, message->msg_iov, (int)message->msg_iovlen, flags);
    if (r >= 0) {
        message->msg_namelen = 0;
        message->msg_controllen = 0;
        message->msg_flags = 0;
    }
    return r;
}

static ssize_t receive_plain_message(int fd, struct msghdr *message, int flags)
{
    ssize_t r = real(recvmsg)(fd, message, flags);

    if (r >= 0)
        passing_receive(message, flags);
    return r;
}

HOOK ssize_t recvmsg(int fd, struct msghdr *message, int flags)
{
    ROUTE_READ(fd, receive_message(fd, ref, message, flags),
               receive_plain_message(fd, message, flags))
}

/* The flag that only recvmmsg has: wait for the first message alone. */
static int receive_messages(int fd, struct shim_ref ref, struct mmsghdr *messages, unsigned count,
                            int flags, const struct timespec *timeout)
{
    unsigned done = 0;
    int64_t end = INT64_MAX;

    if (!user_memory(messages, count * sizeof(*messages)) ||
        (timeout != NULL && !user_memory(timeout, sizeof(*timeout))))
        return -1;
    if (timeout != NULL && !wait_is_time(timeout)) {
        errno = EINVAL;
        return -1;
    }
    if (timeout != NULL)
        end = wait_end(timeout);
    /* Unlike recvmsg, the kernel's recvmmsg tells an error before data that lies there. */
    int error = io_pending_error(fd, ref);

    if (error != 0) {
        errno = error;
        return -1;
    }
    for (; done < count; done++) {
        int now = flags & ~MSG_WAITFORONE;
        ssize_t r;

        if (done > 0 && (flags & MSG_WAITFORONE))
            now |= MSG_DONTWAIT;
        r = receive_message(fd, ref, &messages[done].msg_hdr, now);
        if (r < 0 && done > 0)
            io_error_back(ref.session, errno);
        if (r < 0)
            return done > 0 ? (int)done : -1;
        messages[done].msg_len = (unsigned)r;
        /* recvmmsg(2): the time-out is looked at after each message only. */
        if (shim_now() >= end)
            return (int)done + 1;
    }
    return (int)done;
}

static int receive_plain_messages(int fd, struct mmsghdr *messages, unsigned count, int flags,
                                  struct timespec *timeout)
{
    int r = real(recvmmsg)(fd, messages, count, flags, timeout);

    for (int i = 0; i < r; i++)
        passing_receive(&messages[i].msg_hdr, flags);
    return r;
}

HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                  struct timespec *timeout)
{
    ROUTE_READ(fd, receive_messages(fd, ref, messages, count, flags, timeout),
               receive_plain_messages(fd, messages, count, flags, timeout))
}

/* With offset -1 these are readv and writev with flags; a socket has no other offset. */
static ssize_t read_at(int fd, struct shim_ref ref, const struct iovec *iov, int count,
                       off64_t offset, int flags)
{
    if (offset != -1) {
        errno = ESPIPE;
        return -1;
    }
    if (flags & ~RWF_NOWAIT) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return read_vector(fd, ref, iov, count, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

HOOK ssize_t preadv64v2(int fd, const struct iovec *iov, int count, off64_t offset,
                        int flags){ROUTE_READ(fd, read_at(fd, ref, iov, count, offset, flags),
                                              real(preadv64v2)(fd, iov, count, offset, flags))}

HOOK ssize_t preadv2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    return preadv64v2(fd, iov, count, offset, flags);
}

HOOK ssize_t __read_chk(int fd, void *buffer, size_t n, size_t size)
{
    if (n > size)
        __chk_fail();
    return read(fd, buffer, n);
}

HOOK ssize_t __recv_chk(int fd, void *buffer, size_t n, size_t size, int flags)
{
    if (n > size)
        __chk_fail();
    return recv(fd, buffer, n, flags);
}

HOOK ssize_t __recvfrom_chk(int fd, void *buffer, size_t n, size_t size, int flags,
                            struct sockaddr *address, socklen_t *length)
{
    if (n > size)
        __chk_fail();
    return recvfrom(fd, buffer, n, flags, address, length);
}
