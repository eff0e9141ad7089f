/* load_confined PORT WHAT DIRECTORY: connects, confines itself, and goes on.
 * "root": chroot to the empty directory, then another user, then a new connection too.
 * "calls": a seccomp filter that admits only what a plain program needs for reading, writing and
 * closing sockets, by prctl; "by number": by syscall, as libseccomp does. What else that program
 * itself does is still forbidden. */
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
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The plain program's, and waiting a while. */
static const int admitted[] = {SYS_read, SYS_write, SYS_close, SYS_clock_nanosleep, SYS_exit_group};
enum { ADMITTED = sizeof(admitted) / sizeof(*admitted) };

static bool filter_calls(bool by_number)
{
    struct sock_filter code[2 * ADMITTED + 5];
    struct sock_fprog program = {.filter = code};
    size_t n = 0;

    code[n++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < ADMITTED; i++) {
        code[n++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)admitted[i], 0, 1);
        code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockname, 1, 0);
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_kill, 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    program.len = (unsigned short)n;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return false;
    if (by_number)
        return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* What the filter lets the library do is not for the program. */
static bool is_still_forbidden(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &length) != -1 || errno != EPERM)
        return false;
    /* syscall(2) is the library's, whose calls are let through where an argument is what it passes:
     * all 64 bits of it, of which this has the lower half. */
    return syscall(SYS_kill, 1L, 1L << 32) == -1 && errno == EPERM;
}

static bool change_root(const char *directory)
{
    return chdir(directory) == 0 && chroot(".") == 0 && setgroups(0, NULL) == 0 &&
           setgid(65534) == 0 && setuid(65534) == 0;
}

int main(int argc, char **argv)
{
    const struct timespec a_while = {0, 20000000};
    int fd;
    bool filters;

    if (argc != 4 || (fd = load_connect(atoi(argv[1]))) < 0 || !load_exchange_on(fd, "before"))
        return 2;
    filters = strcmp(argv[2], "root") != 0;
    if (!(filters ? filter_calls(strcmp(argv[2], "by number") == 0) : change_root(argv[3])))
        return 3;
    for (int i = 0; i < 50; i++) {
        if (!load_exchange_on(fd, "confined"))
            return 4;
        nanosleep(&a_while, NULL); /* files are looked at now and then */
    }
    if (filters && !is_still_forbidden(fd))
        return 7;
    if (close(fd) != 0)
        return 5;
    return filters || load_exchange(atoi(argv[1]), "after") ? 0 : 6;
}
