/* The masks against the operators that they stand for, and randomness. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_ct.h"
#include "crypto_glue/cg_random.h"

static uint32_t mask(bool b)
{
    return b ? UINT32_MAX : 0;
}

static void masks_are_the_operators(void **state)
{
    (void)state;
    static const uint32_t values[] = {0,          1,          2,          254,
                                      255,        256,        0x7ffffffe, 0x7fffffff,
                                      0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
    enum { COUNT = sizeof values / sizeof *values };
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t k = 0; k < COUNT; k++) {
            uint32_t a = values[i], b = values[k];
            assert_int_equal(cg_ct_eq(a, b), mask(a == b));
            assert_int_equal(cg_ct_lt(a, b), mask(a < b));
            assert_int_equal(cg_ct_ge(a, b), mask(a >= b));
            assert_int_equal(cg_ct_select(UINT32_MAX, a, b), a);
            assert_int_equal(cg_ct_select(0, a, b), b);
        }
        assert_int_equal(cg_ct_nonzero(values[i]), mask(values[i] != 0));
    }
}

static void bytes_are_compared_and_copied(void **state)
{
    (void)state;
    uint8_t a[40], b[40], kept[40];
    for (size_t i = 0; i < sizeof a; i++)
        a[i] = b[i] = (uint8_t)(i * 7);
    assert_int_equal(cg_ct_equal(a, b, sizeof a), UINT32_MAX);
    assert_int_equal(cg_ct_equal(a, b, 0), UINT32_MAX);
    for (size_t i = 0; i < sizeof a; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            b[i] ^= (uint8_t)bit;
            assert_int_equal(cg_ct_equal(a, b, sizeof a), 0);
            memcpy(kept, a, sizeof a);
            cg_ct_copy_if(0, kept, b, sizeof b);
            assert_memory_equal(kept, a, sizeof a);
            cg_ct_copy_if(UINT32_MAX, kept, b, sizeof b);
            assert_memory_equal(kept, b, sizeof b);
            b[i] ^= (uint8_t)bit;
        }
    }
    cg_wipe(a, sizeof a - 1);
    memset(kept, 0, sizeof kept);
    assert_memory_equal(a, kept, sizeof a - 1);
    assert_int_equal(a[39], 39 * 7 & 255);
}

static void random_bytes_come_from_the_kernel(void **state)
{
    (void)state;
    static uint8_t a[70000], b[70000];
    assert_true(cg_random(a, sizeof a));
    assert_true(cg_random(b, sizeof b));
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + sizeof a - 16, b + sizeof b - 16, 16);
    unsigned seen[256] = {0}, values = 0;
    for (size_t i = 0; i < sizeof a; i++)
        values += seen[a[i]]++ == 0;
    assert_int_equal(values, 256);
}

static bool refuses(void *out, size_t n)
{
    (void)out;
    (void)n;
    return false;
}

static void a_refusal_is_passed_on(void **state)
{
    (void)state;
    uint8_t byte;
    cg_random_for_tests = refuses;
    assert_false(cg_random(&byte, 1));
    cg_random_for_tests = NULL;
    assert_true(cg_random(&byte, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_are_the_operators),
        cmocka_unit_test(bytes_are_compared_and_copied),
        cmocka_unit_test(random_bytes_come_from_the_kernel),
        cmocka_unit_test(a_refusal_is_passed_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
