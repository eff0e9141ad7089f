#include "common_credentials.h"

#include <stdio.h>
#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "../crypto_glue/cg_rsa.h"
#include "../crypto_glue/cg_sign.h"
#include "../policy/policy.h"
#include "../tls/x509/der.h"
#include "../tls/x509/pem.h"

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
static const struct kind group_kind = {"DH PARAMETERS", "dhparam"};

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

/* Why TLS 1.0 cannot use a certificate with this key, and what to do; NULL when it can. */
static const char *problem_of_kind(const struct x509_key *key)
{
    switch (key->kind) {
    case X509_KEY_RSA:
    case X509_KEY_EC:
        return NULL;
    case X509_KEY_DSA:
        return key->dsa.p ? NULL
                          : "the certificate's DSA key lacks its parameters; have the certificate "
                            "made with them";
    case X509_KEY_RSA_PSS:
        return "the certificate's key may sign with RSA-PSS only, which TLS 1.0 does not know (RFC "
               "2246 4.7); use a certificate with an ordinary RSA key, or an EC key";
    case X509_KEY_ED25519:
        return "TLS 1.0 cannot use an Ed25519 key (RFC 8422 5.10); use a certificate with an RSA "
               "key, or an EC key on P-256";
    default:
        return "the certificate's key is of a kind that is not supported; use RSA, EC (P-256, "
               "P-384, P-521) or DSA";
    }
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
    const char *problem = problem_of_kind(&leaf->key);
    if (problem) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, problem);
        return false;
    }
    out->kind = leaf->key.kind;
    out->curve = leaf->key.curve;
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

const char *credentials_kind_text(enum x509_key_kind kind)
{
    return kind == X509_KEY_RSA ? "an RSA key" : kind == X509_KEY_EC ? "an EC key" : "a DSA key";
}

static bool not_its_key(const char *path, char reason[CREDENTIALS_REASON])
{
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: the key does not belong to the certificate; give the key that the "
             "certificate was made for (the leaf stands first in the certificate file)",
             path);
    return false;
}

static bool is_long_enough(const struct x509_key *key, const struct credentials_terms *terms,
                           const char *path, char reason[CREDENTIALS_REASON])
{
    static const unsigned curve_strengths[] = {[CG_P256] = 128, [CG_P384] = 192, [CG_P521] = 256};
    unsigned floor = terms->certificate, bits, minimum;
    if (key->kind == X509_KEY_RSA && floor < terms->key_exchange)
        floor = terms->key_exchange;
    if (key->kind == X509_KEY_EC) {
        bits = curve_strengths[key->curve];
        minimum = floor;
    } else {
        bits =
            (unsigned)(key->kind == X509_KEY_RSA ? cg_rsa_bits(&key->rsa) : cg_dsa_bits(&key->dsa));
        minimum = policy_rsa_bits(floor);
    }
    if (bits >= minimum)
        return true;
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: the key has %u bits%s, minimum-strength asks for %u; make a longer key or "
             "lower the floor",
             path, bits, key->kind == X509_KEY_EC ? " of strength" : "", minimum);
    return false;
}

