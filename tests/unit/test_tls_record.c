/* The record layer: sealing and opening, tampering, padding, limits, splitting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_hash.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_limits.h"
#include "tls/tls_record.h"

/* Those with blocks come first. */
static const enum cg_cipher_id ciphers[] = {CG_AES128_CBC, CG_AES256_CBC,      CG_3DES_EDE_CBC,
                                            CG_DES_CBC,    CG_CAMELLIA128_CBC, CG_CAMELLIA256_CBC,
                                            CG_RC4_128,    CG_CIPHER_NULL};
enum { CIPHERS = sizeof ciphers / sizeof ciphers[0] };

/* The tests run for both orders of MAC and encryption (RFC 7366). */
static bool encrypt_then_mac;

static struct tls_half a_half(enum cg_cipher_id cipher)
{
    struct tls_half half = {.cipher = cipher,
                            .mac = CG_SHA1,
                            .protected = 1,
                            .encrypt_then_mac =
                                encrypt_then_mac && cg_cipher_info(cipher)->block > 1,
                            .sequence = 7};

    for (unsigned i = 0; i < sizeof half.key; i++) {
        half.key[i] = (uint8_t)(i * 29 + 3);
        half.mac_key[i] = (uint8_t)(i * 31 + 5);
    }
    memset(half.iv, 0x42, sizeof half.iv);
    tls_half_begin(&half);
    return half;
}

static size_t seal(struct tls_half *half, uint8_t type, uint8_t *record, size_t n)
{
    struct tls_sealer sealer;

    tls_sealer_init(&sealer, half, TLS_VERSION_10);
    n = tls_record_seal(&sealer, type, record, n);
    tls_sealer_wipe(&sealer);
    return n;
}

static void what_is_sealed_opens(void **state)
{
    static uint8_t record[TLS_RECORD_MAX], content[TLS_PLAINTEXT_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof content; i++) {
        content[i] = (uint8_t)(i * 7);
    }
    for (unsigned c = 0; c < CIPHERS; c++) {
        struct tls_half writer = a_half(ciphers[c]), reader = writer;
        for (size_t n = 0; n <= TLS_PLAINTEXT_MAX; n += n < 300 ? 1 : 5361) {
            size_t opened;
            memcpy(record + TLS_HEADER, content, n);
            size_t length = seal(&writer, TLS_CONTENT_APPLICATION_DATA, record, n);
            assert_int_equal(length, tls_record_size(&writer, n));
            assert_int_equal(
                tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, record, length, &opened),
                TLS_ERROR_OK);
            assert_int_equal(opened, n);
            assert_memory_equal(record + TLS_HEADER, content, n);
        }
        assert_memory_equal(&reader, &writer, sizeof reader);
    }
}

static void sizes_fit_the_space(void **state)
{
    (void)state;
    for (unsigned c = 0; c < CIPHERS; c++) {
        struct tls_half half = a_half(ciphers[c]);
        for (size_t space = tls_record_size(&half, 0); space < TLS_RECORD_MAX; space++) {
            size_t n = tls_record_content_for(&half, space);
            assert_true(tls_record_size(&half, n) <= space);
            assert_true(n == TLS_PLAINTEXT_MAX || tls_record_size(&half, n + 1) > space);
        }
    }
}

/* Every bit of a record that is changed, and every other length, is bad_record_mac. */
static void tampered(void **state)
{
    enum { N = 40 };
    uint8_t record[TLS_HEADER + 128], copy[TLS_HEADER + 128];

    (void)state;
    for (unsigned c = 0; c < CIPHERS; c++) {
        struct tls_half writer = a_half(ciphers[c]);
        const struct tls_half start = writer;
        size_t opened;
        memset(record + TLS_HEADER, 'x', N);
        size_t length = seal(&writer, TLS_CONTENT_APPLICATION_DATA, record, N);
        for (size_t bit = 0; bit < length * 8; bit++) {
            struct tls_half reader = start;
            if (bit / 8 >= 1 && bit / 8 < TLS_HEADER) {
                continue; /* version and length are checked with the header */
            }
            memcpy(copy, record, length);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(
                tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, copy, length, &opened),
                TLS_ERROR_RECORD_MAC);
        }
        for (size_t cut = TLS_HEADER; cut < length; cut++) {
            struct tls_half reader = start;
            memcpy(copy, record, length);
            assert_int_equal(
                tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, copy, cut, &opened),
                TLS_ERROR_RECORD_MAC);
        }
        struct tls_half later = start;
        later.sequence++;
        memcpy(copy, record, length);
        assert_int_equal(tls_record_open(&later, TLS_VERSION_10, UINT64_MAX, copy, length, &opened),
                         TLS_ERROR_RECORD_MAC);
    }
}

