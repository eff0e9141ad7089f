/* How connections begin: operations that make connections of their own, and end them. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_LIMIT = 3000, MOST = 4 };

/* A socket bound to a port of loopback. */
static int bound(struct sockaddr_in *at, bool listens)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(*at);

    memset(at, 0, sizeof(*at));
    at->sin_family = AF_INET;
    at->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) != 0 ||
        (listens && listen(fd, 16) != 0) || getsockname(fd, (struct sockaddr *)at, &length) != 0)
        _exit(2);
    return fd;
}

static void say_connect(char *out, int fd, const struct sockaddr_in *to)
{
    int r = connect(fd, (const struct sockaddr *)to, sizeof(*to));

    say(out, " %s", r == 0 ? "0" : error_name(errno));
}

static void say_socket_error(char *out, int fd)
{
    int error = -1;
    socklen_t length = sizeof(error);

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    say(out, " error %s", error == 0 ? "0" : error_name(error));
}

/* Waits for OUT in one of the ways there are. */
static void say_wait_out(char *out, int fd, uint32_t style)
{
    struct epoll_event e = {.events = EPOLLOUT}, got = {0};
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    struct timeval limit = {WAIT_LIMIT / 1000, 0};
    fd_set sets[2];
    int set, r;

    switch (style) {
    case BY_SELECT:
    case BY_PSELECT:
        FD_ZERO(&sets[0]);
        FD_SET(fd, &sets[0]);
        sets[1] = sets[0];
        r = select(fd + 1, &sets[0], &sets[1], NULL, &limit);
        say(out, " selected %d out %d", r, FD_ISSET(fd, &sets[1]) != 0);
        break;
    case BY_POLL:
    case BY_PPOLL:
        r = poll(&p, 1, WAIT_LIMIT);
        say(out, " polled %d ", r);
        say_poll(out, (unsigned short)p.revents);
        break;
    default:
        e.events |= style == BY_EPOLL_EDGE ? (uint32_t)EPOLLET : 0;
        set = epoll_create1(0);
        epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
        r = epoll_wait(set, &got, 1, WAIT_LIMIT);
        say(out, " epoll %d ", r);
        say_poll(out, got.events);
        close(set);
    }
}

static void refused(uint32_t style, bool now, char *out)
{
    struct sockaddr_in nobody;
    int closed = bound(&nobody, false);
    int fd = socket(AF_INET, SOCK_STREAM | (now ? SOCK_NONBLOCK : 0), 0);
    char byte;

    say_connect(out, fd, &nobody);
    if (now)
        say_wait_out(out, fd, style);
    if (style % 2 == 0) {
        say_socket_error(out, fd);
    } else {
        say(out, " read ");
        say_result(out, read(fd, &byte, 1));
    }
    say_socket_error(out, fd);
    say_connect(out, fd, &nobody);
    if (now)
        say_wait_out(out, fd, style);
    close(fd);
    close(closed);
}

/* ---- connections that succeed ---- */

struct several {
    int count, listener;
    int clients[MOST], servers[MOST];
};

static bool comes(int fd, short events)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, WAIT_LIMIT) == 1;
}

static void begin_client(struct several *s, int i, const struct sockaddr_in *to, uint32_t style,
                         bool now, char *out)
{
    s->clients[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | (now ? SOCK_NONBLOCK : 0), 0);
    say_connect(out, s->clients[i], to);
    if (!now)
        return;
    say_wait_out(out, s->clients[i], style);
    say_socket_error(out, s->clients[i]);
    say_connect(out, s->clients[i], to);
    say_connect(out, s->clients[i], to);
}

static void accept_one(struct several *s, int i, uint32_t how, char *out)
{
    static const int flags[] = {0, SOCK_NONBLOCK, SOCK_CLOEXEC, SOCK_NONBLOCK | SOCK_CLOEXEC};
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    int fd = comes(s->listener, POLLIN)
                 ? accept4(s->listener, (struct sockaddr *)&from, &length, flags[how % 4])
                 : -1;

    s->servers[i] = fd;
    say(out, " %s %u %x %x", fd >= 0 ? "accepted" : error_name(errno), (unsigned)length,
        (unsigned)fcntl(fd, F_GETFL), (unsigned)fcntl(fd, F_GETFD));
}

/* Each client's byte comes to its own server, and back. */
static void greet(struct several *s, char *out)
{
    for (int i = 0; i < s->count; i++) {
        char byte = (char)('a' + i);

        say(out, " %d", (int)send(s->clients[i], &byte, 1, MSG_NOSIGNAL));
    }
    for (int i = s->count - 1; i >= 0; i--) {
        char byte = '?';

        if (!comes(s->servers[i], POLLIN) || recv(s->servers[i], &byte, 1, MSG_DONTWAIT) != 1 ||
            send(s->servers[i], &byte, 1, MSG_NOSIGNAL) != 1)
            say(out, " FAILS %s", error_name(errno));
        say(out, "%c", byte);
    }
    for (int i = 0; i < s->count; i++) {
        char byte = '?';

        if (!comes(s->clients[i], POLLIN) || recv(s->clients[i], &byte, 1, MSG_DONTWAIT) != 1)
            say(out, " FAILS %s", error_name(errno));
        say(out, "%c", byte);
    }
}

/* One end of each goes, in one of the ways there are; what the other sees. */
static void part(struct several *s, uint32_t how, char *out)
{
    struct linger none = {.l_onoff = 1};

    for (int i = 0; i < s->count; i++) {
        int *first = how & 1 ? &s->clients[i] : &s->servers[i];
        int other = how & 1 ? s->servers[i] : s->clients[i];
        char byte;

        if (how & 2)
            setsockopt(*first, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        if (how & 4) {
            close(*first);
            *first = -1;
        } else {
            shutdown(*first, how & 8 ? SHUT_RDWR : SHUT_WR);
        }
        say(out, " end %d ", comes(other, POLLIN));
        say_result(out, recv(other, &byte, 1, MSG_DONTWAIT));
    }
}

static void close_all(struct several *s)
{
    for (int i = 0; i < s->count; i++) {
        if (s->clients[i] >= 0)
            close(s->clients[i]);
        if (s->servers[i] >= 0)
            close(s->servers[i]);
    }
    close(s->listener);
}

/* how many (0: to a port where nobody listens), style of waiting, nonblocking, how they end */
void run_connects(const struct operation *o, char *out)
{
    struct several s = {.count = (int)o->arg[0] % (MOST + 1)};
    struct sockaddr_in at;

    if (s.count == 0) {
        refused(o->arg[1], o->arg[2] != 0, out);
        return;
    }
    s.listener = bound(&at, true);
    if (o->arg[2] != 0) { /* an empty queue */
        fcntl(s.listener, F_SETFL, O_NONBLOCK);
        say_result(out, accept(s.listener, NULL, NULL));
    }
    for (int i = 0; i < s.count; i++)
        begin_client(&s, i, &at, o->arg[1], o->arg[2] != 0, out);
    for (int i = 0; i < s.count; i++)
        accept_one(&s, i, o->arg[3] + (uint32_t)i, out);
    greet(&s, out);
    part(&s, o->arg[3], out);
    close_all(&s);
}
