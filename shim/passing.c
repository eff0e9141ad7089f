#include "passing.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "handover.h"
#include "transfer.h"
#include "user_memory.h"

/* ---- descriptors in a message ---- */

static struct cmsghdr *next_rights(const struct msghdr *message, struct cmsghdr *c)
{
    c = c == NULL ? CMSG_FIRSTHDR(message) : CMSG_NXTHDR((struct msghdr *)message, c);
    while (c != NULL && (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS))
        c = CMSG_NXTHDR((struct msghdr *)message, c);
    return c;
}

static size_t count_in(const struct cmsghdr *c)
{
    return c->cmsg_len < CMSG_LEN(0) ? 0 : (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
}

static int descriptor_in(const struct cmsghdr *c, size_t i)
{
    int fd;

    memcpy(&fd, CMSG_DATA((struct cmsghdr *)c) + i * sizeof(fd), sizeof(fd));
    return fd;
}

static void put_descriptor(struct cmsghdr *c, size_t i, int fd)
{
    memcpy(CMSG_DATA(c) + i * sizeof(fd), &fd, sizeof(fd));
}

bool passing_has_session(const struct msghdr *message)
{
    struct shim_ref ref;

    if (!user_memory(message, sizeof(*message)) || message->msg_controllen == 0 || !shim_ready() ||
        !user_memory(message->msg_control, message->msg_controllen))
        return false;
    for (struct cmsghdr *c = NULL; (c = next_rights(message, c)) != NULL;)
        for (size_t i = 0; i < count_in(c); i++)
            if (fd_verdict(descriptor_in(c, i), &ref) == FD_IS_TLS)
                return true;
    return false;
}

/* ---- envelopes ---- */

static const char envelope_text[32] = "tlshim: a TLS connection inside";

struct envelope {
    char text[sizeof(envelope_text)];
    struct transfer_name name;
};

enum { INSIDE = 2 /* descriptors in an envelope: the socket and the arena */ };

union rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(INSIDE * sizeof(int))];
};

static bool fill(int end, struct envelope *text, const int fds[INSIDE])
{
    struct iovec one = {text, sizeof(*text)};
    union rights rights = {
        .header = {CMSG_LEN(INSIDE * sizeof(int)), SOL_SOCKET, SCM_RIGHTS},
    };
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof(rights.bytes)};

    for (size_t i = 0; i < INSIDE; i++)
        put_descriptor(&rights.header, i, fds[i]);
    return sys3(SYS_sendmsg, end, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (long)sizeof(*text);
}

