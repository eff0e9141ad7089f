/* A program with threads that knows nothing of TLS: all that threads may do to one another with
 * sockets, for a while, under a checker of races (tsan.t, helgrind.t).
 *
 *     races serve|connect|both PORT SECONDS [POLICY]
 *
 * serve listens, until the end of its standard input; connect makes connections, both does both in
 * one process. POLICY is touched while connections come and go, so that rules are read again. It
 * ends with a line of counts, and with 1 when a byte was wrong. Nobody forks: what another process
 * does is out of the checkers' sight, and with it the order that it makes.
 *
 * The threads share nothing but descriptors and atomics: whatever else the checker reports is not
 * this program's. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 3000, CROWD = 6, MAX_THREADS = 64 };

static int port, listener;
static const char *policy;
static int64_t end;
static _Atomic bool stopping;
static _Atomic uint64_t connections, bytes, wrong, copies, wakes;

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static bool over(void)
{
    return now() >= end;
}

static void fail(const char *what)
{
    wrong++;
    fprintf(stderr, "races: %s: %s\n", what, strerror(errno));
}

static void pause_ms(int ms)
{
    poll(NULL, 0, ms);
}

/* ---- both ends: what a connection is for is its first byte ---- */

enum kind { ECHO = 'e', DUPLEX = 'd', SINK = 's', SOURCE = 'o' };

static bool write_all(int fd, const void *from, size_t n)
{
    for (const char *at = from; n > 0;) {
        ssize_t r = write(fd, at, n);

        if (r <= 0)
            return false;
        at += r;
        n -= (size_t)r;
    }
    return true;
}

static int connect_as(enum kind kind)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    char first = (char)kind;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        !write_all(fd, &first, 1)) {
        fail("connect");
        exit(1);
    }
    connections++;
    return fd;
}

static void *writer(void *arg)
{
    int fd = (int)(intptr_t)arg;
    unsigned char piece[PIECE];
    uint64_t at = 0;

    while (!over()) {
        for (size_t i = 0; i < sizeof(piece); i++)
            piece[i] = (unsigned char)((at + i) % 251);
        if (!write_all(fd, piece, sizeof(piece))) {
            fail("write");
            break;
        }
        at += sizeof(piece);
    }
    shutdown(fd, SHUT_WR);
    return NULL;
}

static void *reader(void *arg)
{
    int fd = (int)(intptr_t)arg;
    unsigned char piece[2 * PIECE];
    uint64_t at = 0;
    ssize_t r;

    while ((r = read(fd, piece, sizeof(piece))) > 0) {
        for (ssize_t i = 0; i < r; i++)
            if (piece[i] != (unsigned char)((at + (uint64_t)i) % 251)) {
                fail("bytes");
                return NULL;
            }
        at += (uint64_t)r;
    }
    if (r < 0)
        fail("read");
    bytes += at;
    return NULL;
}

/* Asks everything that a third thread may ask of a descriptor that two others read and write. */
static void *watcher(void *arg)
{
    int fd = (int)(intptr_t)arg;

    while (!over()) {
        struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT};
        struct timeval none = {0, 1000};
        fd_set set;
        int n;
        socklen_t length = sizeof(n);

        FD_ZERO(&set);
        FD_SET(fd, &set);
        if (poll(&entry, 1, 5) < 0 || select(fd + 1, &set, NULL, NULL, &none) < 0 ||
            ioctl(fd, FIONREAD, &n) != 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &n, &length) != 0)
            fail("asking");
        pause_ms(1);
    }
    return NULL;
}

static void full_duplex(int fd)
{
    void *(*const what[])(void *) = {writer, reader, watcher};
    pthread_t threads[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, what[i], (void *)(intptr_t)fd);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

static void echo(int fd)
{
    char piece[PIECE];
    ssize_t r;

    while ((r = read(fd, piece, sizeof(piece))) > 0)
        if (!write_all(fd, piece, (size_t)r))
            break;
}

static void drain(int fd)
{
    char piece[PIECE];
    ssize_t r;

    while ((r = read(fd, piece, sizeof(piece))) > 0)
        bytes += (uint64_t)r;
}

/* ---- serving: threads that accept from one listener, each connection in a thread of its own ----
 */

static _Atomic int serving;

static void *serve_one(void *arg)
{
    int fd = (int)(intptr_t)arg;
    char kind = 0;

    if (read(fd, &kind, 1) == 1) {
        if (kind == DUPLEX)
            full_duplex(fd);
        else if (kind == SINK)
            drain(fd);
        else
            echo(fd);
    }
    close(fd);
    serving--;
    return NULL;
}

static void *serve(void *arg)
{
    (void)arg;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0 || !stopping;) {
        pthread_attr_t detached;
        pthread_t thread;

        if (fd < 0)
            continue;
        connections++;
        serving++;
        pthread_attr_init(&detached);
        pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
        if (pthread_create(&thread, &detached, serve_one, (void *)(intptr_t)fd) != 0) {
            fail("thread");
            close(fd);
            serving--;
        }
        pthread_attr_destroy(&detached);
    }
    return NULL;
}

/* ---- connecting ---- */

static void *duplex(void *arg)
{
    int fd = connect_as(DUPLEX);

    (void)arg;
    full_duplex(fd);
    close(fd);
    return NULL;
}

