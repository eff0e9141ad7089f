#include "bogo_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

void bogo_free_chain(struct bogo_chain *chain)
{
    for (size_t i = 0; i < chain->count; i++) {
        free((void *)(uintptr_t)chain->certificates[i].data);
    }
}

static const struct cg_rsa_private *load_rsa(const struct cg_rsa_private_parts *parts)
{
    struct cg_rsa_private *key = aligned_alloc(64, (cg_rsa_private_size() + 63) / 64 * 64);

    if (key == NULL || !cg_rsa_private_load(key, parts)) {
        bogo_die("RSA key", "not usable");
    }
    return key;
}

static void use_key(struct bogo_credential *out, const struct x509_private_key *key)
{
    struct tls_credential *c = &out->credential;

    c->kind = key->kind;
    if (key->kind == X509_KEY_RSA) {
        c->key = load_rsa(&key->rsa);
    } else if (key->kind == X509_KEY_EC) {
        c->curve = key->ec.curve;
        c->scalar = key->ec.scalar;
    } else {
        out->dsa = key->dsa.parameters;
        c->dsa = &out->dsa;
        c->dsa_x = key->dsa.x;
    }
}

void bogo_load_credential(struct bogo_credential *out, const char *chain, const char *key)
{
    const char *path = key != NULL ? key : chain, *why = "holds no key";
    struct x509_private_key parts;
    struct pem_block block = {.label = ""};
    size_t n;
    char *text = read_file(path, &n);
    struct pem_reader reader = {.at = text, .end = text + n};

    *out = (struct bogo_credential){.der = malloc(n)};
    bogo_load_chain(&out->chain, chain);
    out->credential.chain = out->chain.certificates;
    out->credential.chain_count = out->chain.count;
    while (strstr(block.label, "PRIVATE KEY") == NULL) {
        if (out->der == NULL || pem_next(&reader, &block, out->der, n, &why) != PEM_BLOCK) {
            bogo_die(path, why);
        }
    }
    free(text);
    if (!x509_private_key(block.label, out->der, block.length, &parts, &why)) {
        bogo_die(path, why);
    }
    use_key(out, &parts);
}

void bogo_free_credential(struct bogo_credential *credential)
{
    bogo_free_chain(&credential->chain);
    free(credential->der);
    free((void *)(uintptr_t)credential->credential.key);
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