/* A record made by hand, with padding of any length and any of its bytes wrong. */
static size_t seal_padded(const struct tls_half *half, uint8_t *record, size_t n, size_t padding,
                          size_t wrong)
{
    uint8_t header[13] = {0, 0, 0, 0, 0, 0, 0, (uint8_t)half->sequence, 23, 3, 1, 0, (uint8_t)n};
    struct cg_hmac hmac;
    struct cg_cipher cipher;
    uint8_t iv[CG_CIPHER_IV_MAX], *content = record + TLS_HEADER;
    size_t mac = cg_hash_size(CG_SHA1), encrypted = n + (encrypt_then_mac ? 0 : mac) + padding + 1;

    cg_hmac_init(&hmac, CG_SHA1, half->mac_key, mac);
    if (!encrypt_then_mac) {
        cg_hmac_update(&hmac, header, sizeof header);
        cg_hmac_update(&hmac, content, n);
        cg_hmac_final(&hmac, content + n);
    }
    memset(content + encrypted - padding - 1, (int)padding, padding + 1);
    if (wrong <= padding) {
        content[encrypted - 1 - wrong] ^= 1;
    }
    memcpy(iv, half->iv, sizeof iv);
    cg_cipher_set_key(&cipher, half->cipher, CG_ENCRYPT, half->key);
    cg_cipher_crypt(&cipher, CG_ENCRYPT, iv, content, content, encrypted);
    if (encrypt_then_mac) {
        tls_put_number(header + 11, 2, encrypted);
        cg_hmac_update(&hmac, header, sizeof header);
        cg_hmac_update(&hmac, content, encrypted);
        cg_hmac_final(&hmac, content + encrypted);
    }
    record[0] = TLS_CONTENT_APPLICATION_DATA;
    return TLS_HEADER + encrypted + (encrypt_then_mac ? mac : 0);
}

static void padding_of_every_legal_length(void **state)
{
    enum { N = 11, NONE = 256 };
    uint8_t record[TLS_HEADER + 512];

    (void)state;
    for (unsigned c = 0; c < CIPHERS; c++) {
        const struct tls_half half = a_half(ciphers[c]);
        size_t block = cg_cipher_info(half.cipher)->block, opened, tried = 0;
        if (block == 1) {
            continue;
        }
        for (size_t padding = 0; padding < 256; padding++) {
            struct tls_half reader = half;
            if ((N + (encrypt_then_mac ? 0 : cg_hash_size(CG_SHA1)) + padding + 1) % block != 0) {
                continue;
            }
            tried++;
            memset(record + TLS_HEADER, 'y', N);
            size_t length = seal_padded(&half, record, N, padding, NONE);
            assert_int_equal(
                tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, record, length, &opened),
                TLS_ERROR_OK);
            assert_int_equal(opened, N);
            /* POODLE for TLS (CVE-2014-8730): no byte of the padding goes unchecked. */
            for (size_t wrong = 0; wrong <= padding; wrong++) {
                reader = half;
                memset(record + TLS_HEADER, 'y', N);
                length = seal_padded(&half, record, N, padding, wrong);
                assert_int_equal(
                    tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, record, length, &opened),
                    TLS_ERROR_RECORD_MAC);
            }
        }
        assert_int_equal(tried, 256 / block);
    }
}

