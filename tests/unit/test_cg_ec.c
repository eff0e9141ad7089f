/* ECDH against Google's Wycheproof vectors and RFC 7748, and what the vectors do not cover. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_ec.h"
#include "crypto_glue/cg_random.h"
#include "tests/lib/wycheproof.h"
#include "tests/unit/cg_hex.h"

static enum cg_curve curve_of_file;
static unsigned good, bad;

static void report(const struct wycheproof *w, int got, int expected)
{
    if (got != expected)
        print_error("case %.*s\n", (int)wycheproof_get(w, "tcId").length,
                    wycheproof_get(w, "tcId").text);
    assert_int_equal(got, expected);
    good += expected;
    bad += !expected;
}

static void ecdh_case(const struct wycheproof *w)
{
    static uint8_t peer[WYCHEPROOF_BYTES], scalar[WYCHEPROOF_BYTES], expected[WYCHEPROOF_BYTES];
    uint8_t secret[CG_EC_BYTES_MAX];
    struct cg_ec_key key = {.curve = curve_of_file};
    size_t bytes = cg_ec_bytes(curve_of_file);
    size_t n = wycheproof_hex(w, "private", scalar), skip = n > bytes ? n - bytes : 0;
    memcpy(key.scalar + bytes - (n - skip), scalar + skip, n - skip);
    size_t peer_length = wycheproof_hex(w, "public", peer);
    /* "acceptable" is a compressed point, which is refused here. */
    int valid = wycheproof_is(w, "result", "valid");
    int got = cg_ec_shared(&key, peer, peer_length, secret);
    report(w, got, valid);
    assert_int_equal(cg_ec_point_is_valid(curve_of_file, peer, peer_length), valid);
    if (valid) {
        assert_int_equal(wycheproof_hex(w, "shared", expected), bytes);
        assert_memory_equal(secret, expected, bytes);
    }
}

static void x25519_case(const struct wycheproof *w)
{
    static uint8_t peer[WYCHEPROOF_BYTES], expected[WYCHEPROOF_BYTES];
    uint8_t secret[CG_EC_BYTES_MAX];
    struct cg_ec_key key = {.curve = CG_X25519};
    assert_int_equal(wycheproof_hex(w, "private", key.scalar), 32);
    /* All is to be computed, but what gives zeros is to be refused (RFC 8422 5.11). */
    int refuse = wycheproof_flag(w, "ZeroSharedSecret");
    size_t n = wycheproof_hex(w, "public", peer);
    report(w, cg_ec_shared(&key, peer, n, secret), !refuse);
    assert_int_equal(wycheproof_hex(w, "shared", expected), 32);
    assert_memory_equal(secret, expected, 32);
}

static void run(const char *file, enum cg_curve curve, void (*test)(const struct wycheproof *),
                unsigned good_min, unsigned bad_min)
{
    curve_of_file = curve;
    good = bad = 0;
    if (wycheproof_run(file, test) == 0) {
        print_message("# no ../shared/data\n");
        skip();
    }
    assert_true(good >= good_min && bad >= bad_min);
}

static void wycheproof_p256(void **state)
{
    (void)state;
    run("ecdh_secp256r1_ecpoint_test.json", CG_P256, ecdh_case, 330, 25);
}

static void wycheproof_p384(void **state)
{
    (void)state;
    run("ecdh_secp384r1_ecpoint_test.json", CG_P384, ecdh_case, 771, 19);
}

static void wycheproof_x25519(void **state)
{
    (void)state;
    run("x25519_test.json", CG_X25519, x25519_case, 487, 31);
}

/* RFC 5903 8.3: both sides of a P-521 exchange. */
static void p521_of_rfc_5903(void **state)
{
    (void)state;
    struct cg_ec_key i = {.curve = CG_P521}, r = {.curve = CG_P521};
    uint8_t expected[66], secret[66], point[133], coordinate[66];
    cg_hex(
        "0037ade9319a89f4dabdb3ef411aaccca5123c61acab57b5393dce47608172a095aa85a30fe1c2952c6771d9"
        "37ba9777f5957b2639bab072462f68c27a57382d4a52",
        i.scalar);
    cg_hex(
        "0145ba99a847af43793fdd0e872e7cdfa16be30fdc780f97bccc3f078380201e9c677d600b343757a3bdbf2a"
        "3163e4c2f869cca7458aa4a4effc311f5cb151685eb9",
        r.scalar);
    cg_hex(
        "01144c7d79ae6956bc8edb8e7c787c4521cb086fa64407f97894e5e6b2d79b04d1427e73ca4baa240a347868"
        "59810c06b3c715a3a8cc3151f2bee417996d19f3ddea",
        expected);
    cg_hex(
        "0015417e84dbf28c0ad3c278713349dc7df153c897a1891bd98bab4357c9ecbee1e3bf42e00b8e380aeae57c"
        "2d107564941885942af5a7f4601723c4195d176ced3e",
        coordinate);
    assert_true(cg_ec_public(&i, point));
    assert_memory_equal(point + 1, coordinate, sizeof coordinate);
    assert_true(cg_ec_shared(&r, point, sizeof point, secret));
    assert_memory_equal(secret, expected, sizeof expected);
    assert_true(cg_ec_public(&r, point));
    assert_true(cg_ec_shared(&i, point, sizeof point, secret));
    assert_memory_equal(secret, expected, sizeof expected);
}

