/* Whole handshakes, client and server back to back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"

static void one_suite(struct tls_pair *pair, uint16_t suite)
{
    pair->client.config.suites[0] = suite;
    pair->client.config.suite_count = 1;
}

static void every_suite(void **state)
{
    const struct tls_suite *suite;

    (void)state;
    for (size_t i = 0; (suite = tls_suite_at(i)) != NULL; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        one_suite(&pair, suite->id);
        tls_pair_start(&pair);
        tls_pair_run(&pair, TLS_OUTPUT_SIZE);
        tls_pair_assert_works(&pair);
        assert_int_equal(pair.client.session->suite, suite->id);
        assert_int_equal(pair.client.session->secure_renegotiation, 1);
        assert_int_equal(pair.server.session->secure_renegotiation, 1);
        tls_pair_free(&pair);
    }
}

static void a_byte_at_a_time(void **state)
{
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    tls_pair_run(&pair, 1);
    tls_pair_assert_works(&pair);
    tls_pair_free(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite),
        cmocka_unit_test(a_byte_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