static void header(const uint8_t *bytes, size_t have, uint16_t version, bool protected,
                   enum tls_error error, size_t length)
{
    struct tls_session session;
    size_t got;

    tls_session_init(&session, TLS_SERVER);
    session.version = version;
    session.read.protected = protected;
    assert_int_equal(tls_record_header(&session, bytes, have, &got), error);
    if (error == TLS_ERROR_OK) {
        assert_int_equal(got, length);
        assert_int_equal(tls_record_length(&session, bytes, have), length);
    } else {
        assert_int_equal(tls_record_length(&session, bytes, have), 0);
    }
}

static void headers(void **state)
{
    static const uint8_t hello[] = {22, 3, 3, 0x40, 0x00}, too_long[] = {22, 3, 1, 0x40, 0x01},
                         ssl2[] = {22, 2, 0, 0, 1}, heartbeat[] = {24, 3, 1, 0, 1},
                         zero[] = {19, 3, 1, 0, 1}, largest[] = {23, 3, 1, 0x48, 0x00},
                         over[] = {23, 3, 1, 0x48, 0x01}, later[] = {23, 3, 2, 0, 1},
                         ssl3[] = {22, 3, 0, 0, 1}, alert[] = {21, 3, 3, 0, 2};

    (void)state;
    header(hello, 0, 0, false, TLS_ERROR_OK, TLS_HEADER);
    header(hello, 4, 0, false, TLS_ERROR_OK, TLS_HEADER);
    header(hello, 5, 0, false, TLS_ERROR_OK, TLS_HEADER + 16384);
    header(ssl3, 5, 0, false, TLS_ERROR_OK, TLS_HEADER + 1);
    header(too_long, 5, 0, false, TLS_ERROR_RECORD_LENGTH, 0);
    header(ssl2, 2, 0, false, TLS_ERROR_RECORD_VERSION, 0);
    header(heartbeat, 1, 0, false, TLS_ERROR_RECORD_TYPE, 0);
    header(zero, 5, 0, false, TLS_ERROR_RECORD_TYPE, 0);
    header(largest, 5, TLS_VERSION_10, true, TLS_ERROR_OK, TLS_RECORD_MAX);
    header(over, 5, TLS_VERSION_10, true, TLS_ERROR_RECORD_LENGTH, 0);
    header(later, 5, TLS_VERSION_10, true, TLS_ERROR_RECORD_VERSION, 0);
    header(hello, 5, TLS_VERSION_10, false, TLS_ERROR_RECORD_VERSION, 0);
    header(alert, 5, TLS_VERSION_10, false, TLS_ERROR_OK, TLS_HEADER + 2); /* "not this version" */
    header(alert, 5, TLS_VERSION_10, true, TLS_ERROR_RECORD_VERSION, 0);
}

/* A record whose content is longer than 2^14 although its ciphertext is within bounds. */
static void content_over_the_limit(void **state)
{
    struct tls_half writer = a_half(CG_AES128_CBC), reader = writer;
    uint8_t *record = calloc(1, TLS_RECORD_MAX);
    size_t opened;

    (void)state;
    size_t length = seal(&writer, TLS_CONTENT_APPLICATION_DATA, record, TLS_PLAINTEXT_MAX + 1);
    assert_int_equal(tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, record, length, &opened),
                     TLS_ERROR_RECORD_LENGTH);
    free(record);
}

static void a_sequence_number_never_wraps(void **state)
{
    struct tls_half half = a_half(CG_AES128_CBC);

    (void)state;
    half.sequence = UINT64_MAX - 1;
    assert_true(tls_half_has_budget(&half, UINT64_MAX, 1));
    half.sequence = UINT64_MAX;
    assert_false(tls_half_has_budget(&half, UINT64_MAX, 1));
}

