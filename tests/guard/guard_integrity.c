/* What calls tell: the end of a stream, its errors, and no other file's bytes. */
#include "guard.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <sys/uio.h>

/* ---- a peer that resets ---- */

static atomic_int broken_pipes;

static void counts(int number)
{
    (void)number;
    broken_pipes++;
}

/* after-reset: writes fail, and keep failing. */
static void after_reset(char **ports)
{
    struct ends e = connected_pair();
    struct linger at_once = {1, 0};
    char byte;

    (void)ports;
    signal(SIGPIPE, counts);
    setsockopt(e.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    raw(SYS_close, e.server, 0, 0, 0);
    ready(e.client, POLLIN, 10000);
    for (int i = 0; i < 4; i++)
        told("write", write(e.client, "hello", 5));
    told("send", send(e.client, "hello", 5, MSG_NOSIGNAL));
    say("SIGPIPE: %d", broken_pipes);
    told("read", read(e.client, &byte, 1));
}

/* ---- a stream that was cut: the kernel's FIN, no close_notify ---- */

static struct ends cut_pair(void)
{
    struct ends e = connected_pair();

    raw(SYS_shutdown, e.server, SHUT_WR, 0, 0);
    ready(e.client, POLLIN, 10000);
    return e;
}

static void say_read(const char *after, int fd)
{
    char byte;

    say("read after %s: %s", after, read(fd, &byte, 1) < 0 ? "an error" : "a clean end");
}

/* cut: no read takes it for a clean end. */
static void cut(char **ports)
{
    struct ends e = cut_pair();
    int error;
    socklen_t length = sizeof(error);

    (void)ports;
    getsockopt(e.client, SOL_SOCKET, SO_ERROR, &error, &length);
    say_read("SO_ERROR", e.client);
    say_read("a read", e.client);
    e = cut_pair();
    for (int i = 0; i < 3; i++)
        (void)!write(e.client, "hello", 5);
    say_read("writes", e.client);
    say_read("a read", e.client);
}

struct cut_reader {
    int fd;
    bool clean;
};

static void reads_end(void *argument)
{
    struct cut_reader *r = argument;
    char byte;

    r->clean = read(r->fd, &byte, 1) == 0;
}

static void writes_meanwhile(void *argument, int stop, int number)
{
    struct cut_reader *r = argument;
    int error;
    socklen_t length = sizeof(error);

    (void)stop, (void)number;
    (void)!write(r->fd, "hello", 5);
    getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &length);
}

/* cut-while-writing: another thread takes the error while the reader is about to. */
static void cut_while_writing(char **ports)
{
    struct ends e = connected_pair();
    struct cut_reader r = {.fd = e.client};

    (void)ports;
    raw(SYS_shutdown, e.server, SHUT_WR, 0, 0);
    say("stopped: %s", step_through(reads_end, writes_meanwhile, &r) > 0 ? "yes" : "no");
    say("the reader sees %s", r.clean ? "a clean end" : "an error");
}

static void *reads_one(void *argument)
{
    char byte;

    told("read", read(*(int *)argument, &byte, 1));
    return NULL;
}

/* reset-allowed, where the rule says truncation = allow: a reset is no end. */
static void reset_allowed(char **ports)
{
    struct ends e = connected_pair();
    struct linger at_once = {1, 0};
    pthread_t thread;

    (void)ports;
    setsockopt(e.server, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    need(pthread_create(&thread, NULL, reads_one, &e.client) == 0, "thread");
    others_sleep(0);
    raw(SYS_close, e.server, 0, 0, 0);
    pthread_join(thread, NULL);
}

/* ---- another file at the number of a blocked call ---- */

static void *reads_blocked(void *argument)
{
    int *fds = argument;
    char bytes[100];
    ssize_t n = read(fds[0], bytes, sizeof(bytes));

    told("blocked read", n);
    return NULL;
}

/* replaced-under-read: dup2 of a socket pair over the number of a blocked read. */
static void replaced_under_read(char **ports)
{
    struct ends e = connected_pair();
    int copy = dup(e.client), pair[2];
    pthread_t thread;
    char bytes[100];

    (void)ports;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0, "socketpair");
    need(pthread_create(&thread, NULL, reads_blocked, &e.client) == 0, "thread");
    others_sleep(0);
    need(dup2(pair[0], e.client) == e.client, "dup2");
    need(write(pair[1], "local", 5) == 5, "write");
    need(write(e.server, "by peer", 7) == 7, "write");
    pthread_join(thread, NULL);
    told("the pair's bytes", recv(pair[0], bytes, sizeof(bytes), MSG_DONTWAIT));
    told("the pair", write(pair[1], "x", 1));
    need(write(e.server, "more", 4) == 4, "write");
    need(ready(copy, POLLIN, 10000) == 1, "poll");
    told("the copy", read(copy, bytes, sizeof(bytes)));
}

