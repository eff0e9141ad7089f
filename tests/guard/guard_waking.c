/* Waits: what wakes them, what must not, and that they sleep meanwhile. */
#include "guard.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { BIG = 100000 };

extern char **environ;

static void add(int set, int fd, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.u64 = 0x77};

    need(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0, "EPOLL_CTL_ADD");
}

static void say_events(const char *what, int set, int milliseconds)
{
    struct epoll_event e[4];
    int n = epoll_wait(set, e, 4, milliseconds);

    say("%s: %d events, %#x", what, n, n > 0 ? e[0].events : 0);
    if (n > 0)
        say("data: %s", e[0].data.u64 == 0x77 ? "the program's" : "other");
}

/* ---- one-shot watches ---- */

static void *serves_first(void *argument)
{
    int fd = accept(*(int *)argument, NULL, NULL);
    char byte;

    need(fd >= 0 && write(fd, "server first", 12) == 12, "serve");
    if (read(fd, &byte, 1) < 0)
        say("the server's read fails");
    return NULL;
}

/* one-shot out|both: after it has fired, nothing wakes. */
static void one_shot(char **arguments)
{
    int port, fd, set = epoll_create1(0), listens = listener(&port);
    struct sockaddr_in a = loopback(port);
    pthread_t thread;
    double before;

    fd = socket(AF_INET, SOCK_STREAM, 0);
    nonblocking(fd);
    connect(fd, (struct sockaddr *)&a, sizeof(a));
    add(set, fd, EPOLLONESHOT | EPOLLOUT | (strcmp(arguments[0], "both") == 0 ? EPOLLIN : 0));
    say_events("fired", set, 10000);
    need(pthread_create(&thread, NULL, serves_first, &listens) == 0, "thread");
    before = cpu_seconds();
    say_events("disarmed", set, 1000);
    say_spins("disarmed", before);
    add(epoll_create1(0), fd, EPOLLIN);
    need(write(fd, "x", 1) == 1, "write");
    if (ready(fd, POLLIN, 10000) == 1)
        say("the data is there");
}

/* ---- a connect that failed, and that nobody asked about ---- */

/* failed-connect CLOSED */
static void failed_connect(char **ports)
{
    struct sockaddr_in a = loopback(atoi(ports[0]));
    int fd = socket(AF_INET, SOCK_STREAM, 0), p[2], set = epoll_create1(0);
    double before;

    nonblocking(fd);
    connect(fd, (struct sockaddr *)&a, sizeof(a));
    need(pipe(p) == 0, "pipe");
    add(set, p[0], EPOLLIN);
    before = cpu_seconds();
    told("poll", ready(p[0], POLLIN, 600));
    say_spins("poll", before);
    before = cpu_seconds();
    say_events("epoll", set, 600);
    say_spins("epoll", before);
}

/* ---- low-water marks and peeking ---- */

/* peek-more: MSG_PEEK with MSG_WAITALL for more than is there. */
static void peek_more(char **ports)
{
    struct ends e = connected_pair();
    struct timeval limit = {1, 0};
    char bytes[100];
    double before, began;

    (void)ports;
    need(write(e.server, "abc", 3) == 3 && ready(e.client, POLLIN, 10000) == 1, "write");
    setsockopt(e.client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    before = cpu_seconds();
    began = now();
    told("recv", recv(e.client, bytes, 10, MSG_PEEK | MSG_WAITALL));
    say("%s", now() - began < 0.9 ? "too early" : "in time");
    say_spins("recv", before);
    told("recv", recv(e.client, bytes, 10, 0));
}

/* In a process of its own, so that no wait of the client's carries its work on. */
static pid_t serve_apart(void *(*serves)(void *), int *listens)
{
    pid_t child = fork();

    need(child >= 0, "fork");
    if (child == 0) {
        serves(listens);
        leave();
    }
    return child;
}

static void *serves_low_water(void *argument)
{
    int fd = accept(*(int *)argument, NULL, NULL);
    char bytes[8];

    if (read(fd, bytes, sizeof(bytes)) <= 0 || write(fd, "k", 1) != 1)
        say("the server fails");
    (void)!read(fd, bytes, sizeof(bytes));
    return NULL;
}

/* low-water: SO_RCVLOWAT set before connect; a read of less than it waits for what it asks for. */
static void low_water(char **ports)
{
    int port, fd, mark = 1000, listens = listener(&port);
    struct sockaddr_in a = loopback(port);
    struct timeval limit = {4, 0};
    char byte;

    (void)ports;
    serve_apart(serves_low_water, &listens);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark));
    need(connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
    told("write", write(fd, "hello", 5));
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    told("read", read(fd, &byte, 1));
}

