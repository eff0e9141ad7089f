/* Which alert each error gets, as public suites for servers ask it: level and description, sent
 * before the connection ends. Hellos are damaged in every length field that they have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_output.h"
#include "tls/tls_record.h"

/* ---- hellos ---- */

enum { /* where things are in a hello with an empty session id and two suites */
       AT_VERSION = 4,
       AT_SESSION_ID = 4 + 2 + 32,
       AT_SUITES = AT_SESSION_ID + 1,
       AT_COMPRESSIONS = AT_SUITES + 2 + 4,
       AT_EXTENSIONS = AT_COMPRESSIONS + 2
};

struct hello {
    uint8_t bytes[70000];
    size_t n;
};

/* Two suites, so that places are the same; extensions: a whole block, or none. */
static struct hello *hello_with(uint16_t version, const char *suites, size_t suites_length,
                                const void *extensions, size_t n)
{
    static struct hello hello;
    struct tls_writer w = tls_writer_to(hello.bytes, sizeof hello.bytes);

    tls_write_u8(&w, TLS_CLIENT_HELLO);
    size_t body = tls_open_vector(&w, 3);
    tls_write_u16(&w, version);
    memset(tls_write_room(&w, TLS_RANDOM), 7, TLS_RANDOM);
    tls_write_u8(&w, 0);
    tls_write_u16(&w, (uint16_t)suites_length);
    tls_write_bytes(&w, suites, suites_length);
    tls_write_u16(&w, 0x0100);
    if (n > 0) {
        tls_write_u16(&w, (uint16_t)n);
        tls_write_bytes(&w, extensions, n);
    }
    tls_close_vector(&w, 3, body);
    assert_false(w.full);
    hello.n = w.used;
    return &hello;
}

#define SUITES        "\x00\x2f\x00\xff", 4
#define RENEGOTIATION "\xff\x01\0\1\0"

static struct hello *plain_hello(void)
{
    return hello_with(0x0303, SUITES, NULL, 0);
}

static struct hello *extended_hello(void)
{
    return hello_with(0x0303, "\x00\x2f\x00\x35", 4, RENEGOTIATION, 5);
}

/* In records of 16 KiB; stops when the server has ended the connection. */
static void give(struct tls_end *server, const uint8_t *bytes, size_t n)
{
    for (size_t done = 0, part; done < n && server->last != TLS_FAILED; done += part) {
        part = n - done < TLS_PLAINTEXT_MAX ? n - done : TLS_PLAINTEXT_MAX;
        tls_end_feed_record(server, TLS_CONTENT_HANDSHAKE, bytes + done, part);
    }
}

/* The last thing sent is a fatal alert with this description, in the clear, and nothing more is
 * taken. */
static void assert_refused(struct tls_end *server, enum tls_alert alert)
{
    struct tls_conn conn = tls_end_conn(server);
    size_t n;
    const uint8_t *out = tls_output(&conn, &n);
    const uint8_t expected[] = {TLS_CONTENT_ALERT, 3, 1, 0, 2, TLS_LEVEL_FATAL, (uint8_t)alert};

    assert_true(n >= sizeof expected);
    assert_int_equal(out[n - 1], alert);
    assert_memory_equal(out + n - sizeof expected, expected, sizeof expected);
    assert_int_equal(server->last, TLS_FAILED);
    assert_int_equal(server->session->write.closed, 1);
    assert_int_equal(server->session->read.closed, 1);
}

static void refused(const struct hello *hello, enum tls_alert alert)
{
    struct tls_end server;

    tls_end_init(&server, TLS_SERVER);
    tls_end_start(&server);
    give(&server, hello->bytes, hello->n);
    assert_refused(&server, alert);
    tls_end_free(&server);
}

static void accepted(const struct hello *hello, uint16_t suite)
{
    struct tls_end server;

    tls_end_init(&server, TLS_SERVER);
    tls_end_start(&server);
    give(&server, hello->bytes, hello->n);
    assert_int_equal(tls_failure(server.session), TLS_ERROR_OK);
    assert_int_equal(server.session->suite, suite);
    assert_int_equal(server.session->version, TLS_VERSION_10);
    tls_end_free(&server);
}

static void every_type(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct hello *hello = plain_hello();
        hello->bytes[0] = (uint8_t)type;
        if (type != TLS_CLIENT_HELLO) {
            refused(hello, TLS_ALERT_UNEXPECTED_MESSAGE);
        }
    }
}

/* One length field of two bytes, or of one, takes every value; `right` are those that make a hello
 * of another meaning. */
