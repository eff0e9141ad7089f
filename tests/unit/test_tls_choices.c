/* What a configuration lets an engine choose: groups, credentials, floors, hints, ticket keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_key_exchange.h"
#include "tls/tls_ticket.h"

enum {
    DHE_RSA = 0x0033,
    ECDHE_RSA = 0xc013,
    RSA = 0x002f,
    PSK = 0x008c,
    X25519 = 29,
    P256 = 23,
    P384 = 24,
    P521 = 25,
    FFDHE2048 = 256,
    FFDHE3072 = 257,
    FFDHE4096 = 258
};

static void use_suite(struct tls_pair *pair, uint16_t suite)
{
    pair->client.config.suites[0] = pair->server.config.suites[0] = suite;
    pair->client.config.suite_count = pair->server.config.suite_count = 1;
}

static void set_groups(struct tls_config *config, const uint16_t *groups)
{
    for (config->group_count = 0; groups[config->group_count] != 0; config->group_count++) {
        config->groups[config->group_count] = groups[config->group_count];
    }
}

#define GROUPS(...) ((const uint16_t[]){__VA_ARGS__ __VA_OPT__(, ) 0})

/* ---- groups ---- */

/* Runs a handshake; the curve agreed on, or 0 when there was none. */
static uint16_t curve_of(const uint16_t *client, const uint16_t *server)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];
    uint16_t curve = 0;

    tls_pair_init(&pair);
    use_suite(&pair, ECDHE_RSA);
    set_groups(&pair.client.config, client);
    set_groups(&pair.server.config, server);
    tls_pair_start(&pair);
    size_t n = tls_end_drain_record(&pair.client, record);
    tls_end_feed(&pair.server, record, n);
    if (tls_failure(pair.server.session) == TLS_ERROR_OK) {
        curve = pair.server.handshake->curve;
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
    } else {
        tls_end_assert_failed(&pair.server, TLS_ERROR_NO_COMMON_SUITE);
    }
    tls_pair_free(&pair);
    return curve;
}

static void curves_in_order(void **state)
{
    (void)state;
    assert_int_equal(curve_of(GROUPS(), GROUPS()), X25519);
    assert_int_equal(curve_of(GROUPS(), GROUPS(P521, X25519)), P521);
    assert_int_equal(curve_of(GROUPS(P384, P256), GROUPS()), P256); /* the server's order */
    assert_int_equal(curve_of(GROUPS(P384, P256), GROUPS(P384, P256)), P384);
    assert_int_equal(curve_of(GROUPS(P384), GROUPS(X25519, P384)), P384);
    assert_int_equal(curve_of(GROUPS(P384), GROUPS(X25519, P521)), 0);
    assert_int_equal(curve_of(GROUPS(P256), GROUPS(FFDHE2048)), 0);
}

/* The list as it stands in the hello. */
static void what_a_client_names(void **state)
{
    static const struct {
        uint16_t suite, groups[4];
        unsigned minimum_dh_bits;
        const char *extension;
        size_t length;
    } cases[] = {
        {ECDHE_RSA, {0}, 0, "\0\x0a\0\x0a\0\x08\0\x1d\0\x17\0\x18\0\x19", 14},
        {ECDHE_RSA, {P521, FFDHE3072, X25519}, 0, "\0\x0a\0\6\0\4\0\x19\0\x1d", 10},
        {DHE_RSA, {P521, FFDHE3072, FFDHE2048}, 0, "\0\x0a\0\6\0\4\1\1\1\0", 10},
        {DHE_RSA, {FFDHE3072, FFDHE2048}, 3072, "\0\x0a\0\4\0\2\1\1", 8},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_pair pair;
        size_t n;
        tls_pair_init(&pair);
        use_suite(&pair, cases[i].suite);
        set_groups(&pair.client.config, cases[i].groups);
        pair.client.config.minimum_dh_bits = cases[i].minimum_dh_bits;
        tls_pair_start(&pair);
        struct tls_conn conn = tls_end_conn(&pair.client);
        const uint8_t *hello = tls_output(&conn, &n);
        assert_non_null(memmem(hello, n, cases[i].extension, cases[i].length));
        tls_pair_free(&pair);
    }
    /* Neither curves without ECDHE nor finite fields that the rule does not name. */
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        size_t n;
        tls_pair_init(&pair);
        use_suite(&pair, i == 0 ? DHE_RSA : RSA);
        tls_pair_start(&pair);
        struct tls_conn conn = tls_end_conn(&pair.client);
        const uint8_t *hello = tls_output(&conn, &n);
        assert_null(memmem(hello, n, "\0\x0a\0", 3));
        tls_pair_free(&pair);
    }
}

/* A server that takes a curve of its own: as one that was not offered. */
static void a_curve_not_offered(void **state)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];

    (void)state;
    tls_pair_init(&pair);
    use_suite(&pair, ECDHE_RSA);
    set_groups(&pair.client.config, GROUPS(P384));
    set_groups(&pair.server.config, GROUPS(P256));
    tls_pair_start(&pair);
    size_t n = tls_end_drain_record(&pair.client, record);
    uint8_t *named = memmem(record, n, "\0\x0a\0\4\0\2\0\x18", 8);
    assert_non_null(named);
    named[7] = P256;
    tls_end_feed(&pair.server, record, n);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_end_assert_failed(&pair.client, TLS_ERROR_PARAMETER);
    tls_pair_free(&pair);
}

