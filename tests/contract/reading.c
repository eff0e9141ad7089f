/* Flags of recv, vectors, low-water marks and time-outs: lines 11 (FIONREAD), 21, 22, 25. */
#include "contract.h"

#include <limits.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/time.h>

static unsigned char out[65536], in[65536];

/* Two records that have arrived: 10 and 20 bytes. */
static struct pair two_there(void)
{
    struct pair p = pair_open();

    fill(out, sizeof(out), 0);
    memset(in, 0, sizeof(in));
    MUST((int)write(p.server, out, 10));
    MUST((int)write(p.server, out + 10, 20));
    readable_within(p.client, 2000);
    pause_ms(50);
    return p;
}

/* ---- 21 ---- */

static void peek(void)
{
    struct pair p = two_there();

    say("peek 4: %s", outcome(recv(p.client, in, 4, MSG_PEEK)));
    say_of(recv(p.client, in, 4, MSG_PEEK), "peek 4 again: %s, same %d", filled(in, 4, 0));
    say_of(recv(p.client, in, 100, MSG_PEEK), "peek over both records: %s, %d", filled(in, 30, 0));
    say("read 5: %s", outcome(recv(p.client, in, 5, 0)));
    say_of(recv(p.client, in, 100, MSG_PEEK), "peek 100: %s, %d", filled(in, 25, 5));
    say("peek for all 25: %s", outcome(recv(p.client, in, 25, MSG_PEEK | MSG_WAITALL)));
    say_of(recv(p.client, in, 100, 0), "read 100: %s, %d", filled(in, 25, 5));
    say("peek at nothing: %s", outcome(recv(p.client, in, 100, MSG_PEEK | MSG_DONTWAIT)));
    MUST(shutdown(p.server, SHUT_WR));
    say("peek at the end: %s", outcome(recv(p.client, in, 100, MSG_PEEK)));
    say("read at the end: %s", outcome(recv(p.client, in, 100, 0)));
    pair_close(&p);
}

/* A peek over several records sees the first of them at least. */
static void peek_much(void)
{
    struct pair p = pair_open();

    fill(out, 40000, 0);
    say("written %s", outcome(write_all(p.server, out, 40000)));
    readable_within(p.client, 2000);
    pause_ms(50);
    ssize_t r = recv(p.client, in, 40000, MSG_PEEK);

    check(r >= 16384 && filled(in, (size_t)r, 0), "peek %s", outcome(r));
    say_of(recv(p.client, in, 40000, MSG_WAITALL), "read 40000: %s, %d", filled(in, 40000, 0));
    pair_close(&p);
}

static void dont_wait(void)
{
    struct pair p = pair_open();
    struct relay r;

    say("nothing: %s", outcome(recv(p.client, in, 10, MSG_DONTWAIT)));
    MUST((int)write(p.server, "abc", 3));
    readable_within(p.client, 1000);
    say("something: %s", outcome(recv(p.client, in, 10, MSG_DONTWAIT)));
    say("nothing: %s", outcome(recv(p.client, in, 10, MSG_DONTWAIT)));
    say("blocking still %d", (fcntl(p.client, F_GETFL) & O_NONBLOCK) == 0);
    pair_close(&p);
    r = relay_open(0);
    relay_hold(&r);
    MUST((int)write(r.ends.server, out, 1000));
    relay_part(&r, 700);
    say("half a record: %s", outcome(recv(r.ends.client, in, 10, MSG_DONTWAIT)));
    say("half a record: %s", outcome(recv(r.ends.client, in, 10, MSG_DONTWAIT | MSG_PEEK)));
    relay_pass(&r);
    say("the rest: %s", outcome(recv(r.ends.client, in, 2000, 0)));
    relay_close(&r);
}

