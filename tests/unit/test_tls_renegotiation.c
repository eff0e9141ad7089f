/* Renegotiation (RFC 2246 7.4.1.1, RFC 5746): refused unless allowed, never without RFC 5746, never
 * with another identity; old data until ChangeCipherSpec, none of ours meanwhile. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_limits.h"
#include "tls/tls_output.h"
#include "tls/tls_ticket.h"

static const uint8_t hello_request[4];

static void pair_open(struct tls_pair *pair)
{
    tls_pair_start(pair);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
    tls_pair_assert_works(pair);
}

static void pair_allowing(struct tls_pair *pair)
{
    tls_pair_init(pair);
    pair->client.config.allow_renegotiation = pair->server.config.allow_renegotiation = true;
}

/* The server asks, as no server of ours does by itself. */
static void ask(struct tls_pair *pair)
{
    tls_end_feed_sealed(&pair->client, &pair->server, TLS_CONTENT_HANDSHAKE, hello_request, 4);
}

static void assert_renegotiated(struct tls_pair *pair, unsigned count)
{
    tls_pair_assert_works(pair);
    assert_false(tls_in_handshake(pair->client.session));
    assert_false(tls_in_handshake(pair->server.session));
    assert_int_equal(pair->client.session->renegotiations, count);
    assert_int_equal(pair->server.session->renegotiations, count);
}

/* ---- what works ---- */

static void again_and_again(void **state)
{
    static const uint16_t suites[] = {0x002f, 0x000a, 0xc013, 0x0033};

    (void)state;
    for (size_t piece = 1; piece < 40000; piece = piece * 7 + 1) {
        struct tls_pair pair;
        uint8_t master[TLS_MASTER_SECRET];
        pair_allowing(&pair);
        memcpy(pair.server.config.suites, suites, sizeof suites);
        pair.server.config.suite_count = 4;
        pair_open(&pair);
        for (unsigned i = 1; i < 4; i++) {
            memcpy(master, pair.server.session->master_secret, sizeof master);
            pair.client.config.suites[0] = suites[i]; /* another each time */
            pair.client.config.suite_count = 1;
            ask(&pair);
            assert_true(pair.client.asked_for_handshake);
            tls_pair_run(&pair, piece);
            assert_renegotiated(&pair, i);
            assert_int_equal(pair.server.session->suite, suites[i]);
            assert_memory_not_equal(master, pair.server.session->master_secret, sizeof master);
        }
        tls_pair_free(&pair);
    }
}

/* Messages of more than one record each, and a client's certificate. */
static void in_small_records(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_allowing(&pair);
    pair.client.config.max_fragment = TLS_FRAGMENT_512;
    pair.client.config.credential = tls_fixture_client_credential();
    pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
    pair_open(&pair);
    ask(&pair);
    tls_pair_run(&pair, 1);
    assert_renegotiated(&pair, 1);
    tls_pair_free(&pair);
}

/* Data between any two records before ChangeCipherSpec. */
static void data_in_between(void **state)
{
    (void)state;
    for (size_t records = 0; records < 3; records++) {
        struct tls_pair pair;
        pair_allowing(&pair);
        pair_open(&pair);
        ask(&pair);
        /* ClientHello and ClientKeyExchange have come, or not yet. */
        assert_true(tls_pair_run_until(&pair.client, &pair.server, records));
        assert_int_equal(tls_in_handshake(pair.server.session), records > 0);
        struct tls_half ahead = pair.client.session->write;
        pair.client.session->write = pair.server.session->read;
        pair.server.plain_length = 0;
        tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_APPLICATION_DATA,
                            (const uint8_t *)"meanwhile", 9);
        assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_OK);
        assert_int_equal(pair.server.plain_length, 9);
        assert_memory_equal(pair.server.plain, "meanwhile", 9);
        pair.client.session->write = ahead;
        tls_pair_free(&pair);
    }
}

