/* Which TLS descriptors are in which epoll sets.
 *
 * The kernel's registration of a TLS descriptor carries a token of ours as data, and a mask that is
 * ours while the handshake runs or sealed bytes wait. What the program asked for is kept here, so
 * that epoll_wait can give back its own data, and a CTL_MOD to the program's mask fires its edges
 * when the handshake is over. Watches lie in the arena, for an epoll set is shared by fork. */
#ifndef SHIM_WATCH_H
#define SHIM_WATCH_H

#include "real.h"
#include "session.h"

/* _Atomic: looked at without the registry's lock. */
struct shim_watch {
    _Atomic uint32_t index, serial;
    _Atomic uint32_t next;    /* in the session's chain */
    _Atomic uint32_t session; /* its index; 0: the socket was added before it was connected */
    _Atomic uint32_t
        generation;   /* and the session's: the arena lies elsewhere in another process */
    uint64_t cookie;  /* of the socket */
    uint32_t process; /* that added it */
    int epoll_fd;     /* numbers in that process */
    _Atomic int fd;
    _Atomic uint32_t wanted;      /* the program's mask */
    uint32_t given;               /* the mask that the kernel has */
    _Atomic uint8_t disarmed;     /* a one-shot that has fired */
    uint8_t closed;               /* the process has closed that number of the set */
    _Atomic uint8_t out_reported; /* edge-triggered OUT was given during the handshake */
    _Atomic uint8_t
        out_shown; /* OUT was given since, when the session's refusals were refusals_then */
    _Atomic uint32_t refusals_then;
    _Atomic uint64_t data; /* the program's */
};

/* epoll_ctl on a TLS descriptor, as the real one: 0 or -1 with errno. */
int watch_control(int epoll_fd, int operation, int fd, struct shim_ref ref,
                  struct epoll_event *event);

/* epoll_ctl on a TCP socket that is not connected yet: passed on, and remembered in case the
 * connection becomes a session (watch_adopt, between shim_enter and shim_leave). */
int watch_control_early(int epoll_fd, int operation, int fd, struct epoll_event *event);
void watch_adopt(int fd, struct shim_ref ref);
/* The other way: the connect failed, the socket goes on without a session. */
void watch_disown(struct shim_session *s);

/* Brings the kernel's masks in line with the session's stage. Between shim_enter and shim_leave;
 * the session's locks may be held. */
void watch_update(struct shim_session *s);
/* Makes the kernel look again whether the session's edge-triggered sets have something to report.
 * As watch_update. */
void watch_renew(struct shim_session *s);
/* Forgets all of a session's watches; its memory is about to be reused. */
void watch_forget(struct shim_session *s);
static inline bool watch_any(const struct shim_session *s)
{
    return atomic_load_explicit(&s->watches, memory_order_relaxed) != 0;
}

/* Does some set that is open carry the session on, when it is waited for? */
static inline bool watch_carries(const struct shim_session *s)
{
    return watch_any(s) && !atomic_load_explicit(&s->unwatched, memory_order_relaxed);
}
/* The program is about to close this number, which may be a set's: sessions that no other set
 * carries on become needy. */
void watch_set_closes(int epoll_fd);

/* Turns what the kernel reported into what the program may see, in place: drives handshakes,
 * swallows events that mean nothing to the program. Returns how many are left. */
int watch_translate(struct epoll_event *events, int count);

#endif
