/* Descriptors, half closes and options. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The open descriptor that the operation means, or -1 and the outcome is said. */
static int chosen(uint32_t *slot, char *out)
{
    int found = open_slot(*slot);

    if (found < 0) {
        say(out, "skip");
        return -1;
    }
    *slot = (uint32_t)found;
    return world->fds[this_process][found];
}

void run_info(const struct operation *o, char *out)
{
    struct tcp_info info;
    socklen_t length = sizeof(info);
    int fd = world->fds[this_process][o->arg[0]];

    memset(&info, 0, sizeof(info));
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0)
        say(out, "%d %llu %llu %u", info.tcpi_state,
            (unsigned long long)(info.tcpi_bytes_sent - info.tcpi_bytes_retrans),
            (unsigned long long)info.tcpi_bytes_received, info.tcpi_notsent_bytes);
}

/* ---- closing ---- */

void run_shutdown(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out), r;
    struct end *e = &world->ends[end_of(slot)];

    if (fd < 0)
        return;
    /* A stated difference: before the handshake is over this gives the peer a reset. */
    if (o->arg[1] != SHUT_WR && !world->handshaken)
        world_finish_handshake();
    r = shutdown(fd, (int)o->arg[1]);
    say_result(out, r);
    if (r != 0)
        return;
    e->shut_read |= o->arg[1] != SHUT_WR;
    e->shut_write |= o->arg[1] != SHUT_RD;
}

void run_close(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out);

    if (fd < 0)
        return;
    say_result(out, close(fd));
    slot_closed(slot);
}

static int duplicate(int fd, int style, int over)
{
    switch (style) {
    case BY_DUP:
        return dup(fd);
    case BY_F_DUPFD:
        return fcntl(fd, F_DUPFD, 3);
    case BY_F_DUPFD_CLOEXEC:
        return fcntl(fd, F_DUPFD_CLOEXEC, 100);
    case BY_DUP3:
        return dup3(fd, over, O_CLOEXEC);
    default:
        return dup2(fd, over);
    }
}

/* dup2-over replaces an open descriptor, of either end; dup2 and dup3 use a free number. */
void run_dup(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0], victim = o->arg[2], free_slot;
    int fd = chosen(&slot, out), over = -1, r;

    if (fd < 0)
        return;
    if (o->arg[1] == BY_DUP2_OVER) {
        over = world->fds[this_process][victim];
        if (victim == slot || over < 0) {
            say(out, "skip");
            return;
        }
        slot_closed(victim);
    } else if (o->arg[1] == BY_DUP2 || o->arg[1] == BY_DUP3) {
        over = fcntl(pattern_file, F_DUPFD, 50);
    }
    for (free_slot = (uint32_t)end_of(slot) * COPIES; free_slot % COPIES < COPIES - 1; free_slot++)
        if (world->fds[this_process][free_slot] < 0)
            break;
    if (world->fds[this_process][free_slot] >= 0) {
        if (over >= 0)
            close(over);
        say(out, "skip");
        return;
    }
    r = duplicate(fd, (int)o->arg[1], over);
    say(out, "%s", r < 0 ? error_name(errno) : "ok");
    if (r >= 0)
        slot_opened(free_slot, r);
}

/* ---- options ---- */

void run_nonblock(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out), on = o->arg[1] != 0, flags;

    if (fd < 0)
        return;
    if (o->arg[2] != 0) {
        say_result(out, ioctl(fd, FIONBIO, &on));
    } else {
        flags = fcntl(fd, F_GETFL);
        say_result(out, fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
    }
    world->ends[end_of(slot)].nonblocking = on != 0;
}

void run_linger(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out);
    struct linger none = {.l_onoff = 1};

    if (fd < 0)
        return;
    say_result(out, setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)));
    world->ends[end_of(slot)].lingers = true;
}

void run_low_water(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out), n = (int)o->arg[1];

    if (fd < 0)
        return;
    say_result(out, setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &n, sizeof(n)));
    world->ends[end_of(slot)].low_water = n > 0 ? (uint32_t)n : 1;
    world->ends[end_of(slot)].marked |= n > 1;
}

void run_receive_timeout(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out);
    struct timeval t = {0, (long)o->arg[1] * 1000};

    if (fd < 0)
        return;
    say_result(out, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
    world->ends[end_of(slot)].receive_timeout = o->arg[1];
}

/* A stated difference: under TLS FIONREAD may count less than all, but not nothing. */
void run_readable(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out), n = -1, r;

    if (fd < 0)
        return;
    r = ioctl(fd, FIONREAD, &n);
    world->ends[end_of(slot)].counted = true;
    say_result(out, r);
    if (r == 0 && (n < 0 || (uint64_t)n > available(end_of(slot))))
        say(out, " too many: %d", n);
    else if (r == 0)
        say(out, n > 0 ? " some" : " none");
}

static void say_option(char *out, int fd, const char *name, int level, int option)
{
    int value = -1;
    socklen_t length = sizeof(value);

    if (getsockopt(fd, level, option, &value, &length) != 0)
        say(out, " %s %s", name, error_name(errno));
    else
        say(out, " %s %d", name, value);
}

static void say_error(char *out, int fd, int end)
{
    int value = 0;
    socklen_t length = sizeof(value);
    int r = getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &length);

    if (!fails_again(end))
        say(out, "error %s", r != 0 ? error_name(errno) : value != 0 ? error_name(value) : "0");
    if (value != 0)
        end_told(end);
}

void run_query(const struct operation *o, char *out)
{
    uint32_t slot = o->arg[0];
    int fd = chosen(&slot, out);
    struct sockaddr_in address;
    socklen_t length = sizeof(address);

    if (fd < 0)
        return;
    say_error(out, fd, end_of(slot));
    say_option(out, fd, "type", SOL_SOCKET, SO_TYPE);
    say_option(out, fd, "lowat", SOL_SOCKET, SO_RCVLOWAT);
    say_option(out, fd, "nodelay", IPPROTO_TCP, TCP_NODELAY);
    say_option(out, fd, "accepts", SOL_SOCKET, SO_ACCEPTCONN);
    say(out, " flags %x", (unsigned)fcntl(fd, F_GETFL));
    say(out, " name %d", getsockname(fd, (struct sockaddr *)&address, &length));
    say(out, " peer %s",
        getpeername(fd, (struct sockaddr *)&address, &length) == 0 ? "0" : error_name(errno));
}