static void wait_all(void)
{
    struct relay r = relay_open(0);

    fill(out, sizeof(out), 0);
    MUST((int)write(r.ends.server, out, 1000));
    readable_within(r.ends.client, 1000);
    relay_hold(&r);
    MUST((int)write(r.ends.server, out + 1000, 1000));
    relay_part(&r, 100);
    relay_pass_later(&r, 200);
    say_of(recv(r.ends.client, in, 1500, MSG_WAITALL), "over two records: %s, %d",
           filled(in, 1500, 0));
    MUST((int)write(r.ends.server, out + 2000, 100));
    pause_ms(30);
    say("without waiting: %s", outcome(recv(r.ends.client, in, 1000, MSG_WAITALL | MSG_DONTWAIT)));
    MUST((int)write(r.ends.server, out, 10));
    MUST(shutdown(r.ends.server, SHUT_WR));
    say("up to the end: %s", outcome(recv(r.ends.client, in, 1000, MSG_WAITALL)));
    say("at the end: %s", outcome(recv(r.ends.client, in, 1000, MSG_WAITALL)));
    relay_close(&r);
}

static int write_later(void *arg)
{
    int fd = *(int *)arg;

    pause_ms(100);
    MUST((int)write(fd, out + 10, 20));
    return 0;
}

static void peek_wait_all(void)
{
    struct pair p = pair_open();

    fill(out, 100, 0);
    MUST((int)write(p.server, out, 10));
    pid_t child = start_child(write_later, &p.server);

    say_of(recv(p.client, in, 30, MSG_PEEK | MSG_WAITALL), "peek for 30: %s, %d",
           filled(in, 30, 0));
    say_of(recv(p.client, in, 30, 0), "read: %s, %d", filled(in, 30, 0));
    child_status(child);
    pair_close(&p);
}

/* A peek that waits for more than a record holds may give up before, but neither spins nor hangs.
 */
static int write_more_later(void *arg)
{
    int fd = *(int *)arg;

    pause_ms(100);
    MUST((int)write_all(fd, out + 10000, 20000));
    return 0;
}

static void peek_wait_much(void)
{
    struct pair p = pair_open();

    fill(out, 30000, 0);
    MUST((int)write(p.server, out, 10000));
    pid_t child = start_child(write_more_later, &p.server);
    int64_t busy = cpu_ms();

    ssize_t r = recv(p.client, in, 30000, MSG_PEEK | MSG_WAITALL);

    check(r >= 10000 && filled(in, (size_t)r, 0), "peek %s", outcome(r));
    check(cpu_ms() - busy < 80, "used the processor for %d ms", (int)(cpu_ms() - busy));
    say_of(recv(p.client, in, 30000, MSG_WAITALL), "read 30000: %s, %d", filled(in, 30000, 0));
    child_status(child);
    pair_close(&p);
}

static void truncate_flag(void)
{
    struct pair p = two_there();

    say("discard 4: %s", outcome(recv(p.client, NULL, 4, MSG_TRUNC)));
    say_of(recv(p.client, in, 4, 0), "read 4: %s, %d", filled(in, 4, 4));
    say("discard 7: %s", outcome(recv(p.client, in, 7, MSG_TRUNC)));
    say("untouched %d", filled(in, 4, 4));
    say("peek and truncate: %s", outcome(recv(p.client, in, 100, MSG_TRUNC | MSG_PEEK)));
    say_of(recv(p.client, in, 100, 0), "read: %s, %d", filled(in, 15, 15));
    pair_close(&p);
}

