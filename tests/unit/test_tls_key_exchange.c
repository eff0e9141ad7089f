/* The RSA key exchange: the version inside the premaster secret, and no oracle about the rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "tests/lib/tls_fixture_bytes.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"
#include "tls/tls_sign.h"

enum { MODULUS = 128 /* bytes of the fixture's server key */ };

/* ---- the client_version in the premaster secret (RFC 2246 7.4.7.1) ---- */

static void with_versions(uint16_t hello, uint16_t premaster, enum tls_error error)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    pair.client.config.version_max = hello;
    tls_pair_start(&pair);
    pair.client.handshake->client_version = premaster;
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    if (error == TLS_ERROR_OK) {
        tls_pair_assert_works(&pair);
    } else {
        tls_end_assert_failed(&pair.server, error);
    }
    tls_pair_free(&pair);
}

static void version_rollback(void **state)
{
    (void)state;
    with_versions(0x0301, 0x0301, TLS_ERROR_OK);
    with_versions(0x0303, 0x0303, TLS_ERROR_OK);
    /* A hello that was cut down from TLS 1.2 on its way; a client that puts the wrong one. */
    with_versions(0x0301, 0x0303, TLS_ERROR_RECORD_MAC);
    with_versions(0x0303, 0x0301, TLS_ERROR_RECORD_MAC);
    with_versions(0x0301, 0x0300, TLS_ERROR_RECORD_MAC);
}

/* ---- Bleichenbacher 1998, ROBOT (CVE-2017-13099) ---- */

static size_t encrypt_raw(const struct tls_handshake *client, const uint8_t *block, size_t n,
                          uint8_t *out)
{
    mpz_t modulus, exponent, number;
    size_t count;

    const struct cg_rsa_public key = tls_peer_key_rsa(&client->peer);

    mpz_inits(modulus, exponent, number, NULL);
    mpz_import(modulus, key.n_length, 1, 1, 1, 0, key.n);
    mpz_import(exponent, key.e_length, 1, 1, 1, 0, key.e);
    mpz_import(number, n, 1, 1, 1, 0, block);
    mpz_powm(number, number, exponent, modulus);
    memset(out, 0, MODULUS);
    count = (mpz_sizeinbase(number, 2) + 7) / 8;
    mpz_export(out + MODULUS - count, NULL, 1, 1, 1, 0, number);
    mpz_clears(modulus, exponent, number, NULL);
    return MODULUS;
}

/* Runs a handshake in which the client's ClientKeyExchange carries these bytes. */
static void with_ciphertext(const uint8_t *encrypted, size_t n, struct tls_pair *pair)
{
    uint8_t record[TLS_RECORD_MAX],
        message[TLS_MESSAGE_HEADER + 2 + 1024] = {TLS_CLIENT_KEY_EXCHANGE};

    tls_put_number(message + 1, 3, 2 + n);
    tls_put_number(message + 4, 2, n);
    memcpy(message + 6, encrypted, n);
    size_t length = tls_end_drain_record(&pair->client, record);
    assert_int_equal(record[TLS_HEADER], TLS_CLIENT_KEY_EXCHANGE);
    assert_true(length > 0);
    tls_end_feed_record(&pair->server, TLS_CONTENT_HANDSHAKE, message, TLS_MESSAGE_HEADER + 2 + n);
    assert_int_equal(tls_failure(pair->server.session), TLS_ERROR_OK);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
}

/* Both ends, up to where the client has written its second flight. */
static void up_to_the_key_exchange(struct tls_pair *pair)
{
    uint8_t record[TLS_RECORD_MAX];
    size_t n;

    tls_pair_init(pair);
    tls_pair_start(pair);
    n = tls_end_drain_record(&pair->client, record);
    tls_end_feed(&pair->server, record, n);
    while ((n = tls_end_drain_record(&pair->server, record)) > 0) {
        tls_end_feed(&pair->client, record, n);
    }
}

static void good_block(uint8_t block[MODULUS])
{
    memset(block, 0x77, MODULUS);
    block[0] = 0;
    block[1] = 2;
    block[MODULUS - 49] = 0;
    block[MODULUS - 48] = 3;
    block[MODULUS - 47] = 1;
}

