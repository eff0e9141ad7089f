/* Clients that show a certificate, those that show none, and those that should not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_record.h"

static void pair_with(struct tls_pair *pair, enum tls_client_certificate wanted,
                      const struct tls_credential *credential)
{
    tls_pair_init(pair);
    pair->server.config.client_certificate = wanted;
    pair->client.config.credential = credential;
}

static void run(struct tls_pair *pair)
{
    tls_pair_start(pair);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
}

static void certificates_of_every_kind(void **state)
{
    const struct tls_credential *const credentials[] = {
        tls_fixture_client_credential(), tls_fixture_ec_credential(), tls_fixture_dsa_credential()};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        for (enum tls_client_certificate wanted = TLS_CLIENT_CERT_REQUEST;
             wanted <= TLS_CLIENT_CERT_REQUIRE; wanted++) {
            struct tls_pair pair;
            pair_with(&pair, wanted, credentials[i]);
            run(&pair);
            tls_pair_assert_works(&pair);
            tls_pair_free(&pair);
        }
    }
}

static void no_certificate(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_with(&pair, TLS_CLIENT_CERT_REQUEST, NULL);
    run(&pair);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
    pair_with(&pair, TLS_CLIENT_CERT_REQUIRE, NULL);
    run(&pair);
    tls_end_assert_failed(&pair.server, TLS_ERROR_NO_CERTIFICATE);
    tls_pair_free(&pair);
    pair_with(&pair, TLS_CLIENT_CERT_NO, tls_fixture_client_credential());
    run(&pair);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
}

/* A certificate for servers only. */
static void another_purpose(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_with(&pair, TLS_CLIENT_CERT_REQUEST, tls_fixture_signer_credential());
    run(&pair);
    tls_end_assert_failed(&pair.server, TLS_ERROR_CERT_KEY_USAGE);
    tls_pair_free(&pair);
}

static void another_issuer(void **state)
{
    const struct x509_trust *trust = tls_fixture_trust();
    struct x509_certificate root = trust->roots[0];
    const struct x509_trust other = {&root, 1};
    struct tls_pair pair;
    const char *why;

    (void)state;
    const struct x509_bytes leaf = tls_fixture_ec_credential()->chain[0];
    assert_int_equal(x509_parse(&root, leaf.data, leaf.length, &why), TLS_ERROR_OK);
    /* The client sees by the names that its certificate will not do, and shows none. */
    pair_with(&pair, TLS_CLIENT_CERT_REQUIRE, tls_fixture_client_credential());
    pair.server.config.trust = &other;
    run(&pair);
    tls_end_assert_failed(&pair.server, TLS_ERROR_NO_CERTIFICATE);
    tls_pair_free(&pair);
    /* One that shows it all the same. */
    pair_with(&pair, TLS_CLIENT_CERT_REQUEST, tls_fixture_client_credential());
    pair.server.config.trust = &other;
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.server, &pair.client, 3));
    pair.client.handshake->credential = 1;
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_end_assert_failed(&pair.server, TLS_ERROR_CERT_UNTRUSTED);
    tls_pair_free(&pair);
}

/* Every CA of a large store is named; the message is longer than a record and than the buffer. */
static void many_names(void **state)
{
    enum { ROOTS = 3000 /* more than the message can name */ };
    struct x509_certificate *roots = calloc(ROOTS, sizeof *roots);
    struct x509_trust trust = {roots, ROOTS};
    struct tls_pair pair;

    (void)state;
    for (size_t i = 0; i < ROOTS; i++) {
        roots[i] = tls_fixture_trust()->roots[0];
    }
    assert_true(ROOTS * (2 + roots[0].subject.length) > 0xffff);
    pair_with(&pair, TLS_CLIENT_CERT_REQUIRE, tls_fixture_client_credential());
    pair.server.config.trust = &trust;
    run(&pair);
    assert_true(pair.client.asked_for_big);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
    free(roots);
}

/* The signature covers every message before it. */
static void a_wrong_signature(void **state)
{
    static const size_t wrong_bytes[] = {4, 5, 6, 70, 133};

    (void)state;
    for (size_t i = 0; i < sizeof wrong_bytes / sizeof wrong_bytes[0]; i++) {
        struct tls_pair pair;
        uint8_t record[TLS_RECORD_MAX];
        pair_with(&pair, TLS_CLIENT_CERT_REQUEST, tls_fixture_client_credential());
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 3));
        size_t n = tls_end_drain_record(&pair.client, record);
        assert_int_equal(record[TLS_HEADER], TLS_CERTIFICATE_VERIFY);
        record[TLS_HEADER + wrong_bytes[i]] ^= 1;
        tls_end_feed(&pair.server, record, n);
        tls_end_assert_failed(&pair.server,
                              wrong_bytes[i] < 6 ? TLS_ERROR_DECODE : TLS_ERROR_SIGNATURE);
        tls_pair_free(&pair);
    }
}

static void an_anonymous_server_does_not_ask(void **state)
{
    struct tls_pair pair;

    (void)state;
    pair_with(&pair, TLS_CLIENT_CERT_REQUEST, tls_fixture_client_credential());
    pair.client.config.allow_anonymous = pair.server.config.allow_anonymous = true;
    pair.client.config.suites[0] = pair.server.config.suites[0] = 0x0034;
    pair.client.config.suite_count = 1;
    run(&pair);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
}

/* A session in which no certificate was shown is no way round a rule that demands one. */
static void not_by_resumption(void **state)
{
    void *memory[2] = {calloc(1, tls_cache_table_size(4)), calloc(1, tls_cache_table_size(4))};
    struct tls_cache caches[2] = {tls_cache_of(tls_cache_table_init(memory[0], 4)),
                                  tls_cache_of(tls_cache_table_init(memory[1], 4))};
    struct tls_pair pair;

    (void)state;
    for (unsigned round = 0; round < 4; round++) {
        pair_with(&pair, round == 0 ? TLS_CLIENT_CERT_REQUEST : TLS_CLIENT_CERT_REQUIRE,
                  round < 2 ? NULL : tls_fixture_client_credential());
        pair.client.config.cache = &caches[0];
        pair.server.config.cache = &caches[1];
        run(&pair);
        if (round == 1) {
            tls_end_assert_failed(&pair.server, TLS_ERROR_NO_CERTIFICATE);
        } else {
            tls_pair_assert_works(&pair);
        }
        assert_int_equal(pair.server.session->resumed, round == 3);
        tls_pair_free(&pair);
    }
    free(memory[0]);
    free(memory[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_of_every_kind),
        cmocka_unit_test(no_certificate),
        cmocka_unit_test(another_purpose),
        cmocka_unit_test(another_issuer),
        cmocka_unit_test(many_names),
        cmocka_unit_test(a_wrong_signature),
        cmocka_unit_test(an_anonymous_server_does_not_ask),
        cmocka_unit_test(not_by_resumption),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
