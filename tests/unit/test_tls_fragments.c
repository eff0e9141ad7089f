/* How bytes are cut and what size messages have must not matter: splits, one byte at a time,
 * messages joined, flights larger than the output buffer, messages larger than a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_fixture_bytes.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"

enum { FLIGHT_MAX = 900 /* bytes of the longest flight of the fixture's handshake */ };

static void records_cut_anywhere(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < FLIGHT_MAX; piece += piece < 64 ? 1 : 7) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        tls_pair_run(&pair, piece);
        tls_pair_assert_works(&pair);
        tls_pair_free(&pair);
    }
}

static void refragmented(size_t first, size_t piece)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    tls_pair_run_refragmented(&pair, first, piece);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
}

static void messages_cut_at_every_point(void **state)
{
    (void)state;
    for (size_t first = 1; first <= FLIGHT_MAX; first++) {
        refragmented(first, TLS_PLAINTEXT_MAX);
    }
}

static void messages_cut_in_pieces_of_every_size(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= 64; piece++) {
        refragmented(piece, piece);
    }
}

static void messages_of_a_flight_in_one_record(void **state)
{
    (void)state;
    refragmented(TLS_PLAINTEXT_MAX, TLS_PLAINTEXT_MAX);
}

/* ---- certificates of any size ---- */

static size_t der_header(uint8_t *out, uint8_t tag, size_t n)
{
    out[0] = tag;
    out[1] = 0x83;
    tls_put_number(out + 2, 3, n);
    return 5;
}

/* The fixture's CA with one more extension of n bytes. Its signature is wrong, which does not
 * matter to a certificate that is on no path. */
static struct x509_bytes padded_certificate(size_t n)
{
    static const uint8_t oid[] = {0x06, 0x03, 0x2a, 0x03, 0x04};
    const uint8_t *ca = tls_fixture_ca;
    size_t tbs_length = (size_t)(ca[6] << 8 | ca[7]), ca_length = sizeof tls_fixture_ca;
    const uint8_t *tbs = ca + 8, *after = tbs + tbs_length;
    const uint8_t *extensions = tbs;
    while (extensions[0] != 0xa3 || (size_t)(after - extensions) != (size_t)extensions[1] + 2) {
        extensions++; /* [3], which goes to the end of the tbsCertificate */
    }
    size_t before = (size_t)(extensions - tbs), old = (size_t)(extensions[3]);
    size_t octets = 5 + n, extension = 5 + sizeof oid + octets, list = old + extension;
    size_t new_tbs = before + 5 + 5 + list;
    size_t content = 5 + new_tbs + (size_t)(ca + ca_length - after);
    /* DER forbids lengths longer than needed: three bytes are, from 65,536 on. */
    assert_true(n >= 65536 - 512);

    uint8_t *out = calloc(1, content + 5), *at = out;
    assert_non_null(out);
    at += der_header(at, 0x30, content);
    at += der_header(at, 0x30, new_tbs);
    memcpy(at, tbs, before);
    at += before;
    at += der_header(at, 0xa3, 5 + list);
    at += der_header(at, 0x30, list);
    memcpy(at, extensions + 4, old);
    at += old;
    at += der_header(at, 0x30, extension - 5);
    memcpy(at, oid, sizeof oid);
    at += sizeof oid;
    at += der_header(at, 0x04, n);
    memset(at, 0x55, n);
    at += n;
    memcpy(at, after, (size_t)(ca + ca_length - after));
    return (struct x509_bytes){out, content + 5};
}

static void big_certificate(size_t padding, enum tls_error expected, size_t piece)
{
    struct x509_bytes chain[2] = {tls_fixture_server_credential()->chain[0],
                                  padded_certificate(padding)};
    struct tls_credential credential = {
        .chain = chain, .chain_count = 2, .key = tls_fixture_server_credential()->key};
    struct tls_pair pair;

    tls_pair_init(&pair);
    pair.server.config.credential = &credential;
    tls_pair_start(&pair);
    tls_pair_run(&pair, piece);
    if (expected == TLS_ERROR_OK) {
        assert_true(pair.client.asked_for_big);
        tls_pair_assert_works(&pair);
    } else {
        tls_end_assert_failed(&pair.client, expected);
        assert_false(pair.client.asked_for_big);
    }
    tls_pair_free(&pair);
    free((void *)(uintptr_t)chain[1].data);
}

static void certificates_larger_than_a_record(void **state)
{
    (void)state;
    big_certificate(70000, TLS_ERROR_OK, TLS_OUTPUT_SIZE);
    big_certificate(70000, TLS_ERROR_OK, 1000);
    big_certificate(70000, TLS_ERROR_OK, 16389);
}