static void expect_no_difference(const uint8_t *encrypted, size_t n)
{
    struct tls_pair pair;

    up_to_the_key_exchange(&pair);
    with_ciphertext(encrypted, n, &pair);
    tls_end_assert_failed(&pair.server, TLS_ERROR_RECORD_MAC);
    tls_pair_free(&pair);
}

static void expect_no_difference_for(const uint8_t block[MODULUS])
{
    uint8_t encrypted[MODULUS];
    struct tls_pair pair;

    up_to_the_key_exchange(&pair);
    size_t n = encrypt_raw(pair.client.handshake, block, MODULUS, encrypted);
    with_ciphertext(encrypted, n, &pair);
    tls_end_assert_failed(&pair.server, TLS_ERROR_RECORD_MAC);
    tls_pair_free(&pair);
}

static void no_padding_oracle(void **state)
{
    uint8_t block[MODULUS];

    (void)state;
    good_block(block); /* right in form, but not what the client's keys are made of */
    expect_no_difference_for(block);
    good_block(block);
    block[0] = 1;
    expect_no_difference_for(block);
    good_block(block);
    block[1] = 1;
    expect_no_difference_for(block);
    good_block(block);
    block[2] = 0; /* a zero in the first eight bytes of padding */
    expect_no_difference_for(block);
    good_block(block);
    block[40] = 0; /* a longer premaster secret */
    expect_no_difference_for(block);
    good_block(block);
    block[MODULUS - 49] = 0x77; /* no end of the padding */
    expect_no_difference_for(block);
    good_block(block);
    block[MODULUS - 49] = 0x77;
    block[MODULUS - 48] = 0; /* a premaster secret of 47 bytes */
    expect_no_difference_for(block);
    good_block(block);
    block[MODULUS - 49] = 0x77;
    block[MODULUS - 1] = 0; /* of no bytes */
    expect_no_difference_for(block);
    good_block(block);
    block[MODULUS - 47] = 3; /* another version */
    expect_no_difference_for(block);
    memset(block, 0, sizeof block);
    expect_no_difference_for(block);
}

/* Not even a number below the modulus, or of its length. */
static void no_oracle_for_what_is_no_ciphertext(void **state)
{
    static const uint8_t zeros[512];
    static const size_t sizes[] = {0, 1, 127, 128, 129, 256, 512};
    uint8_t large[MODULUS];

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        expect_no_difference(zeros, sizes[i]);
    }
    memset(large, 0xff, sizeof large);
    expect_no_difference(large, sizeof large);
    struct tls_pair pair;
    up_to_the_key_exchange(&pair);
    memcpy(large, tls_peer_key_rsa(&pair.client.handshake->peer).n, sizeof large);
    tls_pair_free(&pair);
    expect_no_difference(large, sizeof large);
}

static void a_malformed_message(void **state)
{
    static const uint8_t bodies[][8] = {{TLS_CLIENT_KEY_EXCHANGE, 0, 0, 0},
                                        {TLS_CLIENT_KEY_EXCHANGE, 0, 0, 1, 0},
                                        {TLS_CLIENT_KEY_EXCHANGE, 0, 0, 3, 0, 2, 1},
                                        {TLS_CLIENT_KEY_EXCHANGE, 0, 0, 4, 0, 1, 1, 1}};

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct tls_pair pair;
        up_to_the_key_exchange(&pair);
        tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, bodies[i],
                            TLS_MESSAGE_HEADER + bodies[i][3]);
        tls_end_assert_failed(&pair.server, TLS_ERROR_KEY_EXCHANGE);
        tls_pair_free(&pair);
    }
}

/* ---- certificates that do not suit the key exchange ---- */

static void a_key_that_may_not_encipher(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    pair.server.config.credential = tls_fixture_signer_credential();
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_end_assert_failed(&pair.client, TLS_ERROR_CERT_KEY_USAGE);
    tls_pair_free(&pair);
}

