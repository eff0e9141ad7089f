/* PKCS#1 v1.5 verification against Google's Wycheproof vectors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_rsa.h"
#include "tests/lib/wycheproof.h"

static unsigned good, bad;

static void pkcs1_case(const struct wycheproof *w)
{
    static uint8_t n[WYCHEPROOF_BYTES], e[WYCHEPROOF_BYTES], msg[WYCHEPROOF_BYTES],
        sig[WYCHEPROOF_BYTES];
    uint8_t digest[CG_HASH_MAX];
    struct cg_rsa_public key = {.n = n, .e = e};
    key.n_length = wycheproof_hex(w, "modulus", n);
    key.e_length = wycheproof_hex(w, "publicExponent", e);
    while (key.n_length > 0 && *key.n == 0)
        key.n++, key.n_length--;
    size_t sig_length = wycheproof_hex(w, "sig", sig);
    cg_hash_once(CG_SHA256, msg, wycheproof_hex(w, "msg", msg), digest);
    /* "acceptable" is a DigestInfo without its NULL, which is refused here. */
    int expected = wycheproof_is(w, "result", "valid");
    int got = cg_rsa_verify_digest(&key, CG_SHA256, digest, sig, sig_length);
    if (got != expected)
        print_error("case %.*s\n", (int)wycheproof_get(w, "tcId").length,
                    wycheproof_get(w, "tcId").text);
    assert_int_equal(got, expected);
    good += expected;
    bad += !expected;
}

static void pkcs1_signatures(void **state)
{
    (void)state;
    if (wycheproof_run("rsa_signature_2048_sha256_test.json", pkcs1_case) == 0) {
        print_message("# no ../shared/data\n");
        skip();
    }
    assert_true(good >= 9 && bad >= 250);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pkcs1_signatures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