/* Short connections, one after the other, each asked for by name. */
static void *short_ones(void *arg)
{
    (void)arg;
    while (!over()) {
        struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *list = NULL;
        char back[5] = {0};
        int fd;

        if (getaddrinfo("localhost", NULL, &hints, &list) == 0)
            freeaddrinfo(list);
        fd = connect_as(ECHO);
        if (!write_all(fd, "hello", 5) || recv(fd, back, 5, MSG_WAITALL) != 5 ||
            memcmp(back, "hello", 5) != 0)
            fail("echo");
        close(fd);
    }
    return NULL;
}

/* Two threads copy one descriptor, write by the copy and close it; one puts another file where a
 * copy is. */
static void *copier(void *arg)
{
    int fd = (int)(intptr_t)arg;

    while (!over()) {
        int copy = dup(fd), null = open("/dev/null", O_RDWR | O_CLOEXEC);

        if (copy < 0 || !write_all(copy, "copied", 6))
            fail("copy");
        if (copies++ % 3 == 0 && dup2(null, copy) < 0)
            fail("dup2");
        close(copy);
        close(null);
        pause_ms(1);
    }
    return NULL;
}

static void *copying(void *arg)
{
    int fd = connect_as(SINK);
    pthread_t threads[2];

    (void)arg;
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, copier, (void *)(intptr_t)fd);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    close(fd);
    return NULL;
}

/* Connections in one epoll set, which two threads wait in: each event once, then armed again. */
struct crowd {
    int set;
    int members[CROWD];
};

static void *crowd_reader(void *arg)
{
    struct crowd *c = arg;

    while (!over()) {
        struct epoll_event event;
        char piece[64];

        if (epoll_wait(c->set, &event, 1, 20) != 1)
            continue;
        if (read(event.data.fd, piece, sizeof(piece)) < 0 && errno != EAGAIN)
            fail("crowd");
        wakes++;
        event = (struct epoll_event){.events = EPOLLIN | EPOLLONESHOT, .data.fd = event.data.fd};
        if (epoll_ctl(c->set, EPOLL_CTL_MOD, event.data.fd, &event) != 0)
            fail("arming");
    }
    return NULL;
}

static void *crowd(void *arg)
{
    struct crowd c = {.set = epoll_create1(EPOLL_CLOEXEC)};
    pthread_t threads[2];

    (void)arg;
    for (int i = 0; i < CROWD; i++) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT};

        event.data.fd = c.members[i] = connect_as(ECHO);
        fcntl(c.members[i], F_SETFL, O_NONBLOCK);
        if (epoll_ctl(c.set, EPOLL_CTL_ADD, c.members[i], &event) != 0)
            fail("adding");
    }
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, crowd_reader, &c);
    for (unsigned i = 0; !over(); i++) {
        if (write(c.members[i % CROWD], "from the crowd", 14) < 0 && errno != EAGAIN)
            fail("to the crowd");
        pause_ms(i % 4 == 0);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < CROWD; i++)
        close(c.members[i]);
    close(c.set);
    return NULL;
}

/* A reader is ended by another thread's shutdown. */
static void *blocked(void *arg)
{
    char byte;

    if (read((int)(intptr_t)arg, &byte, 1) > 0)
        fail("a byte that nobody sent");
    return NULL;
}

static void *shutting(void *arg)
{
    (void)arg;
    while (!over()) {
        int fd = connect_as(ECHO);
        pthread_t thread;

        pthread_create(&thread, NULL, blocked, (void *)(intptr_t)fd);
        pause_ms(3);
        shutdown(fd, SHUT_RDWR);
        pthread_join(thread, NULL);
        close(fd);
    }
    return NULL;
}

/* ---- whatever else goes on in the process ---- */

static void *reloading(void *arg)
{
    (void)arg;
    while (!over()) {
        if (policy != NULL && utimensat(AT_FDCWD, policy, NULL, 0) != 0)
            fail("policy");
        pause_ms(150);
    }
    return NULL;
}

/* ---- all of it ---- */

static void listen_at_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 64) != 0) {
        fail("listen");
        exit(1);
    }
    puts("listening");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    void *(*const client_work[])(void *) = {duplex,  duplex, short_ones, short_ones,
                                            copying, crowd,  shutting};
    pthread_t threads[MAX_THREADS], servers[2];
    bool serves = argc > 1 && strcmp(argv[1], "connect") != 0;
    bool connects = argc > 1 && strcmp(argv[1], "serve") != 0;
    int n = 0;
    char byte;

    if (argc < 4)
        return 2;
    port = atoi(argv[2]);
    policy = argc > 4 ? argv[4] : NULL;
    if (serves)
        listen_at_port();
    end = now() + atoi(argv[3]) * 1000000000LL;
    for (int i = 0; serves && i < 2; i++)
        pthread_create(&servers[i], NULL, serve, NULL);
    for (size_t i = 0; connects && i < sizeof(client_work) / sizeof(client_work[0]); i++)
        pthread_create(&threads[n++], NULL, client_work[i], NULL);
    pthread_create(&threads[n++], NULL, reloading, NULL);
    for (int i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    if (!connects)
        while (read(STDIN_FILENO, &byte, 1) > 0)
            ;
    if (serves) {
        for (int64_t limit = now() + 10000000000LL; serving > 0 && now() < limit;)
            pause_ms(5);
        stopping = true;
        shutdown(listener, SHUT_RDWR);
        for (int i = 0; i < 2; i++)
            pthread_join(servers[i], NULL);
    }
    printf("wrong %d, connections %d, bytes %d, copies %d, wakes %d\n", (int)wrong,
           (int)connections, (int)bytes, (int)copies, (int)wakes);
    return wrong > 0;
}
