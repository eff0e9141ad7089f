/* Waits for many descriptors of every kind at once, and signals that a wait lets in. */
#include "model.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- descriptors of every kind ---- */

enum { MADE = 8, MIXED = 12 };

struct mixture {
    int made[MADE];
    int numbers[MIXED];
    struct pollfd fds[MIXED];
    int count;
};

static void make_descriptors(struct mixture *m)
{
    int empty[2], full[2], pair[2];

    if (pipe(empty) != 0 || pipe(full) != 0 || write(full[1], "x", 1) != 1 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
        _exit(2);
    close(pair[1]);
    memcpy(m->made,
           (int[MADE]){empty[0], empty[1], full[0], full[1], pair[0],
                       socket(AF_INET, SOCK_STREAM, 0), eventfd(3, 0), epoll_create1(0)},
           sizeof(m->made));
}

/* The operation's descriptor (twice), the other end's, and others as the bits of arg[2] say; events
 * by those of arg[3]. */
static void mix(struct mixture *m, const struct operation *o)
{
    static const short events[] = {POLLIN, POLLOUT, POLLIN | POLLOUT | POLLPRI, POLLIN | POLLRDHUP};
    int own = world->fds[this_process][open_slot(o->arg[0])];
    int other = slot_of_end(this_process, 1 - end_of(o->arg[0]));

    make_descriptors(m);
    memcpy(m->numbers,
           (int[MIXED]){own, other < 0 ? -1 : world->fds[this_process][other], own, pattern_file},
           sizeof(m->numbers));
    close(m->numbers[MIXED - 1] = dup(own));
    if (o->arg[1] % 2 == 0)
        m->numbers[MIXED - 1] = -1;
    memcpy(m->numbers + 4, m->made, 7 * sizeof(int));
    m->count = 0;
    for (uint32_t i = 0; i < MIXED; i++)
        if (i == 0 || o->arg[2] >> i & 1)
            m->fds[m->count++] =
                (struct pollfd){.fd = m->numbers[i], .events = events[o->arg[3] >> i & 3]};
}

/* Of an end that has been told of its failure the error is a stated difference. */
static unsigned told_events(const struct mixture *m, int i, unsigned events, int end)
{
    bool own = m->fds[i].fd == m->numbers[0], other = m->fds[i].fd == m->numbers[1];

    if ((own && fails_again(end)) || (other && fails_again(1 - end)))
        events &= ~(unsigned)POLLERR;
    return events;
}

static void poll_mixture(struct mixture *m, bool masked, int end, char *out)
{
    struct timespec none = {0, 0};
    int r =
        masked ? ppoll(m->fds, (nfds_t)m->count, &none, NULL) : poll(m->fds, (nfds_t)m->count, 0);

    say_result(out, r);
    for (int i = 0; r >= 0 && i < m->count; i++) {
        say(out, " ");
        say_poll(out, told_events(m, i, (unsigned short)m->fds[i].revents, end));
    }
}

static void select_mixture(struct mixture *m, bool masked, char *out)
{
    struct timeval none = {0, 0};
    struct timespec nothing = {0, 0};
    fd_set sets[3];
    int highest = -1, r;

    for (int i = 0; i < 3; i++)
        FD_ZERO(&sets[i]);
    for (int i = 0; i < m->count; i++) {
        static const short asks[] = {POLLIN, POLLOUT, POLLPRI};

        for (int j = 0; m->fds[i].fd >= 0 && j < 3; j++)
            if (m->fds[i].events & asks[j])
                FD_SET(m->fds[i].fd, &sets[j]);
        if (m->fds[i].fd > highest)
            highest = m->fds[i].fd;
    }
    r = masked ? pselect(highest + 1, &sets[0], &sets[1], &sets[2], &nothing, NULL)
               : select(highest + 1, &sets[0], &sets[1], &sets[2], &none);
    say_result(out, r);
    for (int i = 0; r >= 0 && i < m->count; i++) {
        say(out, " ");
        for (int j = 0; m->fds[i].fd >= 0 && j < 3; j++)
            say(out, "%d", FD_ISSET(m->fds[i].fd, &sets[j]) != 0);
    }
}

/* An edge more may come at any moment: where the peer acknowledges the end; a stated difference is
 * that it may after a low-water mark. */
static bool edges_are_sure(void)
{
    for (int end = 0; end < ENDS; end++)
        if (world->ends[end].marked || world->ends[end].shut_write || world->ends[end].closed)
            return false;
    return true;
}

/* A set of them all, asked twice: level-triggered ones stay, edges go. */
static void epoll_mixture(struct mixture *m, uint32_t modes, int end, char *out)
{
    struct epoll_event got[MIXED];
    int set = m->made[MADE - 1];

    for (int i = 0; i < m->count; i++) {
        struct epoll_event e = {.events = (uint32_t)m->fds[i].events | modes,
                                .data.u32 = (uint32_t)i};

        say(out, "%s", epoll_ctl(set, EPOLL_CTL_ADD, m->fds[i].fd, &e) == 0 ? "+" : "-");
    }
    int rounds = modes & EPOLLET && !edges_are_sure() ? 1 : 2;

    for (int round = 0; round < rounds; round++) {
        int r = epoll_wait(set, got, MIXED, 0);

        say(out, " %d", r);
        for (int i = 0; i < m->count; i++)
            for (int j = 0; j < r; j++)
                if (got[j].data.u32 == (uint32_t)i) {
                    say(out, " %d:", i);
                    say_poll(out, told_events(m, i, got[j].events, end));
                }
    }
}

/* descriptor, style, which others, which events */
void run_mixed(const struct operation *o, char *out)
{
    int end = end_of(o->arg[0]);
    struct mixture m;

    if (open_slot(o->arg[0]) < 0) {
        say(out, "skip");
        return;
    }
    /* A stated difference: an edge that comes with the handshake's end may be the next wait's. */
    if (o->arg[1] == BY_EPOLL_EDGE && !world->handshaken)
        world_finish_handshake();
    mix(&m, o);
    if (o->arg[1] == BY_POLL || o->arg[1] == BY_PPOLL)
        poll_mixture(&m, o->arg[1] == BY_PPOLL, end, out);
    else if (o->arg[1] == BY_SELECT || o->arg[1] == BY_PSELECT)
        select_mixture(&m, o->arg[1] == BY_PSELECT, out);
    else
        epoll_mixture(&m,
                      o->arg[1] == BY_EPOLL_EDGE      ? (uint32_t)EPOLLET
                      : o->arg[1] == BY_EPOLL_ONESHOT ? (uint32_t)EPOLLONESHOT
                                                      : 0,
                      end, out);
    for (int i = 0; i < MADE; i++)
        close(m.made[i]);
}

/* ---- a signal that is pending and blocked, let in by the wait's mask ---- */

static volatile sig_atomic_t caught;

static void catch_signal(int number)
{
    (void)number;
    caught++;
}

static int masked_wait(const struct operation *o, int fd, const sigset_t *mask)
{
    struct timespec limit = {0, (long)o->arg[2] * 1000000};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct epoll_event e = {.events = EPOLLIN}, got;
    fd_set in;
    int set, r, error;

    switch (o->arg[1]) {
    case BY_POLL:
    case BY_PPOLL:
        return ppoll(&p, 1, &limit, mask);
    case BY_SELECT:
    case BY_PSELECT:
        FD_ZERO(&in);
        FD_SET(fd, &in);
        return pselect(fd + 1, &in, NULL, NULL, &limit, mask);
    default:
        set = epoll_create1(0);
        epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
        r = epoll_pwait(set, &got, 1, (int)o->arg[2], mask);
        error = errno;
        close(set);
        errno = error;
        return r;
    }
}

/* descriptor, style, milliseconds. The signal's handler is restored by the next `signalled`. */
void run_masked(const struct operation *o, char *out)
{
    struct sigaction action = {.sa_handler = catch_signal}, before;
    int slot = open_slot(o->arg[0]), r, in_wait;
    sigset_t blocked, old, mask;

    if (slot < 0) {
        say(out, "skip");
        return;
    }
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR2);
    sigaction(SIGUSR2, &action, &before);
    pthread_sigmask(SIG_BLOCK, &blocked, &old);
    mask = old;
    sigdelset(&mask, SIGUSR2);
    caught = 0;
    syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR2);
    r = masked_wait(o, world->fds[this_process][slot], &mask);
    in_wait = caught;
    say_result(out, r);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    say(out, " caught %d %d", in_wait, (int)caught);
    sigaction(SIGUSR2, &before, NULL);
}
