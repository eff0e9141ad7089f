#include "known_peers.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#include "../tls/x509/x509.h"
#include "common_memory.h"
#include "real.h"

enum {
    FILE_MAX = 1024 * 1024,
    PATH_SIZE = 4096,
    LINE_MAX_BYTES = 512,
    LOCK_TRIES = 200,
    LOCK_PAUSE_NS = 5 * 1000 * 1000
};

struct job {
    const char *path, *peer;
    char pin[X509_PIN_TEXT];
    char *detail;
    size_t size;
    int fd;
    char *text; /* of the file, mapped */
    size_t length;
};

static enum tls_error cannot(const struct job *job, const char *what, long result)
{
    const char *why = result < 0 ? strerrordesc_np((int)-result) : NULL;

    snprintf(job->detail, job->size, "%.150s: %s%s%s", job->path, what, why != NULL ? ": " : "",
             why != NULL ? why : "");
    return TLS_ERROR_CERT_RECORD;
}

/* ---- whose file it is ---- */

static bool is_ours(const struct stat *status)
{
    return status->st_uid == 0 || status->st_uid == (uid_t)sys3(SYS_geteuid, 0, 0, 0);
}

/* A directory that everybody may write to, but take nothing away from (/tmp), would do for ssh's
 * file no better: who is first there makes it. */
static enum tls_error check_directory(const struct job *job)
{
    char directory[PATH_SIZE];
    const char *slash = strrchr(job->path, '/');
    size_t n = slash != NULL && slash > job->path ? (size_t)(slash - job->path) : 1;
    struct stat status;
    long r;

    if (slash == NULL || n >= sizeof(directory))
        return cannot(job, "the path is too long", 0);
    memcpy(directory, job->path, n);
    directory[n] = '\0';
    r = sys4(SYS_newfstatat, AT_FDCWD, directory, &status, 0);
    if (r < 0)
        return cannot(job, "its directory cannot be looked at; make it", r);
    if (!is_ours(&status) || (status.st_mode & 022) != 0)
        return cannot(job,
                      "others may write its directory; run chmod go-w on that, or choose another "
                      "one",
                      0);
    return TLS_ERROR_OK;
}

static enum tls_error open_file(struct job *job)
{
    struct stat status;
    long fd =
        sys4(SYS_openat, AT_FDCWD, job->path,
             O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);

    if (fd < 0)
        return cannot(job, "it cannot be opened for reading and writing", fd);
    job->fd = (int)fd;
    long r = sys4(SYS_newfstatat, job->fd, "", &status, AT_EMPTY_PATH);
    if (r < 0 || !S_ISREG(status.st_mode))
        return cannot(job, "it is no regular file", r);
    if (!is_ours(&status) || (status.st_mode & 022) != 0)
        return cannot(job, "others may write it; run chmod go-w on it", 0);
    if (status.st_size >= FILE_MAX)
        return cannot(job, "it is larger than 1 MiB", 0);
    return TLS_ERROR_OK;
}

/* ---- what it says ---- */

static enum tls_error read_file(struct job *job)
{
    if (job->text == NULL)
        job->text = memory_map(FILE_MAX, false);
    if (job->text == NULL)
        return cannot(job, "there is no memory to read it", 0);
    for (job->length = 0; job->length < FILE_MAX;) {
        long r = sys4(SYS_pread64, job->fd, job->text + job->length, FILE_MAX - job->length,
                      job->length);
        if (r == 0)
            return TLS_ERROR_OK;
        if (r < 0)
            return cannot(job, "it cannot be read", r);
        job->length += (size_t)r;
    }
    return cannot(job, "it is larger than 1 MiB", 0);
}

/* Splits "PEER PIN" and looks whether the line is about our peer. */
static bool is_about(const struct job *job, const char *line, size_t n, const char **pin,
                     size_t *pin_length)
{
    size_t length = strlen(job->peer);

    if (n <= length || memcmp(line, job->peer, length) != 0 ||
        (line[length] != ' ' && line[length] != '\t'))
        return false;
    for (*pin = line + length; *pin < line + n && (**pin == ' ' || **pin == '\t');)
        ++*pin;
    for (*pin_length = (size_t)(line + n - *pin);
         *pin_length > 0 && strchr(" \t\r", (*pin)[*pin_length - 1]) != NULL;)
        --*pin_length;
    return true;
}

