/* The cipher suites (RFC 2246 A.5, RFC 3268), one row each, in the order that a configuration
 * without a wish of its own offers them. */
#include <string.h>

#include "tls.h"

static const struct tls_suite suites[] = {
    {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", TLS_KX_RSA, CG_AES128_CBC, CG_SHA1, 128},
    {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", TLS_KX_RSA, CG_AES256_CBC, CG_SHA1, 256},
    {0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA", TLS_KX_RSA, CG_3DES_EDE_CBC, CG_SHA1,
     112},
};

enum { SUITE_COUNT = sizeof suites / sizeof suites[0] };
_Static_assert(SUITE_COUNT <= (size_t)TLS_SUITES_MAX, "a configuration can name every suite");

static bool is_name(const char *name, size_t length, const char *known)
{
    return strlen(known) == length && memcmp(name, known, length) == 0;
}

const struct tls_suite *tls_suite_by_id(uint16_t id)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (suites[i].id == id) {
            return &suites[i];
        }
    }
    return NULL;
}

const struct tls_suite *tls_suite_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < SUITE_COUNT; i++) {
        if (is_name(name, length, suites[i].name) || is_name(name, length, suites[i].alias)) {
            return &suites[i];
        }
    }
    return NULL;
}

const struct tls_suite *tls_suite_at(size_t index)
{
    return index < SUITE_COUNT ? &suites[index] : NULL;
}
