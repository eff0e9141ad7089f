/* Descriptors that are not TLS: line 2. Every call that the library stands in front of, on files,
 * pipes, sockets of other families, plain TCP and numbers that are none. */
#include "contract.h"

#include <dirent.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static unsigned char out[4096], in[4096];

/* One call of each kind on fd, which must not block. */
static void battery(const char *what, int fd)
{
    struct iovec one = {out, 3}, into = {in, 3};
    struct msghdr give = {.msg_iov = &one, .msg_iovlen = 1};
    struct msghdr take = {.msg_iov = &into, .msg_iovlen = 1};
    struct mmsghdr gives = {.msg_hdr = give}, takes = {.msg_hdr = take};
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT};
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT};
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    int value = 0, set = MUST(epoll_create1(0)), saved = (int)syscall(SYS_memfd_create, "y", 0);
    off_t at = 0;

    MUST((int)write(saved, out, 3));
    say("%s", what);
    say(" write %s", outcome(write(fd, out, 5)));
    say(" writev %s", outcome(writev(fd, &one, 1)));
    say(" send %s", outcome(send(fd, out, 5, MSG_NOSIGNAL)));
    say(" sendto %s", outcome(sendto(fd, out, 5, MSG_NOSIGNAL, NULL, 0)));
    say(" sendmsg %s", outcome(sendmsg(fd, &give, MSG_NOSIGNAL)));
    say(" sendmmsg %s", outcome(sendmmsg(fd, &gives, 1, MSG_NOSIGNAL)));
    say(" sendfile %s", outcome(sendfile(fd, saved, &at, 3)));
    say(" poll %s", outcome(poll(&entry, 1, 0)));
    say("  %s", bits((unsigned)entry.revents));
    say(" epoll_ctl %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event)));
    say(" FIONREAD %s", outcome(ioctl(fd, FIONREAD, &value)));
    say("  %d", value);
    nonblocking(fd >= 0 && fcntl(fd, F_GETFL) >= 0 ? fd : saved, true);
    say(" recv peek %s", outcome(recv(fd, in, 2, MSG_PEEK | MSG_DONTWAIT)));
    say(" read %s", outcome(read(fd, in, 2)));
    say(" readv %s", outcome(readv(fd, &into, 1)));
    say(" recv %s", outcome(recv(fd, in, 1, MSG_DONTWAIT)));
    say(" recvfrom %s", outcome(recvfrom(fd, in, 1, MSG_DONTWAIT, (void *)&address, &length)));
    say(" recvmsg %s", outcome(recvmsg(fd, &take, MSG_DONTWAIT)));
    say(" recvmmsg %s", outcome(recvmmsg(fd, &takes, 1, MSG_DONTWAIT, NULL)));
    say(" getsockopt %s", outcome(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length)));
    say(" accept %s", outcome(accept(fd, NULL, NULL)));
    int copy = dup(fd);

    say(" dup %d", copy >= 0);
    say(" write to the copy %s", outcome(write(copy, out, 1)));
    say(" F_DUPFD %d", fcntl(fd, F_DUPFD, 50));
    say(" F_GETFL %o", (unsigned)fcntl(fd, F_GETFL));
    say(" shutdown %s", outcome(shutdown(fd, SHUT_WR)));
    say(" splice %s", outcome(splice(fd, NULL, fd, NULL, 1, SPLICE_F_NONBLOCK)));
    say(" dprintf %s", outcome(dprintf(copy, "%d", 7)));
    say(" close %s", outcome(close(fd)));
    say(" close again %s", outcome(close(fd)));
    close(copy);
    close(50);
    close(set);
    close(saved);
}

static int unix_pair(int type, int *other)
{
    int ends[2];

    MUST(socketpair(AF_UNIX, type, 0, ends));
    *other = ends[1];
    return ends[0];
}

