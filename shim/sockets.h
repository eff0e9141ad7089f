/* What the kernel says of a descriptor's socket. A refusal to answer (a sandbox that returns errors
 * for getsockopt) is not an answer: it is told apart, and counts as doubt. */
#ifndef SHIM_SOCKETS_H
#define SHIM_SOCKETS_H

#include "session.h"

enum socket_kind {
    SOCKET_NONE, /* no socket, or not a stream over IPv4 or IPv6 */
    SOCKET_TCP,
    SOCKET_OTHER_STREAM, /* a stream over IP that this library cannot carry: SCTP, MPTCP, SMC */
    SOCKET_UNSURE
};
enum socket_kind socket_kind(int fd);

/* SO_COOKIE; 0 when there is none or the kernel does not say. */
uint64_t socket_cookie(int fd);
/* Is fd this session's socket? True also when the kernel does not say: a session is never dropped
 * on a doubt. */
bool socket_is_of(int fd, const struct shim_session *s);

/* Does the number stand for any file at all? */
bool socket_is_open(int fd);
bool socket_is_connected(int fd);
bool socket_is_listening(int fd);
/* Has the peer's FIN arrived, or is the connection over? */
bool socket_peer_has_finished(int fd);
/* No connection, and none on its way. */
bool socket_is_closed(int fd);

#endif
