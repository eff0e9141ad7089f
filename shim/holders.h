/* Who holds a session: which processes have a descriptor for its socket.
 *
 * A count would be wrong after kill -9, and touching every session at fork would make fork slow
 * for a program with thousands of them. So fork only adds a line to the process table; that a child
 * inherited a session follows from the table (it was forked after the session's birth from a
 * process that held it), and is written down with the session only when a holder gives it up. */
#ifndef SHIM_HOLDERS_H
#define SHIM_HOLDERS_H

#include <stdbool.h>
#include <stdint.h>

#include "session.h"

enum { SHIM_PROCESSES = 2048 /* that the table has room for */ };

struct shim_process {
    uint32_t id;          /* 0: free entry */
    int32_t pid;          /* 0: being forked */
    uint32_t parent;      /* id */
    uint32_t fork_number; /* the arena's count of forks when it was made */
    uint32_t has_execed;  /* it holds only what is written down with the session */
    uint64_t space;       /* the name space that the pid is of; 0: not known */
    int64_t since; /* CLOCK_BOOTTIME ns: not before its start, so a later start is another's */
};

/* This process's id; it is registered by holders_start. */
uint32_t shim_process_id(void);
void holders_start(void);

/* Around fork: the child is registered before it exists, so that the parent's close just after
 * fork already knows of it. in_parent gets the child's pid, or a negative number when fork failed.
 */
void holders_before_fork(void);
void holders_in_parent(int pid);
void holders_in_child(void);
/* The same around a spawn: the child holds only what holders_give names. Its id, 0 when the table
 * is full; and what its pid is, negative when there is none. */
uint32_t holders_before_spawn(void);
void holders_spawned(uint32_t child, int pid);
/* Before an exec: from now on this process holds only the sessions that holders_add names (those
 * whose descriptors survive). false: the exec failed, all is as before. */
void holders_exec(bool begins);
/* This process is the one of that id, after an exec or as a spawned child, and holds what
 * holders_add names. */
void holders_resume(uint32_t id);

/* Which entries of the process table live, for many questions at once. With the registry locked. */
struct holders_census {
    bool counted; /* false: this process is not in the table, nobody can tell */
    bool lives[SHIM_PROCESSES];
};
void holders_count(struct holders_census *census);
/* Did every process that held it end without giving it up (kill -9)? With the registry locked. */
bool holders_are_dead(struct shim_session *s, const struct holders_census *census);

/* At exit, when every session has been given up. */
void holders_end(void);

/* Another process of this arena has the session from now on. Between shim_enter and shim_leave. */
void holders_give(struct shim_session *s, uint32_t process);
/* Does nobody but this process hold it, and is no message with it on its way? Between shim_enter
 * and shim_leave. */
bool holders_is_alone(struct shim_session *s);

/* This process got the session by another way than fork (a passed descriptor). Between shim_enter
 * and shim_leave. */
void holders_add(struct shim_session *s);

/* The same for a session that was found by its socket. False: whoever held it last is closing it,
 * and nothing is done. Between shim_enter and shim_leave. */
bool holders_join(struct shim_ref ref);

/* The session's descriptor is in a message on its way: nobody who gives it up meanwhile is the
 * last. false: it was not sent after all. And: this process has received it. Between shim_enter and
 * shim_leave. */
void holders_send(struct shim_session *s, bool begins);
void holders_receive(struct shim_session *s);

/* This process gives the session up. True when nobody else that lives holds it. Between shim_enter
 * and shim_leave. */
bool holders_drop(struct shim_session *s);

#endif
