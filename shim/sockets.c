#include "sockets.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "real.h"

#ifndef AF_SMC
#define AF_SMC 43
#endif

/* An option's value, or -errno. */
static int option(int fd, int name)
{
    int value = 0;
    socklen_t length = sizeof(value);
    long r = sys5(SYS_getsockopt, fd, SOL_SOCKET, name, &value, &length);

    return r < 0 ? (int)r : value;
}

enum socket_kind socket_kind(int fd)
{
    int domain = option(fd, SO_DOMAIN), type, protocol;

    if (domain == -ENOTSOCK || domain == -EBADF)
        return SOCKET_NONE;
    if (domain < 0)
        return SOCKET_UNSURE;
    if (domain != AF_INET && domain != AF_INET6 && domain != AF_SMC)
        return SOCKET_NONE;
    type = option(fd, SO_TYPE);
    if (type >= 0 && type != SOCK_STREAM)
        return SOCKET_NONE;
    protocol = option(fd, SO_PROTOCOL);
    if (type < 0 || protocol < 0)
        return SOCKET_UNSURE;
    return protocol == IPPROTO_TCP && domain != AF_SMC ? SOCKET_TCP : SOCKET_OTHER_STREAM;
}

static long ask_cookie(int fd, uint64_t *cookie)
{
    socklen_t length = sizeof(*cookie);

    *cookie = 0;
    return sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_COOKIE, cookie, &length);
}

uint64_t socket_cookie(int fd)
{
    uint64_t cookie;

    return ask_cookie(fd, &cookie) == 0 ? cookie : 0;
}

bool socket_is_of(int fd, const struct shim_session *s)
{
    uint64_t cookie;
    long r = ask_cookie(fd, &cookie);

    if (r == 0)
        return cookie == s->cookie;
    return r != -ENOTSOCK && r != -EBADF;
}

bool socket_is_open(int fd)
{
    return sys3(SYS_fcntl, fd, F_GETFD, 0) >= 0;
}

bool socket_is_connected(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    return sys3(SYS_getpeername, fd, &address, &length) == 0;
}

bool socket_is_listening(int fd)
{
    return option(fd, SO_ACCEPTCONN) == 1;
}

/* TCP_INFO's state; 0: the kernel does not say. */
static unsigned tcp_state(int fd)
{
    struct tcp_info info = {.tcpi_state = 0};
    socklen_t length = sizeof(info);

    return sys5(SYS_getsockopt, fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 ? info.tcpi_state
                                                                                : 0;
}

bool socket_peer_has_finished(int fd)
{
    unsigned state = tcp_state(fd);

    return state != 0 && state != TCP_ESTABLISHED && state != TCP_FIN_WAIT1 &&
           state != TCP_FIN_WAIT2;
}

bool socket_is_closed(int fd)
{
    return tcp_state(fd) == TCP_CLOSE;
}
