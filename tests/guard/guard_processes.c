/* Several processes on one connection: killed, forked in a signal's midst, with equal numbers. */
#include "guard.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { RECORDS = 40000, BIG = 100000, ENOUGH = 200 };

/* ---- a writer that is killed before and after each of its system calls ---- */

/* Lets the child go on to the stop `at`, where it is killed. False: it ended before. */
static bool kill_at(pid_t child, int at)
{
    for (int stop = 0, status;; stop++) {
        need(waitpid(child, &status, 0) == child, "waitpid");
        if (!WIFSTOPPED(status))
            return false;
        if (stop == at)
            break;
        ptrace(PTRACE_SYSCALL, child, NULL, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return true;
}

/* All bytes are 'r' but the last, 'e'. What the reader found. */
static void *reads_on(void *argument)
{
    int fd = *(int *)argument;
    static char bytes[RECORDS];
    ssize_t n;
    char last = '\0';

    while (last != 'e' && (n = read(fd, bytes, sizeof(bytes))) > 0)
        last = bytes[n - 1];
    return (void *)(intptr_t)last;
}

/* A write after it fails, or what it wrote arrives. */
static bool write_is_honest(const struct ends *e)
{
    pthread_t thread;
    int server = e->server;
    void *last = NULL;
    ssize_t written;

    need(pthread_create(&thread, NULL, reads_on, &server) == 0, "thread");
    written = write(e->client, "rrrre", 5);
    if (written < 0)
        shutdown(server, SHUT_RD);
    pthread_join(thread, &last);
    return written < 0 || (char)(intptr_t)last == 'e';
}

/* killed-writer */
static void killed_writer(char **ports)
{
    static char bytes[RECORDS];
    int at = -1, lies = 0;
    bool killed;

    (void)ports;
    memset(bytes, 'r', sizeof(bytes));
    do {
        struct ends e = connected_pair();
        pid_t child = fork();

        if (child == 0) {
            ptrace(PTRACE_TRACEME, 0, NULL, NULL);
            raise(SIGSTOP);
            (void)!write(e.client, bytes, sizeof(bytes));
            leave();
        }
        killed = kill_at(child, ++at);
        if (!write_is_honest(&e))
            lies++;
        close(e.client);
        close(e.server);
    } while (killed && at < ENOUGH);
    say("killed: %s, writes that lie: %d", at > 4 && at < ENOUGH ? "yes" : "no", lies);
}

/* ---- equal numbers in two processes ---- */

struct pipes {
    int there[2], back[2];
};

static struct pipes two_pipes(void)
{
    struct pipes p;

    need(pipe(p.there) == 0 && pipe(p.back) == 0, "pipe");
    return p;
}

static void pass(const int pipe[2])
{
    need(write(pipe[1], "x", 1) == 1, "write");
}

static void await(const int pipe[2])
{
    char byte;

    need(read(pipe[0], &byte, 1) == 1, "read");
}

static int watched(int fd, uint64_t data, uint32_t events)
{
    int set = epoll_create1(0);
    struct epoll_event e = {.events = events, .data.u64 = data};

    need(epoll_ctl(set, EPOLL_CTL_ADD, fd, &e) == 0, "EPOLL_CTL_ADD");
    return set;
}

static void say_data(const char *who, int set)
{
    struct epoll_event e = {0};
    int n = epoll_wait(set, &e, 1, 5000);

    say("%s: %d events, data %#lx", who, n, n > 0 ? (unsigned long)e.data.u64 : 0);
}

/* equal-sets: parent and child watch one connection by sets of equal number. */
static void equal_sets(char **ports)
{
    struct ends e = connected_pair();
    struct pipes p = two_pipes();
    int set = watched(e.client, 0x1111, EPOLLIN);
    pid_t child = fork();

    (void)ports;
    if (child == 0) {
        close(set);
        set = watched(e.client, 0x2222, EPOLLIN);
        pass(p.back);
        await(p.there);
        say_data("child", set);
        pass(p.back);
        leave();
    }
    await(p.back);
    need(write(e.server, "data", 4) == 4, "write");
    say_data("parent", set);
    pass(p.there);
    await(p.back);
    waitpid(child, NULL, 0);
}

static void *takes_all(void *argument)
{
    int listens = *(int *)argument;
    static char bytes[BIG];

    for (;;) {
        int fd = accept(listens, NULL, NULL);

        while (fd >= 0 && read(fd, bytes, sizeof(bytes)) > 0)
            ;
        close(fd);
    }
    return NULL;
}

/* Writes, waiting for nothing but edges. */
static void connect_watched(const char *who, int fd, int set, int port)
{
    static char bytes[BIG];
    struct sockaddr_in a = loopback(port);
    struct epoll_event e;
    size_t sent = 0;

    nonblocking(fd);
    connect(fd, (struct sockaddr *)&a, sizeof(a));
    while (sent < sizeof(bytes)) {
        ssize_t n;

        if (epoll_wait(set, &e, 1, 5000) != 1) {
            say("%s: not woken", who);
            return;
        }
        while (sent < sizeof(bytes) && (n = write(fd, bytes + sent, sizeof(bytes) - sent)) > 0)
            sent += (size_t)n;
    }
    say("%s: data %#lx", who, (unsigned long)e.data.u64);
}

/* early-watches: two processes watch unconnected sockets of equal numbers by sets of equal numbers,
 * edge-triggered, and then connect. */
static void early_watches(char **ports)
{
    struct pipes p = two_pipes();
    int port, listens = listener(&port), fd, set;
    pthread_t thread;
    pid_t child;

    (void)ports;
    child = fork();
    if (child == 0)
        await(p.there);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    set = watched(fd, child == 0 ? 0x2222 : 0x1111, EPOLLOUT | EPOLLET);
    if (child == 0) {
        pass(p.back);
        await(p.there);
        connect_watched("child", fd, set, port);
        leave();
    }
    pass(p.there);
    await(p.back);
    need(pthread_create(&thread, NULL, takes_all, &listens) == 0, "thread");
    connect_watched("parent", fd, set, port);
    close(fd); /* and the thread can accept the child's connection, as TLS needs */
    pass(p.there);
    waitpid(child, NULL, 0);
}

/* ---- a signal handler at each moment of a fork ---- */

static int handshaking;

static void polls(int number)
{
    int error = errno;

    (void)number;
    ready(handshaking, POLLIN, 0);
    errno = error;
}

struct forked {
    pid_t child;
    int at;
    bool acted;
};

static void forks(void *argument)
{
    struct forked *f = argument;

    f->child = fork();
    if (f->child == 0)
        raw(SYS_exit_group, 0, 0, 0, 0);
    waitpid(f->child, NULL, 0);
}

static void interrupts(void *argument, int stop, int number)
{
    struct forked *f = argument;

    (void)number;
    if (stop != f->at)
        return;
    f->acted = true;
    raw(SYS_tgkill, getpid(), stopped_thread(), SIGUSR1, 0);
}

/* signal-in-fork COVERED: the handler polls a connection whose handshake goes on. */
static void signal_in_fork(char **ports)
{
    struct sigaction action = {.sa_handler = polls, .sa_flags = SA_RESTART};
    struct forked f = {0};

    handshaking = connected_to(atoi(ports[0]));
    nonblocking(handshaking);
    sigaction(SIGUSR1, &action, NULL);
    for (f.at = 0; f.at < ENOUGH; f.at++) {
        f.acted = false;
        step_locked(forks, interrupts, &f);
        need(f.child > 0, "fork");
        if (!f.acted)
            break;
    }
    say("interrupted: %s", f.at > 0 && f.at < ENOUGH ? "yes" : "no");
}

/* ---- another process namespace ---- */

/* other-namespace: a child that cannot see its parent's process closes its copy. */
static void other_namespace(char **ports)
{
    struct ends e = connected_pair();
    char bytes[8];
    pid_t child;

    (void)ports;
    if (unshare(CLONE_NEWPID) != 0) {
        say("not permitted");
        return;
    }
    child = fork();
    if (child == 0) {
        close(e.client);
        leave();
    }
    waitpid(child, NULL, 0);
    told("write", write(e.client, "data", 4));
    told("read", ready(e.server, POLLIN, 5000) == 1 ? read(e.server, bytes, sizeof(bytes)) : 0);
}

const struct guard_case guard_processes[] = {
    {"killed-writer", killed_writer},     {"equal-sets", equal_sets},
    {"early-watches", early_watches},     {"signal-in-fork", signal_in_fork},
    {"other-namespace", other_namespace}, {NULL, NULL},
};
