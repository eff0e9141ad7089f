/* Operations that several actors carry out at once, led by the first thread. Each is complete in
 * itself: what waits in it is let go in it. */
#include "model.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WAIT_LIMIT = 3000 /* milliseconds that no wait here should need */ };

void run_fork(const struct operation *o, char *out)
{
    (void)o;
    if (world->child_lives) {
        say(out, "skip");
        return;
    }
    fflush(stdout);
    if (!world->handshaken)
        world_finish_handshake();
    child_begin();
    say(out, "ok");
}

void run_exit(const struct operation *o, char *out)
{
    (void)o;
    say(out, "%s", world->child_lives ? child_end() : "skip");
}

/* Nobody has written to this end what is not yet read, and nobody has finished. */
static bool is_quiet(int end)
{
    return available(end) == 0 && !input_ended(end) && !world->ends[end].closed &&
           !world->ends[end].wrote_to_closed;
}

static bool may_write(int actor, int end)
{
    const struct end *e = &world->ends[end], *peer = &world->ends[1 - end];

    return slot_of_end(process_of(actor), end) >= 0 && !e->shut_write && !e->closed &&
           !peer->closed && !peer->shut_read && !e->wrote_to_closed;
}

/* An actor that has a descriptor of this end and is not the leader. */
static int waiting_actor(int wanted, int end)
{
    int actor = actor_or_stand_in(wanted == ACTOR_MAIN ? 1 : wanted);

    return slot_of_end(process_of(actor), end) >= 0 ? actor : -1;
}

static int slot_as_number(int actor, uint32_t slot)
{
    if (world->fds[process_of(actor)][slot] >= 0)
        return (int)slot;
    return slot_of_end(process_of(actor), end_of(slot));
}

static const char *writes(int actor, int end, uint32_t n)
{
    struct operation o = {
        .kind = SEND, .actor = (uint8_t)actor, .arg = {(uint32_t)end * COPIES, BY_SEND, n, 0, 1}};

    return actor_does(actor, &o);
}

/* Another actor's reading begins before what it reads is written. */
void run_read_waits(const struct operation *o, char *out)
{
    int end = end_of(o->arg[0]), reader = waiting_actor(o->actor, end);
    int writer = actor_or_stand_in((int)o->arg[5]);
    bool all = (o->arg[3] & MSG_WAITALL) != 0 && o->arg[1] != BY_READ && o->arg[1] != BY_READV &&
               o->arg[1] != BY_RECVMMSG;
    uint32_t parts = all && o->arg[4] > 0 && !world->small_buffers ? o->arg[4] : 1, n = o->arg[2];
    struct operation read = *o;

    if (writer != ACTOR_CHILD)
        writer = ACTOR_MAIN;
    if (reader < 0 || (reader == ACTOR_CHILD && writer == ACTOR_CHILD) || !is_quiet(end) ||
        !may_write(writer, 1 - end) || world->ends[end].nonblocking || n < parts ||
        n > world->flight_limit || n / parts < world->ends[end].low_water ||
        o->arg[3] & MSG_DONTWAIT || world->ends[end].receive_timeout != 0) {
        say(out, "skip");
        return;
    }
    read.kind = RECV;
    read.arg[0] = (uint32_t)slot_as_number(reader, o->arg[0]);
    read.arg[4] = all ? 1 : o->arg[4];
    if (!all)
        read.arg[3] &= ~(uint32_t)MSG_WAITALL;
    read.arg[5] = 1; /* it may wait */
    world->concurrent = true;
    actor_begins(reader, &read);
    sched_yield();
    for (uint32_t i = 0; i < parts; i++)
        say(out, "%s ", writes(writer, 1 - end, i + 1 < parts ? n / parts : n - n / parts * i));
    say(out, "/ %s", actor_ends(reader));
    world->concurrent = false;
}

/* Another actor waits for IN until something is written, or finished. */
void run_poll_waits(const struct operation *o, char *out)
{
    int end = end_of(o->arg[0]), reader = waiting_actor(o->actor, end);
    int writer = actor_or_stand_in((int)o->arg[3]);
    struct operation wait = {.kind = WAIT_HERE, .arg = {0, o->arg[1], WAIT_LIMIT}};
    struct operation finish = {.kind = SHUTDOWN, .arg = {(uint32_t)(1 - end) * COPIES, SHUT_WR}};

    if (writer != ACTOR_CHILD)
        writer = ACTOR_MAIN;
    if (reader < 0 || (reader == ACTOR_CHILD && writer == ACTOR_CHILD) || !is_quiet(end) ||
        !may_write(writer, 1 - end) || o->arg[2] > world->flight_limit ||
        (o->arg[2] > 0 && o->arg[2] < world->ends[end].low_water)) {
        say(out, "skip");
        return;
    }
    wait.arg[0] = (uint32_t)slot_as_number(reader, o->arg[0]);
    actor_begins(reader, &wait);
    sched_yield();
    if (o->arg[2] > 0)
        say(out, "%s", writes(writer, 1 - end, o->arg[2]));
    else
        say(out, "%s", actor_does(writer, &finish));
    say(out, " / %s", actor_ends(reader));
}

