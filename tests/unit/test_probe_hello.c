/* Questions of `tlshim probe` to the engine's own server: what it asks is understood, what comes
 * back is; and whatever a hostile peer makes of the answer does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/cli/probe_chain.c"
#include "shim/cli/probe_hello.c"
#include "tests/lib/tls_pair.h"

/* ---- the wire: a server in memory ---- */

enum { FLIGHT = 1 << 17 };
static struct tls_end server;
static uint8_t flight[FLIGHT];
static size_t flight_length, flight_taken;
static void (*harm)(void); /* what is done to the flight on its way */

enum wire_result wire_open(struct wire *wire, const struct probe_target *target)
{
    (void)target;
    wire->fd = -1;
    return WIRE_GOOD;
}

void wire_close(struct wire *wire)
{
    (void)wire;
}

enum wire_result wire_send(struct wire *wire, const void *bytes, size_t n)
{
    (void)wire;
    tls_end_feed(&server, bytes, n);
    flight_length = tls_end_drain(&server, flight, FLIGHT);
    flight_taken = 0;
    if (harm)
        harm();
    return WIRE_GOOD;
}

enum wire_result wire_record(struct wire *wire, const struct tls_session *session, uint8_t *buffer,
                             size_t *length)
{
    size_t left = flight_length - flight_taken;
    size_t whole = tls_record_length(session, flight + flight_taken, left);
    (void)wire;
    bool cut = left < TLS_HEADER || whole > left;
    *length = cut || whole == 0 ? (left < TLS_HEADER + 32 ? left : TLS_HEADER + 32) : whole;
    memcpy(buffer, flight + flight_taken, *length);
    flight_taken += *length;
    return cut ? WIRE_ENDED : WIRE_GOOD;
}

/* ---- questions ---- */

static const struct probe_target target = {.host = "server.test", .name = "server.test"};
static struct probe_answer answer;

static void ask(const struct tls_suite *suite, unsigned flags)
{
    static const uint16_t groups[] = {24, 23};
    static struct tls_credential credentials[3];
    const struct probe_hello hello = {.version = PROBE_TLS10,
                                      .flags = flags,
                                      .suites = &suite->id,
                                      .suite_count = 1,
                                      .groups = groups,
                                      .group_count = 2};
    static const struct x509_bytes protocols[] = {{(const uint8_t *)"http/1.1", 8}};
    static const struct tls_psk psk = {{(const uint8_t *)"us", 2}, {(const uint8_t *)"key", 3}};
    credentials[0] = *tls_fixture_server_credential();
    credentials[1] = *tls_fixture_ec_credential();
    credentials[2] = *tls_fixture_dsa_credential();
    credentials[0].next = &credentials[1];
    credentials[1].next = &credentials[2];
    tls_end_init(&server, TLS_SERVER);
    server.config.credential = credentials;
    server.config.suites[0] = suite->id;
    server.config.suite_count = 1;
    server.config.allow_anonymous = true;
    server.config.psks = &psk;
    server.config.psk_count = 1;
    server.config.alpn = protocols;
    server.config.alpn_count = 1;
    tls_fixture_export(&server.config);
    tls_end_start(&server);
    probe_ask(&target, &hello, &answer);
    tls_end_free(&server);
}

static void every_suite(void **state)
{
    const struct tls_suite *suite;
    (void)state;
    harm = NULL;
    for (size_t i = 0; (suite = tls_suite_at(i)); i++) {
        const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
        struct probe_chain chain;
        ask(suite, HELLO_EXTENSIONS | HELLO_ALL);
        assert_int_equal(answer.kind, ANSWER_HELLO);
        assert_int_equal(answer.suite, suite->id);
        assert_int_equal(answer.version, PROBE_TLS10);
        assert_true(answer.done);
        assert_true(probe_answered_extension(&answer, EXT_RENEGOTIATION_INFO));
        assert_true(probe_answered_extension(&answer, EXT_EXTENDED_MASTER_SECRET));
        assert_int_equal(answer.group, info->agreement == TLS_AGREE_ECDH ? 23 : 0);
        assert_int_equal(answer.exchange_bits, info->exported                    ? 512
                                               : info->agreement == TLS_AGREE_DH ? 2048
                                                                                 : 0);
        chain_read(&chain, answer.certificates);
        assert_null(chain.broken);
        assert_int_equal(chain.count > 0, info->certificate);
        if (info->certificate)
            assert_int_equal(chain.list[0].key.kind, info->certificate_key);
    }
}