/* SWEET32 (CVE-2016-2183): 64-bit blocks have a limit, 128-bit ones none. */
static void data_limit(void **state)
{
    static const uint8_t data[10000] = {1};

    (void)state;
    for (unsigned writer_stops = 0; writer_stops < 2; writer_stops++) {
        for (unsigned c = 0; c < 2; c++) {
            struct tls_pair pair;
            size_t taken, sent = 0;
            enum tls_result result = TLS_DONE;
            bool limited = c == 0;
            tls_pair_init(&pair);
            pair.client.config.suites[0] = limited ? 0x000a : 0x002f;
            pair.client.config.suite_count = 1;
            (writer_stops ? &pair.client : &pair.server)->config.data_limit_64 = 100000;
            tls_pair_start(&pair);
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            while (result == TLS_DONE && pair.server.last == TLS_DONE && sent < 400000) {
                struct tls_conn conn = tls_end_conn(&pair.client);
                result = tls_send(&conn, data, sizeof data, &taken);
                sent += taken;
                pair.server.plain_length = 0;
                tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            }
            if (!limited) {
                assert_true(sent >= 400000);
            } else {
                struct tls_end *stopped = writer_stops ? &pair.client : &pair.server;
                assert_in_range(sent, 70000, 110000);
                tls_end_assert_failed(stopped, TLS_ERROR_DATA_LIMIT);
                assert_true(writer_stops ? pair.server.last == TLS_CLOSED
                                         : pair.client.last == TLS_CLOSED);
            }
            tls_pair_free(&pair);
        }
    }
}

/* 2^27 blocks: far below the 2^32 after which two equal ones are to be expected. */
static void default_data_limit(void **state)
{
    const struct tls_config config = {0};
    struct tls_half half = a_half(CG_3DES_EDE_CBC);

    (void)state;
    half.bytes = (UINT64_C(1) << 30) - 1000;
    assert_true(tls_half_has_budget(&half, tls_limit_64(&config), 1000));
    assert_false(tls_half_has_budget(&half, tls_limit_64(&config), 1001));
}

/* ---- what tls_send makes ---- */

static unsigned records_of(struct tls_end *end, size_t *total)
{
    uint8_t record[TLS_RECORD_MAX];
    unsigned count = 0;
    size_t n;

    for (*total = 0; (n = tls_end_drain_record(end, record)) > 0; *total += n) {
        assert_int_equal(record[0], TLS_CONTENT_APPLICATION_DATA);
        count++;
    }
    return count;
}

static void splitting(void **state)
{
    static const uint8_t data[20000] = {1};

    (void)state;
    for (unsigned off = 0; off < 2; off++) {
        struct tls_pair pair;
        size_t taken, total;
        tls_pair_init(&pair);
        pair.client.config.no_record_splitting = off;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        static const size_t sizes[] = {1, 2, 3, 16, 100, 16383, 16384, 16385, 20000};
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            struct tls_conn conn = tls_end_conn(&pair.client);
            assert_int_equal(tls_send(&conn, data, sizes[i], &taken), TLS_DONE);
            assert_int_equal(taken, sizes[i] < 16384 ? sizes[i] : 16384);
            assert_int_equal(records_of(&pair.client, &total), off || sizes[i] == 1 ? 1 : 2);
        }
        tls_pair_free(&pair);
    }
}

static void plaintext_for_a_space(void **state)
{
    static const uint8_t data[TLS_PLAINTEXT_MAX] = {1};

    (void)state;
    for (unsigned off = 0; off < 2; off++) {
        struct tls_pair pair;
        size_t taken, total, last = 0;
        tls_pair_init(&pair);
        pair.client.config.no_record_splitting = off;
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        for (size_t space = 0; space < TLS_OUTPUT_SIZE; space += space < 400 ? 1 : 97) {
            size_t n = tls_plaintext_for(pair.client.session, &pair.client.config, space);
            assert_true(n >= last);
            last = n;
            if (n > 0) {
                struct tls_conn conn = tls_end_conn(&pair.client);
                assert_int_equal(tls_send(&conn, data, n, &taken), TLS_DONE);
                assert_int_equal(taken, n);
                records_of(&pair.client, &total);
                assert_true(total <= space);
            } else {
                assert_true(space < tls_record_size(&pair.client.session->write, 1));
            }
        }
        assert_int_equal(last, TLS_PLAINTEXT_MAX);
        tls_pair_free(&pair);
    }
}

