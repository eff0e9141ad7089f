/* Descriptors of sessions in messages (SCM_RIGHTS).
 *
 * A session's descriptor itself never travels: whoever received it without this library would
 * write plaintext into it. In its place goes an envelope, one end of a pair of sockets whose other
 * end is closed; queued in it is a message with the descriptor, the arena's and the session's name.
 * recvmsg of a covered program opens the envelope and puts the descriptor at its number: the
 * session is shared when both processes have the same arena, else it moves to the receiver's
 * (transfer.h). To a program without the library the envelope is a dead socket: reading gives the
 * envelope's text, writing EPIPE. */
#ifndef SHIM_PASSING_H
#define SHIM_PASSING_H

#include "real.h"

/* Does the message have a session's descriptor? */
bool passing_has_session(const struct msghdr *message);
/* sendmsg with envelopes in place of such descriptors. Refused with EPERM, and logged, when the
 * receiver can be seen not to be covered. */
ssize_t passing_send(int fd, const struct msghdr *message, int flags);
/* Opens the envelopes of a received message; flags as recvmsg was given them. An envelope that
 * cannot be opened stays what it is. */
void passing_receive(struct msghdr *message, int flags);

#endif
