/* PEM blocks and the private keys inside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "tls/x509/pem.h"
#include "tls/x509/x509_internal.h"

/* Reads the first block from a heap copy of just the text's size, in place. */
static enum pem_result first(const char *text, struct pem_block *block, uint8_t out[64],
                             struct pem_reader *reader, const char **why)
{
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, text, n);
    *reader = (struct pem_reader){copy, copy + n, 0};
    *why = NULL;
    enum pem_result result = pem_next(reader, block, (uint8_t *)copy, n, why);
    if (result == PEM_BLOCK && block->length <= 64)
        memcpy(out, copy, block->length);
    free(copy);
    return result;
}

#define BEGIN "-----BEGIN X-----\n"
#define END   "-----END X-----\n"

static void blocks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } good[] = {
        {BEGIN "YWJj\n" END, "abc"},
        {BEGIN "YWI=\n" END, "ab"},
        {BEGIN "YQ==\n" END, "a"},
        {BEGIN END, ""},
        {"-----BEGIN X-----\r\nYWJj\r\nYWJj\r\n-----END X-----\r\n", "abcabc"},
        {BEGIN "YW\nJj  \n\n" END, "abc"},
        {"subject=/CN=x\n\n" BEGIN "YWJj\n-----END X-----", "abc"},
        {"Key: value\n- - -\n" BEGIN "+/+/\n" END, "\xfb\xff\xbf"},
    };
    struct pem_block block;
    struct pem_reader reader;
    uint8_t out[64];
    const char *why;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        if (first(good[i].text, &block, out, &reader, &why) != PEM_BLOCK)
            fail_msg("%s: %s", good[i].text, why);
        assert_string_equal(block.label, "X");
        assert_int_equal(block.length, strlen(good[i].want));
        assert_memory_equal(out, good[i].want, block.length);
    }
    assert_int_equal(first("", &block, out, &reader, &why), PEM_END);
    assert_int_equal(first("no block\nhere", &block, out, &reader, &why), PEM_END);
}

static void malformed(void **state)
{
    (void)state;
    static const struct {
        const char *text, *why;
        unsigned line;
    } bad[] = {
        {"\n-----BEGIN X----\nYWJj\n" END, "the BEGIN line is malformed", 2},
        {"-----BEGIN A LABEL OF MORE THAN FORTY CHARACTERS IN ALL-----\n",
         "the BEGIN line is malformed", 1},
        {BEGIN "YWJj\n", "the END line is missing", 2},
        {BEGIN "YWJj\n-----END Y-----\n", "the END line has another label than the BEGIN line", 3},
        {BEGIN "YWJj\n" BEGIN, "a boundary inside of a block", 3},
        {BEGIN "YW!j\n" END, "a character that is not base64", 2},
        {BEGIN " YWJj\n" END, "a character that is not base64", 2},
        {BEGIN "YWJ\n" END, "base64 is cut short", 3},
        {BEGIN "YWI\n" END, "base64 is cut short", 3},
        {BEGIN "YWI=\nYWJj\n" END, "base64 goes on after its padding", 3},
        {BEGIN "YW=j\n" END, "base64 goes on after its padding", 2},
        {BEGIN "Y===\n" END, "base64 goes on after its padding", 2},
        {BEGIN "====\n" END, "base64 goes on after its padding", 2},
        {BEGIN "YWJ=\n" END, "base64 with bits left over at its end", 2},
        {BEGIN "YR==\n" END, "base64 with bits left over at its end", 2},
        {BEGIN "Proc-Type: 4,ENCRYPTED\n\nYWJj\n" END,
         "the key is encrypted with a passphrase; decrypt it with `openssl pkey`", 2},
    };
    struct pem_block block;
    struct pem_reader reader;
    uint8_t out[64];
    const char *why;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (first(bad[i].text, &block, out, &reader, &why) != PEM_BAD)
            fail_msg("accepted: %s", bad[i].text);
        assert_string_equal(why, bad[i].why);
        assert_int_equal(reader.line, bad[i].line);
    }
}

