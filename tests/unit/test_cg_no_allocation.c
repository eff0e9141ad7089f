/* Nothing in crypto_glue calls GMP's allocator, which may be the program's own and would see
 * secrets: with one that ends the test, everything runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "crypto_glue/cg_dh.h"
#include "crypto_glue/cg_sign.h"
#include "tests/unit/cg_rfc6979.h"
#include "tests/unit/cg_rsa_fixture.h"

static void *refuse_alloc(size_t n)
{
    (void)n;
    fail_msg("GMP's allocator was called");
    return NULL;
}

static void *refuse_realloc(void *p, size_t old, size_t n)
{
    (void)old;
    (void)n;
    fail_msg("GMP's reallocator was called");
    return p;
}

static void refuse_free(void *p, size_t n)
{
    (void)p;
    (void)n;
    fail_msg("GMP's free was called");
}

static int forbid(void **state)
{
    (void)state;
    mp_set_memory_functions(refuse_alloc, refuse_realloc, refuse_free);
    return 0;
}

static int allow(void **state)
{
    (void)state;
    mp_set_memory_functions(NULL, NULL, NULL);
    return 0;
}

static void rsa(void **state)
{
    (void)state;
    for (size_t i = 0; i < CG_RSA_TEST_KEYS; i++) {
        struct cg_rsa_fixture f;
        struct cg_rsa_private *key = malloc(cg_rsa_private_size());
        uint8_t raw[36] = {1}, out[512], message[48] = {0};
        cg_rsa_fixture(&f, &cg_rsa_test_keys[i]);
        size_t n = f.public.n_length;
        assert_true(cg_rsa_private_load(key, &f.parts));
        assert_true(cg_rsa_sign_pkcs1(key, raw, sizeof raw, out));
        assert_true(cg_rsa_verify_pkcs1(&f.public, raw, sizeof raw, out, n));
        assert_false(cg_rsa_verify_pss(&f.public, CG_SHA1, CG_SHA1, 20, raw, out, n));
        assert_true(cg_rsa_encrypt_pkcs1(&f.public, raw, sizeof raw, out));
        assert_true(cg_rsa_decrypt_pkcs1_or_keep(key, out, n, message, sizeof raw));
        free(key);
    }
}

static void dh(void **state)
{
    (void)state;
    static const uint8_t three[] = {3};
    uint8_t p[512], y[512], z[512];
    memset(p, 0xc3, sizeof p);
    struct cg_dh_group unknown = {p, three, sizeof p, 1};
    struct cg_dh_key key;
    assert_true(cg_dh_make(&unknown, &key, y));
    assert_true(cg_dh_shared(&unknown, &key, y, sizeof y, z));
    for (int i = 0; i < CG_DH_GROUP_COUNT; i++) {
        assert_true(cg_dh_make(&cg_dh_groups[i], &key, y));
        assert_true(cg_dh_shared(&cg_dh_groups[i], &key, y, cg_dh_groups[i].p_length, z));
    }
}

static void ec(void **state)
{
    (void)state;
    for (enum cg_curve curve = 0; curve < CG_CURVE_COUNT; curve++) {
        struct cg_ec_key key;
        uint8_t point[CG_EC_POINT_MAX], z[66], r[66], s[66], digest[20] = {0};
        struct cg_signature sig = {r, s, cg_ec_bytes(curve), cg_ec_bytes(curve)};
        size_t n = cg_ec_point_bytes(curve);
        assert_true(cg_ec_make(curve, &key, point));
        assert_true(cg_ec_shared(&key, point, n, z));
        if (curve != CG_X25519) {
            assert_true(cg_ecdsa_sign(curve, key.scalar, CG_SHA1, digest, r, s));
            assert_true(cg_ecdsa_verify(curve, point, n, digest, sizeof digest, &sig));
        }
    }
}

static void dsa_and_ed25519(void **state)
{
    (void)state;
    uint8_t p[128], q[20], g[128], y[128], x[20], digest[20] = {0}, r[20], s[20];
    uint8_t zeros[64] = {1};
    struct cg_dsa_public key = {p,
                                q,
                                g,
                                y,
                                cg_hex(rfc6979_p, p),
                                cg_hex(rfc6979_q, q),
                                cg_hex(rfc6979_g, g),
                                cg_hex(rfc6979_y, y)};
    struct cg_signature sig = {r, s, sizeof r, sizeof s};
    cg_hex(rfc6979_x, x);
    assert_true(cg_dsa_sign(&key, x, sizeof x, CG_SHA1, digest, r, s));
    assert_true(cg_dsa_verify(&key, digest, sizeof digest, &sig));
    /* With the neutral element as key and R, and S = 0, RFC 8032's equation holds. */
    assert_true(cg_ed25519_verify(zeros, digest, sizeof digest, zeros, sizeof zeros));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rsa),
        cmocka_unit_test(dh),
        cmocka_unit_test(ec),
        cmocka_unit_test(dsa_and_ed25519),
    };
    return cmocka_run_group_tests(tests, forbid, allow);
}
