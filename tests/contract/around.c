/* What would go around the library, for it is not one of the socket calls: line 24. Each either
 * moves plaintext as the program meant it, or fails; none may put the program's bytes on the wire
 * as they are, which is what the capture is for: the bytes are fill()'s, with the marker in them.
 */
#include "contract.h"

#include <aio.h>
#include <dlfcn.h>
#include <linux/aio_abi.h>
#include <linux/io_uring.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static unsigned char out[4096], in[4096];

/* Did what was sent arrive as it was meant, or not at all? The other end must go on either way. */
static void verdict(struct pair *p, const char *what, ssize_t r)
{
    int error = errno;

    nonblocking(p->server, true);
    readable_within(p->server, 200);
    ssize_t n = read(p->server, in, sizeof(in));

    if (r > 0)
        check(n == r && filled(in, (size_t)n, 0), "%s: accepted %zd, arrived %s", what, r,
              outcome(n));
    else
        check(n < 0 && errno == EAGAIN, "%s: refused (%s), yet the peer reads %s", what,
              strerror(error), outcome(n));
    nonblocking(p->server, false);
    check(write(p->client, "on", 2) == 2, "%s: the connection does not go on", what);
    check(read(p->server, in, 2) == 2, "%s: the connection does not go on", what);
    say("%s: right or refused", what);
}

static struct pair filled_pair(void)
{
    struct pair p = pair_open();

    fill(out, sizeof(out), 0);
    return p;
}

static void splices(void)
{
    struct pair p = filled_pair();
    int ends[2];
    struct iovec one = {out, 1000};

    MUST(pipe(ends));
    MUST((int)write(ends[1], out, 1000));
    verdict(&p, "splice to it", splice(ends[0], NULL, p.client, NULL, 1000, 0));
    verdict(&p, "tee", tee(ends[0], p.client, 1000, 0));
    verdict(&p, "vmsplice", vmsplice(p.client, &one, 1, 0));
    verdict(&p, "copy_file_range", copy_file_range(ends[0], NULL, p.client, NULL, 1000, 0));

    /* From it: plaintext or nothing, never records. */
    int drain[2];

    MUST(pipe(drain));
    MUST((int)write(p.server, out, 1000));
    readable_within(p.client, 1000);
    ssize_t r = splice(p.client, NULL, drain[1], NULL, 1000, 0);

    if (r > 0)
        check(read(drain[0], in, 1000) == r && filled(in, (size_t)r, 0), "ciphertext from splice");
    else
        check(read(p.client, in, 1000) == 1000 && filled(in, 1000, 0), "other bytes");
    say("splice from it: right or refused");
    pair_close(&p);
}

static void positioned(void)
{
    struct pair p = filled_pair();
    struct iovec one = {out, 1000}, into = {in, 1000};

    verdict(&p, "pwritev2 at -1", pwritev2(p.client, &one, 1, -1, 0));
    verdict(&p, "pwritev64v2 at -1", pwritev64v2(p.client, &one, 1, -1, 0));
    verdict(&p, "pwritev2 at 0", pwritev2(p.client, &one, 1, 0, 0));
    MUST((int)write(p.server, out, 1000));
    readable_within(p.client, 1000);
    ssize_t r = preadv2(p.client, &into, 1, -1, 0);

    check(r < 0 || (r > 0 && filled(in, (size_t)r, 0)), "preadv2 gives %s, other bytes",
          outcome(r));
    if (r < 0)
        r = read(p.client, in, 1000);
    check(r == 1000 && filled(in, 1000, 0), "read %s", outcome(r));
    say("preadv2 at -1: right or refused");
    pair_close(&p);
}