/* Bits of the group that a DHE handshake uses, 0 when there is none. */
static size_t dh_bits_of(const uint16_t *client, const uint16_t *server, unsigned server_minimum,
                         const struct cg_dh_group *own)
{
    struct tls_pair pair;
    size_t bits = 0;

    tls_pair_init(&pair);
    use_suite(&pair, DHE_RSA);
    set_groups(&pair.client.config, client);
    set_groups(&pair.server.config, server);
    pair.server.config.minimum_dh_bits = server_minimum;
    pair.server.config.dh_group = own;
    tls_pair_start(&pair);
    if (tls_pair_run_until(&pair.server, &pair.client, 3)) {
        bits = 8 * (size_t)pair.client.handshake->agreement.dh.p_length;
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
    } else {
        tls_end_assert_failed(&pair.server, client[0] != 0 ? TLS_ERROR_NO_COMMON_GROUP
                                                           : TLS_ERROR_NO_COMMON_SUITE);
    }
    tls_pair_free(&pair);
    return bits;
}

static void finite_fields(void **state)
{
    const struct cg_dh_group *own = &cg_dh_groups[CG_MODP2048];

    (void)state;
    /* A client that names none gets the server's own, or the first that is big enough. */
    assert_int_equal(dh_bits_of(GROUPS(), GROUPS(), 0, NULL), 2048);
    assert_int_equal(dh_bits_of(GROUPS(), GROUPS(), 3072, NULL), 3072);
    assert_int_equal(dh_bits_of(GROUPS(), GROUPS(FFDHE2048, FFDHE4096), 3072, NULL), 4096);
    assert_int_equal(dh_bits_of(GROUPS(), GROUPS(X25519), 0, NULL), 0);
    assert_int_equal(dh_bits_of(GROUPS(), GROUPS(X25519), 0, own), 2048);
    /* One that names some gets one of them, if it is big enough for the server. */
    assert_int_equal(dh_bits_of(GROUPS(FFDHE2048, FFDHE3072), GROUPS(), 0, NULL), 2048);
    assert_int_equal(dh_bits_of(GROUPS(FFDHE2048, FFDHE3072), GROUPS(), 3072, NULL), 3072);
    assert_int_equal(dh_bits_of(GROUPS(FFDHE3072), GROUPS(FFDHE4096, FFDHE3072), 0, own), 3072);
    assert_int_equal(dh_bits_of(GROUPS(FFDHE2048), GROUPS(), 3072, own), 0);
    assert_int_equal(dh_bits_of(GROUPS(FFDHE3072), GROUPS(FFDHE2048), 0, own), 0);
}

static void names_of_groups(void **state)
{
    const struct tls_group *group;

    (void)state;
    for (size_t i = 0; (group = tls_group_at(i)) != NULL; i++) {
        assert_ptr_equal(tls_group_by_name(group->name, strlen(group->name)), group);
        assert_ptr_equal(tls_group_by_name(group->alias, strlen(group->alias)), group);
        assert_ptr_equal(tls_group_by_id(group->id), group);
        assert_true(group->bits >= 112);
    }
    assert_null(tls_group_by_name("secp256", 7));
    assert_null(tls_group_by_name("secp256r1 ", 10));
}

/* ---- several credentials of a client ---- */

/* Which one a client shows when it is asked for this kind and this issuer. */
static unsigned shown(const struct tls_credential *credentials, uint8_t type, bool known_issuer)
{
    struct tls_pair pair;
    uint8_t message[256] = {TLS_CERTIFICATE_REQUEST};
    struct tls_writer w = tls_writer_to(message + TLS_MESSAGE_HEADER, 200);
    struct x509_bytes name = tls_fixture_trust()->roots[0].subject;
    unsigned which;

    tls_pair_init(&pair);
    pair.client.config.credential = credentials;
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.server, &pair.client, 2));
    tls_write_u8(&w, 2);
    tls_write_u8(&w, 200); /* a type that nobody knows */
    tls_write_u8(&w, type);
    size_t names = tls_open_vector(&w, 2), one = tls_open_vector(&w, 2);
    tls_write_bytes(&w, name.data, name.length);
    tls_close_vector(&w, 2, one);
    tls_close_vector(&w, 2, names);
    message[TLS_MESSAGE_HEADER + w.used - 1] ^= known_issuer ? 0 : 1;
    tls_put_number(message + 1, 3, w.used);
    tls_end_feed_record(&pair.client, 22, message, TLS_MESSAGE_HEADER + w.used);
    assert_int_equal(tls_failure(pair.client.session), TLS_ERROR_OK);
    assert_true(pair.client.handshake->certificate_requested);
    which = pair.client.handshake->credential;
    tls_pair_free(&pair);
    return which;
}

