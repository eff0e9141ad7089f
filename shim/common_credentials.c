#include "common_credentials.h"

#include <stdio.h>
#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "../crypto_glue/cg_rsa.h"
#include "../tls/x509/pem.h"
#include "common_files.h"

enum { FILE_MAX = 1024 * 1024 };

/* An upper bound of the number of PEM blocks. */
static size_t count_begins(const struct file_text *file)
{
    static const char mark[] = "-----BEGIN ";
    size_t count = 0;
    const char *at = file->text, *end = at + file->length;
    while ((at = memmem(at, (size_t)(end - at), mark, sizeof mark - 1))) {
        at += sizeof mark - 1;
        count++;
    }
    return count;
}

/* what: the label that a block needs; convert: openssl's command for such things. */
struct kind {
    const char *what, *convert;
};
static const struct kind certificate_kind = {"CERTIFICATE", "x509"};
static const struct kind key_kind = {"PRIVATE KEY", "pkey"};

static bool nothing_found(const struct kind *kind, const char *path,
                          char reason[CREDENTIALS_REASON])
{
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: no %s in it; a PEM file with -----BEGIN %s----- is needed", path, kind->what,
             kind->what);
    return false;
}

static bool read_pem(struct file_text *file, const struct kind *kind, const char *path, bool secret,
                     char reason[CREDENTIALS_REASON])
{
    char why[FILE_REASON];
    if (!file_read(file, path, FILE_MAX, secret, why)) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
        return false;
    }
    if (count_begins(file) > 0)
        return true;
    if (file->length > 1 && file->text[0] == 0x30) /* a SEQUENCE */
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: this is not PEM but looks like DER; convert it: openssl %s -inform DER "
                 "-in FILE -out FILE.pem",
                 path, kind->convert);
    else
        nothing_found(kind, path, reason);
    file_free(file);
    return false;
}

/* ---- certificates ---- */

struct certificates { /* that a PEM text gives, one by one */
    struct pem_reader reader;
    struct file_text *file; /* blocks are decoded over its front: there may be a key among them */
    struct memory *memory;  /* that certificates are copied to */
};

static struct certificates certificates_of(struct file_text *file, struct memory *memory)
{
    return (struct certificates){
        .reader = {.at = file->text, .end = file->text + file->length},
        .file = file,
        .memory = memory,
    };
}

/* The next certificate of a text. *why is a phrase when the result is PEM_BAD. */
static enum pem_result next_certificate(struct certificates *in, struct x509_certificate *cert,
                                        const char **why)
{
    struct pem_block block;
    uint8_t *der = (uint8_t *)in->file->text;
    enum pem_result result;
    do
        result = pem_next(&in->reader, &block, der, in->file->length, why);
    while (result == PEM_BLOCK && strcmp(block.label, "CERTIFICATE") != 0);
    if (result != PEM_BLOCK)
        return result;
    const uint8_t *copy = (const uint8_t *)memory_copy(in->memory, der, block.length);
    *why = "not enough memory";
    return copy && x509_parse(cert, copy, block.length, why) == TLS_ERROR_OK ? PEM_BLOCK : PEM_BAD;
}

static bool out_of_memory(char reason[CREDENTIALS_REASON])
{
    snprintf(reason, CREDENTIALS_REASON, "not enough memory");
    return false;
}

static bool bad_certificate(const char *path, const struct certificates *in, const char *why,
                            char reason[CREDENTIALS_REASON])
{
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: the PEM block that ends in line %u is malformed: %s; make the file anew",
             path, in->reader.line, why);
    return false;
}

static bool read_chain(struct tls_credential *out, struct x509_certificate *leaf,
                       struct file_text *file, const char *path, struct memory *memory,
                       char reason[CREDENTIALS_REASON])
{
    struct x509_bytes *chain = memory_take(memory, (count_begins(file) + 1) * sizeof *chain);
    struct certificates in = certificates_of(file, memory);
    if (!chain)
        return out_of_memory(reason);
    struct x509_certificate cert;
    enum pem_result result;
    const char *why = "";
    size_t count = 0, bytes = 3 + 4; /* the list's length (RFC 2246 7.4.2), the message's head */
    while ((result = next_certificate(&in, &cert, &why)) == PEM_BLOCK) {
        if (count == 0)
            *leaf = cert;
        chain[count++] = cert.der;
        bytes += 3 + cert.der.length;
    }
    if (result == PEM_BAD)
        return bad_certificate(path, &in, why, reason);
    if (count == 0)
        return nothing_found(&certificate_kind, path, reason);
    if (bytes > CREDENTIALS_CHAIN_MAX || count > X509_CHAIN_MAX) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: the chain is too long (%zu certificates, %zu bytes; at most %d and %d); "
                 "keep the leaf and its intermediates only",
                 path, count, bytes, X509_CHAIN_MAX, CREDENTIALS_CHAIN_MAX);
        return false;
    }
    if (leaf->key.kind != X509_KEY_RSA) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: the certificate's key is not RSA; this version needs an RSA certificate",
                 path);
        return false;
    }
    out->chain = chain;
    out->chain_count = count;
    return true;
}

