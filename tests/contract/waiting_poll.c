/* poll, ppoll, select, pselect: lines 12, 15, 16. */
#include "contract.h"

#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>

enum { RECORD = 16384 };

/* ---- 12: a record read byte by byte; each way of waiting says readable until it is drained ----
 */

typedef bool ready_f(int fd, int ms);

static bool by_poll(int fd, int ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN};
    int r = poll(&entry, 1, ms);

    check(r == 0 || (r == 1 && entry.revents == POLLIN), "%s %s", outcome(r),
          bits((unsigned)entry.revents));
    return r == 1;
}

static bool by_ppoll(int fd, int ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLRDNORM};
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    int r = ppoll(&entry, 1, &t, NULL);

    check(r == 0 || entry.revents == (POLLIN | POLLRDNORM), "%s %s", outcome(r),
          bits((unsigned)entry.revents));
    return r == 1;
}

static bool by_select(int fd, int ms)
{
    struct timeval t = {ms / 1000, ms % 1000 * 1000};
    fd_set in;

    FD_ZERO(&in);
    FD_SET(fd, &in);
    int r = select(fd + 1, &in, NULL, NULL, &t);

    check(r == (FD_ISSET(fd, &in) ? 1 : 0), "%s", outcome(r));
    return r == 1;
}

static bool by_pselect(int fd, int ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};
    fd_set in;

    FD_ZERO(&in);
    FD_SET(fd, &in);
    return pselect(fd + 1, &in, NULL, NULL, &t, NULL) == 1;
}

static int set = -1;

static bool by_epoll(int fd, int ms)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1122334455667788};

    if (set < 0) {
        set = MUST(epoll_create1(0));
        MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    }
    event.data.u64 = 0;
    int r = epoll_wait(set, &event, 1, ms);

    check(r == 0 || (event.events == EPOLLIN && event.data.u64 == 0x1122334455667788), "%s %s",
          outcome(r), bits(event.events));
    return r == 1;
}

static bool by_epoll_pwait2(int fd, int ms)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    struct timespec t = {ms / 1000, ms % 1000 * 1000000L};

    if (set < 0) {
        set = MUST(epoll_create1(0));
        MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    }
    return epoll_pwait2(set, &event, 1, &t, NULL) == 1;
}

static bool by_nested_epoll(int fd, int ms)
{
    static int outer = -1;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (set < 0) {
        set = MUST(epoll_create1(0));
        outer = MUST(epoll_create1(0));
        MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
        MUST(epoll_ctl(outer, EPOLL_CTL_ADD, set, &event));
    }
    return epoll_wait(outer, &event, 1, ms) == 1;
}

static bool by_poll_on_epoll(int fd, int ms)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (set < 0) {
        set = MUST(epoll_create1(0));
        MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    }
    return readable_within(set, ms);
}

/* Another process that has the descriptor, and takes nothing: the kernel alone tells it. */
static struct {
    int fd, ask, reply, parents_end;
} sibling = {-1, -1, -1, -1};

static int sibling_main(void *arg)
{
    int ms;

    (void)arg;
    close(sibling.parents_end);
    while (read(sibling.ask, &ms, sizeof(ms)) == sizeof(ms)) {
        char r = (char)readable_within(sibling.fd, ms);

        MUST((int)write(sibling.reply, &r, 1));
    }
    return 0;
}

static bool by_sibling(int fd, int ms)
{
    int ask[2], reply[2];
    char r = 0;

    if (sibling.fd < 0) {
        MUST(pipe(ask));
        MUST(pipe(reply));
        sibling.fd = fd;
        sibling.ask = ask[0];
        sibling.reply = reply[1];
        sibling.parents_end = ask[1];
        start_child(sibling_main, NULL);
        sibling.ask = ask[1];
        sibling.reply = reply[0];
    }
    MUST((int)write(sibling.ask, &ms, sizeof(ms)));
    MUST((int)read(sibling.reply, &r, 1));
    return r == 1;
}

static void byte_by_byte(ready_f *ready, size_t records)
{
    static unsigned char sent[3 * RECORD], got[3 * RECORD];
    struct pair p = pair_open();
    size_t total = records * RECORD, n = 0;

    fill(sent, total, 0);
    check(!ready(p.client, 0), "readable before anything was written");
    say("written %s", outcome(write_all(p.server, sent, total)));
    while (n < total) {
        bool here = ready(p.client, 2000);

        check(here, "not readable after %zu bytes", n);
        if (!here || read(p.client, got + n, 1) != 1)
            break;
        n++;
    }
    say("read %zu, intact %d, readable afterwards %d", n, filled(got, n, 0), ready(p.client, 0));
    say("without waiting %s", outcome(recv(p.client, got, 1, MSG_DONTWAIT)));
    pair_close(&p);
}

