/* Time-outs of all sizes. */
#include "guard.h"

#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

/* The byte comes when the other thread has gone to sleep. */
static void *writes_late(void *argument)
{
    others_sleep(0);
    if (write(*(int *)argument, "x", 1) != 1)
        say("the server fails");
    return NULL;
}

static int by_ppoll(int fd, const struct timespec *t)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return ppoll(&p, 1, t, NULL);
}

static int by_pselect(int fd, const struct timespec *t)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return pselect(fd + 1, &set, NULL, NULL, t, NULL);
}

static int by_select(int fd, const struct timespec *t)
{
    fd_set set;
    struct timeval v = {t->tv_sec, t->tv_nsec / 1000};

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &v);
}

static int by_epoll(int fd, const struct timespec *t)
{
    int set = epoll_create1(0), n, error;
    struct epoll_event e = {.events = EPOLLIN};

    epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
    n = epoll_pwait2(set, &e, 1, t, NULL);
    error = errno;
    close(set);
    errno = error;
    return n;
}

static const struct {
    const char *name;
    int (*wait)(int, const struct timespec *);
} ways[] = {{"ppoll", by_ppoll},
            {"pselect", by_pselect},
            {"select", by_select},
            {"epoll_pwait2", by_epoll}};

/* long-waits: for centuries, until a byte comes. */
static void long_waits(char **ports)
{
    static const struct timespec times[] = {
        {LONG_MAX, 999999999}, {LONG_MAX / 1000000000, 0}, {LONG_MAX / 2, 0}};
    struct ends e = connected_pair();
    char byte;

    (void)ports;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) * 3; i++) {
        pthread_t thread;

        need(pthread_create(&thread, NULL, writes_late, &e.server) == 0, "thread");
        told(ways[i / 3].name, ways[i / 3].wait(e.client, &times[i % 3]));
        pthread_join(thread, NULL);
        need(read(e.client, &byte, 1) == 1, "read");
    }
}

/* wrong-times: EINVAL. */
static void wrong_times(char **ports)
{
    static const struct timespec times[] = {{-1, 0}, {0, -1}, {0, 1000000000}};
    struct ends e = connected_pair();

    (void)ports;
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) * 3; i++)
        if (ways[i / 3].wait != by_select || i % 3 == 0)
            told(ways[i / 3].name, ways[i / 3].wait(e.client, &times[i % 3]));
}

/* two-deadlines COVERED: a client's handshake may last long, a silent client of ours may not. Says
 * its port. */
static void two_deadlines(char **ports)
{
    int port, listens = listener(&port), out = connected_to(atoi(ports[0])), in;
    char byte;

    nonblocking(out);
    told("write", write(out, "x", 1));
    say("port %d", port);
    in = accept(listens, NULL, NULL);
    nonblocking(in);
    told("read", read(in, &byte, 1));
    say("woken: %d", ready(in, POLLIN, 15000));
    told("read", read(in, &byte, 1));
}

const struct guard_case guard_times[] = {
    {"long-waits", long_waits},
    {"wrong-times", wrong_times},
    {"two-deadlines", two_deadlines},
    {NULL, NULL},
};