/* Another actor waits, or reads, until this end's own reading is shut. */
void run_shut_wakes(const struct operation *o, char *out)
{
    int end = end_of(o->arg[0]), reader = waiting_actor(o->actor, end);
    int slot = slot_of_end(PARENT, end);
    struct operation wait = {.kind = WAIT_HERE, .arg = {0, o->arg[1], WAIT_LIMIT}};
    struct operation shut = {.kind = SHUTDOWN, .arg = {0, o->arg[2]}};

    if (o->arg[3] != 0)
        wait = (struct operation){.kind = RECV, .arg = {0, BY_RECV, 100, 0, 1, 1}};
    if (reader < 0 || slot < 0 || !is_quiet(end) || world->ends[end].nonblocking ||
        world->ends[end].receive_timeout != 0) {
        say(out, "skip");
        return;
    }
    wait.arg[0] = (uint32_t)slot_as_number(reader, o->arg[0]);
    shut.arg[0] = (uint32_t)slot;
    actor_begins(reader, &wait);
    sched_yield();
    say(out, "%s", actor_does(ACTOR_MAIN, &shut));
    say(out, " / %s", actor_ends(reader));
}

/* A read that waits meets a signal: it ends with EINTR, or goes on where the handler restarts. */
static void ignore_signal(int number)
{
    (void)number;
}

static void handle(bool restarts)
{
    struct sigaction action = {.sa_handler = ignore_signal, .sa_flags = restarts ? SA_RESTART : 0};

    sigaction(SIGUSR1, &action, NULL);
}

void run_signalled(const struct operation *o, char *out)
{
    int end = end_of(o->arg[0]), reader = waiting_actor(o->actor, end);
    bool restarts = o->arg[3] != 0;
    struct operation read = {.kind = RECV, .arg = {0, o->arg[1], o->arg[2], 0, 1, 1}};

    /* How signals are handled is the process's: the child has its parent's from the fork. */
    if (reader < 0 || reader == ACTOR_CHILD || world->child_lives || !is_quiet(end) ||
        !may_write(ACTOR_MAIN, 1 - end) || world->ends[end].nonblocking || o->arg[2] == 0 ||
        world->ends[end].low_water != 1 || world->ends[end].receive_timeout != 0) {
        say(out, "skip");
        return;
    }
    handle(restarts);
    read.arg[0] = (uint32_t)slot_as_number(reader, o->arg[0]);
    world->concurrent = true;
    actor_begins(reader, &read);
    for (int i = 0; restarts ? i < 3 : !actor_is_done(reader); i++) {
        usleep(100);
        if (!actor_is_done(reader))
            actor_signal(reader, SIGUSR1);
    }
    if (restarts)
        say(out, "%s ", writes(ACTOR_MAIN, 1 - end, 1));
    say(out, "/ %s", actor_ends(reader));
    world->concurrent = false;
    handle(true);
}

/* ---- more than the buffers hold ---- */

static bool may_transfer(int writer, int reader, int from)
{
    return may_write(writer, from) && slot_of_end(process_of(reader), 1 - from) >= 0 &&
           !world->ends[1 - from].closed && !world->ends[1 - from].shut_read;
}

static void begin_out(int actor, int end, uint32_t n, uint32_t style, uint32_t chunk, uint32_t now)
{
    struct operation o = {
        .kind = TRANSFER_OUT,
        .arg = {(uint32_t)slot_of_end(process_of(actor), end), n, style, chunk, now}};

    actor_begins(actor, &o);
}

static void begin_in(int actor, int end, uint64_t n, uint32_t style, uint32_t chunk, uint32_t now)
{
    struct operation o = {
        .kind = TRANSFER_IN,
        .arg = {(uint32_t)slot_of_end(process_of(actor), end), (uint32_t)n, style, chunk, now}};

    actor_begins(actor, &o);
}