enum answer { UNKNOWN, KNOWN, OTHER };

/* *old: where the first other pin of the peer stands. */
static enum answer ask(const struct job *job, const char **old, size_t *old_length,
                       unsigned *old_line)
{
    enum answer answer = UNKNOWN;
    unsigned number = 1;
    const char *end = job->text + job->length;

    for (const char *at = job->text; at < end; number++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end, *pin;
        size_t n;

        if (is_about(job, at, (size_t)(stop - at), &pin, &n)) {
            if (n == strlen(job->pin) && memcmp(pin, job->pin, n) == 0)
                return KNOWN;
            if (answer == UNKNOWN) {
                answer = OTHER;
                *old = pin;
                *old_length = n;
                *old_line = number;
            }
        }
        at = newline != NULL ? newline + 1 : end;
    }
    return answer;
}

static enum tls_error judge(const struct job *job, bool *unknown)
{
    const char *old = NULL;
    size_t old_length = 0;
    unsigned line = 0;

    *unknown = false;
    switch (ask(job, &old, &old_length, &line)) {
    case KNOWN:
        return TLS_ERROR_OK;
    case UNKNOWN:
        *unknown = true;
        return TLS_ERROR_OK;
    default:
        snprintf(job->detail, job->size,
                 "%.80s has %s, was %.*s; if its owner says so, remove line %u of %.100s",
                 job->peer, job->pin, (int)(old_length < 52 ? old_length : 52), old, line,
                 job->path);
        return TLS_ERROR_CERT_CHANGED;
    }
}

/* ---- recording ---- */

static enum tls_error lock_file(const struct job *job)
{
    const struct timespec pause = {0, LOCK_PAUSE_NS};
    long r = sys3(SYS_flock, job->fd, LOCK_EX | LOCK_NB, 0);

    for (int i = 0; r < 0 && i < LOCK_TRIES; i++) {
        sys4(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &pause, 0);
        r = sys3(SYS_flock, job->fd, LOCK_EX | LOCK_NB, 0);
    }
    return r < 0 ? cannot(job, "another process has it locked", r) : TLS_ERROR_OK;
}

static enum tls_error append(const struct job *job)
{
    char line[LINE_MAX_BYTES];
    bool unfinished = job->length > 0 && job->text[job->length - 1] != '\n';
    int n = snprintf(line, sizeof(line), "%s%s %s\n", unfinished ? "\n" : "", job->peer, job->pin);

    if (n >= (int)sizeof(line))
        return cannot(job, "the peer's name is too long", 0);
    long r = sys3(SYS_write, job->fd, line, n);
    if (r == n)
        return TLS_ERROR_OK;
    sys3(SYS_ftruncate, job->fd, job->length, 0);
    return cannot(job, "the peer cannot be recorded", r);
}

/* Another process may have recorded the peer since: it counts what is there under the lock. */
static enum tls_error record(struct job *job, bool *recorded)
{
    bool unknown = false;
    enum tls_error error = lock_file(job);

    if (error == TLS_ERROR_OK)
        error = read_file(job);
    if (error == TLS_ERROR_OK)
        error = judge(job, &unknown);
    if (error == TLS_ERROR_OK && unknown)
        error = append(job);
    *recorded = error == TLS_ERROR_OK && unknown;
    return error;
}

enum tls_error known_peers_check(const char *path, const char *peer, const uint8_t pin[32],
                                 bool *recorded, char *detail, size_t size)
{
    struct job job = {.path = path, .peer = peer, .detail = detail, .size = size, .fd = -1};
    bool unknown = false;

    *recorded = false;
    x509_pin_text(pin, job.pin);
    enum tls_error error = check_directory(&job);
    if (error == TLS_ERROR_OK)
        error = open_file(&job);
    if (error == TLS_ERROR_OK)
        error = read_file(&job);
    if (error == TLS_ERROR_OK)
        error = judge(&job, &unknown);
    if (error == TLS_ERROR_OK && unknown)
        error = record(&job, recorded);
    if (job.text != NULL)
        memory_unmap(job.text, FILE_MAX, false);
    if (job.fd >= 0)
        sys3(SYS_close, job.fd, 0, 0);
    return error;
}