static void certificates_over_the_limit(void **state)
{
    (void)state;
    big_certificate(TLS_MESSAGE_CERTIFICATES - 2000, TLS_ERROR_OK, TLS_OUTPUT_SIZE);
    big_certificate(TLS_MESSAGE_CERTIFICATES, TLS_ERROR_MESSAGE_LENGTH, TLS_OUTPUT_SIZE);
}

/* A big message that begins in a record where others end, and waits for room. */
static void big_certificate_refragmented(void **state)
{
    struct x509_bytes chain[2] = {tls_fixture_server_credential()->chain[0],
                                  padded_certificate(70000)};
    struct tls_credential credential = {
        .chain = chain, .chain_count = 2, .key = tls_fixture_server_credential()->key};

    (void)state;
    for (size_t first = 70; first < 90; first++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        pair.server.config.credential = &credential;
        tls_pair_start(&pair);
        tls_pair_run_refragmented(&pair, first, TLS_PLAINTEXT_MAX);
        assert_true(pair.client.asked_for_big);
        tls_pair_assert_works(&pair);
        tls_pair_free(&pair);
    }
    free((void *)(uintptr_t)chain[1].data);
}

/* A hello of the largest size that its length fields can say is taken; no other message is. */
static void the_largest_hello(void **state)
{
    static uint8_t message[TLS_MESSAGE_HEADER + TLS_MESSAGE_HELLO];
    struct tls_writer w = tls_writer_to(message, sizeof message);
    struct tls_end end;

    (void)state;
    tls_write_u8(&w, TLS_CLIENT_HELLO);
    size_t body = tls_open_vector(&w, 3);
    tls_write_u16(&w, TLS_VERSION_10);
    memset(tls_write_room(&w, TLS_RANDOM), 1, TLS_RANDOM);
    tls_write_u8(&w, 32);
    memset(tls_write_room(&w, 32), 2, 32);
    tls_write_u16(&w, 65534);
    memset(tls_write_room(&w, 65532), 0xee, 65532);
    tls_write_u16(&w, 0x002f);
    tls_write_u8(&w, 255);
    memset(tls_write_room(&w, 255), 0, 255);
    size_t extensions = tls_open_vector(&w, 2);
    tls_write_u16(&w, 80);
    size_t data = tls_open_vector(&w, 2);
    memset(tls_write_room(&w, 65535 - 4), 3, 65535 - 4);
    tls_close_vector(&w, 2, data);
    tls_close_vector(&w, 2, extensions);
    tls_close_vector(&w, 3, body);
    assert_false(w.full);
    assert_int_equal(w.used, sizeof message);

    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    for (size_t i = 0; i < w.used; i += TLS_PLAINTEXT_MAX) {
        size_t n = w.used - i < TLS_PLAINTEXT_MAX ? w.used - i : TLS_PLAINTEXT_MAX;
        tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, message + i, n);
    }
    assert_true(end.asked_for_big);
    assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
    assert_int_equal(end.session->suite, 0x002f);
    tls_end_free(&end);

    message[3]++;
    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, message, TLS_MESSAGE_HEADER);
    tls_end_assert_failed(&end, TLS_ERROR_MESSAGE_LENGTH);
    tls_end_free(&end);
}

/* The others have 16 KiB: the header alone decides, before any room is made. */
static void messages_over_the_limit(void **state)
{
    static const uint8_t fits[] = {TLS_SERVER_HELLO, 0, 0x40, 0},
                         over[] = {TLS_SERVER_HELLO, 0, 0x40, 1};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_end end;
        tls_end_init(&end, TLS_CLIENT);
        tls_end_start(&end);
        tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, i == 0 ? fits : over, sizeof fits);
        if (i == 0) {
            assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
        } else {
            tls_end_assert_failed(&end, TLS_ERROR_MESSAGE_LENGTH);
        }
        tls_end_free(&end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_cut_anywhere),
        cmocka_unit_test(messages_cut_at_every_point),
        cmocka_unit_test(messages_cut_in_pieces_of_every_size),
        cmocka_unit_test(messages_of_a_flight_in_one_record),
        cmocka_unit_test(certificates_larger_than_a_record),
        cmocka_unit_test(certificates_over_the_limit),
        cmocka_unit_test(big_certificate_refragmented),
        cmocka_unit_test(the_largest_hello),
        cmocka_unit_test(messages_over_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
