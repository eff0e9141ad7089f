/* Ephemeral key exchanges: weak groups, values and points that must be refused, signatures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"

enum { DHE_RSA = 0x0033, ECDHE_RSA = 0xc013, ECDHE_ECDSA = 0xc009, DHE_DSS = 0x0032 };

static void pair_with(struct tls_pair *pair, uint16_t suite)
{
    tls_pair_init(pair);
    pair->client.config.suites[0] = pair->server.config.suites[0] = suite;
    pair->client.config.suite_count = 1;
    if (suite == ECDHE_ECDSA) {
        pair->server.config.credential = tls_fixture_ec_credential();
    } else if (suite == DHE_DSS) {
        pair->server.config.credential = tls_fixture_dsa_credential();
    }
}

/* A group of 1024 bits: RFC 2409's second. */
static const uint8_t oakley2[128] = {
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc9, 0x0f, 0xda, 0xa2, 0x21, 0x68, 0xc2, 0x34,
    0xc4, 0xc6, 0x62, 0x8b, 0x80, 0xdc, 0x1c, 0xd1, 0x29, 0x02, 0x4e, 0x08, 0x8a, 0x67, 0xcc, 0x74,
    0x02, 0x0b, 0xbe, 0xa6, 0x3b, 0x13, 0x9b, 0x22, 0x51, 0x4a, 0x08, 0x79, 0x8e, 0x34, 0x04, 0xdd,
    0xef, 0x95, 0x19, 0xb3, 0xcd, 0x3a, 0x43, 0x1b, 0x30, 0x2b, 0x0a, 0x6d, 0xf2, 0x5f, 0x14, 0x37,
    0x4f, 0xe1, 0x35, 0x6d, 0x6d, 0x51, 0xc2, 0x45, 0xe4, 0x85, 0xb5, 0x76, 0x62, 0x5e, 0x7e, 0xc6,
    0xf4, 0x4c, 0x42, 0xe9, 0xa6, 0x37, 0xed, 0x6b, 0x0b, 0xff, 0x5c, 0xb6, 0xf4, 0x06, 0xb7, 0xed,
    0xee, 0x38, 0x6b, 0xfb, 0x5a, 0x89, 0x9f, 0xa5, 0xae, 0x9f, 0x24, 0x11, 0x7c, 0x4b, 0x1f, 0xe6,
    0x49, 0x28, 0x66, 0x51, 0xec, 0xe6, 0x53, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
static const uint8_t two = 2;
static const struct cg_dh_group small_group = {oakley2, &two, sizeof oakley2, 1};

/* Logjam (CVE-2015-4000). */
static void a_small_group(void **state)
{
    (void)state;
    for (unsigned allowed = 0; allowed < 2; allowed++) {
        struct tls_pair pair;
        char text[400];
        pair_with(&pair, DHE_RSA);
        pair.server.config.dh_group = &small_group;
        pair.client.config.minimum_dh_bits = allowed ? 1024 : 0;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (allowed) {
            tls_pair_assert_works(&pair);
        } else {
            tls_end_assert_failed(&pair.client, TLS_ERROR_SMALL_GROUP);
            tls_failure_text(pair.client.session, pair.client.handshake, text, sizeof text);
            assert_non_null(strstr(text, "has 1024 bits, and at least 2048 are required"));
        }
        tls_pair_free(&pair);
    }
}

/* Records that the server sends before its ServerKeyExchange, and the message. */
static size_t key_exchange_of(struct tls_pair *pair, uint8_t record[TLS_RECORD_MAX])
{
    uint8_t hello[TLS_RECORD_MAX];

    tls_pair_start(pair);
    size_t n = tls_end_drain_record(&pair->client, hello);
    tls_end_feed(&pair->server, hello, n);
    for (unsigned i = 0; i < 2; i++) {
        n = tls_end_drain_record(&pair->server, record);
        tls_end_feed(&pair->client, record, n);
    }
    return tls_end_drain_record(&pair->server, record);
}

/* Any bit of a signed ServerKeyExchange, its signature included. */
static void every_bit_is_signed(void **state)
{
    static const uint16_t suites[] = {DHE_RSA, ECDHE_RSA, ECDHE_ECDSA, DHE_DSS};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        for (size_t byte = TLS_HEADER + TLS_MESSAGE_HEADER;; byte += 3) {
            struct tls_pair pair;
            uint8_t record[TLS_RECORD_MAX];
            pair_with(&pair, suites[i]);
            size_t n = key_exchange_of(&pair, record);
            if (byte < n) {
                record[byte] ^= (uint8_t)(1 << byte % 8);
                tls_end_feed(&pair.client, record, n);
                enum tls_error error = tls_failure(pair.client.session);
                assert_true(error == TLS_ERROR_SIGNATURE || error == TLS_ERROR_DECODE ||
                            error == TLS_ERROR_PARAMETER || error == TLS_ERROR_SMALL_GROUP);
                tls_end_assert_failed(&pair.client, error);
            }
            tls_pair_free(&pair);
            if (byte >= n) {
                break;
            }
        }
    }
}

