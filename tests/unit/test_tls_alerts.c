/* Alerts, closing, truncation, refused renegotiation, what is not TLS, words about failures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_limits.h"
#include "tls/tls_output.h"
#include "tls/tls_record.h"

static const uint8_t data[] = "some data";

static void established(struct tls_pair *pair)
{
    tls_pair_init(pair);
    tls_pair_start(pair);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
    assert_true(tls_is_established(pair->client.session));
    assert_true(tls_is_established(pair->server.session));
}

static void feed_alert(struct tls_end *to, struct tls_end *from, uint8_t level, uint8_t alert)
{
    uint8_t content[2] = {level, alert};

    tls_end_feed_sealed(to, from, TLS_CONTENT_ALERT, content, sizeof content);
}

static void close_end(struct tls_end *end)
{
    struct tls_conn conn = tls_end_conn(end);

    assert_int_equal(tls_close(&conn), TLS_DONE);
}

static void flush(struct tls_end *end)
{
    struct tls_conn conn = tls_end_conn(end);

    tls_flush_mailbox(&conn);
}

static enum tls_result try_send(struct tls_end *end)
{
    struct tls_conn conn = tls_end_conn(end);
    size_t taken;

    return tls_send(&conn, data, sizeof data, &taken);
}

static bool has_words(const struct tls_end *end, const char *words)
{
    char text[600];

    tls_failure_text(end->session, end->handshake, text, sizeof text);
    if (strstr(text, words) == NULL) {
        print_message("\"%s\" lacks \"%s\"\n", text, words);
    }
    return strstr(text, words) != NULL;
}

/* ---- closing ---- */

static void close_both_ways(void **state)
{
    struct tls_pair pair;

    (void)state;
    established(&pair);
    close_end(&pair.client);
    close_end(&pair.client); /* the second has no effect */
    assert_int_equal(try_send(&pair.client), TLS_FAILED);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_int_equal(pair.server.last, TLS_CLOSED);
    assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_OK);
    /* Half closed: the other direction goes on. */
    tls_pair_transfer(&pair.server, &pair.client, data, sizeof data);
    close_end(&pair.server);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_int_equal(pair.client.last, TLS_CLOSED);
    struct tls_conn conn = tls_end_conn(&pair.client);
    assert_int_equal(tls_receive_end(&conn), TLS_CLOSED);
    tls_pair_free(&pair);
}

static void data_after_close_notify_is_not_read(void **state)
{
    struct tls_pair pair;

    (void)state;
    established(&pair);
    feed_alert(&pair.server, &pair.client, TLS_LEVEL_WARNING, TLS_ALERT_CLOSE_NOTIFY);
    tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_APPLICATION_DATA, data, 5);
    assert_int_equal(pair.server.last, TLS_CLOSED);
    assert_int_equal(pair.server.plain_length, 0);
    tls_pair_free(&pair);
}

static void truncation(void **state)
{
    (void)state;
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        struct tls_pair pair;
        established(&pair);
        pair.server.config.allow_truncation = allowed;
        struct tls_conn conn = tls_end_conn(&pair.server);
        assert_int_equal(tls_receive_end(&conn), allowed ? TLS_CLOSED : TLS_FAILED);
        assert_int_equal(tls_failure(pair.server.session),
                         allowed ? TLS_ERROR_OK : TLS_ERROR_TRUNCATED);
        tls_pair_free(&pair);
    }
}

static void closing_in_the_handshake(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++) {
        struct tls_pair pair;
        uint8_t record[TLS_RECORD_MAX];
        struct tls_end *one = role == TLS_CLIENT ? &pair.client : &pair.server;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
        while (role == TLS_SERVER && tls_end_drain_record(one, record) > 0) {
        }
        close_end(one);
        size_t n = tls_end_drain_record(one, record);
        assert_int_equal(n, TLS_HEADER + 2);
        assert_memory_equal(record + TLS_HEADER, "\1\0", 2);
        /* Nothing follows close_notify, whatever comes. */
        static const uint8_t done[] = {TLS_SERVER_HELLO_DONE, 0, 0, 0};
        tls_end_feed_record(one, TLS_CONTENT_HANDSHAKE, done, sizeof done);
        assert_int_equal(one->last, TLS_CLOSED);
        assert_int_equal(tls_end_drain_record(one, record), 0);
        assert_int_equal(tls_failure(one->session), TLS_ERROR_OK);
        tls_pair_free(&pair);
    }
}

