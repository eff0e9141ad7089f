/* What a configuration can say about the peer's certificate beyond its chain: pins, names, somebody
 * else's word, and stapled responses. That good responses are taken is shown with other stacks
 * (tests/e2e/trust-*.t); here are those that are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"

static void run(struct tls_pair *pair)
{
    tls_pair_start(pair);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
}

static void expect(struct tls_pair *pair, struct tls_end *end, enum tls_error error)
{
    run(pair);
    if (error == TLS_ERROR_OK) {
        tls_pair_assert_works(pair);
    } else {
        tls_end_assert_failed(end, error);
    }
    tls_pair_free(pair);
}

static void leaf_of(const struct tls_credential *credential, struct x509_certificate *leaf)
{
    const char *why;

    assert_int_equal(x509_parse(leaf, credential->chain[0].data, credential->chain[0].length, &why),
                     TLS_ERROR_OK);
}

/* ---- pins ---- */

static void pins(void **state)
{
    struct x509_certificate leaf;
    uint8_t known[2][32] = {{0}};
    struct tls_pair pair;

    (void)state;
    leaf_of(tls_fixture_server_credential(), &leaf);
    x509_pin(&leaf, known[1]);
    for (unsigned unchained = 0; unchained < 2; unchained++) {
        for (size_t count = 1; count <= 2; count++) {
            tls_pair_init(&pair);
            pair.client.config.pins = (const uint8_t(*)[32])known;
            pair.client.config.pin_count = count;
            pair.client.config.unchained = unchained == 1;
            expect(&pair, &pair.client, count == 2 ? TLS_ERROR_OK : TLS_ERROR_CERT_PIN);
        }
    }
    /* Without a chain neither trust nor name nor date matters, but the key's strength does. */
    tls_pair_init(&pair);
    pair.client.config.unchained = true;
    pair.client.config.trust = NULL;
    pair.client.config.pins = (const uint8_t(*)[32])known;
    pair.client.config.pin_count = 2;
    pair.client.name = "elsewhere.test";
    pair.client.now = 0;
    expect(&pair, &pair.client, TLS_ERROR_OK);
    tls_pair_init(&pair);
    pair.client.config.unchained = true;
    pair.client.config.pins = (const uint8_t(*)[32])known;
    pair.client.config.pin_count = 2;
    pair.client.config.minimum_rsa_bits = 4096;
    expect(&pair, &pair.client, TLS_ERROR_CERT_WEAK_KEY);
}

static void nobody_vouches(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    pair.client.config.unchained = true;
    expect(&pair, &pair.client, TLS_ERROR_CERT_UNTRUSTED);
    /* Nobody to ask although somebody has to be: the ends of a pair have no approve. */
    tls_pair_init(&pair);
    pair.client.config.needs_approval = true;
    expect(&pair, &pair.client, TLS_ERROR_CERT_UNTRUSTED);
    tls_pair_init(&pair);
    pair.client.config.unchained = pair.client.config.needs_approval = true;
    expect(&pair, &pair.client, TLS_ERROR_CERT_UNTRUSTED);
}

/* ---- names that a server admits ---- */

static struct x509_bytes bytes_of(const char *text)
{
    return (struct x509_bytes){(const uint8_t *)text, strlen(text)};
}

static void expect_client(const struct x509_admitted *admitted, enum tls_error error)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
    pair.server.config.admitted = admitted;
    pair.client.config.credential = tls_fixture_client_credential();
    expect(&pair, &pair.server, error);
}

static void admitted_names(void **state)
{
    struct x509_certificate leaf;
    char subject[200], shorter[200], names[200];

    (void)state;
    leaf_of(tls_fixture_client_credential(), &leaf);
    x509_name_text(leaf.subject, subject, sizeof subject);
    memcpy(shorter, subject, sizeof shorter);
    shorter[strlen(shorter) - 1] = '\0';
    const char *subjects[] = {shorter, "CN=somebody else", subject};
    struct x509_admitted admitted = {.subjects = subjects, .subject_count = 3};
    expect_client(&admitted, TLS_ERROR_OK);
    admitted.subject_count = 2;
    expect_client(&admitted, TLS_ERROR_CERT_NOT_ADMITTED);
    admitted.subject_count = 0;
    expect_client(&admitted, TLS_ERROR_CERT_NOT_ADMITTED);
    x509_san_text(&leaf, names, sizeof names);
    struct x509_alt_name wanted[] = {{X509_ALT_URI, bytes_of(names)},
                                     {X509_ALT_EMAIL, bytes_of("nobody@test")}};
    admitted.names = wanted;
    admitted.name_count = 2;
    expect_client(&admitted, TLS_ERROR_CERT_NOT_ADMITTED);
}

