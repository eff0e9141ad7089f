/* What a review of the engine found: each case fails without its fix. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_output.h"
#include "tls/tls_record.h"

/* A header that ends its record, of a message that needs the large buffer: what follows waits for
 * that buffer, and is part of the message. */
static void big_header_alone(void **state)
{
    struct tls_end end;
    uint8_t body[1000] = {0};
    const uint8_t hello[] = {TLS_CLIENT_HELLO, 0, 0x50, 0};

    (void)state;
    tls_end_init(&end, TLS_SERVER);
    tls_end_start(&end);
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, hello, sizeof hello);
    assert_false(end.asked_for_big);
    for (size_t i = 1; i <= 20; i++) {
        tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, body, sizeof body);
        assert_true(end.asked_for_big);
        assert_int_equal(end.handshake->have, sizeof hello + i * sizeof body);
    }
    tls_end_feed_record(&end, TLS_CONTENT_HANDSHAKE, body, 0x5000 - 20 * sizeof body);
    assert_int_equal(tls_failure(end.session), TLS_ERROR_DECODE);
    tls_end_free(&end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(big_header_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
