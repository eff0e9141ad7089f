/* PEM files into what the engine takes. What is wrong with a file ends the program: the runner
 * wrote it, so nothing of the engine is tested by going on. */
#ifndef BOGO_FILES_H
#define BOGO_FILES_H

#include "tls/tls.h"

enum { BOGO_CHAIN_MAX = X509_CHAIN_MAX };

struct bogo_chain {
    struct x509_bytes certificates[BOGO_CHAIN_MAX];
    size_t count;
};

/* Ends the program with a message. */
_Noreturn void bogo_die(const char *what, const char *why);

void bogo_load_chain(struct bogo_chain *out, const char *path);
void bogo_free_chain(struct bogo_chain *chain);

struct bogo_credential {
    struct tls_credential credential; /* points into the rest */
    struct bogo_chain chain;
    struct cg_dsa_public dsa;
    uint8_t *der; /* the private key's */
};

/* key: NULL when it is in the same file. */
void bogo_load_credential(struct bogo_credential *out, const char *chain, const char *key);
/* Of all zeros: nothing. */
void bogo_free_credential(struct bogo_credential *credential);
/* The certificates of a chain as roots, which keep views of it; room for BOGO_CHAIN_MAX. */
void bogo_load_trust(struct x509_trust *out, struct x509_certificate *roots,
                     const struct bogo_chain *chain);

#endif