/* ---- stapled responses ---- */

static void expect_staple(const char *response, bool requests, bool requires, enum tls_error error)
{
    struct tls_pair pair;
    struct tls_credential credential;

    tls_pair_init(&pair);
    credential = *pair.server.config.credential;
    if (response != NULL) {
        credential.ocsp_response = bytes_of(response);
    }
    pair.server.config.credential = &credential;
    pair.client.config.request_status = requests;
    pair.client.config.require_status = requires;
    expect(&pair, &pair.client, error);
}

static void stapled_responses(void **state)
{
    (void)state;
    expect_staple(NULL, true, false, TLS_ERROR_OK);
    expect_staple(NULL, true, true, TLS_ERROR_CERT_STAPLE);
    expect_staple("not a response", false, false, TLS_ERROR_OK); /* nobody asked */
    expect_staple("not a response", true, false, TLS_ERROR_CERT_STAPLE);
    expect_staple("\x30\x03\x0a\x01\x06", true, false, TLS_ERROR_CERT_STAPLE);
}

/* A response whose time has run out is not promised. */
static void stale_responses(void **state)
{
    (void)state;
    for (int64_t after = 0; after < 2; after++) {
        struct tls_pair pair;
        struct tls_credential credential;
        tls_pair_init(&pair);
        credential = *pair.server.config.credential;
        credential.ocsp_response = bytes_of("not a response");
        credential.ocsp_until = pair.server.now - after;
        pair.server.config.credential = &credential;
        pair.client.config.request_status = true;
        expect(&pair, &pair.client, after ? TLS_ERROR_OK : TLS_ERROR_CERT_STAPLE);
    }
}

/* A server that has promised may keep silent, unless the response is demanded. */
static void broken_promises(void **state)
{
    (void)state;
    for (unsigned demanded = 0; demanded < 2; demanded++) {
        struct tls_pair pair;
        struct tls_credential credential;
        uint8_t record[TLS_RECORD_MAX];
        tls_pair_init(&pair);
        credential = *pair.server.config.credential;
        credential.ocsp_response = bytes_of("x");
        pair.server.config.credential = &credential;
        pair.client.config.request_status = true;
        pair.client.config.require_status = demanded == 1;
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
        size_t n = tls_end_drain_record(&pair.server, record); /* ServerHello */
        tls_end_feed(&pair.client, record, n);
        n = tls_end_drain_record(&pair.server, record);
        assert_int_equal(record[TLS_HEADER], TLS_CERTIFICATE);
        tls_end_feed(&pair.client, record, n);
        n = tls_end_drain_record(&pair.server, record);
        assert_int_equal(record[TLS_HEADER], TLS_CERTIFICATE_STATUS);
        n = tls_end_drain_record(&pair.server, record);
        assert_int_equal(record[TLS_HEADER], TLS_SERVER_HELLO_DONE);
        tls_end_feed(&pair.client, record, n);
        if (demanded == 1) {
            tls_end_assert_failed(&pair.client, TLS_ERROR_UNEXPECTED);
        } else {
            assert_int_equal(tls_failure(pair.client.session), TLS_ERROR_OK);
        }
        tls_pair_free(&pair);
    }
}

static void malformed_messages(void **state)
{
    static const struct {
        uint8_t body[8];
        size_t length;
    } messages[] = {
        {{0}, 0},          {{1}, 1},
        {{1, 0, 0, 0}, 4}, {{2, 0, 0, 1, 0}, 5},
        {{1, 0, 0, 2}, 4}, {{1, 0, 0, 1, 0, 0}, 6},
    };

    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct tls_pair pair;
        struct tls_credential credential;
        uint8_t record[TLS_RECORD_MAX], message[16] = {TLS_CERTIFICATE_STATUS};
        tls_pair_init(&pair);
        credential = *pair.server.config.credential;
        credential.ocsp_response = bytes_of("x");
        pair.server.config.credential = &credential;
        pair.client.config.request_status = true;
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
        for (unsigned k = 0; k < 2; k++) {
            size_t n = tls_end_drain_record(&pair.server, record);
            tls_end_feed(&pair.client, record, n);
        }
        message[3] = (uint8_t)messages[i].length;
        memcpy(message + 4, messages[i].body, messages[i].length);
        tls_end_feed_record(&pair.client, 22, message, 4 + messages[i].length);
        tls_end_assert_failed(&pair.client, TLS_ERROR_DECODE);
        tls_pair_free(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pins),
        cmocka_unit_test(nobody_vouches),
        cmocka_unit_test(admitted_names),
        cmocka_unit_test(stapled_responses),
        cmocka_unit_test(stale_responses),
        cmocka_unit_test(broken_promises),
        cmocka_unit_test(malformed_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
