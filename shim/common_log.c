#include "common_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "../policy/policy_text.h"
#include "common_os.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
enum { LEVELS = sizeof level_names / sizeof level_names[0] };

static enum log_level threshold = LOG_LEVEL_WARN;
static enum { TO_STDERR, TO_SYSLOG, TO_FILE } target = TO_STDERR;
static char file_path[4096];
static bool json;

void log_init(void)
{
    const char *level = secure_getenv("TLSHIM_LOG"), *to = secure_getenv("TLSHIM_LOG_TO");
    const char *format = secure_getenv("TLSHIM_LOG_FORMAT");
    threshold = LOG_LEVEL_WARN;
    target = TO_STDERR;
    json = format && strcmp(format, "json") == 0;
    if (to && strcmp(to, "syslog") == 0) {
        target = TO_SYSLOG;
    } else if (to && to[0] && strcmp(to, "stderr") != 0 && strlen(to) < sizeof file_path) {
        strcpy(file_path, to);
        target = TO_FILE;
    } else if (to && strcmp(to, "stderr") != 0) {
        log_line(LOG_LEVEL_WARN, "TLSHIM_LOG_TO is empty or too long; write stderr, syslog or a "
                                 "path");
    }
    if (format && !json && strcmp(format, "text") != 0)
        log_line(LOG_LEVEL_WARN,
                 "TLSHIM_LOG_FORMAT=\"%.40s\" is neither text nor json; text is "
                 "taken",
                 format);
    size_t i = 0;
    while (level && i < LEVELS && strcmp(level, level_names[i]) != 0)
        i++;
    if (level && i < LEVELS)
        threshold = (enum log_level)i;
    else if (level)
        log_line(LOG_LEVEL_WARN,
                 "TLSHIM_LOG=\"%.40s\" is none of error, warn, info, debug; warn "
                 "is taken",
                 level);
}

bool log_enabled(enum log_level level)
{
    return level <= threshold;
}

/* ---- repeated lines ---- */

/* One slot per hash of a line; two lines of one slot only cost each other their count. Racing
 * threads may let a line more through, never fewer. */
static struct {
    _Atomic uint64_t hash_and_start; /* hash << 32 | second in which the window began */
    _Atomic uint32_t count;
} recent[64];

static uint32_t hash_of(const char *s)
{
    uint32_t hash = 2166136261u; /* FNV-1a */
    for (; *s; s++)
        hash = (hash ^ (unsigned char)*s) * 16777619u;
    return hash;
}

/* May this line be written? *left_out: how many like it were not, in the window before. */
static bool admit(const char *text, uint32_t *left_out)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint32_t hash = hash_of(text), second = (uint32_t)now.tv_sec;
    size_t slot = hash % (sizeof recent / sizeof recent[0]);
    uint64_t stored = atomic_load(&recent[slot].hash_and_start);
    bool same = stored != 0 && stored >> 32 == hash;
    *left_out = 0;
    if (same && second - (uint32_t)stored < LOG_REPEAT_SECONDS)
        return atomic_fetch_add(&recent[slot].count, 1) < LOG_REPEAT_MAX;
    if (!atomic_compare_exchange_strong(&recent[slot].hash_and_start, &stored,
                                        (uint64_t)hash << 32 | second))
        return true;
    uint32_t count = atomic_exchange(&recent[slot].count, 1);
    *left_out = same && count > LOG_REPEAT_MAX ? count - LOG_REPEAT_MAX : 0;
    return true;
}

/* ---- text ---- */

/* Appends text to out[used..size), escaped as the format wants it; cut off with "..." when it does
 * not fit. Returns the new length. */
static size_t append_escaped(char *out, size_t used, size_t size, const char *text)
{
    char shown[POLICY_SHOWN_MAX];
    for (size_t n = strlen(text), taken; n > 0; text += taken, n -= taken) {
        taken = json ? policy_show_json(text, n, shown) : policy_show(text, n, shown);
        if (strlen(shown) + 3 > size - used) {
            memcpy(out + used, "...", 3);
            return used + 3;
        }
        memcpy(out + used, shown, strlen(shown));
        used += strlen(shown);
    }
    return used;
}

/* The whole line in out, of LOG_LINE_MAX + 1 bytes; returns its length. left_out: see admit. */
static size_t make_line(char *out, enum log_level level, const char *text, uint32_t left_out)
{
    enum { SIZE = LOG_LINE_MAX + 1 };
    char end[80] = "\n";
    size_t n;
    if (json) {
        struct timespec now = {0};
        clock_gettime(CLOCK_REALTIME, &now);
        n = (size_t)snprintf(out, SIZE,
                             "{\"time\": %lld.%03ld, \"pid\": %d, \"level\": \"%s\", "
                             "\"message\": \"",
                             (long long)now.tv_sec, now.tv_nsec / 1000000, (int)getpid(),
                             level_names[level]);
        snprintf(end, sizeof end, left_out ? "\", \"left_out\": %u}\n" : "\"}\n", left_out);
    } else {
        n = (size_t)snprintf(out, SIZE, "tlshim[%d]: %s: ", (int)getpid(), level_names[level]);
        if (left_out)
            snprintf(end, sizeof end, " (and %u times more before)\n", left_out);
    }
    n = append_escaped(out, n, LOG_LINE_MAX - strlen(end), text);
    memcpy(out + n, end, strlen(end) + 1);
    return n + strlen(end);
}

/* ---- where to ---- */

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
    if (fstat(STDERR_FILENO, &status) != 0 || S_ISSOCK(status.st_mode))
        return false;
    return write_quietly(STDERR_FILENO, line, length);
}

static bool write_to_file(const char *line, size_t length)
{
    int fd =
        open(file_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    if (fd < 0)
        return false;
    bool done = write_quietly(fd, line, length);
    os_close(fd);
    return done;
}

static void write_to_syslog(enum log_level level, const char *line, size_t length)
{
    static const int severity[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    const struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
    char datagram[LOG_LINE_MAX + 8];
    int n = snprintf(datagram, sizeof datagram, "<%d>%.*s", LOG_DAEMON | severity[level],
                     (int)length - 1, line);
    int fd = os_socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    os_sendto(fd, datagram, (size_t)n, MSG_NOSIGNAL, (const struct sockaddr *)&to, sizeof to);
    os_close(fd);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno, cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    char text[LOG_LINE_MAX], line[LOG_LINE_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    uint32_t left_out;
    if (admit(text, &left_out)) {
        size_t n = make_line(line, level, text, left_out);
        bool done = target == TO_STDERR ? write_to_stderr(line, n)
                    : target == TO_FILE ? write_to_file(line, n)
                                        : false;
        if (!done)
            write_to_syslog(level, line, n);
    }
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}