static void nothing_asked(void)
{
    struct pair p = pair_open();

    say("read 0: %s", outcome(read(p.client, in, 0)));
    say("recv 0: %s", outcome(recv(p.client, in, 0, MSG_DONTWAIT)));
    say("write 0: %s", outcome(write(p.client, out, 0)));
    say("send 0: %s", outcome(send(p.client, out, 0, 0)));
    MUST((int)write(p.server, "abc", 3));
    readable_within(p.client, 1000);
    say("recv 0: %s", outcome(recv(p.client, in, 0, MSG_DONTWAIT)));
    say("recv 0 peeking: %s", outcome(recv(p.client, in, 0, MSG_DONTWAIT | MSG_PEEK)));
    say("recv: %s", outcome(recv(p.client, in, 10, MSG_DONTWAIT)));
    say("recv 0: %s", outcome(recv(p.client, in, 0, MSG_DONTWAIT)));
    MUST(shutdown(p.server, SHUT_WR));
    readable_within(p.client, 1000);
    say("recv 0 at the end: %s", outcome(recv(p.client, in, 0, MSG_DONTWAIT)));
    pair_close(&p);
}

static void odd_flags(void)
{
    struct pair p = pair_open();

    say("MSG_MORE: %s", outcome(send(p.server, "a", 1, MSG_MORE)));
    say("MSG_EOR: %s", outcome(send(p.server, "b", 1, MSG_EOR)));
    say("MSG_DONTROUTE: %s", outcome(send(p.server, "c", 1, MSG_DONTROUTE)));
    say("MSG_CONFIRM: %s", outcome(send(p.server, "d", 1, MSG_CONFIRM)));
    say("MSG_NOSIGNAL: %s", outcome(send(p.server, "e", 1, MSG_NOSIGNAL)));
    say("MSG_CMSG_CLOEXEC: %s", outcome(recv(p.client, in, 5, MSG_CMSG_CLOEXEC | MSG_WAITALL)));
    say("%.5s", (char *)in);
    say("MSG_ERRQUEUE: %s", outcome(recv(p.client, in, 5, MSG_ERRQUEUE | MSG_DONTWAIT)));
    say("MSG_NOSIGNAL on reading: %s", outcome(recv(p.client, in, 5, MSG_NOSIGNAL | MSG_DONTWAIT)));
    struct sockaddr_in address = {0};
    socklen_t length = sizeof(address);

    MUST((int)sendto(p.server, "xyz", 3, 0, (struct sockaddr *)&address, sizeof(address)));
    say("sendto with an address, recvfrom: %s",
        outcome(recvfrom(p.client, in, 5, 0, (struct sockaddr *)&address, &length)));
    say("length %d", (int)length);
    pair_close(&p);
}

static void out_of_band(void)
{
    struct pair p = pair_open();

    say("send MSG_OOB %s", outcome(send(p.server, "x", 1, MSG_OOB)));
    say("recv MSG_OOB %s", outcome(recv(p.client, in, 1, MSG_OOB | MSG_DONTWAIT)));
    MUST((int)write(p.server, "abc", 3));
    pause_ms(20);
    say("goes on %s", outcome(recv(p.client, in, 10, 0)));
    pair_close(&p);
}

/* ---- 22 ---- */

enum { VECTORS = 1024 };
static struct iovec vectors[VECTORS + 1];

/* 1024 pieces of 0 to 30 bytes; how many bytes in all. */
static size_t cut(unsigned char *buffer)
{
    size_t at = 0;

    for (int i = 0; i < VECTORS + 1; i++) {
        size_t n = (size_t)(i * 7 % 31);

        vectors[i] = (struct iovec){n == 0 ? NULL : buffer + at, n};
        if (i < VECTORS)
            at += n;
    }
    return at;
}

static void vectors_flat(void)
{
    struct pair p = pair_open();
    size_t total;

    fill(out, sizeof(out), 0);
    total = cut(out);
    say("total %zu", total);
    say("writev 1024 %s", outcome(writev(p.server, vectors, VECTORS)));
    say_of(recv(p.client, in, total, MSG_WAITALL), "flat %s, %d", filled(in, total, 0));
    MUST((int)write_all(p.server, out, total));
    cut(in);
    memset(in, 0, sizeof(in));
    pause_ms(50);
    say("readv 1024 %s", outcome(readv(p.client, vectors, VECTORS)));
    say("intact %d", filled(in, total, 0));
    pair_close(&p);
}

