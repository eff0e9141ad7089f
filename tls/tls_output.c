#include <string.h>

#include "tls_observe.h"
#include "tls_output.h"
#include "tls_resumption.h"
#include "tls_wire.h"

enum {
    ALERT = 2,          /* bytes of an alert (RFC 2246 7.2) */
    ALERT_RESERVE = 256 /* room for the last words: a warning, an alert and a close_notify, each
                         * with header, MAC and padding */
};

size_t tls_output_room(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;
    size_t waiting = s->output_end - s->output_start;

    if (s->output_start > 0 && s->output_end + ALERT_RESERVE > TLS_OUTPUT_SIZE / 2) {
        memmove(conn->output, conn->output + s->output_start, waiting);
        s->output_start = 0;
        s->output_end = (uint32_t)waiting;
    }
    return s->output_end + ALERT_RESERVE < TLS_OUTPUT_SIZE
               ? TLS_OUTPUT_SIZE - ALERT_RESERVE - s->output_end
               : 0;
}

uint8_t *tls_output_at(const struct tls_conn *conn)
{
    return conn->output + conn->session->output_end;
}

void tls_output_seal(struct tls_conn *conn, struct tls_sealer *sealer, enum tls_content_type type,
                     size_t n)
{
    conn->session->output_end += (uint32_t)tls_record_seal(sealer, type, tls_output_at(conn), n);
}

const uint8_t *tls_output(const struct tls_conn *conn, size_t *length)
{
    const struct tls_session *s = conn->session;

    *length = s->output_end - s->output_start;
    return conn->output == NULL ? NULL : conn->output + s->output_start;
}

void tls_output_sent(struct tls_conn *conn, size_t n)
{
    struct tls_session *s = conn->session;
    size_t waiting = s->output_end - s->output_start;

    s->output_start += (uint32_t)(n < waiting ? n : waiting);
    if (s->output_start == s->output_end) {
        s->output_start = s->output_end = 0;
    }
}

static void queue_alert(struct tls_conn *conn, uint8_t level, enum tls_alert alert)
{
    struct tls_session *s = conn->session;
    struct tls_sealer sealer;

    if (conn->output == NULL || s->write.closed || s->write.sequence == UINT64_MAX ||
        s->output_end + tls_record_size(&s->write, ALERT) > TLS_OUTPUT_SIZE) {
        return;
    }
    uint8_t *content = tls_output_at(conn) + TLS_HEADER;
    content[0] = level;
    content[1] = (uint8_t)alert;
    tls_sealer_init(&sealer, &s->write, s->version);
    tls_output_seal(conn, &sealer, TLS_CONTENT_ALERT, ALERT);
    tls_sealer_wipe(&sealer);
    atomic_store_explicit(&s->alert_sent, (uint8_t)alert, memory_order_relaxed);
    tls_notify(conn, true, TLS_CONTENT_ALERT, (uint8_t)alert, tls_alert_name((uint8_t)alert));
}

void tls_output_warning(struct tls_conn *conn, enum tls_alert alert)
{
    if (conn->session->output_end + ALERT_RESERVE / 2 <= TLS_OUTPUT_SIZE) {
        queue_alert(conn, TLS_LEVEL_WARNING, alert);
    }
}

void tls_output_last_alert(struct tls_conn *conn, enum tls_alert alert)
{
    struct tls_session *s = conn->session;

    switch (alert) {
    case TLS_ALERT_NONE:
        break;
    case TLS_ALERT_CLOSE_NOTIFY:
        queue_alert(conn, TLS_LEVEL_WARNING, alert);
        break;
    case TLS_ALERT_USER_CANCELED:
    case TLS_ALERT_NO_RENEGOTIATION:
        /* Warnings by definition (RFC 2246 7.2.2): close_notify does the closing. */
        queue_alert(conn, TLS_LEVEL_WARNING, alert);
        queue_alert(conn, TLS_LEVEL_WARNING, TLS_ALERT_CLOSE_NOTIFY);
        atomic_store_explicit(&s->alert_sent, (uint8_t)alert, memory_order_relaxed);
        break;
    default:
        queue_alert(conn, TLS_LEVEL_FATAL, alert);
    }
    s->write.closed = 1;
}

void tls_mailbox_put(struct tls_session *session, uint8_t level, enum tls_alert alert)
{
    uint16_t letter = (uint16_t)(level << 8 | alert);
    uint16_t present = atomic_load_explicit(&session->mailbox, memory_order_relaxed);

    /* One letter fits; a fatal one is never lost to a warning. */
    do {
        if (present >> 8 == TLS_LEVEL_FATAL) {
            return;
        }
    } while (!atomic_compare_exchange_weak_explicit(&session->mailbox, &present, letter,
                                                    memory_order_release, memory_order_relaxed));
}

void tls_flush_mailbox(struct tls_conn *conn)
{
    uint16_t letter = atomic_exchange_explicit(&conn->session->mailbox, 0, memory_order_acquire);

    if (letter >> 8 == TLS_LEVEL_FATAL) {
        tls_output_last_alert(conn, letter & 0xff);
    } else if (letter != 0) {
        tls_output_warning(conn, letter & 0xff);
    }
}

enum tls_result tls_fail_reading(struct tls_conn *conn, enum tls_error error)
{
    struct tls_session *s = conn->session;
    uint8_t none = TLS_ERROR_OK;

    atomic_compare_exchange_strong(&s->read_error, &none, (uint8_t)error);
    s->read.closed = 1;
    tls_forget_session(conn);
    if (!tls_in_handshake(s)) {
        tls_mailbox_put(s, TLS_LEVEL_FATAL, tls_error_alert(error));
    } else {
        tls_output_last_alert(conn, tls_error_alert(error));
        tls_wipe_secrets(conn->handshake);
    }
    return TLS_FAILED;
}

enum tls_result tls_fail_writing(struct tls_conn *conn, enum tls_error error)
{
    atomic_store(&conn->session->write_error, (uint8_t)error);
    tls_output_last_alert(conn, tls_error_alert(error));
    return TLS_FAILED;
}
