/* What a review of the engine found: each case fails without its fix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_output.h"
#include "tls/tls_record.h"

enum { ECDH_ANON_AES128 = 0xc018, RSA_AES128 = 0x002f };

static void use_suite(struct tls_config *config, uint16_t suite)
{
    config->suites[0] = suite;
    config->suite_count = 1;
}

/* A header that ends its record, of a message that needs the large buffer: what follows waits for
 * that buffer, and is part of the message. */
static void big_header_alone(void **state)
{
    struct tls_end end;
    uint8_t body[1000] = {0};
    const uint8_t hello[] = {TLS_CLIENT_HELLO, 0, 0x50, 0};

    (void)state;
    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, hello, sizeof hello);
    assert_false(end.asked_for_big);
    for (size_t i = 1; i <= 20; i++) {
        tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, body, sizeof body);
        assert_true(end.asked_for_big);
        assert_int_equal(end.handshake->have, sizeof hello + i * sizeof body);
    }
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, body, 0x5000 - 20 * sizeof body);
    assert_int_equal(tls_failure(end.session), TLS_ERROR_DECODE);
    tls_end_free(&end);
}

/* A suite in which no client can be asked for its certificate (RFC 2246 7.4.4) is no way round a
 * rule that demands one. */
static void required_certificate_and_anonymous_suite(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
    pair.server.config.suites[pair.server.config.suite_count++] = ECDH_ANON_AES128;
    use_suite(&pair.client.config, ECDH_ANON_AES128);
    pair.server.config.allow_anonymous = pair.client.config.allow_anonymous = true;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_RECORD_MAX);
    tls_end_assert_failed(&pair.server, TLS_ERROR_NO_COMMON_SUITE);
    tls_pair_free(&pair);
}

/* Half an alert in the clear, which anybody can put there, is not completed under the keys. */
static void alert_straddles_change_cipher_spec(void **state)
{
    struct tls_pair pair;
    const uint8_t half = TLS_LEVEL_WARNING;

    (void)state;
    for (int to_client = 0; to_client < 2; to_client++) {
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        struct tls_end *victim = to_client ? &pair.client : &pair.server;
        tls_end_feed_record(victim, TLS_CONTENT_ALERT, &half, sizeof half);
        tls_pair_run(&pair, TLS_RECORD_MAX);
        tls_end_assert_failed(victim, TLS_ERROR_UNEXPECTED);
        tls_pair_free(&pair);
    }
}

/* ---- a cache that others can write to ---- */

struct liar {
    struct tls_end *end;
    size_t id_length, ticket_length;
};

static bool find(void *arg, const uint8_t *key, size_t n, struct tls_resumable *out)
{
    const struct liar *liar = arg;

    (void)key;
    (void)n;
    memset(out, 0, sizeof *out);
    out->format = 1;
    out->version = TLS_VERSION_10;
    out->suite = RSA_AES128;
    out->id_length = (uint8_t)liar->id_length;
    out->ticket_length = (uint16_t)liar->ticket_length;
    out->created = liar->end->now;
    out->expires = INT64_MAX;
    cg_hash_once(CG_SHA256, liar->end->name, strlen(liar->end->name), out->name);
    return true;
}

static void store(void *arg, const uint8_t *key, size_t n, const struct tls_resumable *in)
{
    (void)arg;
    (void)key;
    (void)n;
    (void)in;
}

static void remove_nothing(void *arg, const uint8_t *key, size_t n)
{
    (void)arg;
    (void)key;
    (void)n;
}

/* Lengths from memory that other processes share are believed as far as there are bytes. */
static void lengths_in_the_cache(void **state)
{
    enum { ID = sizeof((struct tls_resumable *)NULL)->id };
    enum { TICKET = sizeof((struct tls_resumable *)NULL)->ticket };
    static const struct {
        size_t id, ticket;
        bool offered;
    } rows[] = {
        {ID, 0, true},  {ID + 1, 0, false},     {255, 0, false},
        {0, 100, true}, {0, TICKET + 1, false}, {0, 65535, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct tls_end end;
        struct liar liar = {&end, rows[i].id, rows[i].ticket};
        const struct tls_cache cache = {&liar, find, store, remove_nothing};
        tls_end_init(&end, TLS_CLIENT);
        use_suite(&end.config, RSA_AES128);
        end.config.cache = &cache;
        tls_end_start(&end);
        assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
        assert_int_equal(end.handshake->resume_id_length, rows[i].offered ? ID : 0);
        assert_int_equal(end.handshake->resumable.format, rows[i].offered ? 1 : 0);
        tls_end_free(&end);
    }
}

/* ---- what stands behind ServerHelloDone in its record ---- */

static void run_with_tail(struct tls_pair *pair, const uint8_t *tail, size_t tail_length)
{
    uint8_t record[TLS_RECORD_MAX];
    size_t n;

    tls_pair_init(pair);
    tls_pair_start(pair);
    n = tls_end_drain_record(&pair->client, record);
    tls_end_feed(&pair->server, record, n);
    while ((n = tls_end_drain_record(&pair->server, record)) > 0) {
        if (record[TLS_HEADER] == TLS_SERVER_HELLO_DONE) {
            memcpy(record + n, tail, tail_length);
            record[TLS_HEADER - 1] += (uint8_t)tail_length;
            n += tail_length;
        }
        tls_end_feed(&pair->client, record, n);
    }
    tls_pair_run(pair, TLS_RECORD_MAX);
}

/* RFC 2246 7.4.1.1: a client that is negotiating ignores a HelloRequest; other messages wait for
 * their turn, behind a HelloRequest too. */
static void hello_request_behind_hello_done(void **state)
{
    static const uint8_t requests[8] = {TLS_HELLO_REQUEST};
    static const uint8_t ticket[8] = {TLS_HELLO_REQUEST, 0, 0, 0, TLS_NEW_SESSION_TICKET};
    static const uint8_t with_body[5] = {TLS_HELLO_REQUEST, 0, 0, 1};
    static const uint8_t finished[4] = {TLS_FINISHED};
    struct tls_pair pair;

    (void)state;
    for (size_t n = 4; n <= sizeof requests; n += 4) {
        run_with_tail(&pair, requests, n);
        tls_pair_assert_works(&pair);
        tls_pair_free(&pair);
    }
    run_with_tail(&pair, ticket, sizeof ticket);
    tls_end_assert_failed(&pair.client, TLS_ERROR_UNEXPECTED);
    tls_pair_free(&pair);
    run_with_tail(&pair, with_body, sizeof with_body);
    tls_end_assert_failed(&pair.client, TLS_ERROR_UNEXPECTED);
    tls_pair_free(&pair);
    run_with_tail(&pair, finished, sizeof finished);
    tls_end_assert_failed(&pair.client, TLS_ERROR_UNEXPECTED);
    tls_pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_header_alone),
        cmocka_unit_test(required_certificate_and_anonymous_suite),
        cmocka_unit_test(alert_straddles_change_cipher_spec),
        cmocka_unit_test(lengths_in_the_cache),
        cmocka_unit_test(hello_request_behind_hello_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
