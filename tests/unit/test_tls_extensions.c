/* Extensions with an effect of their own, signalling suites, and the hello in SSL 2.0's format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"

/* ---- max_fragment_length ---- */

static size_t largest_record(struct tls_end *from, struct tls_end *to)
{
    uint8_t record[TLS_RECORD_MAX];
    size_t n, largest = 0;

    while ((n = tls_end_drain_record(from, record)) > 0) {
        largest = n > largest ? n : largest;
        tls_end_feed(to, record, n);
    }
    return largest;
}

static void fragments_as_agreed(void **state)
{
    static const uint8_t data[10000] = {1};

    (void)state;
    for (uint8_t code = 0; code <= TLS_FRAGMENT_4096; code++) {
        size_t limit = code == 0 ? TLS_PLAINTEXT_MAX : (size_t)256 << code, largest = 0;
        struct tls_pair pair;
        tls_pair_init(&pair);
        pair.client.config.max_fragment = code;
        tls_pair_start(&pair);
        while (!tls_is_established(pair.client.session)) {
            largest_record(&pair.client, &pair.server);
            size_t n = largest_record(&pair.server, &pair.client);
            largest = n > largest ? n : largest;
            assert_int_equal(tls_failure(pair.client.session), TLS_ERROR_OK);
        }
        assert_true(largest <= TLS_HEADER + limit);
        assert_true(code != TLS_FRAGMENT_512 || largest == TLS_HEADER + limit);
        tls_pair_assert_works(&pair);
        assert_int_equal(pair.server.session->max_fragment, code);
        pair.client.plain_length = 0;
        for (size_t sent = 0, taken; sent < sizeof data; sent += taken) {
            struct tls_conn conn = tls_end_conn(&pair.server);
            assert_int_equal(tls_send(&conn, data + sent, sizeof data - sent, &taken), TLS_DONE);
            assert_true(largest_record(&pair.server, &pair.client) <= TLS_HEADER + limit + 64);
        }
        assert_int_equal(pair.client.plain_length, sizeof data);
        /* One byte more than was agreed on. */
        uint8_t *more = calloc(1, limit + 1);
        tls_end_feed_sealed(&pair.client, &pair.server, TLS_CONTENT_APPLICATION_DATA, more,
                            limit + 1);
        struct tls_conn conn = tls_end_conn(&pair.client);
        tls_flush_mailbox(&conn);
        tls_end_assert_failed(&pair.client, TLS_ERROR_RECORD_LENGTH);
        free(more);
        tls_pair_free(&pair);
    }
}

/* ---- ALPN ---- */

static struct x509_bytes name(const char *text)
{
    return (struct x509_bytes){(const uint8_t *)text, strlen(text)};
}

static void protocols(void **state)
{
    struct x509_bytes http[] = {name("h2"), name("http/1.1")}, old[] = {name("http/1.1")},
                      other[] = {name("imap")};
    static const struct {
        int client, server, chosen; /* 0: none, 1: http, 2: old, 3: other; -1: refused */
    } cases[] = {{0, 0, 0}, {1, 0, 0}, {0, 1, 0}, {1, 1, 1}, {2, 1, 2}, {1, 2, 1}, {3, 1, -1}};
    struct x509_bytes *const lists[] = {NULL, http, old, other};
    static const size_t counts[] = {0, 2, 1, 1};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        pair.client.config.alpn = lists[cases[i].client];
        pair.client.config.alpn_count = counts[cases[i].client];
        pair.server.config.alpn = lists[cases[i].server];
        pair.server.config.alpn_count = counts[cases[i].server];
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (cases[i].chosen < 0) {
            tls_end_assert_failed(&pair.server, TLS_ERROR_NO_PROTOCOL);
        } else {
            tls_pair_assert_works(&pair);
            assert_int_equal(pair.server.session->alpn, cases[i].chosen);
            const struct x509_bytes *theirs = lists[cases[i].server],
                                    *ours = lists[cases[i].client];
            assert_int_equal(pair.client.session->alpn != 0, cases[i].chosen != 0);
            if (cases[i].chosen > 0) {
                assert_int_equal(theirs[pair.server.session->alpn - 1].length,
                                 ours[pair.client.session->alpn - 1].length);
            }
        }
        tls_pair_free(&pair);
    }
}

/* ---- one hello, sent to a server ---- */

