#include "stdio_streams.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

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

static int cookie_close(void *cookie)
{
    return close(fd_of(cookie));
}

/* glibc's list of open streams, and what tells its kinds of stream apart: the table of operations
 * that lies behind every FILE (struct _IO_FILE_plus). */
extern FILE *_IO_list_all;
static void *_Atomic cookie_operations;

static void *operations_of(const FILE *stream)
{
    void *operations;

    memcpy(&operations, stream + 1, sizeof(operations));
    return operations;
}

static FILE *open_stream(int fd, const char *mode)
{
    cookie_io_functions_t functions = {cookie_read, cookie_write, NULL, cookie_close};
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
    for (FILE *f = _IO_list_all; f != NULL; f = f->_chain)
        if (f->_fileno == fd && operations_of(f) != atomic_load(&cookie_operations))
            f->_fileno = -1;
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
    const char *mode;
} standard[3] = {{&stdin, NULL, "r"}, {&stdout, NULL, "w"}, {&stderr, NULL, "w"}};

void stdio_takes_over(int fd)
{
    struct standard *s;
    FILE *stream;

    if (fd < 0 || fd > 2 || standard[fd].original != NULL) {
        kill_streams(fd);
        return;
    }
    s = &standard[fd];
    stream = open_stream(fd, s->mode);
    if (stream == NULL)
        abort(); /* going on would write plaintext */
    if (fd == 2)
        setvbuf(stream, NULL, _IONBF, 0);
    s->original = *s->name;
    kill_streams(fd);
    *s->name = stream;
}

void stdio_gives_back(int fd)
{
    struct standard *s;

    if (fd < 0 || fd > 2 || standard[fd].original == NULL)
        return;
    s = &standard[fd];
    *s->name = s->original;
    s->original->_fileno = fd;
    s->original = NULL;
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