/* ---- a peer that connects and says nothing ---- */

/* silent-client: says its port; a non-blocking server greets and closes at once. */
static void silent_client(char **ports)
{
    int port, listens = listener(&port);

    (void)ports;
    say("port %d", port);
    for (int way = 0; way < 2; way++) {
        int fd = accept(listens, NULL, NULL);
        double began;

        nonblocking(fd);
        told("write", write(fd, "220 hello\r\n", 11));
        began = now();
        if (way == 0)
            close(fd);
        else
            shutdown(fd, SHUT_RDWR);
        say("%s %s", way == 0 ? "close" : "shutdown", now() - began < 2 ? "returns" : "waits");
    }
}

/* ---- a reader and a writer on a connection that is being made ---- */

static char big[BIG];

struct both {
    int fd;
    const char *how;
    pid_t server;
    pthread_t reader;
    bool reading;
    atomic_bool written;
};

static void *takes_all(void *argument)
{
    int fd = accept(*(int *)argument, NULL, NULL);
    static char bytes[BIG];

    for (ssize_t all = 0, n; all < BIG; all += n) {
        n = read(fd, bytes, sizeof(bytes));
        need(n > 0, "the server reads");
    }
    need(write(fd, "k", 1) == 1, "the server answers");
    return NULL;
}

static void *reads_one(void *argument)
{
    struct both *b = argument;
    char byte;

    if (read(b->fd, &byte, 1) != 1)
        say("the reader fails");
    return NULL;
}

static void await_room(struct both *b)
{
    fd_set set;
    struct timeval limit = {5, 0};
    struct epoll_event e;
    int epoll, n;

    FD_ZERO(&set);
    FD_SET(b->fd, &set);
    switch (b->how[0]) {
    case 'p':
        n = ready(b->fd, POLLOUT, 5000);
        break;
    case 's':
        n = select(b->fd + 1, NULL, &set, NULL, &limit);
        break;
    default:
        epoll = epoll_create1(0);
        add(epoll, b->fd, EPOLLOUT);
        n = epoll_wait(epoll, &e, 1, 5000);
        close(epoll);
    }
    if (n != 1)
        say("not woken for writing");
}

static void writes_all(void *argument)
{
    struct both *b = argument;

    for (size_t all = 0; all < BIG;) {
        ssize_t n = send(b->fd, big + all, BIG - all, b->how[0] == 'b' ? 0 : MSG_DONTWAIT);

        if (n > 0)
            all += (size_t)n;
        else if (errno == EAGAIN && b->how[0] != 'b')
            await_room(b);
        else
            need(false, "write");
    }
    b->written = true;
}

static void begin_reading(struct both *b)
{
    if (!b->reading)
        need(pthread_create(&b->reader, NULL, reads_one, b) == 0, "thread");
    b->reading = true;
    kill(b->server, SIGCONT);
}

/* The writer has seen a handshake that needs bytes, and is about to sleep; the reader ends it. */
static void reader_ends_it(void *argument, int stop, int number)
{
    struct both *b = argument;

    (void)stop;
    if (number != SYS_ppoll && number != SYS_pselect6 && number != SYS_epoll_pwait)
        return;
    begin_reading(b);
    others_sleep(b->server);
}

/* lost-wake blocking|poll|select|epoll */
static void lost_wake(char **arguments)
{
    struct both b = {.how = arguments[0]};
    int port, listens = listener(&port);

    b.server = serve_apart(takes_all, &listens);
    /* The server says nothing before the writer waits for it. */
    kill(b.server, SIGSTOP);
    need(waitpid(b.server, NULL, WUNTRACED) == b.server, "waitpid");
    b.fd = connected_to(port);
    (void)step_through(writes_all, reader_ends_it, &b);
    begin_reading(&b);
    pthread_join(b.reader, NULL);
    say("written: %s", b.written ? "all" : "not all");
}

