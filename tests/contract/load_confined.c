/* load_confined PORT WHAT DIRECTORY: connects, confines itself, and goes on.
 * "root": chroot to the empty directory, then another user, then a new connection too.
 * "calls": a seccomp filter that admits only what a plain program needs for reading, writing and
 * closing sockets, and what the library adds, which is this list's second half. */
#include "load.h"

#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const int plain_calls[] = {SYS_read, SYS_write, SYS_close, SYS_exit_group};
static const int added_calls[] = {
    SYS_recvfrom,    SYS_sendto,     SYS_ppoll,        SYS_rt_sigprocmask,
    SYS_getsockopt,  SYS_setsockopt, SYS_fcntl,        SYS_shutdown,
    SYS_futex,       SYS_getrandom,  SYS_ioctl,        SYS_clock_gettime,
    SYS_getpid,      SYS_gettid,     SYS_rt_sigaction, SYS_getpeername,
    SYS_getsockname, SYS_epoll_ctl,  SYS_kill};
enum {
    PLAIN = sizeof(plain_calls) / sizeof(*plain_calls),
    ADDED = sizeof(added_calls) / sizeof(*added_calls)
};

static bool filter_calls(void)
{
    struct sock_filter code[2 * (PLAIN + ADDED) + 2];
    struct sock_fprog program = {.filter = code};
    size_t n = 0;

    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < PLAIN + ADDED; i++) {
        int call = i < PLAIN ? plain_calls[i] : added_calls[i - PLAIN];

        code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    program.len = (unsigned short)n;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static bool change_root(const char *directory)
{
    return chdir(directory) == 0 && chroot(".") == 0 && setgroups(0, NULL) == 0 &&
           setgid(65534) == 0 && setuid(65534) == 0;
}

int main(int argc, char **argv)
{
    int fd;
    bool calls;

    if (argc != 4 || (fd = load_connect(atoi(argv[1]))) < 0 || !load_exchange_on(fd, "before"))
        return 2;
    calls = strcmp(argv[2], "calls") == 0;
    if (!(calls ? filter_calls() : change_root(argv[3])))
        return 3;
    for (int i = 0; i < 100; i++)
        if (!load_exchange_on(fd, "confined"))
            return 4;
    if (close(fd) != 0)
        return 5;
    return calls || load_exchange(atoi(argv[1]), "after") ? 0 : 6;
}