/* System calls by number, those that libc's own wrappers are not used for. */
static void by_number(void)
{
    struct pair p = filled_pair();
    struct iovec one = {out, 1000};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
    struct mmsghdr messages = {.msg_hdr = message};
    int file = MUST(memfd_create("file", 0));
    off_t at = 0;

    MUST((int)write(file, out, 1000));
    verdict(&p, "SYS_write", syscall(SYS_write, p.client, out, 1000));
    verdict(&p, "SYS_writev", syscall(SYS_writev, p.client, &one, 1));
    verdict(&p, "SYS_sendto", syscall(SYS_sendto, p.client, out, 1000, 0, NULL, 0));
    verdict(&p, "SYS_sendmsg", syscall(SYS_sendmsg, p.client, &message, 0));
    ssize_t r = syscall(SYS_sendmmsg, p.client, &messages, 1, 0);

    verdict(&p, "SYS_sendmmsg", r == 1 ? 1000 : r);
    verdict(&p, "SYS_sendfile", syscall(SYS_sendfile, p.client, file, &at, 1000));
    verdict(&p, "SYS_pwritev2", syscall(SYS_pwritev2, p.client, &one, 1, -1L, -1L, 0));
#ifdef SYS_dup2
    int copy = 200;

    MUST((int)syscall(SYS_dup2, p.client, copy));
    verdict(&p, "write to a copy by SYS_dup2", write(copy, out, 1000));
    close(copy);
#endif
    copy = MUST((int)syscall(SYS_fcntl, p.client, F_DUPFD, 210));
    verdict(&p, "write to a copy by SYS_fcntl", write(copy, out, 1000));
    close(copy);
    pair_close(&p);
}

/* A child that the kernel forks by number, without libc: the parent closes, the child serves. */
static void forked_by_number(void)
{
    struct pair p = pair_open();
    pid_t child = MUST((int)syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L));

    if (child == 0) {
        close(p.client);
        _exit(write(p.server, "from the child", 14) == 14 ? 0 : 1);
    }
    close(p.server);
    say("read %s", outcome(read_all(p.client, in, 14)));
    say("child %d", child_status(child));
    say("then %s", outcome(read(p.client, in, sizeof(in))));
    close(p.client);
}

void _IO_list_lock(void), _IO_list_unlock(void);
static _Atomic int flushing; /* 1: it holds the lock; 2: it may end */

/* As fflush(NULL) does when a reader is slow. */
static void *hold_streams(void *arg)
{
    _IO_list_lock();
    for (flushing = 1; flushing != 2;)
        pause_ms(1);
    _IO_list_unlock();
    return arg;
}

/* While another thread works on libc's streams. */
static void forked_by_number_from_threads(void)
{
    struct pair p = pair_open();
    pthread_t thread = start_thread(hold_streams, NULL);
    pid_t child;

    while (flushing != 1)
        pause_ms(1);
    child = MUST((int)syscall(SYS_clone, SIGCHLD, 0L, 0L, 0L, 0L));
    if (child == 0) {
        alarm(5);
        _exit(dup2(p.server, 100) == 100 && write(100, "from the child", 14) == 14 ? 0 : 1);
    }
    say("child %d", child_status(child));
    flushing = 2;
    pthread_join(thread, NULL);
    say("read %s", outcome(read_all(p.client, in, 14)));
    pair_close(&p);
}