#define BYTE_BY_BYTE(name, way, records)                                                           \
    static void name(void)                                                                         \
    {                                                                                              \
        byte_by_byte(way, records);                                                                \
    }
BYTE_BY_BYTE(bytes_poll, by_poll, 1)
BYTE_BY_BYTE(bytes_ppoll, by_ppoll, 1)
BYTE_BY_BYTE(bytes_select, by_select, 1)
BYTE_BY_BYTE(bytes_pselect, by_pselect, 1)
BYTE_BY_BYTE(bytes_epoll, by_epoll, 3)
BYTE_BY_BYTE(bytes_epoll_pwait2, by_epoll_pwait2, 1)
BYTE_BY_BYTE(bytes_nested, by_nested_epoll, 1)
BYTE_BY_BYTE(bytes_poll_on_epoll, by_poll_on_epoll, 1)
BYTE_BY_BYTE(bytes_sibling, by_sibling, 1)

/* ---- 12: what all bits say, from connecting to the end ---- */

static const char *all_bits(int fd)
{
    struct pollfd entry = {.fd = fd,
                           .events = POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM |
                                     POLLWRNORM | POLLRDBAND | POLLWRBAND};

    poll(&entry, 1, 0);
    return bits((unsigned)entry.revents);
}

static void life(void)
{
    struct pair p = pair_open();
    char byte[8];

    say("idle %s", all_bits(p.client));
    MUST((int)write(p.server, "abc", 3));
    readable_within(p.client, 2000);
    say("data %s", all_bits(p.client));
    say("read %s", outcome(read(p.client, byte, 2)));
    say("some left %s", all_bits(p.client));
    say("read %s", outcome(read(p.client, byte, 2)));
    say("drained %s", all_bits(p.client));
    MUST((int)write(p.server, "d", 1));
    MUST(shutdown(p.server, SHUT_WR));
    pause_ms(50);
    say("data and end %s", all_bits(p.client));
    say("read %s", outcome(read(p.client, byte, 8)));
    say("end %s", all_bits(p.client));
    say("read %s", outcome(read(p.client, byte, 8)));
    say("end again %s", all_bits(p.client));
    say("server %s", all_bits(p.server));
    MUST(shutdown(p.client, SHUT_WR));
    pause_ms(50);
    say("both ended %s, %s", all_bits(p.client), all_bits(p.server));
    say("read %s", outcome(read(p.server, byte, 8)));
    pair_close(&p);
}

static void many(void)
{
    enum { COUNT = 150 };
    struct pair p[COUNT];
    struct pollfd entries[COUNT];
    int ready = 0;

    for (int i = 0; i < COUNT; i++)
        p[i] = pair_open();
    for (int i = 0; i < COUNT; i++)
        entries[i] = (struct pollfd){.fd = i % 10 == 3 ? -1 : p[i].client, .events = POLLIN};
    for (int i = 0; i < COUNT; i += 7)
        MUST((int)write(p[i].server, "x", 1));
    pause_ms(50);
    say("poll %s", outcome(poll(entries, COUNT, 1000)));
    for (int i = 0; i < COUNT; i++)
        if (entries[i].revents != 0)
            ready = ready * 31 + i;
    say("which %d", ready);
    close(p[7].client);
    say("one closed: %s", outcome(poll(entries, COUNT, 1000)));
    say("it says %s", bits((unsigned)entries[7].revents));
}

/* ---- 15 ---- */

static void masks(bool selects)
{
    struct pair p = pair_open();
    struct pollfd entry = {.fd = p.client, .events = POLLIN};
    struct timespec t = {2, 0};
    sigset_t blocked, open_mask;
    fd_set in;

    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    catch (SIGUSR1, SA_RESTART);
    raise(SIGUSR1);
    int64_t began = now_ms();

    FD_ZERO(&in);
    FD_SET(p.client, &in);
    int r = selects ? pselect(p.client + 1, &in, NULL, NULL, &t, &open_mask)
                    : ppoll(&entry, 1, &t, &open_mask);

    say_of(r, "pending signal let in: %s, caught %d, at once %d", caught, now_ms() - began < 500);
    raise(SIGUSR1);
    t.tv_sec = 0;
    t.tv_nsec = 50000000;
    FD_SET(p.client, &in);
    r = selects ? pselect(p.client + 1, &in, NULL, NULL, &t, &blocked)
                : ppoll(&entry, 1, &t, &blocked);
    say("kept out: %s, caught %d", outcome(r), caught);
    /* With data there, the mask of the call is not kept on. */
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    MUST((int)write(p.server, "x", 1));
    pause_ms(20);
    FD_SET(p.client, &in);
    r = selects ? pselect(p.client + 1, &in, NULL, NULL, &t, &open_mask)
                : ppoll(&entry, 1, &t, &open_mask);
    say("with data: %s, caught %d", outcome(r), caught);
    sigprocmask(SIG_BLOCK, NULL, &open_mask);
    say("blocked afterwards %d", sigismember(&open_mask, SIGUSR1));
    pair_close(&p);
}

