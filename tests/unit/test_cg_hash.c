/* Hashes and HMAC against the vectors of RFC 1321, FIPS 180 and RFC 2202. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_hash.h"
#include "crypto_glue/cg_pbkdf2.h"
#include "tests/unit/cg_hex.h"

struct hash_vector {
    enum cg_hash_id id;
    const char *message;
    const char *digest;
};

static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
static const char two_long_blocks[] = "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                                      "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";

static const struct hash_vector hash_vectors[] = {
    /* RFC 1321 A.5 */
    {CG_MD5, "", "d41d8cd98f00b204e9800998ecf8427e"},
    {CG_MD5, "a", "0cc175b9c0f1b6a831c399e269772661"},
    {CG_MD5, "abc", "900150983cd24fb0d6963f7d28e17f72"},
    {CG_MD5, "message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
    {CG_MD5, "abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
    {CG_MD5, "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
     "57edf4a22be3c955ac49da2e2107b67a"},
    /* FIPS 180, RFC 3174 7.3 */
    {CG_SHA1, "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
    {CG_SHA1, two_blocks, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
    {CG_SHA224, "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"},
    {CG_SHA224, two_blocks, "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525"},
    {CG_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {CG_SHA256, two_blocks, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {CG_SHA384, "abc",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca1"
     "34c825a7"},
    {CG_SHA384, two_long_blocks,
     "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa"
     "91746039"},
    {CG_SHA512, "abc",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23"
     "a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
    {CG_SHA512, two_long_blocks,
     "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99de"
     "c4b5433ac7d329eeb6dd26545e96e55b874be909"},
};

static void hashes_match_the_standards(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hash_vectors / sizeof *hash_vectors; i++) {
        const struct hash_vector *v = &hash_vectors[i];
        uint8_t expected[CG_HASH_MAX], got[CG_HASH_MAX];
        assert_int_equal(cg_hex(v->digest, expected), cg_hash_size(v->id));
        cg_hash_once(v->id, v->message, strlen(v->message), got);
        assert_memory_equal(got, expected, cg_hash_size(v->id));
    }
}

/* FIPS 180's million times 'a' for SHA-1, in unequal pieces. */
static void long_messages_in_pieces(void **state)
{
    (void)state;
    uint8_t expected[20], got[20], piece[997];
    memset(piece, 'a', sizeof piece);
    cg_hex("34aa973cd4c4daa4f61eeb2bdbad27316534016f", expected);
    struct cg_hash h;
    cg_hash_init(&h, CG_SHA1);
    for (size_t left = 1000000, n = 1; left > 0; left -= n, n = (n * 7 + 1) % sizeof piece) {
        n = n > left ? left : n;
        cg_hash_update(&h, piece, n);
    }
    cg_hash_final(&h, got);
    assert_memory_equal(got, expected, sizeof got);
}

static void a_copy_shows_the_running_hash(void **state)
{
    (void)state;
    for (enum cg_hash_id id = 0; id < CG_HASH_COUNT; id++) {
        uint8_t expected[CG_HASH_MAX], got[CG_HASH_MAX];
        struct cg_hash running, copy;
        cg_hash_init(&running, id);
        cg_hash_update(&running, "ab", 2);
        copy = running;
        cg_hash_final(&copy, got);
        cg_hash_once(id, "ab", 2, expected);
        assert_memory_equal(got, expected, cg_hash_size(id));
        cg_hash_update(&running, "c", 1);
        cg_hash_final(&running, got);
        cg_hash_once(id, "abc", 3, expected);
        assert_memory_equal(got, expected, cg_hash_size(id));

        cg_hash_update(&running, "abc", 3); /* final left it as new */
        cg_hash_final(&running, got);
        assert_memory_equal(got, expected, cg_hash_size(id));
    }
}

struct hmac_vector {
    size_t key_length;
    const char *key; /* hex */
    const char *data;
    const char *md5, *sha1;
};

/* RFC 2202; where its MD5 and SHA-1 keys differ, one of the two digests is absent. */
static const struct hmac_vector hmac_vectors[] = {
    {16, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", "9294727a3638bb1c13f48ef8158bfc9d", NULL},
    {20, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "Hi There", NULL,
     "b617318655057264e28bc0b6fb378c8ef146be00"},
    {4, "4a656665", "what do ya want for nothing?", "750c783e6ab0b503eaa86e310a5db738",
     "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
    {16, "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c", "Test With Truncation",
     "56461ef2342edc00f9bab995690efd4c", NULL},
    {80, NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
     "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd", "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
    {80, NULL, "Test Using Larger Than Block-Size Key and Larger Than One Block-Size Data",
     "6f630fad67cda0ee1fb1f562db3aa53e", "e8e99d0f45237d786d6bbaa7965c7808bbff1a91"},
};

static void check_hmac(enum cg_hash_id id, const struct hmac_vector *v, const char *digest)
{
    uint8_t key[80], expected[CG_HASH_MAX], got[CG_HASH_MAX];
    memset(key, 0xaa, sizeof key);
    if (v->key)
        assert_int_equal(cg_hex(v->key, key), v->key_length);
    cg_hex(digest, expected);
    struct cg_hmac m;
    cg_hmac_init(&m, id, key, v->key_length);
    for (int round = 0; round < 2; round++) {
        cg_hmac_update(&m, v->data, 3);
        cg_hmac_update(&m, v->data + 3, strlen(v->data) - 3);
        cg_hmac_final(&m, got);
        assert_memory_equal(got, expected, cg_hash_size(id));
    }
}

static void hmacs_match_rfc_2202(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hmac_vectors / sizeof *hmac_vectors; i++) {
        const struct hmac_vector *v = &hmac_vectors[i];
        if (v->md5)
            check_hmac(CG_MD5, v, v->md5);
        if (v->sha1)
            check_hmac(CG_SHA1, v, v->sha1);
    }
}

/* RFC 6070 2, RFC 7914 11. */
static void keys_from_passphrases(void **state)
{
    static const struct {
        enum cg_hash_id hash;
        const char *passphrase, *salt;
        size_t passphrase_length, salt_length;
        uint32_t rounds;
        const char *key;
    } cases[] = {
        {CG_SHA1, "password", "salt", 8, 4, 1, "0c60c80f961f0e71f3a9b524af6012062fe037a6"},
        {CG_SHA1, "password", "salt", 8, 4, 2, "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957"},
        {CG_SHA1, "password", "salt", 8, 4, 4096, "4b007901b765489abead49d926f721d065a429c1"},
        {CG_SHA1, "passwordPASSWORDpassword", "saltSALTsaltSALTsaltSALTsaltSALTsalt", 24, 36, 4096,
         "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038"},
        {CG_SHA1, "pass\0word", "sa\0lt", 9, 5, 4096, "56fa6aa75548099dcc37d7f03425e0c3"},
        {CG_SHA256, "passwd", "salt", 6, 4, 1,
         "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
         "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t expected[64], got[64];
        size_t n = cg_hex(cases[i].key, expected);
        cg_pbkdf2(cases[i].hash, cases[i].passphrase, cases[i].passphrase_length, cases[i].salt,
                  cases[i].salt_length, cases[i].rounds, got, n);
        assert_memory_equal(got, expected, n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hashes_match_the_standards),    cmocka_unit_test(long_messages_in_pieces),
        cmocka_unit_test(a_copy_shows_the_running_hash), cmocka_unit_test(hmacs_match_rfc_2202),
        cmocka_unit_test(keys_from_passphrases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
