/* RSA with keys that OpenSSL made, against what OpenSSL made with them, and the refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_random.h"
#include "crypto_glue/cg_rsa_power.h"
#include "tests/unit/cg_rsa_fixture.h"

static const struct cg_rsa_test_key *const keys = cg_rsa_test_keys;
enum { SMALLEST, E_IS_3, ODD_SIZE, USUAL, LARGEST };

static struct cg_rsa_private *load(struct cg_rsa_fixture *f, const struct cg_rsa_test_key *k)
{
    struct cg_rsa_private *key = malloc(cg_rsa_private_size());
    cg_rsa_fixture(f, k);
    assert_true(cg_rsa_private_load(key, &f->parts));
    assert_int_equal(cg_rsa_private_bytes(key), (k->bits + 7) / 8);
    assert_int_equal(cg_rsa_bits(&f->public), k->bits);
    assert_true(cg_rsa_public_is_sane(&f->public));
    return key;
}

static void fill_raw(uint8_t raw[36])
{
    for (unsigned i = 0; i < 36; i++)
        raw[i] = (uint8_t)i;
}

static void fill_premaster(uint8_t premaster[48])
{
    premaster[0] = 3;
    premaster[1] = 1;
    for (unsigned i = 2; i < 48; i++)
        premaster[i] = (uint8_t)(98 + i);
}

static void signatures_equal_openssl(void **state)
{
    (void)state;
    for (size_t i = 0; i < CG_RSA_TEST_KEYS; i++) {
        struct cg_rsa_fixture f;
        struct cg_rsa_private *key = load(&f, &keys[i]);
        uint8_t raw[36], got[512], expected[512], digest[32];
        fill_raw(raw);
        size_t n = cg_hex(keys[i].signature, expected);
        assert_true(cg_rsa_sign_pkcs1(key, raw, sizeof raw, got));
        assert_memory_equal(got, expected, n);
        assert_true(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, got, n));
        if (keys[i].digest) {
            cg_hex(keys[i].digest, expected);
            cg_hash_once(CG_SHA256, "tlshim", 6, digest);
            assert_true(cg_rsa_verify_digest(&f.public, CG_SHA256, digest, expected, n));
            assert_false(cg_rsa_verify_digest(&f.public, CG_SHA224, digest, expected, n));
        }
        free(key);
    }
}

/* One bit wrong anywhere, a length off by one, or a number not below n. */
static void wrong_signatures_are_refused(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    uint8_t raw[36], signature[300];
    cg_rsa_fixture(&f, &keys[E_IS_3]);
    fill_raw(raw);
    size_t n = cg_hex(keys[E_IS_3].signature, signature + 1);
    signature[0] = 0;
    for (size_t i = 0; i < n; i++) {
        signature[1 + i] ^= 0x10;
        assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, signature + 1, n));
        signature[1 + i] ^= 0x10;
    }
    assert_true(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, signature + 1, n));
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, signature, n + 1));
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, signature + 1, n - 1));
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw - 1, signature + 1, n));
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, SIZE_MAX, signature + 1, n));
    memcpy(signature, f.n, n);
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, signature, n));
    memset(signature, 0xff, n);
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, signature, n));
}

/* Bleichenbacher 2006: with e = 3, a block whose padding ends early and whose tail is free is the
 * cube of a number that anyone can find. The cube root of 00 01 ff*8 00 M 00.. is taken here by
 * bisection, on bytes; what is verified is the whole block, so it fails. */