/* RFC 7748 5.2: the thousandfold iteration. */
static void x25519_of_rfc_7748(void **state)
{
    (void)state;
    struct cg_ec_key key = {.curve = CG_X25519, .scalar = {9}};
    uint8_t u[32] = {9}, out[32], expected[32];
    for (int i = 0; i < 1000; i++) {
        assert_true(cg_ec_shared(&key, u, 32, out));
        memcpy(u, key.scalar, 32);
        memcpy(key.scalar, out, 32);
    }
    cg_hex("684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51", expected);
    assert_memory_equal(out, expected, 32);
}

static void both_sides_agree(void **state)
{
    (void)state;
    for (enum cg_curve curve = 0; curve < CG_CURVE_COUNT; curve++) {
        for (int i = 0; i < 20; i++) {
            struct cg_ec_key a, b;
            uint8_t point_a[CG_EC_POINT_MAX], point_b[CG_EC_POINT_MAX];
            uint8_t z_a[CG_EC_BYTES_MAX], z_b[CG_EC_BYTES_MAX];
            size_t n = cg_ec_point_bytes(curve);
            assert_true(cg_ec_make(curve, &a, point_a));
            assert_true(cg_ec_make(curve, &b, point_b));
            assert_memory_not_equal(point_a, point_b, n);
            assert_true(cg_ec_point_is_valid(curve, point_a, n));
            assert_true(cg_ec_shared(&a, point_b, n, z_a));
            assert_true(cg_ec_shared(&b, point_a, n, z_b));
            assert_memory_equal(z_a, z_b, cg_ec_bytes(curve));
        }
    }
}

static void bad_points_are_refused(void **state)
{
    (void)state;
    for (enum cg_curve curve = 0; curve < CG_CURVE_COUNT; curve++) {
        struct cg_ec_key key;
        uint8_t point[CG_EC_POINT_MAX + 1] = {0}, z[CG_EC_BYTES_MAX];
        size_t n = cg_ec_point_bytes(curve);
        assert_true(cg_ec_make(curve, &key, point));
        assert_false(cg_ec_shared(&key, point, n - 1, z));
        assert_false(cg_ec_shared(&key, point, n + 1, z));
        assert_false(cg_ec_shared(&key, point, 0, z));
        assert_false(cg_ec_shared(&key, point, 1, z)); /* the point at infinity */
        if (curve == CG_X25519)
            continue;
        for (size_t i = 0; i < n; i++) {
            point[i] ^= 1;
            assert_false(cg_ec_shared(&key, point, n, z));
            point[i] ^= 1;
        }
        assert_true(cg_ec_shared(&key, point, n, z));
        memset(point + 1, 0, n - 1);
        assert_false(cg_ec_shared(&key, point, n, z));
    }
}

static void bad_scalars_are_refused(void **state)
{
    (void)state;
    uint8_t point[CG_EC_POINT_MAX];
    struct cg_ec_key key = {.curve = CG_P256};
    assert_false(cg_ec_public(&key, point));
    cg_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", key.scalar);
    assert_false(cg_ec_public(&key, point));
    key.scalar[31] -= 1; /* order - 1: the generator with y negated */
    assert_true(cg_ec_public(&key, point));
    assert_int_equal(point[1], 0x6b);
    memset(&key.scalar, 0xff, sizeof key.scalar);
    assert_false(cg_ec_public(&key, point));
}

static bool all_ones(void *out, size_t n)
{
    memset(out, 0xff, n);
    return true;
}

static bool no_random(void *out, size_t n)
{
    (void)out;
    (void)n;
    return false;
}

/* Randomness that never gives a scalar ends in a failure, not in a loop. */
static void bad_randomness(void **state)
{
    (void)state;
    struct cg_ec_key key;
    uint8_t point[CG_EC_POINT_MAX];
    cg_random_for_tests = all_ones;
    assert_false(cg_ec_make(CG_P256, &key, point));
    cg_random_for_tests = no_random;
    for (enum cg_curve curve = 0; curve < CG_CURVE_COUNT; curve++)
        assert_false(cg_ec_make(curve, &key, point));
    cg_random_for_tests = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wycheproof_p256),        cmocka_unit_test(wycheproof_p384),
        cmocka_unit_test(wycheproof_x25519),      cmocka_unit_test(p521_of_rfc_5903),
        cmocka_unit_test(x25519_of_rfc_7748),     cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(bad_points_are_refused), cmocka_unit_test(bad_scalars_are_refused),
        cmocka_unit_test(bad_randomness),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
