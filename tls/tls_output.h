/* The write half's way out: records into the output buffer, alerts, the mailbox. */
#ifndef TLS_OUTPUT_H
#define TLS_OUTPUT_H

#include "tls.h"
#include "tls_record.h"

/* Bytes that records may still take. What alerts need is kept apart. Moves what waits to the front
 * of the buffer when that makes room. */
size_t tls_output_room(struct tls_conn *conn);

/* Where the next record begins; its content goes TLS_HEADER bytes further on. */
uint8_t *tls_output_at(const struct tls_conn *conn);

/* Seals n bytes that were put at tls_output_at + TLS_HEADER, as one record. The caller has looked
 * at tls_output_room. */
void tls_output_seal(struct tls_conn *conn, struct tls_sealer *sealer, enum tls_content_type type,
                     size_t n);

/* Queues the alert that belongs to error and closes the write half. With TLS_ALERT_NONE nothing is
 * queued. */
void tls_output_last_alert(struct tls_conn *conn, enum tls_alert alert);
/* Queues a warning; drops it when there is no room, for it has no consequence. */
void tls_output_warning(struct tls_conn *conn, enum tls_alert alert);

/* The read half's only way to speak once established: leaves an alert for the write half. */
void tls_mailbox_put(struct tls_session *session, uint8_t level, enum tls_alert alert);

enum { TLS_LEVEL_WARNING = 1, TLS_LEVEL_FATAL = 2 };

/* Fails on behalf of the reading side (any side, in a handshake): notes the error, queues its
 * alert, closes. Returns TLS_FAILED. */
enum tls_result tls_fail_reading(struct tls_conn *conn, enum tls_error error);
/* Fails on behalf of the writing side of an established session. */
enum tls_result tls_fail_writing(struct tls_conn *conn, enum tls_error error);

#endif
