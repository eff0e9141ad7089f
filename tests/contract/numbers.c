/* Descriptor numbers come and go: lines 29 to 32. */
#include "contract.h"

#include <sys/resource.h>
#include <sys/syscall.h>

static char byte;

/* ---- 29: one session under several numbers ---- */

static void copies(void)
{
    struct pair p = pair_open();
    int number[6] = {p.client};

    number[1] = dup(p.client);
    number[2] = dup2(p.client, 100);
    number[3] = dup3(p.client, 101, O_CLOEXEC);
    number[4] = fcntl(p.client, F_DUPFD, 102);
    number[5] = fcntl(p.client, F_DUPFD_CLOEXEC, 103);
    for (int i = 0; i < 6; i++) {
        char out[20], in[20];

        snprintf(out, sizeof(out), "by number %d ", i);
        check(write(number[i], out, 12) == 12, "write");
        check(read_all(p.server, in, 12) == 12 && memcmp(in, out, 12) == 0, "other bytes");
        check(write(p.server, out, 12) == 12, "write");
        check(read_all(number[5 - i], in, 12) == 12 && memcmp(in, out, 12) == 0, "other bytes");
    }
    for (int i = 0; i < 5; i++) {
        close(number[i]);
        check(!readable_within(p.server, 20), "the end after %d closes", i + 1);
        check(write(number[5], "x", 1) == 1 && read(p.server, &byte, 1) == 1, "goes on");
    }
    close(number[5]);
    say_of(read(p.server, &byte, 1), "after the last close: %s%s", "");
    close(p.server);
}

static void replaced(void)
{
    struct pair p = pair_open(), q = pair_open();

    MUST(dup2(q.client, p.client)); /* the last number of p's client */
    say_of(read(p.server, &byte, 1), "its peer reads %s%s", "");
    check(write(p.client, "x", 1) == 1 && read(q.server, &byte, 1) == 1, "the other connection");
    say("itself: %d", dup2(p.client, p.client) == p.client);
    check(write(p.client, "y", 1) == 1 && read(q.server, &byte, 1) == 1, "goes on");
    say("dup2 of nothing: %s", outcome(dup2(999, p.client)));
    check(write(p.client, "z", 1) == 1 && read(q.server, &byte, 1) == 1, "goes on");
    close(p.client);
    close(p.server);
    pair_close(&q);
}

/* ---- 30: while other threads use them ---- */

static void *reads(void *arg)
{
    int fd = *(int *)arg;
    char some[100];
    ssize_t n;

    while ((n = read(fd, some, sizeof(some))) > 0)
        for (ssize_t i = 0; i < n; i++)
            check(some[i] == 'a' || some[i] == 'b', "byte %d", some[i]);
    return NULL;
}

static void under_a_reader(void)
{
    for (int i = 0; i < 100; i++) {
        struct pair p = pair_open(), q = pair_open();
        int number = p.client;
        pthread_t thread = start_thread(reads, &number);

        check(write(p.server, "aaaa", 4) == 4, "write");
        MUST(dup2(q.client, number));
        check(write(q.server, "bbbb", 4) == 4, "write");
        shutdown(q.server, SHUT_WR);
        close(p.server);
        pthread_join(thread, NULL);
        close(number);
        pair_close(&q);
    }
    say("a hundred times");
}

static _Atomic int stop;

static void *copies_and_closes(void *arg)
{
    const struct pair *p = arg;

    while (!stop) {
        int copy = dup(p->client), other = fcntl(p->client, F_DUPFD, 200);

        if (other >= 0)
            close(other);
        if (copy >= 0)
            close(copy);
    }
    return NULL;
}

