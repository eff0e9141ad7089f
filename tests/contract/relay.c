/* The relay: a forked process between two TLS ends (or two plain ones), told what to do through a
 * socket pair: a command letter and a number, answered by one byte when it is carried out. */
#include "contract.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/prctl.h>

enum { HELD_MAX = 1 << 20 };

struct command {
    char letter;
    int number;
};

static struct {
    int control, to_client, to_server;
    unsigned char held[HELD_MAX];
    size_t have;
    bool hold, tls, seen;
    int drip;        /* microseconds between bytes; 0: no */
    int64_t pass_at; /* 0: no */
} relay;

static void answer(void)
{
    MUST((int)send(relay.control, "", 1, 0));
}

/* The client's side may be full (its small buffer is what some cases are about): wait for it. */
static void send_held(size_t n)
{
    size_t done = 0;

    while (done < n) {
        ssize_t r = send(relay.to_client, relay.held + done, n - done, MSG_NOSIGNAL);

        if (r < 0)
            _exit(0);
        done += (size_t)r;
    }
    relay.have -= n;
    memmove(relay.held, relay.held + n, relay.have);
}

/* What is in flight from the server, until nothing comes for a while. */
static void gather(void)
{
    struct pollfd entry = {.fd = relay.to_server, .events = POLLIN};

    while (relay.have < HELD_MAX && poll(&entry, 1, relay.have > 0 ? 20 : 500) == 1) {
        ssize_t r =
            recv(relay.to_server, relay.held + relay.have, HELD_MAX - relay.have, MSG_DONTWAIT);

        if (r <= 0)
            break;
        relay.have += (size_t)r;
    }
}

static void drip(void)
{
    while (relay.have > 0) {
        struct timespec t = {0, relay.drip * 1000L};

        send_held(1);
        nanosleep(&t, NULL);
    }
    relay.drip = 0;
    relay.hold = false;
}

static bool obey(void)
{
    struct command c;

    if (recv(relay.control, &c, sizeof(c), 0) != sizeof(c))
        return false;
    switch (c.letter) {
    case 'h':
        relay.hold = true;
        break;
    case 'p':
        gather();
        send_held(relay.have);
        relay.hold = false;
        break;
    case 'n':
        gather();
        if (relay.tls && (size_t)c.number < relay.have)
            send_held((size_t)c.number);
        break;
    case 'l':
        gather();
        relay.pass_at = now_ms() + c.number;
        break;
    case 'd':
        gather();
        relay.drip = c.number;
        break;
    case 'x':
        shutdown(relay.to_client, SHUT_WR);
        shutdown(relay.to_server, SHUT_WR);
        break;
    }
    answer();
    if (relay.drip != 0)
        drip();
    return true;
}

static bool upstream(void)
{
    static unsigned char buffer[65536];
    ssize_t r = recv(relay.to_client, buffer, sizeof(buffer), MSG_DONTWAIT);

    if (r < 0)
        return errno == EAGAIN;
    if (r == 0) {
        shutdown(relay.to_server, SHUT_WR);
        return false;
    }
    if (!relay.seen)
        relay.tls = buffer[0] == 22;
    relay.seen = true;
    for (ssize_t done = 0, n; done < r; done += n)
        if ((n = send(relay.to_server, buffer + done, (size_t)(r - done), MSG_NOSIGNAL)) < 0)
            return false;
    return true;
}

static bool downstream(void)
{
    ssize_t r = recv(relay.to_server, relay.held + relay.have, HELD_MAX - relay.have, MSG_DONTWAIT);

    if (r < 0)
        return errno == EAGAIN;
    relay.have += (size_t)r;
    if (!relay.hold)
        send_held(relay.have);
    if (r == 0) {
        send_held(relay.have);
        shutdown(relay.to_client, SHUT_WR);
    }
    return r > 0;
}

static int relay_main(void)
{
    struct pollfd entries[3] = {{.fd = relay.control, .events = POLLIN},
                                {.fd = relay.to_client, .events = POLLIN},
                                {.fd = relay.to_server, .events = POLLIN}};

    for (;;) {
        int64_t left = relay.pass_at != 0 ? relay.pass_at - now_ms() : -1;

        entries[2].events = relay.have < HELD_MAX ? POLLIN : 0;
        if (relay.pass_at != 0 && left <= 0) {
            relay.pass_at = 0;
            relay.hold = false;
            send_held(relay.have);
            continue;
        }
        if (poll(entries, 3, (int)left) < 0)
            return 1;
        if (entries[0].revents != 0 && !obey())
            return 0;
        if (entries[1].revents != 0 && entries[1].fd >= 0 && !upstream())
            entries[1].fd = -1;
        if (entries[2].revents != 0 && entries[2].fd >= 0 && !downstream())
            entries[2].fd = -1;
    }
}

static int serve_relay(int listening, int control)
{
    int one = 1;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    relay.control = control;
    relay.to_client = accept_from(listening);
    relay.to_server = connect_to(PORT_ACCEPTS);
    MUST(setsockopt(relay.to_client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    MUST(setsockopt(relay.to_server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    return relay_main();
}

struct relay relay_open(int client_buffer)
{
    int accepts = listener(PORT_ACCEPTS), connects = listener(PORT_CONNECTS), control[2], one = 1;
    struct relay r;

    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, control));
    fflush(stdout);
    r.process = MUST(fork());
    if (r.process == 0) {
        close(control[0]);
        close(accepts);
        _exit(serve_relay(connects, control[1]));
    }
    close(control[1]);
    close(connects);
    r.control = control[0];
    r.ends.client = new_socket();
    if (client_buffer > 0)
        MUST(setsockopt(r.ends.client, SOL_SOCKET, SO_RCVBUF, &client_buffer,
                        sizeof(client_buffer)));
    MUST(connect_fd(r.ends.client, PORT_CONNECTS));
    r.ends.server = accept_from(accepts);
    close(accepts);
    MUST(setsockopt(r.ends.client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    MUST(setsockopt(r.ends.server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)));
    say_hello(&r.ends);
    return r;
}

void relay_close(struct relay *r)
{
    close(r->control);
    pair_close(&r->ends);
    child_status(r->process);
}

static void tell(const struct relay *r, char letter, int number)
{
    struct command c = {letter, number};
    char done;

    MUST((int)send(r->control, &c, sizeof(c), 0));
    while (recv(r->control, &done, 1, 0) < 0 && errno == EINTR)
        ;
}

void relay_hold(const struct relay *r)
{
    tell(r, 'h', 0);
}

void relay_pass(const struct relay *r)
{
    tell(r, 'p', 0);
}

void relay_part(const struct relay *r, size_t n)
{
    tell(r, 'n', (int)n);
}

void relay_pass_later(const struct relay *r, int ms)
{
    tell(r, 'l', ms);
}

void relay_drip(const struct relay *r, int microseconds)
{
    tell(r, 'd', microseconds);
}

void relay_cut(const struct relay *r)
{
    tell(r, 'x', 0);
}
