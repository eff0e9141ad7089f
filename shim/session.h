/* A TLS connection as the library keeps it: the engine's flat session, its buffers, its two locks.
 *
 * Sessions live in the arena and are named by a shim_ref; the generation tells a live one from a
 * later one in the same place. Memory of a session is always mapped and its locks always usable,
 * so a stale reference is found out after locking, never by a crash.
 *
 * Locking rules:
 *   - read_lock covers the reading half, write_lock the writing half; whoever needs both takes
 *     read_lock first. Until the handshake is over every call takes both; in a renegotiation the
 *     reader takes the write lock as well (io_renegotiate.c).
 *   - All signals are blocked while a lock is held (shim_enter), every system call made then is a
 *     non-blocking one through shim_sys, and nobody waits while holding one. So neither signal
 *     handlers, cancellation, siglongjmp nor fork ever meets a held lock of its own thread.
 *   - _Atomic fields may be looked at without a lock, of a session that has ended too: what is seen
 *     is a hint, and whoever acts on it takes the lock and looks again.
 *   - Locks are robust: when a holder dies at work, the next one finds out and the session fails
 *     closed. An exec waits for the threads that it ends (standstill.h). */
#ifndef SHIM_SESSION_H
#define SHIM_SESSION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common_rules.h"

enum shim_stage {
    SHIM_CONNECTING, /* TCP is not up yet: a non-blocking or interrupted connect */
    SHIM_HANDSHAKE,
    SHIM_OPEN, /* established, until closed */
    SHIM_FAILED
};

/* A connect that did not wait is answered by SO_ERROR. It succeeded when TCP did, whatever has
 * become of the handshake since, unless the program has seen both in turn. */
enum shim_connect_result {
    SHIM_CONNECT_TOLD,
    SHIM_CONNECT_PENDING,
    SHIM_CONNECT_SHOWN /* POLLOUT said that the connection is there */
};

enum { SHIM_QUEUE_MAX = 16384 /* plaintext that may wait for the handshake, bytes */ };
enum { SHIM_SHUT = 1, SHIM_SHUT_FIN = 2 };
enum { SHIM_HOLDERS_INLINE = 8 };

struct shim_holder {
    uint32_t process; /* id in the process table, never reused */
    uint32_t holds;   /* 1: has it; 0: had it and gave it up */
};

struct shim_session {
    _Atomic uint32_t generation; /* odd: live */
    uint32_t index;              /* own place in the pool */
    _Atomic uint64_t cookie;     /* SO_COOKIE: which socket this belongs to */
    pthread_mutex_t read_lock, write_lock;
    /* Who holds the lock is at work, and what the lock covers may be half done. */
    _Atomic uint8_t reading, writing;
    struct tls_session tls;

    /* Which rule it is under: ruling.h's business. */
    _Atomic uint32_t rule;              /* its number, for other programs (rule_numbers.h) */
    _Atomic uint32_t place, rule_index; /* of the rules in this process, and of the rule in them */
    _Atomic uint64_t rules_id;

    _Atomic uint8_t stage;     /* enum shim_stage */
    _Atomic uint8_t touched;   /* a read or write was tried during the handshake */
    _Atomic uint8_t eager;     /* handshake = connect: touched from the start */
    _Atomic uint8_t tail;      /* sealed bytes wait for room in the kernel */
    _Atomic uint32_t refusals; /* writes that were cut short or refused for want of room */
    _Atomic int error;         /* errno to give once, to a writer or by SO_ERROR */
    _Atomic int failure;       /* errno that every read gives: a cut stream never looks ended */
    _Atomic int64_t deadline;  /* of the handshake or of lingering, CLOCK_MONOTONIC ns */
    _Atomic uint8_t lingering; /* closed by the program; a number of ours sends the rest */
    /* it lives on in another arena (transfer.h): nothing is sent or read here */
    _Atomic uint8_t moved;

    _Atomic uint8_t connect_result; /* enum shim_connect_result */

    /* the handshake's, under both locks; a renegotiation's under the write lock */
    uint32_t handshake_slab, big_piece;
    uint32_t queue_slab;
    _Atomic uint32_t queue_length; /* plaintext written in a handshake */
    uint8_t started;

    /* the reading half's */
    uint32_t in_slab; /* 0 while nothing is in user memory */
    uint32_t in_have; /* ciphertext of a partial record at the slab's start */
    _Atomic uint32_t plain_start, plain_end; /* plaintext left over, in the slab */
    uint32_t in_used;                        /* bytes of the slab that may hold plaintext */
    uint8_t held_byte;         /* the last record's last byte is still in the kernel */
    _Atomic uint8_t ended;     /* close_notify, or a tolerated end */
    _Atomic uint8_t shut_read; /* SHUT_RD: when the kernel has no more, that is the end */
    uint32_t told;             /* one more than FIONREAD said and is still unread; 0: not asked */
    uint32_t missing;          /* bytes that make the partial record whole, after a look at it */
    uint32_t low_water;        /* SO_RCVLOWAT set for it; 0: it is 1 */
    _Atomic uint32_t program_low_water; /* SO_RCVLOWAT as the program set it, in plaintext */

