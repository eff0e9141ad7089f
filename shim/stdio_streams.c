#include "stdio_streams.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/single_threaded.h>

#include "cxx_streams.h"
#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "real.h"

static int fd_of(void *cookie)
{
    return (int)(intptr_t)cookie;
}

static ssize_t cookie_read(void *cookie, char *buffer, size_t n)
{
    return read(fd_of(cookie), buffer, n);
}

/* A cookie's writer may not return less than it was given without an error. */
static ssize_t cookie_write(void *cookie, const char *buffer, size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = write(fd_of(cookie), buffer + done, n - done);

        if (r < 0)
            return done > 0 ? (ssize_t)done : 0;
        done += (size_t)r;
    }
    return (ssize_t)done;
}

/* Of a socket ESPIPE, as fflush of an input stream and ftell expect; freopen may have put a file
 * there. */
static int cookie_seek(void *cookie, off64_t *offset, int whence)
{
    off64_t at = lseek64(fd_of(cookie), *offset, whence);

    if (at < 0)
        return -1;
    *offset = at;
    return 0;
}

static int cookie_close(void *cookie)
{
    return close(fd_of(cookie));
}

/* glibc's list of open streams, and what tells its kinds of stream apart: the table of operations
 * that lies behind every FILE (struct _IO_FILE_plus). */
extern FILE *_IO_list_all;
void _IO_list_lock(void), _IO_list_unlock(void), _IO_list_resetlock(void);
static void *_Atomic cookie_operations;

static void *operations_of(const FILE *stream)
{
    void *operations;

    memcpy(&operations, stream + 1, sizeof(operations));
    return operations;
}

static FILE *open_stream(int fd, const char *mode)
{
    cookie_io_functions_t functions = {cookie_read, cookie_write, cookie_seek, cookie_close};
    FILE *stream = fopencookie((void *)(intptr_t)fd, mode, functions);

    if (stream != NULL) {
        stream->_fileno = fd; /* fileno works as on a plain stream */
        atomic_store(&cookie_operations, operations_of(stream));
    }
    return stream;
}

/* Streams of libc's own on this number would write plaintext past every hook: each gets a dead
 * descriptor, so that using it fails. */
static void kill_streams(int fd)
{
    _IO_list_lock(); /* another thread may be closing one */
    for (FILE *f = _IO_list_all; f != NULL; f = f->_chain)
        if (f->_fileno == fd && operations_of(f) != atomic_load(&cookie_operations))
            f->_fileno = -1;
    _IO_list_unlock();
}

void stdio_in_child(void)
{
    if (!__libc_single_threaded)
        _IO_list_resetlock();
}

HOOK FILE *fdopen(int fd, const char *mode)
{
    struct shim_ref ref;

    switch (fd_verdict(fd, &ref)) {
    case FD_IS_TLS:
    case FD_IS_UNCONNECTED: /* it may become a session's */
        return open_stream(fd, mode);
    case FD_IS_DENIED:
        return NULL;
    default:
        return real(fdopen)(fd, mode);
    }
}

/* ---- the standard streams ---- */

static struct standard {
    FILE **name;    /* stdin, stdout, stderr */
    FILE *original; /* while replaced */
    FILE *ours;     /* that replaces it, or did: kept for the next time */
    const char *mode;
} standard[3] = {{&stdin, NULL, NULL, "r"}, {&stdout, NULL, NULL, "w"}, {&stderr, NULL, NULL, "w"}};

static bool is_ours(const FILE *stream)
{
    return operations_of(stream) == atomic_load(&cookie_operations);
}

/* What the program has printed and not flushed goes where the number leads now, as it would
 * without us. */
static void move_output(FILE *from, FILE *to)
{
    size_t n = (size_t)(from->_IO_write_ptr - from->_IO_write_base);

    if (from->_IO_write_base == NULL || from->_IO_write_ptr <= from->_IO_write_base)
        return;
    fwrite(from->_IO_write_base, 1, n, to);
    from->_IO_write_ptr = from->_IO_write_base;
}

/* The program's choice of buffering, where it made one: setvbuf marks the stream. */
static void copy_buffering(const FILE *from, FILE *to)
{
    if (__flbf((FILE *)from))
        setvbuf(to, NULL, _IOLBF, 0);
    else if (from->_flags & 2 /* _IO_UNBUFFERED */)
        setvbuf(to, NULL, _IONBF, 0);
}

static FILE *replacement_for(const struct standard *s, int fd)
{
    FILE *stream = s->ours;

    if (stream != NULL && is_ours(stream) && stream->_fileno == fd) {
        clearerr(stream);
        return stream;
    }
    stream = open_stream(fd, s->mode);
    if (stream == NULL)
        abort(); /* going on would write plaintext */
    copy_buffering(*s->name, stream);
    return stream;
}

