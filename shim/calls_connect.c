/* socket, connect, accept: where connections begin. */
#include <fcntl.h>

#include "connections.h"
#include "global.h"
#include "io.h"

HOOK int socket(int domain, int type, int protocol)
{
    int fd = real(socket)(domain, type, protocol);
    unsigned left;

    if (fd >= 0 && fdtable != NULL)
        fdtable_clear(fd, &left);
    return fd;
}

/* TCP is up (or on its way): the session begins, the ClientHello goes out if it can. */
static int begin_client(int fd, const struct policy_rule *rule, const struct connection *peer,
                        int result, int error)
{
    struct shim_ref ref = connection_begin(fd, rule, peer, result == 0);

    if (ref.session == NULL) {
        int why = errno;

        sys3(SYS_shutdown, fd, SHUT_RDWR, 0);
        errno = why;
        return -1;
    }
    if (result == 0) {
        enum io_state state = io_attend(fd, ref);

        if (atomic_load(&ref.session->eager) && io_blocks(fd))
            state = io_handshake_wait(fd, ref, -1);
        if (state == IO_ERROR && atomic_load(&ref.session->eager)) {
            errno = io_error_once(ref.session);
            return -1;
        }
    }
    errno = error;
    return result;
}

/* connect again on a socket whose connect is under way, or done. */
static int connect_again(int fd, struct shim_ref ref, const struct sockaddr *address,
                         socklen_t length)
{
    int r = real(connect)(fd, address, length);

    if (r == 0)
        io_attend(fd, ref);
    return r;
}

static int connect_new(int fd, const struct sockaddr *address, socklen_t length)
{
    struct connection peer;
    enum fd_verdict verdict;
    const struct policy_rule *rule;
    int saved = errno, r;

    if (!connection_from(&peer, address, length))
        return real(connect)(fd, address, length);
    rule = connection_rule(&peer, POLICY_CONNECT, &verdict);
    if (verdict == FD_IS_DENIED) {
        errno = ECONNREFUSED;
        return -1;
    }
    r = real(connect)(fd, address, length);
    if (r != 0 && errno != EINPROGRESS && errno != EINTR)
        return r;
    if (verdict == FD_IS_PLAIN) {
        int error = errno;

        fdtable_set_plain(fd);
        errno = error;
        return r;
    }
    return begin_client(fd, rule, &peer, r, r == 0 ? saved : errno);
}

HOOK int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    struct shim_ref ref;
    unsigned left;

    if (!shim_ready() || address == NULL || length < sizeof(address->sa_family) ||
        !connection_is_tcp(fd))
        return real(connect)(fd, address, length);
    ref = fdtable_session(fd);
    if (ref.session != NULL && fd_cookie(fd) != ref.session->cookie)
        ref.session = NULL;
    if (address->sa_family == AF_UNSPEC || ref.session == NULL) {
        ref = fdtable_clear(fd, &left);
        if (ref.session != NULL)
            connection_let_go(fd, ref, left);
        return connect_new(fd, address, length);
    }
    return connect_again(fd, ref, address, length);
}

static int accept_checked(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    socklen_t room = length != NULL ? *length : 0;

    for (;;) {
        int saved = errno;
        int r = flags == 0 ? real(accept)(fd, address, length)
                           : real(accept4)(fd, address, length, flags);

        if (r < 0 || !shim_ready())
            return r;
        if (connection_accepted(r) != FD_IS_DENIED) {
            errno = saved;
            return r;
        }
        real(close)(r);
        errno = saved;
        if (length != NULL)
            *length = room;
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