    uint8_t both; /* whoever has the read lock has the write lock too */

    /* the writing half's */
    uint32_t out_slab;
    _Atomic uint8_t shut; /* SHIM_SHUT: no more writes, close_notify goes out after what waits;
                           * SHIM_SHUT_FIN: and the socket's writing half is shut down then */
    _Atomic uint8_t close_sealed;
    uint8_t written;           /* the program has written something */
    uint8_t after_handshake;   /* what is sent next follows a handshake's last bytes */
    _Atomic uint8_t shut_last; /* the peer had finished before this side shut its writing */

    /* under the registry lock */
    uint32_t hash_next;
    _Atomic uint32_t watches;  /* first struct shim_watch */
    _Atomic uint8_t unwatched; /* there are some, but their sets are closed */
    uint32_t birth_process, birth_forks;
    uint32_t in_flight; /* messages with its descriptor that nobody has received yet */
    uint8_t orphaned;   /* nobody but such a message holds it */
    uint8_t ending;     /* nobody holds it: its last holder says goodbye */
    uint32_t holder_count, holder_slab;
    struct shim_holder holders[SHIM_HOLDERS_INLINE];

    /* What the program calls the peer, kept until the handshake starts; then the address for log
     * lines. */
    char peer_name[TLS_NAME_MAX + 1];
    char peer_address[56]; /* "[2001:db8::1]:65535" */
    int64_t born;          /* CLOCK_MONOTONIC, under a trace; else 0 */
    /* Of the certificate that it has shown, cut to size; empty: none, or a resumed session. */
    char peer_subject[120];
    uint32_t identity_slab, identity_length; /* identity.c's, for programs that are started */
};

struct shim_ref {
    struct shim_session *session; /* NULL: no TLS here */
    uint32_t generation;
};

struct shim_guard {
    uint64_t signals; /* the mask to put back */
    int saved_errno;
};

/* Blocks every signal and remembers errno; undone by shim_leave. */
void shim_enter(struct shim_guard *guard);
void shim_leave(const struct shim_guard *guard);

/* Take a lock; false when the session is gone (nothing is then held). */
bool session_lock_read(struct shim_ref ref);
bool session_lock_write(struct shim_ref ref);
bool session_lock_both(struct shim_ref ref);
/* Never waits: false also when somebody else has it. */
bool session_try_write(struct shim_ref ref);
void session_unlock_read(struct shim_session *s);
void session_unlock_write(struct shim_session *s);
void session_unlock_both(struct shim_session *s);

/* A first handshake, or a renegotiation in the open session. */
static inline bool session_in_handshake(const struct shim_session *s)
{
    unsigned stage = atomic_load(&s->stage);

    return stage == SHIM_HANDSHAKE || (stage == SHIM_OPEN && tls_in_handshake(&s->tls));
}

static inline bool session_is_live(struct shim_ref ref)
{
    return atomic_load_explicit(&ref.session->generation, memory_order_acquire) == ref.generation;
}

/* A new session for the socket with this cookie, in stage CONNECTING; nobody else sees it before
 * session_publish. NULL when the arena is full. Call both between shim_enter and shim_leave. */
struct shim_ref session_birth(uint64_t cookie, const struct rules *rules,
                              const struct policy_rule *rule);
/* From here on session_find finds it, and this process holds it. only_if_first: false, and nothing
 * is done, when the socket has a session already. */
bool session_publish(struct shim_ref ref, bool only_if_first);
/* The live session of the socket with this cookie, if any. */
struct shim_ref session_find(uint64_t cookie);
/* Releases the sessions whose holders were all killed. Between shim_enter and shim_leave, with no
 * lock held. */
void session_reap(void);
/* Wipes and frees. Both locks are held and are released. */
void session_release(struct shim_session *s);

/* The lock over what is not one session's: the cookie table, holders, watches. Between shim_enter
 * and shim_leave, and never while waiting for a session's lock. */
void registry_lock(void);
void registry_unlock(void);

/* The same in any arena, and the head of the chain that a cookie's session is in there. */
struct shim_global;
void registry_lock_of(struct shim_global *g);
void registry_unlock_of(struct shim_global *g);
uint32_t *session_bucket(struct shim_global *g, uint64_t cookie);

#endif