/* ---- small things ---- */

/* shut-early COVERED: shutdown(SHUT_WR) before the handshake is over. */
static void shut_early(char **ports)
{
    int fd = connected_to(atoi(ports[0]));

    nonblocking(fd);
    told("write", write(fd, "hello", 5));
    told("shutdown", shutdown(fd, SHUT_WR));
    told("write", write(fd, "hello", 5));
}

/* error-queue: MSG_ERRQUEUE reads no data. */
static void error_queue(char **ports)
{
    struct ends e = connected_pair();
    char bytes[100];
    struct iovec v = {bytes, sizeof(bytes)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    struct sockaddr_storage a;
    socklen_t length = sizeof(a);

    (void)ports;
    need(write(e.server, "data", 4) == 4 && ready(e.client, POLLIN, 10000) == 1, "write");
    told("recv", recv(e.client, bytes, sizeof(bytes), MSG_ERRQUEUE));
    told("recvfrom",
         recvfrom(e.client, bytes, sizeof(bytes), MSG_ERRQUEUE, (struct sockaddr *)&a, &length));
    told("recvmsg", recvmsg(e.client, &m, MSG_ERRQUEUE));
    told("recv", recv(e.client, bytes, sizeof(bytes), 0));
}

static void call_with(int fd, void *none)
{
    struct iovec iov = {none, 10};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1}, no_vector = {.msg_iovlen = 1};
    struct mmsghdr *several = none;
    socklen_t length = sizeof(int);
    int number;

    no_vector.msg_iov = none;
    told("write", write(fd, none, 10));
    told("send", send(fd, none, 10, MSG_NOSIGNAL));
    told("writev", writev(fd, none, 1));
    told("writev of it", writev(fd, &iov, 1));
    told("sendmsg", sendmsg(fd, none, MSG_NOSIGNAL));
    told("sendmsg of it", sendmsg(fd, &message, MSG_NOSIGNAL));
    told("sendmsg of no vector", sendmsg(fd, &no_vector, MSG_NOSIGNAL));
    told("sendmmsg", sendmmsg(fd, several, 1, MSG_NOSIGNAL));
    told("read", read(fd, none, 10));
    told("recv", recv(fd, none, 10, 0));
    told("readv", readv(fd, none, 1));
    told("readv of it", readv(fd, &iov, 1));
    told("recvmsg", recvmsg(fd, none, 0));
    told("recvmsg of it", recvmsg(fd, &message, 0));
    told("recvmmsg", recvmmsg(fd, several, 1, 0, NULL));
    told("FIONREAD", ioctl(fd, FIONREAD, none));
    told("SO_ERROR", getsockopt(fd, SOL_SOCKET, SO_ERROR, none, &length));
    told("SO_ERROR, no length", getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, none));
    told("SO_RCVLOWAT", setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, none, sizeof(int)));
    told("epoll_ctl", epoll_ctl(epoll_create1(0), EPOLL_CTL_ADD, fd, none));
    told("poll", poll(none, 1, 0));
    told("connect", connect(fd, none, sizeof(struct sockaddr_in)));
}

/* no-address: what is no address is EFAULT, and the connection lives. */
static void no_address(char **ports)
{
    struct ends e = connected_pair();
    int pair[2], port, listens = listener(&port);
    char bytes[8];

    (void)ports;
    need(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 && write(pair[1], "data", 4) == 4 &&
             write(e.server, "data", 4) == 4 && ready(e.client, POLLIN, 10000) == 1,
         "data");
    for (int i = 0; i < 2; i++) {
        void *none = i == 0 ? NULL : (void *)-1;

        call_with(e.client, none);
        call_with(pair[0], none);
        told("select",
             select(e.client + 1, i == 0 ? NULL : none, NULL, NULL, &(struct timeval){0}));
        told("connect", connect(socket(AF_INET, SOCK_STREAM, 0), none, 16));
    }
    nonblocking(listens);
    told("accept", accept(listens, (void *)-1, (void *)-1));
    told("read", read(e.client, bytes, sizeof(bytes)));
    told("write", write(e.client, "more", 4));
}