static void several(void **state)
{
    (void)state;
    static const char text[] = "a\n" BEGIN "YWJj\n" END "b\n-----BEGIN Y Z-----\nZGVm\n"
                               "-----END Y Z-----\n";
    struct pem_reader reader = {text, text + sizeof text - 1, 0};
    struct pem_block block;
    uint8_t out[3];
    const char *why;
    assert_int_equal(pem_next(&reader, &block, out, 3, &why), PEM_BLOCK);
    assert_string_equal(block.label, "X");
    assert_int_equal(block.line, 2);
    assert_int_equal(pem_next(&reader, &block, out, 3, &why), PEM_BLOCK);
    assert_string_equal(block.label, "Y Z");
    assert_int_equal(block.line, 6);
    assert_memory_equal(out, "def", 3);
    assert_int_equal(pem_next(&reader, &block, out, 3, &why), PEM_END);
    reader = (struct pem_reader){text, text + sizeof text - 1, 0};
    assert_int_equal(pem_next(&reader, &block, out, 2, &why), PEM_BAD);
    assert_string_equal(why, "the block is too long");
}

/* A 512-bit key for tests, by `openssl genrsa -traditional`, and the same as PKCS#8. */
static const char pkcs1[] = "-----BEGIN RSA PRIVATE KEY-----\n"
                            "MIIBOwIBAAJBAL8BEYFehCl/BCQ5Zoyz3IStytqt0BEZRVAQuMJhGuwgmsWek4yc\n"
                            "Beqhjn+5I6e85FbkBKNvGzqcsL/fo5VcVcMCAwEAAQJBAJ3fazGsBr8pvimWzD12\n"
                            "GMoNwAK58aWAZrsD50K68n7CESL2fsqwjnkMV09cawIAbACwDz7kgaovzxqVMd8a\n"
                            "YpkCIQDy4ypaKA/4NMOykh+ZrSMmMJB7RiEyAv4oibMGZqUDBwIhAMlQ2WYDqdhd\n"
                            "ok94NVx8JDyZ+FN4T0FZJcv+e3Wob7xlAiA8WLqeGdQV7C4vQOT/DqhsBabwKfV3\n"
                            "cozpT4UecwROowIgVyP39oB/dHiTWXLfJjlWNiUvqHHbXJ4KDlMJfdR7CUECIQCP\n"
                            "BGqb0oV4JHnJY6GB8l+BxaV/BIYNztfrsicC+gFnFA==\n"
                            "-----END RSA PRIVATE KEY-----\n";
static const char pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                            "MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEAvwERgV6EKX8EJDlm\n"
                            "jLPchK3K2q3QERlFUBC4wmEa7CCaxZ6TjJwF6qGOf7kjp7zkVuQEo28bOpywv9+j\n"
                            "lVxVwwIDAQABAkEAnd9rMawGvym+KZbMPXYYyg3AArnxpYBmuwPnQrryfsIRIvZ+\n"
                            "yrCOeQxXT1xrAgBsALAPPuSBqi/PGpUx3xpimQIhAPLjKlooD/g0w7KSH5mtIyYw\n"
                            "kHtGITIC/iiJswZmpQMHAiEAyVDZZgOp2F2iT3g1XHwkPJn4U3hPQVkly/57dahv\n"
                            "vGUCIDxYup4Z1BXsLi9A5P8OqGwFpvAp9XdyjOlPhR5zBE6jAiBXI/f2gH90eJNZ\n"
                            "ct8mOVY2JS+ocdtcngoOUwl91HsJQQIhAI8EapvShXgkecljoYHyX4HFpX8Ehg3O\n"
                            "1+uyJwL6AWcU\n"
                            "-----END PRIVATE KEY-----\n";
/* A P-256 key, as openssl writes it in PKCS#8 and SEC 1, and its public half. */
static const char p256[] = "-----BEGIN PRIVATE KEY-----\n"
                           "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgzOfKu6ZTUTmrHB9L\n"
                           "cSz1Mn+/GkwE67qxQT1tyX3ltIihRANCAARsM0NnZ8i8DO9fIGDY5B2gTNvTxFCL\n"
                           "gM/l3o9oiYtzNipIaPKZeid78NwKoEyGJxqzt8h6hi7NJdcKTJ9y3mw+\n"
                           "-----END PRIVATE KEY-----\n";
