/* Record ciphers against the vectors of their standards, and what all of them must do alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_aes_cpu.h"
#include "crypto_glue/cg_cipher.h"
#include "tests/unit/cg_hex.h"

struct cipher_vector {
    enum cg_cipher_id id;
    const char *key, *iv, *plain, *cipher;
};

static const char sp800_38a[] = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
                                "30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710";

static const struct cipher_vector vectors[] = {
    {CG_CIPHER_NULL, "", "", "00ff55", "00ff55"},
    /* NIST SP 800-38A F.2.1, F.2.5 */
    {CG_AES128_CBC, "2b7e151628aed2a6abf7158809cf4f3c", "000102030405060708090a0b0c0d0e0f",
     sp800_38a,
     "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
     "73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
    {CG_AES256_CBC, "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
     "000102030405060708090a0b0c0d0e0f", sp800_38a,
     "f58c4c04d6e5f1ba779eabfb5f7bfbd69cfc4e967edb808d679f777bc6702c7d"
     "39f23369a9d9bacfa530e26304231461b2eb05e2c39be9fcda6c19078c6a9d1b"},
    /* NIST's example values for TDES in CBC mode */
    {CG_3DES_EDE_CBC, "0123456789abcdef23456789abcdef01456789abcdef0123", "f69f2445df4f9b17",
     "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51",
     "2079c3d53aa763e193b79e2569ab5262516570481f25b50f73c0bda85c8e0da7"},
    /* RFC 6229 2, key of 128 bits */
    {CG_RC4_128, "0102030405060708090a0b0c0d0e0f10", "",
     "0000000000000000000000000000000000000000000000000000000000000000",
     "9ac7cc9a609d1ef7b2932899cde41b975248c4959014126a6e8a84f11d1a9e1c"},
    {CG_RC4_40, "0102030405060708090a0b0c0d0e0f10", "", "0000000000000000", "9ac7cc9a609d1ef7"},
    /* RFC 2268 5, 128 effective bits */
    {CG_RC2_CBC_40, "88bca90e90875a7f0f79c384627bafb2", "0000000000000000", "0000000000000000",
     "2269552ab0f85ca6"},
    /* FIPS 81, appendix C */
    {CG_DES_CBC, "0123456789abcdef", "1234567890abcdef",
     "4e6f77206973207468652074696d6520666f7220616c6c20",
     "e5c7cdde872bf27c43e934008c389c0f683788499a7c05f6"},
    {CG_DES40_CBC, "0123456789abcdef", "1234567890abcdef", "4e6f772069732074", "e5c7cdde872bf27c"},
    /* RFC 3713 appendix A */
    {CG_CAMELLIA128_CBC, "0123456789abcdeffedcba9876543210", "00000000000000000000000000000000",
     "0123456789abcdeffedcba9876543210", "67673138549669730857065648eabe43"},
    {CG_CAMELLIA256_CBC, "0123456789abcdeffedcba987654321000112233445566778899aabbccddeeff",
     "00000000000000000000000000000000", "0123456789abcdeffedcba9876543210",
     "9acc237dff16d76c20ef7c919e3a7509"},
};

static void check_vector(const struct cipher_vector *v)
{
    uint8_t key[32], iv[16], next[16], plain[64], cipher[64], got[64];
    const struct cg_cipher_info *info = cg_cipher_info(v->id);
    struct cg_cipher c;
    size_t n = cg_hex(v->plain, plain);
    cg_hex(v->cipher, cipher);
    assert_int_equal(cg_hex(v->key, key), info->key_length);

    cg_cipher_set_key(&c, v->id, CG_ENCRYPT, key);
    assert_int_equal(cg_hex(v->iv, iv), info->iv_length);
    cg_cipher_crypt(&c, CG_ENCRYPT, iv, got, plain, n);
    assert_memory_equal(got, cipher, n);
    assert_memory_equal(iv, cipher + n - info->iv_length, info->iv_length);
    memcpy(next, iv, sizeof next);

    cg_cipher_set_key(&c, v->id, CG_DECRYPT, key);
    cg_hex(v->iv, iv);
    cg_cipher_crypt(&c, CG_DECRYPT, iv, got, got, n); /* in place */
    assert_memory_equal(got, plain, n);
    assert_memory_equal(iv, next, info->iv_length);
}

static void vectors_match(void **state)
{
    (void)state;
    unsigned seen = 0;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        check_vector(&vectors[i]);
        seen |= 1u << vectors[i].id;
    }
    assert_int_equal(seen, (1u << CG_CIPHER_COUNT) - 1);
}

