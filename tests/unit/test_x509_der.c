/* The DER cursor: what it reads, and each thing that X.690 forbids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/cg_hex.h"
#include "tls/x509/der.h"

/* The bytes of hex text in a heap block of just their size, so that the sanitizer sees a read past
 * the end. Freed by the next call. */
static struct der over(const char *hex)
{
    static uint8_t *block;
    free(block);
    size_t n = strlen(hex) / 2;
    block = malloc(n ? n : 1);
    assert_non_null(block);
    cg_hex(hex, block);
    return (struct der){block, block + n};
}

static void elements(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "02",
        "0201",
        "020200", /* cut short */
        "3080",
        "30800000", /* indefinite length */
        "02810100",
        "0282000100",
        "028400000001",
        "0281800000",       /* long form where not needed, short */
        "0285000000000100", /* more octets than any size needs */
        "0000",
        "1f0100",
        "bf1f00",         /* end of contents, long tags */
        "02847fffffff00", /* past the end */
    };
    struct der_element e;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct der d = over(bad[i]), before = d;
        if (der_next(&d, &e))
            fail_msg("accepted: %s", bad[i]);
        assert_ptr_equal(d.at, before.at);
    }
    struct der d = over("020105300004027fff");
    assert_true(der_next(&d, &e));
    assert_int_equal(e.tag, DER_INTEGER);
    assert_int_equal(e.content.length, 1);
    assert_int_equal(e.whole.length, 3);
    assert_int_equal(der_peek(&d), DER_SEQUENCE);
    assert_true(der_next(&d, &e));
    assert_int_equal(e.content.length, 0);
    assert_true(der_next(&d, &e));
    assert_true(der_done(&d));
    assert_int_equal(der_peek(&d), 0);
    char long_form[2 * (3 + 128) + 1] = "048180";
    memset(long_form + 6, '7', 256);
    d = over(long_form);
    assert_true(der_next(&d, &e));
    assert_int_equal(e.content.length, 128);
}

/* A reader's verdict on one encoding, by a function of the type's own. */
static bool reads_integer(struct der *d)
{
    struct x509_bytes c;
    return der_integer(d, &c);
}
static bool reads_unsigned(struct der *d)
{
    struct x509_bytes c;
    return der_unsigned(d, &c);
}
static bool reads_small(struct der *d)
{
    unsigned n;
    return der_small(d, 1000, &n);
}
static bool reads_boolean(struct der *d)
{
    bool b;
    return der_boolean(d, &b);
}
static bool reads_bits(struct der *d)
{
    struct x509_bytes c;
    return der_bit_string(d, &c);
}
static bool reads_named(struct der *d)
{
    uint16_t b;
    return der_named_bits(d, &b);
}
static bool reads_oid(struct der *d)
{
    struct x509_bytes c;
    return der_oid(d, &c);
}

