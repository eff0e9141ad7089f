/* guard: a program like any other, which knows nothing of tlshim and does what once let plaintext
 * out, hung, spun or lost data. The tests beside it run `guard CASE ARGUMENT...`, plain and under
 * the launcher. What a case finds it says on the standard output, a line each. */
#ifndef GUARD_H
#define GUARD_H

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct guard_case {
    const char *name;
    void (*run)(char **arguments);
};
/* Each ends with a case that has no name. */
extern const struct guard_case guard_leaks[], guard_streams[], guard_windows[], guard_waking[],
    guard_times[], guard_integrity[], guard_processes[];

/* ---- guard_tools.c ---- */

/* What must never be seen on the wire: $TLSTEST_MARKER. */
extern const char *secret;
extern size_t secret_length;

/* A line for the test, on the standard output that the program was started with, whatever has
 * become of descriptor 1. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);
/* "CALL: RESULT" or "CALL: ERRNO". Returns result. */
long told(const char *call, long result);
/* Ends the program with a message when `good` is false: the case could not be set up. */
void need(bool good, const char *what);
/* Ends the program at once: no flush, no wait for handshakes. */
_Noreturn void leave(void);

/* A system call that no library sees. Returns -errno for errors. */
long raw(long number, long a, long b, long c, long d);

double now(void);
double cpu_seconds(void);
/* Says "WHAT: spins" if more CPU time than a wait needs went by since `cpu_before`, else "WHAT:
 * sleeps". */
void say_spins(const char *what, double cpu_before);

struct sockaddr_in loopback(int port);
/* Listens on a port of the kernel's choice. */
int listener(int *port);
/* A blocking socket and a blocking connect. */
int connected_to(int port);
void nonblocking(int fd);
/* poll for events with a bound; what poll returned. */
int ready(int fd, short events, int milliseconds);

struct ends {
    int client, server;
};
/* Two connected ends, across which a byte has gone each way. */
struct ends connected_pair(void);

/* ---- guard_step.c: races made certain ---- */

/* Runs work(argument) in a thread that is stopped before each system call that it makes. At each
 * stop, meanwhile(argument, stop, number) is run (stop counts from 0, number is the call's) in
 * another thread, and the first goes on when that is done or sleeps, which it may do if it needs a
 * lock that the stopped thread holds. Returns the number of stops. */
int step_through(void (*work)(void *), void (*meanwhile)(void *, int stop, int number),
                 void *argument);
/* The same with meanwhile run by the calling thread, for work that may stop with libc's own locks
 * held: it must need none. */
int step_locked(void (*work)(void *), void (*meanwhile)(void *, int stop, int number),
                void *argument);
/* Lasts until every other thread of this process but the stopped one sleeps, and the single thread
 * of another process, where its number is not 0. */
void others_sleep(int process);
/* In meanwhile: the thread that is stopped. */
int stopped_thread(void);

#endif