/* The signature of another handshake: the randoms are signed as well. */
static void a_replayed_key_exchange(void **state)
{
    struct tls_pair old, new;
    uint8_t record[TLS_RECORD_MAX], other[TLS_RECORD_MAX];

    (void)state;
    pair_with(&old, ECDHE_RSA);
    size_t n = key_exchange_of(&old, record);
    pair_with(&new, ECDHE_RSA);
    key_exchange_of(&new, other);
    tls_end_feed(&new.client, record, n);
    tls_end_assert_failed(&new.client, TLS_ERROR_SIGNATURE);
    tls_pair_free(&old);
    tls_pair_free(&new);
}

/* ---- ClientKeyExchange ---- */

static void client_value(uint16_t suite, unsigned width, const uint8_t *value, size_t n,
                         enum tls_error error)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX], message[1024] = {TLS_CLIENT_KEY_EXCHANGE};
    size_t length;

    pair_with(&pair, suite);
    tls_pair_start(&pair);
    length = tls_end_drain_record(&pair.client, record);
    tls_end_feed(&pair.server, record, length);
    while ((length = tls_end_drain_record(&pair.server, record)) > 0) {
        tls_end_feed(&pair.client, record, length);
    }
    tls_put_number(message + 1, 3, width + n);
    tls_put_number(message + 4, width, n);
    memcpy(message + 4 + width, value, n);
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, message, 4 + width + n);
    tls_end_assert_failed(&pair.server, error);
    tls_pair_free(&pair);
}

/* Values in subgroups of one or two elements, and outside the group. */
static void diffie_hellman_values(void **state)
{
    const struct cg_dh_group *group = &cg_dh_groups[CG_FFDHE2048];
    uint8_t value[300] = {0};

    (void)state;
    client_value(DHE_RSA, 2, value, 0, TLS_ERROR_PARAMETER);
    client_value(DHE_RSA, 2, value, 1, TLS_ERROR_PARAMETER);
    value[0] = 1;
    client_value(DHE_RSA, 2, value, 1, TLS_ERROR_PARAMETER);
    memcpy(value, group->p, group->p_length);
    client_value(DHE_RSA, 2, value, group->p_length, TLS_ERROR_PARAMETER);
    value[group->p_length - 1]--;
    client_value(DHE_RSA, 2, value, group->p_length, TLS_ERROR_PARAMETER);
    memset(value, 0xff, sizeof value);
    client_value(DHE_RSA, 2, value, group->p_length, TLS_ERROR_PARAMETER);
    client_value(DHE_RSA, 2, value, sizeof value, TLS_ERROR_PARAMETER);
}

/* X25519 is what two ends of ours agree on: zeros give zeros (RFC 8422 5.11). */
static void points(void **state)
{
    uint8_t point[66] = {0};

    (void)state;
    client_value(ECDHE_RSA, 1, point, 0, TLS_ERROR_KEY_EXCHANGE);
    client_value(ECDHE_RSA, 1, point, 32, TLS_ERROR_PARAMETER);
    point[0] = 1;
    client_value(ECDHE_RSA, 1, point, 32, TLS_ERROR_PARAMETER);
    point[0] = 9;
    client_value(ECDHE_RSA, 1, point, 31, TLS_ERROR_PARAMETER);
    client_value(ECDHE_RSA, 1, point, 33, TLS_ERROR_PARAMETER);
}

