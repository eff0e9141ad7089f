/* Telling the one who watches (conn->observe), if there is one. */
#ifndef TLS_OBSERVE_H
#define TLS_OBSERVE_H

#include "tls.h"

/* text is cut to fit. The fields are those of struct tls_event. */
void tls_notify(const struct tls_conn *conn, bool sent, uint8_t content_type, uint8_t message,
                const char *text);

#endif
