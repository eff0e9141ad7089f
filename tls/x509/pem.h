/* PEM (RFC 7468) and the private key formats inside, without allocation. */
#ifndef X509_PEM_H
#define X509_PEM_H

#include "x509.h"

/* Walks a PEM text block by block. */
struct pem_reader {
    const char *at, *end;
    unsigned line; /* of the block last returned, from 1 */
};

struct pem_block {
    char label[40]; /* "CERTIFICATE" */
    unsigned line;
    size_t length; /* bytes of DER written */
};

enum pem_result { PEM_BLOCK, PEM_END, PEM_BAD /* malformed: *why says how, reader.line where */ };

/* Finds the next block and decodes it into out. Text between blocks is skipped. Works in place:
 * out may be the text's own buffer. */
enum pem_result pem_next(struct pem_reader *reader, struct pem_block *block, uint8_t *out,
                         size_t out_size, const char **why);

/* The RSA integers inside a private key: PKCS#1 ("RSA PRIVATE KEY") or PKCS#8 ("PRIVATE KEY").
 * The views point into der. False with a static phrase otherwise. */
bool x509_rsa_private_key(const char *label, const uint8_t *der, size_t length,
                          struct cg_rsa_private_parts *parts, const char **why);

#endif