/* In the middle of a handshake message too; and not behind ChangeCipherSpec. */
static void data_within_messages(void **state)
{
    uint8_t record[TLS_RECORD_MAX];
    struct tls_pair pair;
    size_t n, content;

    (void)state;
    pair_allowing(&pair);
    pair_open(&pair);
    struct tls_half keys = pair.server.session->read, sealing = pair.client.session->write;
    ask(&pair);
    n = tls_end_drain_record(&pair.client, record);
    assert_int_equal(tls_record_open(&keys, TLS_VERSION_10, UINT64_MAX, record, n, &content),
                     TLS_ERROR_OK);
    pair.client.session->write = sealing;
    tls_end_feed_sealed(&pair.server, &pair.client, 22, record + TLS_HEADER, 30);
    tls_end_feed_sealed(&pair.server, &pair.client, 23, (const uint8_t *)"GET /", 5);
    assert_memory_equal(pair.server.plain + pair.server.plain_length - 5, "GET /", 5);
    tls_end_feed_sealed(&pair.server, &pair.client, 22, record + TLS_HEADER + 30, content - 30);
    assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_OK);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_renegotiated(&pair, 1);
    /* ChangeCipherSpec, then data. */
    ask(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 3));
    assert_true(pair.server.handshake->peer_changed);
    pair.client.session->write = pair.server.session->read; /* of before its Finished */
    tls_end_feed_sealed(&pair.server, &pair.client, 23, (const uint8_t *)"GET /", 5);
    tls_end_assert_failed(&pair.server, TLS_ERROR_UNEXPECTED);
    char text[400];
    tls_failure_text(pair.server.session, pair.server.handshake, text, sizeof text);
    assert_non_null(strstr(text, "in a renegotiation, waiting for Finished"));
    tls_pair_free(&pair);
}

static void nothing_is_sent_meanwhile(void **state)
{
    struct tls_pair pair;
    size_t taken;

    (void)state;
    pair_allowing(&pair);
    pair_open(&pair);
    ask(&pair);
    for (unsigned i = 0; i < 2; i++) {
        struct tls_end *end = i == 0 ? &pair.client : &pair.server;
        struct tls_conn conn = tls_end_conn(end);
        assert_int_equal(tls_send(&conn, "x", 1, &taken), TLS_NEED_ROOM);
        assert_int_equal(taken, 0);
        assert_int_equal(tls_send(&conn, "", 0, &taken), TLS_DONE);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
    }
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_renegotiated(&pair, 1);
    tls_pair_free(&pair);
}