static void vector_errors(void)
{
    struct pair p = pair_open();
    volatile int negative = -1;
    struct iovec huge[2] = {{in, SIZE_MAX}, {in, 1}};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = VECTORS + 1};

    cut(in);
    MUST((int)write(p.server, "abc", 3));
    readable_within(p.client, 1000);
    say("readv 1025 %s", outcome(readv(p.client, vectors, VECTORS + 1)));
    say("writev 1025 %s", outcome(writev(p.client, vectors, VECTORS + 1)));
    say("readv -1 %s", outcome(readv(p.client, vectors, negative)));
    say("writev -1 %s", outcome(writev(p.client, vectors, negative)));
    say("readv 0 %s", outcome(readv(p.client, vectors, 0)));
    say("writev 0 %s", outcome(writev(p.client, vectors, 0)));
    say("readv overflow %s", outcome(readv(p.client, huge, 2)));
    say("writev overflow %s", outcome(writev(p.client, huge, 2)));
    say("recvmsg 1025 %s", outcome(recvmsg(p.client, &message, MSG_DONTWAIT)));
    say("sendmsg 1025 %s", outcome(sendmsg(p.client, &message, MSG_DONTWAIT)));
    message.msg_iov = NULL;
    message.msg_iovlen = 0;
    say("sendmsg none %s", outcome(sendmsg(p.client, &message, 0)));
    say("pread %s", outcome(pread(p.client, in, 1, 0)));
    say("pwrite %s", outcome(pwrite(p.client, in, 1, 0)));
    say("preadv %s", outcome(preadv(p.client, vectors + 1, 1, 0)));
    say("pwritev %s", outcome(pwritev(p.client, vectors + 1, 1, 0)));
    say("read after all %s", outcome(recv(p.client, in, 10, MSG_DONTWAIT)));
    pair_close(&p);
}

static void messages(void)
{
    struct pair p = pair_open();
    char control[64];
    struct sockaddr_in name;
    struct iovec pieces[2] = {{out, 5}, {out + 5, 7}}, into[3] = {{in, 3}, {NULL, 0}, {in + 3, 50}};
    struct msghdr give = {.msg_iov = pieces, .msg_iovlen = 2};
    struct msghdr take = {.msg_iov = into,
                          .msg_iovlen = 3,
                          .msg_control = control,
                          .msg_controllen = sizeof(control),
                          .msg_name = &name,
                          .msg_namelen = sizeof(name),
                          .msg_flags = 77};

    fill(out, 100, 0);
    say("sendmsg %s", outcome(sendmsg(p.server, &give, 0)));
    pause_ms(30);
    say("recvmsg %s", outcome(recvmsg(p.client, &take, 0)));
    say("intact %d; name %d, control %zu, flags %x", filled(in, 12, 0), (int)take.msg_namelen,
        take.msg_controllen, (unsigned)take.msg_flags);
    say("recvmsg nothing %s", outcome(recvmsg(p.client, &take, MSG_DONTWAIT)));
    MUST(shutdown(p.server, SHUT_WR));
    say("recvmsg end %s", outcome(recvmsg(p.client, &take, 0)));
    pair_close(&p);
}