/* A socket that came by a system call with a number: accept, connect. */
static void born_by_number(void)
{
    int listening = listener(PORT_DIRECT), fd = (int)syscall(SYS_socket, AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    fill(out, sizeof(out), 0);
    MUST(getsockname(listening, (struct sockaddr *)&address, &length));
    MUST((int)syscall(SYS_connect, fd, &address, sizeof(address)));
    struct pair p = {fd, (int)syscall(SYS_accept4, listening, NULL, NULL, 0)};

    MUST(p.server);
    say_hello(&p);
    verdict(&p, "accepted by SYS_accept4", write(p.client, out, 1000));
#ifdef SYS_accept
    p.client = connect_to(PORT_DIRECT);
    p.server = MUST((int)syscall(SYS_accept, listening, NULL, NULL));
    say_hello(&p);
    verdict(&p, "accepted by SYS_accept", write(p.client, out, 1000));
#endif
    pair_close(&p);
}

/* The other names that libc exports for the same functions. */
static void other_names(void)
{
    static const char *const names[] = {"__write", "__send", "__libc_write", "__libc_send"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        void *function = dlsym(RTLD_DEFAULT, names[i]);
        struct pair p = filled_pair();

        if (function == NULL)
            continue;
        if (strstr(names[i], "send") != NULL)
            verdict(&p, names[i],
                    ((ssize_t(*)(int, const void *, size_t, int))function)(p.client, out, 1000, 0));
        else
            verdict(&p, names[i],
                    ((ssize_t(*)(int, const void *, size_t))function)(p.client, out, 1000));
        pair_close(&p);
    }
}

static void posix_aio(void)
{
    struct pair p = filled_pair();
    struct aiocb job = {.aio_fildes = p.client, .aio_buf = out, .aio_nbytes = 1000};
    const struct aiocb *list[1] = {&job};
    ssize_t r = aio_write(&job);

    if (r == 0) {
        aio_suspend(list, 1, NULL);
        errno = aio_error(&job);
        r = errno != 0 ? -1 : aio_return(&job);
    }
    verdict(&p, "aio_write", r);
    pair_close(&p);
}

static void kernel_aio(void)
{
    struct pair p = filled_pair();
    aio_context_t context = 0;
    struct iocb job = {.aio_fildes = (unsigned)p.client,
                       .aio_lio_opcode = IOCB_CMD_PWRITE,
                       .aio_buf = (uint64_t)(uintptr_t)out,
                       .aio_nbytes = 1000};
    struct iocb *jobs[1] = {&job};
    struct io_event event = {0};
    ssize_t r = syscall(SYS_io_setup, 4, &context);

    if (r == 0)
        r = syscall(SYS_io_submit, context, 1, jobs);
    if (r == 1)
        r = syscall(SYS_io_getevents, context, 1, 1, &event, NULL) == 1 ? (ssize_t)event.res : -1;
    if (r < -1) {
        errno = (int)-r;
        r = -1;
    }
    verdict(&p, "io_submit", r);
    pair_close(&p);
}

/* One send by io_uring, with the rings mapped by hand. */
static ssize_t ring_send(int fd, const void *buffer, unsigned n)
{
    struct io_uring_params params = {0};
    int ring = (int)syscall(SYS_io_uring_setup, 4, &params);

    if (ring < 0)
        return -1;
    size_t size = params.cq_off.cqes + params.cq_entries * sizeof(struct io_uring_cqe);
    char *rings = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring,
                       IORING_OFF_SQ_RING);
    struct io_uring_sqe *entries = mmap(NULL, 4 * sizeof(*entries), PROT_READ | PROT_WRITE,
                                        MAP_SHARED | MAP_POPULATE, ring, IORING_OFF_SQES);

    if (rings == MAP_FAILED || entries == MAP_FAILED)
        return -1;
    memset(entries, 0, sizeof(*entries));
    entries[0].opcode = IORING_OP_SEND;
    entries[0].fd = fd;
    entries[0].addr = (uint64_t)(uintptr_t)buffer;
    entries[0].len = n;
    ((unsigned *)(rings + params.sq_off.array))[0] = 0;
    __atomic_store_n((unsigned *)(rings + params.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        return -1;
    struct io_uring_cqe *done = (struct io_uring_cqe *)(rings + params.cq_off.cqes);

    close(ring);
    if (done->res < 0)
        errno = -done->res;
    return done->res < 0 ? -1 : done->res;
}

static void uring(void)
{
    struct pair p = filled_pair();

    verdict(&p, "io_uring", ring_send(p.client, out, 1000));
    pair_close(&p);
}

/* Options that would take bytes around the library. */
static void options(void)
{
    struct pair p = filled_pair();
    int one = 1;

    setsockopt(p.client, SOL_SOCKET, SO_ZEROCOPY, &one, sizeof(one));
    verdict(&p, "MSG_ZEROCOPY", send(p.client, out, 1000, MSG_ZEROCOPY));
    setsockopt(p.server, SOL_SOCKET, SO_PEEK_OFF, &one, sizeof(one));
    verdict(&p, "SO_PEEK_OFF", write(p.client, out, 1000));
    setsockopt(p.client, IPPROTO_TCP, TCP_ULP, "tls", 4);
    verdict(&p, "TCP_ULP", write(p.client, out, 1000));
    say("TCP_REPAIR and others: %d",
        setsockopt(p.client, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)) <= 0);
    pair_close(&p);
}

/* connect and write in one call. */
static void fast_open(void)
{
    int listening = listener(PORT_DIRECT), fd = new_socket();
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    fill(out, sizeof(out), 0);
    MUST(getsockname(listening, (struct sockaddr *)&address, &length));
    ssize_t r = sendto(fd, out, 1000, MSG_FASTOPEN, (struct sockaddr *)&address, length);

    check(r == 1000 || (r < 0 && errno == EOPNOTSUPP), "sendto %s", outcome(r));
    if (r == 1000) {
        int server = accept_from(listening);

        check(recv(server, in, 1000, MSG_WAITALL) == 1000 && filled(in, 1000, 0), "it arrives");
    }
    say("MSG_FASTOPEN: right or refused");
    close(fd);
    fd = new_socket();
    int one = 1;

    if (setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof(one)) == 0) {
        MUST(connect(fd, (struct sockaddr *)&address, length));
        check(write(fd, out, 1000) == 1000, "write");
        int server = accept_from(listening);

        check(recv(server, in, 1000, MSG_WAITALL) == 1000 && filled(in, 1000, 0), "it arrives");
    }
    say("TCP_FASTOPEN_CONNECT: right or refused");
}

