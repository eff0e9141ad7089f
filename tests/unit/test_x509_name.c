/* Names: when two distinguished names are the same, how they read, and which host names a
 * certificate is for (RFC 9525). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tls/x509/x509_internal.h"

/* A Name is written here as "TYPE=tag:value" attributes: C, O, N (common name), D (domain), X (an
 * unknown type); p printable, u UTF-8, i IA5, t T61, b BMP; '|' ends an RDN, '+' an attribute. */
static struct x509_bytes name(const char *text)
{
    static uint8_t pool[16][512];
    static unsigned next;
    uint8_t *out = pool[next++ % 16];
    size_t at = 4;
    while (*text) {
        size_t set = at;
        at += 2;
        for (bool more = true; more;) {
            static const uint8_t domain[] = {9, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 0x19};
            size_t pair = at, n = strcspn(text + 4, "|+"), o;
            out[pair] = DER_SEQUENCE;
            out[pair + 2] = DER_OID;
            if (*text == 'D') {
                o = sizeof domain;
                memcpy(out + pair + 4, domain, o);
            } else {
                o = 3;
                memcpy(out + pair + 4, "\x55\x04", 2);
                out[pair + 6] = *text == 'C' ? 6 : *text == 'O' ? 10 : *text == 'N' ? 3 : 99;
            }
            out[pair + 3] = (uint8_t)o;
            at = pair + 4 + o;
            out[at] = text[2] == 'p'   ? DER_PRINTABLE_STRING
                      : text[2] == 'u' ? DER_UTF8_STRING
                      : text[2] == 'i' ? DER_IA5_STRING
                      : text[2] == 't' ? DER_T61_STRING
                                       : DER_BMP_STRING;
            out[at + 1] = (uint8_t)n;
            for (size_t i = 0; i < n; i++)
                out[at + 2 + i] = text[4 + i] == '@' ? 0 : (uint8_t)text[4 + i];
            at += 2 + n;
            out[pair + 1] = (uint8_t)(at - pair - 2);
            text += 4 + n;
            more = *text == '+';
            text += *text != 0;
        }
        out[set] = DER_SET;
        out[set + 1] = (uint8_t)(at - set - 2);
    }
    assert_in_range(at, 0, 260);
    size_t length = at - 4, start = length < 128 ? 2 : 1;
    out[start] = DER_SEQUENCE;
    out[start + 1] = length < 128 ? (uint8_t)length : 0x81;
    if (length >= 128)
        out[start + 2] = (uint8_t)length;
    return (struct x509_bytes){out + start, at - start};
}

