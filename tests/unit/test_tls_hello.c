/* ClientHello and ServerHello: versions, suites, compression, extensions, and everything malformed
 * about them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"

/* ---- hellos made by hand ---- */

struct hello {
    uint16_t version;
    size_t session_id;
    const char *suites; /* wire bytes */
    size_t suites_length;
    const char *compressions;
    size_t compressions_length;
    const char *tail; /* everything after the compression methods */
    size_t tail_length;
};

#define BYTES(member, s) .member = (s), .member##_length = sizeof(s) - 1

static const struct hello good = {.version = 0x0301,
                                  BYTES(suites, "\x00\x2f\x00\xff"),
                                  BYTES(compressions, "\0"),
                                  BYTES(tail, "")};

static size_t write_hello(uint8_t *out, size_t size, const struct hello *hello)
{
    static const uint8_t random[TLS_RANDOM] = {1, 2, 3}, id[40] = {9};
    struct tls_writer w = tls_writer_to(out, size);

    tls_write_u8(&w, TLS_CLIENT_HELLO);
    size_t message = tls_open_vector(&w, 3);
    tls_write_u16(&w, hello->version);
    tls_write_bytes(&w, random, sizeof random);
    tls_write_u8(&w, (uint8_t)hello->session_id);
    tls_write_bytes(&w, id, hello->session_id);
    tls_write_u16(&w, (uint16_t)hello->suites_length);
    tls_write_bytes(&w, hello->suites, hello->suites_length);
    tls_write_u8(&w, (uint8_t)hello->compressions_length);
    tls_write_bytes(&w, hello->compressions, hello->compressions_length);
    tls_write_bytes(&w, hello->tail, hello->tail_length);
    tls_close_vector(&w, 3, message);
    assert_false(w.full);
    return w.used;
}

/* What a server makes of a hello: it answers, or fails with the error and its alert. */
static void server_takes(const struct hello *hello, enum tls_error error)
{
    uint8_t message[2048];
    struct tls_end end;

    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    size_t n = write_hello(message, sizeof message, hello);
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, message, n);
    if (error == TLS_ERROR_OK) {
        assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
        assert_int_equal(end.session->version, TLS_VERSION_10);
        assert_true(end.session->output_end > 500);
    } else {
        tls_end_assert_failed(&end, error);
    }
    tls_end_free(&end);
}

#define SERVER_TAKES(error, ...)                                                                   \
    do {                                                                                           \
        struct hello hello = good;                                                                 \
        struct hello change = {__VA_ARGS__};                                                       \
        hello.version = change.version != 0 ? change.version : hello.version;                      \
        hello.session_id = change.session_id;                                                      \
        if (change.suites != NULL) {                                                               \
            hello.suites = change.suites;                                                          \
            hello.suites_length = change.suites_length;                                            \
        }                                                                                          \
        if (change.compressions != NULL) {                                                         \
            hello.compressions = change.compressions;                                              \
            hello.compressions_length = change.compressions_length;                                \
        }                                                                                          \
        if (change.tail != NULL) {                                                                 \
            hello.tail = change.tail;                                                              \
            hello.tail_length = change.tail_length;                                                \
        }                                                                                          \
        server_takes(&hello, error);                                                               \
    } while (0)

static void versions_offered(void **state)
{
    (void)state;
    SERVER_TAKES(TLS_ERROR_OK, .version = 0x0301);
    SERVER_TAKES(TLS_ERROR_OK, .version = 0x0302);
    SERVER_TAKES(TLS_ERROR_OK, .version = 0x0303);
    SERVER_TAKES(TLS_ERROR_OK, .version = 0x0304);
    SERVER_TAKES(TLS_ERROR_OK, .version = 0x03ff);
    SERVER_TAKES(TLS_ERROR_OK, .version = 0x0400);
    SERVER_TAKES(TLS_ERROR_OK, .version = 0xffff);
    SERVER_TAKES(TLS_ERROR_VERSION, .version = 0x0300);
    SERVER_TAKES(TLS_ERROR_VERSION, .version = 0x0002);
    SERVER_TAKES(TLS_ERROR_VERSION, .version = 0x0200);
}

static void record_versions(void **state)
{
    uint8_t record[TLS_HEADER + 512];

    (void)state;
    for (unsigned minor = 0; minor < 256; minor += 1 + minor / 5) {
        struct tls_end end;
        tls_end_init(&end, TLS_SERVER);
        tls_end_start(&end);
        size_t n = write_hello(record + TLS_HEADER, sizeof record - TLS_HEADER, &good);
        record[0] = TLS_CONTENT_HANDSHAKE;
        record[1] = 3;
        record[2] = (uint8_t)minor;
        record[3] = (uint8_t)(n >> 8);
        record[4] = (uint8_t)n;
        tls_end_feed(&end, record, TLS_HEADER + n);
        assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
        assert_int_equal(end.output[1], 3);
        assert_int_equal(end.output[2], 1);
        tls_end_free(&end);
    }
}

