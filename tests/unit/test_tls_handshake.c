/* Whole handshakes, client and server back to back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"

static void one_suite(struct tls_pair *pair, uint16_t suite)
{
    pair->client.config.suites[0] = suite;
    pair->client.config.suite_count = 1;
}

/* A server with a certificate of each kind. */
static const struct tls_credential *all_credentials(struct tls_credential chain[3])
{
    chain[0] = *tls_fixture_server_credential();
    chain[1] = *tls_fixture_ec_credential();
    chain[2] = *tls_fixture_dsa_credential();
    chain[0].next = &chain[1];
    chain[1].next = &chain[2];
    return &chain[0];
}

static void every_suite(void **state)
{
    static const uint8_t secret[] = "a key that both sides know";
    static const struct tls_psk psk = {.identity = {(const uint8_t *)"us", 2},
                                       .key = {secret, sizeof secret}};
    struct tls_credential credentials[3];
    const struct tls_suite *suite;

    (void)state;
    for (size_t i = 0; (suite = tls_suite_at(i)) != NULL; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        one_suite(&pair, suite->id);
        pair.server.config.suites[0] = suite->id;
        pair.client.config.allow_anonymous = pair.server.config.allow_anonymous = true;
        pair.server.config.credential = all_credentials(credentials);
        tls_fixture_export(&pair.server.config);
        pair.client.config.psks = pair.server.config.psks = &psk;
        pair.client.config.psk_count = pair.server.config.psk_count = 1;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
        assert_int_equal(pair.client.session->suite, suite->id);
        assert_int_equal(pair.client.session->secure_renegotiation, 1);
        assert_int_equal(pair.server.session->secure_renegotiation, 1);
        tls_pair_free(&pair);
    }
}

/* ---- what an observer sees ---- */

struct ladder {
    char lines[4096];
};

static void draw(void *arg, const struct tls_event *event)
{
    struct ladder *ladder = arg;
    char line[sizeof event->text + 32];

    snprintf(line, sizeof line, "%s %u %u %s\n", event->sent ? ">" : "<", event->content_type,
             event->message, event->text);
    assert_true(strlen(ladder->lines) + strlen(line) < sizeof ladder->lines);
    strcat(ladder->lines, line);
}

static void an_observer(void **state)
{
    static const char as_client[] =
        "> 22 1 offers TLS 1.0, TLS_RSA_WITH_AES_256_CBC_SHA\n"
        "< 22 2 TLS 1.0, TLS_RSA_WITH_AES_256_CBC_SHA, with RFC 5746\n"
        "< 22 11 CN=server.test, for server.test 127.0.0.1 0:0:0:0:0:0:0:1\n"
        "< 22 14 \n"
        "> 22 16 a secret for the server's RSA key\n"
        "> 20 0 encrypted from here on\n"
        "> 22 20 \n"
        "< 20 0 encrypted from here on\n"
        "< 22 20 verified\n"
        "> 21 0 close_notify\n";
    static const char as_server[] =
        "< 22 1 offers TLS 1.0, wants server.test\n"
        "> 22 2 TLS 1.0, TLS_RSA_WITH_AES_256_CBC_SHA, with RFC 5746\n"
        "> 22 11 CN=server.test\n"
        "> 22 14 \n"
        "< 22 16 a secret for the server's RSA key\n"
        "< 20 0 encrypted from here on\n"
        "< 22 20 verified\n"
        "> 20 0 encrypted from here on\n"
        "> 22 20 \n"
        "< 21 0 close_notify\n";
    struct ladder client = {""}, server = {""};
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    one_suite(&pair, 0x0035);
    pair.client.observe = pair.server.observe = draw;
    pair.client.observe_arg = &client;
    pair.server.observe_arg = &server;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_pair_assert_works(&pair);
    struct tls_conn conn = tls_end_conn(&pair.client);
    tls_close(&conn);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_string_equal(client.lines, as_client);
    assert_string_equal(server.lines, as_server);
    tls_pair_free(&pair);
}

/* Nothing of a finished handshake stays in memory. */
static void the_handshake_is_wiped(void **state)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];
    size_t n;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 3));
    n = tls_end_drain_record(&pair.client, record);
    struct tls_conn conn = tls_end_conn(&pair.server);
    uint8_t *plain;
    assert_int_equal(tls_receive(&conn, record, n, &plain, &n), TLS_DONE);
    assert_true(tls_is_established(conn.session));
    for (size_t i = 0; i < tls_handshake_size(); i++) {
        assert_int_equal(((const uint8_t *)conn.handshake)[i], 0);
    }
    tls_pair_free(&pair);
}

static void sizes(void **state)
{
    (void)state;
    print_message("session %zu bytes, handshake %zu, output %d\n", sizeof(struct tls_session),
                  tls_handshake_size(), TLS_OUTPUT_SIZE);
    assert_true(sizeof(struct tls_session) <= 1024);
    assert_true(tls_handshake_size() <= 24 * 1024);
}

static void a_byte_at_a_time(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    tls_pair_run(&pair, 1);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite), cmocka_unit_test(a_byte_at_a_time),
        cmocka_unit_test(an_observer), cmocka_unit_test(the_handshake_is_wiped),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
