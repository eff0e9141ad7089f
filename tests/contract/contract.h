/* A program that knows nothing of TLS and uses sockets in every way that shared/acceptance.md
 * names.
 *
 * Each case prints what it saw, line by line; run plain and under tlshim, the two transcripts must
 * agree (cases.t). So nothing goes in a transcript that a plain run would not repeat: no number
 * that depends on timing or on the size of a socket buffer. */
#ifndef TESTS_CONTRACT_H
#define TESTS_CONTRACT_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* ---- the transcript ---- */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A line that starts with WRONG when the condition does not hold, and fails the case. */
#define check(condition, ...) ((condition) ? (void)0 : wrong(__LINE__, #condition, __VA_ARGS__))
void wrong(int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "5", or the errno's name: of a call that returns -1 with errno. In a ring of static buffers. */
const char *outcome(ssize_t result);
/* Says the outcome of the call (the format's first %s) and what is looked at after it: arguments
 * are evaluated in no order of their own. */
#define say_of(call, format, ...)                                                                  \
    do {                                                                                           \
        const char *outcome_of_call = outcome(call);                                               \
                                                                                                   \
        say(format, outcome_of_call, __VA_ARGS__);                                                 \
    } while (0)
/* "IN|RDHUP" of poll's bits, which epoll shares. */
const char *bits(unsigned events);
/* Ends the program when the call that sets a case up fails. */
int must(int result, const char *what);
#define MUST(call) must((call), #call)

/* ---- time ---- */
int64_t now_ms(void);
void pause_ms(int ms);
int64_t cpu_ms(void); /* of this process so far, user and system */

/* ---- bytes: every stretch tells its place, and the marker that the capture looks for is in it
 * ---- */
void fill(void *buffer, size_t n, uint64_t position);
/* Are these the bytes from position on? */
bool filled(const void *buffer, size_t n, uint64_t position);

/* ---- connections. Ports are PORT_BASE of a family plus the slot that the command line gives ----
 */
enum port {
    PORT_DIRECT = 10000,   /* TLS by listen and connect rules */
    PORT_SECOND = 10500,   /* as PORT_DIRECT */
    PORT_ACCEPTS = 11000,  /* TLS by a listen rule only */
    PORT_CONNECTS = 12000, /* TLS by a connect rule only */
    PORT_PLAIN = 13000,    /* no rule */
    PORT_HURRIED = 14000,  /* listen rule with handshake-timeout = 1 */
    PORT_EAGER = 15000,    /* connect rule with handshake = connect */
    PORT_TOLERANT = 16000, /* connect rule with truncation = allow */
    PORT_DENIED = 17000    /* deny */
};
extern int contract_slot;
int listener(enum port family);
int connect_to(enum port family); /* blocking; the connected socket */
int new_socket(void);
/* connect(fd, ...) to 127.0.0.1, the family's port. */
int connect_fd(int fd, enum port family);
int accept_from(int listener);
void nonblocking(int fd, bool on);

struct pair {
    int client, server;
};
/* Connected, both ends in this process, nothing exchanged yet. */
struct pair pair_fresh(void);
/* A byte went each way too. */
struct pair pair_open(void);
void pair_close(struct pair *p);
void say_hello(const struct pair *p); /* the byte each way */

/* A pair with a relay in between, which a process of its own runs on sockets that no rule covers,
 * so that it decides which bytes arrive when. Server to client; the other way passes freely. */
struct relay {
    struct pair ends;
    int control;
    pid_t process;
};
/* client_buffer: SO_RCVBUF of the client before it connects; 0: as it is. */
struct relay relay_open(int client_buffer);
void relay_close(struct relay *r);
/* Keeps what the server sends. */
void relay_hold(const struct relay *r);
/* Passes all that is held on in one write, and what comes later as it comes. */
void relay_pass(const struct relay *r);
/* Waits until the server's bytes are there, then passes on the first n of what is held if this is
 * TLS (n is of ciphertext, and shorter than the record), and nothing if it is not: in either case
 * no byte for the program. */
void relay_part(const struct relay *r, size_t n);
/* relay_pass after so many milliseconds, without waiting here. */
void relay_pass_later(const struct relay *r, int ms);
/* Passes on one byte a time, so many microseconds apart, without waiting here. */
void relay_drip(const struct relay *r, int microseconds);
/* Ends both connections without a further byte: FIN. */
void relay_cut(const struct relay *r);

/* ---- children and threads ---- */
/* Runs f(arg) in a forked child; its exit status is what f returns, and goes through _exit. */
pid_t start_child(int (*f)(void *arg), void *arg);
/* The child's exit status; a signal s: 1000 + s. */
int child_status(pid_t pid);
pthread_t start_thread(void *(*f)(void *arg), void *arg);

/* ---- signals ---- */
extern volatile sig_atomic_t caught;
/* Counts in `caught`; flags: SA_RESTART or 0. */
void catch (int sig, int flags);
void catch_with(int sig, int flags, void (*handler)(int));
/* SIGALRM once after so many milliseconds, and then every `again` (0: no more). */
void ring(int ms, int again);

/* ---- reading and writing whole ---- */
ssize_t read_all(int fd, void *buffer, size_t n); /* until n, end or error */
ssize_t write_all(int fd, const void *buffer, size_t n);
/* Reads to the end of the stream checking that it is fill()'s from position on; bytes read, or -1
 * with errno; -2: other bytes. */
int64_t read_stream(int fd, uint64_t position);
bool readable_within(int fd, int ms); /* by poll */

/* ---- cases ---- */
struct contract_case {
    const char *name; /* "12 poll": the line of the contract, and which of its tests */
    void (*run)(void);
};
extern const struct contract_case connecting_cases[], reading_cases[], writing_cases[],
    ending_cases[], poll_cases[], epoll_cases[], signal_cases[], thread_cases[], around_cases[],
    plain_cases[], handing_cases[], stream_cases[], number_cases[], process_cases[], spawn_cases[];

#endif
