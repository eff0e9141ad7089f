/* The object identifiers that certificates, keys and revocation use: one table. */
#ifndef X509_OID_H
#define X509_OID_H

#include "bytes.h"

/* X(name, the encoded arcs) */
#define X509_OIDS(X)                                                                               \
    /* keys (RFC 3279, 4055, 5480, 8410) */                                                        \
    X(RSA, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01")                                                 \
    X(RSA_PSS, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a")                                             \
    X(DSA, "\x2a\x86\x48\xce\x38\x04\x01")                                                         \
    X(EC, "\x2a\x86\x48\xce\x3d\x02\x01")                                                          \
    X(ED25519, "\x2b\x65\x70")                                                                     \
    X(P256, "\x2a\x86\x48\xce\x3d\x03\x01\x07")                                                    \
    X(P384, "\x2b\x81\x04\x00\x22")                                                                \
    X(P521, "\x2b\x81\x04\x00\x23")                                                                \
    /* signatures */                                                                               \
    X(RSA_MD2, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x02")                                             \
    X(RSA_MD5, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x04")                                             \
    X(RSA_SHA1, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x05")                                            \
    X(RSA_SHA224, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0e")                                          \
    X(RSA_SHA256, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b")                                          \
    X(RSA_SHA384, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0c")                                          \
    X(RSA_SHA512, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0d")                                          \
    X(DSA_SHA1, "\x2a\x86\x48\xce\x38\x04\x03")                                                    \
    X(DSA_SHA224, "\x60\x86\x48\x01\x65\x03\x04\x03\x01")                                          \
    X(DSA_SHA256, "\x60\x86\x48\x01\x65\x03\x04\x03\x02")                                          \
    X(ECDSA_SHA1, "\x2a\x86\x48\xce\x3d\x04\x01")                                                  \
    X(ECDSA_SHA224, "\x2a\x86\x48\xce\x3d\x04\x03\x01")                                            \
    X(ECDSA_SHA256, "\x2a\x86\x48\xce\x3d\x04\x03\x02")                                            \
    X(ECDSA_SHA384, "\x2a\x86\x48\xce\x3d\x04\x03\x03")                                            \
    X(ECDSA_SHA512, "\x2a\x86\x48\xce\x3d\x04\x03\x04")                                            \
    X(MGF1, "\x2a\x86\x48\x86\xf7\x0d\x01\x01\x08")                                                \
    X(SHA1, "\x2b\x0e\x03\x02\x1a")                                                                \
    X(SHA224, "\x60\x86\x48\x01\x65\x03\x04\x02\x04")                                              \
    X(SHA256, "\x60\x86\x48\x01\x65\x03\x04\x02\x01")                                              \
    X(SHA384, "\x60\x86\x48\x01\x65\x03\x04\x02\x02")                                              \
    X(SHA512, "\x60\x86\x48\x01\x65\x03\x04\x02\x03")                                              \
    /* extensions (RFC 5280 4.2, 5.2, 5.3; RFC 7633) */                                            \
    X(SUBJECT_KEY_ID, "\x55\x1d\x0e")                                                              \
    X(KEY_USAGE, "\x55\x1d\x0f")                                                                   \
    X(SUBJECT_ALT_NAME, "\x55\x1d\x11")                                                            \
    X(ISSUER_ALT_NAME, "\x55\x1d\x12")                                                             \
    X(BASIC_CONSTRAINTS, "\x55\x1d\x13")                                                           \
    X(CRL_NUMBER, "\x55\x1d\x14")                                                                  \
    X(CRL_REASON, "\x55\x1d\x15")                                                                  \
    X(INVALIDITY_DATE, "\x55\x1d\x18")                                                             \
    X(DELTA_CRL, "\x55\x1d\x1b")                                                                   \
    X(ISSUING_DISTRIBUTION_POINT, "\x55\x1d\x1c")                                                  \
    X(CERTIFICATE_ISSUER, "\x55\x1d\x1d")                                                          \
    X(NAME_CONSTRAINTS, "\x55\x1d\x1e")                                                            \
    X(CRL_DISTRIBUTION_POINTS, "\x55\x1d\x1f")                                                     \
    X(CERTIFICATE_POLICIES, "\x55\x1d\x20")                                                        \
    X(ANY_POLICY, "\x55\x1d\x20\x00")                                                              \
    X(POLICY_MAPPINGS, "\x55\x1d\x21")                                                             \
    X(AUTHORITY_KEY_ID, "\x55\x1d\x23")                                                            \
    X(POLICY_CONSTRAINTS, "\x55\x1d\x24")                                                          \
    X(EXTENDED_KEY_USAGE, "\x55\x1d\x25")                                                          \
    X(ANY_KEY_USAGE, "\x55\x1d\x25\x00")                                                           \
    X(FRESHEST_CRL, "\x55\x1d\x2e")                                                                \
    X(INHIBIT_ANY_POLICY, "\x55\x1d\x36")                                                          \
    X(AUTHORITY_INFO_ACCESS, "\x2b\x06\x01\x05\x05\x07\x01\x01")                                   \
    X(TLS_FEATURE, "\x2b\x06\x01\x05\x05\x07\x01\x18")                                             \
    /* purposes (RFC 5280 4.2.1.12) */                                                             \
    X(SERVER_AUTH, "\x2b\x06\x01\x05\x05\x07\x03\x01")                                             \
    X(CLIENT_AUTH, "\x2b\x06\x01\x05\x05\x07\x03\x02")                                             \
    X(OCSP_SIGNING, "\x2b\x06\x01\x05\x05\x07\x03\x09")                                            \
    X(OCSP_BASIC, "\x2b\x06\x01\x05\x05\x07\x30\x01\x01")                                          \
    X(POLICY_CPS, "\x2b\x06\x01\x05\x05\x07\x02\x01")                                              \
    X(POLICY_NOTICE, "\x2b\x06\x01\x05\x05\x07\x02\x02")                                           \
    /* attributes of names (RFC 4519, RFC 2985) */                                                 \
    X(AT_COMMON_NAME, "\x55\x04\x03")                                                              \
    X(AT_SURNAME, "\x55\x04\x04")                                                                  \
    X(AT_SERIAL_NUMBER, "\x55\x04\x05")                                                            \
    X(AT_COUNTRY, "\x55\x04\x06")                                                                  \
    X(AT_LOCALITY, "\x55\x04\x07")                                                                 \
    X(AT_STATE, "\x55\x04\x08")                                                                    \
    X(AT_STREET, "\x55\x04\x09")                                                                   \
    X(AT_ORGANIZATION, "\x55\x04\x0a")                                                             \
    X(AT_UNIT, "\x55\x04\x0b")                                                                     \
    X(AT_TITLE, "\x55\x04\x0c")                                                                    \
    X(AT_GIVEN_NAME, "\x55\x04\x2a")                                                               \
    X(AT_DOMAIN, "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19")                                       \
    X(AT_USER, "\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01")                                         \
    X(AT_EMAIL, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01")

enum x509_oid {
    X509_OID_UNKNOWN,
#define X(name, arcs) X509_OID_##name,
    X509_OIDS(X)
#undef X
        X509_OID_COUNT
};

/* content: an OBJECT IDENTIFIER's content. */
enum x509_oid x509_oid_find(struct x509_bytes content);
struct x509_bytes x509_oid_bytes(enum x509_oid oid);

#endif
