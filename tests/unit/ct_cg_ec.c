/* Under valgrind: neither private key nor shared secret decides a branch or an index, on any curve,
 * but for two questions: whether a drawn scalar is in range, and whether X25519 gave zeros. As in
 * ct_cg_rsa.c, GMP's code for this CPU only. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto_glue/cg_ec.h"
#include "crypto_glue/cg_random.h"

static bool secret_random(void *out, size_t n)
{
    memset(out, 0x5a, n);
    VALGRIND_MAKE_MEM_UNDEFINED(out, n);
    return true;
}

static int agree(enum cg_curve curve)
{
    uint8_t point[CG_EC_POINT_MAX], z[CG_EC_BYTES_MAX], again[CG_EC_BYTES_MAX];
    struct cg_ec_key key;
    size_t n = cg_ec_point_bytes(curve), z_length = cg_ec_bytes(curve);
    cg_random_for_tests = secret_random;
    int good = cg_ec_make(curve, &key, point);
    cg_random_for_tests = NULL;
    VALGRIND_MAKE_MEM_DEFINED(point, n);
    good = good && cg_ec_shared(&key, point, n, z);
    VALGRIND_MAKE_MEM_DEFINED(&key, sizeof key);
    VALGRIND_MAKE_MEM_DEFINED(z, z_length);
    good = good && cg_ec_shared(&key, point, n, again);
    return good && memcmp(z, again, z_length) == 0;
}

int main(void)
{
    int failed = 0;
    printf("1..%d\n", CG_CURVE_COUNT);
    for (enum cg_curve curve = 0; curve < CG_CURVE_COUNT; curve++) {
        int good = agree(curve);
        printf("%sok %d - curve %d\n", good ? "" : "not ", (int)curve + 1, (int)curve);
        failed |= !good;
    }
    return failed;
}