static void server_gets(struct tls_end *end, uint16_t version, const char *suites, size_t n,
                        const char *block, size_t block_length)
{
    uint8_t message[512];
    struct tls_writer w = tls_writer_to(message, sizeof message);

    tls_write_u8(&w, TLS_CLIENT_HELLO);
    size_t body = tls_open_vector(&w, 3);
    tls_write_u16(&w, version);
    memset(tls_write_room(&w, TLS_RANDOM), 1, TLS_RANDOM);
    tls_write_u8(&w, 0);
    tls_write_u16(&w, (uint16_t)n);
    tls_write_bytes(&w, suites, n);
    tls_write_u16(&w, 0x0100);
    if (block_length > 0) {
        tls_write_u16(&w, (uint16_t)block_length);
        tls_write_bytes(&w, block, block_length);
    }
    tls_close_vector(&w, 3, body);
    tls_end_start(end);
    tls_end_feed_record(end, TLS_CONTENT_HANDSHAKE, message, w.used);
}

static void expect(uint16_t version, const char *suites, size_t n, const char *block,
                   size_t block_length, enum tls_error error)
{
    struct tls_end end;

    tls_end_init(&end, TLS_SERVER);
    end.config.suites[3] = 0xc013;
    end.config.suites[4] = 0x0033;
    end.config.suite_count = 5;
    server_gets(&end, version, suites, n, block, block_length);
    if (error == TLS_ERROR_OK) {
        assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
        assert_true(end.session->output_end > 500);
    } else {
        tls_end_assert_failed(&end, error);
    }
    tls_end_free(&end);
}

#define EXPECT(error, version, suites, block)                                                      \
    expect(version, suites, sizeof(suites) - 1, block, sizeof(block) - 1, error)

/* RFC 7507: compared with our own maximum, which is 1.0. */
static void fallback_scsv(void **state)
{
    struct tls_end end;

    (void)state;
    EXPECT(TLS_ERROR_OK, 0x0301, "\x00\x2f\x56\x00", "");
    EXPECT(TLS_ERROR_OK, 0x0303, "\x00\x2f\x56\x00", "");
    tls_end_init(&end, TLS_SERVER);
    end.config.version_max = 0x0303;
    server_gets(&end, 0x0301, "\x00\x2f\x56\x00", 4, NULL, 0);
    tls_end_assert_failed(&end, TLS_ERROR_FALLBACK);
    tls_end_free(&end);
}

static void malformed_extensions(void **state)
{
    (void)state;
    /* max_fragment_length */
    EXPECT(TLS_ERROR_OK, 0x0301, "\x00\x2f", "\0\1\0\1\4");
    EXPECT(TLS_ERROR_PARAMETER, 0x0301, "\x00\x2f", "\0\1\0\1\5");
    EXPECT(TLS_ERROR_PARAMETER, 0x0301, "\x00\x2f", "\0\1\0\1\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\1\0\2\1\1");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\1\0\0");
    /* supported_groups, ec_point_formats */
    EXPECT(TLS_ERROR_OK, 0x0301, "\xc0\x13", "\0\x0a\0\4\0\2\0\x17\0\x0b\0\2\1\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\xc0\x13", "\0\x0a\0\2\0\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\xc0\x13", "\0\x0a\0\3\0\1\x17");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\xc0\x13", "\0\x0a\0\5\0\2\0\x17\0");
    EXPECT(TLS_ERROR_PARAMETER, 0x0301, "\xc0\x13", "\0\x0b\0\2\1\1");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\xc0\x13", "\0\x0b\0\1\0");
    /* extended_master_secret, encrypt_then_mac, ALPN */
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\x17\0\1\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\x16\0\1\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\x10\0\2\0\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\x10\0\3\0\1\0");
    EXPECT(TLS_ERROR_DECODE, 0x0301, "\x00\x2f", "\0\x10\0\4\0\2\2x");
}

/* No curve, or no finite-field group (RFC 7919), in common: another suite, or none. */
static void groups(void **state)
{
    (void)state;
    EXPECT(TLS_ERROR_OK, 0x0301, "\xc0\x13", "");
    EXPECT(TLS_ERROR_NO_COMMON_SUITE, 0x0301, "\xc0\x13", "\0\x0a\0\4\0\2\0\x16");
    EXPECT(TLS_ERROR_OK, 0x0301, "\xc0\x13\x00\x2f", "\0\x0a\0\4\0\2\0\x16");
    EXPECT(TLS_ERROR_OK, 0x0301, "\x00\x33", "\0\x0a\0\4\0\2\0\x16");
    EXPECT(TLS_ERROR_OK, 0x0301, "\x00\x33", "\0\x0a\0\4\0\2\1\2");
    EXPECT(TLS_ERROR_NO_COMMON_GROUP, 0x0301, "\x00\x33", "\0\x0a\0\4\0\2\1\4");
    EXPECT(TLS_ERROR_OK, 0x0301, "\x00\x33\x00\x2f", "\0\x0a\0\4\0\2\1\4");
    EXPECT(TLS_ERROR_NO_COMMON_SUITE, 0x0301, "\x00\x01", "\0\x0a\0\4\0\2\1\4");
}

