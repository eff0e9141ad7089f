/* Under valgrind: neither the exponent nor the shared secret decides a branch or an index, but for
 * the one question whether the secret is 1. As in ct_cg_rsa.c, GMP's code for this CPU only. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto_glue/cg_dh.h"
#include "crypto_glue/cg_random.h"

static bool secret_random(void *out, size_t n)
{
    memset(out, 0x5a, n);
    VALGRIND_MAKE_MEM_UNDEFINED(out, n);
    return true;
}

static int agree(const struct cg_dh_group *group)
{
    uint8_t public_value[512], z[512], again[512];
    struct cg_dh_key key;
    size_t n = group->p_length;
    cg_random_for_tests = secret_random;
    int good = cg_dh_make(group, &key, public_value);
    cg_random_for_tests = NULL;
    VALGRIND_MAKE_MEM_DEFINED(public_value, n);
    good = good && cg_dh_shared(group, &key, public_value, n, z);
    VALGRIND_MAKE_MEM_DEFINED(&key, sizeof key);
    VALGRIND_MAKE_MEM_DEFINED(z, n);
    good = good && cg_dh_shared(group, &key, public_value, n, again);
    return good && memcmp(z, again, n) == 0;
}

int main(void)
{
    static const uint8_t two[] = {2};
    uint8_t p[128];
    memset(p, 0xf1, sizeof p);
    const struct cg_dh_group unknown = {p, two, sizeof p, 1};
    int known_good = agree(&cg_dh_groups[CG_FFDHE2048]);
    int unknown_good = agree(&unknown);
    printf("%sok 1 - a known group\n", known_good ? "" : "not ");
    printf("%sok 2 - an unknown group, with a long exponent\n1..2\n", unknown_good ? "" : "not ");
    return !known_good || !unknown_good;
}