/* wild-pointer: EFAULT, and the connection lives. */
static void wild_pointer(char **ports)
{
    struct ends e = connected_pair();
    char *nothing = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), bytes[8];
    char *const wild[] = {nothing, NULL, (char *)1, (char *)-1, (char *)(1ul << 63)};
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)ports;
    need(mprotect(page + 4096, 4096, PROT_NONE) == 0, "mprotect");
    need(write(e.server, "data", 4) == 4 && ready(e.client, POLLIN, 10000) == 1, "write");
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        struct iovec one = {wild[i], 100};
        struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1}, other = {0};

        told("write", write(e.client, wild[i], 100));
        told("send", send(e.client, wild[i], 100, MSG_NOSIGNAL));
        told("writev", writev(e.client, &one, 1));
        told("writev of no list", writev(e.client, (struct iovec *)wild[i], 1));
        told("sendmsg", sendmsg(e.client, &message, 0));
        told("sendmsg of no message", sendmsg(e.client, (struct msghdr *)wild[i], 0));
        told("read", read(e.client, wild[i], 100));
        told("recv", recv(e.client, wild[i], 100, MSG_DONTWAIT));
        told("readv", readv(e.client, &one, 1));
        told("readv of no list", readv(e.client, (struct iovec *)wild[i], 1));
        told("recvmsg", recvmsg(e.client, &message, 0));
        told("recvmsg of no message", recvmsg(e.client, (struct msghdr *)wild[i], 0));
        other.msg_iov = (struct iovec *)wild[i];
        other.msg_iovlen = 1;
        told("recvmsg of no list", recvmsg(e.client, &other, 0));
        told("poll", poll((struct pollfd *)wild[i], 1, 0));
        told("FIONREAD", ioctl(e.client, FIONREAD, wild[i]));
        told("SO_ERROR", getsockopt(e.client, SOL_SOCKET, SO_ERROR, bytes, (socklen_t *)wild[i]));
        told("connect", connect(e.client, (struct sockaddr *)wild[i], 16));
    }
    told("a buffer that ends beyond", write(e.client, page + 8188, 8));
    told("nothing at a wild pointer", write(e.client, nothing, 0));
    told("thrown away", recv(e.client, NULL, 1, MSG_TRUNC));
    told("read", read(e.client, bytes, sizeof(bytes)));
    told("write", write(e.client, "more", 4));
}

/* full-log PORT: the standard error is a full pipe that nobody reads; PORT speaks no TLS. */
static void full_log(char **ports)
{
    int p[2], fd;
    char bytes[4096] = {0};

    need(pipe(p) == 0 && dup2(p[1], STDERR_FILENO) == STDERR_FILENO, "pipe");
    fcntl(p[1], F_SETFL, O_NONBLOCK);
    while (write(p[1], bytes, sizeof(bytes)) > 0)
        ;
    fcntl(p[1], F_SETFL, 0);
    fd = connected_to(atoi(ports[0]));
    told("read", read(fd, bytes, 1));
}

/* ---- what is left in memory ---- */

static int found_in(const char *from, const char *to, const char *what, size_t length)
{
    int found = 0;

    while (from + length < to && (from = memmem(from, (size_t)(to - from), what, length)) != NULL) {
        found++;
        from += length;
    }
    return found;
}

/* Copies in every mapping that can be written, but for the one at `what`. */
static int found_in_memory(const char *what, size_t length)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512], mode[5];
    char *from, *to;
    int found = 0;

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL)
        if (sscanf(line, "%p-%p %4s", (void **)&from, (void **)&to, mode) == 3 &&
            strncmp(mode, "rw", 2) == 0 && strstr(line, "[v") == NULL &&
            !(from <= what && what < to))
            found += found_in(from, to, what, length);
    if (maps != NULL)
        fclose(maps);
    return found;
}

/* left-over: data that was read, and its connection closed, is nowhere. */
static void left_over(char **ports)
{
    enum { TEXT = 32, ROOM = 60000 };
    struct ends e = connected_pair();
    char *page =
        mmap(NULL, ROOM + TEXT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *data = page + TEXT;

    (void)ports;
    for (int i = 0; i < TEXT; i++)
        page[i] = (char)('a' + (i * 7 + (int)(now() * 1e6)) % 26);
    for (int i = 0; i < ROOM / TEXT; i++)
        memcpy(data + (size_t)i * TEXT, page, TEXT);
    need(write(e.client, data, ROOM / TEXT * TEXT) > 0, "write");
    memset(data, 0, ROOM);
    for (size_t all = 0; all < ROOM / TEXT * TEXT;) {
        ssize_t n = read(e.server, data, all % 5000 + 100);

        need(n > 0, "read");
        all += (size_t)n;
    }
    memset(data, 0, ROOM);
    close(e.client);
    close(e.server);
    say("copies left: %d", found_in_memory(page, TEXT));
}

const struct guard_case guard_integrity[] = {
    {"after-reset", after_reset},
    {"cut", cut},
    {"cut-while-writing", cut_while_writing},
    {"reset-allowed", reset_allowed},
    {"replaced-under-read", replaced_under_read},
    {"shut-early", shut_early},
    {"error-queue", error_queue},
    {"no-address", no_address},
    {"wild-pointer", wild_pointer},
    {"full-log", full_log},
    {"left-over", left_over},
    {NULL, NULL},
};