/* What explains a failure stays, what is secret does not. */
static void secrets_are_wiped_after_a_failure(void **state)
{
    static const uint8_t zeros[sizeof(struct tls_half)];
    static const uint8_t wrong[] = {TLS_CERTIFICATE, 0, 0, 0};
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 2));
    assert_memory_not_equal(&pair.server.handshake->client_write, zeros, sizeof zeros);
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, wrong, sizeof wrong);
    tls_end_assert_failed(&pair.server, TLS_ERROR_UNEXPECTED);
    assert_true(has_words(&pair.server, "waiting for ChangeCipherSpec, got Certificate"));
    assert_memory_equal(&pair.server.handshake->client_write, zeros, sizeof zeros);
    assert_memory_equal(&pair.server.handshake->server_write, zeros, sizeof zeros);
    tls_pair_free(&pair);
}

static void end_in_the_handshake(void **state)
{
    struct tls_pair pair;

    (void)state;
    for (unsigned polite = 0; polite < 2; polite++) {
        tls_pair_init(&pair);
        pair.client.config.allow_truncation = true; /* no excuse for a handshake */
        tls_pair_start(&pair);
        if (polite) {
            feed_alert(&pair.client, &pair.server, TLS_LEVEL_WARNING, TLS_ALERT_CLOSE_NOTIFY);
            assert_int_equal(atomic_load(&pair.client.session->alert_sent), TLS_ALERT_CLOSE_NOTIFY);
        } else {
            struct tls_conn conn = tls_end_conn(&pair.client);
            assert_int_equal(tls_receive_end(&conn), TLS_FAILED);
        }
        assert_int_equal(tls_failure(pair.client.session), TLS_ERROR_CLOSED_IN_HANDSHAKE);
        assert_true(has_words(&pair.client, "waiting for ServerHello"));
        tls_pair_free(&pair);
    }
}

/* ---- alerts ---- */

static void a_fatal_alert_ends_it(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        if (late) {
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        }
        feed_alert(&pair.client, &pair.server, TLS_LEVEL_FATAL, TLS_ALERT_HANDSHAKE_FAILURE);
        assert_int_equal(tls_failure(pair.client.session), TLS_ERROR_ALERT_RECEIVED);
        assert_true(has_words(&pair.client, "alert received: handshake_failure (40)"));
        assert_int_equal(try_send(&pair.client), TLS_FAILED);
        /* Nothing is said in return. */
        assert_int_equal(atomic_load(&pair.client.session->alert_sent), TLS_ALERT_NONE);
        tls_pair_free(&pair);
    }
}

static void warnings_are_bounded(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        if (late) {
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            for (unsigned i = 0; i < 3 * TLS_WARNINGS_MAX; i++) {
                feed_alert(&pair.client, &pair.server, TLS_LEVEL_WARNING,
                           TLS_ALERT_NO_RENEGOTIATION);
                tls_end_feed_sealed(&pair.client, &pair.server, TLS_CONTENT_APPLICATION_DATA, data,
                                    1);
            }
        }
        for (unsigned i = 0; i < TLS_WARNINGS_MAX; i++) {
            feed_alert(&pair.client, &pair.server, TLS_LEVEL_WARNING, TLS_ALERT_UNRECOGNIZED_NAME);
            assert_int_equal(pair.client.last, TLS_DONE);
        }
        feed_alert(&pair.client, &pair.server, TLS_LEVEL_WARNING, TLS_ALERT_UNRECOGNIZED_NAME);
        flush(&pair.client);
        tls_end_assert_failed(&pair.client, TLS_ERROR_WARNING_FLOOD);
        tls_pair_free(&pair);
    }
}

