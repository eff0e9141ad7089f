/* Alerts that come in (RFC 2246 7.2). */
#ifndef TLS_ALERT_H
#define TLS_ALERT_H

#include "tls.h"

/* Takes the content of one alert record, which may hold parts of alerts, one or several. Sets the
 * read half's `closed` after close_notify. */
enum tls_error tls_take_alerts(struct tls_conn *conn, const uint8_t *content, size_t n);

#endif