/* A point that is not on P-256, from the server: before its signature is looked at. */
static void a_point_off_the_curve(void **state)
{
    uint8_t message[TLS_MESSAGE_HEADER + 4 + 65] = {
        TLS_SERVER_KEY_EXCHANGE, 0, 0, 69, 3, 0, 23, 65, 4};
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];

    (void)state;
    memset(message + 9, 1, 64);
    pair_with(&pair, ECDHE_RSA);
    key_exchange_of(&pair, record);
    tls_end_feed_record(&pair.client, TLS_CONTENT_HANDSHAKE, message, sizeof message);
    tls_end_assert_failed(&pair.client, TLS_ERROR_PARAMETER);
    tls_pair_free(&pair);
}

/* Keys are fresh in each handshake (Raccoon, CVE-2020-1968). */
static void keys_are_fresh(void **state)
{
    static const uint16_t suites[] = {DHE_RSA, ECDHE_RSA};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair[2];
        uint8_t record[2][TLS_RECORD_MAX];
        for (unsigned j = 0; j < 2; j++) {
            pair_with(&pair[j], suites[i]);
            key_exchange_of(&pair[j], record[j]);
        }
        /* After p and g, or curve: the public value. */
        size_t at = TLS_HEADER + TLS_MESSAGE_HEADER + (i == 0 ? 2 + 256 + 2 + 1 + 2 : 4);
        assert_memory_equal(record[0] + TLS_HEADER + 6, record[1] + TLS_HEADER + 6,
                            at - TLS_HEADER - 6);
        assert_memory_not_equal(record[0] + at, record[1] + at, 32);
        tls_pair_free(&pair[0]);
        tls_pair_free(&pair[1]);
    }
}

/* ---- pre-shared keys ---- */

static void pre_shared(const char *client_name, const char *client_key, enum tls_error error)
{
    const struct tls_psk ours = {{(const uint8_t *)client_name, strlen(client_name)},
                                 {(const uint8_t *)client_key, strlen(client_key)}};
    const struct tls_psk theirs[] = {{{(const uint8_t *)"others", 6}, {(const uint8_t *)"k", 1}},
                                     {{(const uint8_t *)"us", 2}, {(const uint8_t *)"key", 3}}};
    struct tls_pair pair;

    pair_with(&pair, 0x008c);
    pair.client.config.psks = &ours;
    pair.client.config.psk_count = 1;
    pair.server.config.psks = theirs;
    pair.server.config.psk_count = 2;
    pair.server.config.credential = NULL;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    if (error == TLS_ERROR_OK) {
        tls_pair_assert_works(&pair);
    } else {
        tls_end_assert_failed(&pair.server, error);
    }
    tls_pair_free(&pair);
}

/* A name that nobody knows fails as a wrong key does. */
static void pre_shared_keys(void **state)
{
    (void)state;
    pre_shared("us", "key", TLS_ERROR_OK);
    pre_shared("us", "kez", TLS_ERROR_RECORD_MAC);
    pre_shared("us", "keys", TLS_ERROR_RECORD_MAC);
    pre_shared("them", "key", TLS_ERROR_RECORD_MAC);
    pre_shared("others", "key", TLS_ERROR_RECORD_MAC);
}

/* Nobody is taken for anonymous whose rule does not say so. */
static void anonymous_only_by_rule(void **state)
{
    (void)state;
    for (unsigned allowed = 0; allowed < 4; allowed++) {
        struct tls_pair pair;
        pair_with(&pair, 0x0034);
        pair.client.config.suites[1] = 0x002f;
        pair.client.config.suite_count = 2;
        pair.client.config.allow_anonymous = (allowed & 1) != 0;
        pair.server.config.allow_anonymous = (allowed & 2) != 0;
        pair.server.config.suites[1] = 0x002f;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
        assert_int_equal(pair.client.session->suite, allowed == 3 ? 0x0034 : 0x002f);
        tls_pair_free(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_small_group),
        cmocka_unit_test(every_bit_is_signed),
        cmocka_unit_test(a_replayed_key_exchange),
        cmocka_unit_test(diffie_hellman_values),
        cmocka_unit_test(points),
        cmocka_unit_test(a_point_off_the_curve),
        cmocka_unit_test(keys_are_fresh),
        cmocka_unit_test(pre_shared_keys),
        cmocka_unit_test(anonymous_only_by_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