static void other_answers(void **state)
{
    char text[200];
    (void)state;
    ask(tls_suite_by_id(0x002f), HELLO_EXTENSIONS | HELLO_ALPN);
    assert_string_equal(answer.protocol, "http/1.1");
    ask(tls_suite_by_id(0x002f), HELLO_DEFLATE);
    assert_int_equal(answer.compression, 0);
    assert_int_equal(answer.extension_count, 1); /* RFC 5746, asked for by a suite number */
    ask(tls_suite_by_id(0xc013), HELLO_FALLBACK);
    assert_int_equal(answer.kind, ANSWER_HELLO); /* TLS 1.0 is this server's best */
    static const struct tls_suite unknown = {.id = 0x1301};
    ask(&unknown, 0);
    assert_int_equal(answer.kind, ANSWER_ALERT);
    probe_answer_text(&answer, text, sizeof text);
    assert_string_equal(text, "it refused with the alert handshake_failure (40)");
}

/* ---- harm ---- */

static uint64_t state_of_dice = 7;

static uint32_t dice(uint32_t sides)
{
    state_of_dice = state_of_dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state_of_dice >> 33) % sides;
}

static void do_harm(void)
{
    for (uint32_t i = 1 + dice(4); i > 0 && flight_length > 0; i--) {
        size_t at = dice((uint32_t)(dice(2) || flight_length < 120 ? flight_length : 120));
        switch (dice(4)) {
        case 0:
            flight[at] ^= (uint8_t)(1 << dice(8));
            break;
        case 1:
            flight[at] = (uint8_t)dice(256);
            break;
        case 2:
            flight_length = at;
            break;
        default: /* doubled from there on */
            if (flight_length - at <= FLIGHT - flight_length) {
                memmove(flight + flight_length, flight + at, flight_length - at);
                flight_length += flight_length - at;
            }
        }
    }
}

static void hostile_peers(void **state)
{
    enum { ROUNDS = 1500 };
    size_t suites = 0;
    unsigned kinds[ANSWER_NO_REACH + 1] = {0};
    (void)state;
    while (tls_suite_at(suites))
        suites++;
    harm = do_harm;
    for (unsigned i = 0; i < ROUNDS; i++) {
        char text[300];
        struct probe_chain chain;
        ask(tls_suite_at(dice((uint32_t)suites)), dice(8));
        kinds[answer.kind]++;
        probe_answer_text(&answer, text, sizeof text);
        assert_true(strlen(text) > 0);
        for (const char *p = text; *p; p++)
            assert_true((unsigned char)*p >= 0x20);
        chain_read(&chain, answer.certificates);
        for (size_t c = 0; c < chain.count; c++) {
            char key[PROBE_KEY_TEXT], pin[PROBE_PIN_TEXT];
            chain_key_text(&chain.list[c].key, key);
            chain_pin(&chain.list[c], pin);
            assert_true(chain_key_bits(&chain.list[c].key) <= 256);
            assert_int_equal(strlen(pin), strlen("sha256//") + 44);
        }
    }
    harm = NULL;
    assert_true(kinds[ANSWER_HELLO] > 0 && kinds[ANSWER_NO_TLS] > 0 && kinds[ANSWER_BROKEN] > 0);
}

static void pins_are_what_the_parser_takes(void **state)
{
    char text[PROBE_PIN_TEXT];
    uint8_t pin[32], again[32];
    struct x509_certificate cert;
    const char *why;
    (void)state;
    struct x509_bytes der = tls_fixture_server_credential()->chain[0];
    assert_int_equal(x509_parse(&cert, der.data, der.length, &why), TLS_ERROR_OK);
    chain_pin(&cert, text);
    x509_pin(&cert, pin);
    assert_true(x509_pin_parse(text, strlen(text), again));
    assert_memory_equal(pin, again, sizeof pin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite),
        cmocka_unit_test(other_answers),
        cmocka_unit_test(hostile_peers),
        cmocka_unit_test(pins_are_what_the_parser_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
