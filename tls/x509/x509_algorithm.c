/* Signature algorithms: which there are, their parameters, and checking a signature. */
#include "x509_internal.h"

#include "../../crypto_glue/cg_hash.h"

static const struct {
    enum x509_oid oid;
    enum x509_key_kind key;
    enum cg_hash_id hash;
} algorithms[] = {
    [X509_SIG_RSA_MD5] = {X509_OID_RSA_MD5, X509_KEY_RSA, CG_MD5},
    [X509_SIG_RSA_SHA1] = {X509_OID_RSA_SHA1, X509_KEY_RSA, CG_SHA1},
    [X509_SIG_RSA_SHA224] = {X509_OID_RSA_SHA224, X509_KEY_RSA, CG_SHA224},
    [X509_SIG_RSA_SHA256] = {X509_OID_RSA_SHA256, X509_KEY_RSA, CG_SHA256},
    [X509_SIG_RSA_SHA384] = {X509_OID_RSA_SHA384, X509_KEY_RSA, CG_SHA384},
    [X509_SIG_RSA_SHA512] = {X509_OID_RSA_SHA512, X509_KEY_RSA, CG_SHA512},
    [X509_SIG_RSA_PSS] = {X509_OID_RSA_PSS, X509_KEY_RSA_PSS, CG_SHA256},
    [X509_SIG_DSA_SHA1] = {X509_OID_DSA_SHA1, X509_KEY_DSA, CG_SHA1},
    [X509_SIG_DSA_SHA224] = {X509_OID_DSA_SHA224, X509_KEY_DSA, CG_SHA224},
    [X509_SIG_DSA_SHA256] = {X509_OID_DSA_SHA256, X509_KEY_DSA, CG_SHA256},
    [X509_SIG_ECDSA_SHA1] = {X509_OID_ECDSA_SHA1, X509_KEY_EC, CG_SHA1},
    [X509_SIG_ECDSA_SHA224] = {X509_OID_ECDSA_SHA224, X509_KEY_EC, CG_SHA224},
    [X509_SIG_ECDSA_SHA256] = {X509_OID_ECDSA_SHA256, X509_KEY_EC, CG_SHA256},
    [X509_SIG_ECDSA_SHA384] = {X509_OID_ECDSA_SHA384, X509_KEY_EC, CG_SHA384},
    [X509_SIG_ECDSA_SHA512] = {X509_OID_ECDSA_SHA512, X509_KEY_EC, CG_SHA512},
    [X509_SIG_ED25519] = {X509_OID_ED25519, X509_KEY_ED25519, CG_SHA512},
};

static bool read_hash(struct der *d, enum cg_hash_id *hash)
{
    struct der inside;
    struct x509_bytes oid;
    if (!der_enter(d, DER_SEQUENCE, &inside) || !der_oid(&inside, &oid) ||
        !(der_done(&inside) || (der_null(&inside) && der_done(&inside))))
        return false;
    switch (x509_oid_find(oid)) {
    case X509_OID_SHA1:
        *hash = CG_SHA1;
        return true;
    case X509_OID_SHA224:
        *hash = CG_SHA224;
        return true;
    case X509_OID_SHA256:
        *hash = CG_SHA256;
        return true;
    case X509_OID_SHA384:
        *hash = CG_SHA384;
        return true;
    case X509_OID_SHA512:
        *hash = CG_SHA512;
        return true;
    default:
        return false;
    }
}

/* RSASSA-PSS-params, RFC 4055 3.1: the defaults are SHA-1, MGF1 with SHA-1 and 20. */
static bool read_pss(struct der *d, struct x509_algorithm *a)
{
    struct der params, field, mgf;
    struct x509_bytes oid;
    unsigned trailer = 1;
    a->hash = a->mgf_hash = CG_SHA1;
    a->salt_length = 20;
    if (!der_enter(d, DER_SEQUENCE, &params))
        return false;
    if (der_peek(&params) == DER_CONTEXT(0) && !(der_enter(&params, DER_CONTEXT(0), &field) &&
                                                 read_hash(&field, &a->hash) && der_done(&field)))
        return false;
    if (der_peek(&params) == DER_CONTEXT(1) &&
        !(der_enter(&params, DER_CONTEXT(1), &field) && der_enter(&field, DER_SEQUENCE, &mgf) &&
          der_oid(&mgf, &oid) && x509_oid_find(oid) == X509_OID_MGF1 &&
          read_hash(&mgf, &a->mgf_hash) && der_done(&mgf) && der_done(&field)))
        return false;
    if (der_peek(&params) == DER_CONTEXT(2) &&
        !(der_enter(&params, DER_CONTEXT(2), &field) &&
          der_small(&field, CG_RSA_PUBLIC_BYTES_MAX, &a->salt_length) && der_done(&field)))
        return false;
    if (der_peek(&params) == DER_CONTEXT(3) &&
        !(der_enter(&params, DER_CONTEXT(3), &field) && der_small(&field, 1, &trailer) &&
          der_done(&field)))
        return false;
    return trailer == 1 && der_done(&params);
}

