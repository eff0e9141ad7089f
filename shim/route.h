/* How a hook decides: the session's way, refusal, or the real call. */
#ifndef SHIM_ROUTE_H
#define SHIM_ROUTE_H

#include "fdtable.h"
#include "io.h"

/* The body of a hook on fd. `tls` may use ref; a denied descriptor has errno set. */
#define ROUTE(fd, tls, otherwise)                                                                  \
    struct shim_ref ref;                                                                           \
                                                                                                   \
    switch (fd_verdict(fd, &ref)) {                                                                \
    case FD_IS_TLS:                                                                                \
        return tls;                                                                                \
    case FD_IS_DENIED:                                                                             \
        return -1;                                                                                 \
    default:                                                                                       \
        return otherwise;                                                                          \
    }

/* The same for calls that read or write data, which never reach a TCP socket before its connect. */
#define ROUTE_READ(fd, tls, otherwise)                                                             \
    struct shim_ref ref;                                                                           \
                                                                                                   \
    switch (fd_verdict(fd, &ref)) {                                                                \
    case FD_IS_TLS:                                                                                \
        return tls;                                                                                \
    case FD_IS_PLAIN:                                                                              \
        return otherwise;                                                                          \
    case FD_IS_UNCONNECTED:                                                                        \
        errno = ENOTCONN;                                                                          \
        return -1;                                                                                 \
    default:                                                                                       \
        return -1;                                                                                 \
    }
#define ROUTE_WRITE(fd, flags, tls, otherwise)                                                     \
    struct shim_ref ref;                                                                           \
                                                                                                   \
    switch (fd_verdict(fd, &ref)) {                                                                \
    case FD_IS_TLS:                                                                                \
        return tls;                                                                                \
    case FD_IS_PLAIN:                                                                              \
        return otherwise;                                                                          \
    case FD_IS_UNCONNECTED:                                                                        \
        io_broken_pipe(flags);                                                                     \
        return -1;                                                                                 \
    default:                                                                                       \
        return -1;                                                                                 \
    }

#endif