static void every_length(struct hello *(*make)(void), size_t at, unsigned width, unsigned right,
                         unsigned right_too)
{
    for (unsigned value = 0; value < 1u << (8 * width); value += value < 512 ? 1 : 251) {
        struct hello *hello = make();
        tls_put_number(hello->bytes + at, width, value);
        if (value != right && value != right_too) {
            refused(hello, TLS_ALERT_DECODE_ERROR);
        }
    }
}

static void every_length_of_a_hello(void **state)
{
    (void)state;
    every_length(plain_hello, AT_SESSION_ID, 1, 0, 0);
    every_length(extended_hello, AT_SESSION_ID, 1, 0, 0);
    every_length(plain_hello, AT_SUITES, 2, 4, 4);
    every_length(extended_hello, AT_SUITES, 2, 4, 4);
    every_length(plain_hello, AT_COMPRESSIONS, 1, 1, 1);
    every_length(extended_hello, AT_COMPRESSIONS, 1, 1, 8 /* they swallow the extensions */);
    every_length(extended_hello, AT_EXTENSIONS, 2, 5, 5);
    every_length(extended_hello, AT_EXTENSIONS + 4, 2, 1, 1);
}

/* The message is cut, or something follows it, and its length says so. */
static void cut_and_padded(void **state)
{
    static const unsigned pads[] = {1, 2, 3, 256, 4096, 65536};

    (void)state;
    for (unsigned cut = 1; cut <= 48; cut++) {
        struct hello *hello = extended_hello();
        hello->n -= cut;
        tls_put_number(hello->bytes + 1, 3, hello->n - TLS_MESSAGE_HEADER);
        if (cut == 7) {
            accepted(hello, 0x002f); /* no extensions at all */
        } else {
            refused(hello, TLS_ALERT_DECODE_ERROR);
        }
    }
    for (size_t i = 0; i < sizeof pads / sizeof pads[0]; i++) {
        struct hello *hello = extended_hello();
        memset(hello->bytes + hello->n, 0, pads[i]);
        hello->n += pads[i];
        tls_put_number(hello->bytes + 1, 3, hello->n - TLS_MESSAGE_HEADER);
        refused(hello, TLS_ALERT_DECODE_ERROR);
    }
    /* Longer than any hello can be: refused by its header, before it is there. */
    struct hello *hello = extended_hello();
    tls_put_number(hello->bytes + 1, 3, 0xffffff);
    refused(hello, TLS_ALERT_DECODE_ERROR);
    tls_put_number(hello->bytes + 1, 3, TLS_MESSAGE_HELLO + 1);
    refused(hello, TLS_ALERT_DECODE_ERROR);
}

static void versions(void **state)
{
    static const uint16_t taken[] = {0x0301, 0x0302, 0x0303, 0x0304, 0x0401, 0x0603, 0xfefe},
                          low[] = {0x0000, 0x0002, 0x0103, 0x0300};

    (void)state;
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        accepted(hello_with(taken[i], SUITES, NULL, 0), 0x002f);
    }
    for (size_t i = 0; i < sizeof low / sizeof low[0]; i++) {
        refused(hello_with(low[i], SUITES, NULL, 0), TLS_ALERT_PROTOCOL_VERSION);
    }
}

#define HELLO(suites, extensions)                                                                  \
    hello_with(0x0303, suites, sizeof(suites) - 1, extensions, sizeof(extensions) - 1)

