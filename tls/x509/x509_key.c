/* Public keys: read a SubjectPublicKeyInfo, judge what is inside. */
#include "x509_internal.h"

/* RFC 3279 2.3.1, RFC 4055 1.2. */
static x509_why read_rsa(struct x509_key *key, struct x509_bytes bits)
{
    struct der d = der_over(bits), inside;
    struct x509_bytes n, e;
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_done(&d) || !der_unsigned(&inside, &n) ||
        !der_unsigned(&inside, &e) || !der_done(&inside))
        return "an RSA key is malformed (RFC 3279 2.3.1)";
    key->rsa = (struct cg_rsa_public){n.data, e.data, n.length, e.length};
    return NULL;
}

/* RFC 3279 2.3.2: the parameters p, q, g; absent when they are those of the issuer's key. */
static x509_why read_dsa(struct x509_key *key, struct der *parameters, struct x509_bytes bits)
{
    static const char malformed[] = "a DSA key is malformed (RFC 3279 2.3.2)";
    struct der d = der_over(bits), inside;
    struct x509_bytes p = {NULL, 0}, q = p, g = p, y;
    if (!der_unsigned(&d, &y) || !der_done(&d))
        return malformed;
    if (!der_done(parameters) &&
        (!der_enter(parameters, DER_SEQUENCE, &inside) || !der_unsigned(&inside, &p) ||
         !der_unsigned(&inside, &q) || !der_unsigned(&inside, &g) || !der_done(&inside)))
        return malformed;
    key->dsa = (struct cg_dsa_public){p.data,   q.data,   g.data,   y.data,
                                      p.length, q.length, g.length, y.length};
    return NULL;
}

/* RFC 5480 2.1.1: named curves only. Other curves and written-out parameters (CVE-2020-0601) are
 * not supported. */
static void read_ec(struct x509_key *key, struct der *parameters, struct x509_bytes bits)
{
    struct x509_bytes oid;
    if (!der_oid(parameters, &oid) || !der_done(parameters))
        return;
    switch (x509_oid_find(oid)) {
    case X509_OID_P256:
        key->curve = CG_P256;
        break;
    case X509_OID_P384:
        key->curve = CG_P384;
        break;
    case X509_OID_P521:
        key->curve = CG_P521;
        break;
    default:
        return;
    }
    key->kind = X509_KEY_EC;
    key->point = bits;
}

x509_why x509_parse_public_key(struct x509_key *key, struct x509_bytes spki_whole)
{
    struct der d = der_over(spki_whole), spki, algorithm;
    struct x509_bytes oid, bits;
    key->kind = X509_KEY_UNSUPPORTED;
    if (!der_enter(&d, DER_SEQUENCE, &spki) || !der_enter(&spki, DER_SEQUENCE, &algorithm) ||
        !der_oid(&algorithm, &oid) || !der_bit_string(&spki, &bits) || !der_done(&spki))
        return "the public key is malformed (RFC 5280 4.1.2.7)";
    switch (x509_oid_find(oid)) {
    case X509_OID_RSA:
        if (!der_null(&algorithm) || !der_done(&algorithm))
            return "an RSA key has parameters other than NULL (RFC 3279 2.3.1)";
        key->kind = X509_KEY_RSA;
        return read_rsa(key, bits);
    case X509_OID_RSA_PSS:
        /* Parameters that narrow the key down to one hash and salt are not weighed: such a key is
         * left unsupported. */
        if (!der_done(&algorithm))
            return NULL;
        key->kind = X509_KEY_RSA_PSS;
        return read_rsa(key, bits);
    case X509_OID_DSA:
        key->kind = X509_KEY_DSA;
        return read_dsa(key, &algorithm, bits);
    case X509_OID_EC:
        read_ec(key, &algorithm, bits);
        return NULL;
    case X509_OID_ED25519:
        if (!der_done(&algorithm) || bits.length != 32)
            return "an Ed25519 key is malformed (RFC 8410 4)";
        key->kind = X509_KEY_ED25519;
        key->point = bits;
        return NULL;
    default:
        return NULL;
    }
}

bool x509_lacks_parameters(const struct x509_key *key)
{
    return key->kind == X509_KEY_DSA && !key->dsa.p;
}

bool x509_key_is_sane(const struct x509_key *key)
{
    switch (key->kind) {
    case X509_KEY_RSA:
    case X509_KEY_RSA_PSS:
        return cg_rsa_public_is_sane(&key->rsa);
    case X509_KEY_DSA:
        return !key->dsa.p || cg_dsa_public_is_sane(&key->dsa);
    case X509_KEY_EC:
        return cg_ec_point_is_valid(key->curve, key->point.data, key->point.length);
    case X509_KEY_ED25519:
        return true;
    default:
        return false;
    }
}

/* NIST SP 800-57 part 1, table 2. */
static unsigned strength_of_rsa(size_t bits)
{
    return bits >= 15360 ? 256 : bits >= 7680 ? 192 : bits >= 3072 ? 128 : bits >= 2048 ? 112 : 0;
}

bool x509_key_is_strong(const struct x509_key *key, unsigned rsa_bits)
{
    switch (key->kind) {
    case X509_KEY_RSA:
    case X509_KEY_RSA_PSS:
        return cg_rsa_bits(&key->rsa) >= rsa_bits;
    case X509_KEY_DSA:
        return !key->dsa.p || cg_dsa_bits(&key->dsa) >= rsa_bits;
    case X509_KEY_EC:
        return strength_of_rsa(rsa_bits) <= (key->curve == CG_P256   ? 128u
                                             : key->curve == CG_P384 ? 192u
                                                                     : 256u);
    default:
        return strength_of_rsa(rsa_bits) <= 128;
    }
}

const char *x509_key_words(const struct x509_key *key)
{
    static const char *const words[] = {
        [X509_KEY_RSA] = "RSA", [X509_KEY_RSA_PSS] = "RSA-PSS", [X509_KEY_DSA] = "DSA",
        [X509_KEY_EC] = "EC",   [X509_KEY_ED25519] = "Ed25519", [X509_KEY_UNSUPPORTED] = "unknown",
    };
    return words[key->kind];
}
