/* syscall(): programs reach system calls by number that have wrappers here. Those on descriptors
 * are sent through the wrappers; all others go straight to the kernel, without looking at anything,
 * for jemalloc calls this from inside malloc's start. */
#include "aio_blocks.h"
#include "confine.h"
#include "global.h"
#include <fcntl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "real.h"
#include "user_memory.h"

static long as_libc(long r)
{
    if (r >= 0 || r < -4095)
        return r;
    errno = (int)-r;
    return -1;
}

static long direct(long number, const long a[6])
{
    return as_libc(shim_sys(number, a[0], a[1], a[2], a[3], a[4], a[5]));
}

/* Not with a stack of its own: who returns from syscall() on one does not come from C. */
static bool is_fork(long number, const long a[6])
{
    const struct clone_args *wanted = (const struct clone_args *)a[0];

    if (number == SYS_clone)
        return (a[0] & CLONE_VM) == 0 && a[1] == 0;
    if (number == SYS_clone3)
        return wanted != NULL && (wanted->flags & CLONE_VM) == 0 && wanted->stack == 0;
#ifdef SYS_fork
    return number == SYS_fork;
#else
    return false;
#endif
}

#define P(i) ((void *)a[i])

/* What libseccomp does. */
static long set_filter(const long a[6])
{
    struct sock_fprog filter = confine_filter((const struct sock_fprog *)a[2]);
    long r = as_libc(sys3(SYS_seccomp, a[0], a[1], &filter));

    if (r >= 0)
        confine_begin();
    return r;
}

static bool through_hooks(long number, const long a[6], long *r)
{
    switch (number) {
    case SYS_read:
        *r = read((int)a[0], P(1), (size_t)a[2]);
        return true;
    case SYS_write:
        *r = write((int)a[0], P(1), (size_t)a[2]);
        return true;
    case SYS_readv:
        *r = readv((int)a[0], P(1), (int)a[2]);
        return true;
    case SYS_writev:
        *r = writev((int)a[0], P(1), (int)a[2]);
        return true;
    case SYS_recvfrom:
        *r = recvfrom((int)a[0], P(1), (size_t)a[2], (int)a[3], P(4), P(5));
        return true;
    case SYS_sendto:
        *r = sendto((int)a[0], P(1), (size_t)a[2], (int)a[3], P(4), (socklen_t)a[5]);
        return true;
    case SYS_recvmsg:
        *r = recvmsg((int)a[0], P(1), (int)a[2]);
        return true;
    case SYS_sendmsg:
        *r = sendmsg((int)a[0], P(1), (int)a[2]);
        return true;
    case SYS_recvmmsg:
        *r = recvmmsg((int)a[0], P(1), (unsigned)a[2], (int)a[3], P(4));
        return true;
    case SYS_sendmmsg:
        *r = sendmmsg((int)a[0], P(1), (unsigned)a[2], (int)a[3]);
        return true;
    case SYS_preadv2: /* the offset is split in two words; the low one is all on 64 bits */
        *r = preadv64v2((int)a[0], P(1), (int)a[2], (off64_t)a[3], (int)a[5]);
        return true;
    case SYS_pwritev2:
        *r = pwritev64v2((int)a[0], P(1), (int)a[2], (off64_t)a[3], (int)a[5]);
        return true;
    case SYS_socket:
        *r = socket((int)a[0], (int)a[1], (int)a[2]);
        return true;
    case SYS_connect:
        *r = connect((int)a[0], (struct sockaddr *)P(1), (socklen_t)a[2]);
        return true;
    case SYS_accept4:
        *r = accept4((int)a[0], P(1), P(2), (int)a[3]);
        return true;
    case SYS_accept:
        *r = accept((int)a[0], P(1), P(2));
        return true;
    case SYS_close:
        *r = close((int)a[0]);
        return true;
    case SYS_close_range:
        *r = close_range((unsigned)a[0], (unsigned)a[1], (int)a[2]);
        return true;
    case SYS_shutdown:
        *r = shutdown((int)a[0], (int)a[1]);
        return true;
    case SYS_dup:
        *r = dup((int)a[0]);
        return true;
    case SYS_fcntl:
        *r = fcntl((int)a[0], (int)a[1], P(2));
        return true;
    case SYS_ioctl:
        *r = ioctl((int)a[0], (unsigned long)a[1], P(2));
        return true;
    case SYS_getsockopt:
        *r = getsockopt((int)a[0], (int)a[1], (int)a[2], P(3), P(4));
        return true;
    case SYS_setsockopt:
        *r = setsockopt((int)a[0], (int)a[1], (int)a[2], P(3), (socklen_t)a[4]);
        return true;
    case SYS_dup3:
        *r = dup3((int)a[0], (int)a[1], (int)a[2]);
        return true;
    case SYS_sendfile:
        *r = sendfile((int)a[0], (int)a[1], P(2), (size_t)a[3]);
        return true;
    case SYS_splice:
        *r = splice((int)a[0], P(1), (int)a[2], P(3), (size_t)a[4], (unsigned)a[5]);
        return true;
    case SYS_tee:
        *r = tee((int)a[0], (int)a[1], (size_t)a[2], (unsigned)a[3]);
        return true;
    case SYS_vmsplice:
        *r = vmsplice((int)a[0], P(1), (size_t)a[2], (unsigned)a[3]);
        return true;
    case SYS_prctl:
        *r = prctl((int)a[0], a[1], a[2], a[3], a[4]);
        return true;
    case SYS_seccomp:
        if (a[0] != SECCOMP_SET_MODE_FILTER || !user_memory(P(2), sizeof(struct sock_fprog)))
            return false;
        *r = set_filter(a);
        return true;
    case SYS_io_uring_setup:
        errno = ENOSYS;
        *r = -1;
        return true;
    case SYS_io_submit:
        if (!shim_submits_session(a[1], P(2)))
            return false;
        *r = -1;
        return true;
    case SYS_exit_group:
        _exit((int)a[0]);
    case SYS_epoll_ctl:
        *r = epoll_ctl((int)a[0], (int)a[1], (int)a[2], P(3));
        return true;
    case SYS_ppoll:
        *r = ppoll(P(0), (nfds_t)a[1], P(2), P(3));
        return true;
    case SYS_epoll_pwait:
        *r = epoll_pwait((int)a[0], P(1), (int)a[2], (int)a[3], P(4));
        return true;
    case SYS_execve:
        *r = execve(P(0), P(1), P(2));
        return true;
    case SYS_execveat:
        *r = execveat((int)a[0], P(1), P(2), P(3), (int)a[4]);
        return true;
#ifdef SYS_dup2 /* older calls, which newer architectures do not have */
    case SYS_dup2:
        *r = dup2((int)a[0], (int)a[1]);
        return true;
    case SYS_poll:
        *r = poll(P(0), (nfds_t)a[1], (int)a[2]);
        return true;
    case SYS_vfork:
        *r = vfork();
        return true;
    case SYS_select:
        *r = select((int)a[0], P(1), P(2), P(3), P(4));
        return true;
    case SYS_epoll_wait:
        *r = epoll_wait((int)a[0], P(1), (int)a[2], (int)a[3]);
        return true;
#endif
    default:
        return false;
    }
}

HOOK long syscall(long number, ...)
{
    va_list arguments;
    long a[6], r;

    va_start(arguments, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    /* Before the library is up there is no session that could be gone around. */
    if (atomic_load(&shim_started) == 2 && is_fork(number, a))
        return as_libc(shim_fork_by_number(number, a));
    if (atomic_load(&shim_started) == 2 && through_hooks(number, a, &r))
        return r;
    return direct(number, a);
}