static void malformed_level(void **state)
{
    struct tls_pair pair;

    (void)state;
    established(&pair);
    feed_alert(&pair.client, &pair.server, 3, TLS_ALERT_CLOSE_NOTIFY);
    flush(&pair.client);
    tls_end_assert_failed(&pair.client, TLS_ERROR_ALERT_BAD);
    tls_pair_free(&pair);
}

/* Alerts in pieces, and several in one record (RFC 2246 6.2.1). */
static void alerts_in_pieces(void **state)
{
    static const uint8_t two[] = {1, TLS_ALERT_NO_RENEGOTIATION, 1, TLS_ALERT_CLOSE_NOTIFY};
    struct tls_pair pair;

    (void)state;
    for (size_t piece = 1; piece <= sizeof two; piece++) {
        established(&pair);
        for (size_t i = 0; i < sizeof two; i += piece) {
            size_t n = piece < sizeof two - i ? piece : sizeof two - i;
            assert_int_equal(pair.client.last, TLS_DONE);
            tls_end_feed_sealed(&pair.client, &pair.server, TLS_CONTENT_ALERT, two + i, n);
        }
        assert_int_equal(pair.client.last, TLS_CLOSED);
        tls_pair_free(&pair);
    }
}

/* An alert is heard while our own flight still waits to be sent. */
static void an_alert_in_our_flight(void **state)
{
    struct tls_pair pair;
    uint8_t hello[TLS_RECORD_MAX];

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    size_t n = tls_end_drain_record(&pair.client, hello);
    pair.server.session->output_end = TLS_OUTPUT_SIZE - 4000; /* somebody else's bytes */
    tls_end_feed(&pair.server, hello, n);
    assert_int_equal(pair.server.last, TLS_DONE);
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, hello + TLS_HEADER, n - TLS_HEADER);
    assert_int_equal(pair.server.in_length, n); /* it waits for room */
    pair.server.in_length = 0;
    feed_alert(&pair.server, &pair.client, TLS_LEVEL_FATAL, TLS_ALERT_BAD_CERTIFICATE);
    assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_ALERT_RECEIVED);
    tls_pair_free(&pair);
}

static void giving_up(void **state)
{
    (void)state;
    for (unsigned late = 0; late < 2; late++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        if (late) {
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        }
        struct tls_conn conn = tls_end_conn(&pair.server);
        tls_abort(&conn, TLS_ERROR_TIMEOUT);
        tls_end_assert_failed(&pair.server, TLS_ERROR_TIMEOUT);
        assert_int_equal(try_send(&pair.server), TLS_FAILED);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (late) {
            assert_int_equal(pair.client.last, TLS_CLOSED); /* user_canceled, then close_notify */
        } else {
            assert_int_equal(tls_failure(pair.client.session), TLS_ERROR_CLOSED_IN_HANDSHAKE);
        }
        tls_pair_free(&pair);
    }
}

/* The read half fails while the write half has bytes waiting: the alert goes out behind them. */
static void an_error_of_the_read_half(void **state)
{
    struct tls_pair pair;
    uint8_t record[TLS_HEADER + 48] = {TLS_CONTENT_APPLICATION_DATA, 3, 1, 0, 48};

    (void)state;
    established(&pair);
    assert_int_equal(try_send(&pair.client), TLS_DONE);
    tls_end_feed(&pair.client, record, sizeof record);
    assert_int_equal(pair.client.last, TLS_FAILED);
    assert_true(has_words(&pair.client, "alert sent: bad_record_mac (20)"));
    assert_int_equal(try_send(&pair.client), TLS_FAILED);
    tls_end_assert_failed(&pair.client, TLS_ERROR_RECORD_MAC);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_int_equal(pair.server.plain_length, sizeof data);
    assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_ALERT_RECEIVED);
    assert_int_equal(atomic_load(&pair.server.session->alert_received), TLS_ALERT_BAD_RECORD_MAC);
    tls_pair_free(&pair);
}