static void a_full_output_takes_no_more(void **state)
{
    static const uint8_t data[TLS_PLAINTEXT_MAX] = {1};
    struct tls_pair pair;
    size_t taken = 1, sent = 0;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    enum tls_result result = TLS_DONE;
    while (result == TLS_DONE) {
        struct tls_conn conn = tls_end_conn(&pair.client);
        result = tls_send(&conn, data, sizeof data, &taken);
        sent += taken;
    }
    assert_int_equal(result, TLS_NEED_ROOM);
    assert_int_equal(taken, 0);
    /* There is still room to say why. */
    struct tls_conn conn = tls_end_conn(&pair.client);
    assert_int_equal(tls_close(&conn), TLS_DONE);
    tls_pair_run(&pair, 1000);
    assert_int_equal(pair.server.plain_length, sent);
    assert_int_equal(pair.server.last, TLS_CLOSED);
    tls_pair_free(&pair);
}

static void empty_records(void **state)
{
    static const uint8_t data[] = "x";

    (void)state;
    for (unsigned one_too_many = 0; one_too_many < 2; one_too_many++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        for (unsigned round = 0; round < 3; round++) {
            for (unsigned i = 0; i < TLS_EMPTY_RECORDS_MAX; i++) {
                tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_APPLICATION_DATA, data,
                                    0);
            }
            tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_APPLICATION_DATA, data, 1);
        }
        assert_int_equal(pair.server.plain_length, 3);
        assert_int_equal(pair.server.last, TLS_DONE);
        for (unsigned i = 0; i < TLS_EMPTY_RECORDS_MAX + one_too_many; i++) {
            tls_end_feed_sealed(&pair.server, &pair.client, TLS_CONTENT_APPLICATION_DATA, data, 0);
        }
        assert_int_equal(tls_failure(pair.server.session),
                         one_too_many ? TLS_ERROR_RECORD_FLOOD : TLS_ERROR_OK);
        tls_pair_free(&pair);
    }
}

static void empty_records_of_other_types(void **state)
{
    static const uint8_t types[] = {TLS_CONTENT_ALERT, TLS_CONTENT_HANDSHAKE,
                                    TLS_CONTENT_CHANGE_CIPHER_SPEC};

    (void)state;
    for (unsigned i = 0; i < sizeof types; i++) {
        for (unsigned established = 0; established < 2; established++) {
            struct tls_pair pair;
            tls_pair_init(&pair);
            tls_pair_start(&pair);
            if (established) {
                tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            }
            tls_end_feed_sealed(&pair.server, &pair.client, types[i], types, 0);
            struct tls_conn conn = tls_end_conn(&pair.server);
            tls_flush_mailbox(&conn);
            tls_end_assert_failed(&pair.server, TLS_ERROR_RECORD_EMPTY);
            tls_pair_free(&pair);
        }
    }
}

static int mac_first(void **state)
{
    (void)state;
    encrypt_then_mac = false;
    return 0;
}

static int encryption_first(void **state)
{
    (void)state;
    encrypt_then_mac = true;
    return 0;
}

#define BOTH(test)                                                                                 \
    cmocka_unit_test_setup(test, mac_first), cmocka_unit_test_setup(test, encryption_first)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(what_is_sealed_opens),
        BOTH(sizes_fit_the_space),
        BOTH(tampered),
        BOTH(padding_of_every_legal_length),
        cmocka_unit_test(headers),
        BOTH(content_over_the_limit),
        cmocka_unit_test(a_sequence_number_never_wraps),
        cmocka_unit_test(data_limit),
        cmocka_unit_test(default_data_limit),
        cmocka_unit_test(splitting),
        cmocka_unit_test(plaintext_for_a_space),
        cmocka_unit_test(a_full_output_takes_no_more),
        cmocka_unit_test(empty_records),
        cmocka_unit_test(empty_records_of_other_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
