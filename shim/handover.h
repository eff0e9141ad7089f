/* Sessions that go along into a program which this process executes or spawns.
 *
 * They go by reference: the new program maps the same arena, for this process, its parent or a
 * child may go on using them, and a copy would use the same keys and sequence numbers twice. The
 * arena's descriptor loses its close-on-exec flag for the exec, and an environment variable says
 * where it is and who the new program is in the arena's table of processes. At its start the
 * library there maps the arena, finds by their cookies the sessions of the descriptors that it
 * inherited, and hides the descriptor again.
 *
 * Whatever speaks against it is an error of the exec: a program that cannot be covered never gets a
 * session's descriptor. */
#ifndef SHIM_HANDOVER_H
#define SHIM_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "child_environment.h"
#include "common_program.h"

struct handover {
    bool is_off;    /* the library takes no part in this exec */
    bool carries;   /* sessions go along */
    bool has_noted; /* what is to be undone when the exec fails */
    enum child_coverage coverage;
    struct arena *parcel; /* an exec as another user: the sessions that go along, alone */
    int parcel_fd;
    char variable[64]; /* ARENA_VARIABLE "=..." when something is carried */
};

/* What is to be executed. */
struct handover_target {
    const char *name; /* NULL: that is the exec's own error */
    bool is_searched; /* in PATH, as execvp does */
};

/* Before an exec in this process. False with errno: refused, and logged; nothing is changed. */
bool handover_exec(struct handover *h, const struct handover_target *target);
/* The exec failed: all is as before, but for sessions that were closed for good. Keeps errno. */
void handover_undo(struct handover *h);

/* Around a spawn: the child is a new process, that inherits what this one does not close on exec.
 * End gets its pid, or a negative number when there is none. One spawn at a time. */
bool handover_spawn(struct handover *h, const struct handover_target *target);
void handover_spawned(const struct handover *h, int pid);
/* Is the target covered without more ado, with nothing to carry and this process's environment as
 * it is? Then libc's own ways of starting it are good enough. */
bool handover_is_plain(const struct handover_target *target);
/* A session's descriptor will be put at another number of a spawned child. */
void handover_note_copy(void);
/* A forked child begins with no spawn under way. */
void handover_in_child(void);
void spawn_in_child(void); /* calls_spawn.c */

/* "TLSHIM_ARENA=..." or NULL. */
static inline const char *handover_variable(const struct handover *h)
{
    return h->carries ? h->variable : NULL;
}

/* At start, before the arena is made: is there one that comes from the program before this one? It
 * becomes this process's own. False: there should be, and is not; *why says what is wrong. */
bool handover_adopt(bool *adopted, const char **why);
/* Then, when all is ready: the descriptors that came along find their sessions. */
void handover_find_sessions(bool adopted);

#endif
