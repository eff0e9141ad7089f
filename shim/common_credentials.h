/* Certificates, keys and roots: files in PEM into what the engine takes. */
#ifndef SHIM_COMMON_CREDENTIALS_H
#define SHIM_COMMON_CREDENTIALS_H

#include <stdbool.h>

#include "../tls/tls.h"
#include "common_files.h"
#include "common_memory.h"

enum {
    CREDENTIALS_REASON = 448,
    CREDENTIALS_CHAIN_MAX = 16 * 1024 /* bytes of a Certificate message of ours */
};

/* A certificate chain, leaf first, whose leaf has a key that TLS 1.0 can use; out gets chain, kind
 * and curve. memory holds it afterwards. False: reason begins with the path and says what is wrong
 * and what to do. */
bool credentials_load_chain(struct tls_credential *out, struct x509_certificate *leaf,
                            const char *path, struct memory *memory,
                            char reason[CREDENTIALS_REASON]);

/* What a rule says of its keys. */
struct credentials_terms {
    /* Bits of strength that a key must have: of who is certified by it, and, for an RSA key, of the
     * secrets that it decrypts. */
    unsigned certificate, key_exchange;
    const char *passphrase_file; /* whose first line decrypts it; NULL: none */
};

/* The leaf's private key, from a file that only its owner may read; secrets holds it afterwards.
 * It must be the key of `leaf`, with whose chain credentials_load_chain has filled *out. */
bool credentials_load_key(struct tls_credential *out, const struct x509_certificate *leaf,
                          const char *path, const struct credentials_terms *terms,
                          struct memory *secrets, char reason[CREDENTIALS_REASON]);
/* May nobody but its owner use a file that holds a key? */
bool credentials_is_private(const struct file_text *file, const char *path,
                            char reason[CREDENTIALS_REASON]);
/* "an RSA key" and so on, for messages. */
const char *credentials_kind_text(enum x509_key_kind kind);

/* A group for Diffie-Hellman, as `openssl dhparam` writes it (PKCS#3), of at least minimum_bits.
 * memory holds it afterwards. Whether its prime is one is not looked at. */
bool credentials_load_dh_group(struct cg_dh_group *out, const char *path, unsigned minimum_bits,
                               struct memory *memory, char reason[CREDENTIALS_REASON]);

/* The roots of a PEM file. A certificate that cannot be parsed is an error, or, when lenient,
 * passed over. None at all is always an error. */
bool credentials_load_trust(struct x509_trust *out, const char *path, bool lenient,
                            struct memory *memory, char reason[CREDENTIALS_REASON]);

/* The same, not lenient, of a file or of a directory that `openssl rehash` has prepared, of which
 * all files with a name such as 1f2e3d4c.0 count. */
bool credentials_load_trust_path(struct x509_trust *out, const char *path, struct memory *memory,
                                 char reason[CREDENTIALS_REASON]);

struct credentials_crls {
    const struct x509_crl *lists; /* never NULL */
    size_t count;
};

/* CRLs of a PEM or DER file, or of all files of a directory whose names end in .crl or .pem or are
 * as openssl rehash gives them (1f2e3d4c.r0). One that cannot be parsed is an error. None at all
 * too. memory holds them afterwards. */
bool credentials_load_crls(struct credentials_crls *out, const char *path, struct memory *memory,
                           char reason[CREDENTIALS_REASON]);

/* The same in two steps, lenient: the text of the file, held by memory; and its roots, later. */
bool credentials_read_roots(struct x509_bytes *out, const char *path, struct memory *memory,
                            char reason[CREDENTIALS_REASON]);
bool credentials_parse_roots(struct x509_trust *out, struct x509_bytes text, struct memory *memory);

/* The machine's roots: the file SSL_CERT_FILE and the hashed directories SSL_CERT_DIR (separated by
 * colons) where the environment names any, and the program is not privileged; else Debian's bundle.
 * Lenient. */
bool credentials_load_system_trust(struct x509_trust *out, struct memory *memory,
                                   char reason[CREDENTIALS_REASON]);

/* The same roots, read but not parsed before they are needed: 150 take 2 ms, and most programs that
 * a policy covers never meet a peer. What was read counts, whatever becomes of the files, so that a
 * program may change its root directory or user before. */
struct later_roots;
struct later_roots *credentials_system_trust_later(struct memory *memory,
                                                   char reason[CREDENTIALS_REASON]);
/* As struct tls_config's find_trust; arg is what the call above gave. Any number of threads may ask
 * at once. NULL: none can be parsed, or there is no memory. */
const struct x509_trust *later_roots_find(void *arg);
/* The text of the roots, for who wants a digest of it; false past the last. */
bool later_roots_text(const struct later_roots *later, size_t index, struct x509_bytes *out);
/* Gives back what parsing has taken; the rest is `memory`'s. */
void later_roots_release(struct later_roots *later);

#endif
