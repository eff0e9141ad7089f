/* epoll: lines 13 and 14. */
#include "contract.h"

#include <sys/ioctl.h>

static int new_set(int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};
    int set = MUST(epoll_create1(EPOLL_CLOEXEC));

    MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    return set;
}

static const char *waited(int set, int ms)
{
    struct epoll_event event = {0};
    int r = epoll_wait(set, &event, 1, ms);

    return r == 1 ? bits(event.events) : outcome(r);
}

static void modify(int set, int fd, unsigned events)
{
    struct epoll_event event = {.events = events, .data.fd = fd};

    say("CTL_MOD %s", outcome(epoll_ctl(set, EPOLL_CTL_MOD, fd, &event)));
}

/* ---- 13: edges ---- */

static unsigned char out[65536], in[65536];

static void two_records(void)
{
    struct relay r = relay_open(0);
    int set = new_set(r.ends.client, EPOLLIN | EPOLLET);

    nonblocking(r.ends.client, true);
    say("before %s", waited(set, 0));
    fill(out, sizeof(out), 0);
    relay_hold(&r);
    MUST((int)write(r.ends.server, out, 10));
    MUST((int)write(r.ends.server, out + 10, 20));
    relay_pass(&r);
    say("woken %s", waited(set, 2000));
    say("read of 10 %s", outcome(read(r.ends.client, in, 10)));
    MUST((int)write(r.ends.server, out + 30, 5));
    say("more has come: woken %s", waited(set, 2000));
    say("read of 100 %s", outcome(read(r.ends.client, in + 10, 100)));
    say("a short read means drained: woken %s", waited(set, 100));
    say("intact %d", filled(in, 35, 0));
    say("then %s", outcome(read(r.ends.client, in, 100)));
    relay_close(&r);
}

static void records_in_a_burst(void)
{
    enum { RECORDS = 40, EACH = 1000 };
    struct relay r = relay_open(0);
    int set = new_set(r.ends.client, EPOLLIN | EPOLLET);

    nonblocking(r.ends.client, true);
    waited(set, 0);
    fill(out, sizeof(out), 0);
    relay_hold(&r);
    for (int i = 0; i < RECORDS; i++)
        MUST((int)write(r.ends.server, out + i * EACH, EACH));
    relay_pass(&r);
    pause_ms(50);
    say("woken %s", waited(set, 2000));
    say("one read %s", outcome(read(r.ends.client, in, sizeof(in))));
    say("intact %d, woken %s", filled(in, RECORDS * EACH, 0), waited(set, 50));
    relay_close(&r);
}

/* FIONREAD after a full read tells what has come; when more can be read than that, it came later,
 * and there is another edge for it: so nginx reads what it passes on. */
static void counted(void)
{
    enum { TOTAL = sizeof(out) - 1000, EACH = 4096 };
    struct relay r = relay_open(0);
    int set = new_set(r.ends.client, EPOLLIN | EPOLLRDHUP | EPOLLET), had = 0, available = -1;
    bool ready = false, woken = true;

    nonblocking(r.ends.client, true);
    fill(out, TOTAL, 0);
    relay_hold(&r);
    MUST((int)write_all(r.ends.server, out, TOTAL));
    relay_pass(&r);
    while (had < TOTAL && woken) {
        ssize_t n;

        if (!ready) {
            woken = strcmp(waited(set, 2000), "0") != 0;
            ready = true;
            available = -1;
        }
        n = read(r.ends.client, in + had, EACH);
        ready = n == EACH;
        had += n > 0 ? (int)n : 0;
        if (!ready)
            continue;
        if (available < 0)
            MUST(ioctl(r.ends.client, FIONREAD, &available));
        else if ((available -= (int)n) < 0)
            ready = false;
    }
    say("woken %d, all %d, intact %d", woken, had == TOTAL, filled(in, (size_t)had, 0));
    relay_close(&r);
}

