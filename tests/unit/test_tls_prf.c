/* PRF, key block and Finished against OpenSSL's and GnuTLS's own: vectors, and whole connections
 * that were captured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/cg_hex.h"
#include "tests/unit/tls_captures.h"
#include "tests/unit/tls_captures_java.h"
#include "tls/tls_handshake.h"
#include "tls/tls_record.h"

/* `openssl kdf -kdfopt digest:MD5-SHA1 ... TLS1-PRF` made these. */
static void vectors(void **state)
{
    static const uint8_t seed[] = {0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7},
                         seed2[] = {0xb0, 0xb1, 0xb2}, odd[] = {1, 2, 3, 4, 5};
    // clang-format off
    static const uint8_t first[100] = {
        0x37, 0x93, 0xfc, 0xc9, 0x69, 0x2c, 0x1f, 0x46, 0xee, 0xcc, 0xb3, 0x32, 0x8d, 0x99,
        0xb5, 0x1b, 0xd7, 0x44, 0x17, 0x2f, 0xaf, 0x25, 0x32, 0xa6, 0xc3, 0x9e, 0xaa, 0xe9,
        0xd7, 0x7f, 0x76, 0x23, 0x04, 0x12, 0xab, 0xf9, 0x86, 0x57, 0x6f, 0x94, 0xac, 0x42,
        0x3b, 0xf0, 0xcd, 0x3e, 0x23, 0x2d, 0xe2, 0x76, 0x4a, 0x99, 0xe6, 0x10, 0xb3, 0xbd,
        0xf9, 0x3d, 0x75, 0xe6, 0x6a, 0x5a, 0x60, 0xc7, 0xbe, 0x7d, 0xdf, 0xe5, 0x68, 0xf6,
        0x7a, 0x3f, 0x63, 0x40, 0x55, 0xd5, 0xab, 0xc2, 0xdc, 0x41, 0x69, 0xd0, 0x1b, 0xb6,
        0xc0, 0x7c, 0x71, 0xbd, 0xe1, 0x20, 0x12, 0xc3, 0xe6, 0x97, 0x58, 0x71, 0x30, 0xaf,
        0xc2, 0x9b,
    };
    static const uint8_t second[48] = {
        0x8f, 0x9d, 0x6d, 0x52, 0x11, 0x18, 0xde, 0x8a, 0x71, 0xb8, 0xe5, 0xcc, 0x44, 0xf0,
        0x81, 0xff, 0x06, 0x80, 0x51, 0x35, 0xff, 0x13, 0x4b, 0xb0, 0x72, 0x6e, 0xad, 0x5c,
        0x8d, 0xa1, 0x9a, 0xce, 0x14, 0xa0, 0xcc, 0x53, 0x6b, 0x4d, 0xea, 0x17, 0x40, 0x46,
        0xec, 0x23, 0x44, 0xda, 0xc4, 0x5b,
    };
    static const uint8_t third[21] = {
        0x4b, 0xce, 0xf5, 0xb1, 0x70, 0x14, 0xbf, 0x20, 0x7d, 0x68, 0xdc, 0x4a, 0x35, 0x6a,
        0x9f, 0xdf, 0x85, 0x5b, 0x0a, 0x60, 0x62,
    };
    // clang-format on
    uint8_t secret[200], out[100];

    (void)state;
    for (uint8_t i = 0; i < 48; i++) {
        secret[i] = i;
    }
    tls_prf(secret, 48, "test label", seed, sizeof seed, seed2, sizeof seed2, out, sizeof first);
    assert_memory_equal(out, first, sizeof first);
    tls_prf(odd, sizeof odd, "odd", (const uint8_t *)"\xff", 1, NULL, 0, out, sizeof second);
    assert_memory_equal(out, second, sizeof second);
    memset(secret, 0x5a, sizeof secret);
    tls_prf(secret, sizeof secret, "long", (const uint8_t *)"\0", 1, NULL, 0, out, sizeof third);
    assert_memory_equal(out, third, sizeof third);
}

/* ---- captures ---- */

struct side {
    uint8_t *bytes;
    size_t length, at;
    struct tls_half half;
};

struct playback {
    struct side client, server;
    struct cg_hash md5, sha1;
    uint8_t client_random[TLS_RANDOM], server_random[TLS_RANDOM];
    uint8_t data[2][256]; /* by role of the sender */
    size_t data_length[2];
    bool hello_done;
    unsigned finished, closed;
};

static struct side side_of(const uint8_t *bytes, size_t n)
{
    struct side side = {.bytes = malloc(n), .length = n};

    assert_non_null(side.bytes);
    memcpy(side.bytes, bytes, n);
    return side;
}

