/* How a hook decides: the session's way, refusal, or the real call. */
#ifndef SHIM_ROUTE_H
#define SHIM_ROUTE_H

#include "fdtable.h"

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

#endif
