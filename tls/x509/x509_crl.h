/* Certificate revocation lists (RFC 5280 5): read, and look a certificate up. Which list says what
 * about which certificate, and who may sign it, is x509_verify's to judge. */
#ifndef X509_CRL_H
#define X509_CRL_H

#include "x509.h"

/* Reasons, by bit of ReasonFlags (RFC 5280 4.2.1.13); bit 0 is unused. */
enum { X509_REASONS_ALL = 0x1fe };

struct x509_crl {
    struct x509_bytes der;       /* the whole */
    struct x509_bytes tbs;       /* what the signature covers */
    struct x509_bytes issuer;    /* Name, whole TLV */
    struct x509_bytes signature; /* BIT STRING content */
    struct x509_bytes revoked;   /* SEQUENCE content of the entries; absent when there are none */
    struct x509_bytes authority_key_id;
    struct x509_bytes number, base_number; /* magnitudes; base_number.data: this is a delta */
    struct x509_bytes scope;               /* issuingDistributionPoint, whole extnValue */
    struct x509_bytes point;               /* of that: DistributionPointName, absent for all */
    struct x509_algorithm signature_algorithm;
    int64_t this_update, next_update;
    uint16_t reasons; /* that it covers */
    bool has_next_update;
    bool only_users, only_cas, only_attributes, is_indirect;
    bool has_unknown_critical; /* in the list or any entry: it must not be used */
};

/* Parses exactly one CRL of strict DER. On failure returns TLS_ERROR_CERT_PARSE and sets *why to a
 * static phrase. The views point into der. */
enum tls_error x509_crl_parse(struct x509_crl *crl, const uint8_t *der, size_t length,
                              const char **why);

enum { X509_CRL_REMOVE = 8 /* removeFromCRL, in deltas */ };

/* The entry for that serial number of that issuer. False when there is none; *reason is its
 * CRLReason (RFC 5280 5.3.1), 0 when it gives none. */
bool x509_crl_find(const struct x509_crl *crl, struct x509_bytes issuer, struct x509_bytes serial,
                   unsigned *reason);

#endif
