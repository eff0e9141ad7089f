/* The containers of private keys: PKCS#1 (RFC 8017 A.1.2) and PKCS#8 (RFC 5208, RFC 5958). */
#include <string.h>

#include "pem.h"
#include "x509_internal.h"

static bool read_pkcs1(struct x509_bytes der, struct cg_rsa_private_parts *p, const char **why)
{
    struct der d = der_over(der), key;
    struct x509_bytes part[8];
    unsigned version;
    *why = "the RSA private key is malformed (RFC 8017 A.1.2)";
    if (!der_enter(&d, DER_SEQUENCE, &key) || !der_done(&d) || !der_small(&key, 1, &version))
        return false;
    if (version != 0) {
        *why = "the RSA private key has more than two primes, which is not supported";
        return false;
    }
    for (size_t i = 0; i < 8; i++)
        if (!der_unsigned(&key, &part[i]) || part[i].length == 0)
            return false;
    if (!der_done(&key))
        return false;
    *p = (struct cg_rsa_private_parts){.n = part[0].data,
                                       .n_length = part[0].length,
                                       .e = part[1].data,
                                       .e_length = part[1].length,
                                       .d = part[2].data,
                                       .d_length = part[2].length,
                                       .p = part[3].data,
                                       .p_length = part[3].length,
                                       .q = part[4].data,
                                       .q_length = part[4].length,
                                       .dp = part[5].data,
                                       .dp_length = part[5].length,
                                       .dq = part[6].data,
                                       .dq_length = part[6].length,
                                       .qinv = part[7].data,
                                       .qinv_length = part[7].length};
    return true;
}

static bool read_pkcs8(struct x509_bytes der, struct cg_rsa_private_parts *p, const char **why)
{
    struct der d = der_over(der), info, algorithm;
    struct x509_bytes oid, key;
    unsigned version;
    *why = "the private key is malformed (RFC 5958 2)";
    if (!der_enter(&d, DER_SEQUENCE, &info) || !der_done(&d) || !der_small(&info, 1, &version) ||
        !der_enter(&info, DER_SEQUENCE, &algorithm) || !der_oid(&algorithm, &oid) ||
        !der_read(&info, DER_OCTET_STRING, &key) || !der_skip_optional(&info, DER_CONTEXT(0)) ||
        !der_skip_optional(&info, DER_CONTEXT_PRIMITIVE(1)) || !der_done(&info))
        return false;
    if (x509_oid_find(oid) != X509_OID_RSA) {
        *why = "the private key is not an RSA key; only RSA is supported";
        return false;
    }
    if (!der_null(&algorithm) || !der_done(&algorithm))
        return false;
    return read_pkcs1(key, p, why);
}

bool x509_rsa_private_key(const char *label, const uint8_t *der, size_t length,
                          struct cg_rsa_private_parts *parts, const char **why)
{
    struct x509_bytes bytes = {der, length};
    if (strcmp(label, "RSA PRIVATE KEY") == 0)
        return read_pkcs1(bytes, parts, why);
    if (strcmp(label, "PRIVATE KEY") == 0)
        return read_pkcs8(bytes, parts, why);
    *why = strcmp(label, "ENCRYPTED PRIVATE KEY") == 0
               ? "the key is encrypted with a passphrase; decrypt it with `openssl pkey`"
               : "this is no RSA private key (PKCS#1 or PKCS#8)";
    return false;
}
