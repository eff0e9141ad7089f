/* Sequences from seeds. */
#include "model.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* What can be left out (MODEL_WITHOUT) or put in (MODEL_WITH), by name. */
enum {
    WITH_EMPTY,      /* reads and writes of no bytes */
    WITH_SHUT_READ,  /* SHUT_RD and SHUT_RDWR */
    WITH_FORK,       /* a child process */
    WITH_CLOSE,      /* close, and dup2 over an open descriptor, before the end */
    WITH_EPOLL,      /* epoll sets that last */
    WITH_EPOLL_FORK, /* the same in sequences that fork */
    WITH_LOW_WATER,  /* SO_RCVLOWAT */
    WITH_SMALL,      /* small buffers */
    WITH_COLD,       /* the first operation meets a handshake that is not over */
    WITH_SIGNALS,
    WITH_MMSG,     /* recvmmsg */
    WITH_PEEK_ALL, /* MSG_PEEK with MSG_WAITALL */
    WITH_LINGER,   /* SO_LINGER of no time */
    WITH_MIXED,    /* many descriptors at once */
    WITH_CONNECTS, /* connections of an operation's own */
    FEATURES
};

static const char *const names_of[FEATURES] = {
    [WITH_EMPTY] = "empty",         [WITH_SHUT_READ] = "shut-read",
    [WITH_FORK] = "fork",           [WITH_CLOSE] = "close",
    [WITH_EPOLL] = "epoll",         [WITH_EPOLL_FORK] = "epoll-fork",
    [WITH_LOW_WATER] = "low-water", [WITH_SMALL] = "small",
    [WITH_COLD] = "cold",           [WITH_SIGNALS] = "signals",
    [WITH_MMSG] = "mmsg",           [WITH_PEEK_ALL] = "peek-all",
    [WITH_LINGER] = "linger",       [WITH_MIXED] = "mixed",
    [WITH_CONNECTS] = "connects",
};
/* By default: there the model's own settling is too slow. */
static bool left_out[FEATURES] = {[WITH_SMALL] = true};

bool generator_choose(const char *names, bool in)
{
    char copy[LINE], *state;
    bool all = strcmp(names, "all") == 0;

    snprintf(copy, sizeof(copy), "%s", names);
    for (int i = 0; all && i < FEATURES; i++)
        left_out[i] = !in;
    for (char *name = strtok_r(copy, ", ", &state); name && !all;
         name = strtok_r(NULL, ", ", &state)) {
        int i = 0;

        while (i < FEATURES && strcmp(names_of[i], name) != 0)
            i++;
        if (i == FEATURES)
            return false;
        left_out[i] = !in;
    }
    return true;
}

static bool without(int feature)
{
    return left_out[feature];
}

/* ---- chance ---- */

static uint64_t chance_state; /* splitmix64 */

