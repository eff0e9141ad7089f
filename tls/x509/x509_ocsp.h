/* OCSP responses (RFC 6960), as a peer staples them to its certificate (RFC 6066 8). */
#ifndef X509_OCSP_H
#define X509_OCSP_H

#include "x509.h"

enum x509_ocsp {
    X509_OCSP_GOOD,
    X509_OCSP_REVOKED,
    X509_OCSP_SILENT /* about another certificate, out of date, unsigned, malformed, "unknown" */
};

/* What a response (a DER OCSPResponse of at most 64 KiB) says of cert, which issuer has issued. It
 * counts when it is current (thisUpdate and nextUpdate around rules->now; without a nextUpdate it
 * is out of date at once), and is signed by the issuer, or by a certificate inside of it that the
 * issuer itself has issued for OCSPSigning (RFC 6960 4.2.2.2). Signature algorithms and keys must
 * be what rules allow. At most three signatures are checked. *why is a phrase for what is wrong
 * when the answer is X509_OCSP_SILENT. */
/* Of cert only the serial number is looked at, of issuer only what x509_ocsp_issuer fills in. */
enum x509_ocsp x509_ocsp_check(struct x509_bytes response, const struct x509_certificate *cert,
                               const struct x509_certificate *issuer,
                               const struct x509_rules *rules, const char **why);

/* Until when the response is in date, for the certificate that it is about; 0 when it does not say
 * so, or is malformed. */
int64_t x509_ocsp_until(struct x509_bytes response, const struct x509_certificate *cert,
                        const struct x509_certificate *issuer);

/* An issuer of whom only the name (a whole Name) and the SubjectPublicKeyInfo have been kept. */
bool x509_ocsp_issuer(struct x509_certificate *issuer, struct x509_bytes name,
                      struct x509_bytes public_key);

#endif