static bool take_rsa(struct tls_credential *out, const struct cg_rsa_private_parts *parts,
                     const char *path, struct memory *secrets, char reason[CREDENTIALS_REASON])
{
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

static bool take_ec(struct tls_credential *out, const uint8_t *scalar, struct memory *secrets,
                    char reason[CREDENTIALS_REASON])
{
    out->scalar = (const uint8_t *)memory_copy(secrets, scalar, cg_ec_bytes(out->curve));
    return out->scalar || out_of_memory(reason);
}

/* The public half is the certificate's: a key in PKCS#8 has none. Signing checks itself, so one
 * signature tells whether they belong together. */
static bool take_dsa(struct tls_credential *out, const struct cg_dsa_public *certified,
                     struct x509_bytes x, const char *path, struct memory *secrets,
                     char reason[CREDENTIALS_REASON])
{
    static const uint8_t digest[CG_HASH_MAX];
    uint8_t r[CG_DSA_Q_BYTES_MAX], s[CG_DSA_Q_BYTES_MAX];
    struct cg_dsa_public *dsa = memory_take(secrets, sizeof *dsa);
    const uint8_t *copy = (const uint8_t *)memory_copy(secrets, x.data, x.length);
    if (!dsa || !copy)
        return out_of_memory(reason);
    *dsa = *certified;
    out->dsa = dsa;
    out->dsa_x = (struct x509_bytes){copy, x.length};
    if (cg_dsa_sign(dsa, copy, x.length, CG_SHA1, digest, r, s))
        return true;
    return not_its_key(path, reason);
}

static bool use_key(struct tls_credential *out, const struct x509_certificate *leaf,
                    const struct x509_private_key *key, const char *path,
                    const struct credentials_terms *terms, struct memory *secrets,
                    char reason[CREDENTIALS_REASON])
{
    if (key->kind != leaf->key.kind) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: this is %s, and the certificate has %s; give the key that the "
                 "certificate was made for",
                 path, credentials_kind_text(key->kind), credentials_kind_text(leaf->key.kind));
        return false;
    }
    if (!x509_private_key_fits(key, &leaf->key))
        return not_its_key(path, reason);
    if (!is_long_enough(&leaf->key, terms, path, reason))
        return false;
    switch (key->kind) {
    case X509_KEY_RSA:
        return take_rsa(out, &key->rsa, path, secrets, reason);
    case X509_KEY_EC:
        return take_ec(out, key->ec.scalar, secrets, reason);
    default:
        return take_dsa(out, &leaf->key.dsa, key->dsa.x, path, secrets, reason);
    }
}

static bool is_key_label(const char *label)
{
    static const char tail[] = "PRIVATE KEY";
    size_t n = strlen(label);
    return n >= sizeof tail - 1 && strcmp(label + n - (sizeof tail - 1), tail) == 0;
}

bool credentials_is_private(const struct file_text *file, const char *path,
                            char reason[CREDENTIALS_REASON])
{
    if ((file->mode & 077) == 0)
        return true;
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: others than its owner may use this key (mode %04o); run: chmod 600 %.120s",
             path, (unsigned)file->mode & 07777, path);
    return false;
}

static const char encrypted_label[] = "ENCRYPTED PRIVATE KEY";

/* What was encrypted takes the place of the block. */
static bool decrypt_key(struct pem_block *block, uint8_t *der, const char *path,
                        const struct credentials_terms *terms, char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    char why_not[FILE_REASON];
    const char *why = "";
    if (!terms->passphrase_file) {
        snprintf(reason, CREDENTIALS_REASON,
                 "%.120s: the key is encrypted; name the file with its passphrase by "
                 "key-passphrase-file, or decrypt the key with `openssl pkey`",
                 path);
        return false;
    }
    if (!file_read(&file, terms->passphrase_file, FILE_MAX, true, why_not)) {
        snprintf(reason, CREDENTIALS_REASON, "the passphrase file %.120s: %.160s",
                 terms->passphrase_file, why_not);
        return false;
    }
    bool good = credentials_is_private(&file, terms->passphrase_file, reason);
    if (good) {
        const char *end = memchr(file.text, '\n', file.length);
        size_t n = end ? (size_t)(end - file.text) : file.length;
        good = x509_decrypt_private_key(der, &block->length, file.text, n, &why);
        if (!good)
            snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
    }
    file_free(&file);
    strcpy(block->label, encrypted_label + strlen("ENCRYPTED "));
    return good;
}

static bool read_key(struct tls_credential *out, const struct x509_certificate *leaf,
                     struct file_text *file, const char *path,
                     const struct credentials_terms *terms, struct memory *secrets,
                     char reason[CREDENTIALS_REASON])
{
    struct pem_reader reader = {.at = file->text, .end = file->text + file->length};
    struct pem_block block;
    struct x509_private_key key;
    const char *why = "";
    uint8_t *der = (uint8_t *)file->text; /* decoded in place: wiped with the file's text */
    enum pem_result result;
    do
        result = pem_next(&reader, &block, der, file->length, &why);
    while (result == PEM_BLOCK && !is_key_label(block.label));
    if (result == PEM_END)
        return nothing_found(&key_kind, path, reason);
    if (result == PEM_BLOCK && strcmp(block.label, encrypted_label) == 0 &&
        !decrypt_key(&block, der, path, terms, reason))
        return false;
    if (result == PEM_BAD || !x509_private_key(block.label, der, block.length, &key, &why)) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
        return false;
    }
    return use_key(out, leaf, &key, path, terms, secrets, reason);
}

