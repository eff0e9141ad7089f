/* Signature verification against Google's Wycheproof vectors. Key agreement is in test_cg_ec.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_sign.h"
#include "tests/lib/wycheproof.h"
#include "tls/x509/der.h"

static unsigned good, bad;

/* What Wycheproof calls acceptable is refused here: a DigestInfo without its NULL, a DER INTEGER
 * that is negative for want of a leading zero. */
static void report(const struct wycheproof *w, bool got)
{
    bool expected = wycheproof_is(w, "result", "valid");
    if (got != expected)
        print_error("case %.*s\n", (int)wycheproof_get(w, "tcId").length,
                    wycheproof_get(w, "tcId").text);
    assert_int_equal(got, expected);
    good += expected;
    bad += !expected;
}

/* A number under this name, without leading zeros. */
static const uint8_t *number(const struct wycheproof *w, const char *name, uint8_t *room,
                             size_t *length)
{
    *length = wycheproof_hex(w, name, room);
    while (*length > 0 && *room == 0)
        room++, --*length;
    return room;
}

static uint8_t message[WYCHEPROOF_BYTES], signature[WYCHEPROOF_BYTES], digest[CG_HASH_MAX];
static size_t message_length, signature_length;

static void read_case(const struct wycheproof *w, enum cg_hash_id hash)
{
    message_length = wycheproof_hex(w, "msg", message);
    signature_length = wycheproof_hex(w, "sig", signature);
    cg_hash_once(hash, message, message_length, digest);
}

static void read_rsa(const struct wycheproof *w, struct cg_rsa_public *key)
{
    static uint8_t n[WYCHEPROOF_BYTES], e[WYCHEPROOF_BYTES];
    key->n = number(w, "modulus", n, &key->n_length);
    key->e = number(w, "publicExponent", e, &key->e_length);
}

static void pkcs1_case(const struct wycheproof *w)
{
    struct cg_rsa_public key;
    read_case(w, CG_SHA256);
    read_rsa(w, &key);
    report(w, cg_rsa_verify_digest(&key, CG_SHA256, digest, signature, signature_length));
}

static void pss_case(const struct wycheproof *w)
{
    struct cg_rsa_public key;
    read_case(w, CG_SHA256);
    read_rsa(w, &key);
    report(w,
           cg_rsa_verify_pss(&key, CG_SHA256, CG_SHA256, 32, digest, signature, signature_length));
}

/* SEQUENCE { r INTEGER, s INTEGER }, strict and nothing behind it. */
static bool read_pair(struct cg_signature *pair)
{
    struct der whole = der_over((struct x509_bytes){signature, signature_length}), inside;
    struct x509_bytes r, s;
    if (!der_enter(&whole, DER_SEQUENCE, &inside) || !der_done(&whole) ||
        !der_unsigned(&inside, &r) || !der_unsigned(&inside, &s) || !der_done(&inside))
        return false;
    *pair = (struct cg_signature){r.data, s.data, r.length, s.length};
    return true;
}

static void dsa_case(const struct wycheproof *w)
{
    static uint8_t p[WYCHEPROOF_BYTES], q[WYCHEPROOF_BYTES], g[WYCHEPROOF_BYTES],
        y[WYCHEPROOF_BYTES];
    struct cg_dsa_public key;
    struct cg_signature pair;
    read_case(w, CG_SHA256);
    key.p = number(w, "p", p, &key.p_length);
    key.q = number(w, "q", q, &key.q_length);
    key.g = number(w, "g", g, &key.g_length);
    key.y = number(w, "y", y, &key.y_length);
    report(w, read_pair(&pair) && cg_dsa_verify(&key, digest, cg_hash_size(CG_SHA256), &pair));
}

static void ecdsa_case(const struct wycheproof *w, enum cg_curve curve, enum cg_hash_id hash)
{
    static uint8_t point[WYCHEPROOF_BYTES];
    struct cg_signature pair;
    read_case(w, hash);
    size_t n = wycheproof_hex(w, "uncompressed", point);
    report(w,
           read_pair(&pair) && cg_ecdsa_verify(curve, point, n, digest, cg_hash_size(hash), &pair));
}

static void p256_case(const struct wycheproof *w)
{
    ecdsa_case(w, CG_P256, CG_SHA256);
}

static void p384_case(const struct wycheproof *w)
{
    ecdsa_case(w, CG_P384, CG_SHA384);
}

static void p521_case(const struct wycheproof *w)
{
    ecdsa_case(w, CG_P521, CG_SHA512);
}

static void ed25519_case(const struct wycheproof *w)
{
    static uint8_t key[WYCHEPROOF_BYTES];
    read_case(w, CG_SHA512);
    assert_int_equal(wycheproof_hex(w, "pk", key), 32);
    report(w, cg_ed25519_verify(key, message, message_length, signature, signature_length));
}

struct file {
    const char *name;
    void (*test)(const struct wycheproof *w);
    unsigned good, bad; /* as counted in the files of the project's shared data */
};

static void run(void **state)
{
    const struct file *f = *state;
    good = bad = 0;
    if (wycheproof_run(f->name, f->test) == 0) {
        print_message("# no ../shared/data\n");
        skip();
    }
    assert_int_equal(good, f->good);
    assert_int_equal(bad, f->bad);
}

static struct file files[] = {
    {"rsa_signature_2048_sha256_test.json", pkcs1_case, 9, 250},
    {"rsa_pss_2048_sha256_mgf1_32_test.json", pss_case, 63, 45},
    {"dsa_2048_256_sha256_test.json", dsa_case, 82, 284},
    {"ecdsa_secp256r1_sha256_test.json", p256_case, 174, 310},
    {"ecdsa_secp384r1_sha384_test.json", p384_case, 194, 310},
    {"ecdsa_secp521r1_sha512_test.json", p521_case, 232, 310},
    {"ed25519_test.json", ed25519_case, 88, 63},
};

int main(void)
{
    enum { COUNT = sizeof files / sizeof *files };
    struct CMUnitTest tests[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        tests[i] = (struct CMUnitTest){files[i].name, run, NULL, NULL, &files[i]};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