static const char p256_sec1[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                "MHcCAQEEIMznyrumU1E5qxwfS3Es9TJ/vxpMBOu6sUE9bcl95bSIoAoGCCqGSM49\n"
                                "AwEHoUQDQgAEbDNDZ2fIvAzvXyBg2OQdoEzb08RQi4DP5d6PaImLczYqSGjymXon\n"
                                "e/DcCqBMhicas7fIeoYuzSXXCkyfct5sPg==\n"
                                "-----END EC PRIVATE KEY-----\n";
static const char p256_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbDNDZ2fIvAzvXyBg2OQdoEzb08RQ\n"
    "i4DP5d6PaImLczYqSGjymXone/DcCqBMhicas7fIeoYuzSXXCkyfct5sPg==\n"
    "-----END PUBLIC KEY-----\n";
/* A DSA-1024 key likewise. */
static const char dsa_pkcs8[] = "-----BEGIN PRIVATE KEY-----\n"
                                "MIIBWwIBADCCATMGByqGSM44BAEwggEmAoGBAIPR8c8IsOmXEaEDGQ3vcyn4D+AE\n"
                                "0+VOH5+Gh3bjYFse8Zpsmus65TQRq1oeFkLqf4arzo25wQ2yKtoeDKx3cfYXEAOO\n"
                                "hlTPHp8UYQFMYgZc8polzVVFozdTvJQCNdVh+gjUpjlARIXFwt1RoDhi4nOMgtoH\n"
                                "NZDLlE+SgnsZjCBRAh0A5gMKsDjd6Da30hZyGSv+8W5dhM62wzfuIbrE5QKBgCFV\n"
                                "l5egvgrJGABwVVgxuCMYUHHIZStElPpVjSEWjBYGxh2fegHqn570kDpWlAspHEkl\n"
                                "fA6+bZ3NyveSKachhp+KVJKbHetyNRyNHu0qzZh4pTh8O4WRZ11BwK2ZZsHNNm97\n"
                                "wq9cmBt07REbH5kvDGzwuolmOJyHblkSS6MksvCaBB8CHQCg7f03yIHgns65OC6E\n"
                                "CpOt2PKi4MeS2cH4TfVe\n"
                                "-----END PRIVATE KEY-----\n";
static const char dsa_openssl[] =
    "-----BEGIN DSA PRIVATE KEY-----\n"
    "MIIBywIBAAKBgQCD0fHPCLDplxGhAxkN73Mp+A/gBNPlTh+fhod242BbHvGabJrr\n"
    "OuU0EataHhZC6n+Gq86NucENsiraHgysd3H2FxADjoZUzx6fFGEBTGIGXPKaJc1V\n"
    "RaM3U7yUAjXVYfoI1KY5QESFxcLdUaA4YuJzjILaBzWQy5RPkoJ7GYwgUQIdAOYD\n"
    "CrA43eg2t9IWchkr/vFuXYTOtsM37iG6xOUCgYAhVZeXoL4KyRgAcFVYMbgjGFBx\n"
    "yGUrRJT6VY0hFowWBsYdn3oB6p+e9JA6VpQLKRxJJXwOvm2dzcr3kimnIYafilSS\n"
    "mx3rcjUcjR7tKs2YeKU4fDuFkWddQcCtmWbBzTZve8KvXJgbdO0RGx+ZLwxs8LqJ\n"
    "Zjich25ZEkujJLLwmgKBgHXG0vNOplb+CCEEbD1I4bkOtxoxhVETzkdNACZUuq+o\n"
    "enRoiXc6WS6BvDZ8SkFoCegYUjyBI7FI0wmlcSRMNmfyEtKKMGWHiGU2JkWVuhgt\n"
    "9fQ31qHgmWjfLgOvKxZHD6OuQzqAGnOPkPwdC4kUU680iXXPy8i+SLkr4/tPF4lN\n"
    "Ah0AoO39N8iB4J7OuTguhAqTrdjyouDHktnB+E31Xg==\n"
    "-----END DSA PRIVATE KEY-----\n";
static const char dsa_public[] =
    "-----BEGIN PUBLIC KEY-----\n"
    "MIIBvjCCATMGByqGSM44BAEwggEmAoGBAIPR8c8IsOmXEaEDGQ3vcyn4D+AE0+VO\n"
    "H5+Gh3bjYFse8Zpsmus65TQRq1oeFkLqf4arzo25wQ2yKtoeDKx3cfYXEAOOhlTP\n"
    "Hp8UYQFMYgZc8polzVVFozdTvJQCNdVh+gjUpjlARIXFwt1RoDhi4nOMgtoHNZDL\n"
    "lE+SgnsZjCBRAh0A5gMKsDjd6Da30hZyGSv+8W5dhM62wzfuIbrE5QKBgCFVl5eg\n"
    "vgrJGABwVVgxuCMYUHHIZStElPpVjSEWjBYGxh2fegHqn570kDpWlAspHEklfA6+\n"
    "bZ3NyveSKachhp+KVJKbHetyNRyNHu0qzZh4pTh8O4WRZ11BwK2ZZsHNNm97wq9c\n"
    "mBt07REbH5kvDGzwuolmOJyHblkSS6MksvCaA4GEAAKBgHXG0vNOplb+CCEEbD1I\n"
    "4bkOtxoxhVETzkdNACZUuq+oenRoiXc6WS6BvDZ8SkFoCegYUjyBI7FI0wmlcSRM\n"
    "NmfyEtKKMGWHiGU2JkWVuhgt9fQ31qHgmWjfLgOvKxZHD6OuQzqAGnOPkPwdC4kU\n"
    "U680iXXPy8i+SLkr4/tPF4lN\n"
    "-----END PUBLIC KEY-----\n";
static const char ed25519[] = "-----BEGIN PRIVATE KEY-----\n"
                              "MC4CAQAwBQYDK2VwBCIEIIVsYhAIJZRBx+LkeZNxVY+/IHsgzD1RZ6q5ul0yzZhh\n"
                              "-----END PRIVATE KEY-----\n";

static size_t decode(const char *pem, size_t size, struct pem_block *block, uint8_t *out)
{
    struct pem_reader reader = {pem, pem + size - 1, 0};
    const char *why;
    assert_int_equal(pem_next(&reader, block, out, 1024, &why), PEM_BLOCK);
    return block->length;
}

static void is_the_key(const struct cg_rsa_private_parts *p)
{
    assert_int_equal(p->n_length, 64);
    assert_int_equal(p->n[0], 0xbf);
    assert_int_equal(p->n[63], 0xc3);
    assert_int_equal(p->e_length, 3);
    assert_memory_equal(p->e, "\x01\x00\x01", 3);
    assert_int_equal(p->d[0], 0x9d);
    assert_int_equal(p->p[0], 0xf2);
    assert_int_equal(p->q[0], 0xc9);
    assert_int_equal(p->dp[0], 0x3c);
    assert_int_equal(p->dq[0], 0x57);
    assert_int_equal(p->qinv[31], 0x14);
    assert_int_equal(p->p_length + p->q_length, 64);
}

static void private_keys(void **state)
{
    (void)state;
    uint8_t der[1024];
    struct pem_block block;
    struct cg_rsa_private_parts parts;
    const char *why = NULL;
    size_t n = decode(pkcs1, sizeof pkcs1, &block, der);
    assert_true(x509_rsa_private_key(block.label, der, n, &parts, &why));
    is_the_key(&parts);
    assert_false(x509_rsa_private_key("PRIVATE KEY", der, n, &parts, &why));
    n = decode(pkcs8, sizeof pkcs8, &block, der);
    assert_true(x509_rsa_private_key(block.label, der, n, &parts, &why));
    is_the_key(&parts);
    assert_false(x509_rsa_private_key("RSA PRIVATE KEY", der, n, &parts, &why));
    n = decode(p256, sizeof p256, &block, der);
    assert_false(x509_rsa_private_key(block.label, der, n, &parts, &why));
    assert_string_equal(why, "the private key is not an RSA key; only RSA is supported");
    assert_false(x509_rsa_private_key("ENCRYPTED PRIVATE KEY", der, n, &parts, &why));
    assert_string_equal(why,
                        "the key is encrypted with a passphrase; decrypt it with `openssl pkey`");
    assert_false(x509_rsa_private_key("CERTIFICATE", der, n, &parts, &why));
}

static void public_half(const char *pem, size_t size, struct x509_key *key, uint8_t der[1024])
{
    struct pem_block block;
    size_t n = decode(pem, size, &block, der);
    assert_null(x509_parse_public_key(key, (struct x509_bytes){der, n}));
}

static void other_keys(void **state)
{
    (void)state;
    static const struct {
        const char *pem;
        size_t size;
        enum x509_key_kind kind;
    } keys[] = {
        {p256, sizeof p256, X509_KEY_EC},
        {p256_sec1, sizeof p256_sec1, X509_KEY_EC},
        {dsa_pkcs8, sizeof dsa_pkcs8, X509_KEY_DSA},
        {dsa_openssl, sizeof dsa_openssl, X509_KEY_DSA},
        {pkcs1, sizeof pkcs1, X509_KEY_RSA},
        {pkcs8, sizeof pkcs8, X509_KEY_RSA},
    };
    uint8_t der[1024], ec_der[1024], dsa_der[1024];
    struct x509_key ec_public, dsa_key_public;
    struct x509_private_key key;
    struct pem_block block;
    const char *why;
    public_half(p256_public, sizeof p256_public, &ec_public, ec_der);
    public_half(dsa_public, sizeof dsa_public, &dsa_key_public, dsa_der);
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t n = decode(keys[i].pem, keys[i].size, &block, der);
        assert_true(x509_private_key(block.label, der, n, &key, &why));
        assert_int_equal(key.kind, keys[i].kind);
        assert_int_equal(x509_private_key_fits(&key, &ec_public), key.kind == X509_KEY_EC);
        assert_int_equal(x509_private_key_fits(&key, &dsa_key_public), key.kind == X509_KEY_DSA);
        for (size_t cut = 0; cut < n; cut++) {
            uint8_t *copy = malloc(cut ? cut : 1);
            assert_non_null(copy);
            memcpy(copy, der, cut);
            assert_false(x509_private_key(block.label, copy, cut, &key, &why));
            free(copy);
        }
    }
    size_t n = decode(p256_sec1, sizeof p256_sec1, &block, der);
    der[20] ^= 1; /* in the scalar */
    assert_true(x509_private_key(block.label, der, n, &key, &why));
    assert_false(x509_private_key_fits(&key, &ec_public));
    n = decode(ed25519, sizeof ed25519, &block, der);
    assert_false(x509_private_key(block.label, der, n, &key, &why));
    assert_string_equal(why, "TLS 1.0 cannot use an Ed25519 key (RFC 8422 5.10)");
}

