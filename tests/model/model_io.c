/* Sending and receiving, in every way that a program can. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PARTS = 1024, FEW = 5, GUARD = 16, BUFFER = 131072, RECORD = 16384 };

/* Splits n bytes in `parts` pieces of unequal length, an empty one among them. */
static int split(struct iovec *iov, void *base, size_t n, uint32_t parts)
{
    uint8_t *at = base;
    int count = 0;

    if (parts > PARTS)
        parts = PARTS;
    for (uint32_t i = 0; i + 1 < parts; i++) {
        size_t piece = i == 1 ? 0 : n / (i + 2);

        iov[count++] = (struct iovec){at, piece};
        at += piece;
        n -= piece;
    }
    iov[count++] = (struct iovec){at, n};
    return count;
}

/* ---- sending ---- */

static ssize_t send_file(int fd, int end, uint32_t n, uint32_t parts)
{
    off_t before = pattern_offset(end, world->ends[end].written), at = before;
    ssize_t r;

    if (parts % 2 == 0) {
        if (lseek(pattern_file, before, SEEK_SET) < 0)
            return -1;
        r = sendfile(fd, pattern_file, NULL, n);
        at = lseek(pattern_file, 0, SEEK_CUR);
    } else {
        r = sendfile(fd, pattern_file, &at, n);
    }
    if (at != before + (r > 0 ? r : 0)) {
        errno = ESPIPE; /* an offset that does not fit the result */
        return -1;
    }
    return r;
}

static ssize_t send_many(int fd, struct iovec *iov, int count, int flags)
{
    struct mmsghdr messages[PARTS];
    ssize_t total = 0;
    int r;

    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    r = sendmmsg(fd, messages, (unsigned)count, flags);
    for (int i = 0; i < r; i++)
        total += messages[i].msg_len;
    return r < 0 ? -1 : total;
}

static ssize_t send_styled(int fd, int end, int style, uint32_t n, int flags, uint32_t parts)
{
    const uint8_t *bytes = pattern(end, world->ends[end].written);
    struct iovec iov[PARTS];
    int count = split(iov, (void *)bytes, n, parts);
    struct msghdr message = {.msg_iov = iov, .msg_iovlen = (size_t)count};

    switch (style) {
    case BY_WRITE:
        return write(fd, bytes, n);
    case BY_WRITEV:
        return writev(fd, iov, count);
    case BY_SENDMSG:
        return sendmsg(fd, &message, flags);
    case BY_SENDTO:
        return sendto(fd, bytes, n, flags, NULL, 0);
    case BY_SENDMMSG:
        return send_many(fd, iov, count, flags);
    case BY_SENDFILE:
        return send_file(fd, end, n, parts);
    default:
        return send(fd, bytes, n, flags);
    }
}

ssize_t send_once(int fd, int end, int style, uint32_t n, int flags, uint32_t parts)
{
    ssize_t r = send_styled(fd, end, style, n, flags, parts);
    const struct end *peer = &world->ends[1 - end];

    if (r > 0)
        world->ends[end].written += (uint64_t)r;
    if (r > 0 && (peer->closed || (peer->shut_read && peer->shut_write)))
        world->ends[end].wrote_to_closed = world->ends[1 - end].reset = true;
    return r;
}

/* Will the kernel take n bytes more for this end at once? A stated difference: buffers hold
 * records, so that small ones are sooner full. */
static bool has_room(int end, uint32_t n, uint32_t parts)
{
    if (world->small_buffers && available(end) > 0)
        return false;
    if (world->small_buffers && parts > FEW) /* each message takes room of its own */
        return false;
    return available(end) + n <= world->flight_limit;
}

void run_send(const struct operation *o, char *out)
{
    int slot = open_slot(o->arg[0]), end = end_of(o->arg[0]), flags = (int)o->arg[3], pipes;
    const struct end *peer = &world->ends[1 - end];
    bool gone = peer->closed || (peer->shut_read && peer->shut_write);
    uint32_t n = o->arg[2], most = world->small_buffers && gone ? world->flight_limit : RECORD;
    ssize_t r;

    /* Stated differences: a long write to a peer that is gone may be cut by the reset that its
     * first record provokes, and one before the handshake is over by the queue; MSG_MORE keeps
     * nothing back. */
    if (slot < 0 || (n > most && (gone || !world->handshaken)) ||
        (!gone && !has_room(1 - end, n, o->arg[4]))) {
        say(out, "skip");
        return;
    }
    if (gone)
        flags &= ~MSG_MORE;
    r = send_once(world->fds[this_process][slot], end, (int)o->arg[1], n, flags, o->arg[4]);
    pipes = broken_pipes();
    if (r < 0 && fails_again(end)) {
        say(out, "over");
        return;
    }
    say_result(out, r);
    if (pipes != 0)
        say(out, " SIGPIPE %d", pipes);
    if (r < 0)
        end_told(end);
    /* What MSG_MORE keeps back would leave at a time of the kernel's choosing. */
    if (flags & MSG_MORE)
        send_once(world->fds[this_process][slot], end, BY_SEND, 1, 0, 1);
    broken_pipes(); /* which error that met first is a stated difference */
}

