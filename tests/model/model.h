/* The model test's program: random sequences of socket calls on both ends of a TCP connection, run
 * by several threads and a child process, with every outcome written down.
 *
 * A sequence is made from a seed or read as text, one operation a line. The outcome of an operation
 * depends on the sequence alone, never on timing: operations run one after the other, each after
 * what was sent before has arrived; those that run at the same time (a read that waits for what
 * another thread writes) have one possible outcome. An operation that would wait for ever by the
 * world's own account is not run ("skip"), so that any part of a sequence is a sequence too, which
 * shrinking needs. The bytes of each direction are a fixed stream, so that a lost, repeated or
 * changed byte shows at the read that meets it.
 *
 * The same sequence is run once over plain TCP and once under tlshim, and the outcomes compared
 * (model.t). What is known to differ is written down in one form for both: see README. */
#ifndef MODEL_H
#define MODEL_H

#include <semaphore.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { CLIENT, SERVER, ENDS };
enum { COPIES = 3, SLOTS = ENDS * COPIES }; /* descriptors of an end: c0 c1 c2, s0 s1 s2 */
enum { PARENT, CHILD, PROCESSES };
enum { EPOLLS = 2 };
/* Who carries out an operation: the program's first thread, three others, the child process. */
enum { ACTOR_MAIN, ACTOR_CHILD = 4, ACTORS };

/* ---- operations (model_text.c, model_generate.c) ---- */

enum { ARGUMENTS = 7, OPERATIONS = 64 };

struct operation {
    uint8_t kind, actor;
    uint32_t arg[ARGUMENTS];
};

struct sequence {
    uint32_t polls;         /* how far the handshake is taken before the first operation */
    uint32_t small_buffers; /* SO_SNDBUF and SO_RCVBUF of a few records */
    int count;
    struct operation operations[OPERATIONS];
};

enum { LINE = 512 };

enum kind {
    SEND,
    RECV,
    STATED,
    POLL,
    SELECT,
    EPOLL_ADD,
    EPOLL_MOD,
    EPOLL_DEL,
    EPOLL_WAIT,
    READABLE,
    QUERY,
    SHUTDOWN,
    CLOSE,
    DUP,
    NONBLOCK,
    LOW_WATER,
    RECEIVE_TIMEOUT,
    FORK,
    EXIT,
    READ_WAITS,
    POLL_WAITS,
    SIGNALLED,
    BULK,
    DUPLEX,
    FILL,
    WAIT_HERE,
    MIXED_WAIT,
    MASKED_WAIT,
    LINGER,
    SHUT_WAKES,
    CONNECTS,
    INFO,
    TRANSFER_OUT,
    TRANSFER_IN,
    KINDS
};

enum send_style {
    BY_SEND,
    BY_WRITE,
    BY_WRITEV,
    BY_SENDMSG,
    BY_SENDTO,
    BY_SENDMMSG,
    BY_SENDFILE,
    SEND_STYLES
};
enum recv_style { BY_RECV, BY_READ, BY_READV, BY_RECVMSG, BY_RECVFROM, BY_RECVMMSG, RECV_STYLES };
enum wait_style {
    BY_POLL,
    BY_PPOLL,
    BY_SELECT,
    BY_PSELECT,
    BY_EPOLL,
    BY_EPOLL_EDGE,
    BY_EPOLL_ONESHOT,
    BY_EPOLL_NESTED,
    WAIT_STYLES
};
enum dup_style {
    BY_DUP,
    BY_F_DUPFD,
    BY_F_DUPFD_CLOEXEC,
    BY_DUP2,
    BY_DUP3,
    BY_DUP2_OVER,
    DUP_STYLES
};

/* How an operation is written and run. An actor's own operations fill `out`; the others are led by
 * the first thread, which has several actors carry out parts. */
struct kind_of {
    const char *name;
    const char *arguments; /* one letter each, see model_text.c */
    void (*run)(const struct operation *o, char *out);
    bool led;
};
extern const struct kind_of kinds[KINDS];

void operation_print(const struct operation *o, char out[LINE]);
/* False when the line is no operation. */
bool operation_parse(struct operation *o, const char *line);
void sequence_print(const struct sequence *q);
bool sequence_read(struct sequence *q);

void generate(struct sequence *q, uint64_t seed);
/* Puts in, or leaves out, what sequences can have: names with commas between, or "all". False: a
 * name is unknown. */
bool generator_choose(const char *names, bool in);

/* ---- the world (model_world.c): what is open, sent, received; shared with the child ---- */

struct end {
    int descriptors; /* open ones, in both processes */
    bool closed, shut_read, shut_write;
    bool counted; /* FIONREAD was asked */
    bool marked;  /* SO_RCVLOWAT was above 1 */
    bool wrote_to_closed;
    bool reset; /* the peer's answer to what it no longer reads, or its abort, is there */
    bool told;  /* of which this end has been told: see fails_again */
    bool nonblocking;
    bool lingers; /* SO_LINGER of no time: the last close resets */
    uint32_t low_water, receive_timeout;
    uint64_t written, taken; /* bytes of this end's stream out, and of the other's stream in */
};