/* Every cut, and every change of the outer bytes that makes another structure, is refused. */
static void damaged_keys(void **state)
{
    (void)state;
    uint8_t der[1024];
    struct pem_block block;
    struct cg_rsa_private_parts parts;
    const char *why;
    size_t n = decode(pkcs8, sizeof pkcs8, &block, der);
    for (size_t cut = 0; cut < n; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        assert_non_null(copy);
        memcpy(copy, der, cut);
        why = NULL;
        assert_false(x509_rsa_private_key("PRIVATE KEY", copy, cut, &parts, &why));
        assert_non_null(why);
        free(copy);
    }
    static const size_t structure[] = {0, 4, 5, 6, 7, 8, 18, 19, 20, 22, 26, 30, 31, 33, 34};
    for (size_t i = 0; i < sizeof structure / sizeof structure[0]; i++) {
        der[structure[i]] ^= 2;
        assert_false(x509_rsa_private_key("PRIVATE KEY", der, n, &parts, &why));
        der[structure[i]] ^= 2;
    }
    assert_true(x509_rsa_private_key("PRIVATE KEY", der, n, &parts, &why));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks),     cmocka_unit_test(malformed),
        cmocka_unit_test(several),    cmocka_unit_test(private_keys),
        cmocka_unit_test(other_keys), cmocka_unit_test(damaged_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
