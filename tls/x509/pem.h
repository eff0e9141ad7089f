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

/* A private key as views into its DER. The numbers are big-endian and may have leading zeros. */
struct x509_private_key {
    enum x509_key_kind kind; /* X509_KEY_RSA, X509_KEY_EC or X509_KEY_DSA */
    union {
        struct cg_rsa_private_parts rsa;
        struct {
            enum cg_curve curve;
            const uint8_t *scalar; /* cg_ec_bytes of it */
        } ec;
        struct {
            struct cg_dsa_public parameters; /* y is NULL when the file does not say it */
            struct x509_bytes x;
        } dsa;
    };
};

/* Reads PKCS#8 ("PRIVATE KEY", RFC 5958), PKCS#1 ("RSA PRIVATE KEY"), SEC 1 ("EC PRIVATE KEY",
 * RFC 5915) and OpenSSL's "DSA PRIVATE KEY". False with a static phrase otherwise. */
bool x509_private_key(const char *label, const uint8_t *der, size_t length,
                      struct x509_private_key *key, const char **why);
/* Decrypts an "ENCRYPTED PRIVATE KEY" (PBES2 with PBKDF2; AES-128, AES-256 or 3DES in CBC mode) over
 * its own bytes: what is there then is a "PRIVATE KEY" of *length bytes, which the caller wipes.
 * False, with a phrase, when the passphrase is another one or the encryption is not supported. */
bool x509_decrypt_private_key(uint8_t *der, size_t *length, const void *passphrase, size_t n,
                              const char **why);
/* Is it the private half of the certificate's key? An RSA key is compared by its modulus, a DSA key
 * by its parameters (and y, where the file says it); cg_rsa_private_load and cg_dsa_sign find what
 * does not fit inside. Takes 20 KiB of stack for EC keys. */
bool x509_private_key_fits(const struct x509_private_key *key, const struct x509_key *certified);

/* The same for RSA keys only. */
bool x509_rsa_private_key(const char *label, const uint8_t *der, size_t length,
                          struct cg_rsa_private_parts *parts, const char **why);

#endif
