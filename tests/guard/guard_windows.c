/* The moments between two system calls of the library, each held open while another thread uses the
 * same descriptor. */
#include "guard.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/syscall.h>

enum { NUMBER = 50, ENOUGH = 200 };

struct window {
    int fd, port, at; /* at: the stop at which the other thread acts */
    struct sockaddr_in address;
    int copy;
    bool acted;
};

static void write_secret(int fd)
{
    ssize_t r = write(fd, secret, secret_length);

    (void)r;
}

/* ---- connect while another thread writes ---- */

static void connects(void *argument)
{
    struct window *w = argument;

    connect(w->fd, (struct sockaddr *)&w->address, sizeof(w->address));
}

static void writes_there(void *argument, int stop, int number)
{
    struct window *w = argument;

    (void)stop, (void)number;
    write_secret(w->fd);
    send(w->fd, secret, secret_length, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* connecting COVERED */
static void connecting(char **ports)
{
    for (int blocking = 0; blocking < 2; blocking++) {
        struct window w = {.fd = socket(AF_INET, SOCK_STREAM, 0),
                           .address = loopback(atoi(ports[0]))};

        if (!blocking)
            nonblocking(w.fd);
        say("stopped: %s", step_through(connects, writes_there, &w) > 0 ? "yes" : "no");
        nonblocking(w.fd);
        write_secret(w.fd);
    }
}

/* ---- a write that was begun before connect ---- */

static void writes_first(void *argument)
{
    write_secret(((struct window *)argument)->fd);
}

static void connects_meanwhile(void *argument, int stop, int number)
{
    struct window *w = argument;

    (void)number;
    if (stop != w->at)
        return;
    w->acted = true;
    connects(w);
}

/* written-first COVERED */
static void written_first(char **ports)
{
    struct window w = {.address = loopback(atoi(ports[0]))};

    for (w.at = 0; w.at < ENOUGH; w.at++) {
        w.fd = socket(AF_INET, SOCK_STREAM, 0);
        w.acted = false;
        step_through(writes_first, connects_meanwhile, &w);
        nonblocking(w.fd);
        write_secret(w.fd);
        if (!w.acted)
            break;
    }
    say("stopped: %s", w.at > 0 && w.at < ENOUGH ? "yes" : "no");
}

/* ---- a write that begins while connect() waits for the peer ---- */

static void *connects_slowly(void *argument)
{
    connects(argument);
    return NULL;
}

/* connecting-slowly COVERED: a listener whose queue is full; says when the write has begun. */
static void connecting_slowly(char **ports)
{
    struct window w = {.fd = socket(AF_INET, SOCK_STREAM, 0), .address = loopback(atoi(ports[0]))};
    pthread_t thread;

    need(pthread_create(&thread, NULL, connects_slowly, &w) == 0, "thread");
    others_sleep(0);
    say("writing");
    write_secret(w.fd);
    pthread_join(thread, NULL);
    nonblocking(w.fd);
    write_secret(w.fd);
}

/* ---- dup2 of a connection over a number that another thread writes to ---- */

static void replaces(void *argument)
{
    struct window *w = argument;

    dup2(w->fd, NUMBER);
}

static void writes_number(void *argument, int stop, int number)
{
    (void)argument, (void)stop, (void)number;
    write_secret(NUMBER);
}

/* The number is a file again: one that is known, or one that has never been used. */
static void number_is_file(bool known)
{
    int file = open("/dev/null", O_RDWR);

    close(NUMBER);
    if (known) {
        need(dup2(file, NUMBER) == NUMBER && write(NUMBER, "x", 1) == 1, "/dev/null");
    } else {
        need(raw(SYS_dup3, file, NUMBER, 0, 0) == NUMBER, "/dev/null");
    }
    close(file);
}

/* replacing COVERED */
static void replacing(char **ports)
{
    struct window w = {.fd = connected_to(atoi(ports[0]))};

    nonblocking(w.fd);
    for (int known = 0; known < 2; known++) {
        number_is_file(known);
        say("stopped: %s", step_through(replaces, writes_number, &w) > 0 ? "yes" : "no");
        write_secret(NUMBER);
    }
}

/* ---- a first look at a number that becomes a connection meanwhile ---- */

static void looks(void *argument)
{
    (void)argument;
    write_secret(NUMBER);
}

/* What is about to be written was meant for the old file: no library can call it back. */
static bool acts(struct window *w, int stop, int number)
{
    if (stop == w->at)
        w->acted = true;
    return stop == w->at && number != SYS_write;
}

static void becomes_copy(void *argument, int stop, int number)
{
    struct window *w = argument;

    if (!acts(w, stop, number))
        return;
    dup2(w->fd, NUMBER);
}

/* closes the number and connects: the new connection gets it. */
static void becomes_connection(void *argument, int stop, int number)
{
    struct window *w = argument;
    int fd;

    if (!acts(w, stop, number))
        return;
    close(NUMBER);
    fd = socket(AF_INET, SOCK_STREAM, 0);
    need(connect(fcntl(fd, F_DUPFD, NUMBER), (struct sockaddr *)&w->address, sizeof(w->address)) ==
             0,
         "connect");
    close(fd);
    nonblocking(NUMBER);
}

static void look_while(void (*meanwhile)(void *, int, int), char **ports, void (*set_up)(int fd))
{
    struct window w = {.fd = connected_to(atoi(ports[0])), .address = loopback(atoi(ports[0]))};

    nonblocking(w.fd);
    for (w.at = 0; w.at < ENOUGH; w.at++) {
        w.acted = false;
        set_up(w.fd);
        step_through(looks, meanwhile, &w);
        if (!w.acted)
            break;
        write_secret(NUMBER);
    }
    say("stopped: %s", w.at > 0 && w.at < ENOUGH ? "yes" : "no");
}

static void unused_file(int fd)
{
    (void)fd;
    number_is_file(false);
}

/* looking COVERED */
static void looking(char **ports)
{
    look_while(becomes_copy, ports, unused_file);
    look_while(becomes_connection, ports, unused_file);
}

/* The number stands for a connection that was closed behind everybody's back. */
static void stale_connection(int fd)
{
    close(NUMBER);
    need(dup2(fd, NUMBER) == NUMBER, "dup2");
    raw(SYS_close, NUMBER, 0, 0, 0);
    need(raw(SYS_dup3, STDERR_FILENO, NUMBER, 0, 0) == NUMBER, "dup3");
}

static void looks_for_reading(void *argument)
{
    (void)argument;
    ready(NUMBER, POLLIN, 0);
}

/* looking-late COVERED: each connection must keep the session that it began with. */
static void looking_late(char **ports)
{
    struct window w = {.fd = connected_to(atoi(ports[0])), .address = loopback(atoi(ports[0]))};

    nonblocking(w.fd);
    for (w.at = 0; w.at < ENOUGH; w.at++) {
        w.acted = false;
        stale_connection(w.fd);
        step_through(looks_for_reading, becomes_connection, &w);
        if (!w.acted)
            break;
        write_secret(NUMBER);
    }
    say("stopped: %s", w.at > 0 && w.at < ENOUGH ? "yes" : "no");
}

/* ---- two first uses at once ---- */

static void writes_once(void *argument, int stop, int number)
{
    struct window *w = argument;

    (void)number;
    if (stop != w->at)
        return;
    w->acted = true;
    write_secret(NUMBER);
}

/* first-uses COVERED: connections that nobody has seen being made. */
static void first_uses(char **ports)
{
    struct window w = {.address = loopback(atoi(ports[0]))};

    for (w.at = 0; w.at < ENOUGH; w.at++) {
        int fd = (int)raw(SYS_socket, AF_INET, SOCK_STREAM, 0, 0);

        need(raw(SYS_connect, fd, (long)&w.address, sizeof(w.address), 0) == 0, "connect");
        raw(SYS_fcntl, fd, F_SETFL, O_NONBLOCK, 0);
        close(NUMBER);
        need(raw(SYS_dup3, fd, NUMBER, 0, 0) == NUMBER, "dup3");
        raw(SYS_close, fd, 0, 0, 0);
        w.acted = false;
        step_through(looks, writes_once, &w);
        if (!w.acted)
            break;
    }
    say("stopped: %s", w.at > 0 && w.at < ENOUGH ? "yes" : "no");
}

/* ---- the last close and a dup ---- */

static void dups(void *argument)
{
    struct window *w = argument;

    w->copy = dup(w->fd);
}

static void closes(void *argument)
{
    struct window *w = argument;

    close(w->fd);
}

static void closes_meanwhile(void *argument, int stop, int number)
{
    struct window *w = argument;

    (void)number;
    if (stop == w->at) {
        w->acted = true;
        close(w->fd);
    }
}

static void dups_meanwhile(void *argument, int stop, int number)
{
    struct window *w = argument;

    (void)number;
    if (stop == w->at) {
        w->acted = true;
        w->copy = dup(w->fd);
    }
}

static void close_and_dup(const char *name, void (*work)(void *),
                          void (*meanwhile)(void *, int, int))
{
    struct window w = {.copy = -1};
    int lost = 0;
    char bytes[8];

    for (w.at = 0; w.at < ENOUGH; w.at++) {
        struct ends e = connected_pair();

        w.fd = e.client;
        w.copy = -1;
        w.acted = false;
        step_through(work, meanwhile, &w);
        /* A copy that was made is a connection that works. */
        if (w.copy >= 0 && (write(w.copy, "copy", 4) != 4 || ready(e.server, POLLIN, 10000) != 1 ||
                            read(e.server, bytes, sizeof(bytes)) != 4))
            lost++;
        close(w.copy);
        close(e.server);
        if (!w.acted)
            break;
    }
    say("%s: stopped: %s, lost: %d", name, w.at > 0 && w.at < ENOUGH ? "yes" : "no", lost);
}

/* last-close */
static void last_close(char **ports)
{
    (void)ports;
    close_and_dup("dup while closing", dups, closes_meanwhile);
    close_and_dup("close while copying", closes, dups_meanwhile);
}

const struct guard_case guard_windows[] = {
    {"connecting", connecting},
    {"written-first", written_first},
    {"connecting-slowly", connecting_slowly},
    {"replacing", replacing},
    {"looking", looking},
    {"looking-late", looking_late},
    {"first-uses", first_uses},
    {"last-close", last_close},
    {NULL, NULL},
};
