/* Keys and signature algorithms: read them, name them, check a signature. */
#include "x509_internal.h"

#include "../../crypto_glue/cg_hash.h"

static const struct {
    enum x509_oid oid;
    enum cg_hash_id hash;
    const char *words;
} signatures[] = {
    [X509_SIG_RSA_MD5] = {X509_OID_RSA_MD5, CG_MD5, "RSA with MD5"},
    [X509_SIG_RSA_SHA1] = {X509_OID_RSA_SHA1, CG_SHA1, "RSA with SHA-1"},
    [X509_SIG_RSA_SHA224] = {X509_OID_RSA_SHA224, CG_SHA224, "RSA with SHA-224"},
    [X509_SIG_RSA_SHA256] = {X509_OID_RSA_SHA256, CG_SHA256, "RSA with SHA-256"},
    [X509_SIG_RSA_SHA384] = {X509_OID_RSA_SHA384, CG_SHA384, "RSA with SHA-384"},
    [X509_SIG_RSA_SHA512] = {X509_OID_RSA_SHA512, CG_SHA512, "RSA with SHA-512"},
};

enum x509_signature x509_signature_algorithm(struct x509_bytes algorithm_whole)
{
    struct der d = der_over(algorithm_whole), inside;
    struct x509_bytes oid;
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_oid(&inside, &oid))
        return X509_SIG_UNSUPPORTED;
    enum x509_oid found = x509_oid_find(oid);
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        if (signatures[i].oid != found)
            continue;
        /* NULL, or nothing: RFC 4055 5 asks to accept both. */
        return (der_done(&inside) || der_null(&inside)) && der_done(&inside)
                   ? (enum x509_signature)i
                   : X509_SIG_UNSUPPORTED;
    }
    return X509_SIG_UNSUPPORTED;
}

const char *x509_signature_words(enum x509_signature algorithm)
{
    return algorithm < X509_SIG_UNSUPPORTED ? signatures[algorithm].words : "an unknown algorithm";
}

/* RFC 3279 2.3.1. */
static x509_why parse_rsa(struct x509_key *key, struct der *parameters, struct x509_bytes bits)
{
    struct der d = der_over(bits), inside;
    struct x509_bytes n, e;
    if (!der_null(parameters) || !der_done(parameters))
        return "an RSA key has parameters other than NULL (RFC 3279 2.3.1)";
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_done(&d) || !der_unsigned(&inside, &n) ||
        !der_unsigned(&inside, &e) || !der_done(&inside))
        return "an RSA key is malformed (RFC 3279 2.3.1)";
    key->kind = X509_KEY_RSA;
    key->rsa = (struct cg_rsa_public){n.data, e.data, n.length, e.length};
    return NULL;
}

x509_why x509_parse_public_key(struct x509_key *key, struct x509_bytes spki_whole)
{
    struct der d = der_over(spki_whole), spki, algorithm;
    struct x509_bytes oid, bits;
    key->kind = X509_KEY_UNSUPPORTED;
    if (!der_enter(&d, DER_SEQUENCE, &spki) || !der_enter(&spki, DER_SEQUENCE, &algorithm) ||
        !der_oid(&algorithm, &oid) || !der_bit_string(&spki, &bits) || !der_done(&spki))
        return "the public key is malformed (RFC 5280 4.1.2.7)";
    if (x509_oid_find(oid) == X509_OID_RSA)
        return parse_rsa(key, &algorithm, bits);
    return NULL;
}

unsigned x509_key_bits(const struct x509_key *key)
{
    return key->kind == X509_KEY_RSA ? (unsigned)cg_rsa_bits(&key->rsa) : 0;
}

bool x509_signature_holds(const struct x509_key *key, enum x509_signature algorithm,
                          struct x509_bytes signed_bytes, struct x509_bytes signature)
{
    uint8_t digest[CG_HASH_MAX];
    if (algorithm >= X509_SIG_UNSUPPORTED || key->kind != X509_KEY_RSA ||
        !cg_rsa_public_is_sane(&key->rsa))
        return false;
    cg_hash_once(signatures[algorithm].hash, signed_bytes.data, signed_bytes.length, digest);
    return cg_rsa_verify_digest(&key->rsa, signatures[algorithm].hash, digest, signature.data,
                                signature.length);
}