static void extensions(void **state)
{
    (void)state;
    /* GREASE (RFC 8701): unknown suites, extensions and groups, first and last. */
    accepted(HELLO("\x0a\x0a\x00\x2f\xfa\xfa",
                   "\x1a\x1a\0\0\0\x0a\0\6\0\4\x2a\x2a\0\x17\xff\x01\0\1\0\xda\xda\0\1\0"),
             0x002f);
    /* What clients of later versions send: supported_versions, key_share, psk modes, cookie. */
    accepted(
        HELLO("\x13\x01\x00\x2f", "\0\x2b\0\3\2\3\4\0\x33\0\2\0\0\0\x2d\0\2\1\1\0\x2c\0\2\0\0"),
        0x002f);
    refused(HELLO("\x00\x2f", "\0\x17\0\0\0\x17\0\0"), TLS_ALERT_DECODE_ERROR); /* twice */
    refused(HELLO("\x00\x2f", "\x5a\x5a\0\0\x5a\x5a\0\0"), TLS_ALERT_DECODE_ERROR);
    /* signature_algorithms and signature_algorithms_cert */
    accepted(HELLO("\x00\x2f", "\0\x0d\0\4\0\2\4\1\0\x32\0\4\0\2\x77\x77"), 0x002f);
    refused(HELLO("\x00\x2f", "\0\x0d\0\0"), TLS_ALERT_DECODE_ERROR);
    refused(HELLO("\x00\x2f", "\0\x0d\0\2\0\0"), TLS_ALERT_DECODE_ERROR);
    refused(HELLO("\x00\x2f", "\0\x0d\0\5\0\3\4\1\4"), TLS_ALERT_DECODE_ERROR);
    refused(HELLO("\x00\x2f", "\0\x0d\0\5\0\2\4\1\4"), TLS_ALERT_DECODE_ERROR);
    refused(HELLO("\x00\x2f", "\0\x32\0\4\0\4\4\1"), TLS_ALERT_DECODE_ERROR);
    /* renegotiation_info with something in it (RFC 5746 3.6) */
    refused(HELLO("\x00\x2f", "\xff\x01\0\2\1\1"), TLS_ALERT_HANDSHAKE_FAILURE);
    refused(HELLO("\x00\x2f", "\xff\x01\0\2\2\1"), TLS_ALERT_DECODE_ERROR);
    /* server_name: control characters, escape sequences, letters beyond ASCII */
    refused(HELLO("\x00\x2f", "\0\0\0\7\0\5\0\0\2a\0"), TLS_ALERT_ILLEGAL_PARAMETER);
    refused(HELLO("\x00\x2f", "\0\0\0\x0a\0\x08\0\0\5\x1b[31m"), TLS_ALERT_ILLEGAL_PARAMETER);
    refused(HELLO("\x00\x2f", "\0\0\0\7\0\5\0\0\2\xc4\x85"), TLS_ALERT_ILLEGAL_PARAMETER);
    refused(HELLO("\x00\x2f", "\0\0\0\4\xff\xff\xff\xff"), TLS_ALERT_DECODE_ERROR);
    /* a name of a kind that nobody knows, before and behind a host name */
    accepted(HELLO("\x00\x2f", "\0\0\0\x0c\0\x0a\1\0\2\1\2\0\0\2ab"), 0x002f);
    accepted(HELLO("\x00\x2f", "\0\0\0\x0c\0\x0a\0\0\2ab\1\0\2\1\2"), 0x002f);
}

static void suites_and_compression(void **state)
{
    struct hello *hello;

    (void)state;
    refused(HELLO("\x00\x00", ""), TLS_ALERT_HANDSHAKE_FAILURE); /* TLS_NULL_WITH_NULL_NULL */
    refused(HELLO("\x00\xff", ""), TLS_ALERT_HANDSHAKE_FAILURE);
    refused(HELLO("\x00\x03\x00\x08\x00\x14", ""), TLS_ALERT_HANDSHAKE_FAILURE); /* export */
    hello = plain_hello();
    hello->bytes[AT_COMPRESSIONS + 1] = 1; /* deflate alone */
    refused(hello, TLS_ALERT_ILLEGAL_PARAMETER);
}

/* ---- after the hello ---- */

/* A server that has sent its ServerHelloDone. */
static void half_way(struct tls_pair *pair)
{
    tls_pair_init(pair);
    tls_pair_start(pair);
    assert_true(tls_pair_run_until(&pair->client, &pair->server, 1));
}

static void records(void **state)
{
    static const struct {
        uint8_t type;
        const char *content;
        size_t n;
        enum tls_alert alert;
    } cases[] = {
        {TLS_CONTENT_CHANGE_CIPHER_SPEC, "\1\1", 2, TLS_ALERT_UNEXPECTED_MESSAGE},
        {TLS_CONTENT_CHANGE_CIPHER_SPEC, "\1", 1, TLS_ALERT_UNEXPECTED_MESSAGE},
        {TLS_CONTENT_APPLICATION_DATA, "hello", 5, TLS_ALERT_UNEXPECTED_MESSAGE},
        {24, "hello server!\n", 14, TLS_ALERT_UNEXPECTED_MESSAGE}, /* heartbeat */
        {TLS_CONTENT_HANDSHAKE, "\0\0\0\0", 4, TLS_ALERT_UNEXPECTED_MESSAGE},
        {TLS_CONTENT_HANDSHAKE, "", 0, TLS_ALERT_UNEXPECTED_MESSAGE},
        {TLS_CONTENT_HANDSHAKE, "\x10\0\0\1\0", 5, TLS_ALERT_DECODE_ERROR},
        {TLS_CONTENT_HANDSHAKE, "\x14\0\0\x0c", 4, TLS_ALERT_UNEXPECTED_MESSAGE},
        {TLS_CONTENT_ALERT, "\x2a\x0a", 2, TLS_ALERT_ILLEGAL_PARAMETER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_pair pair;
        half_way(&pair);
        tls_end_feed_record(&pair.server, cases[i].type, (const uint8_t *)cases[i].content,
                            cases[i].n);
        assert_refused(&pair.server, cases[i].alert);
        tls_pair_free(&pair);
    }
}

static void too_long_a_record(void **state)
{
    static const uint8_t big[TLS_PLAINTEXT_MAX + 1] = {TLS_CLIENT_HELLO, 0, 0x40, 0};
    struct tls_end server;

    (void)state;
    tls_end_init(&server, TLS_SERVER);
    tls_end_start(&server);
    tls_end_feed_record(&server, TLS_CONTENT_HANDSHAKE, big, sizeof big);
    assert_refused(&server, TLS_ALERT_RECORD_OVERFLOW);
    tls_end_free(&server);
}

/* Level 0 with close_notify is taken for one; any other description with it is not. */
static void a_level_left_out(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        const uint8_t alert[2] = {0, i == 0 ? TLS_ALERT_CLOSE_NOTIFY : TLS_ALERT_USER_CANCELED};
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_ALERT, alert, 2);
        if (i == 0) {
            assert_int_equal(pair.server.last, TLS_CLOSED);
            assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_OK);
        } else {
            assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_ALERT_BAD);
        }
        tls_pair_free(&pair);
    }
}