static void masks_ppoll(void)
{
    masks(false);
}

static void masks_pselect(void)
{
    masks(true);
}

static void masks_epoll(void)
{
    struct pair p = pair_open();
    struct epoll_event event = {.events = EPOLLIN};
    sigset_t blocked, open_mask;

    set = MUST(epoll_create1(0));
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event));
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    sigprocmask(SIG_BLOCK, &blocked, &open_mask);
    catch (SIGUSR1, SA_RESTART);
    raise(SIGUSR1);
    say("pending signal let in: %s", outcome(epoll_pwait(set, &event, 1, 2000, &open_mask)));
    say("caught %d", caught);
    raise(SIGUSR1);
    say("kept out: %s", outcome(epoll_pwait(set, &event, 1, 50, &blocked)));
    MUST((int)write(p.server, "x", 1));
    pause_ms(20);
    say("with data: %s", outcome(epoll_pwait(set, &event, 1, 50, &open_mask)));
    say("caught %d", caught);
    pair_close(&p);
}

/* Half a record comes in the middle of the wait: the end of the wait stays where it was. */
static void timeouts(void)
{
    enum { WAIT = 400 };
    struct relay r = relay_open(0);
    unsigned char record[1000];
    struct epoll_event event = {.events = EPOLLIN};

    set = MUST(epoll_create1(0));
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, r.ends.client, &event));
    fill(record, sizeof(record), 0);
    relay_hold(&r);
    MUST((int)write(r.ends.server, record, sizeof(record)));
    for (int way = 0; way < 4; way++) {
        struct timeval left = {0, WAIT * 1000};
        int64_t began, took;
        int got = -1;
        fd_set in;

        FD_ZERO(&in);
        FD_SET(r.ends.client, &in);
        relay_part(&r, 100 + (size_t)way);
        began = now_ms();
        if (way == 0)
            got = readable_within(r.ends.client, WAIT);
        else if (way == 1)
            got = select(r.ends.client + 1, &in, NULL, NULL, &left);
        else if (way == 2)
            got = epoll_wait(set, &event, 1, WAIT);
        else
            got = by_ppoll(r.ends.client, WAIT);
        took = now_ms() - began;
        check(took >= WAIT - 5 && took < WAIT + 150, "waited %d ms", (int)took);
        say("way %d: %d", way, got);
        if (way == 1)
            say("left %d, set %d", left.tv_sec == 0 && left.tv_usec == 0,
                FD_ISSET(r.ends.client, &in) != 0);
    }
    relay_pass(&r);
    say("whole: %d", readable_within(r.ends.client, 2000));
    say("read %s", outcome(read(r.ends.client, record, sizeof(record))));
    relay_close(&r);
}

/* select leaves in its timeout what it did not wait. */
static void time_left(void)
{
    struct relay r = relay_open(0);
    struct timeval left = {2, 0};
    char byte;
    fd_set in;

    relay_hold(&r);
    MUST((int)write(r.ends.server, "x", 1));
    relay_pass_later(&r, 300);
    FD_ZERO(&in);
    FD_SET(r.ends.client, &in);
    say("select %s", outcome(select(r.ends.client + 1, &in, NULL, NULL, &left)));
    int ms = (int)(left.tv_sec * 1000 + left.tv_usec / 1000);

    check(ms > 1500 && ms <= 1710, "left %d ms", ms);
    say("read %s", outcome(read(r.ends.client, &byte, 1)));
    relay_close(&r);
}

