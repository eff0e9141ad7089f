#include "tls_alert.h"
#include "tls_defences.h"
#include "tls_limits.h"
#include "tls_observe.h"
#include "tls_output.h"

enum { LEVEL_UNSET = 0 };

static enum tls_error take_close_notify(struct tls_conn *conn)
{
    if (!tls_is_established(conn->session)) {
        /* RFC 2246 7.2.1: answered with the same; there will be nothing else to say. */
        tls_output_last_alert(conn, TLS_ALERT_CLOSE_NOTIFY);
        return TLS_ERROR_CLOSED_IN_HANDSHAKE;
    }
    conn->session->read.closed = 1; /* in a renegotiation too, which then is given up */
    return TLS_ERROR_OK;
}

static enum tls_error take_alert(struct tls_conn *conn, uint8_t level, uint8_t alert)
{
    struct tls_session *s = conn->session;

    tls_notify(conn, false, TLS_CONTENT_ALERT, alert, tls_alert_name(alert));
    if (level == LEVEL_UNSET && alert == TLS_ALERT_CLOSE_NOTIFY) {
        /* Some leave the level out where nothing hangs on it. */
        return take_close_notify(conn);
    }
    if (level != TLS_LEVEL_WARNING && level != TLS_LEVEL_FATAL) {
        return TLS_ERROR_ALERT_BAD;
    }
    if (alert == TLS_ALERT_CLOSE_NOTIFY) {
        return take_close_notify(conn);
    }
    if (level == TLS_LEVEL_FATAL) {
        atomic_store(&s->alert_received, alert);
        return TLS_ERROR_ALERT_RECEIVED;
    }
    return ++s->warnings > TLS_WARNINGS_MAX && tls_defends(TLS_DEFENCE_WARNINGS)
               ? TLS_ERROR_WARNING_FLOOD
               : TLS_ERROR_OK;
}

enum tls_error tls_take_alerts(struct tls_conn *conn, const uint8_t *content, size_t n)
{
    struct tls_session *s = conn->session;
    enum tls_error error = TLS_ERROR_OK;

    while (n > 0 && error == TLS_ERROR_OK && !s->read.closed) {
        s->alert[s->alert_have++] = *content++;
        n--;
        if (s->alert_have == sizeof s->alert) {
            s->alert_have = 0;
            error = take_alert(conn, s->alert[0], s->alert[1]);
        }
    }
    return error;
}
