/* Under valgrind: loading a private key, signing, decrypting and encrypting neither branch on nor
 * index by the key's secret integers, the block to be signed, or the premaster secret.
 *
 * GMP picks its code by the CPU, so only that of this kind of CPU is checked here. The mpn
 * functions used are documented as free of secret-dependent branches and indices (mpn_sec_*,
 * mpn_cnd_*), or are one straight loop over the limbs (mpn_add_n, mpn_sub_n, mpn_addmul_1) on every
 * CPU. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "tests/unit/cg_rsa_fixture.h"

static int failed, number;

static void report(int good, const char *what, unsigned bits)
{
    printf("%sok %d - %s, %u bits\n", good ? "" : "not ", ++number, what, bits);
    failed += !good;
}

static void hide(struct cg_rsa_fixture *f)
{
    VALGRIND_MAKE_MEM_UNDEFINED(f->d, sizeof f->d);
    VALGRIND_MAKE_MEM_UNDEFINED(f->p, sizeof f->p);
    VALGRIND_MAKE_MEM_UNDEFINED(f->q, sizeof f->q);
    VALGRIND_MAKE_MEM_UNDEFINED(f->dp, sizeof f->dp);
    VALGRIND_MAKE_MEM_UNDEFINED(f->dq, sizeof f->dq);
    VALGRIND_MAKE_MEM_UNDEFINED(f->qinv, sizeof f->qinv);
}

static void one_key(const struct cg_rsa_test_key *k)
{
    struct cg_rsa_fixture f;
    struct cg_rsa_private *key = malloc(cg_rsa_private_size());
    uint8_t block[36], out[512], expected[512], message[48] = {0};
    cg_rsa_fixture(&f, k);
    hide(&f);
    bool good = cg_rsa_private_load(key, &f.parts);
    report(good, "load", k->bits);

    for (unsigned i = 0; i < sizeof block; i++)
        block[i] = (uint8_t)i;
    VALGRIND_MAKE_MEM_UNDEFINED(block, sizeof block);
    size_t n = cg_hex(k->signature, expected);
    good = cg_rsa_sign_pkcs1(key, block, sizeof block, out);
    VALGRIND_MAKE_MEM_DEFINED(out, n);
    report(good & (memcmp(out, expected, n) == 0), "sign", k->bits);

    cg_hex(k->cipher, out);
    good = cg_rsa_decrypt_pkcs1_or_keep(key, out, n, message, sizeof message);
    VALGRIND_MAKE_MEM_DEFINED(message, sizeof message);
    report(good && message[0] == 3 && message[2] == 100 && message[47] == 145, "decrypt", k->bits);

    out[n - 1] ^= 1;
    memset(message, 9, sizeof message);
    good = cg_rsa_decrypt_pkcs1_or_keep(key, out, n, message, sizeof message);
    VALGRIND_MAKE_MEM_DEFINED(message, sizeof message);
    report(good && message[0] == 9 && message[47] == 9, "decrypt what is malformed", k->bits);
    free(key);
}

static void encryption(const struct cg_rsa_test_key *k)
{
    struct cg_rsa_fixture f;
    struct cg_rsa_private *key = malloc(cg_rsa_private_size());
    uint8_t premaster[48], back[48] = {0}, cipher[512];
    cg_rsa_fixture(&f, k);
    memset(premaster, 7, sizeof premaster);
    VALGRIND_MAKE_MEM_UNDEFINED(premaster, sizeof premaster);
    bool good = cg_rsa_encrypt_pkcs1(&f.public, premaster, sizeof premaster, cipher);
    VALGRIND_MAKE_MEM_DEFINED(cipher, sizeof cipher);
    good = good && cg_rsa_private_load(key, &f.parts) &&
           cg_rsa_decrypt_pkcs1_or_keep(key, cipher, f.parts.n_length, back, sizeof back);
    report(good && back[0] == 7 && back[47] == 7, "encrypt", k->bits);
    free(key);
}

int main(void)
{
    for (size_t i = 0; i < CG_RSA_TEST_KEYS; i++) {
        one_key(&cg_rsa_test_keys[i]);
        encryption(&cg_rsa_test_keys[i]);
    }
    printf("1..%d\n", number);
    return failed != 0;
}
