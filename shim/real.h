/* The functions behind the interposed ones: the next definition in the search order, which may be
 * libc's or another preloaded library's.
 *
 * real(name) works at any time: before this library's constructor (a program's .preinit_array runs
 * first), inside malloc (jemalloc calls syscall() from its start-up code) and in signal handlers.
 */
#ifndef SHIM_REAL_H
#define SHIM_REAL_H

#include <aio.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include "symbols.h"

/* Names that no header declares: glibc's fortified and other ones, libaio's, liburing's. */
ssize_t __read(int, void *, size_t);
ssize_t __write(int, const void *, size_t);
ssize_t __send(int, const void *, size_t, int);
int __connect(int, const struct sockaddr *, socklen_t);
int __close(int);
int __dup2(int, int);
int __fcntl(int, int, ...);
int __poll(struct pollfd *, nfds_t, int);
int __select(int, fd_set *, fd_set *, fd_set *, struct timeval *);
pid_t __vfork(void);
pid_t __fork(void);
FILE *_IO_fdopen(int, const char *);
FILE *_IO_popen(const char *, const char *);
int _IO_fclose(FILE *);
int io_submit(void *, long, void **);
int io_uring_setup(unsigned, void *);
int io_uring_queue_init(unsigned, void *, unsigned);
int io_uring_queue_init_params(unsigned, void *, void *);
ssize_t __read_chk(int, void *, size_t, size_t);
ssize_t __recv_chk(int, void *, size_t, size_t, int);
ssize_t __recvfrom_chk(int, void *, size_t, size_t, int, struct sockaddr *, socklen_t *);
int __poll_chk(struct pollfd *, nfds_t, int, size_t);
int __ppoll_chk(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *, size_t);
void __syslog_chk(int, int, const char *, ...);
void __vsyslog_chk(int, int, const char *, va_list);
int __dprintf_chk(int, int, const char *, ...);
int __vdprintf_chk(int, int, const char *, va_list);
void __chk_fail(void) __attribute__((noreturn));

struct shim_real {
#define SHIM_POINTER(ret, name, params, coverage, note) ret(*name) params;
    SHIM_SYMBOLS(SHIM_POINTER)
#undef SHIM_POINTER
};

extern struct shim_real shim_real;

/* Finds every real function. Idempotent, and safe to run in several threads at once. */
void shim_real_resolve(void);

#define real(name)                                                                                 \
    (__builtin_expect(__atomic_load_n(&shim_real.name, __ATOMIC_ACQUIRE) == NULL, 0)               \
         ? (shim_real_resolve(), shim_real.name)                                                   \
         : shim_real.name)

/* An interposed function. */
#define HOOK __attribute__((visibility("default")))

/* System calls as instructions: no cancellation point, no other library in between, errno left
 * alone. The result is the kernel's: -errno on failure. Everything done while a session's lock is
 * held goes through these. */
long shim_sys(long number, long a, long b, long c, long d, long e, long f);

#define sys3(n, a, b, c)       shim_sys(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define sys4(n, a, b, c, d)    shim_sys(n, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define sys5(n, a, b, c, d, e) shim_sys(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define sys6(n, a, b, c, d, e, f)                                                                  \
    shim_sys(n, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

#endif
