/* The containers of private keys: PKCS#1 (RFC 8017 A.1.2), PKCS#8 (RFC 5958), SEC 1 (RFC 5915), and
 * the one that OpenSSL has for DSA. */
#include <string.h>

#include "../../crypto_glue/cg_ct.h"
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

static bool read_rsa(struct x509_bytes der, struct x509_private_key *key, const char **why)
{
    key->kind = X509_KEY_RSA;
    return read_pkcs1(der, &key->rsa, why);
}

static bool read_curve(struct der *d, enum cg_curve *curve)
{
    struct x509_bytes oid;
    if (!der_oid(d, &oid))
        return false;
    switch (x509_oid_find(oid)) {
    case X509_OID_P256:
        *curve = CG_P256;
        return true;
    case X509_OID_P384:
        *curve = CG_P384;
        return true;
    case X509_OID_P521:
        *curve = CG_P521;
        return true;
    default:
        return false;
    }
}

/* curve: what the container around it says, or NULL. */
static bool read_ec(struct x509_bytes der, const enum cg_curve *curve, struct x509_private_key *key,
                    const char **why)
{
    struct der d = der_over(der), inside, parameters;
    struct x509_bytes scalar;
    enum cg_curve named;
    unsigned version;
    *why =
        "the EC private key is malformed, or its curve is not P-256, P-384 or P-521 (RFC 5915 3)";
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_done(&d) ||
        !der_small(&inside, 1, &version) || version != 1 ||
        !der_read(&inside, DER_OCTET_STRING, &scalar))
        return false;
    if (der_peek(&inside) == DER_CONTEXT(0)) {
        if (!der_enter(&inside, DER_CONTEXT(0), &parameters) || !read_curve(&parameters, &named) ||
            !der_done(&parameters) || (curve && *curve != named))
            return false;
        curve = &named;
    }
    if (!curve || !der_skip_optional(&inside, DER_CONTEXT(1)) || !der_done(&inside) ||
        scalar.length != cg_ec_bytes(*curve))
        return false;
    key->kind = X509_KEY_EC;
    key->ec.curve = *curve;
    key->ec.scalar = scalar.data;
    return true;
}

static bool read_dsa_parameters(struct der *d, struct cg_dsa_public *p)
{
    struct x509_bytes n[3];
    for (size_t i = 0; i < 3; i++)
        if (!der_unsigned(d, &n[i]))
            return false;
    *p = (struct cg_dsa_public){.p = n[0].data,
                                .p_length = n[0].length,
                                .q = n[1].data,
                                .q_length = n[1].length,
                                .g = n[2].data,
                                .g_length = n[2].length};
    return true;
}

static bool read_openssl_dsa(struct x509_bytes der, struct x509_private_key *key, const char **why)
{
    struct der d = der_over(der), inside;
    struct x509_bytes y;
    unsigned version;
    *why = "the DSA private key is malformed";
    key->kind = X509_KEY_DSA;
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_done(&d) ||
        !der_small(&inside, 0, &version) || !read_dsa_parameters(&inside, &key->dsa.parameters) ||
        !der_unsigned(&inside, &y) || !der_unsigned(&inside, &key->dsa.x) || !der_done(&inside))
        return false;
    key->dsa.parameters.y = y.data;
    key->dsa.parameters.y_length = y.length;
    return true;
}

/* RFC 5958, with the algorithm's parameters as for its public keys. */
static bool read_dsa(struct der *algorithm, struct x509_bytes der, struct x509_private_key *key,
                     const char **why)
{
    struct der d = der_over(der), parameters;
    *why = "the DSA private key is malformed (RFC 5958 2)";
    key->kind = X509_KEY_DSA;
    return der_enter(algorithm, DER_SEQUENCE, &parameters) && der_done(algorithm) &&
           read_dsa_parameters(&parameters, &key->dsa.parameters) && der_done(&parameters) &&
           der_unsigned(&d, &key->dsa.x) && der_done(&d);
}