static void bad_arguments(void)
{
    struct pair p = pair_open();
    struct pollfd entry = {.fd = p.client, .events = POLLIN};
    struct timespec bad = {0, 2000000000}, negative = {-1, 0};
    struct timeval bad_usec = {0, 2000000}, negative_usec = {0, -1};
    struct epoll_event event = {.events = EPOLLIN};
    fd_set in;

    FD_ZERO(&in);
    FD_SET(p.client, &in);
    say("ppoll %s", outcome(ppoll(&entry, 1, &bad, NULL)));
    say("ppoll negative %s", outcome(ppoll(&entry, 1, &negative, NULL)));
    say("pselect %s", outcome(pselect(p.client + 1, &in, NULL, NULL, &bad, NULL)));
    say("select negative %s", outcome(select(p.client + 1, &in, NULL, NULL, &negative_usec)));
    MUST((int)write(p.server, "x", 1));
    FD_SET(p.client, &in);
    say("select over a second %s", outcome(select(p.client + 1, &in, NULL, NULL, &bad_usec)));
    say("select count %s", outcome(select(-1, &in, NULL, NULL, NULL)));
    say("poll none %s", outcome(poll(NULL, 0, 10)));
    close(p.client);
    FD_SET(p.client, &in);
    say_of(poll(&entry, 1, 100), "poll closed %s %s", bits((unsigned)entry.revents));
    say("select closed %s", outcome(select(p.client + 1, &in, NULL, NULL, &bad_usec)));
    set = MUST(epoll_create1(0));
    say("epoll_ctl closed %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event)));
    say("epoll_wait none %s", outcome(epoll_wait(set, &event, 0, 10)));
    say("epoll_wait not a set %s", outcome(epoll_wait(p.server, &event, 1, 10)));
    bad.tv_nsec = 2000000000;
    say("epoll_pwait2 %s", outcome(epoll_pwait2(set, &event, 1, &bad, NULL)));
}

/* ---- 16 ---- */

static void high_select(void)
{
    enum { HIGH = 1900, WORDS = 2048 / 64 };
    struct rlimit limit = {4096, 4096};
    struct pair p = pair_open();
    unsigned long in[WORDS] = {0}, out[WORDS] = {0};
    struct timeval t = {0, 50000};
    char byte;

    MUST(setrlimit(RLIMIT_NOFILE, &limit));
    int high = MUST(dup2(p.client, HIGH));

    close(p.client);
    in[HIGH / 64] = out[HIGH / 64] = 1ul << HIGH % 64;
    say("idle %s", outcome(select(high + 1, (fd_set *)in, (fd_set *)out, NULL, &t)));
    say("in %d, out %d", in[HIGH / 64] != 0, out[HIGH / 64] != 0);
    MUST((int)write(p.server, "x", 1));
    in[HIGH / 64] = 1ul << HIGH % 64;
    say("data %s", outcome(select(high + 1, (fd_set *)in, NULL, NULL, NULL)));
    say("in %d, read %s", in[HIGH / 64] != 0, outcome(read(high, &byte, 1)));
    t.tv_usec = 20000;
    say("drained %s", outcome(select(high + 1, (fd_set *)in, NULL, NULL, &t)));
}

/* A program that has forbidden itself new descriptors (vsftpd): poll refuses its call, reading,
 * writing and select go on. */
static int without_descriptors(void *arg)
{
    struct pair *p = arg;
    struct rlimit none = {0, 0};
    struct timeval second = {1, 0};
    struct pollfd entry = {.fd = p->client, .events = POLLIN};
    char buffer[100];
    fd_set wanted;

    MUST(setrlimit(RLIMIT_NOFILE, &none));
    FD_ZERO(&wanted);
    FD_SET(p->client, &wanted);
    say("read %s", outcome(read(p->client, buffer, sizeof(buffer))));
    say("write %s", outcome(write(p->client, "abc", 3)));
    say("select %s", outcome(select(p->client + 1, &wanted, NULL, NULL, &second)));
    say("read %s", outcome(read(p->client, buffer, sizeof(buffer))));
    say("poll %s", outcome(poll(&entry, 1, 0)));
    return 0;
}

static void limit_of_descriptors(void)
{
    struct pair p = pair_open();
    char buffer[100];
    pid_t child = start_child(without_descriptors, &p);

    pause_ms(100); /* so that the child's reads wait */
    check(write(p.server, "0123456789", 10) == 10, "%s", strerror(errno));
    check(read(p.server, buffer, sizeof(buffer)) == 3, "%s", strerror(errno));
    pause_ms(100);
    check(write(p.server, "01234", 5) == 5, "%s", strerror(errno));
    say("child %d", child_status(child));
    pair_close(&p);
}

const struct contract_case poll_cases[] = {
    {"12 byte by byte: poll", bytes_poll},
    {"12 byte by byte: ppoll", bytes_ppoll},
    {"12 byte by byte: select", bytes_select},
    {"12 byte by byte: pselect", bytes_pselect},
    {"12 byte by byte: level-triggered epoll, three records", bytes_epoll},
    {"12 byte by byte: epoll_pwait2", bytes_epoll_pwait2},
    {"12 byte by byte: epoll in epoll", bytes_nested},
    {"12 byte by byte: poll on an epoll set", bytes_poll_on_epoll},
    {"12 byte by byte: poll in a forked process", bytes_sibling},
    {"12 every bit of poll, from idle to ended", life},
    {"12 poll on 150 connections", many},
    {"15 ppoll applies its mask atomically", masks_ppoll},
    {"15 pselect applies its mask atomically", masks_pselect},
    {"15 epoll_pwait applies its mask atomically", masks_epoll},
    {"15 half a record does not lengthen a wait", timeouts},
    {"15 select says what was not waited", time_left},
    {"15 wrong arguments", bad_arguments},
    {"16 select beyond FD_SETSIZE", high_select},
    {"16 a limit of no descriptors", limit_of_descriptors},
    {NULL, NULL},
};
