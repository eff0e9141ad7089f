/* libc's streams and messages over descriptors that become connections. */
#include "guard.h"

#include <err.h>
#include <error.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <syslog.h>

/* stdout-reused COVERED: the connection gets number 1. */
static void stdout_reused(char **ports)
{
    close(STDOUT_FILENO);
    say("number %d", connected_to(atoi(ports[0])));
    nonblocking(STDOUT_FILENO);
    printf("%s by printf\n", secret);
    fflush(stdout);
    puts(secret);
    fflush(NULL);
}

/* stdout-accepted: says its port; the connection that it accepts gets number 1. */
static void stdout_accepted(char **ports)
{
    int port, fd = listener(&port);

    (void)ports;
    say("port %d", port);
    close(STDOUT_FILENO);
    say("number %d", accept(fd, NULL, NULL));
    nonblocking(STDOUT_FILENO);
    printf("%s by printf\n", secret);
    fflush(stdout);
}

/* inherited: standard input and output are a connection from the start. */
static void inherited(char **ports)
{
    (void)ports;
    nonblocking(STDOUT_FILENO);
    printf("%s by printf\n", secret);
    fflush(stdout);
}

/* stream-first COVERED: fdopen before connect. */
static void stream_first(char **ports)
{
    struct sockaddr_in a = loopback(atoi(ports[0]));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    FILE *stream = fdopen(fd, "r+");

    need(stream != NULL && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0, "connect");
    nonblocking(fd);
    fprintf(stream, "%s by fprintf\n", secret);
    fflush(stream);
}

/* stream-replaced COVERED: dup2 of a connection over a stream's number. */
static void stream_replaced(char **ports)
{
    FILE *stream = fdopen(open("/dev/null", O_RDWR), "r+");
    int fd = connected_to(atoi(ports[0]));

    nonblocking(fd);
    need(stream != NULL, "fdopen");
    told("dup2", dup2(fd, fileno(stream)) == fileno(stream));
    fprintf(stream, "%s by fprintf\n", secret);
    fflush(stream);
}

/* messages COVERED: what libc itself writes to descriptor 2. */
static void messages(char **ports)
{
    siginfo_t info = {.si_signo = SIGUSR1};
    void *frames[8];
    int fd = connected_to(atoi(ports[0]));

    nonblocking(fd);
    need(dup2(fd, STDERR_FILENO) == STDERR_FILENO, "dup2");
    errno = ENOENT;
    perror(secret);
    warn("%s", secret);
    error(0, 0, "%s", secret);
    psignal(SIGUSR1, secret);
    psiginfo(&info, secret);
    dprintf(STDERR_FILENO, "%s by dprintf", secret);
    backtrace_symbols_fd(frames, backtrace(frames, 8), STDERR_FILENO);
    syslog(LOG_ERR, "%s before openlog", secret);
    openlog("guard", LOG_PERROR, LOG_USER);
    syslog(LOG_ERR, "%s by syslog", secret);
}

const struct guard_case guard_streams[] = {
    {"stdout-reused", stdout_reused},
    {"stdout-accepted", stdout_accepted},
    {"inherited", inherited},
    {"stream-first", stream_first},
    {"stream-replaced", stream_replaced},
    {"messages", messages},
    {NULL, NULL},
};