static void types(void **state)
{
    (void)state;
    static const struct {
        bool (*read)(struct der *d);
        const char *hex;
        bool good;
    } cases[] = {
        {reads_integer, "020100", true},
        {reads_integer, "0200", false},
        {reads_integer, "02020080", true},
        {reads_integer, "0202007f", false},
        {reads_integer, "0201ff", true},
        {reads_integer, "0202ff80", false},
        {reads_integer, "0202ff7f", true},
        {reads_integer, "030100", false},
        {reads_unsigned, "0201ff", false},
        {reads_unsigned, "0202ff7f", false},
        {reads_unsigned, "02020080", true},
        {reads_unsigned, "020100", true},
        {reads_small, "020203e8", true},
        {reads_small, "020203e9", false},
        {reads_small, "020500ffffffff", false},
        {reads_small, "0201ff", false},
        {reads_boolean, "0101ff", true},
        {reads_boolean, "010100", true},
        {reads_boolean, "010101", false},
        {reads_boolean, "0102ffff", false},
        {reads_boolean, "0100", false},
        {reads_bits, "030100", true},
        {reads_bits, "0302005a", true},
        {reads_bits, "0302015a", false},
        {reads_bits, "0300", false},
        {reads_bits, "030101", false},
        {reads_bits, "03020880", false},
        {reads_named, "03020780", true},
        {reads_named, "0302077f", false},
        {reads_named, "03020681", false},
        {reads_named, "0303070600", true},
        {reads_named, "030400800000", false},
        {reads_oid, "0603551d0e", true},
        {reads_oid, "0600", false},
        {reads_oid, "0603551d8e", false},
        {reads_oid, "060455801d0e", false},
        {reads_oid, "06028001", false},
        {reads_oid, "06028101", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct der d = over(cases[i].hex), before = d;
        if (cases[i].read(&d) != cases[i].good)
            fail_msg("%s: %s", cases[i].hex, cases[i].good ? "refused" : "accepted");
        assert_ptr_equal(d.at, cases[i].good ? d.end : before.at);
    }
}

static void values(void **state)
{
    (void)state;
    struct x509_bytes c;
    unsigned n;
    uint16_t bits;
    bool b;
    struct der d = over("02020080");
    assert_true(der_unsigned(&d, &c));
    assert_int_equal(c.length, 1);
    assert_int_equal(c.data[0], 0x80);
    d = over("020203e8");
    assert_true(der_small(&d, 1000, &n));
    assert_int_equal(n, 1000);
    d = over("03020106"); /* keyCertSign and cRLSign */
    assert_true(der_named_bits(&d, &bits));
    assert_int_equal(bits, 1 << 5 | 1 << 6);
    d = over("0303070080"); /* the ninth bit */
    assert_true(der_named_bits(&d, &bits));
    assert_int_equal(bits, 1 << 8);
    d = over("0101ff");
    assert_true(der_default_false(&d, &b) && b && der_done(&d));
    d = over("0201ff");
    assert_true(der_default_false(&d, &b) && !b && !der_done(&d));
    d = over("010155");
    assert_false(der_default_false(&d, &b));
    d = over("0500");
    assert_true(der_null(&d));
    d = over("050100");
    assert_false(der_null(&d));
    d = over("a0030201000201ff");
    assert_true(der_skip_optional(&d, DER_CONTEXT(0)));
    assert_true(der_skip_optional(&d, DER_CONTEXT(1)));
    assert_int_equal(der_peek(&d), DER_INTEGER);
    d = over("a009020100");
    assert_false(der_skip_optional(&d, DER_CONTEXT(0)));
}

static struct der time_of(uint8_t tag, const char *text)
{
    char hex[64] = "";
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[32] = {tag, (uint8_t)strlen(text)};
    memcpy(bytes + 2, text, strlen(text));
    for (size_t i = 0; i < strlen(text) + 2; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    return over(hex);
}

static void times(void **state)
{
    (void)state;
    static const struct {
        uint8_t tag;
        const char *text;
        bool good, misplaced;
        int64_t seconds;
    } cases[] = {
        /* values by `date -u -d ... +%s` */
        {DER_UTC_TIME, "700101000000Z", true, false, 0},
        {DER_UTC_TIME, "240229120000Z", true, false, 1709208000},
        {DER_UTC_TIME, "491231235959Z", true, false, 2524607999},
        {DER_UTC_TIME, "500101000000Z", true, false, -631152000},
        {DER_UTC_TIME, "000229000000Z", true, false, 951782400},
        {DER_GENERALIZED_TIME, "20500101000000Z", true, false, 2524608000},
        {DER_GENERALIZED_TIME, "99991231235959Z", true, false, 253402300799},
        {DER_GENERALIZED_TIME, "21000301000000Z", true, false, 4107542400},
        {DER_GENERALIZED_TIME, "20240229120000Z", true, true, 1709208000},
        {DER_GENERALIZED_TIME, "00010101000000Z", true, true, -62135596800},
        {DER_GENERALIZED_TIME, "00000101000000Z", false, false, 0},
        {DER_GENERALIZED_TIME, "21000229000000Z", false, false, 0},
        {DER_UTC_TIME, "230229120000Z", false, false, 0},
        {DER_UTC_TIME, "241301000000Z", false, false, 0},
        {DER_UTC_TIME, "240001000000Z", false, false, 0},
        {DER_UTC_TIME, "240100000000Z", false, false, 0},
        {DER_UTC_TIME, "240431000000Z", false, false, 0},
        {DER_UTC_TIME, "240101240000Z", false, false, 0},
        {DER_UTC_TIME, "240101006000Z", false, false, 0},
        {DER_UTC_TIME, "161231235960Z", false, false, 0},
        {DER_UTC_TIME, "2401010000Z", false, false, 0},
        {DER_UTC_TIME, "240101000000", false, false, 0},
        {DER_UTC_TIME, "240101000000+0000", false, false, 0},
        {DER_UTC_TIME, "24010100000aZ", false, false, 0},
        {DER_UTC_TIME, "20240101000000Z", false, false, 0},
        {DER_GENERALIZED_TIME, "20500101000000.5Z", false, false, 0},
        {DER_GENERALIZED_TIME, "500101000000Z", false, false, 0},
        {DER_PRINTABLE_STRING, "240229120000Z", false, false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct der d = time_of(cases[i].tag, cases[i].text);
        int64_t seconds = 0;
        bool misplaced = false;
        bool good = der_time(&d, &seconds, &misplaced);
        if (good != cases[i].good || (good && seconds != cases[i].seconds) ||
            (good && misplaced != cases[i].misplaced))
            fail_msg("%s: %d, %lld", cases[i].text, good, (long long)seconds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements),
        cmocka_unit_test(types),
        cmocka_unit_test(values),
        cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
