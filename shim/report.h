/* The log lines about connections: one for a session that failed, with rule, peer, cause and what
 * to do about it; one, at level info, for each that opened. */
#ifndef SHIM_REPORT_H
#define SHIM_REPORT_H

#include "session.h"

/* With the lock of the half that failed, while the handshake's memory is still there. */
void report_failure(struct shim_session *s);
void report_success(const struct shim_session *s);

#endif