/* ---- SSL 2.0's format ---- */

/* From a client that would speak SSL 2.0 too: two of its suites, two of ours, the signalling one.
 */
static size_t old_hello(uint8_t out[256], size_t challenge)
{
    static const uint8_t suites[] = {0x01, 0x00, 0x80, 0x07, 0x00, 0xc0, 0x00, 0x00,
                                     0x2f, 0x00, 0x00, 0x35, 0x00, 0x00, 0xff};
    struct tls_writer w = tls_writer_to(out, 256);

    tls_write_u16(&w, (uint16_t)(0x8000 + 9 + sizeof suites + challenge));
    tls_write_u8(&w, 1);
    tls_write_u16(&w, 0x0301);
    tls_write_u16(&w, sizeof suites);
    tls_write_u16(&w, 0);
    tls_write_u16(&w, (uint16_t)challenge);
    tls_write_bytes(&w, suites, sizeof suites);
    uint8_t *bytes = tls_write_room(&w, challenge);
    for (size_t left = challenge; left > 0; left--) {
        *bytes++ = (uint8_t)left;
    }
    return w.used;
}

static void old_server(struct tls_end *end)
{
    tls_end_init(end, TLS_SERVER);
    end->config.accept_sslv2_hello = true;
    tls_end_start(end);
}

static void sslv2_hello(void **state)
{
    uint8_t hello[256];

    (void)state;
    for (size_t challenge = 16; challenge <= 48; challenge += 8) {
        for (size_t piece = 1; piece < 100; piece += 7) {
            struct tls_end end;
            size_t n = old_hello(hello, challenge);
            old_server(&end);
            for (size_t i = 0; i < n; i += piece) {
                tls_end_feed(&end, hello + i, piece < n - i ? piece : n - i);
            }
            assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
            assert_int_equal(end.session->suite, 0x002f);
            assert_int_equal(end.session->secure_renegotiation, 1);
            /* Filled up with zeros in front, or without what is too much there. */
            for (size_t j = 0; j < TLS_RANDOM; j++) {
                size_t left = TLS_RANDOM - j;
                assert_int_equal(end.handshake->client_random[j], left <= challenge ? left : 0);
            }
            assert_true(end.session->output_end > 500);
            tls_end_free(&end);
        }
    }
}

static void sslv2_hello_refused(void **state)
{
    uint8_t hello[256];
    struct tls_end end;

    (void)state;
    /* Not without the rule. */
    size_t n = old_hello(hello, 16);
    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    tls_end_feed(&end, hello, n);
    tls_end_assert_failed(&end, TLS_ERROR_SSLV2_HELLO);
    tls_end_free(&end);
    /* Not a second time. */
    old_server(&end);
    tls_end_feed(&end, hello, n);
    tls_end_feed(&end, hello, n);
    tls_end_assert_failed(&end, TLS_ERROR_RECORD_TYPE);
    tls_end_free(&end);
    /* Malformed: lengths that do not add up, a short challenge, SSL 2.0 itself. */
    static const struct {
        size_t at;
        uint8_t value;
        enum tls_error error;
    } changes[] = {{6, 12, TLS_ERROR_DECODE},    {6, 14, TLS_ERROR_DECODE},
                   {6, 0, TLS_ERROR_DECODE},     {10, 15, TLS_ERROR_DECODE},
                   {10, 17, TLS_ERROR_DECODE},   {8, 1, TLS_ERROR_DECODE},
                   {4, 0x00, TLS_ERROR_VERSION}, {3, 0x00, TLS_ERROR_NOT_TLS}};
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        n = old_hello(hello, 16);
        hello[changes[i].at] = changes[i].value;
        old_server(&end);
        tls_end_feed(&end, hello, n);
        tls_end_assert_failed(&end, changes[i].error);
        tls_end_free(&end);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fragments_as_agreed),
        cmocka_unit_test(protocols),
        cmocka_unit_test(fallback_scsv),
        cmocka_unit_test(malformed_extensions),
        cmocka_unit_test(groups),
        cmocka_unit_test(sslv2_hello),
        cmocka_unit_test(sslv2_hello_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