static uint64_t next(void)
{
    uint64_t z = chance_state += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

static uint32_t below(uint32_t n)
{
    return (uint32_t)(next() >> 33) % n;
}

static bool one_in(uint32_t n)
{
    return below(n) == 0;
}

static uint32_t pick(const uint32_t *from, size_t n)
{
    return from[below((uint32_t)n)];
}
#define PICK(array) pick(array, sizeof(array) / sizeof((array)[0]))

static uint32_t size(void)
{
    static const uint32_t edges[] = {1, 2, 255, 1024, 4096, 16383, 16384, 16385, 20000, 32768};

    if (!without(WITH_EMPTY) && one_in(25))
        return 0;
    return one_in(4) ? PICK(edges) : 1 + below(one_in(3) ? 9000 : 300);
}

/* ---- one operation ---- */

static const uint32_t send_flags[] = {
    0, 0, 0, 0, MSG_NOSIGNAL, MSG_DONTWAIT, MSG_EOR, MSG_DONTWAIT | MSG_NOSIGNAL, MSG_MORE};
static const uint32_t recv_flags[] = {0,
                                      0,
                                      0,
                                      MSG_DONTWAIT,
                                      MSG_DONTWAIT,
                                      MSG_PEEK,
                                      MSG_PEEK,
                                      MSG_PEEK | MSG_DONTWAIT,
                                      MSG_WAITALL,
                                      MSG_TRUNC,
                                      MSG_WAITALL | MSG_DONTWAIT,
                                      MSG_PEEK | MSG_WAITALL,
                                      MSG_PEEK | MSG_TRUNC,
                                      MSG_TRUNC | MSG_DONTWAIT};
static const uint32_t masks[] = {POLLIN,
                                 POLLOUT,
                                 POLLIN | POLLOUT,
                                 POLLIN | POLLRDHUP,
                                 POLLIN | POLLOUT | POLLRDHUP | POLLPRI,
                                 POLLRDNORM,
                                 POLLRDHUP,
                                 0};
static const uint32_t epoll_masks[] = {EPOLLIN,
                                       EPOLLOUT,
                                       EPOLLIN | EPOLLOUT,
                                       EPOLLIN | EPOLLRDHUP,
                                       EPOLLIN | EPOLLET,
                                       EPOLLIN | EPOLLOUT | EPOLLET,
                                       EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                       EPOLLIN | EPOLLONESHOT,
                                       EPOLLIN | EPOLLOUT | EPOLLONESHOT,
                                       EPOLLIN | EPOLLRDHUP | EPOLLET | EPOLLONESHOT,
                                       EPOLLIN | EPOLLEXCLUSIVE,
                                       EPOLLIN | EPOLLOUT | EPOLLET | EPOLLEXCLUSIVE};

/* A stated difference: a peek sees one slab's worth of records at most. */
enum { PEEK_MOST = 7000 };

static uint32_t parts(void)
{
    return one_in(40) ? 1 + below(1024) : 1 + below(5);
}

static void make_recv(struct operation *o)
{
    o->arg[1] = below(without(WITH_MMSG) ? BY_RECVMMSG : RECV_STYLES);
    o->arg[2] = size();
    o->arg[3] = PICK(recv_flags);
    o->arg[4] = parts();
    if (o->arg[3] & MSG_PEEK && o->arg[2] > PEEK_MOST)
        o->arg[2] = PEEK_MOST;
    if (without(WITH_PEEK_ALL) && o->arg[3] == (MSG_PEEK | MSG_WAITALL))
        o->arg[3] = MSG_PEEK;
    if (o->arg[1] == BY_RECVMMSG)
        o->arg[3] &= ~(uint32_t)(MSG_PEEK | MSG_WAITALL | MSG_TRUNC);
}

static void make_led(struct operation *o)
{
    static const uint32_t waiting_flags[] = {0, 0, MSG_WAITALL, MSG_PEEK, MSG_TRUNC};

    switch (o->kind) {
    case READ_WAITS:
        make_recv(o);
        o->arg[3] = PICK(waiting_flags);
        o->arg[2] = 1 + below(one_in(8) ? 8000 : 500);
        if (o->arg[1] == BY_RECVMMSG)
            o->arg[3] = 0;
        o->arg[5] = one_in(3) ? ACTOR_CHILD : ACTOR_MAIN;
        break;
    case POLL_WAITS:
        o->arg[1] = below(WAIT_STYLES);
        o->arg[2] = one_in(6) ? 0 : 1 + below(500);
        o->arg[3] = one_in(3) ? ACTOR_CHILD : ACTOR_MAIN;
        break;
    case SIGNALLED:
        o->arg[1] = below(BY_RECVMMSG);
        o->arg[2] = 1 + below(100);
        o->arg[3] = below(2);
        break;
    case BULK:
        o->arg[1] = 1 + below(one_in(4) ? 600000 : 90000);
        o->arg[2] = below(SEND_STYLES);
        o->arg[3] = below(BY_RECVMMSG);
        o->arg[4] = 500 + below(30000);
        o->arg[5] = one_in(3) ? ACTOR_CHILD : 2;
        o->arg[6] = below(2);
        break;
    case DUPLEX:
        o->arg[0] = 1 + below(200000);
        o->arg[1] = 500 + below(20000);
        o->arg[2] = 500 + below(20000);
        o->arg[3] = below(2);
        break;
    case FILL:
        o->arg[1] = below(BY_SENDFILE);
        o->arg[2] = 1000 + below(60000);
        o->arg[3] = one_in(3) ? ACTOR_CHILD : 2;
        o->arg[4] = one_in(4) ? 5 : 0;
        break;
    case SHUT_WAKES:
        o->arg[1] = below(WAIT_STYLES);
        o->arg[2] = one_in(2) ? SHUT_RD : SHUT_RDWR;
        o->arg[3] = below(2);
        break;
    }
}

static void make_plain(struct operation *o)
{
    static const uint32_t low_waters[] = {0, 1, 1, 10, 100, 5000};
    static const uint32_t most[] = {1, 8, 8, 8};

    switch (o->kind) {
    case SEND:
        o->arg[1] = below(SEND_STYLES);
        o->arg[2] = size();
        o->arg[3] = PICK(send_flags);
        o->arg[4] = parts();
        break;
    case RECV:
        make_recv(o);
        break;
    case STATED:
        o->arg[1] = below(3);
        break;
    case POLL:
        o->arg[1] = PICK(masks);
        o->arg[2] = below(SLOTS);
        o->arg[3] = PICK(masks);
        o->arg[4] = one_in(30);
        break;
    case SELECT:
        o->arg[1] = PICK(masks) & (POLLIN | POLLOUT | POLLPRI);
        o->arg[2] = one_in(30);
        break;
    case EPOLL_ADD:
    case EPOLL_MOD:
    case EPOLL_DEL:
        o->arg[1] = o->arg[0];
        o->arg[0] = below(EPOLLS);
        o->arg[2] = o->kind != EPOLL_DEL ? PICK(epoll_masks) : 0;
        break;
    case EPOLL_WAIT:
        o->arg[0] = below(EPOLLS);
        o->arg[1] = PICK(most);
        break;
    case SHUTDOWN:
        o->arg[1] = without(WITH_SHUT_READ) || !one_in(4) ? SHUT_WR
                    : one_in(2)                           ? SHUT_RD
                                                          : SHUT_RDWR;
        break;
    case DUP:
        o->arg[1] = below(without(WITH_CLOSE) ? BY_DUP2_OVER : DUP_STYLES);
        o->arg[2] = below(SLOTS);
        break;
    case NONBLOCK:
        o->arg[1] = below(2);
        o->arg[2] = below(2);
        break;
    case LOW_WATER:
        o->arg[1] = PICK(low_waters);
        break;
    case RECEIVE_TIMEOUT:
        o->arg[1] = one_in(2) ? 1 : 0;
        break;
    case MIXED_WAIT:
        o->arg[1] = below(BY_EPOLL_NESTED);
        o->arg[2] = below(1 << 12);
        o->arg[3] = below(1 << 14);
        break;
    case MASKED_WAIT:
        o->arg[1] = below(BY_EPOLL_EDGE);
        o->arg[2] = below(2);
        break;
    case CONNECTS:
        o->arg[0] = one_in(2) ? 0 : 1 + below(4);
        o->arg[1] = below(BY_EPOLL_ONESHOT);
        o->arg[2] = below(2);
        o->arg[3] = below(16);
        break;
    }
}

static const struct chance {
    uint8_t kind, weight;
    int8_t feature;
} chances[] = {
    {SEND, 40, -1},
    {RECV, 40, -1},
    {STATED, 1, -1},
    {POLL, 10, -1},
    {SELECT, 5, -1},
    {EPOLL_ADD, 6, WITH_EPOLL},
    {EPOLL_MOD, 3, WITH_EPOLL},
    {EPOLL_DEL, 1, WITH_EPOLL},
    {EPOLL_WAIT, 12, WITH_EPOLL},
    {READABLE, 4, -1},
    {QUERY, 4, -1},
    {SHUTDOWN, 3, -1},
    {CLOSE, 4, WITH_CLOSE},
    {DUP, 4, -1},
    {NONBLOCK, 3, -1},
    {LOW_WATER, 2, WITH_LOW_WATER},
    {RECEIVE_TIMEOUT, 1, -1},
    {FORK, 1, WITH_FORK},
    {EXIT, 1, WITH_FORK},
    {READ_WAITS, 6, -1},
    {POLL_WAITS, 6, -1},
    {SIGNALLED, 1, WITH_SIGNALS},
    {BULK, 1, -1},
    {DUPLEX, 1, -1},
    {FILL, 1, -1},
    {MIXED_WAIT, 4, WITH_MIXED},
    {MASKED_WAIT, 1, WITH_SIGNALS},
    {LINGER, 1, WITH_LINGER},
    {SHUT_WAKES, 1, WITH_SHUT_READ},
    {CONNECTS, 1, WITH_CONNECTS},
};

static const struct chance *some_kind(void)
{
    uint32_t total = 0, at;
    size_t i = 0;

    for (i = 0; i < sizeof(chances) / sizeof(chances[0]); i++)
        total += chances[i].weight;
    at = below(total);
    for (i = 0; at >= chances[i].weight; i++)
        at -= chances[i].weight;
    return &chances[i];
}

/* Whole transfers and forks cost a hundred of the others: not in every sequence. */
static bool is_costly(int kind)
{
    return kind == FORK || kind == BULK || kind == DUPLEX || kind == FILL || kind == CONNECTS;
}

static void make(struct operation *o, bool costly, bool forked)
{
    const struct chance *c;

    do {
        c = some_kind();
    } while ((is_costly(c->kind) && !costly) || (c->feature >= 0 && without(c->feature)) ||
             (forked && without(WITH_EPOLL_FORK) && c->feature == WITH_EPOLL));
    memset(o, 0, sizeof(*o));
    o->kind = c->kind;
    o->actor = one_in(8) ? (uint8_t)(1 + below(ACTORS - 1)) : ACTOR_MAIN;
    o->arg[0] = below(SLOTS);
    if (kinds[o->kind].led)
        make_led(o);
    else
        make_plain(o);
}

void generate(struct sequence *q, uint64_t seed)
{
    bool costly, forked;

    chance_state = seed;
    costly = one_in(8);
    forked = costly && one_in(2);
    q->polls = without(WITH_COLD) || one_in(2) ? 10 : below(8);
    q->small_buffers = !without(WITH_SMALL) && one_in(10);
    q->count = 3 + (int)below(one_in(10) ? OPERATIONS - 3 : 14);
    for (int i = 0; i < q->count; i++)
        make(&q->operations[i], costly, forked);
}