bool credentials_load_chain(struct tls_credential *out, struct x509_certificate *leaf,
                            const char *path, struct memory *memory,
                            char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &certificate_kind, path, true,
                  reason)) /* the key may be in the same file */
        return false;
    bool good = read_chain(out, leaf, &file, path, memory, reason);
    file_free(&file);
    return good;
}

/* ---- the key ---- */

static bool is_same_modulus(const struct cg_rsa_private_parts *parts,
                            const struct x509_certificate *leaf)
{
    const uint8_t *n = parts->n;
    size_t length = parts->n_length;
    while (length > 0 && *n == 0) {
        n++;
        length--;
    }
    return length == leaf->key.rsa.n_length && memcmp(n, leaf->key.rsa.n, length) == 0;
}

static bool use_key(struct tls_credential *out, const struct x509_certificate *leaf,
                    const struct cg_rsa_private_parts *parts, const char *path,
                    unsigned minimum_bits, struct memory *secrets, char reason[CREDENTIALS_REASON])
{
    size_t bits = cg_rsa_bits(&leaf->key.rsa);
    if (!is_same_modulus(parts, leaf)) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: the key does not belong to the certificate; give the key that the "
                 "certificate was made for (the leaf stands first in the certificate file)",
                 path);
        return false;
    }
    if (bits < minimum_bits) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: the key has %zu bits, minimum-strength asks for %u; make a longer key or "
                 "lower the floor",
                 path, bits, minimum_bits);
        return false;
    }
    struct cg_rsa_private *key = memory_take(secrets, cg_rsa_private_size());
    if (!key)
        return out_of_memory(reason);
    if (!cg_rsa_private_load(key, parts)) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: the numbers of the key do not fit together, or it has not 1024 to %d "
                 "bits; make the key anew",
                 path, CG_RSA_PRIVATE_BITS_MAX);
        return false;
    }
    out->key = key;
    return true;
}

static bool is_key_label(const char *label)
{
    static const char tail[] = "PRIVATE KEY";
    size_t n = strlen(label);
    return n >= sizeof tail - 1 && strcmp(label + n - (sizeof tail - 1), tail) == 0;
}

static bool read_key(struct tls_credential *out, const struct x509_certificate *leaf,
                     struct file_text *file, const char *path, unsigned minimum_bits,
                     struct memory *secrets, char reason[CREDENTIALS_REASON])
{
    struct pem_reader reader = {.at = file->text, .end = file->text + file->length};
    struct pem_block block;
    struct cg_rsa_private_parts parts;
    const char *why = "";
    uint8_t *der = (uint8_t *)file->text; /* decoded in place: wiped with the file's text */
    enum pem_result result;
    do
        result = pem_next(&reader, &block, der, file->length, &why);
    while (result == PEM_BLOCK && !is_key_label(block.label));
    if (result == PEM_END)
        return nothing_found(&key_kind, path, reason);
    if (result == PEM_BAD || !x509_rsa_private_key(block.label, der, block.length, &parts, &why)) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
        return false;
    }
    return use_key(out, leaf, &parts, path, minimum_bits, secrets, reason);
}

bool credentials_load_key(struct tls_credential *out, const struct x509_certificate *leaf,
                          const char *path, unsigned minimum_bits, struct memory *secrets,
                          char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &key_kind, path, true, reason))
        return false;
    bool good = (file.mode & 077) == 0;
    if (good)
        good = read_key(out, leaf, &file, path, minimum_bits, secrets, reason);
    else
        snprintf(
            reason, CREDENTIALS_REASON,
            "%.120s: others than its owner may use this key (mode %04o); run: chmod 600 %.120s",
            path, (unsigned)file.mode & 07777, path);
    file_free(&file);
    return good;
}

/* ---- roots ---- */

bool credentials_load_trust(struct x509_trust *out, const char *path, bool lenient,
                            struct memory *memory, char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &certificate_kind, path, false, reason))
        return false;
    struct x509_certificate *roots = memory_take(memory, (count_begins(&file) + 1) * sizeof *roots);
    struct certificates in = certificates_of(&file, memory);
    const char *why = "";
    size_t count = 0;
    bool good = roots || out_of_memory(reason);
    enum pem_result result;
    while (good && (result = next_certificate(&in, &roots[count], &why)) != PEM_END) {
        count += result == PEM_BLOCK;
        if (result == PEM_BAD && !lenient)
            good = bad_certificate(path, &in, why, reason);
    }
    if (good && count == 0)
        nothing_found(&certificate_kind, path, reason);
    file_free(&file);
    *out = (struct x509_trust){roots, count};
    return good && count > 0;
}
