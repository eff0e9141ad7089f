/* Signing against RFC 6979, and what it must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_sign.h"
#include "tests/unit/cg_hex.h"
#include "tests/unit/cg_rfc6979.h"

struct dsa {
    uint8_t p[128], q[20], g[128], y[128], x[20];
    struct cg_dsa_public public;
};

static void load(struct dsa *d)
{
    d->public = (struct cg_dsa_public){
        d->p,
        d->q,
        d->g,
        d->y,
        cg_hex(rfc6979_p, d->p),
        cg_hex(rfc6979_q, d->q),
        cg_hex(rfc6979_g, d->g),
        cg_hex(rfc6979_y, d->y),
    };
    cg_hex(rfc6979_x, d->x);
}

static void dsa_of_rfc_6979(void **state)
{
    (void)state;
    struct dsa d;
    load(&d);
    assert_true(cg_dsa_public_is_sane(&d.public));
    assert_int_equal(cg_dsa_bits(&d.public), 1024);
    for (size_t i = 0; i < sizeof rfc6979_dsa / sizeof *rfc6979_dsa; i++) {
        const struct rfc6979_vector *v = &rfc6979_dsa[i];
        uint8_t digest[CG_HASH_MAX], r[20], s[20], expected[20];
        cg_hash_once(v->hash, "sample", 6, digest);
        assert_true(cg_dsa_sign(&d.public, d.x, sizeof d.x, v->hash, digest, r, s));
        cg_hex(v->r, expected);
        assert_memory_equal(r, expected, sizeof r);
        cg_hex(v->s, expected);
        assert_memory_equal(s, expected, sizeof s);
        struct cg_signature sig = {r, s, sizeof r, sizeof s};
        assert_true(cg_dsa_verify(&d.public, digest, cg_hash_size(v->hash), &sig));
        digest[0] ^= 1;
        assert_false(cg_dsa_verify(&d.public, digest, cg_hash_size(v->hash), &sig));
    }
}

static void dsa_refusals(void **state)
{
    (void)state;
    struct dsa d;
    uint8_t digest[20] = {0}, r[21] = {0}, s[21] = {0}, zero[20] = {0};
    load(&d);
    assert_false(cg_dsa_sign(&d.public, zero, 20, CG_SHA1, digest, r, s));
    assert_false(cg_dsa_sign(&d.public, d.q, 20, CG_SHA1, digest, r, s));
    assert_false(cg_dsa_sign(&d.public, d.p, 128, CG_SHA1, digest, r, s));
    d.x[19] ^= 1; /* not y's */
    assert_false(cg_dsa_sign(&d.public, d.x, 20, CG_SHA1, digest, r, s));
    d.x[19] ^= 1;
    assert_memory_equal(r, zero, 20);
    assert_true(cg_dsa_sign(&d.public, d.x, 20, CG_SHA1, digest, r + 1, s + 1));

    struct cg_signature sig = {r, s, 21, 21}; /* leading zeros are fine */
    assert_true(cg_dsa_verify(&d.public, digest, 20, &sig));
    sig = (struct cg_signature){zero, s, 20, 21};
    assert_false(cg_dsa_verify(&d.public, digest, 20, &sig));
    sig = (struct cg_signature){r, zero, 21, 20};
    assert_false(cg_dsa_verify(&d.public, digest, 20, &sig));
    sig = (struct cg_signature){r, s, 0, 0};
    assert_false(cg_dsa_verify(&d.public, digest, 20, &sig));
    sig = (struct cg_signature){d.q, s, 20, 21};
    assert_false(cg_dsa_verify(&d.public, digest, 20, &sig));
    sig = (struct cg_signature){d.p, s, 128, 21};
    assert_false(cg_dsa_verify(&d.public, digest, 20, &sig));
}

