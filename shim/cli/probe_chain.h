/* The certificates that a peer shows. */
#ifndef SHIM_CLI_PROBE_CHAIN_H
#define SHIM_CLI_PROBE_CHAIN_H

#include "../../tls/x509/x509.h"

enum { PROBE_PIN_TEXT = 56, PROBE_KEY_TEXT = 40 };

struct probe_chain {
    struct x509_certificate list[X509_CHAIN_MAX]; /* views into the answer */
    size_t count;
    const char *broken; /* why the certificate behind the last one cannot be read; or NULL */
};

/* list: as in Certificate (RFC 2246 7.4.2). */
void chain_read(struct probe_chain *chain, struct x509_bytes list);

/* "RSA of 2048 bits", "EC on P-256". */
const char *chain_key_text(const struct x509_key *key, char out[PROBE_KEY_TEXT]);
/* Its strength in bits, by NIST SP 800-57 part 1, table 2; 0 when it is not known. */
unsigned chain_key_bits(const struct x509_key *key);
/* Of an RSA modulus of this length, or a DH group's prime. */
unsigned chain_modulus_bits(unsigned modulus);
/* Bits of an RSA modulus or DSA prime; 0 for others. */
unsigned chain_modulus(const struct x509_key *key);

/* "SHA-256 with RSA". */
const char *chain_signature_text(enum x509_signature signature);
bool chain_is_sha1(enum x509_signature signature);

/* "sha256//..." of the key. */
void chain_pin(const struct x509_certificate *cert, char out[PROBE_PIN_TEXT]);
/* "2026-11-23". */
const char *chain_date(int64_t seconds, char out[16]);

#endif