/* ---- renegotiation ---- */

static void ask_again(struct tls_end *to, struct tls_end *from, size_t piece)
{
    uint8_t hello[TLS_MESSAGE_HEADER + 300] = {TLS_CLIENT_HELLO, 0, 1, 44};
    static const uint8_t request[TLS_MESSAGE_HEADER] = {TLS_HELLO_REQUEST};
    bool is_client = to->config.role == TLS_CLIENT;
    const uint8_t *bytes = is_client ? request : hello;
    size_t n = is_client ? sizeof request : sizeof hello;

    for (size_t i = 0; i < n; i += piece) {
        tls_end_feed_sealed(to, from, TLS_CONTENT_HANDSHAKE, bytes + i,
                            piece < n - i ? piece : n - i);
    }
}

static void renegotiation_is_refused(void **state)
{
    static const size_t pieces[] = {1, 3, 4, 5, 100, 1000};

    (void)state;
    for (unsigned role = 0; role < 2; role++) {
        for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            struct tls_pair pair;
            struct tls_end *to = role == TLS_CLIENT ? &pair.client : &pair.server;
            struct tls_end *from = role == TLS_CLIENT ? &pair.server : &pair.client;
            established(&pair);
            for (unsigned round = 0; round < TLS_WARNINGS_MAX; round++) {
                ask_again(to, from, pieces[i]);
                assert_int_equal(to->last, TLS_DONE);
                flush(to);
                assert_int_equal(atomic_load(&to->session->alert_sent), TLS_ALERT_NO_RENEGOTIATION);
            }
            tls_pair_transfer(to, from, data, sizeof data);
            tls_pair_transfer(from, to, data, sizeof data);
            for (unsigned round = 0; round < TLS_WARNINGS_MAX + 1; round++) {
                ask_again(to, from, pieces[i]);
            }
            flush(to);
            tls_end_assert_failed(to, TLS_ERROR_RENEGOTIATION);
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            assert_int_equal(from->last, TLS_CLOSED);
            tls_pair_free(&pair);
        }
    }
}

static void hello_request_in_the_handshake(void **state)
{
    static const uint8_t request[TLS_MESSAGE_HEADER] = {TLS_HELLO_REQUEST};
    struct tls_pair pair;

    (void)state;
    for (size_t before = 0; before < 4; before++) {
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.server, &pair.client, before));
        tls_end_feed_record(&pair.client, TLS_CONTENT_HANDSHAKE, request, sizeof request);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
        tls_pair_free(&pair);
    }
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    for (unsigned i = 0; i < TLS_WARNINGS_MAX + 1; i++) {
        tls_end_feed_record(&pair.client, TLS_CONTENT_HANDSHAKE, request, sizeof request);
    }
    tls_end_assert_failed(&pair.client, TLS_ERROR_WARNING_FLOOD);
    tls_pair_free(&pair);
}

/* ---- what is not TLS ---- */

static void stray(enum tls_role role, const char *bytes, enum tls_error error, const char *words)
{
    struct tls_end end;

    tls_end_init(&end, role);
    tls_end_start(&end);
    tls_end_feed(&end, (const uint8_t *)bytes, strlen(bytes));
    tls_end_assert_failed(&end, error);
    assert_true(has_words(&end, words));
    tls_end_free(&end);
}

