/* A handshake as RFC 2246 draws it (7.3, Figure 1), a line for each message: what the client sends
 * on the left, what the server sends on the right, its content in words behind. For `tlshim probe`,
 * and for the library under `tlshim trace`. */
#ifndef SHIM_COMMON_LADDER_H
#define SHIM_COMMON_LADDER_H

#include <stddef.h>

#include "../tls/tls.h"

enum { LADDER_LINE = 300 };

/* The line of a message, without its end. role: who we are. Control characters never occur in it.
 * Returns out. */
const char *ladder_line(enum tls_role role, const struct tls_event *event, char out[LADDER_LINE]);

/* What stands above the first line. */
extern const char ladder_head[];

#endif