static void cube_root_forgery_is_refused(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    uint8_t raw[36], low[128] = {0}, cube[128], wanted[128] = {0, 1};
    cg_rsa_fixture(&f, &keys[E_IS_3]);
    fill_raw(raw);
    memset(wanted + 2, 0xff, 8);
    memcpy(wanted + 11, raw, sizeof raw);
    memset(wanted + 11 + sizeof raw, 0xff, sizeof wanted - 11 - sizeof raw);

    /* The largest x with x^3 <= wanted, bit by bit; x^3 in 16-bit digits. */
    for (int bit = 341; bit >= 0; bit--) {
        uint64_t x[24] = {0}, square[48] = {0}, product[72] = {0};
        low[127 - bit / 8] |= (uint8_t)(1 << bit % 8);
        for (int i = 0; i < 24; i++)
            x[i] = (uint64_t)(low[127 - 2 * i] | low[126 - 2 * i] << 8);
        for (int i = 0; i < 24; i++) {
            for (int k = 0; k < 24; k++)
                square[i + k] += x[i] * x[k];
        }
        for (int i = 0; i + 1 < 48; i++) {
            square[i + 1] += square[i] >> 16;
            square[i] &= 0xffff;
        }
        for (int i = 0; i < 48; i++) {
            for (int k = 0; k < 24; k++)
                product[i + k] += square[i] * x[k];
        }
        uint64_t over = 0;
        for (int i = 0; i < 72; i++) {
            if (i > 0)
                product[i] += product[i - 1] >> 16;
            if (i < 64) {
                cube[127 - 2 * i] = (uint8_t)product[i];
                cube[126 - 2 * i] = (uint8_t)(product[i] >> 8);
            } else {
                over |= product[i] & 0xffff;
            }
        }
        if (over || memcmp(cube, wanted, sizeof cube) > 0)
            low[127 - bit / 8] &= (uint8_t) ~(1 << bit % 8);
    }
    assert_false(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, low, sizeof low));
}

static void decrypts_what_openssl_encrypted(void **state)
{
    (void)state;
    for (size_t i = 0; i < CG_RSA_TEST_KEYS; i++) {
        struct cg_rsa_fixture f;
        struct cg_rsa_private *key = load(&f, &keys[i]);
        uint8_t cipher[512], message[48] = {0}, expected[48];
        fill_premaster(expected);
        size_t n = cg_hex(keys[i].cipher, cipher);
        assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, n, message, sizeof message));
        assert_memory_equal(message, expected, sizeof expected);

        memset(message, 0x77, sizeof message);
        memset(expected, 0x77, sizeof expected);
        assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, n, message, 47));
        assert_memory_equal(message, expected, sizeof expected);
        cipher[n - 1] ^= 1;
        assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, n, message, sizeof message));
        assert_memory_equal(message, expected, sizeof expected);

        assert_false(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, n - 1, message, 48));
        assert_false(cg_rsa_decrypt_pkcs1_or_keep(key, f.n, n, message, 48));
        assert_memory_equal(message, expected, sizeof expected);
        free(key);
    }
}

static void encrypts_what_it_decrypts(void **state)
{
    (void)state;
    for (size_t i = 0; i < CG_RSA_TEST_KEYS; i++) {
        struct cg_rsa_fixture f;
        struct cg_rsa_private *key = load(&f, &keys[i]);
        uint8_t cipher[512], again[512], message[501], back[501];
        size_t n = cg_rsa_private_bytes(key);
        for (size_t length = 0; length <= n - 11; length += length < 3 ? 1 : n - 14) {
            memset(message, 0x42, length);
            memset(back, 0, length);
            assert_true(cg_rsa_encrypt_pkcs1(&f.public, message, length, cipher));
            assert_true(cg_rsa_encrypt_pkcs1(&f.public, message, length, again));
            assert_memory_not_equal(cipher, again, n);
            assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, n, back, length));
            assert_memory_equal(back, message, length);
        }
        assert_false(cg_rsa_encrypt_pkcs1(&f.public, message, n - 10, cipher));
        assert_false(cg_rsa_encrypt_pkcs1(&f.public, message, SIZE_MAX, cipher));
        free(key);
    }
}

/* Every block that is not exactly 00 02, non-zero padding, 00 and the message leaves the message as
 * it was. */