static void not_tls(void **state)
{
    (void)state;
    stray(TLS_SERVER, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", TLS_ERROR_RECORD_PLAINTEXT_HTTP,
          "begins with \"GET / HTTP/1.1..Host: x.\"");
    stray(TLS_SERVER, "POST /a HTTP/1.0\r\n", TLS_ERROR_RECORD_PLAINTEXT_HTTP, "POST /a");
    stray(TLS_SERVER, "PRI * HTTP/2.0\r\n", TLS_ERROR_RECORD_PLAINTEXT_HTTP, "PRI *");
    stray(TLS_SERVER, "GETX", TLS_ERROR_NOT_TLS, "GETX");
    stray(TLS_SERVER, "SSH-2.0-OpenSSH_9.2\r\n", TLS_ERROR_NOT_TLS, "\"SSH-2.0-OpenSSH_9.2..\"");
    stray(TLS_SERVER, "a", TLS_ERROR_NOT_TLS, "begins with \"a\"");
    stray(TLS_CLIENT, "HTTP/1.1 400 Bad Request\r\n", TLS_ERROR_RECORD_PLAINTEXT_HTTP, "HTTP/1.1");
    stray(TLS_CLIENT, "220 mail.test ESMTP\r\n", TLS_ERROR_NOT_TLS, "220 mail.test");
}

/* After a first good record the same bytes are a record of unknown type. */
static void not_tls_later(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
    tls_end_feed(&pair.server, (const uint8_t *)"GET / HTTP/1.1\r\n", 16);
    tls_end_assert_failed(&pair.server, TLS_ERROR_RECORD_TYPE);
    tls_pair_free(&pair);
    established(&pair);
    tls_end_feed(&pair.server, (const uint8_t *)"GET / HTTP/1.1\r\n", 16);
    flush(&pair.server);
    tls_end_assert_failed(&pair.server, TLS_ERROR_RECORD_TYPE);
    tls_pair_free(&pair);
}

/* ---- words ---- */

static void words_for_a_wrong_order(void **state)
{
    static const uint8_t done[] = {TLS_SERVER_HELLO_DONE, 0, 0, 0};
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.server, &pair.client, 1));
    tls_end_feed_record(&pair.client, TLS_CONTENT_HANDSHAKE, done, sizeof done);
    assert_true(has_words(&pair.client,
                          "the peer sent a message out of order, waiting for Certificate, got "
                          "ServerHelloDone; alert sent: unexpected_message (10)"));
    tls_pair_free(&pair);
}

static void words_are_cut_to_size(void **state)
{
    struct tls_end end;
    char text[400], part[400];

    (void)state;
    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    tls_end_feed(&end, (const uint8_t *)"GET / HTTP/1.1\r\n\r\n", 18);
    tls_failure_text(end.session, end.handshake, text, sizeof text);
    for (size_t size = 1; size < strlen(text) + 2; size++) {
        memset(part, '#', sizeof part);
        tls_failure_text(end.session, end.handshake, part, size);
        assert_int_equal(strlen(part), size - 1 < strlen(text) ? size - 1 : strlen(text));
        assert_memory_equal(part, text, strlen(part));
        assert_int_equal(part[size], '#');
    }
    tls_failure_text(end.session, end.handshake, NULL, 0);
    tls_failure_text(end.session, NULL, text, sizeof text);
    assert_string_equal(text, "the peer speaks plaintext HTTP, not TLS; "
                              "alert sent: unexpected_message (10)");
    tls_end_free(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(close_both_ways),
        cmocka_unit_test(data_after_close_notify_is_not_read),
        cmocka_unit_test(truncation),
        cmocka_unit_test(end_in_the_handshake),
        cmocka_unit_test(closing_in_the_handshake),
        cmocka_unit_test(secrets_are_wiped_after_a_failure),
        cmocka_unit_test(a_fatal_alert_ends_it),
        cmocka_unit_test(warnings_are_bounded),
        cmocka_unit_test(malformed_level),
        cmocka_unit_test(alerts_in_pieces),
        cmocka_unit_test(an_alert_in_our_flight),
        cmocka_unit_test(giving_up),
        cmocka_unit_test(an_error_of_the_read_half),
        cmocka_unit_test(renegotiation_is_refused),
        cmocka_unit_test(hello_request_in_the_handshake),
        cmocka_unit_test(not_tls),
        cmocka_unit_test(not_tls_later),
        cmocka_unit_test(words_for_a_wrong_order),
        cmocka_unit_test(words_are_cut_to_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