/* end that writes, bytes, how, bytes a call; how it is read, bytes a call, by whom, nonblocking */
void run_bulk(const struct operation *o, char *out)
{
    int from = end_of(o->arg[0]), writer = 1, reader = actor_or_stand_in((int)o->arg[5]);
    uint32_t now = o->arg[6] || world->ends[0].nonblocking || world->ends[1].nonblocking;
    uint32_t out_style = now && o->arg[2] != BY_SENDMSG ? BY_SEND : o->arg[2];
    uint32_t in_style = now && o->arg[3] != BY_RECVMSG ? BY_RECV : o->arg[3];

    if (reader != ACTOR_CHILD)
        reader = 2;
    if (!may_transfer(writer, reader, from) || world->ends[1 - from].low_water != 1 ||
        world->ends[1 - from].receive_timeout != 0) {
        say(out, "skip");
        return;
    }
    world->concurrent = true;
    begin_in(reader, 1 - from, available(1 - from) + o->arg[1], in_style, o->arg[4], now);
    begin_out(writer, from, o->arg[1], out_style, o->arg[4] * 3 / 2, now);
    say(out, "%s / ", actor_ends(writer));
    say(out, "%s", actor_ends(reader));
    world->concurrent = false;
}

static bool ends_wait_as_usual(void)
{
    for (int end = 0; end < ENDS; end++)
        if (world->ends[end].low_water != 1 || world->ends[end].receive_timeout != 0)
            return false;
    return true;
}

/* Both ways at once, each descriptor read by one thread and written by another. */
void run_duplex(const struct operation *o, char *out)
{
    uint32_t now = o->arg[3] || world->ends[0].nonblocking || world->ends[1].nonblocking;
    uint32_t n = o->arg[0];
    struct operation last = {.kind = TRANSFER_IN,
                             .arg = {SERVER * COPIES, 0, BY_RECV, o->arg[2], now}};

    if (!may_transfer(0, 0, CLIENT) || !may_transfer(0, 0, SERVER) || !ends_wait_as_usual()) {
        say(out, "skip");
        return;
    }
    last.arg[0] = (uint32_t)slot_of_end(PARENT, SERVER);
    last.arg[1] = (uint32_t)available(SERVER) + n;
    world->concurrent = true;
    begin_in(3, CLIENT, available(CLIENT) + n, BY_RECV, o->arg[1], now);
    begin_out(1, CLIENT, n, BY_SEND, o->arg[1], now);
    begin_out(2, SERVER, n, BY_SEND, o->arg[2], now);
    say(out, "%s", actor_does(ACTOR_MAIN, &last));
    for (int actor = 1; actor <= 3; actor++)
        say(out, " / %s", actor_ends(actor));
    world->concurrent = false;
}

static void set_send_timeout(int fd, uint32_t milliseconds)
{
    struct timeval t = {0, (long)milliseconds * 1000};
    int saved = errno;

    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
    errno = saved;
}

/* Writes until the kernel takes no more; how much that is, is the kernel's affair. What was taken
 * must all arrive. A stated difference: a tail leaves with the writer's next call or wait. */
void run_fill(const struct operation *o, char *out)
{
    int from = end_of(o->arg[0]), reader = actor_or_stand_in((int)o->arg[3]), slot, fd;
    uint64_t before = world->ends[from].written;
    struct pollfd p = {.events = POLLOUT};
    int style = o->arg[1] == BY_SENDMSG || o->arg[1] == BY_SENDTO ? (int)o->arg[1] : BY_SEND;

    if (reader != ACTOR_CHILD)
        reader = 2;
    slot = slot_of_end(PARENT, from);
    if (slot < 0 || !may_transfer(ACTOR_MAIN, reader, from) ||
        world->ends[1 - from].low_water != 1 || world->ends[1 - from].receive_timeout != 0) {
        say(out, "skip");
        return;
    }
    p.fd = fd = world->fds[PARENT][slot];
    set_send_timeout(fd, o->arg[4]);
    while (send_once(fd, from, style, o->arg[2], o->arg[4] != 0 ? 0 : MSG_DONTWAIT, 2) > 0)
        ;
    say_result(out, -1);
    set_send_timeout(fd, 0);
    say(out, "%s", world->ends[from].written > before ? " after some" : "");
    world->concurrent = true;
    begin_in(reader, 1 - from, available(1 - from), BY_RECV, o->arg[2], 1);
    say(out, " out %d", poll(&p, 1, WAIT_LIMIT));
    say(out, " / %s", actor_ends(reader));
    world->concurrent = false;
}
