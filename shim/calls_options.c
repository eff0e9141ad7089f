/* getsockopt, setsockopt, ioctl: what they say of a session, where the kernel's answer would be
 * about ciphertext. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include "arena.h"
#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "route.h"
#include "user_memory.h"

#ifndef TCP_ULP
#define TCP_ULP 31
#endif

static int give_int(int value, void *out, socklen_t *length)
{
    if (!user_memory(length, sizeof(*length)) ||
        !user_memory(out, *length < sizeof(value) ? *length : sizeof(value)))
        return -1;
    if (*length > sizeof(value))
        *length = sizeof(value);
    memcpy(out, &value, *length);
    return 0;
}

static int get_option(int fd, struct shim_ref ref, int level, int option, void *out,
                      socklen_t *length)
{
    if (level == SOL_SOCKET && option == SO_ERROR)
        return give_int(io_pending_error(fd, ref), out, length);
    if (level == SOL_SOCKET && option == SO_RCVLOWAT)
        return give_int((int)ref.session->program_low_water, out, length);
    return real(getsockopt)(fd, level, option, out, length);
}

HOOK int getsockopt(int fd, int level, int option, void *out, socklen_t *length)
{
    if (level != SOL_SOCKET || (option != SO_ERROR && option != SO_RCVLOWAT))
        return real(getsockopt)(fd, level, option, out, length);
    ROUTE(fd, get_option(fd, ref, level, option, out, length),
          real(getsockopt)(fd, level, option, out, length))
}

static int set_low_water(int fd, struct shim_ref ref, const void *value, socklen_t length)
{
    struct shim_guard guard;
    int error = EBADF;

    shim_enter(&guard);
    if (session_lock_read(ref)) {
        error = io_set_low_water(ref.session, fd, value, length);
        session_unlock_read(ref.session);
    }
    shim_leave(&guard);
    if (error != 0)
        errno = error;
    return error != 0 ? -1 : 0;
}

/* Under the lock of writing, which may have it set for a moment (io_core.c). */
static int set_no_delay(int fd, struct shim_ref ref, const void *value, socklen_t length)
{
    struct shim_guard guard;
    int r = -1, error = EBADF;

    shim_enter(&guard);
    if (session_lock_write(ref)) {
        r = real(setsockopt)(fd, IPPROTO_TCP, TCP_NODELAY, value, length);
        error = errno;
        session_unlock_write(ref.session);
    }
    shim_leave(&guard);
    if (r != 0)
        errno = error;
    return r;
}

static int refuse_option(void)
{
    errno = EOPNOTSUPP;
    return -1;
}

/* Options that would hand the program ciphertext or take its bytes around the engine. */
static bool is_refused(int level, int option)
{
    return (level == SOL_SOCKET && (option == SO_ZEROCOPY || option == SO_PEEK_OFF)) ||
           (level == IPPROTO_TCP && option == TCP_ULP);
}

HOOK int setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    if (level == SOL_SOCKET && option == SO_RCVLOWAT) {
        ROUTE(fd, set_low_water(fd, ref, value, length),
              real(setsockopt)(fd, level, option, value, length))
    }
    if (level == IPPROTO_TCP && option == TCP_NODELAY) {
        ROUTE(fd, set_no_delay(fd, ref, value, length),
              real(setsockopt)(fd, level, option, value, length))
    }
    if (is_refused(level, option)) {
        ROUTE(fd, refuse_option(), real(setsockopt)(fd, level, option, value, length))
    }
    return real(setsockopt)(fd, level, option, value, length);
}

/* Plaintext bytes that a read would give at once, as far as one slab holds them. */
static int count_readable(struct shim_ref ref, int fd, int *out)
{
    struct shim_guard guard;

    if (!user_memory(out, sizeof(*out)))
        return -1;
    *out = 0;
    if (atomic_load(&ref.session->stage) != SHIM_OPEN)
        io_attend(fd, ref);
    shim_enter(&guard);
    if (atomic_load(&ref.session->stage) == SHIM_OPEN && session_lock_read(ref)) {
        if (io_fill(ref.session, fd, ARENA_SLAB_SIZE, 0) == IO_READ)
            io_await_rest(ref.session, fd);
        *out = (int)io_leftover(ref.session);
        ref.session->told = (uint32_t)*out + 1;
        session_unlock_read(ref.session);
    }
    shim_leave(&guard);
    return 0;
}

HOOK int ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    void *argument;

    va_start(arguments, request);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    if (request == FIONREAD) {
        ROUTE(fd, count_readable(ref, fd, argument), real(ioctl)(fd, request, argument))
    }
    return real(ioctl)(fd, request, argument);
}