/* Hashes whole messages, checks those that are Finished. */
static void take_messages(struct playback *p, enum tls_role sender, const uint8_t *bytes, size_t n,
                          const uint8_t *master)
{
    for (size_t at = 0; at < n;) {
        const uint8_t *message = bytes + at;
        size_t length = TLS_MESSAGE_HEADER + (size_t)(message[2] << 8 | message[3]);
        if (message[0] == TLS_CLIENT_HELLO || message[0] == TLS_SERVER_HELLO) {
            memcpy(sender == TLS_CLIENT ? p->client_random : p->server_random, message + 6,
                   TLS_RANDOM);
        }
        if (message[0] == TLS_FINISHED) {
            uint8_t digest[TLS_TRANSCRIPT_DIGEST], expected[TLS_VERIFY_DATA];
            struct cg_hash md5 = p->md5, sha1 = p->sha1;
            cg_hash_final(&md5, digest);
            cg_hash_final(&sha1, digest + 16);
            tls_verify_data(master, sender, digest, expected);
            assert_memory_equal(message + TLS_MESSAGE_HEADER, expected, sizeof expected);
            p->finished++;
        }
        p->hello_done = p->hello_done || message[0] == TLS_SERVER_HELLO_DONE;
        cg_hash_update(&p->md5, message, length);
        cg_hash_update(&p->sha1, message, length);
        at += length;
    }
}

/* One record of a side; false when there are no more. */
static bool play_record(struct playback *p, enum tls_role sender, const struct tls_suite *suite,
                        const uint8_t *master)
{
    struct side *side = sender == TLS_CLIENT ? &p->client : &p->server;
    uint8_t *record = side->bytes + side->at;
    struct tls_half client_write, server_write;
    size_t n;

    if (side->at == side->length) {
        return false;
    }
    size_t length = TLS_HEADER + (size_t)(record[3] << 8 | record[4]);
    assert_int_equal(tls_record_open(&side->half, TLS_VERSION_10, UINT64_MAX, record, length, &n),
                     TLS_ERROR_OK);
    side->at += length;
    switch (record[0]) {
    case TLS_CONTENT_CHANGE_CIPHER_SPEC:
        tls_key_block(suite, master, p->client_random, p->server_random, &client_write,
                      &server_write);
        side->half = sender == TLS_CLIENT ? client_write : server_write;
        break;
    case TLS_CONTENT_HANDSHAKE:
        take_messages(p, sender, record + TLS_HEADER, n, master);
        break;
    case TLS_CONTENT_ALERT:
        assert_memory_equal(record + TLS_HEADER, "\1\0", 2);
        p->closed++;
        break;
    default:
        memcpy(p->data[sender] + p->data_length[sender], record + TLS_HEADER, n);
        p->data_length[sender] += n;
    }
    return true;
}

/* Flight by flight: a side speaks until it has nothing more to say before the other. */
static void play(struct playback *p, uint16_t suite_id, const uint8_t *master)
{
    const struct tls_suite *suite = tls_suite_by_id(suite_id);

    cg_hash_init(&p->md5, CG_MD5);
    cg_hash_init(&p->sha1, CG_SHA1);
    play_record(p, TLS_CLIENT, suite, master); /* ClientHello */
    while (!p->hello_done) {
        play_record(p, TLS_SERVER, suite, master);
    }
    while (p->finished == 0) {
        play_record(p, TLS_CLIENT, suite, master);
    }
    while (play_record(p, TLS_SERVER, suite, master)) {
    }
    while (play_record(p, TLS_CLIENT, suite, master)) {
    }
    free(p->client.bytes);
    free(p->server.bytes);
}

static void captured_from_openssl(void **state)
{
    struct playback p = {.client = side_of(openssl_aes128_client, sizeof openssl_aes128_client),
                         .server = side_of(openssl_aes128_server, sizeof openssl_aes128_server)};
    uint8_t master[TLS_MASTER_SECRET];

    (void)state;
    play(&p, 0x002f, openssl_aes128_master);
    assert_int_equal(p.finished, 2);
    assert_int_equal(p.data_length[TLS_CLIENT], 16);
    assert_memory_equal(p.data[TLS_CLIENT], "from the client\n", 16);
    assert_int_equal(p.data_length[TLS_SERVER], 16);
    assert_memory_equal(p.data[TLS_SERVER], "from the server\n", 16);
    assert_true(p.closed > 0);
    tls_master_secret(openssl_aes128_premaster, sizeof openssl_aes128_premaster, p.client_random,
                      p.server_random, master);
    assert_memory_equal(master, openssl_aes128_master, sizeof master);
}

static void captured_from_gnutls(void **state)
{
    struct playback p = {.client = side_of(gnutls_3des_client, sizeof gnutls_3des_client),
                         .server = side_of(gnutls_3des_server, sizeof gnutls_3des_server)};

    (void)state;
    play(&p, 0x000a, gnutls_3des_master);
    assert_int_equal(p.finished, 2);
    assert_int_equal(p.data_length[TLS_CLIENT], 16);
    assert_memory_equal(p.data[TLS_CLIENT], "from the client\n", 16);
    assert_int_equal(p.data_length[TLS_SERVER], 16);
    assert_memory_equal(p.data[TLS_SERVER], "from the client\n", 16);
}

static void assert_said(const struct playback *p)
{
    assert_int_equal(p->finished, 2);
    for (enum tls_role sender = TLS_CLIENT; sender <= TLS_SERVER; sender++) {
        assert_int_equal(p->data_length[sender], 16);
        assert_memory_equal(p->data[sender], "from the client\n", 16);
    }
    assert_int_equal(p->closed, 2);
}