struct world {
    struct end ends[ENDS];
    int fds[PROCESSES][SLOTS];     /* -1: not open */
    int epolls[PROCESSES][EPOLLS]; /* -1: none yet */
    bool child_lives;
    bool concurrent; /* several actors at once: the account is behind the calls */
    bool handshaken; /* what TLS does before the first byte is over */
    pid_t child;
    bool small_buffers;
    uint32_t flight_limit;
};
extern struct world *world;
extern int this_process; /* PARENT or CHILD */

static inline int end_of(uint32_t slot)
{
    return (int)slot / COPIES;
}
static inline uint64_t available(int end)
{
    return world->ends[1 - end].written - world->ends[end].taken;
}
/* A stated difference: of a broken connection the first failure is the same; what later calls say
 * (EPIPE, ECONNRESET or the end) is not, nor is it where this end wanted to hear no more. */
bool fails_again(int end);
/* Call failed (or ended a stream) on this end: from its outcome on, fails_again. */
void end_told(int end);
/* No read on this end waits any more: the peer has finished, or reading is shut. */
bool input_ended(int end);
/* A slot of this process's that is open, of the same end as `slot` and itself if it can be; -1. */
int open_slot(uint32_t slot);
int slot_of_end(int process, int end);
/* Keeps the account: fds[this_process][slot] has been opened or closed. */
void slot_opened(uint32_t slot, int fd);
void slot_closed(uint32_t slot);

void world_init(void);
void world_connect(const struct sequence *q);
void world_disconnect(void);
void world_finish_handshake(void);
/* Waits until what was sent has arrived and what was closed is seen to be. */
void world_settle(void);

/* The stream: `n` bytes at a position, contiguous for n up to PATTERN_RUN. */
enum { PATTERN_PERIOD = 65521, PATTERN_RUN = 65536 };
const uint8_t *pattern(int end, uint64_t position);
/* Where the stream's byte at this position is in pattern_file. */
off_t pattern_offset(int end, uint64_t position);
extern int pattern_file;

/* ---- actors (model_actors.c) ---- */

void actors_init(void);
/* Carries out an operation and waits for it: the outcome, valid until the actor's next. */
const char *actor_does(int actor, const struct operation *o);
void actor_begins(int actor, const struct operation *o);
bool actor_is_done(int actor);
const char *actor_ends(int actor);
void actor_signal(int actor, int number);
int process_of(int actor);
/* The actor that stands in for `actor` when there is no child. */
int actor_or_stand_in(int actor);
void child_begin(void);
const char *child_end(void);
/* SIGPIPE's since the last call, in this thread. */
int broken_pipes(void);

/* ---- outcomes ---- */

void say(char *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "5", or "-1 EAGAIN" from errno. */
void say_result(char *out, ssize_t result);
const char *error_name(int error);
void say_poll(char *out, unsigned events);

void run_send(const struct operation *o, char *out);
void run_recv(const struct operation *o, char *out);
void run_stated(const struct operation *o, char *out);
void run_transfer_out(const struct operation *o, char *out);
void run_transfer_in(const struct operation *o, char *out);
/* One call; the result as the call's. The stream's account is kept. */
ssize_t send_once(int fd, int end, int style, uint32_t n, int flags, uint32_t parts);

void run_poll(const struct operation *o, char *out);
void run_select(const struct operation *o, char *out);
void run_wait_here(const struct operation *o, char *out);
/* model_mixed.c */
void run_mixed(const struct operation *o, char *out);
void run_masked(const struct operation *o, char *out);
/* model_connects.c */
void run_connects(const struct operation *o, char *out);
void run_epoll_ctl(const struct operation *o, char *out);
void run_epoll_wait(const struct operation *o, char *out);

void run_readable(const struct operation *o, char *out);
void run_query(const struct operation *o, char *out);
void run_info(const struct operation *o, char *out);
void run_shutdown(const struct operation *o, char *out);
void run_close(const struct operation *o, char *out);
void run_dup(const struct operation *o, char *out);
void run_nonblock(const struct operation *o, char *out);
void run_linger(const struct operation *o, char *out);
void run_low_water(const struct operation *o, char *out);
void run_receive_timeout(const struct operation *o, char *out);

void run_fork(const struct operation *o, char *out);
void run_exit(const struct operation *o, char *out);
void run_read_waits(const struct operation *o, char *out);
void run_poll_waits(const struct operation *o, char *out);
void run_shut_wakes(const struct operation *o, char *out);
void run_signalled(const struct operation *o, char *out);
void run_bulk(const struct operation *o, char *out);
void run_duplex(const struct operation *o, char *out);
void run_fill(const struct operation *o, char *out);

#endif
