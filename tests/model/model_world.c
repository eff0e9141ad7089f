/* The connection that a sequence works on, what the model knows of it, and the byte streams. */
#include "model.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LISTENER_LIFE = 500 /* sequences: their connections linger in TIME_WAIT */ };
enum { FLIGHT = 32768, SMALL_FLIGHT = 600, SMALL_BUFFER = 4096 };
#define SETTLE_LIMIT 2000000000LL

struct world *world;
int this_process = PARENT;
int pattern_file = -1;

static uint8_t stream[PATTERN_PERIOD + PATTERN_RUN];
static int listener = -1;
static struct sockaddr_in listening_at;

static void die(const char *what)
{
    perror(what);
    _exit(2);
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* ---- streams: both are the same bytes, begun at different places ---- */

off_t pattern_offset(int end, uint64_t position)
{
    return (off_t)((position + (uint64_t)end * 30011) % PATTERN_PERIOD);
}

const uint8_t *pattern(int end, uint64_t position)
{
    return stream + pattern_offset(end, position);
}

void world_init(void)
{
    uint32_t x = 2463534242u;

    world = mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pattern_file = memfd_create("stream", MFD_CLOEXEC);
    if (world == MAP_FAILED || pattern_file < 0)
        die("memory");
    for (size_t i = 0; i < PATTERN_PERIOD; i++) {
        x ^= x << 13;
        x ^= x >> 17;
        x ^= x << 5;
        stream[i] = (uint8_t)(x >> 11);
    }
    for (size_t i = PATTERN_PERIOD; i < sizeof(stream); i++)
        stream[i] = stream[i - PATTERN_PERIOD];
    if (write(pattern_file, stream, sizeof(stream)) != sizeof(stream))
        die("memfd");
}

/* ---- descriptors ---- */

int open_slot(uint32_t slot)
{
    if (world->fds[this_process][slot] >= 0)
        return (int)slot;
    return slot_of_end(this_process, end_of(slot));
}

int slot_of_end(int process, int end)
{
    for (int slot = end * COPIES; slot < (end + 1) * COPIES; slot++)
        if (world->fds[process][slot] >= 0)
            return slot;
    return -1;
}

void slot_opened(uint32_t slot, int fd)
{
    world->fds[this_process][slot] = fd;
    world->ends[end_of(slot)].descriptors++;
}

void slot_closed(uint32_t slot)
{
    struct end *e = &world->ends[end_of(slot)];

    world->fds[this_process][slot] = -1;
    if (--e->descriptors > 0)
        return;
    e->closed = true;
    if (available(end_of(slot)) > 0 || e->lingers)
        world->ends[1 - end_of(slot)].reset = true;
}

static bool is_broken(const struct end *e)
{
    return e->reset || e->wrote_to_closed;
}

bool fails_again(int end)
{
    const struct end *e = &world->ends[end];

    return e->told || (is_broken(e) && e->shut_read && e->shut_write);
}

void end_told(int end)
{
    world->ends[end].told |= is_broken(&world->ends[end]);
}

bool input_ended(int end)
{
    const struct end *peer = &world->ends[1 - end];

    return peer->closed || peer->shut_write || world->ends[end].shut_read;
}

/* ---- the connection ---- */

static void set_int(int fd, int level, int option, int value)
{
    if (setsockopt(fd, level, option, &value, sizeof(value)) != 0)
        die("setsockopt");
}

static void tune(int fd, bool small)
{
    set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (small) {
        set_int(fd, SOL_SOCKET, SO_SNDBUF, SMALL_BUFFER);
        set_int(fd, SOL_SOCKET, SO_RCVBUF, SMALL_BUFFER);
        /* Segments that fit, or every one would wait for the window's probe. */
        set_int(fd, IPPROTO_TCP, TCP_MAXSEG, 500);
    }
}

static void listen_anew(void)
{
    static int life;
    socklen_t length = sizeof(listening_at);

    if (listener >= 0 && life-- > 0)
        return;
    if (listener >= 0)
        close(listener);
    life = LISTENER_LIFE;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    listening_at.sin_family = AF_INET;
    listening_at.sin_port = 0;
    listening_at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&listening_at, length) != 0 ||
        listen(listener, 16) != 0 ||
        getsockname(listener, (struct sockaddr *)&listening_at, &length) != 0)
        die("listen");
}