bool credentials_load_key(struct tls_credential *out, const struct x509_certificate *leaf,
                          const char *path, const struct credentials_terms *terms,
                          struct memory *secrets, char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &key_kind, path, true, reason))
        return false;
    bool good = credentials_is_private(&file, path, reason) &&
                read_key(out, leaf, &file, path, terms, secrets, reason);
    file_free(&file);
    return good;
}

/* ---- groups ---- */

/* SEQUENCE { prime, base, and perhaps the length of private values, which is ours to choose }. */
static bool parse_dh_group(struct cg_dh_group *out, const uint8_t *bytes, size_t length)
{
    struct der d = der_over((struct x509_bytes){bytes, length}), inside;
    struct x509_bytes p, g, bits;
    if (!der_enter(&d, DER_SEQUENCE, &inside) || !der_done(&d) || !der_unsigned(&inside, &p) ||
        !der_unsigned(&inside, &g) || (!der_done(&inside) && !der_unsigned(&inside, &bits)) ||
        !der_done(&inside))
        return false;
    *out = (struct cg_dh_group){.p = p.data, .g = g.data, p.length, g.length};
    return cg_dh_group_is_sane(out);
}

static bool read_dh_group(struct cg_dh_group *out, struct file_text *file, const char *path,
                          unsigned minimum_bits, struct memory *memory,
                          char reason[CREDENTIALS_REASON])
{
    struct pem_reader reader = {.at = file->text, .end = file->text + file->length};
    struct pem_block block;
    const char *why = "";
    uint8_t *der = (uint8_t *)file->text;
    enum pem_result result;
    do
        result = pem_next(&reader, &block, der, file->length, &why);
    while (result == PEM_BLOCK && strcmp(block.label, group_kind.what) != 0);
    if (result == PEM_END)
        return nothing_found(&group_kind, path, reason);
    const uint8_t *copy =
        result == PEM_BLOCK ? (const uint8_t *)memory_copy(memory, der, block.length) : NULL;
    if (result == PEM_BLOCK && !copy)
        return out_of_memory(reason);
    if (result == PEM_BLOCK && !parse_dh_group(out, copy, block.length)) {
        result = PEM_BAD;
        why = "the group is malformed, or has not 512 to 4096 bits; make it anew";
    }
    if (result == PEM_BAD) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
        return false;
    }
    if (cg_dh_bits(out) >= minimum_bits)
        return true;
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: the group has %zu bits, minimum-key-exchange asks for %u; make a larger one "
             "or lower the floor",
             path, cg_dh_bits(out), minimum_bits);
    return false;
}

bool credentials_load_dh_group(struct cg_dh_group *out, const char *path, unsigned minimum_bits,
                               struct memory *memory, char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &group_kind, path, false, reason))
        return false;
    bool good = read_dh_group(out, &file, path, minimum_bits, memory, reason);
    file_free(&file);
    return good;
}

/* ---- roots ---- */

static bool collect_roots(struct x509_trust *out, struct file_text *file, const char *path,
                          bool lenient, struct memory *memory, char reason[CREDENTIALS_REASON])
{
    struct x509_certificate *roots = memory_take(memory, (count_begins(file) + 1) * sizeof *roots);
    struct certificates in = certificates_of(file, memory);
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
    *out = (struct x509_trust){roots, count};
    return good && count > 0;
}

bool credentials_load_trust(struct x509_trust *out, const char *path, bool lenient,
                            struct memory *memory, char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &certificate_kind, path, false, reason))
        return false;
    bool good = collect_roots(out, &file, path, lenient, memory, reason);
    file_free(&file);
    return good;
}

bool credentials_read_roots(struct x509_bytes *out, const char *path, struct memory *memory,
                            char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_pem(&file, &certificate_kind, path, false, reason))
        return false;
    const uint8_t *copy = (const uint8_t *)memory_copy(memory, file.text, file.length);
    *out = (struct x509_bytes){copy, file.length};
    file_free(&file);
    return copy || out_of_memory(reason);
}

bool credentials_parse_roots(struct x509_trust *out, struct x509_bytes text, struct memory *memory)
{
    char ignored[CREDENTIALS_REASON];
    struct memory scratch = {.chunks = NULL};
    struct file_text file = {.text = memory_copy(&scratch, text.data, text.length),
                             .length = text.length};
    bool good = file.text && collect_roots(out, &file, "", true, memory, ignored);
    memory_release(&scratch);
    return good;
}