/* Half a record neither wakes nor spins; the rest wakes. */
static void half(unsigned events)
{
    struct relay r = relay_open(0);
    int set = new_set(r.ends.client, events);

    nonblocking(r.ends.client, true);
    waited(set, 0);
    fill(out, sizeof(out), 0);
    for (int round = 0; round < 3; round++) {
        int64_t began, busy;

        relay_hold(&r);
        MUST((int)write(r.ends.server, out, 1000));
        relay_part(&r, round == 0 ? 3 : 500);
        if (round == 2)
            say("read %s", outcome(read(r.ends.client, in, 1000)));
        began = now_ms();
        busy = cpu_ms();
        say("half: woken %s", waited(set, 300));
        check(now_ms() - began >= 295, "waited only %d ms", (int)(now_ms() - began));
        check(cpu_ms() - busy < 50, "used the processor for %d ms", (int)(cpu_ms() - busy));
        relay_pass(&r);
        say("whole: woken %s", waited(set, 2000));
        say("read %s", outcome(read(r.ends.client, in, 2000)));
        say("intact %d, then woken %s", filled(in, 1000, 0), waited(set, 50));
    }
    relay_close(&r);
}

static void half_edge(void)
{
    half(EPOLLIN | EPOLLET);
}

static void half_level(void)
{
    half(EPOLLIN);
}

static void half_one_shot(void)
{
    struct relay r = relay_open(0);
    int set = new_set(r.ends.client, EPOLLIN | EPOLLONESHOT);

    nonblocking(r.ends.client, true);
    relay_hold(&r);
    fill(out, 1000, 0);
    MUST((int)write(r.ends.server, out, 1000));
    relay_part(&r, 500);
    say("half: woken %s", waited(set, 200));
    relay_pass(&r);
    say("whole: woken %s", waited(set, 2000));
    say("once only: %s", waited(set, 100));
    say("read of 10 %s", outcome(read(r.ends.client, in, 10)));
    say("not yet: %s", waited(set, 100));
    modify(set, r.ends.client, EPOLLIN | EPOLLONESHOT);
    say("armed again, some left: %s", waited(set, 1000));
    say("read %s", outcome(read(r.ends.client, in + 10, 1000)));
    modify(set, r.ends.client, EPOLLIN | EPOLLONESHOT);
    say("drained: %s", waited(set, 100));
    MUST((int)write(r.ends.server, out, 5));
    say("more: %s", waited(set, 1000));
    relay_close(&r);
}

/* A record that the kernel's queue cannot hold: no spin, and everything arrives. */
static void small_buffer(unsigned events, int waiting_by_poll)
{
    struct relay r = relay_open(4096);
    int set = new_set(r.ends.client, events);
    size_t got = 0, total = 3 * 16384;
    int waits = 0;
    int64_t busy = cpu_ms(), began = now_ms();

    nonblocking(r.ends.client, true);
    waited(set, 0);
    fill(out, sizeof(out), 0);
    relay_hold(&r);
    say("written %s", outcome(write_all(r.ends.server, out, total)));
    relay_pass_later(&r, 0);
    while (got < total && waits < 2000) {
        bool here = waiting_by_poll ? readable_within(r.ends.client, 3000)
                                    : strcmp(waited(set, 3000), "0") != 0;
        ssize_t n;

        check(here, "not woken after %zu bytes", got);
        if (!here)
            break;
        waits++;
        while ((n = read(r.ends.client, in + got, sizeof(in) - got)) > 0)
            got += (size_t)n;
    }
    say("got %zu, intact %d", got, filled(in, got, 0));
    check(waits < 200, "%d wake-ups", waits);
    check(cpu_ms() - busy < 300, "used the processor for %d ms of %d", (int)(cpu_ms() - busy),
          (int)(now_ms() - began));
    relay_close(&r);
}

static void small_buffer_edge(void)
{
    small_buffer(EPOLLIN | EPOLLET, 0);
}

static void small_buffer_level(void)
{
    small_buffer(EPOLLIN, 0);
}

static void small_buffer_poll(void)
{
    small_buffer(EPOLLIN, 1);
}