/* Records of any split, with the context made anew from raw key and IV (or saved state) for each,
 * are one long encryption. */
static void records_chain(void **state)
{
    (void)state;
    enum { TOTAL = 4096 };
    static uint8_t plain[TOTAL], whole[TOTAL], split[TOTAL], back[TOTAL];
    uint8_t key[32], iv[16] = {0}, state_bytes[CG_CIPHER_STATE_MAX];
    for (size_t i = 0; i < TOTAL; i++)
        plain[i] = (uint8_t)(i * 31 + i / 256);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(i * 37 + 11);

    for (enum cg_cipher_id id = 0; id < CG_CIPHER_COUNT; id++) {
        const struct cg_cipher_info *info = cg_cipher_info(id);
        struct cg_cipher c;
        cg_cipher_set_key(&c, id, CG_ENCRYPT, key);
        memset(iv, 0x5a, sizeof iv);
        cg_cipher_crypt(&c, CG_ENCRYPT, iv, whole, plain, TOTAL);

        memset(iv, 0x5a, sizeof iv);
        cg_cipher_set_key(&c, id, CG_ENCRYPT, key);
        cg_cipher_save(&c, state_bytes);
        for (size_t at = 0, n; at < TOTAL; at += n) {
            n = (size_t)info->block * (1 + at % 13);
            n = n > TOTAL - at ? TOTAL - at : n;
            memset(&c, 0xee, sizeof c);
            cg_cipher_set_key(&c, id, CG_ENCRYPT, key);
            cg_cipher_restore(&c, id, state_bytes);
            cg_cipher_crypt(&c, CG_ENCRYPT, iv, split + at, plain + at, n);
            cg_cipher_save(&c, state_bytes);
        }
        assert_memory_equal(split, whole, TOTAL);
        assert_true(id == CG_CIPHER_NULL || memcmp(whole, plain, TOTAL) != 0);

        memset(iv, 0x5a, sizeof iv);
        cg_cipher_set_key(&c, id, CG_DECRYPT, key);
        for (size_t at = 0; at < TOTAL; at += TOTAL / 4)
            cg_cipher_crypt(&c, CG_DECRYPT, iv, back + at, whole + at, TOTAL / 4);
        assert_memory_equal(back, plain, TOTAL);
    }
}

/* RFC 2246 appendix C, RFC 3268, RFC 4132. */
static void sizes_are_those_of_the_rfc(void **state)
{
    (void)state;
    for (enum cg_cipher_id id = 0; id < CG_CIPHER_COUNT; id++) {
        const struct cg_cipher_info *info = cg_cipher_info(id);
        assert_non_null(info->name);
        assert_true(info->key_length <= CG_CIPHER_KEY_MAX);
        assert_true(info->iv_length <= CG_CIPHER_IV_MAX);
        assert_true(info->state_length <= CG_CIPHER_STATE_MAX);
        assert_int_equal(info->iv_length, info->block == 1 ? 0 : info->block);
        bool is_export = strstr(info->name, "40") != NULL;
        assert_int_equal(info->key_material, is_export ? 5 : info->key_length);
    }
}

/* AES where the CPU has no instructions for it. */
static void without_the_cpu(void **state)
{
    cg_aes_hide_cpu_for_tests = true;
    vectors_match(state);
    records_chain(state);
    cg_aes_hide_cpu_for_tests = false;
}

/* All lengths around the number of blocks that are decrypted side by side, in place and not. */
static void cpu_and_nettle_agree(void **state)
{
    (void)state;
    uint8_t key[32], data[640], iv[2][16], out[2][640];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)(i * i + 3 * i);
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)(251 * i);
    for (enum cg_cipher_id id = CG_AES128_CBC; id <= CG_AES256_CBC; id++) {
        for (size_t n = 16; n <= sizeof data; n += 16) {
            for (int way = 0; way < 2; way++) {
                struct cg_cipher c;
                cg_aes_hide_cpu_for_tests = way == 1;
                memset(iv[way], 7, sizeof iv[way]);
                memcpy(out[way], data, n);
                cg_cipher_set_key(&c, id, CG_DECRYPT, key);
                cg_cipher_crypt(&c, CG_DECRYPT, iv[way], out[way], way ? out[way] : data, n);
            }
            cg_aes_hide_cpu_for_tests = false;
            assert_memory_equal(out[0], out[1], n);
            assert_memory_equal(iv[0], iv[1], sizeof iv[0]);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_match),
        cmocka_unit_test(records_chain),
        cmocka_unit_test(without_the_cpu),
        cmocka_unit_test(cpu_and_nettle_agree),
        cmocka_unit_test(sizes_are_those_of_the_rfc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