static void equality(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool equal;
    } cases[] = {
        {"C=p:DE|N=p:Test", "C=p:DE|N=p:Test", true},
        {"N=p:Test CA", "N=u:tEST  ca", true},
        {"N=p: Test CA ", "N=p:Test CA", true},
        {"N=p:Test CA", "N=p:TestCA", false},
        {"N=p:Test", "N=p:Test2", false},
        {"N=p:Test", "O=p:Test", false},
        {"C=p:DE|N=p:Test", "N=p:Test|C=p:DE", false},
        {"C=p:DE|N=p:Test", "C=p:DE", false},
        {"C=p:DE", "C=p:DE|N=p:Test", false},
        {"C=p:DE|N=p:Test", "C=p:DE+N=p:Test", false},
        {"D=i:Example", "D=i:eXAMPLE", true},
        {"N=t:Test", "N=t:Test", true},
        {"N=t:Test", "N=t:test", false},
        {"N=t:Test", "N=p:Test", false},
        {"N=u:\xc3\xa9", "N=u:\xc3\xa9", true},
        {"N=u:\xc3\xa9", "N=u:\xc3\x89", false},
        {"", "", true},
        {"", "N=p:Test", false},
        {"N=p:", "N=p:   ", true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        if (x509_names_equal(name(cases[i].a), name(cases[i].b)) != cases[i].equal ||
            x509_names_equal(name(cases[i].b), name(cases[i].a)) != cases[i].equal)
            fail_msg("%s and %s", cases[i].a, cases[i].b);
}

static void structure(void **state)
{
    (void)state;
    assert_null(x509_check_name(name("C=p:DE|O=u:\xf0\x9f\x98\x80")));
    assert_null(x509_check_name(name("")));
    assert_true(x509_name_is_empty(name("")));
    assert_false(x509_name_is_empty(name("C=p:DE")));
    assert_null(x509_check_name(name("N=b:@a@b"))); /* a BMPString is made of such pairs */
    static const char *const bad[] = {
        "N=p:host@.evil",
        "N=u:a@",
        "N=i:@",
        "N=t:a@b",
        "N=u:\xff",
        "N=u:\xc0\x80",
        "N=u:\xed\xa0\x80",
        "N=u:\xf4\x90\x80\x80",
        "N=u:\xe0\x9f\xbf",
        "N=u:\xf0\x8f\xbf\xbf",
        "N=u:\xc3",
        "N=u:\x80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (!x509_check_name(name(bad[i])))
            fail_msg("accepted: %s", bad[i]);
    static const char *const broken[] = {
        "\x31\x00",
        "\x30\x02\x31\x00",
        "\x30\x04\x31\x02\x30\x00",
        "\x30\x02\x05\x00",
        "\x30\x09\x31\x07\x30\x05\x06\x03\x55\x04\x03",
        "\x30\x0d\x31\x0b\x30\x09\x06\x03\x55\x04\x03\x0c\x00\x05\x00",
    };
    static const size_t sizes[] = {2, 4, 6, 4, 11, 15};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
        assert_non_null(x509_check_name((struct x509_bytes){(const uint8_t *)broken[i], sizes[i]}));
}

static void reads(const char *encoded, const char *want, size_t size)
{
    char text[200];
    memset(text, '!', sizeof text);
    x509_name_text(name(encoded), text, size);
    assert_string_equal(text, want);
    assert_int_equal(text[size], '!');
}

static void text(void **state)
{
    (void)state;
    reads("C=p:DE|O=p:Some Org|N=u:host", "CN=host, O=Some Org, C=DE", 100);
    reads("C=p:DE|O=p:A+N=p:B", "O=A+CN=B, C=DE", 100);
    reads("O=p:Foo, Inc.", "O=Foo\\, Inc.", 100);
    reads("N=u:\x1b[31m\xc3\xa9", "CN=\\x1b[31m\\xc3\\xa9", 100);
    reads("X=p:v", "2.5.4.99=v", 100);
    reads("N=b:@a", "CN=#0061", 100);
    reads("", "(empty name)", 100);
    reads("C=p:DE|N=u:0123456789", "CN=0123...", 11);
    reads("N=u:host", "...", 4);
    reads("N=u:host", "", 1);
    reads("C=p:1|C=p:2|C=p:3|C=p:4|C=p:5|C=p:6|C=p:7|C=p:8|C=p:9|C=p:a|C=p:b|C=p:c|C=p:d|C=p:e|"
          "C=p:f|C=p:g|C=p:h",
          "C=h, C=g, C=f, C=e, C=d, C=c, C=b, C=a, C=9, C=8, C=7, C=6, C=5, C=4, C=3, C=2, ...",
          150);
}

/* A certificate of nothing but DNS names, separated by spaces. */
static struct x509_certificate for_dns(const char *names)
{
    static uint8_t san[1024];
    size_t at = 0;
    while (*names) {
        size_t n = strcspn(names, " ");
        san[at++] = X509_GN_DNS;
        if (n >= 128)
            san[at++] = n < 256 ? 0x81 : 0x82;
        if (n >= 256)
            san[at++] = (uint8_t)(n >> 8);
        san[at++] = (uint8_t)n;
        memcpy(san + at, names, n);
        at += n;
        names += n + (names[n] != 0);
    }
    return (struct x509_certificate){.subject_alt_name = {san, at}};
}

#define LABEL63 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk"

static void host_names(void **state)
{
    (void)state;
    static const struct {
        const char *sans, *wanted;
        bool match;
    } cases[] = {
        {"a.example", "a.example", true},
        {"a.example", "A.EXAMPLE", true},
        {"A.Example", "a.example", true},
        {"a.example", "a.example.", true},
        {"a.example.", "a.example", true},
        {"b.example a.example", "a.example", true},
        {"a.example", "b.example", false},
        {"a.example", "a.example.org", false},
        {"a.example", "xa.example", false},
        {"example.com", "a.example.com", false},
        {"localhost", "localhost", true},
        {"*.example.com", "a.example.com", true},
        {"*.example.com", "A.Example.Com.", true},
        {"*.example.com.", "a.example.com", true},
        {"*.example.com", "a.b.example.com", false},
        {"*.example.com", "example.com", false},
        {"*.example.com", ".example.com", false},
        {"*.example.com", "a.example.org", false},
        {"*.com", "example.com", false},
        {"*.com.", "example.com", false},
        {"*", "com", false},
        {"*.", "com", false},
        {"*", "*", false},
        {"*.example.com", "*.example.com", false},
        {"a*.example.com", "ab.example.com", false},
        {"*a.example.com", "ba.example.com", false},
        {"a.*.example.com", "a.b.example.com", false},
        {"*.*.example.com", "a.b.example.com", false},
        {"**.example.com", "a.example.com", false},
        {"xn--*-1b3c148a.example.com", "xn--bliss-1b3c148a.example.com", false},
        {"*.example.com", "xn--bliss-1b3c148a.example.com", true},
        {"xn--bcher-kva.example", "xn--bcher-kva.example", true},
        {"b\xc3\xbc"
         "cher.example",
         "b\xc3\xbc"
         "cher.example",
         false},
        {"a_b.example", "a_b.example", true},
        {"-a.example", "-a.example", false},
        {"a-.example", "a-.example", false},
        {"a..example", "a..example", false},
        {".example", ".example", false},
        {"a.example..", "a.example..", false},
        {"", "", false},
        {"a.example", "", false},
        {"a.example", ".", false},
        {"127.0.0.1", "127.0.0.1", false},
        {"a.1", "a.1", false},
        {"a.1x", "a.1x", true},
        {"1", "1", false},
        {LABEL63 ".example", LABEL63 ".example", true},
        {LABEL63 "x.example", LABEL63 "x.example", false},
        {LABEL63 "." LABEL63 "." LABEL63 "."
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi",
         LABEL63 "." LABEL63 "." LABEL63 "."
                 "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghi",
         true},
        {LABEL63 "." LABEL63 "." LABEL63 "." LABEL63, LABEL63 "." LABEL63 "." LABEL63 "." LABEL63,
         false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct x509_certificate cert = for_dns(cases[i].sans);
        if (x509_matches_dns(&cert, cases[i].wanted) != cases[i].match)
            fail_msg("certificate for \"%s\", wanted \"%s\"", cases[i].sans, cases[i].wanted);
    }
    struct x509_certificate none = {.version = 3};
    assert_false(x509_matches_dns(&none, "a.example"));
    struct x509_certificate nul = {.subject_alt_name = {(const uint8_t *)"\x82\x0e"
                                                                         "a.example\0evil",
                                                        16}};
    assert_false(x509_matches_dns(&nul, "a.example"));
}

static void ip_addresses(void **state)
{
    (void)state;
    static const uint8_t san[] = "\x87\x04\x0a\x00\x00\x01"
                                 "\x87\x10\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01"
                                 "\x82\x08"
                                 "10.0.0.2";
    struct x509_certificate cert = {.subject_alt_name = {san, sizeof san - 1}};
    assert_true(x509_matches_ip(&cert, (struct x509_bytes){(const uint8_t *)"\x0a\0\0\x01", 4}));
    assert_false(x509_matches_ip(&cert, (struct x509_bytes){(const uint8_t *)"\x0a\0\0\x02", 4}));
    assert_true(x509_matches_ip(&cert, (struct x509_bytes){san + 8, 16}));
    assert_false(x509_matches_ip(&cert, (struct x509_bytes){(const uint8_t *)"10.0.0.2", 8}));
    assert_false(x509_matches_ip(&cert, (struct x509_bytes){NULL, 0}));
    assert_false(x509_matches_dns(&cert, "10.0.0.1"));
    char text[80];
    x509_san_text(&cert, text, sizeof text);
    assert_string_equal(text, "10.0.0.1 2001:db8:0:0:0:0:0:1 10.0.0.2");
    x509_san_text(&cert, text, 12);
    assert_string_equal(text, "10.0.0.1...");
}

static void dates(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        const char *text;
    } cases[] = {
        {0, "1970-01-01 00:00:00Z"},
        {1709208000, "2024-02-29 12:00:00Z"},
        {-1, "1969-12-31 23:59:59Z"},
        {951782400, "2000-02-29 00:00:00Z"},
        {253402300799, "9999-12-31 23:59:59Z"},
        {4107542400, "2100-03-01 00:00:00Z"},
        {4107542399, "2100-02-28 23:59:59Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char out[32];
        struct x509_text t = x509_text_over(out, sizeof out);
        x509_text_add_date(&t, cases[i].seconds);
        x509_text_end(&t);
        assert_string_equal(out, cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equality),   cmocka_unit_test(structure),    cmocka_unit_test(text),
        cmocka_unit_test(host_names), cmocka_unit_test(ip_addresses), cmocka_unit_test(dates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
