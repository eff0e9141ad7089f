#include "guard.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

enum { REPORT = 900 }; /* far from the numbers that cases use */
static const double SPIN_SECONDS = 0.05;

const char *secret;
size_t secret_length;

/* Before main, so that no case needs to. */
__attribute__((constructor)) static void begin(void)
{
    secret = getenv("TLSTEST_MARKER");
    if (secret == NULL)
        secret = "secret";
    secret_length = strlen(secret);
    raw(SYS_dup3, STDOUT_FILENO, REPORT, O_CLOEXEC, 0);
}

#if defined(__x86_64__)
long raw(long number, long a, long b, long c, long d)
{
    long result;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = 0;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
long raw(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b,
                     x2 __asm__("x2") = c, x3 __asm__("x3") = d, x4 __asm__("x4") = 0;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
#else
#error "guard needs a system call instruction for this processor"
#endif

void say(const char *format, ...)
{
    char line[1000];
    va_list arguments;
    int error = errno;

    va_start(arguments, format);
    int n = vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    if (n > (int)sizeof(line) - 2)
        n = (int)sizeof(line) - 2;
    line[n] = '\n';
    raw(SYS_write, REPORT, (long)line, n + 1, 0);
    errno = error;
}

long told(const char *call, long result)
{
    if (result < 0)
        say("%s: %s", call, strerrorname_np(errno));
    else
        say("%s: %ld", call, result);
    return result;
}

_Noreturn void leave(void)
{
    for (;;)
        raw(SYS_exit_group, 0, 0, 0, 0);
}

void need(bool good, const char *what)
{
    if (good)
        return;
    say("cannot go on: %s (%s)", what, strerrorname_np(errno));
    for (;;)
        raw(SYS_exit_group, 2, 0, 0, 0);
}

double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

double cpu_seconds(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void say_spins(const char *what, double cpu_before)
{
    double used = cpu_seconds() - cpu_before;

    if (used > SPIN_SECONDS)
        say("%s: spins, %.2f s of CPU time", what, used);
    else
        say("%s: sleeps", what);
}

struct sockaddr_in loopback(int port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};

    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

int listener(int *port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = loopback(0);
    socklen_t length = sizeof(a);

    need(fd >= 0 && bind(fd, (struct sockaddr *)&a, length) == 0 && listen(fd, 64) == 0 &&
             getsockname(fd, (struct sockaddr *)&a, &length) == 0,
         "listen");
    *port = ntohs(a.sin_port);
    return fd;
}

int connected_to(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = loopback(port);

    need(fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
    return fd;
}

void nonblocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int ready(int fd, short events, int milliseconds)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, milliseconds);
}

static void *accept_one(void *argument)
{
    int *fds = argument;
    char byte;

    fds[1] = accept(fds[0], NULL, NULL);
    need(fds[1] >= 0 && read(fds[1], &byte, 1) == 1 && write(fds[1], "k", 1) == 1, "serve");
    return NULL;
}

struct ends connected_pair(void)
{
    int port, fds[2] = {listener(&port), -1}, client;
    pthread_t thread;
    char byte;

    need(pthread_create(&thread, NULL, accept_one, fds) == 0, "thread");
    client = connected_to(port);
    need(write(client, "h", 1) == 1 && read(client, &byte, 1) == 1, "greet");
    pthread_join(thread, NULL);
    close(fds[0]);
    return (struct ends){client, fds[1]};
}