void stdio_takes_over(int fd)
{
    struct standard *s;

    if (fd < 0 || fd > 2 || (standard[fd].original != NULL && is_ours(*standard[fd].name))) {
        kill_streams(fd);
        return;
    }
    s = &standard[fd];
    s->ours = replacement_for(s, fd);
    s->original = *s->name;
    if (fd > 0)
        move_output(s->original, s->ours);
    kill_streams(fd);
    cxx_streams_follow(s->original, s->ours);
    *s->name = s->ours;
}

void stdio_gives_back(int fd)
{
    struct standard *s;

    if (fd < 0 || fd > 2 || standard[fd].original == NULL)
        return;
    s = &standard[fd];
    s->original->_fileno = fd;
    if (*s->name == s->ours) {
        if (fd > 0)
            move_output(s->ours, s->original);
        cxx_streams_follow(s->ours, s->original);
        *s->name = s->original;
    }
    s->original = NULL;
}

/* ---- freopen ---- */

/* open's flags for a mode; -1: none that there is. */
static int flags_of(const char *mode)
{
    int flags = strchr(mode, '+') != NULL ? O_RDWR : mode[0] == 'r' ? O_RDONLY : O_WRONLY;

    if (strchr("rwa", mode[0]) == NULL || mode[0] == '\0') {
        errno = EINVAL;
        return -1;
    }
    if (mode[0] != 'r')
        flags |= O_CREAT | (mode[0] == 'w' ? O_TRUNC : O_APPEND);
    return flags | (strchr(mode, 'e') != NULL ? O_CLOEXEC : 0) |
           (strchr(mode, 'x') != NULL ? O_EXCL : 0);
}

/* Which directions glibc lets a stream be used in. */
static void set_directions(FILE *stream, int flags)
{
    enum { NO_READS = 4, NO_WRITES = 8 };

    stream->_flags &= ~(NO_READS | NO_WRITES);
    if ((flags & O_ACCMODE) == O_RDONLY)
        stream->_flags |= NO_WRITES;
    else if ((flags & O_ACCMODE) == O_WRONLY)
        stream->_flags |= NO_READS;
}

/* glibc's cannot take such a stream (it has no part for wide characters, which freopen sets up).
 * The stream stays what it is: its number stands for the file afterwards. */
static FILE *reopen(const char *path, const char *mode, FILE *stream)
{
    int flags = flags_of(mode), number = stream->_fileno, fd;

    fflush(stream);
    __fpurge(stream);
    fd = flags < 0 ? -1 : path != NULL ? open(path, flags, 0666) : number;
    if (fd < 0 || (fd != number && dup3(fd, number, flags & O_CLOEXEC) < 0)) {
        int error = errno;

        fclose(stream);
        errno = error;
        return NULL;
    }
    if (fd != number)
        close(fd);
    clearerr(stream);
    set_directions(stream, flags);
    return stream;
}

HOOK FILE *freopen(const char *path, const char *mode, FILE *stream)
{
    return is_ours(stream) ? reopen(path, mode, stream) : real(freopen)(path, mode, stream);
}

HOOK FILE *freopen64(const char *path, const char *mode, FILE *stream)
{
    return is_ours(stream) ? reopen(path, mode, stream) : real(freopen64)(path, mode, stream);
}

void stdio_at_start(void)
{
    for (int fd = 0; fd <= 2; fd++) {
        struct shim_ref ref;

        /* A denied one too: its hooked calls fail, libc's own would not. */
        if (fd_verdict(fd, &ref) != FD_IS_PLAIN)
            stdio_takes_over(fd);
    }
}

void stdio_flush_all(void)
{
    fflush(NULL);
}

/* ---- dprintf ---- */

HOOK int vdprintf(int fd, const char *format, va_list arguments)
{
    struct shim_ref ref;
    char *text = NULL;
    int n;
    ssize_t done = 0;

    switch (fd_verdict(fd, &ref)) {
    case FD_IS_PLAIN:
        return real(vdprintf)(fd, format, arguments);
    default: /* write decides */
        break;
    }
    n = vasprintf(&text, format, arguments);
    while (n >= 0 && done < n) {
        ssize_t r = write(fd, text + done, (size_t)(n - done));

        if (r < 0)
            n = -1;
        else
            done += r;
    }
    free(text);
    return n;
}

HOOK int dprintf(int fd, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = vdprintf(fd, format, arguments);
    va_end(arguments);
    return r;
}

HOOK int __vdprintf_chk(int fd, int flag, const char *format, va_list arguments)
{
    struct shim_ref ref;

    if (fd_verdict(fd, &ref) == FD_IS_PLAIN)
        return real(__vdprintf_chk)(fd, flag, format, arguments);
    return vdprintf(fd, format, arguments);
}

HOOK int __dprintf_chk(int fd, int flag, const char *format, ...)
{
    va_list arguments;
    int r;

    va_start(arguments, format);
    r = __vdprintf_chk(fd, flag, format, arguments);
    va_end(arguments);
    return r;
}
