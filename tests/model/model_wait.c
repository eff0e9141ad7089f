/* poll, select, epoll: asked without waiting, and waited in. */
#include "model.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

/* Beside the slot in an event's data, to see that it comes back whole. */
#define DATA_MARK 0xfeed5eed12345000ull

static void say_events(char *out, int end, unsigned events)
{
    if (fails_again(end))
        events &= ~(unsigned)POLLERR;
    say(out, " ");
    say_poll(out, events);
}

void run_poll(const struct operation *o, char *out)
{
    struct pollfd fds[2];
    int first = open_slot(o->arg[0]), second = open_slot(o->arg[2]);

    if (first < 0) {
        say(out, "skip");
        return;
    }
    fds[0] = (struct pollfd){.fd = world->fds[this_process][first], .events = (short)o->arg[1]};
    fds[1] = (struct pollfd){.fd = second >= 0 ? world->fds[this_process][second] : -1,
                             .events = (short)o->arg[3]};
    if (poll(fds, 2, (int)o->arg[4]) < 0)
        say_result(out, -1);
    say_events(out, end_of((uint32_t)first), (unsigned short)fds[0].revents);
    if (second >= 0)
        say_events(out, end_of((uint32_t)second), (unsigned short)fds[1].revents);
}

static void set_of(fd_set *set, int fd, bool wanted)
{
    FD_ZERO(set);
    if (wanted)
        FD_SET(fd, set);
}

/* "1 IN OUT" */
static void select_one(int fd, unsigned events, int milliseconds, bool masked, char *out)
{
    fd_set in, o, except;
    struct timeval timeout = {milliseconds / 1000, milliseconds % 1000 * 1000};
    struct timespec limit = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
    int r;

    set_of(&in, fd, events & POLLIN);
    set_of(&o, fd, events & POLLOUT);
    set_of(&except, fd, events & POLLPRI);
    r = masked ? pselect(fd + 1, &in, &o, &except, &limit, NULL)
               : select(fd + 1, &in, &o, &except, &timeout);
    say_result(out, r);
    if (r < 0)
        return;
    say(out, "%s%s%s", FD_ISSET(fd, &in) ? " IN" : "", FD_ISSET(fd, &o) ? " OUT" : "",
        FD_ISSET(fd, &except) ? " EXCEPT" : "");
}

void run_select(const struct operation *o, char *out)
{
    int slot = open_slot(o->arg[0]);

    if (slot < 0)
        say(out, "skip");
    else
        select_one(world->fds[this_process][slot], o->arg[1], (int)o->arg[2], o->actor % 2, out);
}

/* ---- epoll sets that last ---- */

static int epoll_set(uint32_t which)
{
    int *set = &world->epolls[this_process][which];

    if (*set < 0)
        *set = epoll_create1(EPOLL_CLOEXEC);
    return *set;
}

void run_epoll_ctl(const struct operation *o, char *out)
{
    static const int operations[] = {
        [EPOLL_ADD] = EPOLL_CTL_ADD, [EPOLL_MOD] = EPOLL_CTL_MOD, [EPOLL_DEL] = EPOLL_CTL_DEL};
    int slot = open_slot(o->arg[1]);
    struct epoll_event event = {.events = o->arg[2]};

    if (slot < 0) {
        say(out, "skip");
        return;
    }
    event.data.u64 = DATA_MARK | (uint64_t)slot;
    say_result(out, epoll_ctl(epoll_set(o->arg[0]), operations[o->kind],
                              world->fds[this_process][slot], &event));
}

/* Of an end that has shut its writing nothing is told: an edge comes when the peer's kernel thinks
 * fit to acknowledge that. Stated differences: a low-water mark can mean an edge more, and so can a
 * read of more than FIONREAD told. */
static bool is_told(uint32_t slot)
{
    const struct end *e = &world->ends[end_of(slot)];

    return !e->shut_write && !e->counted && !e->marked;
}

void run_epoll_wait(const struct operation *o, char *out)
{
    struct epoll_event events[8];
    int r = epoll_wait(epoll_set(o->arg[0]), events, (int)o->arg[1], 0);

    if (r < 0)
        say_result(out, r);
    /* Which of several the kernel gives first is its own affair. */
    if (r == (int)o->arg[1] ||
        (o->arg[1] == 1 && !(is_told(CLIENT * COPIES) && is_told(SERVER * COPIES)))) {
        say(out, "some");
        return;
    }
    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (int i = 0; i < r; i++)
            if (events[i].data.u64 == (DATA_MARK | slot) && is_told(slot)) {
                say(out, " %u:", slot);
                say_events(out, end_of(slot), events[i].events);
            }
    for (int i = 0; i < r; i++)
        if ((events[i].data.u64 & ~(uint64_t)0xfff) != DATA_MARK)
            say(out, " WRONG DATA");
}

/* ---- waiting ---- */

/* A stated difference: while a handshake goes on, the inner set can wake the outer for nothing. */
static int epoll_wait_nested(int outer, int set, int milliseconds)
{
    struct epoll_event got;
    int r;

    do {
        r = epoll_wait(outer, &got, 1, milliseconds);
        if (r > 0)
            r = epoll_wait(set, &got, 1, 0);
        else
            break;
    } while (r == 0);
    return r;
}

static int epoll_once(int fd, int style, int milliseconds)
{
    struct epoll_event event = {.events = EPOLLIN}, inner = {.events = EPOLLIN}, got;
    int set = epoll_create1(EPOLL_CLOEXEC), outer = -1, r, saved;

    if (style == BY_EPOLL_EDGE)
        event.events |= EPOLLET;
    if (style == BY_EPOLL_ONESHOT)
        event.events |= EPOLLONESHOT;
    event.data.u64 = inner.data.u64 = DATA_MARK;
    r = epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    if (r == 0 && style == BY_EPOLL_NESTED) {
        outer = epoll_create1(EPOLL_CLOEXEC);
        r = epoll_ctl(outer, EPOLL_CTL_ADD, set, &inner);
    }
    if (r == 0)
        r = outer < 0 ? epoll_wait(set, &got, 1, milliseconds)
                      : epoll_wait_nested(outer, set, milliseconds);
    saved = errno;
    close(set);
    if (outer >= 0)
        close(outer);
    errno = saved;
    return r;
}

/* Waits for IN; that alone is told, for what else shows by then depends on who was quicker. */
void run_wait_here(const struct operation *o, char *out)
{
    int slot = open_slot(o->arg[0]), ms = (int)o->arg[2], fd;
    struct timespec limit = {ms / 1000, ms % 1000 * 1000000L};
    struct pollfd p = {.events = POLLIN};

    fd = p.fd = world->fds[this_process][slot];
    switch (o->arg[1]) {
    case BY_POLL:
        say_result(out, poll(&p, 1, ms));
        break;
    case BY_PPOLL:
        say_result(out, ppoll(&p, 1, &limit, NULL));
        break;
    case BY_SELECT:
    case BY_PSELECT:
        select_one(fd, POLLIN, ms, o->arg[1] == BY_PSELECT, out);
        break;
    default:
        say_result(out, epoll_once(fd, (int)o->arg[1], ms));
        break;
    }
}