static void many_messages(void)
{
    struct pair p = pair_open();
    struct iovec pieces[4] = {{out, 10}, {out + 10, 20}, {out + 30, 30}, {out + 60, 40}};
    struct iovec into[4] = {{in, 50}, {in + 50, 30}, {in + 80, 100}, {in + 200, 10}};
    struct mmsghdr give[4], take[4];
    struct timespec soon = {0, 100000000};

    fill(out, 100, 0);
    for (int i = 0; i < 4; i++) {
        give[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &pieces[i], .msg_iovlen = 1}};
        take[i] = (struct mmsghdr){.msg_hdr = {.msg_iov = &into[i], .msg_iovlen = 1}};
    }
    say("sendmmsg %s", outcome(sendmmsg(p.server, give, 4, 0)));
    say("lengths %u %u %u %u", give[0].msg_len, give[1].msg_len, give[2].msg_len, give[3].msg_len);
    pause_ms(50);
    say("recvmmsg %s", outcome(recvmmsg(p.client, take, 4, MSG_WAITFORONE, NULL)));
    say("lengths %u %u %u, intact %d", take[0].msg_len, take[1].msg_len, take[2].msg_len,
        filled(in, 100, 0));
    say("nothing: %s", outcome(recvmmsg(p.client, take, 4, MSG_DONTWAIT, NULL)));
    say("none asked: %s", outcome(recvmmsg(p.client, take, 0, MSG_DONTWAIT, NULL)));
    MUST((int)write(p.server, out, 7));
    pause_ms(30);
    say("one and no more: %s", outcome(recvmmsg(p.client, take, 1, 0, &soon)));
    soon.tv_nsec = -5;
    say("bad time-out: %s", outcome(recvmmsg(p.client, take, 1, MSG_DONTWAIT, &soon)));
    pair_close(&p);
}

/* ---- 25 ---- */

static void time_out(int fd, int option, int ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};

    MUST(setsockopt(fd, SOL_SOCKET, option, &t, sizeof(t)));
}

static void receive_time_out(void)
{
    struct relay r = relay_open(0);
    struct timeval t;
    socklen_t length = sizeof(t);

    time_out(r.ends.client, SO_RCVTIMEO, 300);
    getsockopt(r.ends.client, SOL_SOCKET, SO_RCVTIMEO, &t, &length);
    say("kept %ld %d", (long)t.tv_sec, t.tv_usec >= 296000 && t.tv_usec <= 304000);
    relay_hold(&r);
    MUST((int)write(r.ends.server, out, 1000));
    for (int round = 0; round < 3; round++) {
        int64_t began = now_ms();

        say("read %s", outcome(read(r.ends.client, in, 100)));
        check(now_ms() - began >= 290 && now_ms() - began < 450, "waited %d ms",
              (int)(now_ms() - began));
        relay_part(&r, 100);
    }
    relay_pass_later(&r, 100);
    say("in time: %s", outcome(recv(r.ends.client, in, 1000, MSG_WAITALL)));
    MUST((int)write(r.ends.server, out, 10));
    say("too little for MSG_WAITALL: %s", outcome(recv(r.ends.client, in, 1000, MSG_WAITALL)));
    relay_close(&r);
}

static void send_time_out(void)
{
    struct pair p = pair_open();
    int small = 4096, rounds = 0;
    int64_t began;
    ssize_t n;

    MUST(setsockopt(p.client, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)));
    time_out(p.client, SO_SNDTIMEO, 200);
    do {
        began = now_ms();
        n = write(p.client, out, sizeof(out));
    } while (n > 0 && ++rounds < 1000);
    say("write %s", outcome(n));
    check(now_ms() - began >= 190 && now_ms() - began < 500, "waited %d ms",
          (int)(now_ms() - began));
    pair_close(&p);
}

static void low_water(void)
{
    struct pair p = pair_open();
    int mark = 100, got = 0, set = MUST(epoll_create1(0));
    socklen_t length = sizeof(got);
    struct epoll_event event = {.events = EPOLLIN};

    MUST(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event));
    MUST(setsockopt(p.client, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)));
    MUST(getsockopt(p.client, SOL_SOCKET, SO_RCVLOWAT, &got, &length));
    say("kept %d", got);
    fill(out, 200, 0);
    MUST((int)write(p.server, out, 50));
    pause_ms(30);
    say("50 bytes: poll %d, epoll %d", readable_within(p.client, 50),
        epoll_wait(set, &event, 1, 50));
    say("50 without waiting %s", outcome(recv(p.client, in, 10, MSG_DONTWAIT)));
    MUST((int)write(p.server, out + 50, 70));
    pause_ms(30);
    say("110 bytes: poll %d, epoll %d", readable_within(p.client, 1000),
        epoll_wait(set, &event, 1, 1000));
    say("blocking read %s", outcome(read(p.client, in, 1000)));
    MUST((int)write(p.server, out, 30));
    MUST(shutdown(p.server, SHUT_WR));
    pause_ms(30);
    say("30 and the end: poll %d, epoll %d", readable_within(p.client, 1000),
        epoll_wait(set, &event, 1, 1000));
    say("read %s", outcome(read(p.client, in, 1000)));
    say("read %s", outcome(read(p.client, in, 1000)));
    pair_close(&p);
}

