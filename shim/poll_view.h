/* What a poll-like call asks the kernel about a session's descriptor, and what of the answer the
 * program may see. Shared by poll, select and epoll. Masks are poll's; epoll's low bits are the
 * same. */
#ifndef SHIM_POLL_VIEW_H
#define SHIM_POLL_VIEW_H

#include "io.h"

/* The kernel's events to wait for when the program asks for `asked`. */
unsigned view_ask(const struct shim_session *s, unsigned asked);
/* The kernel said `got`: carries the session on, and returns what of it the program sees; 0: it
 * should go on waiting. */
unsigned view_answer(int fd, struct shim_ref ref, unsigned asked, unsigned got);
/* During the handshake, may the program be told that it can write? */
bool view_may_write(const struct shim_session *s);

#endif
