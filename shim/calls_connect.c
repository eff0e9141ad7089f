/* socket, connect, accept: where connections begin. */
#include <fcntl.h>
#include <netinet/in.h>

#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "io.h"
#include "needy.h"
#include "poll_anyway.h"
#include "ruling.h"
#include "sockets.h"
#include "user_memory.h"
#include "wait.h"

#ifndef AF_SMC
#define AF_SMC 43
#endif

/* MPTCP is TCP with more paths, and falls back to it by design; SMC moves the bytes past TCP. */
HOOK int socket(int domain, int type, int protocol)
{
    int fd;

    if (protocol == IPPROTO_MPTCP && (domain == AF_INET || domain == AF_INET6))
        protocol = IPPROTO_TCP;
    if (domain == AF_SMC) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    fd = real(socket)(domain, type, protocol);
    if (fd >= 0 && fdtable_kind_is_known(fd))
        connection_forget(fd);
    return fd;
}

/* The ClientHello goes out if it can; with handshake = connect the rest is waited for. */
static int connected(int fd, struct shim_ref ref)
{
    enum io_state state = io_attend(fd, ref);
    bool eager = atomic_load(&ref.session->eager);

    if (eager && io_blocks(fd))
        state = io_handshake_wait(fd, ref, -1);
    if (state != IO_ERROR || !eager)
        return 0;
    errno = io_error_once(ref.session);
    return -1;
}

/* ref: made before the connection, for another thread may use the socket meanwhile. */
static int connect_session(int fd, struct shim_ref ref, const struct sockaddr *address,
                           socklen_t length)
{
    int saved = errno, error;

    if (real(connect)(fd, address, length) == 0) {
        errno = saved;
        return connected(fd, ref);
    }
    error = errno;
    if (error != EINPROGRESS && error != EINTR)
        connection_undo(fd, ref);
    else if (!atomic_load(&ref.session->eager))
        atomic_store(&ref.session->connect_result, SHIM_CONNECT_PENDING);
    errno = error;
    return -1;
}

/* What the policy says about a connection to the peer; a session for it, when it is TLS. */
static enum fd_verdict decide(int fd, const struct connection *peer, struct shim_ref *ref)
{
    const struct rules *rules = ruling_pin();
    enum fd_verdict verdict;
    const struct policy_rule *rule = connection_rule(rules, peer, POLICY_CONNECT, &verdict);

    if (verdict == FD_IS_TLS)
        *ref = connection_begin(fd, rules, rule, peer, false);
    ruling_unpin(rules);
    return verdict;
}

static int connect_new(int fd, const struct sockaddr *address, socklen_t length)
{
    struct connection peer;
    struct shim_ref ref = {0};
    int r, error;

    if (!connection_from(&peer, address, length))
        return real(connect)(fd, address, length);
    connection_resolve_any(&peer);
    switch (decide(fd, &peer, &ref)) {
    case FD_IS_TLS:
        return ref.session != NULL ? connect_session(fd, ref, address, length) : -1;
    case FD_IS_PLAIN:
        break;
    default:
        errno = ECONNREFUSED;
        return -1;
    }
    fdtable_set_plain(fd);
    r = real(connect)(fd, address, length);
    error = errno;
    if (r != 0 && error != EINPROGRESS && error != EINTR && error != EISCONN && error != EALREADY) {
        unsigned left;

        fdtable_clear(fd, &left);
    }
    errno = error;
    return r;
}

/* Disconnecting would let other numbers of the same socket, here or in another process, go on being
 * taken for what they were. */
static int disconnect(int fd, const struct sockaddr *address, socklen_t length)
{
    if (!socket_is_connected(fd) && !socket_is_listening(fd))
        return real(connect)(fd, address, length);
    log_line(LOG_LEVEL_WARN,
             "connect with AF_UNSPEC, to disconnect a TCP socket, is not supported: "
             "refused with EOPNOTSUPP");
    errno = EOPNOTSUPP;
    return -1;
}

/* A socket with a session. The kernel takes a new address only when the first connect has failed;
 * then it is a new connection, and the policy is asked anew. */
static int connect_again(int fd, struct shim_ref ref, const struct sockaddr *address,
                         socklen_t length)
{
    int r;

    if (atomic_load(&ref.session->stage) == SHIM_CONNECTING && socket_is_closed(fd)) {
        connection_undo(fd, ref);
        return connect_new(fd, address, length);
    }
    r = real(connect)(fd, address, length);
    return r == 0 ? connected(fd, ref) : r;
}

/* An address in no program: where another thread may map memory in between, the kernel must not
 * look. */
#define NOWHERE ((const struct sockaddr *)-4096L)

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    struct shim_ref ref;
    int saved = errno;

    if (!shim_ready() || length < sizeof(address->sa_family) ||
        length > sizeof(struct sockaddr_storage))
        return real(connect)(fd, address, length); /* connects to nothing */
    if (!user_memory(address, length))
        return real(connect)(fd, NOWHERE, length);
    switch (socket_kind(fd)) {
    case SOCKET_NONE:
        errno = saved;
        return real(connect)(fd, address, length);
    case SOCKET_UNSURE:
        errno = EACCES;
        return -1;
    default:
        break;
    }
    if (address->sa_family == AF_UNSPEC)
        return disconnect(fd, address, length);
    ref = fdtable_session(fd);
    if (ref.session != NULL && socket_is_of(fd, ref.session))
        return connect_again(fd, ref, address, length);
    return connect_new(fd, address, length);
}

/* A blocking accept carries on what other sessions of this process have to do: the client that it
 * waits for may wait for one of them. */
static bool wait_for_client(int fd)
{
    struct wait_clock clock = {0};

    return !needy_any() || !io_blocks(fd) || wait_on_plain(fd, &clock);
}

static bool has_client(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    struct timespec none = {0};

    return sys_poll_anyway(&entry, 1, &none, NULL) == 1;
}

/* After a refused client: a program that had been told by select or poll that somebody was there
 * does not expect to wait; accept(2) has an errno for that. One that came to wait goes on waiting.
 */
static int accept_checked(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    int before = errno;
    bool has_room = length != NULL && user_memory(length, sizeof(*length));
    socklen_t room = has_room ? *length : 0;
    bool expected = shim_ready() && has_client(fd);

    errno = before; /* the kernel looks at the address when there is a client */

    for (;;) {
        int saved = errno, r;

        if (shim_ready() && !wait_for_client(fd))
            return -1;
        r = flags == 0 ? real(accept)(fd, address, length)
                       : real(accept4)(fd, address, length, flags);

        if (r < 0 || !shim_ready())
            return r;
        if (connection_accepted(r) != FD_IS_DENIED) {
            errno = saved;
            return r;
        }
        real(close)(r);
        if (has_room)
            *length = room;
        if (expected && !has_client(fd) && io_blocks(fd)) {
            errno = ECONNABORTED;
            return -1;
        }
        errno = saved;
    }
}

HOOK int accept(int fd, struct sockaddr *address, socklen_t *length)
{
    return accept_checked(fd, address, length, 0);
}

HOOK int accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return accept_checked(fd, address, length, flags);
}