static void poll_ends(int rounds)
{
    for (int i = 0; i < rounds; i++) {
        struct pollfd fd = {.events = POLLIN};
        int slot = slot_of_end(PARENT, i % 2 == 0 ? SERVER : CLIENT);

        if (slot < 0)
            continue;
        fd.fd = world->fds[PARENT][slot];
        poll(&fd, 1, 0);
    }
}

/* TLS handshakes go on in waits: a poll for each of the four flights, and more to spare. */
void world_finish_handshake(void)
{
    poll_ends(10);
    world->handshaken = true;
}

void world_connect(const struct sequence *q)
{
    int client, server;

    memset(world, 0, sizeof(*world));
    memset(world->fds, 0xff, sizeof(world->fds));
    memset(world->epolls, 0xff, sizeof(world->epolls));
    world->ends[CLIENT].low_water = world->ends[SERVER].low_water = 1;
    world->small_buffers = q->small_buffers != 0;
    world->flight_limit = q->small_buffers ? SMALL_FLIGHT : FLIGHT;
    listen_anew();
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0)
        die("socket");
    tune(client, q->small_buffers != 0);
    if (connect(client, (struct sockaddr *)&listening_at, sizeof(listening_at)) != 0)
        die("connect");
    server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    if (server < 0)
        die("accept");
    tune(server, q->small_buffers != 0);
    slot_opened(CLIENT * COPIES, client);
    slot_opened(SERVER * COPIES, server);
    poll_ends((int)q->polls);
    world->handshaken = q->polls >= 10;
}

void world_disconnect(void)
{
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        if (world->fds[PARENT][slot] >= 0) {
            close(world->fds[PARENT][slot]);
            slot_closed(slot);
        }
    for (int i = 0; i < EPOLLS; i++)
        if (world->epolls[PARENT][i] >= 0)
            close(world->epolls[PARENT][i]);
}

/* ---- settling ---- */

struct transport {
    bool known;
    int state;
    uint64_t sent, received;
    uint32_t waiting;
};

static struct transport transport_of(int end)
{
    struct transport t = {0};
    unsigned long long sent = 0, received = 0;
    struct operation ask = {.kind = INFO};
    char text[LINE] = "";
    int slot = slot_of_end(PARENT, end);

    if (slot >= 0) {
        ask.arg[0] = (uint32_t)slot;
        run_info(&ask, text);
    } else if (world->child_lives && (slot = slot_of_end(CHILD, end)) >= 0) {
        ask.arg[0] = (uint32_t)slot;
        snprintf(text, sizeof(text), "%s", actor_does(ACTOR_CHILD, &ask));
    }
    t.known = sscanf(text, "%d %llu %llu %u", &t.state, &sent, &received, &t.waiting) == 4;
    t.sent = sent;
    t.received = received;
    return t;
}

static bool in_transit(const struct transport *from, const struct transport *to)
{
    bool finished = from->state == TCP_FIN_WAIT1 || from->state == TCP_FIN_WAIT2 ||
                    from->state == TCP_CLOSING || from->state == TCP_LAST_ACK;

    return from->waiting > 0 || to->received < from->sent + (finished ? 1 : 0);
}

static bool changing(int state)
{
    return state == TCP_CLOSING || state == TCP_LAST_ACK;
}

static bool settled(void)
{
    struct transport t[ENDS] = {transport_of(CLIENT), transport_of(SERVER)};

    for (int end = 0; end < ENDS; end++) {
        const struct end *peer = &world->ends[1 - end];
        bool gone = t[1 - end].known && t[1 - end].state == TCP_CLOSE;

        if (!t[end].known || t[end].state == TCP_CLOSE)
            continue;
        if (changing(t[end].state) || gone)
            return false;
        if (t[1 - end].known && in_transit(&t[1 - end], &t[end]))
            return false;
        if (peer->closed && (t[end].state == TCP_ESTABLISHED || t[end].state == TCP_FIN_WAIT1 ||
                             t[end].state == TCP_FIN_WAIT2))
            return false;
        /* What meets a closed or shut socket is answered with a reset. */
        if (world->ends[end].wrote_to_closed)
            return false;
    }
    return true;
}

static void wait_settled(int64_t end)
{
    for (int round = 0; !settled() && now() < end; round++)
        usleep(round < 20 ? 20 : 500);
}

void world_settle(void)
{
    int64_t end = now() + SETTLE_LIMIT;

    wait_settled(end);
    /* A stated difference: sealed bytes that the kernel had no room for leave with a later call. */
    for (int i = 0; world->small_buffers && !world->child_lives && i < 4; i++) {
        poll_ends(2);
        wait_settled(end);
    }
}