static void suites_and_compressions(void **state)
{
    (void)state;
    SERVER_TAKES(TLS_ERROR_OK, BYTES(suites, "\x00\x2f"));
    SERVER_TAKES(TLS_ERROR_OK, BYTES(suites, "\x13\x01\xc0\x2f\xfa\xfa\x00\x0a"));
    SERVER_TAKES(TLS_ERROR_NO_COMMON_SUITE, BYTES(suites, "\x00\xff"));
    SERVER_TAKES(TLS_ERROR_NO_COMMON_SUITE, BYTES(suites, "\x13\x01\x13\x02"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(suites, ""));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(suites, "\x00\x2f\x00"));
    SERVER_TAKES(TLS_ERROR_OK, BYTES(compressions, "\x01\x00"));
    SERVER_TAKES(TLS_ERROR_OK, BYTES(compressions, "\x00\x01\x40"));
    SERVER_TAKES(TLS_ERROR_COMPRESSION, BYTES(compressions, "\x01"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(compressions, ""));
    SERVER_TAKES(TLS_ERROR_OK, .session_id = 32);
    SERVER_TAKES(TLS_ERROR_DECODE, .session_id = 33);
}

static void the_tail(void **state)
{
    (void)state;
    SERVER_TAKES(TLS_ERROR_OK, BYTES(tail, "\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\1\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\4\x7f\0\0\1"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\5\x7f\0\0\0\0"));
    SERVER_TAKES(TLS_ERROR_OK, BYTES(tail, "\0\5\x7f\0\0\1x"));
    /* The same extension twice, known or not. */
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\x08\x7f\0\0\0\x7f\0\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\x0a\xff\1\0\1\0\xff\1\0\1\0"));
}

static void server_name(void **state)
{
    (void)state;
    SERVER_TAKES(TLS_ERROR_OK, BYTES(tail, "\0\x0a\0\0\0\6\0\4\0\0\1a"));
    SERVER_TAKES(TLS_ERROR_OK, BYTES(tail, "\0\x0e\0\0\0\x0a\0\x08\7\0\1z\0\0\1a"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\4\0\0\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\6\0\0\0\2\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\x09\0\0\0\5\0\3\0\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\x0b\0\0\0\7\0\4\0\0\1ab"));
    SERVER_TAKES(TLS_ERROR_PARAMETER, BYTES(tail, "\0\x0a\0\0\0\6\0\4\0\0\1\0"));
    SERVER_TAKES(TLS_ERROR_PARAMETER, BYTES(tail, "\0\x0a\0\0\0\6\0\4\0\0\1\x1b"));
    SERVER_TAKES(TLS_ERROR_PARAMETER, BYTES(tail, "\0\x0a\0\0\0\6\0\4\0\0\1\xe9"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\x0a\0\0\0\6\0\4\0\0\2a"));
    /* Two host names. */
    SERVER_TAKES(TLS_ERROR_PARAMETER, BYTES(tail, "\0\x0e\0\0\0\x0a\0\x08\0\0\1a\0\0\1b"));
}

/* A length that is wrong is decode_error, whatever the bytes would mean otherwise. */
static void form_before_meaning(void **state)
{
    (void)state;
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(compressions, "\1"), BYTES(tail, "\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(suites, "\x13\1"), BYTES(tail, "\0\1"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\7\xff\1\0\2\1x\0"));
    SERVER_TAKES(TLS_ERROR_VERSION, .version = 0x0300, BYTES(tail, "\0"));
}

static void renegotiation_info(void **state)
{
    (void)state;
    SERVER_TAKES(TLS_ERROR_OK, BYTES(tail, "\0\5\xff\1\0\1\0"));
    SERVER_TAKES(TLS_ERROR_RENEGOTIATION_INFO, BYTES(tail, "\0\6\xff\1\0\2\1x"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\4\xff\1\0\0"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\6\xff\1\0\2\0x"));
    SERVER_TAKES(TLS_ERROR_DECODE, BYTES(tail, "\0\5\xff\1\0\1\1"));
}

/* Without the suite or the extension no extension is answered: old clients choke on one. */
static void old_clients_get_no_extensions(void **state)
{
    (void)state;
    for (unsigned old = 0; old < 2; old++) {
        struct hello hello = good;
        uint8_t message[512];
        struct tls_end end;
        hello.suites_length = old ? 2 : 4;
        tls_end_init(&end, TLS_SERVER);
        tls_end_start(&end);
        size_t n = write_hello(message, sizeof message, &hello);
        tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, message, n);
        /* version, random, session id, suite, compression; then the block */
        assert_int_equal(end.output[TLS_HEADER + 3], 2 + 32 + 1 + 2 + 1 + (old ? 0 : 2 + 5));
        assert_int_equal(end.session->secure_renegotiation, !old);
        tls_end_free(&end);
    }
}

static void cut_short(void **state)
{
    uint8_t message[512];
    struct hello hello = good;

    (void)state;
    hello.tail = "\0\x0a\0\0\0\6\0\4\0\0\1a";
    hello.tail_length = 12;
    size_t n = write_hello(message, sizeof message, &hello);
    for (size_t cut = TLS_MESSAGE_HEADER; cut < n; cut++) {
        struct tls_end end;
        if (cut == n - hello.tail_length) {
            continue; /* a hello without extensions */
        }
        message[3] = (uint8_t)(cut - TLS_MESSAGE_HEADER);
        tls_end_init(&end, TLS_SERVER);
        tls_end_start(&end);
        tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, message, cut);
        tls_end_assert_failed(&end, TLS_ERROR_DECODE);
        tls_end_free(&end);
    }
}

static void the_servers_preference(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    pair.server.config.suites[0] = 0x0035;
    pair.server.config.suites[1] = 0x002f;
    pair.server.config.suite_count = 2;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_pair_assert_works(&pair);
    assert_int_equal(pair.client.session->suite, 0x0035);
    tls_pair_free(&pair);
}

static void a_server_without_certificate(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    pair.server.config.credential = NULL;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_end_assert_failed(&pair.server, TLS_ERROR_NO_CREDENTIAL);
    tls_pair_free(&pair);
}

/* ---- ServerHello ---- */

/* A client that called its peer server.test, or by a literal address, gets these bytes as the body
 * of a ServerHello. */
static void client_takes(const char *name, uint16_t version, uint8_t id, uint16_t suite,
                         uint8_t compression, const char *tail, size_t n, enum tls_error error)
{
    static const uint8_t random[TLS_RANDOM] = {7}, ids[256] = {8};
    uint8_t message[512];
    struct tls_writer w = tls_writer_to(message, sizeof message);
    struct tls_end end;

    tls_write_u8(&w, TLS_SERVER_HELLO);
    size_t body = tls_open_vector(&w, 3);
    tls_write_u16(&w, version);
    tls_write_bytes(&w, random, sizeof random);
    tls_write_u8(&w, id);
    tls_write_bytes(&w, ids, id);
    tls_write_u16(&w, suite);
    tls_write_u8(&w, compression);
    tls_write_bytes(&w, tail, n);
    tls_close_vector(&w, 3, body);
    tls_end_init(&end, TLS_CLIENT);
    end.name = name;
    end.config.suite_count = 2;
    tls_end_start(&end);
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, message, w.used);
    if (error == TLS_ERROR_OK) {
        assert_int_equal(tls_failure(end.session), TLS_ERROR_OK);
        assert_int_equal(end.session->suite, suite);
    } else {
        tls_end_assert_failed(&end, error);
    }
    tls_end_free(&end);
}

#define CLIENT_TAKES(error, version, id, suite, compression, tail)                                 \
    client_takes("server.test", version, id, suite, compression, tail, sizeof(tail) - 1, error)

static void server_hellos(void **state)
{
    (void)state;
    CLIENT_TAKES(TLS_ERROR_OK, 0x0301, 0, 0x002f, 0, "");
    CLIENT_TAKES(TLS_ERROR_OK, 0x0301, 32, 0x0035, 0, "");
    CLIENT_TAKES(TLS_ERROR_VERSION, 0x0300, 0, 0x002f, 0, "");
    CLIENT_TAKES(TLS_ERROR_VERSION, 0x0302, 0, 0x002f, 0, "");
    CLIENT_TAKES(TLS_ERROR_VERSION, 0x0303, 0, 0x002f, 0, "");
    CLIENT_TAKES(TLS_ERROR_DECODE, 0x0301, 33, 0x002f, 0, "");
    /* Known to the table, but not offered; the signalling suite; unknown to all. */
    CLIENT_TAKES(TLS_ERROR_PARAMETER, 0x0301, 0, 0x000a, 0, "");
    CLIENT_TAKES(TLS_ERROR_PARAMETER, 0x0301, 0, 0x00ff, 0, "");
    CLIENT_TAKES(TLS_ERROR_PARAMETER, 0x0301, 0, 0x1301, 0, "");
    CLIENT_TAKES(TLS_ERROR_PARAMETER, 0x0301, 0, 0x002f, 1, "");
    CLIENT_TAKES(TLS_ERROR_OK, 0x0301, 0, 0x002f, 0, "\0\0");
    CLIENT_TAKES(TLS_ERROR_DECODE, 0x0301, 0, 0x002f, 0, "\0");
    CLIENT_TAKES(TLS_ERROR_DECODE, 0x0301, 0, 0x002f, 0, "\0\0\0");
    CLIENT_TAKES(TLS_ERROR_OK, 0x0301, 0, 0x002f, 0, "\0\5\xff\1\0\1\0");
    CLIENT_TAKES(TLS_ERROR_RENEGOTIATION_INFO, 0x0301, 0, 0x002f, 0, "\0\6\xff\1\0\2\1x");
    CLIENT_TAKES(TLS_ERROR_OK, 0x0301, 0, 0x002f, 0, "\0\4\0\0\0\0");
    CLIENT_TAKES(TLS_ERROR_DECODE, 0x0301, 0, 0x002f, 0, "\0\5\0\0\0\1x");
    CLIENT_TAKES(TLS_ERROR_DECODE, 0x0301, 0, 0x002f, 0, "\0\x08\0\0\0\0\0\0\0\0");
    CLIENT_TAKES(TLS_ERROR_EXTENSION, 0x0301, 0, 0x002f, 0, "\0\4\x7f\0\0\0");
    client_takes("127.0.0.1", 0x0301, 0, 0x002f, 0, "\0\4\0\0\0\0", 6, TLS_ERROR_EXTENSION);
}

/* ---- names ---- */

static bool hello_has(const char *name, const char *sent)
{
    uint8_t record[TLS_RECORD_MAX];
    struct tls_end end;
    bool found = false;

    tls_end_init(&end, TLS_CLIENT);
    end.name = name;
    tls_end_start(&end);
    size_t n = tls_end_drain_record(&end, record), length = strlen(sent);
    for (size_t i = 0; i + length + 2 <= n; i++) {
        found = found || (record[i] == 0 && record[i + 1] == length &&
                          memcmp(record + i + 2, sent, length) == 0);
    }
    tls_end_free(&end);
    return found;
}

static void names_sent(void **state)
{
    char longest[TLS_NAME_MAX + 2];

    (void)state;
    memset(longest, 'a', sizeof longest);
    longest[TLS_NAME_MAX + 1] = '\0';
    assert_true(hello_has("server.test", "server.test"));
    assert_true(hello_has("server.test.", "server.test"));
    assert_false(hello_has("127.0.0.1", "127.0.0.1"));
    assert_false(hello_has("::1", "::1"));
    assert_false(hello_has("fe80::1%eth0", "fe80::1%eth0"));
    assert_false(hello_has(longest, longest));
    assert_true(hello_has(longest + 1, longest + 1));
}

static void name_check(const char *name, bool skip, enum tls_error error)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    pair.client.name = name;
    pair.client.config.skip_name_check = skip;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    if (error == TLS_ERROR_OK) {
        tls_pair_assert_works(&pair);
    } else {
        tls_end_assert_failed(&pair.client, error);
        assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_ALERT_RECEIVED);
    }
    tls_pair_free(&pair);
}

static void names_checked(void **state)
{
    (void)state;
    name_check("server.test", false, TLS_ERROR_OK);
    name_check("SERVER.test.", false, TLS_ERROR_OK);
    name_check("127.0.0.1", false, TLS_ERROR_OK);
    name_check("::1", false, TLS_ERROR_OK);
    name_check("0:0:0:0:0:0:0:1%lo", false, TLS_ERROR_OK);
    name_check("127.0.0.2", false, TLS_ERROR_CERT_NAME);
    name_check("other.test", false, TLS_ERROR_CERT_NAME);
    name_check(NULL, false, TLS_ERROR_CERT_NO_NAME);
    name_check("", false, TLS_ERROR_CERT_NO_NAME);
    name_check(NULL, true, TLS_ERROR_OK);
    name_check("other.test", true, TLS_ERROR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_offered),
        cmocka_unit_test(record_versions),
        cmocka_unit_test(suites_and_compressions),
        cmocka_unit_test(the_tail),
        cmocka_unit_test(server_name),
        cmocka_unit_test(form_before_meaning),
        cmocka_unit_test(renegotiation_info),
        cmocka_unit_test(old_clients_get_no_extensions),
        cmocka_unit_test(cut_short),
        cmocka_unit_test(the_servers_preference),
        cmocka_unit_test(a_server_without_certificate),
        cmocka_unit_test(server_hellos),
        cmocka_unit_test(names_sent),
        cmocka_unit_test(names_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