static bool read_pkcs8(struct x509_bytes der, struct x509_private_key *key, const char **why)
{
    struct der d = der_over(der), info, algorithm;
    struct x509_bytes oid, content;
    enum cg_curve curve;
    unsigned version;
    *why = "the private key is malformed (RFC 5958 2)";
    if (!der_enter(&d, DER_SEQUENCE, &info) || !der_done(&d) || !der_small(&info, 1, &version) ||
        !der_enter(&info, DER_SEQUENCE, &algorithm) || !der_oid(&algorithm, &oid) ||
        !der_read(&info, DER_OCTET_STRING, &content) || !der_skip_optional(&info, DER_CONTEXT(0)) ||
        !der_skip_optional(&info, DER_CONTEXT_PRIMITIVE(1)) || !der_done(&info))
        return false;
    switch (x509_oid_find(oid)) {
    case X509_OID_RSA:
        return der_null(&algorithm) && der_done(&algorithm) && read_rsa(content, key, why);
    case X509_OID_EC:
        *why = "the private key's curve is not P-256, P-384 or P-521";
        return read_curve(&algorithm, &curve) && der_done(&algorithm) &&
               read_ec(content, &curve, key, why);
    case X509_OID_DSA:
        return read_dsa(&algorithm, content, key, why);
    case X509_OID_ED25519:
        *why = "TLS 1.0 cannot use an Ed25519 key (RFC 8422 5.10)";
        return false;
    default:
        *why = "the private key is of a kind that is not supported: use RSA, EC or DSA";
        return false;
    }
}

bool x509_private_key(const char *label, const uint8_t *der, size_t length,
                      struct x509_private_key *key, const char **why)
{
    struct x509_bytes bytes = {der, length};
    if (strcmp(label, "PRIVATE KEY") == 0)
        return read_pkcs8(bytes, key, why);
    if (strcmp(label, "RSA PRIVATE KEY") == 0)
        return read_rsa(bytes, key, why);
    if (strcmp(label, "EC PRIVATE KEY") == 0)
        return read_ec(bytes, NULL, key, why);
    if (strcmp(label, "DSA PRIVATE KEY") == 0)
        return read_openssl_dsa(bytes, key, why);
    *why = strcmp(label, "ENCRYPTED PRIVATE KEY") == 0
               ? "the key is encrypted with a passphrase; decrypt it with `openssl pkey`"
               : "this is no private key (PKCS#8, PKCS#1 or SEC 1)";
    return false;
}

bool x509_rsa_private_key(const char *label, const uint8_t *der, size_t length,
                          struct cg_rsa_private_parts *parts, const char **why)
{
    struct x509_private_key key;
    if (!x509_private_key(label, der, length, &key, why))
        return false;
    *why = "the private key is not an RSA key; only RSA is supported";
    if (key.kind != X509_KEY_RSA)
        return false;
    *parts = key.rsa;
    return true;
}

/* Public numbers, leading zeros aside. */
static bool same_number(const uint8_t *a, size_t a_length, const uint8_t *b, size_t b_length)
{
    for (; a_length > 0 && *a == 0; a_length--)
        a++;
    for (; b_length > 0 && *b == 0; b_length--)
        b++;
    return a_length == b_length && (a_length == 0 || memcmp(a, b, a_length) == 0);
}

static bool ec_fits(const struct x509_private_key *key, const struct x509_key *certified)
{
    uint8_t point[CG_EC_POINT_MAX];
    size_t n = cg_ec_point_bytes(key->ec.curve);
    struct cg_ec_key pair = {.curve = key->ec.curve};
    memcpy(pair.scalar, key->ec.scalar, cg_ec_bytes(key->ec.curve));
    bool fits = key->ec.curve == certified->curve && cg_ec_public(&pair, point) &&
                certified->point.length == n && memcmp(point, certified->point.data, n) == 0;
    cg_wipe(&pair, sizeof pair);
    return fits;
}

static bool dsa_fits(const struct cg_dsa_public *a, const struct cg_dsa_public *b)
{
    return same_number(a->p, a->p_length, b->p, b->p_length) &&
           same_number(a->q, a->q_length, b->q, b->q_length) &&
           same_number(a->g, a->g_length, b->g, b->g_length) &&
           (!a->y || same_number(a->y, a->y_length, b->y, b->y_length));
}

bool x509_private_key_fits(const struct x509_private_key *key, const struct x509_key *certified)
{
    if (key->kind != certified->kind)
        return false;
    if (key->kind == X509_KEY_RSA)
        return same_number(key->rsa.n, key->rsa.n_length, certified->rsa.n,
                           certified->rsa.n_length) &&
               same_number(key->rsa.e, key->rsa.e_length, certified->rsa.e,
                           certified->rsa.e_length);
    return key->kind == X509_KEY_EC ? ec_fits(key, certified)
                                    : dsa_fits(&key->dsa.parameters, &certified->dsa);
}