static void an_empty_certificate_list(void **state)
{
    static const uint8_t empty[] = {TLS_CERTIFICATE, 0, 0, 3, 0, 0, 0},
                         cut[] = {TLS_CERTIFICATE, 0, 0, 4, 0, 0, 0, 0},
                         nothing[] = {TLS_CERTIFICATE, 0, 0, 6, 0, 0, 3, 0, 0, 0},
                         rest[] = {TLS_CERTIFICATE, 0, 0, 9, 0, 0, 6, 0, 0, 1, 7, 0, 0};
    static const struct {
        const uint8_t *bytes;
        size_t n;
    } messages[] = {
        {empty, sizeof empty}, {cut, sizeof cut}, {nothing, sizeof nothing}, {rest, sizeof rest}};

    (void)state;
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.server, &pair.client, 1));
        tls_end_feed_record(&pair.client, TLS_CONTENT_HANDSHAKE, messages[i].bytes, messages[i].n);
        tls_end_assert_failed(&pair.client, TLS_ERROR_DECODE);
        tls_pair_free(&pair);
    }
}

static void a_chain_over_the_limit(void **state)
{
    struct x509_bytes chain[X509_CHAIN_MAX + 1];
    struct tls_credential credential = {.chain = chain,
                                        .key = tls_fixture_server_credential()->key};

    (void)state;
    chain[0] = tls_fixture_server_credential()->chain[0];
    for (size_t i = 1; i < X509_CHAIN_MAX + 1; i++) {
        chain[i] = (struct x509_bytes){tls_fixture_ca, sizeof tls_fixture_ca};
    }
    for (size_t count = X509_CHAIN_MAX; count <= X509_CHAIN_MAX + 1; count++) {
        struct tls_pair pair;
        credential.chain_count = count;
        tls_pair_init(&pair);
        pair.server.config.credential = &credential;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (count == X509_CHAIN_MAX) {
            tls_pair_assert_works(&pair);
        } else {
            tls_end_assert_failed(&pair.client, TLS_ERROR_CERT_CHAIN_LIMIT);
        }
        tls_pair_free(&pair);
    }
}

/* ---- Finished ---- */

/* Every bit of verify_data counts, both ways; and its length. */
static void finished_is_checked(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++) {
        for (size_t bit = 0; bit <= TLS_VERIFY_DATA * 8; bit++) {
            struct tls_pair pair;
            struct tls_end *to = role == TLS_CLIENT ? &pair.client : &pair.server;
            struct tls_end *from = role == TLS_CLIENT ? &pair.server : &pair.client;
            uint8_t record[TLS_RECORD_MAX], message[TLS_MESSAGE_HEADER + TLS_VERIFY_DATA];
            size_t n;
            tls_pair_init(&pair);
            tls_pair_start(&pair);
            assert_true(tls_pair_run_until(from, to, role == TLS_CLIENT ? 4 : 3));
            struct tls_half half = to->session->read;
            size_t length = tls_end_drain_record(from, record);
            assert_int_equal(tls_record_open(&half, TLS_VERSION_10, UINT64_MAX, record, length, &n),
                             TLS_ERROR_OK);
            assert_int_equal(n, sizeof message);
            memcpy(message, record + TLS_HEADER, n);
            if (bit < TLS_VERIFY_DATA * 8) {
                message[TLS_MESSAGE_HEADER + bit / 8] ^= (uint8_t)(1 << bit % 8);
            } else {
                message[3]--;
                n--;
            }
            from->session->write = to->session->read;
            tls_end_feed_sealed(to, from, TLS_CONTENT_HANDSHAKE, message, n);
            tls_end_assert_failed(to, bit < TLS_VERIFY_DATA * 8 ? TLS_ERROR_FINISHED
                                                                : TLS_ERROR_DECODE);
            tls_pair_free(&pair);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_rollback),
        cmocka_unit_test(no_padding_oracle),
        cmocka_unit_test(no_oracle_for_what_is_no_ciphertext),
        cmocka_unit_test(a_malformed_message),
        cmocka_unit_test(a_key_that_may_not_encipher),
        cmocka_unit_test(an_empty_certificate_list),
        cmocka_unit_test(a_chain_over_the_limit),
        cmocka_unit_test(finished_is_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
