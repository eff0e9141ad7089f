/* What every case uses: outcomes as text, bytes that tell their place, connections, children. */
#include "contract.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

volatile sig_atomic_t caught;

/* ---- the transcript ---- */

static char *next_text(void)
{
    static __thread char ring_of[16][96];
    static __thread unsigned at;

    return ring_of[at++ % 16];
}

const char *outcome(ssize_t result)
{
    char *text = next_text();

    if (result < 0)
        snprintf(text, 96, "%s", strerrorname_np(errno));
    else
        snprintf(text, 96, "%zd", result);
    return text;
}

const char *bits(unsigned events)
{
    static const struct {
        unsigned bit;
        const char *name;
    } names[] = {{POLLIN, "IN"},         {POLLPRI, "PRI"},       {POLLOUT, "OUT"},
                 {POLLERR, "ERR"},       {POLLHUP, "HUP"},       {POLLNVAL, "NVAL"},
                 {POLLRDNORM, "RDNORM"}, {POLLRDBAND, "RDBAND"}, {POLLWRNORM, "WRNORM"},
                 {POLLWRBAND, "WRBAND"}, {POLLRDHUP, "RDHUP"}};
    char *text = next_text();
    size_t length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (events & names[i].bit)
            length += (size_t)snprintf(text + length, 96 - length, "%s%s", length > 0 ? "|" : "",
                                       names[i].name);
    return length > 0 ? text : "none";
}

int must(int result, const char *what)
{
    if (result < 0) {
        say("WRONG: %s: %s", what, strerror(errno));
        exit(3);
    }
    return result;
}

/* ---- time ---- */

int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

void pause_ms(int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    while (nanosleep(&t, &t) != 0)
        ;
}

int64_t cpu_ms(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000LL +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

/* ---- bytes ---- */

enum { BLOCK = 4096, MARKED = 64 };

static const char *marker(void)
{
    const char *text = getenv("TLSTEST_MARKER");

    return text != NULL ? text : "";
}

static unsigned char byte_at(uint64_t position, const char *mark, size_t mark_length)
{
    uint64_t block = position / BLOCK, in_block = position % BLOCK;

    if (in_block < mark_length)
        return (unsigned char)mark[in_block];
    return (unsigned char)((position * 2654435761u + block * 40503u) >> 13);
}

void fill(void *buffer, size_t n, uint64_t position)
{
    const char *mark = marker();
    size_t length = strnlen(mark, MARKED);

    for (size_t i = 0; i < n; i++)
        ((unsigned char *)buffer)[i] = byte_at(position + i, mark, length);
}

bool filled(const void *buffer, size_t n, uint64_t position)
{
    const char *mark = marker();
    size_t length = strnlen(mark, MARKED);

    for (size_t i = 0; i < n; i++)
        if (((const unsigned char *)buffer)[i] != byte_at(position + i, mark, length))
            return false;
    return true;
}

/* ---- connections ---- */

static struct sockaddr_in address_of(enum port family)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)((int)family + contract_slot)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

int listener(enum port family)
{
    struct sockaddr_in address = address_of(family);
    int one = 1, fd = MUST(socket(AF_INET, SOCK_STREAM, 0));

    MUST(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
    MUST(bind(fd, (struct sockaddr *)&address, sizeof(address)));
    MUST(listen(fd, 16));
    return fd;
}

int new_socket(void)
{
    return MUST(socket(AF_INET, SOCK_STREAM, 0));
}

int connect_fd(int fd, enum port family)
{
    struct sockaddr_in address = address_of(family);

    return connect(fd, (struct sockaddr *)&address, sizeof(address));
}

int connect_to(enum port family)
{
    int fd = new_socket();

    MUST(connect_fd(fd, family));
    return fd;
}

int accept_from(int listening)
{
    return MUST(accept(listening, NULL, NULL));
}

void nonblocking(int fd, bool on)
{
    int flags = MUST(fcntl(fd, F_GETFL));

    MUST(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

/* Delayed acknowledgements and Nagle's wait would be 40 ms each time. */
static void no_delay(int fd)
{
    int one = 1;

    MUST(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
}

struct pair pair_fresh(void)
{
    int listening = listener(PORT_DIRECT);
    struct pair p = {.client = connect_to(PORT_DIRECT)};

    p.server = accept_from(listening);
    close(listening);
    no_delay(p.client);
    no_delay(p.server);
    return p;
}

void say_hello(const struct pair *p)
{
    char byte = 'c';

    MUST((int)write(p->client, &byte, 1));
    check(read(p->server, &byte, 1) == 1 && byte == 'c', "the first byte to the server");
    byte = 's';
    MUST((int)write(p->server, &byte, 1));
    check(read(p->client, &byte, 1) == 1 && byte == 's', "the first byte to the client");
}

struct pair pair_open(void)
{
    struct pair p = pair_fresh();

    say_hello(&p);
    return p;
}

void pair_close(struct pair *p)
{
    close(p->client);
    close(p->server);
}

/* ---- children, threads, signals ---- */

pid_t start_child(int (*f)(void *arg), void *arg)
{
    fflush(stdout);
    pid_t pid = MUST(fork());

    if (pid == 0) {
        alarm(600);
        _exit(f(arg));
    }
    return pid;
}

int child_status(pid_t pid)
{
    int status = 0;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

pthread_t start_thread(void *(*f)(void *arg), void *arg)
{
    pthread_t thread;

    errno = pthread_create(&thread, NULL, f, arg);
    MUST(errno == 0 ? 0 : -1);
    return thread;
}

static void count(int sig)
{
    (void)sig;
    caught++;
}

void catch_with(int sig, int flags, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    MUST(sigaction(sig, &action, NULL));
}

void catch (int sig, int flags)
{
    caught = 0;
    catch_with(sig, flags, count);
}

void ring(int ms, int again)
{
    struct itimerval timer = {.it_value = {ms / 1000, ms % 1000 * 1000},
                              .it_interval = {again / 1000, again % 1000 * 1000}};

    MUST(setitimer(ITIMER_REAL, &timer, NULL));
}

/* ---- reading and writing whole ---- */

ssize_t read_all(int fd, void *buffer, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = read(fd, (char *)buffer + done, n - done);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        if (r == 0)
            break;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

ssize_t write_all(int fd, const void *buffer, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = write(fd, (const char *)buffer + done, n - done);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return -1;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

int64_t read_stream(int fd, uint64_t position)
{
    static __thread unsigned char buffer[65536];
    int64_t total = 0;

    for (;;) {
        ssize_t r = read(fd, buffer, sizeof(buffer));

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -1 : total;
        if (!filled(buffer, (size_t)r, position + (uint64_t)total))
            return -2;
        total += r;
    }
}

bool readable_within(int fd, int ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};

    return poll(&entry, 1, ms) == 1;
}