static void malformed_blocks_change_nothing(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    struct cg_rsa_private *key = load(&f, &keys[E_IS_3]);
    enum { N = 128, LENGTH = 48, ZERO = N - LENGTH - 1 };
    uint8_t block[N], cipher[N], message[LENGTH], kept[LENGTH], right[LENGTH];
    memset(kept, 0x77, sizeof kept);
    memset(right, 0x11, sizeof right);
    for (size_t i = 0; i <= ZERO + 1; i++) {
        memset(block, 0x11, sizeof block);
        block[0] = 0;
        block[1] = 2;
        block[ZERO] = 0;
        /* One place wrong: the start, a zero in the padding, none behind it; the last is right. */
        if (i <= ZERO)
            block[i] = i == 1 ? 1 : i == 0 || i == ZERO ? 0x11 : 0;
        memcpy(message, kept, sizeof message);
        assert_true(cg_rsa_public_power(&f.public, cipher, block));
        assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, N, message, LENGTH));
        assert_memory_equal(message, i <= ZERO ? kept : right, LENGTH);
    }
    free(key);
}

static unsigned zeros_drawn;

static bool random_with_zeros(void *out, size_t n)
{
    uint8_t *at = out;
    for (size_t i = 0; i < n; i++)
        at[i] = n == 1 ? 0x99 : (uint8_t)(i % 3);
    zeros_drawn += n > 1;
    return true;
}

static void padding_has_no_zero(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    struct cg_rsa_private *key = load(&f, &keys[USUAL]);
    uint8_t cipher[256], message[48], back[48] = {0};
    fill_premaster(message);
    zeros_drawn = 0;
    cg_random_for_tests = random_with_zeros;
    assert_true(cg_rsa_encrypt_pkcs1(&f.public, message, sizeof message, cipher));
    cg_random_for_tests = NULL;
    assert_int_equal(zeros_drawn, 1);
    assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, cipher, sizeof cipher, back, sizeof back));
    assert_memory_equal(back, message, sizeof message);
    free(key);
}

static bool no_random(void *out, size_t n)
{
    (void)out;
    (void)n;
    return false;
}

static void no_randomness_no_encryption(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    uint8_t cipher[256] = {0}, none[256] = {0};
    cg_rsa_fixture(&f, &keys[USUAL]);
    cg_random_for_tests = no_random;
    assert_false(cg_rsa_encrypt_pkcs1(&f.public, none, 48, cipher));
    cg_random_for_tests = NULL;
    assert_memory_equal(cipher, none, sizeof cipher);
}

static void parts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    struct cg_rsa_private *key = malloc(cg_rsa_private_size());
    cg_rsa_fixture(&f, &keys[USUAL]);
    uint8_t *bytes[] = {f.n, f.e, f.p, f.q, f.dp, f.dq, f.qinv};
    const size_t lengths[] = {f.parts.n_length,   f.parts.e_length,  f.parts.p_length,
                              f.parts.q_length,   f.parts.dp_length, f.parts.dq_length,
                              f.parts.qinv_length};
    for (size_t i = 0; i < sizeof bytes / sizeof *bytes; i++) {
        bytes[i][lengths[i] / 2] ^= 2;
        assert_false(cg_rsa_private_load(key, &f.parts));
        bytes[i][lengths[i] / 2] ^= 2;
        bytes[i][lengths[i] - 1] ^= 1;
        assert_false(cg_rsa_private_load(key, &f.parts));
        bytes[i][lengths[i] - 1] ^= 1;
    }
    assert_true(cg_rsa_private_load(key, &f.parts));

    struct cg_rsa_private_parts parts = f.parts;
    parts.n_length = 0;
    assert_false(cg_rsa_private_load(key, &parts));
    parts = f.parts;
    parts.p = f.n;
    parts.p_length = f.parts.n_length;
    assert_false(cg_rsa_private_load(key, &parts));
    free(key);
}

