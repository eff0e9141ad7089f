/* Ways by which a program's bytes once went around its session: calls by other names and numbers,
 * other kinds of socket, addresses that mean another, descriptors that change what they are. */
#include "guard.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>

static struct iovec secret_vector(void)
{
    return (struct iovec){(void *)secret, secret_length};
}

/* ---- sends that connect: MSG_FASTOPEN ---- */

static void fast_open_by(int how, int port)
{
    static const char *const names[] = {"sendmmsg", "sendmsg", "sendto", "syscall sendmmsg"};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = loopback(port);
    struct iovec v = secret_vector();
    struct mmsghdr m = {
        .msg_hdr = {.msg_name = &a, .msg_namelen = sizeof(a), .msg_iov = &v, .msg_iovlen = 1}};
    long r;

    if (how == 0)
        r = sendmmsg(fd, &m, 1, MSG_FASTOPEN);
    else if (how == 1)
        r = sendmsg(fd, &m.msg_hdr, MSG_FASTOPEN);
    else if (how == 2)
        r = sendto(fd, secret, secret_length, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof(a));
    else
        r = syscall(SYS_sendmmsg, fd, &m, 1, MSG_FASTOPEN);
    told(names[how], r);
}

/* fast-open COVERED DENIED */
static void fast_open(char **ports)
{
    for (int how = 0; how < 4; how++) {
        fast_open_by(how, atoi(ports[0]));
        fast_open_by(how, atoi(ports[1]));
    }
}

/* ---- writes by other names and numbers ---- */

static void by_name(int fd)
{
    struct iovec v = secret_vector();
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};

    told("pwritev2", pwritev2(fd, &v, 1, -1, 0));
    told("pwritev64v2", pwritev64v2(fd, &v, 1, -1, 0));
    told("pwritev", pwritev(fd, &v, 1, 0));
    told("pwrite", pwrite(fd, secret, secret_length, 0));
    told("sendmmsg", sendmmsg(fd, &m, 1, 0));
    told("send MSG_OOB", send(fd, secret, secret_length, MSG_OOB));
    told("send MSG_ZEROCOPY", send(fd, secret, secret_length, MSG_ZEROCOPY));
}

static void by_number(int fd)
{
    struct iovec v = secret_vector();
    struct mmsghdr m = {.msg_hdr = {.msg_iov = &v, .msg_iovlen = 1}};

    told("SYS_write", syscall(SYS_write, fd, secret, secret_length));
    told("SYS_writev", syscall(SYS_writev, fd, &v, 1));
    told("SYS_pwritev", syscall(SYS_pwritev, fd, &v, 1, 0, 0));
    told("SYS_pwritev2", syscall(SYS_pwritev2, fd, &v, 1, -1L, -1L, 0));
    told("SYS_pwrite64", syscall(SYS_pwrite64, fd, secret, secret_length, 0));
    told("SYS_sendto", syscall(SYS_sendto, fd, secret, secret_length, 0, NULL, 0));
    told("SYS_sendmsg", syscall(SYS_sendmsg, fd, &m.msg_hdr, 0));
    told("SYS_sendmmsg", syscall(SYS_sendmmsg, fd, &m, 1, 0));
}

static void by_pipe(int fd)
{
    struct iovec v = secret_vector();
    int p[2];
    off_t zero = 0;
    FILE *file = tmpfile();

    need(file != NULL && fputs(secret, file) >= 0 && fflush(file) == 0, "temporary file");
    need(pipe2(p, O_NONBLOCK) == 0 && write(p[1], secret, secret_length) > 0, "pipe");
    told("sendfile", sendfile(fd, fileno(file), &zero, secret_length));
    told("SYS_sendfile", syscall(SYS_sendfile, fd, fileno(file), NULL, secret_length));
    told("SYS_vmsplice", syscall(SYS_vmsplice, p[1], &v, 1, 0));
    told("splice", splice(p[0], NULL, fd, NULL, secret_length, 0));
    told("SYS_splice", syscall(SYS_splice, p[0], NULL, fd, NULL, secret_length, 0));
    told("copy_file_range", copy_file_range(fileno(file), &zero, fd, NULL, secret_length, 0));
}

static void by_submission(int fd)
{
    struct iocb block = {.aio_fildes = (uint32_t)fd,
                         .aio_lio_opcode = IOCB_CMD_PWRITE,
                         .aio_buf = (uint64_t)(uintptr_t)secret,
                         .aio_nbytes = secret_length};
    struct iocb *blocks[] = {&block};
    aio_context_t context = 0;
    char parameters[256] = {0};

    if (syscall(SYS_io_setup, 4, &context) == 0)
        told("SYS_io_submit", syscall(SYS_io_submit, context, 1, blocks));
    told("SYS_io_uring_setup", syscall(SYS_io_uring_setup, 4, parameters));
}

/* other-calls COVERED */
static void other_calls(char **ports)
{
    int fd = connected_to(atoi(ports[0]));

    nonblocking(fd);
    by_name(fd);
    by_number(fd);
    by_pipe(fd);
    by_submission(fd);
}

/* ---- descriptors made by number, in place of one that was known ---- */

static int known_file(void)
{
    int fd = open("/dev/null", O_RDWR);

    need(fd >= 0 && write(fd, "x", 1) == 1, "/dev/null");
    return fd;
}

