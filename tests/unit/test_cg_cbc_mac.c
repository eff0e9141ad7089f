/* The CBC check against a plain reference, over every record length up to MAX_RECORD, every
 * padding length, and every single byte corrupted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_cbc_mac.h"
#include "crypto_glue/cg_cipher.h"
#include "crypto_glue/cg_hash.h"

enum { MAX_RECORD = 340 };

static const uint8_t key[20] = "0123456789abcdefghij";
static const uint8_t header[11] = {0, 0, 0, 0, 0, 1, 2, 3, 23, 3, 1};

static void plain_mac(enum cg_hash_id mac, const uint8_t *content, size_t n, uint8_t *out)
{
    uint8_t length[2] = {(uint8_t)(n >> 8), (uint8_t)n};
    struct cg_hmac m;
    cg_hmac_init(&m, mac, key, cg_hash_size(mac));
    cg_hmac_update(&m, header, sizeof header);
    cg_hmac_update(&m, length, sizeof length);
    cg_hmac_update(&m, content, n);
    cg_hmac_final(&m, out);
}

/* RFC 2246 6.2.3.2, with all the branches that the real one must not have. */
static bool plain_check(enum cg_hash_id mac, const uint8_t *record, size_t n, size_t *content)
{
    uint8_t expected[CG_HASH_MAX];
    size_t size = cg_hash_size(mac);
    if (n < size + 1 || record[n - 1] + 1 + size > n)
        return false;
    for (size_t i = 0; i < record[n - 1]; i++) {
        if (record[n - 2 - i] != record[n - 1])
            return false;
    }
    *content = n - 1 - record[n - 1] - size;
    plain_mac(mac, record, *content, expected);
    return memcmp(expected, record + *content, size) == 0;
}

static void compare(enum cg_hash_id mac, const uint8_t *record, size_t n, bool expect_good)
{
    size_t plain_length = 0, length = 0;
    bool good = plain_check(mac, record, n, &plain_length);
    assert_int_equal(good, expect_good);
    assert_int_equal(cg_cbc_mac_check(mac, key, header, record, n, &length), good ? UINT32_MAX : 0);
    if (good)
        assert_int_equal(length, plain_length);
    else
        assert_true(length <= n);
}

static void fill(uint8_t *record, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        record[i] = (uint8_t)((seed = seed * 1103515245 + 12345) >> 16);
}

/* A right record of exactly n bytes. */
static void build(enum cg_hash_id mac, uint8_t *record, size_t n, size_t padding)
{
    size_t content = n - cg_hash_size(mac) - 1 - padding;
    fill(record, n, (unsigned)(n * 257 + padding));
    plain_mac(mac, record, content, record + content);
    memset(record + content + cg_hash_size(mac), (int)padding, padding + 1);
}

/* Right records, and one byte wrong in each class of place: the content's ends, the MAC's ends and
 * middle, the padding's ends and middle, the padding length off by one and at its extremes. */
static void one_padding(enum cg_hash_id mac, size_t n, size_t padding)
{
    uint8_t record[MAX_RECORD];
    size_t size = cg_hash_size(mac), content = n - size - 1 - padding;
    build(mac, record, n, padding);
    compare(mac, record, n, true);

    const size_t places[] = {0,
                             content - 1, /* wraps round without content: skipped */
                             content,
                             content + size / 2,
                             content + size - 1,
                             content + size,
                             content + size + padding / 2,
                             n - 2};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (places[i] >= n - 1)
            continue;
        record[places[i]] ^= 0x40;
        compare(mac, record, n, false);
        record[places[i]] ^= 0x40;
    }
    const uint8_t lengths[] = {(uint8_t)(padding + 1), (uint8_t)(padding - 1), 0, 255};
    for (size_t i = 0; i < sizeof lengths; i++) {
        if (lengths[i] == padding)
            continue;
        record[n - 1] = lengths[i];
        compare(mac, record, n, false);
    }
}

static void every_length_and_padding(enum cg_hash_id mac)
{
    for (size_t n = cg_hash_size(mac) + 1; n <= MAX_RECORD; n++) {
        for (size_t padding = 0; padding < 256 && padding + cg_hash_size(mac) < n; padding++)
            one_padding(mac, n, padding);
    }
}

static void md5_every_length_and_padding(void **state)
{
    (void)state;
    every_length_and_padding(CG_MD5);
}

static void sha1_every_length_and_padding(void **state)
{
    (void)state;
    every_length_and_padding(CG_SHA1);
}

static void every_single_byte(void **state)
{
    (void)state;
    static const size_t paddings[] = {0, 1, 7, 15, 63, 200, 255};
    uint8_t record[320];
    for (size_t p = 0; p < sizeof paddings / sizeof *paddings; p++) {
        for (enum cg_hash_id mac = CG_MD5; mac <= CG_SHA1; mac++) {
            build(mac, record, sizeof record, paddings[p]);
            for (size_t i = 0; i < sizeof record; i++) {
                for (unsigned flip = 1; flip < 256; flip <<= 1) {
                    record[i] ^= (uint8_t)flip;
                    compare(mac, record, sizeof record, false);
                    record[i] ^= (uint8_t)flip;
                }
            }
        }
    }
}

/* A padding length that reaches into the MAC, or over the record's start, is refused even when all
 * bytes there have that value. */
static void padding_that_does_not_fit(void **state)
{
    (void)state;
    uint8_t record[256];
    for (size_t n = 21; n <= 256; n++) {
        for (unsigned value = 0; value < 256; value++) {
            memset(record, (int)value, n);
            compare(CG_SHA1, record, n, false);
            compare(CG_MD5, record, n, false);
        }
    }
}

static void too_short_records(void **state)
{
    (void)state;
    uint8_t record[32] = {0};
    size_t length = 99;
    for (size_t n = 0; n <= 20; n++)
        assert_int_equal(cg_cbc_mac_check(CG_SHA1, key, header, record, n, &length), 0);
    assert_int_equal(length, 0);
}

static void the_largest_record(void **state)
{
    (void)state;
    static uint8_t record[16384 + 2048];
    static const size_t paddings[] = {0, 100, 255};
    for (size_t p = 0; p < sizeof paddings / sizeof *paddings; p++) {
        build(CG_SHA1, record, sizeof record, paddings[p]);
        compare(CG_SHA1, record, sizeof record, true);
        record[sizeof record / 2] ^= 1;
        compare(CG_SHA1, record, sizeof record, false);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(md5_every_length_and_padding),
        cmocka_unit_test(sha1_every_length_and_padding),
        cmocka_unit_test(every_single_byte),
        cmocka_unit_test(padding_that_does_not_fit),
        cmocka_unit_test(too_short_records),
        cmocka_unit_test(the_largest_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
