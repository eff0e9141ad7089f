/* Diffie-Hellman: the groups against the formulas of their RFCs, results against GMP's mpz_powm,
 * and what must be refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gmp.h>

#include "crypto_glue/cg_dh.h"
#include "crypto_glue/cg_random.h"

static void import(mpz_t out, const uint8_t *bytes, size_t n)
{
    mpz_import(out, n, 1, 1, 1, 0, bytes);
}

/* floor(2^bits e), from the series of 1/k!. */
static void scaled_e(mpz_t out, unsigned bits)
{
    mpz_t term;
    mpz_init(term);
    mpz_setbit(term, bits + 64);
    mpz_set_ui(out, 0);
    for (unsigned long k = 1; mpz_sgn(term); k++) {
        mpz_add(out, out, term);
        mpz_tdiv_q_ui(term, term, k);
    }
    mpz_tdiv_q_2exp(out, out, 64);
    mpz_clear(term);
}

static void add_arctan(mpz_t out, unsigned bits, unsigned long x, long factor)
{
    mpz_t power, term;
    mpz_inits(power, term, NULL);
    mpz_setbit(power, bits);
    mpz_tdiv_q_ui(power, power, x);
    for (unsigned long n = 1; mpz_sgn(power); n += 2) {
        mpz_tdiv_q_ui(term, power, n);
        mpz_mul_si(term, term, n % 4 == 1 ? factor : -factor);
        mpz_add(out, out, term);
        mpz_tdiv_q_ui(power, power, x * x);
    }
    mpz_clears(power, term, NULL);
}

/* floor(2^bits pi), by Machin: 16 arctan(1/5) - 4 arctan(1/239). */
static void scaled_pi(mpz_t out, unsigned bits)
{
    mpz_set_ui(out, 0);
    add_arctan(out, bits + 64, 5, 16);
    add_arctan(out, bits + 64, 239, -4);
    mpz_tdiv_q_2exp(out, out, 64);
}

static void groups_follow_their_formulas(void **state)
{
    (void)state;
    static const struct {
        unsigned bits, offset;
        int is_pi;
    } formulas[CG_DH_GROUP_COUNT] = {
        [CG_FFDHE2048] = {2048, 560316, 0},
        [CG_FFDHE3072] = {3072, 2625351, 0},
        [CG_FFDHE4096] = {4096, 5736041, 0},
        [CG_MODP2048] = {2048, 124476, 1},
    };
    mpz_t p, expected, part;
    mpz_inits(p, expected, part, NULL);
    for (int i = 0; i < CG_DH_GROUP_COUNT; i++) {
        unsigned bits = formulas[i].bits;
        if (formulas[i].is_pi)
            scaled_pi(expected, bits - 130);
        else
            scaled_e(expected, bits - 130);
        mpz_add_ui(expected, expected, formulas[i].offset);
        mpz_mul_2exp(expected, expected, 64);
        mpz_sub_ui(expected, expected, 1);
        mpz_set_ui(part, 0);
        mpz_setbit(part, bits);
        mpz_add(expected, expected, part);
        mpz_set_ui(part, 0);
        mpz_setbit(part, bits - 64);
        mpz_sub(expected, expected, part);
        import(p, cg_dh_groups[i].p, cg_dh_groups[i].p_length);
        assert_int_equal(mpz_cmp(p, expected), 0);
        assert_true(cg_dh_group_is_sane(&cg_dh_groups[i]));
        assert_int_equal(cg_dh_bits(&cg_dh_groups[i]), bits);
        if (bits == 2048) { /* larger ones take seconds */
            assert_true(mpz_probab_prime_p(p, 1));
            mpz_tdiv_q_2exp(p, p, 1);
            assert_true(mpz_probab_prime_p(p, 1));
        }
    }
    mpz_clears(p, expected, part, NULL);
}

static void check_power(const struct cg_dh_group *group, const struct cg_dh_key *key,
                        const uint8_t *base, size_t base_length, const uint8_t *got)
{
    mpz_t p, b, e, r;
    mpz_inits(p, b, e, r, NULL);
    import(p, group->p, group->p_length);
    import(b, base, base_length);
    import(e, key->exponent, (key->bits + 7) / 8);
    import(r, got, group->p_length);
    assert_true(mpz_sizeinbase(e, 2) <= key->bits);
    mpz_powm(b, b, e, p);
    assert_int_equal(mpz_cmp(b, r), 0);
    mpz_clears(p, b, e, r, NULL);
}

static void both_sides_agree(const struct cg_dh_group *group, size_t bits)
{
    uint8_t public_a[512], public_b[513] = {0}, z_a[512], z_b[512];
    struct cg_dh_key a, b;
    size_t n = group->p_length;
    assert_true(cg_dh_make(group, &a, public_a));
    assert_true(cg_dh_make(group, &b, public_b + 1));
    assert_int_equal(a.bits, bits);
    assert_memory_not_equal(a.exponent, b.exponent, 16);
    assert_true(cg_dh_shared(group, &a, public_b, n + 1, z_a)); /* a leading zero is fine */
    assert_true(cg_dh_shared(group, &b, public_a, n, z_b));
    assert_memory_equal(z_a, z_b, n);
    check_power(group, &a, group->g, group->g_length, public_a);
    check_power(group, &a, public_b, n + 1, z_a);
}

