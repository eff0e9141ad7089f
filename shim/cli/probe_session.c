#include "probe_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../tls/tls_alert.h"

/* The engine's memory, and the connection that it speaks over. */
struct runner {
    struct tls_session session;
    struct tls_conn conn;
    struct wire wire;
    uint8_t record[TLS_RECORD_MAX], output[TLS_OUTPUT_SIZE], big[TLS_BIG_SIZE];
};

static void draw(void *arg, const struct tls_event *event)
{
    struct probe_session *out = arg;
    if (out->ladder_count < PROBE_LADDER_MAX)
        ladder_line(TLS_CLIENT, event, out->ladder[out->ladder_count++]);
}

static enum wire_result send_output(struct runner *r)
{
    const uint8_t *bytes;
    size_t n;
    enum wire_result result = WIRE_GOOD;
    while (result == WIRE_GOOD && (bytes = tls_output(&r->conn, &n), n > 0)) {
        result = wire_send(&r->wire, bytes, n);
        tls_output_sent(&r->conn, n);
    }
    return result;
}

/* Hands one record to the engine. */
static enum tls_result take_record(struct runner *r, size_t n)
{
    uint8_t *plain;
    size_t plain_length;
    for (;;) {
        enum tls_result result = tls_receive(&r->conn, r->record, n, &plain, &plain_length);
        if (result != TLS_NEED_ROOM)
            return result;
        if (send_output(r) != WIRE_GOOD)
            return TLS_FAILED;
    }
}

/* Goes on until the handshake is over, one way or the other; WIRE_GOOD when the engine ended it. */
static enum wire_result shake_hands(struct runner *r)
{
    enum tls_result result = tls_start(&r->conn);
    for (;;) {
        size_t n;
        enum wire_result wire = send_output(r);
        if (wire != WIRE_GOOD || result == TLS_FAILED || result == TLS_CLOSED ||
            tls_is_established(&r->session))
            return wire;
        wire = wire_record(&r->wire, &r->session, r->record, &n);
        if (wire == WIRE_ENDED && n == 0) {
            tls_receive_end(&r->conn);
            return WIRE_GOOD;
        }
        if (wire == WIRE_TIMEOUT) {
            tls_abort(&r->conn, TLS_ERROR_TIMEOUT);
            send_output(r);
            return WIRE_GOOD;
        }
        if (wire != WIRE_GOOD && n == 0)
            return wire;
        result = take_record(r, n);
    }
}

/* RFC 2246 7.2.1: the other side answers with a close_notify of its own. */
static void say_goodbye(struct runner *r, unsigned patience, struct probe_session *out)
{
    size_t n;
    tls_close(&r->conn);
    if (send_output(r) != WIRE_GOOD || patience == 0)
        return;
    wire_hurry(&r->wire, patience);
    for (;;) {
        enum wire_result wire = wire_record(&r->wire, &r->session, r->record, &n);
        out->no_more_data = wire == WIRE_ENDED || wire == WIRE_FAILED;
        if (wire != WIRE_GOOD)
            return;
        enum tls_result result = take_record(r, n);
        out->close_answered = result == TLS_CLOSED;
        if (result != TLS_DONE)
            return;
    }
}

static void take_results(struct runner *r, struct probe_session *out)
{
    const struct tls_session *s = &r->session;
    out->error = tls_failure(s);
    out->established = tls_is_established(s);
    out->suite = s->suite;
    out->resumed = s->resumed;
    out->extended_master_secret = s->extended_master_secret;
    out->encrypt_then_mac = s->write.encrypt_then_mac;
    out->secure_renegotiation = s->secure_renegotiation;
    if (!out->established)
        tls_failure_text(s, r->conn.handshake, out->failure, sizeof out->failure);
}

static void run(struct runner *r, const struct probe_target *target, unsigned patience,
                struct probe_session *out)
{
    enum wire_result result = wire_open(&r->wire, target);
    if (result != WIRE_GOOD) {
        snprintf(out->failure, sizeof out->failure, "%s",
                 result == WIRE_TIMEOUT ? "no connection in time" : strerror(errno));
        return;
    }
    out->reached = true;
    result = shake_hands(r);
    int error = errno;
    take_results(r, out);
    if (result != WIRE_GOOD && !out->established && out->error == TLS_ERROR_OK)
        snprintf(out->failure, sizeof out->failure, "the connection broke: %s",
                 result == WIRE_TIMEOUT ? "too slow" : strerror(error));
    if (out->established)
        say_goodbye(r, patience, out);
    wire_close(&r->wire);
}

void probe_handshake(const struct probe_target *target, const struct tls_config *config,
                     const char *name, int64_t now, unsigned patience, struct probe_session *out)
{
    struct runner *r = calloc(1, sizeof *r);
    struct tls_handshake *handshake = calloc(1, tls_handshake_size());
    memset(out, 0, sizeof *out);
    if (r && handshake) {
        tls_session_init(&r->session, TLS_CLIENT);
        tls_handshake_init(handshake, name);
        r->conn = (struct tls_conn){.session = &r->session,
                                    .handshake = handshake,
                                    .config = config,
                                    .output = r->output,
                                    .big = r->big,
                                    .big_size = sizeof r->big,
                                    .now = now,
                                    .observe = draw,
                                    .observe_arg = out};
        run(r, target, patience, out);
        explicit_bzero(r, sizeof *r);
    } else {
        snprintf(out->failure, sizeof out->failure, "not enough memory");
    }
    free(handshake);
    free(r);
}