static void credentials_by_request(void **state)
{
    struct tls_credential third = *tls_fixture_dsa_credential(),
                          second = *tls_fixture_ec_credential(),
                          first = *tls_fixture_client_credential();

    (void)state;
    first.next = &second;
    second.next = &third;
    assert_int_equal(shown(&first, 1, true), 1);
    assert_int_equal(shown(&first, 64, true), 2);
    assert_int_equal(shown(&first, 2, true), 3);
    assert_int_equal(shown(&first, 3, true), 0);
    assert_int_equal(shown(&first, 64, false), 0);
    assert_int_equal(shown(NULL, 1, true), 0);
    /* And it is the one that signs. */
    for (unsigned i = 0; i < 3; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
        pair.client.config.credential = i == 0 ? &first : i == 1 ? &second : &third;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
        tls_pair_free(&pair);
    }
}

/* ---- floors of their own ---- */

static void a_key_to_encrypt_for(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        use_suite(&pair, i == 0 ? RSA : ECDHE_RSA);
        pair.client.config.minimum_rsa_exchange_bits = 4096;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        if (i == 0) {
            tls_end_assert_failed(&pair.client, TLS_ERROR_CERT_WEAK_KEY);
        } else {
            tls_pair_assert_works(&pair);
        }
        tls_pair_free(&pair);
    }
}

/* ---- pre-shared keys ---- */

static void a_hint(void **state)
{
    static const struct tls_psk psk = {{(const uint8_t *)"me", 2},
                                       {(const uint8_t *)"0123456789abcdef", 16}};
    static const struct x509_bytes hint = {(const uint8_t *)"which of yours", 14};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        uint8_t record[TLS_RECORD_MAX];
        tls_pair_init(&pair);
        use_suite(&pair, PSK);
        pair.client.config.psks = pair.server.config.psks = &psk;
        pair.client.config.psk_count = pair.server.config.psk_count = 1;
        pair.server.config.psk_hint = i == 0 ? (struct x509_bytes){NULL, 0} : hint;
        tls_pair_start(&pair);
        size_t n = tls_end_drain_record(&pair.client, record);
        tls_end_feed(&pair.server, record, n);
        const uint8_t *found =
            memmem(pair.server.output, pair.server.session->output_end, hint.data, hint.length);
        assert_true(i == 0 ? found == NULL : found != NULL);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
        tls_pair_free(&pair);
    }
}

/* ---- ticket keys in a file ---- */

static void keys_of_a_farm(void **state)
{
    struct tls_ticket_ring here, there;
    uint8_t keys[TLS_TICKET_KEYS * TLS_TICKET_KEY_BYTES], ticket[TLS_TICKET_SIZE];
    struct tls_resumable in = {.format = 1, .suite = RSA}, out;

    (void)state;
    tls_ticket_ring_init(&here, 100);
    tls_ticket_ring_init(&there, 0);
    assert_int_equal(tls_ticket_ring_save(&there, 0, keys, sizeof keys), 0); /* it has none */
    assert_true(tls_ticket_seal(&here, 1000, &in, ticket));
    size_t n = tls_ticket_ring_save(&here, 1000, keys, sizeof keys - 1);
    assert_int_equal(n, TLS_TICKET_KEY_BYTES);
    assert_true(tls_ticket_ring_load(&there, keys, n));
    assert_int_equal(tls_ticket_open(&there, 1000, ticket, sizeof ticket, &out), TLS_TICKET_GOOD);
    assert_int_equal(out.suite, RSA);
    /* Two more: the old one still opens, and is saved behind the new. */
    assert_true(tls_ticket_seal(&here, 1100, &in, ticket));
    assert_true(tls_ticket_seal(&here, 1200, &in, ticket));
    n = tls_ticket_ring_save(&here, 1200, keys, sizeof keys);
    assert_int_equal(n, 3 * TLS_TICKET_KEY_BYTES);
    assert_true(tls_ticket_ring_load(&there, keys, n));
    assert_int_equal(tls_ticket_open(&there, 1e12, ticket, sizeof ticket, &out), TLS_TICKET_GOOD);
    assert_int_equal(tls_ticket_ring_save(&here, 1200, keys, TLS_TICKET_KEY_BYTES - 1), 0);
    /* A key made for a file goes in front of what the file had. */
    uint8_t made[2 * TLS_TICKET_KEY_BYTES];
    assert_true(tls_ticket_key_make(made));
    memcpy(made + TLS_TICKET_KEY_BYTES, keys, TLS_TICKET_KEY_BYTES);
    assert_true(tls_ticket_ring_load(&there, made, sizeof made));
    assert_int_equal(tls_ticket_open(&there, 0, ticket, sizeof ticket, &out), TLS_TICKET_OLD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(curves_in_order),      cmocka_unit_test(what_a_client_names),
        cmocka_unit_test(a_curve_not_offered),  cmocka_unit_test(finite_fields),
        cmocka_unit_test(names_of_groups),      cmocka_unit_test(credentials_by_request),
        cmocka_unit_test(a_key_to_encrypt_for), cmocka_unit_test(a_hint),
        cmocka_unit_test(keys_of_a_farm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
