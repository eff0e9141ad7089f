/* Making sessions: what the policy says of a connection, and the session that follows from it. */
#ifndef SHIM_CONNECTIONS_H
#define SHIM_CONNECTIONS_H

#include "common_rules.h"
#include "fdtable.h"
#include "real.h"

struct connection { /* what the policy is asked about */
    uint8_t address[16];
    uint8_t address_length; /* 4 or 16; v4-mapped addresses are given as IPv4 */
    uint16_t port;          /* host order */
    char name[TLS_NAME_MAX + 1];
    char text[56]; /* "10.0.0.1:443", "[::1]:443" */
};

/* False when the address is not an IPv4 or IPv6 one. Looks up the name too. */
bool connection_from(struct connection *c, const struct sockaddr *address, socklen_t length);

/* Asks the policy; rules: pinned. The rule, or NULL for plain and deny; *verdict says which
 * (FD_IS_DENIED: it was logged). */
const struct policy_rule *connection_rule(const struct rules *rules, const struct connection *c,
                                          enum policy_direction direction,
                                          enum fd_verdict *verdict);

/* connect to 0.0.0.0 or :: goes to loopback: the policy is asked about that. */
void connection_resolve_any(struct connection *c);

/* A session for fd by this rule of those pinned, entered in the descriptor table. NULL session:
 * errno is set, and what the library cannot carry was logged. connected: TCP is up. */
struct shim_ref connection_begin(int fd, const struct rules *rules, const struct policy_rule *rule,
                                 const struct connection *c, bool connected);

/* The same for a connected socket that was found out about, when the descriptor's entry was `seen`:
 * no session when the entry has changed meanwhile. */
struct shim_ref connection_begin_seen(int fd, uint64_t seen, const struct rules *rules,
                                      const struct policy_rule *rule, const struct connection *c);

/* A session has come to this process with the descriptor fd, from a program before this one or in a
 * message: what it has to do is carried on. */
void connection_arrived(int fd, struct shim_ref ref);

/* The connect failed: fd goes on without a session. */
void connection_undo(int fd, struct shim_ref ref);

/* An accepted socket: plain, TLS (a session is made) or denied (the caller closes it). */
enum fd_verdict connection_accepted(int fd);

/* fd no longer names this session (closed, replaced): close_notify when nobody else holds it. Call
 * while fd is still open; `left` entries of this process still name it. */
void connection_let_go(int fd, struct shim_ref ref, unsigned left);

/* fd is about to be closed or replaced: as fdtable_take, and the session is let go when *left is 0.
 */
struct shim_ref connection_take(int fd, unsigned *left, uint64_t *taken);

/* The number stands for something new, or nothing: back to unknown, and its session is let go. */
void connection_forget(int fd);

/* Is the peer a listener of this very process? */
bool shim_peer_is_own_listener(int fd);

#endif
