/* Every failure tells a person its cause and what to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "shim/remedy.c"

/* Their own words, from x509_fail, have the remedy. */
static bool is_of_certificates(enum tls_error error)
{
    return error >= TLS_ERROR_CERT_PARSE;
}

static const char *remedy_of(struct remedy_about about)
{
    static char text[REMEDY_TEXT];
    about.plain_rule = "--except";
    about.peer = "[2001:db8:1111:2222:3333:4444:5555:6666]:65535";
    memset(text, 'x', sizeof text);
    remedy_text(&about, text);
    return text;
}

static void every_error_has_cause_and_remedy(void **state)
{
    (void)state;
    for (int error = TLS_ERROR_OK + 1; error < TLS_ERROR_COUNT; error++) {
        assert_true(strlen(tls_error_words((enum tls_error)error)) > 10);
        for (int client = 0; client < 2 && !is_of_certificates((enum tls_error)error); client++) {
            const char *text = remedy_of((struct remedy_about){
                .error = (enum tls_error)error, .alert = TLS_ALERT_NONE, .client = client});
            if (strlen(text) < 10)
                fail_msg("no remedy: %s", tls_error_words((enum tls_error)error));
            assert_in_range(strlen(text), 10, REMEDY_TEXT - 2); /* not cut */
        }
    }
    assert_string_equal(remedy_of((struct remedy_about){.error = TLS_ERROR_OK}), "");
    assert_string_equal(remedy_of((struct remedy_about){.error = TLS_ERROR_CERT_EXPIRED}), "");
}

static void every_alert_has_a_remedy(void **state)
{
    (void)state;
    for (int alert = 0; alert < 256; alert++)
        for (int way = 0; way < 8; way++) {
            const char *text = remedy_of((struct remedy_about){.error = TLS_ERROR_ALERT_RECEIVED,
                                                               .alert = (uint8_t)alert,
                                                               .client = way & 1,
                                                               .answered = way & 2,
                                                               .omits_extensions = way & 4});
            assert_in_range(strlen(text), 10, REMEDY_TEXT - 2);
        }
}

static void what_is_said_fits_the_side_and_the_moment(void **state)
{
    (void)state;
    struct remedy_about about = {.error = TLS_ERROR_ALERT_RECEIVED, .alert = TLS_ALERT_UNKNOWN_CA};
    assert_non_null(strstr(remedy_of(about), "give it the CA's"));
    about.client = true;
    assert_non_null(strstr(remedy_of(about), "client certificate"));
    about.alert = TLS_ALERT_HANDSHAKE_FAILURE;
    assert_non_null(strstr(remedy_of(about), "`extensions = omit`"));
    about.omits_extensions = true;
    assert_null(strstr(remedy_of(about), "omit"));
    about.answered = true;
    assert_null(strstr(remedy_of(about), "suites"));
    about.error = TLS_ERROR_NOT_TLS;
    assert_non_null(strstr(remedy_of(about), "add --except [2001:db8:"));
    about.client = false;
    assert_null(strstr(remedy_of(about), "--except"));
    about.error = TLS_ERROR_NO_COMMON_GROUP;
    assert_non_null(strstr(remedy_of(about), "`groups`"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_cause_and_remedy),
        cmocka_unit_test(every_alert_has_a_remedy),
        cmocka_unit_test(what_is_said_fits_the_side_and_the_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