static void kinds(void)
{
    int other, ends[2];
    struct sockaddr_in local = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(local);

    signal(SIGPIPE, SIG_IGN);
    int file = MUST((int)syscall(SYS_memfd_create, "x", 0));

    battery("a file", file);
    MUST(pipe(ends));
    battery("a pipe's reading end", ends[0]);
    MUST(pipe(ends));
    battery("a pipe's writing end", ends[1]);
    battery("a stream socket of AF_UNIX", unix_pair(SOCK_STREAM, &other));
    battery("a datagram socket of AF_UNIX", unix_pair(SOCK_DGRAM, &other));
    battery("a sequenced socket of AF_UNIX", unix_pair(SOCK_SEQPACKET, &other));
    int udp = MUST(socket(AF_INET, SOCK_DGRAM, 0));

    MUST(bind(udp, (struct sockaddr *)&local, sizeof(local)));
    MUST(getsockname(udp, (struct sockaddr *)&local, &length));
    MUST(connect(udp, (struct sockaddr *)&local, length));
    battery("UDP to itself", udp);
    battery("TCP, not connected", new_socket());
    battery("a TCP listener", listener(PORT_PLAIN));
    battery("a TLS listener", listener(PORT_DIRECT));
    int listening = listener(PORT_SECOND + 200);

    (void)listening;
    battery("/dev/null", MUST(open("/dev/null", O_RDWR)));
    battery("a set", MUST(epoll_create1(0)));
    battery("none", 300);
    battery("-1", -1);
}

static void plain_tcp(void)
{
    int listening = listener(PORT_PLAIN), client = connect_to(PORT_PLAIN),
        server = accept_from(listening);

    signal(SIGPIPE, SIG_IGN);
    MUST((int)write(server, "some bytes are here", 19));
    readable_within(client, 1000);
    battery("TCP without a rule", client);
    say("what arrived %s", outcome(read(server, in, sizeof(in))));
}

/* A plain number stands for a TLS one later, and the reverse. */
static void numbers_reused(void)
{
    for (int round = 0; round < 3; round++) {
        struct pair p = pair_open();
        int ends[2], number = p.client;

        close(p.client);
        say("end %s", outcome(read(p.server, in, 10)));
        close(p.server);
        MUST(pipe(ends));
        say("the number again %d", ends[0] == number || ends[1] == number);
        say("pipe %s", outcome(write(ends[1], "abc", 3)));
        say("pipe %s", outcome(read(ends[0], in, 10)));
        close(ends[0]);
        close(ends[1]);
        int file = MUST((int)syscall(SYS_memfd_create, "x", 0));

        say("file %s", outcome(write(file, "abc", 3)));
        close(file);
    }
}

/* How many descriptors a program sees of its own: without what the library may keep for itself at a
 * high number. */
static void descriptors(void)
{
    struct pair p = pair_open();
    DIR *folder = opendir("/proc/self/fd");
    int low = 0;

    for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
        low += entry->d_name[0] != '.' && atoi(entry->d_name) < 100;
    say("descriptors %d", low);
    say("next %d", dup(0));
    pair_close(&p);
}

static int in_256_mib(void *arg)
{
    enum { MIB = 1 << 20 };
    struct rlimit limit = {256 * MIB, 256 * MIB}, back = {0};

    (void)arg;
    MUST(setrlimit(RLIMIT_AS, &limit));
    MUST(getrlimit(RLIMIT_AS, &back));
    return (mmap(NULL, 16 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED) +
           2 * (mmap(NULL, 300 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
                MAP_FAILED) +
           4 * (back.rlim_cur == limit.rlim_cur) + 8 * (back.rlim_max == limit.rlim_max);
}

/* What the library reserves is none of the program's. */
static void address_space(void)
{
    say("in a limit of 256 MiB %d", child_status(start_child(in_256_mib, NULL)));
}

const struct contract_case plain_cases[] = {
    {"2 files, pipes, other sockets, none", kinds},
    {"2 TCP without a rule", plain_tcp},
    {"2 numbers used again", numbers_reused},
    {"2 a limit of the address space", address_space},
    {"2 descriptors that the program sees", descriptors},
    {NULL, NULL},
};
