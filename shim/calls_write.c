/* write and its kin, sendfile among them; and the calls that would go around the engine. */
#include <fcntl.h>
#include <limits.h>

#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "io.h"
#include "passing.h"
#include "route.h"
#include "sockets.h"
#include "user_memory.h"

static ssize_t send_one(int fd, struct shim_ref ref, const void *buffer, size_t n, int flags)
{
    struct iovec one = {(void *)buffer, n > SSIZE_MAX ? SSIZE_MAX : n};

    return io_send(fd, ref, &one, 1, flags);
}

HOOK ssize_t write(int fd, const void *buffer, size_t n){
    ROUTE_WRITE(fd, 0, send_one(fd, ref, buffer, n, 0), real(write)(fd, buffer, n))}

HOOK ssize_t send(int fd, const void *buffer, size_t n, int flags)
{
    ROUTE_WRITE(fd, flags, send_one(fd, ref, buffer, n, flags), real(send)(fd, buffer, n, flags))
}

/* The kernel answers a vector of no bytes before it asks the socket; a send of none it does ask. */
static ssize_t send_vector(int fd, struct shim_ref ref, const struct iovec *iov, int count,
                           int flags)
{
    size_t n = 0;

    if (!user_memory(iov, (size_t)count * sizeof(*iov)))
        return -1;
    for (int i = 0; i < count; i++)
        n |= iov[i].iov_len;
    return n == 0 ? 0 : io_send(fd, ref, iov, count, flags);
}

HOOK ssize_t writev(int fd, const struct iovec *iov, int count)
{
    if (count < 0 || count > IOV_MAX)
        return real(writev)(fd, iov, count);
    ROUTE_WRITE(fd, 0, send_vector(fd, ref, iov, count, 0), real(writev)(fd, iov, count))
}

/* MSG_FASTOPEN connects and writes in one call: the policy has to see the connect. 0: go on with
 * the write; -1: errno. */
static int fast_open(int fd, const struct sockaddr *address, socklen_t length, int flags)
{
    if ((flags & MSG_FASTOPEN) == 0 || address == NULL || !shim_ready() ||
        socket_kind(fd) == SOCKET_NONE)
        return 0;
    return connect(fd, address, length);
}

HOOK ssize_t sendto(int fd, const void *buffer, size_t n, int flags, const struct sockaddr *address,
                    socklen_t length)
{
    if (flags & MSG_FASTOPEN) {
        if (fast_open(fd, address, length, flags) != 0)
            return -1;
        flags &= ~MSG_FASTOPEN;
    }
    ROUTE_WRITE(fd, flags, send_one(fd, ref, buffer, n, flags),
                real(sendto)(fd, buffer, n, flags, address, length))
}

static ssize_t send_plain_message(int fd, const struct msghdr *message, int flags)
{
    return passing_has_session(message) ? passing_send(fd, message, flags)
                                        : real(sendmsg)(fd, message, flags);
}

static ssize_t send_message(int fd, struct shim_ref ref, const struct msghdr *message, int flags)
{
    if (!user_memory_message(message))
        return -1;
    if (message->msg_iovlen > IOV_MAX) {
        errno = EMSGSIZE;
        return -1;
    }
    return io_send(fd, ref, message->msg_iov, (int)message->msg_iovlen, flags);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (flags & MSG_FASTOPEN && user_memory(message, sizeof(*message))) {
        if (fast_open(fd, message->msg_name, message->msg_namelen, flags) != 0)
            return -1;
        flags &= ~MSG_FASTOPEN;
    }
    ROUTE_WRITE(fd, flags, send_message(fd, ref, message, flags),
                send_plain_message(fd, message, flags))
}

static int send_messages(int fd, struct shim_ref ref, struct mmsghdr *messages, unsigned count,
                         int flags)
{
    unsigned done = 0;

    if (!user_memory(messages, count * sizeof(*messages)))
        return -1;
    for (; done < count; done++) {
        ssize_t r = send_message(fd, ref, &messages[done].msg_hdr, flags);

        if (r < 0)
            return done > 0 ? (int)done : -1;
        messages[done].msg_len = (unsigned)r;
    }
    return (int)done;
}

static int send_plain_messages(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    unsigned plain = 0;
    ssize_t r;

    while (plain < count && !passing_has_session(&messages[plain].msg_hdr))
        plain++;
    if (plain > 0 || count == 0) /* a short count: the program sends the rest again */
        return real(sendmmsg)(fd, messages, plain, flags);
    r = passing_send(fd, &messages[0].msg_hdr, flags);
    if (r < 0)
        return -1;
    messages[0].msg_len = (unsigned)r;
    return 1;
}

HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags)
{
    if (flags & MSG_FASTOPEN && count > 0 && user_memory(messages, sizeof(*messages))) {
        if (fast_open(fd, messages->msg_hdr.msg_name, messages->msg_hdr.msg_namelen, flags) != 0)
            return -1;
        flags &= ~MSG_FASTOPEN;
    }
    ROUTE_WRITE(fd, flags, send_messages(fd, ref, messages, count, flags),
                send_plain_messages(fd, messages, count, flags))
}

/* With offset -1 it is writev with flags; a socket has no other offset. */
static ssize_t write_at(int fd, struct shim_ref ref, const struct iovec *iov, int count,
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
    if (count < 0 || count > IOV_MAX) {
        errno = EINVAL;
        return -1;
    }
    return send_vector(fd, ref, iov, count, flags & RWF_NOWAIT ? MSG_DONTWAIT : 0);
}

HOOK ssize_t pwritev64v2(int fd, const struct iovec *iov, int count, off64_t offset,
                         int flags){ROUTE_WRITE(fd, 0, write_at(fd, ref, iov, count, offset, flags),
                                                real(pwritev64v2)(fd, iov, count, offset, flags))}

HOOK ssize_t pwritev2(int fd, const struct iovec *iov, int count, off_t offset, int flags)
{
    return pwritev64v2(fd, iov, count, offset, flags);
}

/* ---- sendfile ---- */

enum { FILE_CHUNK = 16384 };

/* One chunk from the file's `at`; the bytes accepted, 0 at the file's end, or -1. */
static ssize_t send_chunk(int out, struct shim_ref ref, int in, off64_t at, size_t n, int flags)
{
    char chunk[FILE_CHUNK];
    ssize_t got = pread64(in, chunk, n < sizeof(chunk) ? n : sizeof(chunk), at);

    if (got < 0 && errno == EISDIR)
        errno = EINVAL;
    return got <= 0 ? got : send_one(out, ref, chunk, (size_t)got, flags);
}

static ssize_t send_file(int out, struct shim_ref ref, int in, off64_t *offset, size_t count)
{
    if (offset != NULL && !user_memory(offset, sizeof(*offset)))
        return -1;

    off64_t at = offset != NULL ? *offset : lseek64(in, 0, SEEK_CUR);
    size_t total = 0;
    ssize_t r = 0;
    bool blocks = io_blocks(out);

    if (at < 0) {
        if (errno != EBADF)
            errno = EINVAL;
        return -1;
    }
    while (total < count) {
        size_t n = count - total < FILE_CHUNK ? count - total : FILE_CHUNK;

        /* A pipe that breaks after the first chunk makes the call short; the signal comes with the
         * next one. */
        r = send_chunk(out, ref, in, at + (off64_t)total, n, total > 0 ? MSG_NOSIGNAL : 0);
        if (r <= 0)
            break;
        total += (size_t)r;
        if ((size_t)r < n && !blocks)
            break; /* a short file ends at the next read, a full socket here */
    }
    if (offset != NULL)
        *offset = at + (off64_t)total;
    else
        lseek64(in, at + (off64_t)total, SEEK_SET);
    return total > 0 ? (ssize_t)total : r;
}

static bool reads_from_session(int fd)
{
    struct shim_ref ref;

    if (fd_verdict(fd, &ref) == FD_IS_PLAIN)
        return false;
    errno = EINVAL;
    return true;
}

HOOK ssize_t sendfile64(int out, int in, off64_t *offset, size_t count)
{
    if (reads_from_session(in))
        return -1;
    ROUTE_WRITE(out, 0, send_file(out, ref, in, offset, count),
                real(sendfile64)(out, in, offset, count))
}

HOOK ssize_t sendfile(int out, int in, off_t *offset, size_t count)
{
    _Static_assert(sizeof(off_t) == sizeof(off64_t), "64-bit only");
    return sendfile64(out, in, offset, count);
}

/* ---- around the engine: refused ---- */

static bool goes_around(int fd, int error)
{
    struct shim_ref ref;

    if (fd_verdict(fd, &ref) == FD_IS_PLAIN)
        return false;
    errno = error;
    return true;
}

HOOK ssize_t splice(int in, off64_t *in_offset, int out, off64_t *out_offset, size_t n,
                    unsigned flags)
{
    if (goes_around(in, EINVAL) || goes_around(out, EINVAL))
        return -1;
    return real(splice)(in, in_offset, out, out_offset, n, flags);
}

HOOK ssize_t tee(int in, int out, size_t n, unsigned flags)
{
    if (goes_around(in, EINVAL) || goes_around(out, EINVAL))
        return -1;
    return real(tee)(in, out, n, flags);
}

HOOK ssize_t vmsplice(int fd, const struct iovec *iov, size_t count, unsigned flags)
{
    if (goes_around(fd, EBADF))
        return -1;
    return real(vmsplice)(fd, iov, count, flags);
}