static void captured_from_java(void **state)
{
    struct playback rc4 = {.client = side_of(java_rc4_40_client, sizeof java_rc4_40_client),
                           .server = side_of(java_rc4_40_server, sizeof java_rc4_40_server)};
    struct playback des = {.client = side_of(java_des40_client, sizeof java_des40_client),
                           .server = side_of(java_des40_server, sizeof java_des40_server)};

    (void)state;
    play(&rc4, 0x0003, java_rc4_40_master);
    assert_said(&rc4);
    play(&des, 0x0008, java_des40_master);
    assert_said(&des);
}

/* Made by Scapy 2.5.0 (Debian's python3-scapy), scapy.layers.tls.crypto: PRF(tls_version 0x0301)
 * .derive_key_block, .postprocess_key_for_export and .generate_iv_for_export, then the cipher's
 * encrypt, on a master secret of the bytes 0 to 47, randoms of c0 to cf and 50 to 5f, each twice,
 * and a plaintext of the bytes 0 to 63. */
static void export_keys_of_scapy(void **state)
{
    static const struct {
        uint16_t suite;
        enum tls_role writer;
        const char *mac_key, *ciphertext;
    } cases[] = {
        {0x0006, TLS_CLIENT, "01a24afa24a05fe5e2b958ca380d0dcc",
         "1f3ffb8ecd934c67ad8be19783791325a889688030ef30c1ac88dded6bba6b09"
         "4b42de35e0ed9e1e6e931a80564a7b8cdcdf34083e3cd0808f0b56a40bc91412"},
        {0x0006, TLS_SERVER, "a33e671aa229b10fc0d764e7c311ef26",
         "781f5e4fde4f4bc8e575cdf4c22cdaff97f57c876369032cc2ee22c26c77552d"
         "11d16389ee55d00528cd9aad21e2c86c102aebb6911c6846246e5b3cadf8ef04"},
        {0x0003, TLS_CLIENT, "01a24afa24a05fe5e2b958ca380d0dcc",
         "b6138f653125541c41e1c685902328aa05d55a6233032e98ed127b6fd4a37d79"
         "b18d915ab71bcedc648a92afc2dcb5e24a5993beaaaae6bef7cd3b3f2d3b8e1c"},
        {0x0003, TLS_SERVER, "a33e671aa229b10fc0d764e7c311ef26",
         "490749e13c7b3922fcb3b6c441df7804dc1c23f5d948cc9306c1cbfb0b51b9c3"
         "1d96631a516ccf9d1e815c3786ada02928bca342581d537974f9c10c8d14f989"},
        {0x0008, TLS_CLIENT, "01a24afa24a05fe5e2b958ca380d0dcca33e671a",
         "125afe1af34b947faaa52101d6ca0423ad8a08ba4d7f1347f86be001435444d7"
         "6b9781a1e64e2f6ac41fd229b19e04dd8098e26ea135aeb268c529e9429a375d"},
        {0x0008, TLS_SERVER, "a229b10fc0d764e7c311ef265474e10e7130341b",
         "1dc3e37d2d6b7f8b3ed6db7d88c36e710bfb3703353e472b323b53524a16454a"
         "718890bac12e252a9786f8fc2b354b362707ba4648297324e74f9b84c5d9a10b"},
    };
    uint8_t master[TLS_MASTER_SECRET], client_random[TLS_RANDOM], server_random[TLS_RANDOM];

    (void)state;
    for (size_t i = 0; i < sizeof master; i++) {
        master[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < TLS_RANDOM; i++) {
        client_random[i] = (uint8_t)(0xc0 + i % 16);
        server_random[i] = (uint8_t)(0x50 + i % 16);
    }
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct tls_half client, server, *half = cases[i].writer == TLS_CLIENT ? &client : &server;
        struct cg_cipher cipher;
        uint8_t expected[64], text[64];
        tls_key_block(tls_suite_by_id(cases[i].suite), master, client_random, server_random,
                      &client, &server);
        size_t n = cg_hex(cases[i].mac_key, expected);
        assert_int_equal(n, cg_hash_size(half->mac));
        assert_memory_equal(half->mac_key, expected, n);
        if (cg_cipher_info(half->cipher)->state_length > 0) {
            cg_cipher_restore(&cipher, half->cipher, half->state);
        } else {
            cg_cipher_set_key(&cipher, half->cipher, CG_ENCRYPT, half->key);
        }
        for (size_t j = 0; j < sizeof text; j++) {
            text[j] = (uint8_t)j;
        }
        cg_cipher_crypt(&cipher, CG_ENCRYPT, half->iv, text, text, sizeof text);
        assert_int_equal(cg_hex(cases[i].ciphertext, expected), sizeof text);
        assert_memory_equal(text, expected, sizeof text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors),
        cmocka_unit_test(captured_from_openssl),
        cmocka_unit_test(captured_from_gnutls),
        cmocka_unit_test(captured_from_java),
        cmocka_unit_test(export_keys_of_scapy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
