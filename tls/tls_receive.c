/* Records in: one at a time, to where each content type is understood. */
#include <string.h>

#include "sslv2_hello.h"
#include "tls_alert.h"
#include "tls_defences.h"
#include "tls_driver.h"
#include "tls_limits.h"
#include "tls_output.h"
#include "tls_renegotiation.h"
#include "tls_stray.h"

size_t tls_record_length(const struct tls_session *session, const uint8_t *bytes, size_t have)
{
    size_t length;

    if (tls_is_sslv2_hello(session, bytes, have, &length)) {
        return length;
    }
    return tls_record_header(session, bytes, have, &length) == TLS_ERROR_OK ? length : 0;
}

/* ---- after the handshake ---- */

/* A renegotiation that is not wanted: a HelloRequest or a ClientHello is answered with
 * no_renegotiation (RFC 2246 7.2.2) and its bytes are skipped. Nothing else may come. */
static enum tls_error judge_refused(struct tls_session *s)
{
    uint8_t wanted = s->role == TLS_CLIENT ? TLS_HELLO_REQUEST : TLS_CLIENT_HELLO;
    uint32_t length = (uint32_t)s->refused[1] << 16 | (uint32_t)s->refused[2] << 8 | s->refused[3];

    if (s->refused[0] != wanted) {
        return TLS_ERROR_UNEXPECTED;
    }
    if (wanted == TLS_HELLO_REQUEST && length != 0) {
        return TLS_ERROR_DECODE;
    }
    if (length > TLS_MESSAGE_HELLO) {
        return TLS_ERROR_MESSAGE_LENGTH;
    }
    s->refused_left = length;
    return TLS_ERROR_OK;
}

static enum tls_error refuse_messages(struct tls_session *s, const uint8_t *bytes, size_t n)
{
    enum tls_error error = TLS_ERROR_OK;

    while (error == TLS_ERROR_OK && n > 0) {
        if (s->refused_have < sizeof s->refused) {
            s->refused[s->refused_have++] = *bytes++;
            n--;
            error = s->refused_have == sizeof s->refused ? judge_refused(s) : TLS_ERROR_OK;
        } else {
            size_t part = s->refused_left < n ? s->refused_left : n;
            s->refused_left -= (uint32_t)part;
            bytes += part;
            n -= part;
        }
        if (s->refused_have == sizeof s->refused && s->refused_left == 0) {
            s->refused_have = 0;
            if (error == TLS_ERROR_OK && ++s->warnings > TLS_WARNINGS_MAX) {
                error = TLS_ERROR_RENEGOTIATION;
            }
            tls_mailbox_put(s, TLS_LEVEL_WARNING, TLS_ALERT_NO_RENEGOTIATION);
        }
    }
    return error;
}

static enum tls_error take_data(struct tls_conn *conn, uint8_t *content, size_t n, uint8_t **plain,
                                size_t *plain_length)
{
    struct tls_session *s = conn->session;

    if (tls_in_handshake(s) && (!tls_is_established(s) || conn->handshake->peer_changed)) {
        conn->handshake->got = TLS_APPLICATION_DATA;
        return TLS_ERROR_UNEXPECTED;
    }
    if (n == 0) {
        return ++s->empty_records > TLS_EMPTY_RECORDS_MAX && tls_defends(TLS_DEFENCE_EMPTY_RECORDS)
                   ? TLS_ERROR_RECORD_FLOOD
                   : TLS_ERROR_OK;
    }
    s->empty_records = s->warnings = 0;
    *plain = content;
    *plain_length = n;
    return TLS_ERROR_OK;
}

/* ---- the handshake ---- */

static enum tls_error take_handshake(struct tls_conn *conn, const uint8_t *content, size_t n)
{
    enum tls_error error = TLS_ERROR_OK;
    size_t taken = 0;

    if (tls_in_handshake(conn->session)) {
        struct tls_handshake *h = conn->handshake;
        taken = h->record_taken;
        h->record_taken = 0;
        h->waits_for_big = false;
        error = tls_take_messages(conn, content, n, &taken);
        if (error == TLS_ERROR_OK && taken < n && tls_in_handshake(conn->session)) {
            h->record_taken = (uint32_t)taken;
            h->waits_for_big = true;
            return error;
        }
    }
    return error == TLS_ERROR_OK ? refuse_messages(conn->session, content + taken, n - taken)
                                 : error;
}

static enum tls_error take_change_cipher_spec(struct tls_conn *conn, const uint8_t *content,
                                              size_t n)
{
    return tls_in_handshake(conn->session) ? tls_take_change_cipher_spec(conn, content, n)
                                           : TLS_ERROR_UNEXPECTED;
}

/* ---- any record ---- */