/* Records come byte by byte: as many wake-ups as records, or a few more. */
static void drip(void)
{
    enum { BYTES = 600 };
    struct relay r = relay_open(0);
    int set = new_set(r.ends.client, EPOLLIN);
    int waits = 0;
    size_t got = 0;
    int64_t busy = cpu_ms();

    nonblocking(r.ends.client, true);
    fill(out, BYTES, 0);
    relay_hold(&r);
    for (int i = 0; i < 3; i++)
        MUST((int)write(r.ends.server, out + i * BYTES / 3, BYTES / 3));
    relay_drip(&r, 300);
    while (got < BYTES && strcmp(waited(set, 3000), "0") != 0) {
        ssize_t n = read(r.ends.client, in + got, sizeof(in) - got);

        waits++;
        if (n > 0)
            got += (size_t)n;
    }
    say("got %zu, intact %d", got, filled(in, got, 0));
    check(waits <= BYTES, "%d wake-ups", waits);
    check(cpu_ms() - busy < 200, "used the processor for %d ms", (int)(cpu_ms() - busy));
    relay_close(&r);
}

/* ---- 13: other threads ---- */

static void *wait_in_thread(void *arg)
{
    return (void *)waited(*(int *)arg, 2000);
}

static void left_unread(void)
{
    struct pair p = pair_open();
    int shared = new_set(p.client, EPOLLIN), own = new_set(p.client, EPOLLIN);
    void *said;

    fill(out, 1000, 0);
    MUST((int)write(p.server, out, 1000));
    say("woken %s", waited(shared, 2000));
    say("read of 10 %s", outcome(read(p.client, in, 10)));
    pthread_t other = start_thread(wait_in_thread, &shared);

    pthread_join(other, &said);
    say("a second thread, the same set: %s", (char *)said);
    other = start_thread(wait_in_thread, &own);
    pthread_join(other, &said);
    say("a second thread, its own set: %s", (char *)said);

    int late = new_set(p.client, EPOLLIN | EPOLLET);

    other = start_thread(wait_in_thread, &late);
    pthread_join(other, &said);
    say("an edge-triggered set made now: %s", (char *)said);
    say("the edge is over: %s", waited(late, 50));
    modify(late, p.client, EPOLLIN | EPOLLET);
    say("after CTL_MOD: %s", waited(late, 1000));
    say("the rest %s", outcome(read(p.client, in + 10, 2000)));
    say("intact %d; %s %s %s", filled(in, 1000, 0), waited(shared, 50), waited(own, 50),
        waited(late, 50));
    pair_close(&p);
}

/* Both threads sleep when the record comes; the first to wake leaves some of it. */
static struct {
    int set, fd;
    _Atomic int woken;
} sleepers;

static void *sleeper(void *arg)
{
    struct epoll_event event;
    char byte[10];

    (void)arg;
    for (;;) {
        int r = epoll_wait(sleepers.set, &event, 1, 700);

        if (r != 1)
            return NULL;
        sleepers.woken++;
        ssize_t n = recv(sleepers.fd, byte, sizeof(byte), MSG_DONTWAIT);

        if (n <= 0)
            return NULL;
        /* One that takes a turn stays away, so that the next turn is the other's. */
        pause_ms(30);
    }
}

static void both_asleep(void)
{
    struct pair p = pair_open();
    char byte;

    sleepers.set = new_set(p.client, EPOLLIN);
    sleepers.fd = p.client;
    pthread_t one = start_thread(sleeper, NULL), two = start_thread(sleeper, NULL);

    pause_ms(100);
    fill(out, 100, 0);
    MUST((int)write(p.server, out, 100));
    pthread_join(one, NULL);
    pthread_join(two, NULL);
    check(sleepers.woken >= 10 && sleepers.woken <= 13, "woken %d times", sleepers.woken);
    say("left %s", outcome(recv(p.client, &byte, 1, MSG_DONTWAIT)));
    pair_close(&p);
}

/* ---- 14 ---- */