/* ---- receiving ---- */

struct receiving {
    uint8_t *buffer;
    int flags;
    char extra[64]; /* what else the call told */
};

static ssize_t receive_message(int fd, struct receiving *r, size_t n, uint32_t parts)
{
    struct iovec iov[PARTS];
    struct sockaddr_storage name;
    char control[64];
    struct msghdr message = {
        .msg_iov = iov,
        .msg_name = &name,
        .msg_namelen = sizeof(name),
        .msg_control = control,
        .msg_controllen = sizeof(control),
        .msg_flags = 0x1234,
    };
    ssize_t got;

    message.msg_iovlen = (size_t)split(iov, r->buffer, n, parts);
    got = recvmsg(fd, &message, r->flags);
    if (got >= 0)
        snprintf(r->extra, sizeof(r->extra), " name %u control %zu flags %x", message.msg_namelen,
                 message.msg_controllen, (unsigned)message.msg_flags & ~(unsigned)MSG_CMSG_CLOEXEC);
    return got;
}

static ssize_t receive_from(int fd, struct receiving *r, size_t n)
{
    struct sockaddr_storage name;
    socklen_t length = sizeof(name);
    ssize_t got = recvfrom(fd, r->buffer, n, r->flags, (struct sockaddr *)&name, &length);

    if (got >= 0)
        snprintf(r->extra, sizeof(r->extra), " name %u", length);
    return got;
}

static ssize_t receive_many(int fd, struct receiving *r, size_t n, uint32_t parts)
{
    struct mmsghdr messages[PARTS];
    struct iovec iov[PARTS];
    int count = split(iov, r->buffer, n, parts), got;
    ssize_t total = 0;

    memset(messages, 0, sizeof(messages));
    for (int i = 0; i < count; i++) {
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    got = recvmmsg(fd, messages, (unsigned)count, r->flags | MSG_WAITFORONE, NULL);
    if (got < 0)
        return -1;
    for (int i = 0; i < got; i++) {
        if (total > 0 && messages[i].msg_len > 0) /* pieces that were not filled leave gaps */
            memmove(r->buffer + total, iov[i].iov_base, messages[i].msg_len);
        total += messages[i].msg_len;
    }
    snprintf(r->extra, sizeof(r->extra), " messages %d", got);
    return total;
}

static ssize_t receive_styled(int fd, struct receiving *r, int style, size_t n, uint32_t parts)
{
    struct iovec iov[PARTS];

    switch (style) {
    case BY_READ:
        return read(fd, r->buffer, n);
    case BY_READV:
        return readv(fd, iov, split(iov, r->buffer, n, parts));
    case BY_RECVMSG:
        return receive_message(fd, r, n, parts);
    case BY_RECVFROM:
        return receive_from(fd, r, n);
    case BY_RECVMMSG:
        return receive_many(fd, r, n, parts);
    default:
        return recv(fd, r->buffer, n, r->flags);
    }
}

static bool is_guard(const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (bytes[i] != 0xee)
            return false;
    return true;
}

/* Are these the bytes that are next in the stream, and nothing behind them? */
static void check_bytes(const struct receiving *r, int end, ssize_t got, size_t n, char *out)
{
    const uint8_t *want = pattern(1 - end, world->ends[end].taken);
    size_t filled = r->flags & MSG_TRUNC ? 0 : (size_t)got;

    if ((size_t)got > n || (!world->concurrent && (uint64_t)got > available(end)))
        say(out, " MORE THAN WAS SENT");
    for (size_t i = 0; i < filled; i++)
        if (r->buffer[i] != want[i]) {
            say(out, " WRONG BYTE AT %zu", i);
            break;
        }
    if (!is_guard(r->buffer + filled, r->flags & MSG_TRUNC ? GUARD : n + GUARD - filled))
        say(out, " WRITTEN BEHIND THE END");
}

/* Receives once and says what came. */
static ssize_t receive_once(int fd, int end, int style, size_t n, int flags, uint32_t parts,
                            char *out)
{
    static __thread uint8_t buffer[BUFFER + GUARD];
    struct receiving r = {.buffer = buffer, .flags = flags};
    ssize_t got;

    if (style == BY_READ || style == BY_READV)
        r.flags = 0;
    memset(buffer, 0xee, n + GUARD);
    got = receive_styled(fd, &r, style, n, parts);
    if ((got == 0 || (got < 0 && errno != EAGAIN)) && fails_again(end)) {
        say(out, "over");
        return got;
    }
    say_result(out, got);
    if (got < 0 && errno != EAGAIN)
        end_told(end);
    if (got < 0)
        return got;
    say(out, "%s", r.extra);
    check_bytes(&r, end, got, n, out);
    if ((r.flags & MSG_PEEK) == 0)
        world->ends[end].taken += (uint64_t)got;
    return got;
}

/* Would this read wait for what does not come? */
static bool would_wait(int end, uint32_t n, int flags)
{
    const struct end *e = &world->ends[end];
    uint64_t enough = e->low_water < n ? e->low_water : n;

    if (flags & MSG_WAITALL)
        enough = n;
    if (e->nonblocking || flags & MSG_DONTWAIT || input_ended(end) || e->wrote_to_closed)
        return false;
    return available(end) < (enough > 0 ? enough : 1);
}

void run_recv(const struct operation *o, char *out)
{
    int slot = open_slot(o->arg[0]), end = end_of(o->arg[0]), style = (int)o->arg[1];
    int flags = (int)o->arg[3];
    bool plain_read = style == BY_READ || style == BY_READV;
    uint32_t n = o->arg[2];

    /* recvmmsg tells an error before data, and which errors are told again is a stated difference.
     */
    if (slot < 0 || (style == BY_RECVMMSG && fails_again(end))) {
        say(out, "skip");
        return;
    }
    if (o->arg[5] == 0 && would_wait(end, n, plain_read ? 0 : flags) &&
        (world->ends[end].receive_timeout == 0 || flags & MSG_WAITALL)) {
        if (plain_read) {
            say(out, "skip");
            return;
        }
        flags |= MSG_DONTWAIT;
    }
    receive_once(world->fds[this_process][slot], end, style, n, flags, o->arg[4], out);
}

/* ---- whole transfers: as much as was asked for, however many calls it takes ---- */

static bool wait_for(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, 3000) == 1;
}