/* ---- a write that was cut short, and what followed ---- */

/* Reads until nothing has come for a while, without a wait that would carry on the other end. */
static void drain(int fd)
{
    static char bytes[200000];
    struct timespec moment = {0, 2000000};

    nonblocking(fd);
    for (int quiet = 0; quiet < 50; quiet++)
        if (read(fd, bytes, sizeof(bytes)) > 0)
            quiet = 0;
        else
            raw(SYS_nanosleep, (long)&moment, 0, 0, 0);
}

/* cut-short: level-triggered EPOLLIN sleeps after the rest was flushed by a write. */
static void cut_short(char **ports)
{
    static char much[8000000];
    struct ends e = connected_pair();
    struct timeval limit = {0, 100000};
    int small = 1, set = epoll_create1(0);
    ssize_t sent;
    double before;

    (void)ports;
    setsockopt(e.client, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    setsockopt(e.client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    add(set, e.client, EPOLLIN);
    sent = write(e.client, much, sizeof(much));
    say("write: %s", sent > 0 && sent < (ssize_t)sizeof(much) ? "short" : "odd");
    drain(e.server);
    told("write", write(e.client, "x", 1));
    drain(e.server);
    before = cpu_seconds();
    say_events("idle", set, 1000);
    say_spins("idle", before);
}

/* ---- watches of closed connections ---- */

/* watch-closed: a child without the library's knowledge keeps the file open. */
static void watch_closed(char **ports)
{
    struct ends e = connected_pair();
    int set = epoll_create1(0), hold[2];
    char *const command[] = {(char *)"cat", NULL};
    posix_spawn_file_actions_t actions;
    struct epoll_event event = {.data.u64 = 0x77};
    pid_t child;

    (void)ports;
    add(set, e.client, EPOLLIN);
    need(pipe2(hold, O_CLOEXEC) == 0 && posix_spawn_file_actions_init(&actions) == 0 &&
             posix_spawn_file_actions_adddup2(&actions, hold[0], STDIN_FILENO) == 0 &&
             posix_spawnp(&child, "cat", &actions, NULL, command, environ) == 0,
         "spawn");
    close(e.client);
    (void)!write(e.server, "late", 4);
    close(e.server);
    epoll_wait(set, &event, 1, 300);
    say("data: %s", event.data.u64 == 0x77 ? "the program's, or none" : "other");
    close(hold[1]);
    waitpid(child, NULL, 0);
}

/* ---- a wait on a number that becomes another connection ---- */

struct waiter {
    struct pollfd entries[2];
    int result;
};

static void *waits(void *argument)
{
    struct waiter *w = argument;

    w->result = poll(w->entries, 2, -1);
    return NULL;
}

/* poll-reused: the old connection's end wakes a wait that finds another at its number. */
static void poll_reused(char **ports)
{
    struct ends e = connected_pair(), other;
    int p[2];
    struct waiter w;
    pthread_t thread;
    double before;

    (void)ports;
    need(pipe(p) == 0, "pipe");
    w = (struct waiter){.entries = {{e.client, POLLIN, 0}, {p[0], POLLIN, 0}}};
    need(pthread_create(&thread, NULL, waits, &w) == 0, "thread");
    others_sleep(0);
    close(e.client);
    other = connected_pair();
    need(dup2(other.client, e.client) == e.client, "dup2");
    need(write(other.server, "data", 4) == 4, "write");
    close(e.server);
    before = cpu_seconds();
    told("poll", ready(p[0], POLLIN, 600));
    say_spins("poll of a closed connection", before);
    need(write(p[1], "x", 1) == 1, "write");
    pthread_join(thread, NULL);
    say("woken: %s", w.result > 0 ? "yes" : "no");
}

const struct guard_case guard_waking[] = {
    {"one-shot", one_shot},           {"failed-connect", failed_connect},
    {"peek-more", peek_more},         {"low-water", low_water},
    {"silent-client", silent_client}, {"lost-wake", lost_wake},
    {"cut-short", cut_short},         {"watch-closed", watch_closed},
    {"poll-reused", poll_reused},     {NULL, NULL},
};
