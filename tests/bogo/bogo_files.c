#include "bogo_files.h"

#include <stdio.h>
#include <stdlib.h>

#include "tls/x509/pem.h"

enum { FILE_MAX = 1 << 18 };

void bogo_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(FILE_MAX);

    if (f == NULL || text == NULL) {
        bogo_die(path, "cannot be read");
    }
    *n = fread(text, 1, FILE_MAX, f);
    fclose(f);
    return text;
}

void bogo_load_chain(struct bogo_chain *out, const char *path)
{
    enum pem_result result = PEM_BLOCK;
    const char *why = "holds no certificate";
    struct pem_block block;
    size_t n;
    char *text = read_file(path, &n);
    struct pem_reader reader = {.at = text, .end = text + n};

    out->count = 0;
    while (out->count < BOGO_CHAIN_MAX) {
        uint8_t *der = malloc(n);
        if (der == NULL) {
            bogo_die(path, "memory");
        }
        result = pem_next(&reader, &block, der, n, &why);
        if (result != PEM_BLOCK) {
            free(der);
            break;
        }
        out->certificates[out->count++] = (struct x509_bytes){der, block.length};
    }
    free(text);
    if (result == PEM_BAD || out->count == 0) {
        bogo_die(path, why);
    }
}

static void free_certificates(const struct x509_bytes *certificates, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free((void *)(uintptr_t)certificates[i].data);
    }
}

void bogo_free_chain(struct bogo_chain *chain)
{
    free_certificates(chain->certificates, chain->count);
}

static struct cg_rsa_private *load_key(const char *path)
{
    struct cg_rsa_private *key = aligned_alloc(64, (cg_rsa_private_size() + 63) / 64 * 64);
    struct cg_rsa_private_parts parts;
    const char *why = "no usable RSA key";
    struct pem_block block;
    size_t n;
    char *text = read_file(path, &n);
    struct pem_reader reader = {.at = text, .end = text + n};
    uint8_t *der = malloc(n);

    if (key == NULL || der == NULL || pem_next(&reader, &block, der, n, &why) != PEM_BLOCK ||
        !x509_rsa_private_key(block.label, der, block.length, &parts, &why) ||
        !cg_rsa_private_load(key, &parts)) {
        bogo_die(path, why);
    }
    free(der);
    free(text);
    return key;
}

void bogo_load_credential(struct tls_credential *out, const char *chain, const char *key)
{
    struct bogo_chain *loaded = malloc(sizeof *loaded);

    if (loaded == NULL) {
        bogo_die(chain, "memory");
    }
    bogo_load_chain(loaded, chain);
    *out = (struct tls_credential){.chain = loaded->certificates,
                                   .chain_count = loaded->count,
                                   .key = load_key(key != NULL ? key : chain)};
}

void bogo_free_credential(const struct tls_credential *credential)
{
    if (credential != NULL) {
        free_certificates(credential->chain, credential->chain_count);
        free((void *)(uintptr_t)credential->chain);
        free((void *)(uintptr_t)credential->key);
    }
}

void bogo_load_trust(struct x509_trust *out, struct x509_certificate *roots,
                     const struct bogo_chain *chain)
{
    const char *why;

    for (size_t i = 0; i < chain->count; i++) {
        const struct x509_bytes *der = &chain->certificates[i];
        if (x509_parse(&roots[i], der->data, der->length, &why) != TLS_ERROR_OK) {
            bogo_die("trusted certificate", why);
        }
    }
    *out = (struct x509_trust){.roots = roots, .count = chain->count};
}
