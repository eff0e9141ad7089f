/* Sessions that go along into a program which this process executes or spawns.
 *
 * Where others hold one of them too (the parent of a forked child, the process that spawns) they go
 * by reference: the new program maps the same arena, for a copy would use the same keys and
 * sequence numbers twice. The arena's descriptor loses its close-on-exec flag for the exec, and an
 * environment variable says where it is and who the new program is in the arena's table of
 * processes. At its start the library there maps the arena, finds by their cookies the sessions of
 * the descriptors that it inherited, and hides the descriptor again.
 *
 * Where nobody else holds them they go in a parcel: an arena of their own, out of which the new
 * program takes them. It then has no other connection's keys in its memory, though it may drop
 * privileges later, and does not keep this arena's memory in use when all others have ended. To
 * another user they always go so, for that one may not see the rest; whoever else holds them then
 * finds them gone. By reference the new program could read the keys of all sessions; it is of the
 * same user, who may read this process's memory anyway (ptrace).
 *
 * Whatever speaks against it is an error of the exec: a program that cannot be covered never gets a
 * session's descriptor. */
#ifndef SHIM_HANDOVER_H
#define SHIM_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "child_environment.h"
#include "common_program.h"
#include "identity.h"
#include "inheritance.h"

struct handover {
    bool is_off;      /* the library takes no part in this exec */
    bool carries;     /* sessions go along */
    bool has_noted;   /* what is to be undone when the exec fails */
    bool has_stopped; /* other threads stand still */
    enum child_coverage coverage;
    struct arena *parcel; /* an exec: the sessions that go along, alone */
    int parcel_fd;
    char variable[64];                  /* ARENA_VARIABLE "=..." when something is carried */
    struct inheritance in;              /* what the new program gets */
    int streams[2];                     /* at its descriptors 0 and 1 */
    uint32_t child;                     /* a spawn that carries: in the table of processes */
    posix_spawn_file_actions_t actions; /* and its actions, with the arena's descriptor */
};

/* What is to be executed. */
struct handover_target {
    const char *name;                          /* NULL: that is the exec's own error */
    bool is_searched;                          /* in PATH, as execvp does */
    bool resets_ids;                           /* POSIX_SPAWN_RESETIDS */
    const posix_spawn_file_actions_t *actions; /* of a spawn; NULL: none */
};

/* Before an exec in this process. False with errno: refused, and logged; nothing is changed. */
bool handover_exec(struct handover *h, const struct handover_target *target);
/* The exec failed: all is as before, but for sessions that were closed for good. Keeps errno. */
void handover_undo(struct handover *h);

/* Around a spawn: the child is a new process, that inherits what this one does not close on exec
 * and what the file actions say. End gets its pid, or a negative number when there is none. */
bool handover_spawn(struct handover *h, const struct handover_target *target);
void handover_spawned(struct handover *h, int pid);

/* Is the target covered without more ado, with nothing to carry and this process's environment as
 * it is? Then libc's own ways of starting it are good enough. */
bool handover_is_plain(const struct handover_target *target);
/* A forked child begins with no spawn under way. */
void handover_in_child(void);
void spawn_in_child(void); /* calls_spawn.c */

/* "TLSHIM_ARENA=..." or NULL. */
static inline const char *handover_variable(const struct handover *h)
{
    return h->carries ? h->variable : NULL;
}

/* Replaces an environment by the one for the new program, which lies in the caller's frame. */
#define HANDOVER_ENVIRONMENT(h, environment)                                                       \
    do {                                                                                           \
        size_t room_ = 0;                                                                          \
        if (!(h)->is_off) {                                                                        \
            environment = child_environment(__builtin_alloca(child_environment_room(environment)), \
                                            environment, (h)->coverage, handover_variable(h));     \
            room_ = identity_room(environment, (h)->streams);                                      \
        }                                                                                          \
        if (room_ > 0)                                                                             \
            environment =                                                                          \
                identity_into(__builtin_alloca(room_), room_, environment, (h)->streams);          \
    } while (0)

/* At start, before the arena is made: is there one that comes from the program before this one? It
 * becomes this process's own. False: there should be, and is not; *why says what is wrong. */
bool handover_adopt(bool *adopted, const char **why);
/* Then, when all is ready: the descriptors that came along find their sessions. */
void handover_find_sessions(bool adopted);

#endif