static void control_errors(void)
{
    struct pair p = pair_open();
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = UINT64_MAX};
    int set = new_set(p.client, EPOLLIN);

    say("ADD again %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event)));
    say("MOD unknown %s", outcome(epoll_ctl(set, EPOLL_CTL_MOD, p.server, &event)));
    say("DEL unknown %s", outcome(epoll_ctl(set, EPOLL_CTL_DEL, p.server, NULL)));
    say("operation 99 %s", outcome(epoll_ctl(set, 99, p.client, &event)));
    say("to itself %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, set, &event)));
    say("not a set %s", outcome(epoll_ctl(p.server, EPOLL_CTL_ADD, p.client, &event)));
    say("bad set %s", outcome(epoll_ctl(-1, EPOLL_CTL_ADD, p.client, &event)));
    say("MOD without event %s", outcome(epoll_ctl(set, EPOLL_CTL_MOD, p.client, NULL)));
    MUST((int)write(p.server, "x", 1));
    say("after all that %s", waited(set, 1000));
    say("DEL %s", outcome(epoll_ctl(set, EPOLL_CTL_DEL, p.client, NULL)));
    say("after DEL %s", waited(set, 50));
    say("DEL again %s", outcome(epoll_ctl(set, EPOLL_CTL_DEL, p.client, NULL)));
    say("ADD %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event)));
    event = (struct epoll_event){0};
    say("wait %s", outcome(epoll_wait(set, &event, 1, 1000)));
    say("data intact %d", event.data.u64 == UINT64_MAX);
    pair_close(&p);
}

static void exclusive(void)
{
    struct pair p = pair_open();
    int set = new_set(p.client, EPOLLIN | EPOLLEXCLUSIVE);
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE};
    char byte;

    MUST((int)write(p.server, "ab", 2));
    say("woken %s", waited(set, 1000));
    say_of(read(p.client, &byte, 1), "read %s, woken %s", waited(set, 1000));
    say("MOD %s", outcome(epoll_ctl(set, EPOLL_CTL_MOD, p.client, &event)));
    event.events = EPOLLIN;
    say("MOD without it %s", outcome(epoll_ctl(set, EPOLL_CTL_MOD, p.client, &event)));
    event.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT;
    say("DEL %s", outcome(epoll_ctl(set, EPOLL_CTL_DEL, p.client, NULL)));
    say("ADD one-shot %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event)));
    pair_close(&p);
}

static void exclusive_listener(void)
{
    int listening = listener(PORT_DIRECT), first = new_set(listening, EPOLLIN | EPOLLEXCLUSIVE),
        second = new_set(listening, EPOLLIN | EPOLLEXCLUSIVE);
    struct pair p = {.client = connect_to(PORT_DIRECT)};

    say("%s %s", waited(first, 1000), waited(second, 1000));
    p.server = accept_from(listening);
    say_hello(&p);
    say("accepted: %s %s", waited(first, 50), waited(second, 50));
    pair_close(&p);
}

static void duplicates(void)
{
    struct pair p = pair_open();
    int copy = MUST(dup(p.client)), set = MUST(epoll_create1(0)), r, sum = 0;
    struct epoll_event events[4], event = {.events = EPOLLIN, .data.u32 = 1};
    char byte[10];

    MUST(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event));
    event.data.u32 = 2;
    say("both numbers in one set %s", outcome(epoll_ctl(set, EPOLL_CTL_ADD, copy, &event)));
    MUST((int)write(p.server, "abc", 3));
    readable_within(p.client, 1000);
    r = epoll_wait(set, events, 4, 1000);
    for (int i = 0; i < r; i++)
        sum += (int)events[i].data.u32;
    say("woken %d, sum %d", r, sum);
    say("DEL one %s", outcome(epoll_ctl(set, EPOLL_CTL_DEL, copy, NULL)));
    r = epoll_wait(set, events, 4, 1000);
    say("woken %d, %d", r, r > 0 ? (int)events[0].data.u32 : 0);
    /* The file behind a closed number lives on in the set while the copy does. */
    close(p.client);
    r = epoll_wait(set, events, 4, 200);
    say("number closed: woken %d, %d", r, r > 0 ? (int)events[0].data.u32 : 0);
    say("read through the copy %s", outcome(read(copy, byte, sizeof(byte))));
    say("drained %s", outcome(epoll_wait(set, events, 4, 50)));
    close(copy);
    MUST((int)write(p.server, "abc", 3));
    say("all closed %s", outcome(epoll_wait(set, events, 4, 50)));
}

/* OUT as an edge: once at first, again when room has come. */
static void out_edges(void)
{
    struct pair p = pair_open();
    int set = new_set(p.client, EPOLLOUT | EPOLLET);
    size_t written = 0, got = 0;
    ssize_t n;

    nonblocking(p.client, true);
    nonblocking(p.server, true);
    say("at first %s", waited(set, 1000));
    say("no second time %s", waited(set, 50));
    while ((n = write(p.client, out, sizeof(out))) > 0)
        written += (size_t)n;
    say_of(n, "full %s, woken %s", waited(set, 50));
    for (int i = 0; i < 200 && got < written; i++) {
        while ((n = read(p.server, in, sizeof(in))) > 0)
            got += (size_t)n;
        readable_within(p.server, 10);
    }
    say("all read %d", got == written);
    say("room: woken %s", waited(set, 1000));
    n = write(p.client, out, 10);
    say("write %s", outcome(n));
    pair_close(&p);
}

/* A set shared with a forked child: it waits there, and gets its own data. */
static int shared_set_child(void *arg)
{
    int *fds = arg;
    char byte[3];

    say("child: %s", waited(fds[0], 2000));
    say("child reads %s", outcome(read(fds[1], byte, 3)));
    say("child: %s", waited(fds[0], 50));
    fflush(stdout);
    return 0;
}

static void shared_set(void)
{
    struct pair p = pair_open();
    int fds[2] = {new_set(p.client, EPOLLIN), p.client};

    MUST((int)write(p.server, "abc", 3));
    say("parent: %s", waited(fds[0], 1000));
    say("status %d", child_status(start_child(shared_set_child, fds)));
    say("parent: %s", waited(fds[0], 50));
    MUST((int)write(p.server, "d", 1));
    say("parent: %s", waited(fds[0], 1000));
    pair_close(&p);
}

/* Half close and the end, by epoll. */
static void ends(unsigned flags)
{
    struct pair p = pair_open();
    int set = new_set(p.client, EPOLLIN | EPOLLOUT | EPOLLRDHUP | flags);
    char byte[8];

    say("at first %s", waited(set, 1000));
    MUST(shutdown(p.server, SHUT_WR));
    pause_ms(50);
    say("peer ended %s", waited(set, 1000));
    say_of(read(p.client, byte, 8), "read %s, then %s", waited(set, 50));
    MUST(shutdown(p.client, SHUT_WR));
    pause_ms(50);
    say("both ended %s", waited(set, 1000));
    pair_close(&p);
}

static void ends_level(void)
{
    ends(0);
}

static void ends_edge(void)
{
    ends(EPOLLET);
}

const struct contract_case epoll_cases[] = {
    {"13 edge: two records in one segment lose no wake-up", two_records},
    {"13 edge: forty records, one wake-up and one read", records_in_a_burst},
    {"13 edge: more can be read than FIONREAD told", counted},
    {"13 edge: half a record neither wakes nor spins", half_edge},
    {"13 level: half a record neither wakes nor spins", half_level},
    {"13 one-shot: half a record does not use it up", half_one_shot},
    {"13 edge: records larger than SO_RCVBUF", small_buffer_edge},
    {"13 level: records larger than SO_RCVBUF", small_buffer_level},
    {"13 poll: records larger than SO_RCVBUF", small_buffer_poll},
    {"13 level: records that come byte by byte", drip},
    {"13 a second thread wakes for what the first left unread", left_unread},
    {"13 two threads asleep in one set", both_asleep},
    {"14 epoll_ctl: every operation and error", control_errors},
    {"14 EPOLLEXCLUSIVE", exclusive},
    {"14 EPOLLEXCLUSIVE on a listener", exclusive_listener},
    {"14 dup'ed descriptors in a set", duplicates},
    {"14 edges of EPOLLOUT", out_edges},
    {"14 a set shared with a forked child", shared_set},
    {"14 level: half close and end", ends_level},
    {"14 edge: half close and end", ends_edge},
    {NULL, NULL},
};