/* libc connects by itself and sends the names. */
static int executes_remotely(void *arg)
{
    char *host = (char[]){"127.0.0.1"};

    (void)arg;
    MUST(dup2(MUST(open("/dev/null", O_WRONLY)), 2));
    alarm(10);
    return rexec_af(&host, htons((uint16_t)(PORT_DIRECT + contract_slot)), "user", "fill", "ls",
                    NULL, AF_INET) < 0 &&
           errno == EPERM;
}

static void remote(void)
{
    int listening = listener(PORT_DIRECT);
    pid_t child = start_child(executes_remotely, NULL);
    struct pollfd entry = {.fd = listening, .events = POLLIN};
    siginfo_t end = {.si_pid = 0};
    bool came = false;

    while (!came && end.si_pid == 0) {
        came = poll(&entry, 1, 20) == 1;
        MUST(waitid(P_PID, (id_t)child, &end, WEXITED | WNOHANG | WNOWAIT));
    }
    if (came) {
        int server = accept_from(listening);

        check(recv(server, in, 14, MSG_WAITALL) == 14, "the names");
        check(memcmp(in, "\0user\0fill\0ls", 14) == 0, "the names are as they were given");
        close(server);
    }
    check(child_status(child) == !came, "neither right nor refused");
    say("rexec: right or refused");
}

/* A bare descriptor in a stream that libc opens by itself. */
static void device_names(void)
{
    struct pair p = filled_pair();
    char path[64];

    snprintf(path, sizeof(path), "/proc/self/fd/%d", p.client);
    int fd = open(path, O_RDWR);

    say("open of /proc/self/fd: %s", outcome(fd));
    pair_close(&p);
}

const struct contract_case around_cases[] = {
    {"33 fork by the system call's number", forked_by_number},
    {"33 fork by number while a thread works on streams", forked_by_number_from_threads},
    {"24 splice, tee, vmsplice, copy_file_range", splices},
    {"24 preadv2 and pwritev2 at the current position", positioned},
    {"24 system calls by number", by_number},
    {"24 sockets that came by system calls by number", born_by_number},
    {"24 libc's other names", other_names},
    {"24 aio_write", posix_aio},
    {"24 io_submit", kernel_aio},
    {"24 rexec", remote},
    {"24 io_uring", uring},
    {"24 socket options", options},
    {"24 MSG_FASTOPEN and TCP_FASTOPEN_CONNECT", fast_open},
    {"24 /proc/self/fd", device_names},
    {NULL, NULL},
};