static void known_groups(void **state)
{
    (void)state;
    for (int i = 0; i < CG_DH_GROUP_COUNT; i++)
        both_sides_agree(&cg_dh_groups[i], CG_DH_SHORT_BITS);
}

/* Any odd modulus will do to compare with mpz_powm. */
static void unknown_groups_have_long_exponents(void **state)
{
    (void)state;
    static const uint8_t three[] = {3};
    uint8_t p[512];
    for (size_t n = 64; n <= sizeof p; n += 112) {
        assert_true(cg_random(p, n));
        p[0] = (uint8_t)(p[0] % 15 + 1);
        p[n - 1] |= 1;
        struct cg_dh_group group = {p, three, n, 1};
        size_t bits = cg_dh_bits(&group);
        if (bits >= CG_DH_BITS_MIN)
            both_sides_agree(&group, bits - 1);
        else
            assert_false(cg_dh_group_is_sane(&group));
    }
}

static void bad_public_values_are_refused(void **state)
{
    (void)state;
    const struct cg_dh_group *group = &cg_dh_groups[CG_FFDHE2048];
    uint8_t y[257] = {0}, z[256];
    struct cg_dh_key key;
    assert_true(cg_dh_make(group, &key, z));
    assert_false(cg_dh_shared(group, &key, y, 0, z));
    assert_false(cg_dh_shared(group, &key, y, 257, z));
    y[256] = 1;
    assert_false(cg_dh_shared(group, &key, y, 257, z));
    y[256] = 2;
    assert_true(cg_dh_shared(group, &key, y, 257, z));
    y[0] = 1; /* 2^2048 + 2 */
    assert_false(cg_dh_shared(group, &key, y, 257, z));
    memcpy(y, group->p, 256); /* p */
    assert_false(cg_dh_shared(group, &key, y, 256, z));
    y[255] -= 1; /* p - 1 */
    assert_false(cg_dh_shared(group, &key, y, 256, z));
    y[255] -= 1; /* p - 2 */
    assert_true(cg_dh_shared(group, &key, y, 256, z));
    memset(y, 0xff, 256);
    assert_false(cg_dh_shared(group, &key, y, 256, z));
}

/* Modulo 2^521 - 1, the order of 2 is 521: its power by a multiple of that is 1. */
static void a_shared_secret_of_one_is_refused(void **state)
{
    (void)state;
    uint8_t p[66], z[66];
    static const uint8_t three[] = {3}, two[] = {2};
    memset(p, 0xff, sizeof p);
    p[0] = 1;
    struct cg_dh_group group = {p, three, sizeof p, 1};
    struct cg_dh_key key = {.bits = 520};
    key.exponent[63] = 521 >> 8;
    key.exponent[64] = 521 & 0xff;
    assert_false(cg_dh_shared(&group, &key, two, 1, z));
    key.exponent[64] += 1;
    assert_true(cg_dh_shared(&group, &key, two, 1, z));
    assert_int_equal(z[65], 2);
}

static void insane_groups_are_refused(void **state)
{
    (void)state;
    static uint8_t p[513], g[513];
    struct cg_dh_group group = {p, g, 64, 1};
    memset(p, 0xff, sizeof p);
    g[0] = 2;
    assert_true(cg_dh_group_is_sane(&group));
    g[0] = 1;
    assert_false(cg_dh_group_is_sane(&group));
    g[0] = 0;
    assert_false(cg_dh_group_is_sane(&group));
    memset(g, 0xff, 64); /* p, then p - 1, then p - 2 */
    group.g_length = 64;
    assert_false(cg_dh_group_is_sane(&group));
    g[63] = 0xfe;
    assert_false(cg_dh_group_is_sane(&group));
    g[63] = 0xfd;
    assert_true(cg_dh_group_is_sane(&group));
    p[63] = 0xfe;
    assert_false(cg_dh_group_is_sane(&group));
    p[63] = 0xff;
    p[0] = 0x7f;
    assert_false(cg_dh_group_is_sane(&group));
    p[0] = 0;
    group.p_length = 66;
    assert_false(cg_dh_group_is_sane(&group));
    p[0] = 1;
    group.p_length = 513;
    assert_false(cg_dh_group_is_sane(&group));
    group.p_length = 0;
    assert_false(cg_dh_group_is_sane(&group));
}

static bool no_random(void *out, size_t n)
{
    (void)out;
    (void)n;
    return false;
}

static void no_randomness_no_key(void **state)
{
    (void)state;
    struct cg_dh_key key;
    uint8_t y[256];
    cg_random_for_tests = no_random;
    assert_false(cg_dh_make(&cg_dh_groups[CG_FFDHE2048], &key, y));
    cg_random_for_tests = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_follow_their_formulas),
        cmocka_unit_test(known_groups),
        cmocka_unit_test(unknown_groups_have_long_exponents),
        cmocka_unit_test(bad_public_values_are_refused),
        cmocka_unit_test(a_shared_secret_of_one_is_refused),
        cmocka_unit_test(insane_groups_are_refused),
        cmocka_unit_test(no_randomness_no_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