/* DER gives integers a leading zero; any number of them is fine. */
static void leading_zeros_are_ignored(void **state)
{
    (void)state;
    struct cg_rsa_fixture f;
    struct cg_rsa_private *key = malloc(cg_rsa_private_size());
    static uint8_t padded[8][300];
    cg_rsa_fixture(&f, &keys[USUAL]);
    const uint8_t **views[] = {&f.parts.n,  &f.parts.e,  &f.parts.p,   &f.parts.q,
                               &f.parts.dp, &f.parts.dq, &f.parts.qinv};
    size_t *lengths[] = {&f.parts.n_length,   &f.parts.e_length,  &f.parts.p_length,
                         &f.parts.q_length,   &f.parts.dp_length, &f.parts.dq_length,
                         &f.parts.qinv_length};
    for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
        memcpy(padded[i] + 1 + i, *views[i], *lengths[i]);
        *views[i] = padded[i];
        *lengths[i] += 1 + i;
    }
    assert_true(cg_rsa_private_load(key, &f.parts));
    assert_int_equal(cg_rsa_private_bytes(key), 256);
    free(key);
}

static void insane_public_keys_are_refused(void **state)
{
    (void)state;
    static uint8_t n[1026], e[10];
    struct cg_rsa_public key = {n, e, 64, 1};
    memset(n, 0xff, sizeof n);
    e[0] = 3;
    assert_true(cg_rsa_public_is_sane(&key));
    key.n_length = 63;
    assert_false(cg_rsa_public_is_sane(&key));
    key.n_length = 1024;
    assert_true(cg_rsa_public_is_sane(&key));
    key.n_length = 1025;
    assert_false(cg_rsa_public_is_sane(&key));
    key.n_length = 128;
    n[127] = 0xfe;
    assert_false(cg_rsa_public_is_sane(&key));
    n[127] = 0xff;
    n[0] = 0;
    assert_false(cg_rsa_public_is_sane(&key));
    n[0] = 0x80;
    static const uint8_t bad[] = {0, 1, 2, 4};
    for (size_t i = 0; i < sizeof bad; i++) {
        e[0] = bad[i];
        assert_false(cg_rsa_public_is_sane(&key));
    }
    memset(e, 0xff, sizeof e);
    key.e_length = 8;
    assert_true(cg_rsa_public_is_sane(&key));
    key.e_length = 9;
    assert_false(cg_rsa_public_is_sane(&key));
    key.e_length = 0;
    assert_false(cg_rsa_public_is_sane(&key));
    key.n_length = 0;
    assert_false(cg_rsa_public_is_sane(&key));
    assert_int_equal(cg_rsa_bits(&key), 0);
    assert_false(cg_rsa_verify_pkcs1(&key, e, 1, e, 0));
    assert_false(cg_rsa_encrypt_pkcs1(&key, e, 1, n));
}

/* The largest public key that is allowed goes through (with a modulus of no known factors the
 * signature is wrong, but it is computed). */
static void the_largest_public_key(void **state)
{
    (void)state;
    static uint8_t n[1024], signature[1024], one[1] = {1};
    static const uint8_t e[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    struct cg_rsa_public key = {n, e, sizeof n, sizeof e};
    memset(n, 0xff, sizeof n);
    memset(signature, 0x55, sizeof signature);
    assert_false(cg_rsa_verify_pkcs1(&key, one, 1, signature, sizeof signature));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signatures_equal_openssl),
        cmocka_unit_test(wrong_signatures_are_refused),
        cmocka_unit_test(cube_root_forgery_is_refused),
        cmocka_unit_test(decrypts_what_openssl_encrypted),
        cmocka_unit_test(malformed_blocks_change_nothing),
        cmocka_unit_test(encrypts_what_it_decrypts),
        cmocka_unit_test(padding_has_no_zero),
        cmocka_unit_test(no_randomness_no_encryption),
        cmocka_unit_test(parts_that_do_not_fit_are_refused),
        cmocka_unit_test(leading_zeros_are_ignored),
        cmocka_unit_test(insane_public_keys_are_refused),
        cmocka_unit_test(the_largest_public_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
