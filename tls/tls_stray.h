/* What comes from a peer that does not speak TLS at all. */
#ifndef TLS_STRAY_H
#define TLS_STRAY_H

#include "tls.h"

/* The header of a record is wrong in the way that `error` says. When it is the peer's very first,
 * and no TLS at all, gives the error that says so, and keeps its first bytes for the words. */
enum tls_error tls_judge_stray(struct tls_conn *conn, const uint8_t *bytes, size_t n,
                               enum tls_error error);

#endif
