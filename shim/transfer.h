/* A session moves from one arena to another: into a program that does not share this one, because
 * it has an arena of its own (a descriptor passed to it) or belongs to another user (an exec after
 * setuid), who shall not see the keys of all other sessions here.
 *
 * There is never a second copy: what stays behind is a session that has failed, which its holders
 * can only close, and which says nothing on the socket then. */
#ifndef SHIM_TRANSFER_H
#define SHIM_TRANSFER_H

#include "arena.h"
#include "session.h"

/* A session as another process names it. */
struct transfer_name {
    uint32_t index, generation;
    uint64_t cookie;
};

/* Takes a session out of another arena into the own one, where this process holds it. NULL session:
 * it is gone, no memory, or it is under a rule that this process's policy does not have. */
struct shim_ref transfer_take(struct arena *from, const struct transfer_name *name);

/* Puts a session into another arena, to which only this thread writes. False: no memory. */
bool transfer_put(struct shim_ref ref, struct arena *to);
/* The session of this cookie that transfer_put has put there. */
bool transfer_find(struct arena *from, uint64_t cookie, struct transfer_name *out);

#endif