static void insane_dsa_keys(void **state)
{
    (void)state;
    struct dsa d;
    static const uint8_t one[] = {1}, wide[513] = {1};
    load(&d);
    struct cg_dsa_public k = d.public;
    k.y = one, k.y_length = 1;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.g = one, k.g_length = 1;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.y = d.p, k.y_length = sizeof d.p;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.y_length = 0;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.q_length = 19;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.q = d.p, k.q_length = 33;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.p_length = 63;
    assert_false(cg_dsa_public_is_sane(&k));
    k = d.public;
    k.p = wide, k.p_length = sizeof wide;
    assert_false(cg_dsa_public_is_sane(&k));
    d.p[127] ^= 1;
    assert_false(cg_dsa_public_is_sane(&d.public));
    d.p[127] ^= 1;
    d.q[19] ^= 1;
    assert_false(cg_dsa_public_is_sane(&d.public));
    d.q[19] ^= 1;
    assert_true(cg_dsa_public_is_sane(&d.public));
}

static void ecdsa_of_rfc_6979(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rfc6979_ecdsa / sizeof *rfc6979_ecdsa; i++) {
        const struct rfc6979_ecdsa *v = &rfc6979_ecdsa[i];
        uint8_t digest[CG_HASH_MAX], r[66], s[66], expected[66], point[CG_EC_POINT_MAX];
        struct cg_ec_key key = {.curve = v->curve};
        size_t n = cg_ec_bytes(v->curve);
        assert_int_equal(cg_hex(v->x, key.scalar), n);
        cg_hash_once(v->hash, "sample", 6, digest);
        assert_true(cg_ecdsa_sign(v->curve, key.scalar, v->hash, digest, r, s));
        cg_hex(v->r, expected);
        assert_memory_equal(r, expected, n);
        cg_hex(v->s, expected);
        assert_memory_equal(s, expected, n);

        struct cg_signature sig = {r, s, n, n};
        size_t point_n = cg_ec_point_bytes(v->curve), digest_n = cg_hash_size(v->hash);
        assert_true(cg_ec_public(&key, point));
        assert_true(cg_ecdsa_verify(v->curve, point, point_n, digest, digest_n, &sig));
        digest[0] ^= 1;
        assert_false(cg_ecdsa_verify(v->curve, point, point_n, digest, digest_n, &sig));
        digest[0] ^= 1;
        point[point_n - 1] ^= 1;
        assert_false(cg_ecdsa_verify(v->curve, point, point_n, digest, digest_n, &sig));
    }
}

static void ecdsa_refusals(void **state)
{
    (void)state;
    uint8_t digest[20] = {0}, r[66], s[66], key[66] = {0}, point[32] = {0};
    struct cg_signature sig = {r, s, 32, 32};
    assert_false(cg_ecdsa_sign(CG_P256, key, CG_SHA1, digest, r, s));
    memset(key, 0xff, sizeof key);
    for (enum cg_curve curve = 0; curve < CG_CURVE_COUNT; curve++)
        assert_false(cg_ecdsa_sign(curve, key, CG_SHA1, digest, r, s));
    assert_false(cg_ecdsa_verify(CG_X25519, point, 32, digest, 20, &sig));
}

/* Every hash with every curve: digests longer and shorter than the order. */
static void ecdsa_any_hash(void **state)
{
    (void)state;
    for (enum cg_curve curve = CG_P256; curve <= CG_P521; curve++) {
        for (enum cg_hash_id hash = 0; hash < CG_HASH_COUNT; hash++) {
            struct cg_ec_key key;
            uint8_t point[CG_EC_POINT_MAX], r[66], s[66], digest[CG_HASH_MAX];
            struct cg_signature sig = {r, s, cg_ec_bytes(curve), cg_ec_bytes(curve)};
            assert_true(cg_ec_make(curve, &key, point));
            cg_hash_once(hash, "x", 1, digest);
            assert_true(cg_ecdsa_sign(curve, key.scalar, hash, digest, r, s));
            assert_true(cg_ecdsa_verify(curve, point, cg_ec_point_bytes(curve), digest,
                                        cg_hash_size(hash), &sig));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dsa_of_rfc_6979), cmocka_unit_test(dsa_refusals),
        cmocka_unit_test(insane_dsa_keys), cmocka_unit_test(ecdsa_of_rfc_6979),
        cmocka_unit_test(ecdsa_refusals),  cmocka_unit_test(ecdsa_any_hash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
