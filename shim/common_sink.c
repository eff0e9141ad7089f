#include "common_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common_os.h"

bool sink_set(struct sink *sink, const char *to)
{
    if (!to[0] || strlen(to) >= sizeof sink->path)
        return false;
    sink->kind = strcmp(to, "stderr") == 0   ? SINK_STDERR
                 : strcmp(to, "syslog") == 0 ? SINK_SYSLOG
                                             : SINK_FILE;
    strcpy(sink->path, to);
    return true;
}

/* write(2) that never raises SIGPIPE in a program that did not ask for our lines. */
static bool write_quietly(int fd, const char *line, size_t length)
{
    sigset_t pipe_signal, old, pending;
    sigemptyset(&pipe_signal);
    sigaddset(&pipe_signal, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe_signal, &old);
    ssize_t written = os_write(fd, line, length);
    if (written < 0 && errno == EPIPE && !sigismember(&pending, SIGPIPE)) {
        const struct timespec at_once = {0};
        sigtimedwait(&pipe_signal, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return written == (ssize_t)length;
}

static bool write_to_stderr(const char *line, size_t length)
{
    struct stat status;
    /* A pipe that has room has it for a whole line: PIPE_BUF is more than that. */
    if (fstat(STDERR_FILENO, &status) != 0 || S_ISSOCK(status.st_mode) ||
        !os_is_writable(STDERR_FILENO))
        return false;
    return write_quietly(STDERR_FILENO, line, length);
}

static bool write_to_file(const char *path, const char *line, size_t length)
{
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return false;
    bool done = write_quietly(fd, line, length);
    os_close(fd);
    return done;
}

static bool write_to_syslog(int priority, const char *line, size_t length)
{
    const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
    char head[16];
    int n = snprintf(head, sizeof head, "<%d>", priority);
    struct iovec parts[] = {{head, (size_t)n}, {(void *)(uintptr_t)line, length - 1}};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)&to,
                             .msg_namelen = sizeof to,
                             .msg_iov = parts,
                             .msg_iovlen = 2};
    int fd = os_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool done = os_sendmsg(fd, &message, MSG_NOSIGNAL) >= 0;
    os_close(fd);
    return done;
}

static _Atomic bool have_ended;

void sinks_end(void)
{
    have_ended = true;
}

bool sink_write(const struct sink *sink, int priority, const char *line, size_t length)
{
    if (have_ended)
        return false;
    switch (sink->kind) {
    case SINK_STDERR:
        return write_to_stderr(line, length);
    case SINK_SYSLOG:
        return write_to_syslog(priority, line, length);
    case SINK_FILE:
        return write_to_file(sink->path, line, length);
    case SINK_NONE:
        break;
    }
    return false;
}

void sink_write_or_syslog(const struct sink *sink, int priority, const char *line, size_t length)
{
    if (!sink_write(sink, priority, line, length) && sink->kind != SINK_SYSLOG && !have_ended)
        write_to_syslog(priority, line, length);
}
