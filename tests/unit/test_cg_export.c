/* Keys of 512 bits for export suites: each draw is checked by arithmetic of another kind (Nettle
 * and GMP's mpz), and does what a key has to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "crypto_glue/cg_export.h"

enum { DRAWS = 20 };

static void import(mpz_t z, const uint8_t *bytes, size_t n)
{
    mpz_init(z);
    mpz_import(z, n, 1, 1, 1, 0, bytes);
}

static void judge(const struct cg_export_key *k)
{
    mpz_t n, p, q, dp, dq, qinv, x, y;

    import(n, k->n, sizeof k->n);
    import(p, k->p, sizeof k->p);
    import(q, k->q, sizeof k->q);
    import(dp, k->dp, sizeof k->dp);
    import(dq, k->dq, sizeof k->dq);
    import(qinv, k->qinv, sizeof k->qinv);
    mpz_inits(x, y, NULL);
    assert_int_equal(mpz_sizeinbase(n, 2), 512);
    assert_int_not_equal(mpz_probab_prime_p(p, 50), 0);
    assert_int_not_equal(mpz_probab_prime_p(q, 50), 0);
    assert_int_not_equal(mpz_cmp(p, q), 0);
    mpz_mul(x, p, q);
    assert_int_equal(mpz_cmp(x, n), 0);
    mpz_mul_ui(x, dp, 65537);
    mpz_sub_ui(y, p, 1);
    mpz_mod(x, x, y);
    assert_int_equal(mpz_cmp_ui(x, 1), 0);
    mpz_mul_ui(x, dq, 65537);
    mpz_sub_ui(y, q, 1);
    mpz_mod(x, x, y);
    assert_int_equal(mpz_cmp_ui(x, 1), 0);
    mpz_mul(x, qinv, q);
    mpz_mod(x, x, p);
    assert_int_equal(mpz_cmp_ui(x, 1), 0);
    assert_true(mpz_cmp(dp, p) < 0 && mpz_cmp(dq, q) < 0 && mpz_cmp(qinv, p) < 0);
    mpz_clears(n, p, q, dp, dq, qinv, x, y, NULL);
}

static void keys_hold(void **state)
{
    static _Alignas(64) uint8_t storage[16384];
    struct cg_export_key key, before = {.e = {0}};

    (void)state;
    assert_true(cg_rsa_private_size() <= sizeof storage);
    for (int i = 0; i < DRAWS; i++) {
        assert_true(cg_export_key_make(&key));
        judge(&key);
        assert_memory_not_equal(key.n, before.n, sizeof key.n);
        before = key;
        const struct cg_rsa_private_parts parts = cg_export_key_parts(&key);
        struct cg_rsa_private *private = (void *)storage;
        assert_true(cg_rsa_private_load(private, &parts));
        const struct cg_rsa_public public = {key.n, key.e, sizeof key.n, sizeof key.e};
        uint8_t secret[48], got[48] = {0}, cipher[CG_EXPORT_BYTES];
        memset(secret, i, sizeof secret);
        assert_true(cg_rsa_public_is_sane(&public));
        assert_true(cg_rsa_encrypt_pkcs1(&public, secret, sizeof secret, cipher));
        assert_true(cg_rsa_decrypt_pkcs1_or_keep(private, cipher, sizeof cipher, got, sizeof got));
        assert_memory_equal(secret, got, sizeof got);
    }
}

static void the_group_holds(void **state)
{
    mpz_t p;

    (void)state;
    assert_true(cg_dh_group_is_sane(&cg_export_group));
    assert_int_equal(cg_dh_bits(&cg_export_group), 512);
    import(p, cg_export_group.p, cg_export_group.p_length);
    assert_int_not_equal(mpz_probab_prime_p(p, 50), 0);
    mpz_fdiv_q_2exp(p, p, 1);
    assert_int_not_equal(mpz_probab_prime_p(p, 50), 0); /* a safe one */
    mpz_clear(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_hold),
        cmocka_unit_test(the_group_holds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