/* other-numbers COVERED */
static void other_numbers(char **ports)
{
    int fd = connected_to(atoi(ports[0])), a = known_file(), b = known_file();

    nonblocking(fd);
#ifdef SYS_dup2
    syscall(SYS_dup2, fd, a);
    told("write after SYS_dup2", write(a, secret, secret_length));
#endif
    syscall(SYS_dup3, fd, b, 0);
    told("write after SYS_dup3", write(b, secret, secret_length));
    a = known_file();
    syscall(SYS_close, a);
    told("SYS_fcntl", syscall(SYS_fcntl, fd, F_DUPFD, a) == a);
    told("write after it", write(a, secret, secret_length));
    b = known_file();
    syscall(SYS_close_range, b, b, 0);
    told("SYS_dup", syscall(SYS_dup, fd) == b);
    told("write after it", write(b, secret, secret_length));
}

/* ---- multipath TCP ---- */

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* multipath COVERED DENIED */
static void multipath(char **ports)
{
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in a = loopback(atoi(ports[i]));
        int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);
        int by_number = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

        connect(fd, (struct sockaddr *)&a, sizeof(a));
        nonblocking(fd);
        told("write", write(fd, secret, secret_length));
        syscall(SYS_connect, by_number, &a, sizeof(a));
        nonblocking(by_number);
        told("write", write(by_number, secret, secret_length));
    }
}

/* ---- a kernel that stops answering ---- */

/* Past the library, which would let its own calls through. */
static void refuse_getsockopt(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getsockopt, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, filter};

    need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
             raw(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (long)&program, 0) == 0,
         "seccomp");
}

/* sandboxed COVERED COVERED: a connection from before, and a new one. */
static void sandboxed(char **ports)
{
    int old = connected_to(atoi(ports[0])), new = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in a = loopback(atoi(ports[1]));

    nonblocking(old);
    nonblocking(new);
    refuse_getsockopt();
    told("write on the old", write(old, secret, secret_length));
    connect(new, (struct sockaddr *)&a, sizeof(a));
    told("write on the new", write(new, secret, secret_length));
}

/* ---- a socket's second connect ---- */

/* again CLOSED DENIED: the first is refused by the peer. */
static void again(char **ports)
{
    struct sockaddr_in closed = loopback(atoi(ports[0])), denied = loopback(atoi(ports[1]));
    int fd = socket(AF_INET, SOCK_STREAM, 0), error;
    socklen_t length = sizeof(error);

    nonblocking(fd);
    connect(fd, (struct sockaddr *)&closed, sizeof(closed));
    ready(fd, POLLOUT, 10000);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
    say("first connect: %s", strerrorname_np(error));
    /* After a failure the kernel says so once more before it connects anew. */
    for (int i = 0; i < 2; i++)
        told("connect to the other", connect(fd, (struct sockaddr *)&denied, sizeof(denied)));
    ready(fd, POLLOUT, 500);
    told("write", write(fd, secret, secret_length));
}

/* elsewhere PLAIN COVERED: disconnected from a plain peer, connected to the other. */
static void elsewhere(char **ports)
{
    struct sockaddr_in plain = loopback(atoi(ports[0])), covered = loopback(atoi(ports[1]));
    struct sockaddr none = {.sa_family = AF_UNSPEC};
    int fd = socket(AF_INET, SOCK_STREAM, 0), copy;

    need(connect(fd, (struct sockaddr *)&plain, sizeof(plain)) == 0, "connect");
    copy = dup(fd);
    told("disconnect", connect(fd, &none, sizeof(none)));
    told("connect", connect(fd, (struct sockaddr *)&covered, sizeof(covered)));
    if (errno != EISCONN)
        told("write on a copy", write(copy, secret, secret_length));
}

/* ---- addresses that mean the loopback ---- */

static void to_address(const char *name, const void *address, socklen_t length)
{
    int fd = socket(((const struct sockaddr *)address)->sa_family, SOCK_STREAM, 0);

    told(name, connect(fd, address, length));
    nonblocking(fd);
    told("write", write(fd, secret, secret_length));
    close(fd);
}

/* any-address PORT: rules name 127.0.0.1:PORT and [::1]:PORT. */
static void any_address(char **ports)
{
    in_port_t port = htons((uint16_t)atoi(ports[0]));
    struct sockaddr_in any4 = {.sin_family = AF_INET, .sin_port = port};
    struct sockaddr_in6 any6 = {.sin6_family = AF_INET6, .sin6_port = port};
    struct sockaddr_in6 mapped = any6, loop = any6;

    memset(mapped.sin6_addr.s6_addr + 10, 0xff, 2);
    loop.sin6_addr = in6addr_loopback;
    to_address("0.0.0.0", &any4, sizeof(any4));
    to_address("::", &any6, sizeof(any6));
    to_address("::ffff:0.0.0.0", &mapped, sizeof(mapped));
    to_address("::1 without a scope", &loop, offsetof(struct sockaddr_in6, sin6_scope_id));
}

const struct guard_case guard_leaks[] = {
    {"fast-open", fast_open}, {"other-calls", other_calls}, {"other-numbers", other_numbers},
    {"multipath", multipath}, {"sandboxed", sandboxed},     {"again", again},
    {"elsewhere", elsewhere}, {"any-address", any_address}, {NULL, NULL},
};
