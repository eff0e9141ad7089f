/* The cipher suites (RFC 2246 A.5, RFC 3268, RFC 4492 6), one row each, in the order that a
 * configuration without a wish of its own offers them: forward secrecy first. */
#include <string.h>

#include "tls.h"

static const struct tls_suite suites[] = {
    // clang-format off
    {0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA", TLS_KX_ECDHE_ECDSA, CG_AES128_CBC, CG_SHA1, 128},
    {0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA", TLS_KX_ECDHE_ECDSA, CG_AES256_CBC, CG_SHA1, 256},
    {0xc008, "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-ECDSA-DES-CBC3-SHA", TLS_KX_ECDHE_ECDSA, CG_3DES_EDE_CBC, CG_SHA1, 112},
    {0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA", TLS_KX_ECDHE_RSA, CG_AES128_CBC, CG_SHA1, 128},
    {0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA", TLS_KX_ECDHE_RSA, CG_AES256_CBC, CG_SHA1, 256},
    {0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA", TLS_KX_ECDHE_RSA, CG_3DES_EDE_CBC, CG_SHA1, 112},
    {0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", "DHE-RSA-AES128-SHA", TLS_KX_DHE_RSA, CG_AES128_CBC, CG_SHA1, 128},
    {0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", "DHE-RSA-AES256-SHA", TLS_KX_DHE_RSA, CG_AES256_CBC, CG_SHA1, 256},
    {0x0016, "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "DHE-RSA-DES-CBC3-SHA", TLS_KX_DHE_RSA, CG_3DES_EDE_CBC, CG_SHA1, 112},
    {0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", "DHE-DSS-AES128-SHA", TLS_KX_DHE_DSS, CG_AES128_CBC, CG_SHA1, 128},
    {0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", "DHE-DSS-AES256-SHA", TLS_KX_DHE_DSS, CG_AES256_CBC, CG_SHA1, 256},
    {0x0013, "TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA", "DHE-DSS-DES-CBC3-SHA", TLS_KX_DHE_DSS, CG_3DES_EDE_CBC, CG_SHA1, 112},
    {0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA", TLS_KX_RSA, CG_AES128_CBC, CG_SHA1, 128},
    {0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA", TLS_KX_RSA, CG_AES256_CBC, CG_SHA1, 256},
    {0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA", TLS_KX_RSA, CG_3DES_EDE_CBC, CG_SHA1, 112},
    {0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "AECDH-AES128-SHA", TLS_KX_ECDH_ANON, CG_AES128_CBC, CG_SHA1, 128},
    {0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", "AECDH-AES256-SHA", TLS_KX_ECDH_ANON, CG_AES256_CBC, CG_SHA1, 256},
    {0xc017, "TLS_ECDH_anon_WITH_3DES_EDE_CBC_SHA", "AECDH-DES-CBC3-SHA", TLS_KX_ECDH_ANON, CG_3DES_EDE_CBC, CG_SHA1, 112},
    {0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", "ADH-AES128-SHA", TLS_KX_DH_ANON, CG_AES128_CBC, CG_SHA1, 128},
    {0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", "ADH-AES256-SHA", TLS_KX_DH_ANON, CG_AES256_CBC, CG_SHA1, 256},
    {0x001b, "TLS_DH_anon_WITH_3DES_EDE_CBC_SHA", "ADH-DES-CBC3-SHA", TLS_KX_DH_ANON, CG_3DES_EDE_CBC, CG_SHA1, 112},
    // clang-format on
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
