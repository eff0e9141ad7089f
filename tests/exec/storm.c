/* Storms over shared connections, for storms.t: a program that knows nothing of TLS.
 *
 *   storm turns PORT N     one connection, N children write a tagged line each, in turn
 *   storm at-once PORT N   N children write a line each, in turn, and then 5 each, at once
 *   storm killed PORT N    N children write until they are killed; the parent writes after each
 *   storm forks PORT N     N forks from one thread while others use everything that has a lock
 *   storm dups PORT N      N forks while another thread copies the descriptor
 *   storm execs PORT N     executes itself N times while other threads read and write
 *   storm fork-cost N      milliseconds of 300 forks with N connections open (PORT: a listener's)
 *
 * A line is 64 bytes: "who number xxx...\n". */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, AT_ONCE = 5, FORKS_TIMED = 300 };

static int port;

static void need(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int connection(void)
{
    struct sockaddr_in address = loopback();
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    need(fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0, "connect");
    return fd;
}

static bool write_line(int fd, const char *who, int number)
{
    char line[LINE + 1];

    snprintf(line, sizeof(line), "%s %d ", who, number);
    memset(line + strlen(line), 'x', LINE - 1 - strlen(line));
    line[LINE - 1] = '\n';
    return write(fd, line, LINE) == LINE;
}

static bool ended_well(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        need(errno == EINTR, "waitpid");
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static pid_t start(void)
{
    pid_t pid = fork();

    need(pid >= 0, "fork");
    return pid;
}

static void turns(int count)
{
    int fd = connection();

    for (int i = 0; i < count; i++) {
        pid_t pid = start();

        if (pid == 0)
            _exit(write_line(fd, "turn", i) ? 0 : 1);
        need(ended_well(pid), "a child");
    }
    close(fd);
}

/* All N live to the end: each writes a line when it is its turn, and then all write at once. */
static void at_once(int count)
{
    int fd = connection(), gate[2], turn[2];
    char byte = 0;

    need(pipe(gate) == 0 && pipe(turn) == 0, "pipe");
    need(write_line(fd, "first", 0), "write");
    for (int i = 0; i < count; i++) {
        if (start() != 0) {
            need(read(turn[0], &byte, 1) == 1, "a child's turn");
            continue;
        }
        close(gate[1]);
        if (!write_line(fd, "turn", i) || write(turn[1], &byte, 1) != 1)
            _exit(1);
        (void)!read(gate[0], &byte, 1);
        for (int j = 0; j < AT_ONCE; j++)
            if (!write_line(fd, "once", i * AT_ONCE + j))
                _exit(1);
        _exit(0);
    }
    close(gate[0]);
    close(gate[1]);
    for (int i = 0, status; i < count; i++)
        need(wait(&status) > 0 && status == 0, "a child");
    need(write_line(fd, "last", 0), "write");
    close(fd);
}

/* Says how many connections went on and how many had failed: both are right. */
static void killed(int count)
{
    unsigned seed = (unsigned)time(NULL);
    int went_on = 0, failed = 0;

    signal(SIGPIPE, SIG_IGN);
    for (int i = 0; i < count; i++) {
        int fd = connection();

        need(write_line(fd, "before", i), "write");
        /* libc's fork, and the system call that libc knows nothing of */
        pid_t pid = i % 2 == 0 ? start() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

        if (pid == 0)
            for (int j = 0;; j++)
                (void)write_line(fd, "child", j);
        usleep((useconds_t)(rand_r(&seed) % 3000));
        kill(pid, SIGKILL);
        ended_well(pid);
        if (write_line(fd, "after", i))
            went_on++;
        else
            failed++;
        close(fd);
    }
    printf("%d went on, %d failed\n", went_on, failed);
}

/* ---- forks while other threads hold locks ---- */

static _Atomic bool stop;

static void *writes(void *argument)
{
    int fd = connection();

    (void)argument;
    for (int i = 0; !stop; i++)
        need(write_line(fd, "busy", i), "write");
    close(fd);
    return NULL;
}

static void *connects(void *argument)
{
    (void)argument;
    while (!stop) {
        int fd = connection(), copy = dup(fd);

        close(fd);
        need(write_line(copy, "short", 0), "write");
        close(copy);
    }
    return NULL;
}

static void *asks(void *argument)
{
    (void)argument;
    while (!stop) {
        struct addrinfo *list = NULL;

        if (getaddrinfo("localhost", "80", NULL, &list) == 0)
            freeaddrinfo(list);
    }
    return NULL;
}

static void *prints(void *argument)
{
    FILE *stream = fdopen(connection(), "w");

    (void)argument;
    while (!stop) {
        fprintf(stream, "%-62s.\n", "stream 0");
        fflush(stream);
    }
    fclose(stream);
    return NULL;
}

static void forks(int count)
{
    void *(*const works[])(void *) = {writes, writes, connects, asks, prints};
    enum { WORKS = sizeof(works) / sizeof(*works) };
    pthread_t threads[WORKS];
    int fd = connection();

    for (int i = 0; i < WORKS; i++)
        need(pthread_create(&threads[i], NULL, works[i], NULL) == 0, "pthread_create");
    for (int i = 0; i < count; i++) {
        pid_t pid = start();

        if (pid == 0) {
            alarm(60);
            bool good = i % 50 != 0 || write_line(fd, "fork", i);

            _exit(good && close(fd) == 0 ? 0 : 1);
        }
        need(ended_well(pid), "a child");
    }
    stop = true;
    for (int i = 0; i < WORKS; i++)
        pthread_join(threads[i], NULL);
    close(fd);
}

/* ---- forks while another thread copies the descriptor ---- */

static void *copies(void *fd)
{
    while (!stop)
        close(dup(*(int *)fd));
    return NULL;
}

/* The child is the last that has each connection, and has to end it in order. */
static void dups(int count)
{
    for (int i = 0; i < count; i++) {
        int fd = connection(), gate[2];
        pthread_t thread;
        char byte;

        need(write_line(fd, "dup", i) && pipe(gate) == 0, "write");
        stop = false;
        need(pthread_create(&thread, NULL, copies, &fd) == 0, "pthread_create");
        usleep(1000);
        pid_t pid = start();

        if (pid == 0) {
            close(gate[1]);
            _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
        }
        stop = true;
        pthread_join(thread, NULL);
        close(fd);
        close(gate[0]);
        close(gate[1]);
        need(ended_well(pid), "a child");
    }
}

/* ---- execs while other threads are inside ---- */

static int shared_fd;

/* A line is written whole, or the thread is ended in its midst: then whole or not at all. */
static void *goes_on_writing(void *who)
{
    for (int i = 0; write_line(shared_fd, who, i); i++)
        ;
    need(false, "write");
    return NULL;
}

static void *goes_on_reading(void *argument)
{
    char byte;

    (void)argument;
    need(read(shared_fd, &byte, 1) < 0, "read");
    return NULL;
}

/* generation counts down to 0. */
static void execs_from(int fd, int generation)
{
    static char writers[2][24];
    char line[24], argument[2][16];
    pthread_t thread;

    shared_fd = fd;
    snprintf(line, sizeof(line), "generation-%d", generation);
    need(write_line(fd, line, 0), "write");
    if (generation == 0) {
        close(fd);
        return;
    }
    for (int i = 0; i < 2; i++) {
        snprintf(writers[i], sizeof(writers[i]), "writer-%d-%d", generation, i);
        need(pthread_create(&thread, NULL, goes_on_writing, writers[i]) == 0, "pthread_create");
    }
    need(pthread_create(&thread, NULL, goes_on_reading, NULL) == 0, "pthread_create");
    usleep((useconds_t)(generation * 373 % 5000));
    snprintf(argument[0], sizeof(argument[0]), "%d", fd);
    snprintf(argument[1], sizeof(argument[1]), "%d", generation - 1);
    execl("/proc/self/exe", "storm", "execs-from", argument[0], argument[1], (char *)NULL);
    need(false, "execl");
}

static void execs(int count)
{
    execs_from(connection(), count);
}

/* ---- what a fork costs ---- */

static void fork_cost(int count)
{
    struct sockaddr_in address = loopback();
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct rlimit limit;
    struct timespec begin, end;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    need(bind(listener, (struct sockaddr *)&address, sizeof(address)) == 0, "bind");
    need(listen(listener, 100) == 0, "listen");
    for (int i = 0; i < count / 2; i++) {
        connection();
        need(accept(listener, NULL, NULL) >= 0, "accept");
    }
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < FORKS_TIMED; i++) {
        pid_t pid = start();

        if (pid == 0)
            raise(SIGKILL); /* the fork alone, not the end of 10,000 connections */
        ended_well(pid);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    printf("%.1f\n",
           (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6);
    fflush(stdout);
    raise(SIGKILL);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(int);
    } storms[] = {{"turns", turns}, {"at-once", at_once}, {"killed", killed},      {"forks", forks},
                  {"dups", dups},   {"execs", execs},     {"fork-cost", fork_cost}};

    need(argc == 4, "storm NAME PORT N");
    if (strcmp(argv[1], "execs-from") == 0) {
        execs_from(atoi(argv[2]), atoi(argv[3]));
        return 0;
    }
    port = atoi(argv[2]);
    for (size_t i = 0; i < sizeof(storms) / sizeof(*storms); i++)
        if (strcmp(argv[1], storms[i].name) == 0) {
            storms[i].run(atoi(argv[3]));
            return 0;
        }
    return 2;
}