static void storm(void)
{
    struct pair p = pair_open();
    pthread_t threads[4];
    char in[4];

    stop = 0;
    for (int i = 0; i < 4; i++)
        threads[i] = start_thread(copies_and_closes, &p);
    for (int i = 0; i < 2000; i++) {
        check(write(p.client, "tick", 4) == 4, "write");
        check(read_all(p.server, in, 4) == 4 && memcmp(in, "tick", 4) == 0, "other bytes");
    }
    stop = 1;
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    close(p.client);
    say_of(read(p.server, &byte, 1), "and the end: %s%s", "");
    close(p.server);
}

/* ---- 31: whole ranges ---- */

static int closes_from(void *arg)
{
    struct pair p = *(struct pair *)arg;
    int high = MUST(fcntl(p.client, F_DUPFD, 300));

    closefrom(high);
    say("%d closed: %s", high, outcome(fcntl(high, F_GETFD)));
    check(write(p.client, "on", 2) == 2 && read_all(p.server, &byte, 1) == 1, "goes on");
    read(p.server, &byte, 1);
    closefrom(3);
    say("the rest: %s %s", outcome(fcntl(p.client, F_GETFD)), outcome(fcntl(p.server, F_GETFD)));
    /* What the library needs is still there. */
    p = pair_open();
    say_hello(&p);
    system("true");
    say_hello(&p);
    for (int fd = 3; fd < 2048; fd++)
        close(fd);
    p = pair_open();
    int r = system("exit 5");

    say("system: %d", r >> 8);
    say_hello(&p);
    fflush(stdout);
    return 0;
}

static void closefroms(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(closes_from, &p);

    say("ended %d", child_status(pid));
    say_hello(&p);
    pair_close(&p);
}

static void ranges(void)
{
    struct pair p = pair_open();
    int first = MUST(fcntl(p.client, F_DUPFD, 400)), last = MUST(fcntl(p.client, F_DUPFD, 500));

    say("marked: %s", outcome(close_range(400, 600, CLOSE_RANGE_CLOEXEC)));
    check(write(last, "on", 2) == 2, "goes on");
    read_all(p.server, &byte, 1);
    read_all(p.server, &byte, 1);
    say("FD_CLOEXEC %d", fcntl(first, F_GETFD));
    say("close_range: %s", outcome(close_range(400, ~0U, 0)));
    say("%s %s", outcome(fcntl(first, F_GETFD)), outcome(fcntl(last, F_GETFD)));
    say("the wrong way: %s", outcome(close_range(5, 4, 0)));
    close(p.client);
    say_of(read(p.server, &byte, 1), "the last was closed: %s%s", "");
    close(p.server);
}

/* ---- 32: behind everybody's back ---- */

/* An instruction, for the library stands in front of libc's syscall too. */
static long raw_close(int fd)
{
    long r;

    __asm__ volatile("syscall" : "=a"(r) : "a"(SYS_close), "D"((long)fd) : "rcx", "r11", "memory");
    return r;
}

static void reused(void)
{
    struct pair p = pair_open();
    int number = p.client, pipes[2];

    check(raw_close(number) == 0, "close");
    MUST(pipe(pipes));
    MUST(dup2(pipes[1], number));
    say("write to a pipe there: %s", outcome(write(number, "plain", 5)));
    char text[6] = "";

    say_of(read(pipes[0], text, 5), "and read: %s %s", text);
    check(raw_close(number) == 0, "close");
    int file = MUST(open("/dev/null", O_RDWR));

    say("/dev/null is %d, written %s", file == number, outcome(write(file, "x", 1)));
    close(file);
    struct pair q = pair_open();

    say_hello(&q);
    pair_close(&q);
    close(p.server);
}

const struct contract_case number_cases[] = {
    {"29 dup, dup2, dup3, F_DUPFD share one session", copies},
    {"29 dup2 over the last number", replaced},
    {"30 dup2 under a reader", under_a_reader},
    {"30 a storm of dup and close", storm},
    {"31 closefrom, and closing every number", closefroms},
    {"31 close_range", ranges},
    {"32 closed by a system call, the number reused", reused},
    {NULL, NULL},
};