/* A new descriptor; -1 with errno. The session is on its way from here on. */
static int make_envelope(int fd, struct shim_ref ref)
{
    struct envelope text = {
        .name = {ref.session->index, ref.generation, ref.session->cookie},
    };
    const int inside[INSIDE] = {fd, arena_descriptor()};
    struct shim_guard guard;
    int ends[2];
    bool done;

    memcpy(text.text, envelope_text, sizeof(text.text));
    if (inside[1] < 0) {
        errno = EPERM;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return -1;
    done = fill(ends[0], &text, inside);
    sys3(SYS_close, ends[0], 0, 0);
    if (!done) {
        sys3(SYS_close, ends[1], 0, 0);
        errno = ETOOMANYREFS;
        return -1;
    }
    shim_enter(&guard);
    holders_send(ref.session, true);
    shim_leave(&guard);
    return ends[1];
}

/* ---- sending ---- */

/* After the message has gone, or has not: the envelopes' numbers are closed, and in the latter case
 * their sessions are not on the way after all. */
static void close_envelopes(const struct msghdr *original, const struct msghdr *copy, bool sent)
{
    struct cmsghdr *old = NULL, *new = NULL;
    struct shim_guard guard;
    struct shim_ref ref;

    while ((old = next_rights(original, old)) != NULL && (new = next_rights(copy, new)) != NULL) {
        for (size_t i = 0; i < count_in(old); i++) {
            int fd = descriptor_in(old, i), envelope = descriptor_in(new, i);

            if (fd == envelope)
                continue;
            sys3(SYS_close, envelope, 0, 0);
            ref = fdtable_session(fd);
            if (sent || ref.session == NULL)
                continue;
            shim_enter(&guard);
            holders_send(ref.session, false);
            shim_leave(&guard);
        }
    }
}

static bool make_envelopes(const struct msghdr *copy)
{
    struct shim_ref ref;

    for (struct cmsghdr *c = NULL; (c = next_rights(copy, c)) != NULL;) {
        for (size_t i = 0; i < count_in(c); i++) {
            int fd = descriptor_in(c, i), envelope;

            if (fd_verdict(fd, &ref) != FD_IS_TLS)
                continue;
            envelope = make_envelope(fd, ref);
            if (envelope < 0)
                return false;
            put_descriptor(c, i, envelope);
        }
    }
    return true;
}

static ssize_t send_enveloped(int fd, const struct msghdr *message, int flags)
{
    struct msghdr copy = *message;
    ssize_t r = -1;
    int error;

    copy.msg_control = __builtin_alloca(message->msg_controllen);
    memcpy(copy.msg_control, message->msg_control, message->msg_controllen);
    if (make_envelopes(&copy))
        r = real(sendmsg)(fd, &copy, flags);
    error = errno;
    close_envelopes(message, &copy, r >= 0);
    errno = error;
    return r;
}

/* Does the process have the library in its memory? When that cannot be seen, it may have. */
static bool may_be_covered(int pid)
{
    static const char name[] = "libtlshim";
    char path[40], text[4096 + sizeof(name)];
    size_t kept = 0;
    bool found = false, any = false;
    long fd, n = 0;

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return true;
    while (!found && (n = sys3(SYS_read, fd, text + kept, 4096)) > 0) {
        size_t have = kept + (size_t)n;

        any = true;
        found = memmem(text, have, name, sizeof(name) - 1) != NULL;
        kept = have < sizeof(name) ? have : sizeof(name);
        memmove(text, text + have - kept, kept);
    }
    sys3(SYS_close, fd, 0, 0);
    return found || !any || n < 0;
}

/* The process that made the other end, which may have handed it on; when it is this one or cannot
 * be seen, the envelope has to do. */
static bool receiver_may_be_covered(int fd, int *pid)
{
    struct ucred peer = {.pid = 0};
    socklen_t length = sizeof(peer);

    if (sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 || peer.pid <= 0 ||
        peer.pid == (int)sys3(SYS_getpid, 0, 0, 0))
        return true;
    *pid = peer.pid;
    return may_be_covered(peer.pid);
}

ssize_t passing_send(int fd, const struct msghdr *message, int flags)
{
    int pid = 0;

    if (receiver_may_be_covered(fd, &pid))
        return send_enveloped(fd, message, flags);
    log_line(LOG_LEVEL_ERROR,
             "a TLS connection's descriptor was to be passed (SCM_RIGHTS) to process %d, which "
             "tlshim does not cover: refused with EPERM; run that program under tlshim too",
             pid);
    errno = EPERM;
    return -1;
}

/* ---- receiving ---- */

static bool is_envelope(int fd, struct envelope *text)
{
    int domain = 0, type = 0;
    socklen_t length = sizeof(int);

    return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 &&
           domain == AF_UNIX &&
           sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 &&
           type == SOCK_SEQPACKET &&
           sys6(SYS_recvfrom, fd, text, sizeof(*text), MSG_PEEK | MSG_DONTWAIT, 0, 0) ==
               (long)sizeof(*text) &&
           memcmp(text->text, envelope_text, sizeof(envelope_text)) == 0;
}

/* The two descriptors, close-on-exec. False: there are none (somebody has taken them). */
static bool take_out(int fd, int inside[INSIDE], int peek)
{
    struct envelope text;
    struct iovec one = {&text, sizeof(text)};
    union rights rights;
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof(rights.bytes)};
    const struct cmsghdr *c;

    if (sys3(SYS_recvmsg, fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC | peek) < 0)
        return false;
    c = next_rights(&message, NULL);
    if (c == NULL || count_in(c) != INSIDE)
        return false;
    for (size_t i = 0; i < INSIDE; i++)
        inside[i] = descriptor_in(c, i);
    return true;
}

static struct shim_ref share(const struct transfer_name *name, bool peeks)
{
    struct shim_ref ref = {arena_at(ARENA_SESSION, name->index), name->generation};
    struct shim_guard guard;

    if (ref.session == NULL || !session_is_live(ref))
        return (struct shim_ref){0};
    shim_enter(&guard);
    if (peeks)
        holders_add(ref.session);
    else
        holders_receive(ref.session);
    shim_leave(&guard);
    return ref;
}

static struct shim_ref move_here(int arena_fd, const struct transfer_name *name)
{
    struct arena *from = arena_open(arena_fd);
    struct shim_ref ref = {0};

    if (from == NULL)
        return ref;
    ref = transfer_take(from, name);
    arena_close(from);
    return ref;
}

/* The connection takes the envelope's place. */
static void open_envelope(int fd, const struct envelope *text, int flags)
{
    int inside[INSIDE], peek = flags & MSG_PEEK;
    struct shim_ref ref = {0};

    if (!take_out(fd, inside, peek))
        return;
    if (arena_is(inside[1]))
        ref = share(&text->name, peek != 0);
    else if (!peek)
        ref = move_here(inside[1], &text->name);
    sys3(SYS_close, inside[1], 0, 0);
    if (ref.session != NULL) {
        sys3(SYS_dup3, inside[0], fd, flags & MSG_CMSG_CLOEXEC ? O_CLOEXEC : 0);
        connection_arrived(fd, ref);
    } else if (!peek) {
        log_line(LOG_LEVEL_ERROR,
                 "a TLS connection that was passed to this program (SCM_RIGHTS) cannot be used: it "
                 "is over, comes from another user or another version of tlshim, or is under a "
                 "rule that this program's policy does not have");
    }
    sys3(SYS_close, inside[0], 0, 0);
}

void passing_receive(struct msghdr *message, int flags)
{
    struct envelope text;

    if (message->msg_controllen == 0 || !shim_ready())
        return;
    for (struct cmsghdr *c = NULL; (c = next_rights(message, c)) != NULL;)
        for (size_t i = 0; i < count_in(c); i++) {
            int fd = descriptor_in(c, i);

            if (fdtable_kind_is_known(fd))
                connection_forget(fd);
            if (is_envelope(fd, &text))
                open_envelope(fd, &text, flags);
        }
}