/* PKCS#1 v1.5: NULL, or nothing (RFC 4055 5 asks to accept both). The rest: nothing. */
static bool read_parameters(struct der *d, struct x509_algorithm *a)
{
    if (a->id == X509_SIG_RSA_PSS)
        return read_pss(d, a);
    return algorithms[a->id].key != X509_KEY_RSA || der_done(d) || der_null(d);
}

void x509_parse_algorithm(struct x509_algorithm *a, struct x509_bytes whole)
{
    struct der d = der_over(whole), inside;
    struct x509_bytes oid;
    *a = (struct x509_algorithm){.id = X509_SIG_UNSUPPORTED};
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_oid(&inside, &oid))
        return;
    enum x509_oid found = x509_oid_find(oid);
    for (size_t i = 0; i < sizeof algorithms / sizeof algorithms[0]; i++) {
        if (algorithms[i].oid != found)
            continue;
        a->id = (enum x509_signature)i;
        a->hash = algorithms[i].hash;
        if (!read_parameters(&inside, a) || !der_done(&inside))
            a->id = X509_SIG_UNSUPPORTED;
        return;
    }
}

bool x509_parse_hash(struct x509_bytes algorithm_whole, enum cg_hash_id *hash)
{
    struct der d = der_over(algorithm_whole);
    return read_hash(&d, hash) && der_done(&d);
}

bool x509_allows_algorithm(const struct x509_algorithm *a, const struct x509_rules *rules)
{
    return a->id != X509_SIG_UNSUPPORTED && a->id != X509_SIG_RSA_MD5 &&
           (rules->allow_sha1 || !x509_is_sha1(a));
}

bool x509_is_sha1(const struct x509_algorithm *a)
{
    return a->id < X509_SIG_UNSUPPORTED && a->id != X509_SIG_ED25519 && a->hash == CG_SHA1;
}

/* RFC 3279 2.2.2 and 2.2.3: SEQUENCE of r and s. */
static bool read_pair(struct x509_bytes signature, struct cg_signature *pair)
{
    struct der d = der_over(signature), inside;
    struct x509_bytes r, s;
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_done(&d) || !der_unsigned(&inside, &r) ||
        !der_unsigned(&inside, &s) || !der_done(&inside))
        return false;
    *pair = (struct cg_signature){r.data, s.data, r.length, s.length};
    return true;
}

bool x509_signature_holds(const struct x509_key *key, const struct x509_algorithm *a,
                          struct x509_bytes message, struct x509_bytes signature)
{
    uint8_t digest[CG_HASH_MAX];
    struct cg_signature pair;
    if (a->id >= X509_SIG_UNSUPPORTED || x509_lacks_parameters(key) || !x509_key_is_sane(key))
        return false;
    enum x509_key_kind wanted = algorithms[a->id].key;
    if (key->kind != wanted && !(wanted == X509_KEY_RSA_PSS && key->kind == X509_KEY_RSA))
        return false;
    if (wanted == X509_KEY_ED25519)
        return cg_ed25519_verify(key->point.data, message.data, message.length, signature.data,
                                 signature.length);
    cg_hash_once(a->hash, message.data, message.length, digest);
    if (wanted == X509_KEY_RSA)
        return cg_rsa_verify_digest(&key->rsa, a->hash, digest, signature.data, signature.length);
    if (wanted == X509_KEY_RSA_PSS)
        return cg_rsa_verify_pss(&key->rsa, a->hash, a->mgf_hash, a->salt_length, digest,
                                 signature.data, signature.length);
    if (!read_pair(signature, &pair))
        return false;
    return wanted == X509_KEY_DSA ? cg_dsa_verify(&key->dsa, digest, cg_hash_size(a->hash), &pair)
                                  : cg_ecdsa_verify(key->curve, key->point.data, key->point.length,
                                                    digest, cg_hash_size(a->hash), &pair);
}