static int write_twice(void *arg)
{
    int fd = *(int *)arg;

    MUST((int)write(fd, out, 40));
    pause_ms(150);
    MUST((int)write(fd, out + 40, 80));
    return 0;
}

/* A blocking read sleeps until the low-water mark is there. */
static void low_water_sleeps(void)
{
    struct pair p = pair_open();
    int mark = 100;

    fill(out, 200, 0);
    MUST(setsockopt(p.client, SOL_SOCKET, SO_RCVLOWAT, &mark, sizeof(mark)));
    pid_t child = start_child(write_twice, &p.server);

    say_of(read(p.client, in, 1000), "read %s, %d", filled(in, 120, 0));
    child_status(child);
    pair_close(&p);
}

/* ---- 11 ---- */

static void bytes_waiting(void)
{
    struct pair p = two_there();
    int n = -1;

    say("FIONREAD %s", outcome(ioctl(p.client, FIONREAD, &n)));
    say("of two records %d", n);
    say("read 5 %s", outcome(read(p.client, in, 5)));
    ioctl(p.client, FIONREAD, &n);
    say("then %d", n);
    say("read 10 %s", outcome(read(p.client, in, 10)));
    ioctl(p.client, FIONREAD, &n);
    say("then %d", n);
    say("read 100 %s", outcome(read(p.client, in, 100)));
    ioctl(p.client, FIONREAD, &n);
    say("then %d, readable %d", n, readable_within(p.client, 0));
    MUST(shutdown(p.server, SHUT_WR));
    readable_within(p.client, 1000);
    ioctl(p.client, FIONREAD, &n);
    say("at the end %d, readable %d, read %s", n, readable_within(p.client, 0),
        outcome(read(p.client, in, 10)));
    n = -1;
    ioctl(p.server, SIOCOUTQ, &n);
    say("SIOCOUTQ %d", n);
    pair_close(&p);
}

const struct contract_case reading_cases[] = {
    {"21 MSG_PEEK", peek},
    {"21 MSG_PEEK over several records", peek_much},
    {"21 MSG_DONTWAIT", dont_wait},
    {"21 MSG_WAITALL", wait_all},
    {"21 MSG_PEEK and MSG_WAITALL", peek_wait_all},
    {"21 MSG_PEEK and MSG_WAITALL over several records", peek_wait_much},
    {"21 MSG_TRUNC", truncate_flag},
    {"21 no byte asked for or given", nothing_asked},
    {"21 flags that mean little to TCP", odd_flags},
    {"21 MSG_OOB", out_of_band},
    {"22 readv and writev of 1024 pieces", vectors_flat},
    {"22 wrong vectors", vector_errors},
    {"22 sendmsg and recvmsg", messages},
    {"22 sendmmsg and recvmmsg", many_messages},
    {"25 SO_RCVTIMEO, half a record in the middle", receive_time_out},
    {"25 SO_SNDTIMEO", send_time_out},
    {"25 SO_RCVLOWAT", low_water},
    {"25 SO_RCVLOWAT and a blocking read", low_water_sleeps},
    {"11 FIONREAD counts plaintext", bytes_waiting},
    {NULL, NULL},
};