/* Two requests, and one more while the answer is on its way. */
static void asked_twice(void **state)
{
    static const uint8_t twice[8];
    struct tls_pair pair;

    (void)state;
    pair_allowing(&pair);
    pair_open(&pair);
    tls_end_feed_sealed(&pair.client, &pair.server, TLS_CONTENT_HANDSHAKE, twice, 8);
    ask(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_renegotiated(&pair, 1);
    tls_pair_free(&pair);
}

/* ---- who does not get one ---- */

static void is_refused(struct tls_pair *pair)
{
    ask(pair);
    assert_false(tls_in_handshake(pair->client.session));
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
    tls_pair_assert_works(pair);
    assert_int_equal(atomic_load(&pair->client.session->alert_sent), TLS_ALERT_NO_RENEGOTIATION);
}

static void refused(void **state)
{
    (void)state;
    for (unsigned why = 0; why < 3; why++) {
        struct tls_pair pair;
        pair_allowing(&pair);
        pair.client.config.allow_renegotiation = why != 0;
        pair.client.config.no_extensions = why == 1;
        pair_open(&pair);
        if (why == 2) {
            pair.client.session->secure_renegotiation = 0; /* RFC 5746 unknown to the server */
        }
        is_refused(&pair);
        tls_pair_free(&pair);
    }
}

static void a_bounded_number(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_allowing(&pair);
    pair_open(&pair);
    for (unsigned i = 1; i <= TLS_RENEGOTIATIONS_MAX; i++) {
        ask(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        assert_renegotiated(&pair, i);
    }
    is_refused(&pair);
    tls_pair_free(&pair);
}

/* ---- identity ---- */

static void another_server(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_allowing(&pair);
    pair.client.config.suites[0] = pair.server.config.suites[0] = 0xc013;
    pair_open(&pair);
    pair.client.config.suites[0] = pair.server.config.suites[0] = 0xc009;
    pair.client.config.suite_count = 1;
    pair.server.config.credential = tls_fixture_ec_credential(); /* also of the same CA */
    ask(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_end_assert_failed(&pair.client, TLS_ERROR_IDENTITY_CHANGED);
    tls_pair_free(&pair);
}

static void another_client(void **state)
{
    const struct tls_credential *const shown[] = {NULL, tls_fixture_client_credential(),
                                                  tls_fixture_ec_credential()};

    (void)state;
    for (unsigned i = 0; i < 9; i++) {
        struct tls_pair pair;
        pair_allowing(&pair);
        pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUEST;
        pair.client.config.credential = shown[i / 3];
        pair_open(&pair);
        pair.client.config.credential = shown[i % 3];
        ask(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (i / 3 == i % 3) {
            assert_renegotiated(&pair, 1);
        } else {
            tls_end_assert_failed(&pair.server, TLS_ERROR_IDENTITY_CHANGED);
        }
        tls_pair_free(&pair);
    }
}

static void another_psk(void **state)
{
    static const struct tls_psk psks[] = {
        {{(const uint8_t *)"one", 3}, {(const uint8_t *)"0123456789abcdef", 16}},
        {{(const uint8_t *)"two", 3}, {(const uint8_t *)"0123456789abcdef", 16}}};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        pair_allowing(&pair);
        pair.client.config.suites[0] = pair.server.config.suites[0] = 0x008c;
        pair.client.config.psks = pair.server.config.psks = psks;
        pair.client.config.psk_count = pair.server.config.psk_count = 2;
        pair_open(&pair);
        pair.client.config.psks = &psks[i];
        ask(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (i == 0) {
            assert_renegotiated(&pair, 1);
        } else {
            tls_end_assert_failed(&pair.server, TLS_ERROR_IDENTITY_CHANGED);
        }
        tls_pair_free(&pair);
    }
}

/* ---- RFC 5746 ---- */

/* Each side is made to believe in another handshake before (the prefix attack, CVE-2009-3555). */
static void another_handshake_before(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct tls_pair pair;
        pair_allowing(&pair);
        pair_open(&pair);
        struct tls_session *s = i < 2 ? pair.server.session : pair.client.session;
        (i % 2 == 0 ? s->client_verify_data : s->server_verify_data)[5] ^= 1;
        ask(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        /* A client's hello has its own half only. */
        tls_end_assert_failed(i == 0 || i == 2 ? &pair.server : &pair.client,
                              TLS_ERROR_RENEGOTIATION_INFO);
        tls_pair_free(&pair);
    }
}

/* A hello that is a first one's: the attacker's victim's. */
static void a_first_hello(void **state)
{
    static const uint8_t tails[3][9] = {
        {0, 2, 0x00, 0x2f, 1, 0},             /* nothing of RFC 5746 */
        {0, 4, 0x00, 0x2f, 0x00, 0xff, 1, 0}, /* the signalling suite */
        {0, 2, 0x00, 0x2f, 1, 0, 0, 5, 0xff /* empty renegotiation_info, below */},
    };
    static const size_t lengths[] = {6, 8, 9};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct tls_pair pair;
        uint8_t hello[64] = {TLS_CLIENT_HELLO};
        struct tls_writer w = tls_writer_to(hello + 4, 60);
        pair_allowing(&pair);
        pair_open(&pair);
        tls_write_u16(&w, TLS_VERSION_10);
        memset(tls_write_room(&w, TLS_RANDOM + 1), 0, TLS_RANDOM + 1);
        tls_write_bytes(&w, tails[i], lengths[i]);
        if (i == 2) {
            tls_write_bytes(&w, "\1\0\1\0", 4);
        }
        tls_put_number(hello + 1, 3, w.used);
        tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_HANDSHAKE, hello, 4 + w.used);
        tls_end_assert_failed(&pair.server, TLS_ERROR_RENEGOTIATION_INFO);
        tls_pair_free(&pair);
    }
}

/* ---- what may not be given up ---- */

static void protection_stays(void **state)
{
    struct tls_pair pair;

    (void)state;
    /* encrypt_then_mac: the server forgets that it had been offered. */
    pair_allowing(&pair);
    pair_open(&pair);
    assert_int_equal(pair.server.session->read.encrypt_then_mac, 1);
    ask(&pair);
    uint8_t record[TLS_RECORD_MAX];
    size_t n = tls_end_drain_record(&pair.client, record), content;
    struct tls_half keys = pair.server.session->read;
    assert_int_equal(tls_record_open(&keys, TLS_VERSION_10, UINT64_MAX, record, n, &content),
                     TLS_ERROR_OK);
    uint8_t *extension = memmem(record, n, "\0\x16\0\0", 4);
    assert_non_null(extension);
    extension[1] = 0x7e; /* one that nobody knows */
    pair.client.session->write = pair.server.session->read;
    tls_end_feed_sealed(&pair.server, &pair.client, 22, record + TLS_HEADER, content);
    tls_end_assert_failed(&pair.server, TLS_ERROR_ENCRYPT_THEN_MAC);
    tls_pair_free(&pair);
    /* extended_master_secret: a client sees a server that changes its mind. */
    pair_allowing(&pair);
    pair_open(&pair);
    pair.client.session->extended_master_secret = 0;
    ask(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_end_assert_failed(&pair.client, TLS_ERROR_PARAMETER);
    tls_pair_free(&pair);
}

/* ---- ends ---- */

static void ends_in_the_middle(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        struct tls_pair pair;
        pair_allowing(&pair);
        pair_open(&pair);
        ask(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
        assert_true(tls_in_handshake(pair.server.session));
        struct tls_conn conn = tls_end_conn(&pair.server);
        switch (how) {
        case 0: /* the peer closes in order: what it sent before is whole */
            tls_end_feed_sealed(&pair.server, &pair.client, 21, (const uint8_t *)"\1\0", 2);
            assert_int_equal(pair.server.last, TLS_CLOSED);
            assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_OK);
            break;
        case 1:
            assert_int_equal(tls_receive_end(&conn), TLS_FAILED);
            assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_TRUNCATED);
            break;
        case 2:
            tls_abort(&conn, TLS_ERROR_TIMEOUT);
            tls_end_assert_failed(&pair.server, TLS_ERROR_TIMEOUT);
            break;
        default:
            tls_close(&conn);
            assert_int_equal(atomic_load(&pair.server.session->alert_sent), TLS_ALERT_CLOSE_NOTIFY);
            conn = tls_end_conn(&pair.server);
            assert_int_equal(tls_continue(&conn), TLS_CLOSED);
        }
        tls_pair_free(&pair);
    }
}

/* What came out of order ends it, with an alert under the keys of the moment. */
static void out_of_order(void **state)
{
    static const uint8_t types[] = {2, 4, 11, 12, 13, 14, 15, 16, 20};

    (void)state;
    for (size_t i = 0; i < sizeof types; i++) {
        struct tls_pair pair;
        const uint8_t message[4] = {types[i]};
        pair_allowing(&pair);
        pair_open(&pair);
        tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_HANDSHAKE, message, 4);
        tls_end_assert_failed(&pair.server, TLS_ERROR_UNEXPECTED);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        assert_int_equal(atomic_load(&pair.client.session->alert_received),
                         TLS_ALERT_UNEXPECTED_MESSAGE);
        tls_pair_free(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(again_and_again),
        cmocka_unit_test(in_small_records),
        cmocka_unit_test(data_in_between),
        cmocka_unit_test(data_within_messages),
        cmocka_unit_test(nothing_is_sent_meanwhile),
        cmocka_unit_test(asked_twice),
        cmocka_unit_test(refused),
        cmocka_unit_test(a_bounded_number),
        cmocka_unit_test(another_server),
        cmocka_unit_test(another_client),
        cmocka_unit_test(another_psk),
        cmocka_unit_test(another_handshake_before),
        cmocka_unit_test(a_first_hello),
        cmocka_unit_test(protection_stays),
        cmocka_unit_test(ends_in_the_middle),
        cmocka_unit_test(out_of_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