/* descriptor, bytes, style, bytes a call, nonblocking */
void run_transfer_out(const struct operation *o, char *out)
{
    int slot = open_slot(o->arg[0]), end = end_of(o->arg[0]);
    uint64_t left = o->arg[1];
    int flags = o->arg[4] ? MSG_DONTWAIT : 0;

    while (left > 0) {
        uint32_t n = left < o->arg[3] ? (uint32_t)left : o->arg[3];
        ssize_t r = send_once(world->fds[this_process][slot], end, (int)o->arg[2], n, flags, 3);

        if (r < 0 && errno == EAGAIN && wait_for(world->fds[this_process][slot], POLLOUT))
            continue;
        if (r <= 0) {
            say_result(out, r);
            say(out, " with %llu left", (unsigned long long)left);
            return;
        }
        left -= (uint64_t)r;
    }
    say(out, "all");
}

void run_transfer_in(const struct operation *o, char *out)
{
    int slot = open_slot(o->arg[0]), end = end_of(o->arg[0]);
    uint64_t left = o->arg[1];
    int flags = o->arg[4] ? MSG_DONTWAIT : 0;
    char said[LINE];

    while (left > 0) {
        uint32_t n = left < o->arg[3] ? (uint32_t)left : o->arg[3];
        int fd = world->fds[this_process][slot];
        ssize_t r;

        said[0] = '\0';
        r = receive_once(fd, end, (int)o->arg[2], n, flags, 3, said);
        if (r < 0 && errno == EAGAIN && wait_for(fd, POLLIN))
            continue;
        if (r <= 0 || strchr(said, 'W') != NULL) {
            say(out, "%s with %llu left", said, (unsigned long long)left);
            return;
        }
        left -= (uint64_t)r;
    }
    say(out, "all");
}

/* ---- stated differences: tlshim refuses, plain TCP is spared ---- */

void run_stated(const struct operation *o, char *out)
{
    static const char *const stated[] = {"oob -1 EOPNOTSUPP", "splice -1 EINVAL",
                                         "peek-oob -1 EOPNOTSUPP"};
    int slot = open_slot(o->arg[0]), fd;
    char byte = 0;

    if (slot < 0) {
        say(out, "skip");
        return;
    }
    if (getenv("MODEL_PLAIN") != NULL) {
        say(out, "%s", stated[o->arg[1]]);
        return;
    }
    fd = world->fds[this_process][slot];
    if (o->arg[1] == 0) {
        say(out, "oob ");
        say_result(out, send(fd, &byte, 1, MSG_OOB));
    } else if (o->arg[1] == 1) {
        say(out, "splice ");
        say_result(out, splice(pattern_file, NULL, fd, NULL, 1, 0));
    } else {
        say(out, "peek-oob ");
        say_result(out, recv(fd, &byte, 1, MSG_OOB | MSG_DONTWAIT));
    }
}
