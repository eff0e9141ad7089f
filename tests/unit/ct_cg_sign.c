/* Under valgrind: signing with DSA and ECDSA neither branches on nor indexes by key or nonce. What
 * is published on the way is the signature, the public key, and whether numbers are in range. As in
 * ct_cg_rsa.c, GMP's and Nettle's code for this CPU only. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto_glue/cg_sign.h"
#include "tests/unit/cg_hex.h"
#include "tests/unit/cg_rfc6979.h"

static int failed, number;

static void report(int good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
    failed += !good;
}

static int equals(const uint8_t *got, const char *expected)
{
    uint8_t bytes[CG_EC_BYTES_MAX];
    size_t n = cg_hex(expected, bytes);
    return memcmp(got, bytes, n) == 0;
}

static void dsa(void)
{
    uint8_t p[128], q[20], g[128], y[128], x[20], digest[20], r[20], s[20];
    struct cg_dsa_public key = {p,
                                q,
                                g,
                                y,
                                cg_hex(rfc6979_p, p),
                                cg_hex(rfc6979_q, q),
                                cg_hex(rfc6979_g, g),
                                cg_hex(rfc6979_y, y)};
    cg_hex(rfc6979_x, x);
    VALGRIND_MAKE_MEM_UNDEFINED(x, sizeof x);
    cg_hash_once(CG_SHA1, "sample", 6, digest);
    int good = cg_dsa_sign(&key, x, sizeof x, CG_SHA1, digest, r, s);
    report(good && equals(r, rfc6979_dsa[0].r) && equals(s, rfc6979_dsa[0].s), "DSA");
}

static void ecdsa(const struct rfc6979_ecdsa *v)
{
    uint8_t x[CG_EC_BYTES_MAX], digest[CG_HASH_MAX], r[CG_EC_BYTES_MAX], s[CG_EC_BYTES_MAX];
    size_t n = cg_hex(v->x, x);
    VALGRIND_MAKE_MEM_UNDEFINED(x, n);
    cg_hash_once(v->hash, "sample", 6, digest);
    int good = cg_ecdsa_sign(v->curve, x, v->hash, digest, r, s);
    report(good && equals(r, v->r) && equals(s, v->s), "ECDSA");
}

int main(void)
{
    dsa();
    for (size_t i = 0; i < sizeof rfc6979_ecdsa / sizeof *rfc6979_ecdsa; i++)
        ecdsa(&rfc6979_ecdsa[i]);
    printf("1..%d\n", number);
    return failed != 0;
}