static enum tls_error take_content(struct tls_conn *conn, uint8_t type, uint8_t *content, size_t n,
                                   uint8_t **plain, size_t *plain_length)
{
    if (n == 0 && type != TLS_CONTENT_APPLICATION_DATA) {
        return TLS_ERROR_RECORD_EMPTY;
    }
    switch (type) {
    case TLS_CONTENT_APPLICATION_DATA:
        return take_data(conn, content, n, plain, plain_length);
    case TLS_CONTENT_HANDSHAKE:
        return take_handshake(conn, content, n);
    case TLS_CONTENT_ALERT:
        return tls_take_alerts(conn, content, n);
    default:
        return take_change_cipher_spec(conn, content, n);
    }
}

static enum tls_error open_record(struct tls_conn *conn, uint8_t *record, size_t length,
                                  size_t *content_length)
{
    struct tls_session *s = conn->session;

    if (tls_in_handshake(s) && conn->handshake->waits_for_big) {
        /* The record that had to wait for a larger buffer was opened before; it is one from before
         * encryption, for no larger message comes after. */
        *content_length = length - TLS_HEADER;
        return TLS_ERROR_OK;
    }
    enum tls_error error = tls_record_open(&s->read, s->version, tls_limit_64(conn->config), record,
                                           length, content_length);
    return error == TLS_ERROR_OK && *content_length > tls_fragment_max(s) ? TLS_ERROR_RECORD_LENGTH
                                                                          : error;
}

static bool begins_renegotiation(const struct tls_conn *conn, uint8_t type)
{
    const struct tls_session *s = conn->session;

    return type == TLS_CONTENT_HANDSHAKE && !tls_in_handshake(s) && s->refused_have == 0 &&
           tls_may_renegotiate(conn);
}

/* It is our turn in a handshake, and the output is full. */
static bool has_to_wait(const struct tls_conn *conn, uint8_t type)
{
    const struct tls_session *s = conn->session;
    bool out_of_turn = type == TLS_CONTENT_ALERT ||
                       (type == TLS_CONTENT_APPLICATION_DATA && tls_is_established(s));

    return tls_in_handshake(s) && !out_of_turn && !tls_awaits_peer(conn);
}

enum tls_result tls_receive(struct tls_conn *conn, uint8_t *record, size_t length, uint8_t **plain,
                            size_t *plain_length)
{
    struct tls_session *s = conn->session;
    size_t whole, n = 0;

    *plain = NULL;
    *plain_length = 0;
    if (s->read.closed) {
        return atomic_load(&s->read_error) != TLS_ERROR_OK ? TLS_FAILED : TLS_CLOSED;
    }
    if (tls_is_sslv2_hello(s, record, length, &whole) && whole == length) {
        enum tls_error old = tls_take_sslv2_hello(conn, record, length);
        return old == TLS_ERROR_OK ? TLS_DONE : tls_fail_reading(conn, old);
    }
    enum tls_error error = tls_record_header(s, record, length, &whole);
    if (error != TLS_ERROR_OK) {
        return tls_fail_reading(conn, tls_judge_stray(conn, record, length, error));
    }
    if (length != whole) {
        return tls_fail_reading(conn, TLS_ERROR_INTERNAL);
    }
    if (begins_renegotiation(conn, record[0])) {
        if (conn->handshake == NULL) {
            return TLS_NEED_HANDSHAKE;
        }
        /* After our close_notify there is nothing to answer with: it is refused in silence. */
        error = s->write.closed ? TLS_ERROR_OK : tls_begin_renegotiation(conn);
    }
    if (has_to_wait(conn, record[0])) {
        return TLS_NEED_ROOM;
    }
    if (error == TLS_ERROR_OK) {
        error = open_record(conn, record, length, &n);
    }
    if (error == TLS_ERROR_OK) {
        error = take_content(conn, record[0], record + TLS_HEADER, n, plain, plain_length);
    }
    if (error != TLS_ERROR_OK) {
        return tls_fail_reading(conn, error);
    }
    if (s->read.closed) {
        return TLS_CLOSED;
    }
    return tls_in_handshake(s) && conn->handshake->waits_for_big ? TLS_NEED_BIG : TLS_DONE;
}

enum tls_result tls_receive_end(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;

    if (s->read.closed) {
        return atomic_load(&s->read_error) != TLS_ERROR_OK ? TLS_FAILED : TLS_CLOSED;
    }
    if (!tls_is_established(s)) {
        return tls_fail_reading(conn, TLS_ERROR_CLOSED_IN_HANDSHAKE);
    }
    if (!conn->config->allow_truncation && tls_defends(TLS_DEFENCE_TRUNCATION)) {
        return tls_fail_reading(conn, TLS_ERROR_TRUNCATED);
    }
    s->read.closed = 1;
    return TLS_CLOSED;
}