/* CVE-2010-4180: a session is asked for, and its suite is not offered. */
static void resuming_with_another_suite(void **state)
{
    size_t size = tls_cache_table_size(16);
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    struct tls_pair pair;
    uint8_t message[256];

    (void)state;
    memset(memory, 0, size);
    const struct tls_cache cache = tls_cache_of(tls_cache_table_init(memory, 16));
    tls_pair_init(&pair);
    pair.server.config.cache = &cache;
    pair.client.name = NULL; /* so that the hello below has no name either */
    pair.client.config.skip_name_check = true;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    assert_true(tls_is_established(pair.server.session));
    for (unsigned i = 0; i < 2; i++) {
        struct tls_writer w = tls_writer_to(message, sizeof message);
        struct tls_end server;
        tls_write_u8(&w, TLS_CLIENT_HELLO);
        size_t body = tls_open_vector(&w, 3);
        tls_write_u16(&w, TLS_VERSION_10);
        memset(tls_write_room(&w, TLS_RANDOM), 7, TLS_RANDOM);
        tls_write_u8(&w, 32);
        tls_write_bytes(&w, pair.server.session->session_id, 32);
        tls_write_u16(&w, 2);
        tls_write_u16(&w, i == 0 ? 0x0035 : 0x0002); /* another; one that we refuse */
        tls_write_u16(&w, 0x0100);
        tls_write_bytes(&w, "\0\4\0\x17\0\0", 6); /* extended_master_secret, as before */
        tls_close_vector(&w, 3, body);
        tls_end_init(&server, TLS_SERVER);
        server.config.cache = &cache;
        tls_end_start(&server);
        give(&server, message, w.used);
        assert_refused(&server, TLS_ALERT_ILLEGAL_PARAMETER);
        tls_end_free(&server);
    }
    tls_pair_free(&pair);
    free(memory);
}

static void old_peers(void **state)
{
    (void)state;
    for (unsigned client_side = 0; client_side < 2; client_side++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        if (client_side) {
            pair.client.config.no_extensions = true;
            pair.client.config.require_renegotiation_info = true;
            tls_pair_start(&pair);
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            tls_pair_assert_works(&pair); /* the signalling suite asked for it */
            assert_int_equal(pair.client.session->extended_master_secret, 0);
            assert_int_equal(pair.client.session->secure_renegotiation, 1);
        } else {
            struct hello *hello = hello_with(0x0301, "\x00\x2f\x00\x35", 4, NULL, 0);
            pair.server.config.require_renegotiation_info = true;
            tls_pair_start(&pair);
            give(&pair.server, hello->bytes, hello->n);
            assert_refused(&pair.server, TLS_ALERT_HANDSHAKE_FAILURE);
            tls_end_assert_failed(&pair.server, TLS_ERROR_NO_RENEGOTIATION_INFO);
        }
        tls_pair_free(&pair);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type),       cmocka_unit_test(every_length_of_a_hello),
        cmocka_unit_test(cut_and_padded),   cmocka_unit_test(versions),
        cmocka_unit_test(extensions),       cmocka_unit_test(suites_and_compression),
        cmocka_unit_test(records),          cmocka_unit_test(too_long_a_record),
        cmocka_unit_test(a_level_left_out), cmocka_unit_test(resuming_with_another_suite),
        cmocka_unit_test(old_peers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
