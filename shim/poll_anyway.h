/* The library's own waits. They are ppoll's, but for a program that has forbidden itself new
 * descriptors (RLIMIT_NOFILE 0, as vsftpd's and OpenSSH's children do): the kernel's poll refuses
 * more entries than the limit says, while reading and writing go on. Its select does not ask. */
#ifndef SHIM_POLL_ANYWAY_H
#define SHIM_POLL_ANYWAY_H

#include "real.h"

/* As ppoll; a cancellation point. Below FD_SETSIZE also where ppoll has EINVAL for its count; then
 * revents has POLLIN, POLLOUT and POLLPRI only. */
int poll_anyway(struct pollfd *entries, nfds_t count, const struct timespec *timeout,
                const sigset_t *mask);

/* The same under locks, no cancellation point: for looks and bounded waits. The result, or a
 * negative errno. mask: the kernel's, 8 bytes, or NULL. */
long sys_poll_anyway(struct pollfd *entries, nfds_t count, struct timespec *timeout,
                     const uint64_t *mask);

#endif
