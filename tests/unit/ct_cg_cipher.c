/* Under valgrind: hashes, HMAC and ciphers with secret keys and data. Ciphers that cg_cipher.h says
 * read tables are exempt, and named.
 *
 * valgrind's CPU has AES-NI where the host has, so cg_aes_cpu.c is what runs; on a CPU without
 * it Nettle's AES reads tables, which is not checked. SHA-NI is not seen by valgrind: the plain
 * x86-64 code of SHA-1 and SHA-256 is what runs here. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto_glue/cg_cipher.h"
#include "crypto_glue/cg_hash.h"

enum { BYTES = 320 };

static int failed, number;

static void report(int good, const char *what, const char *name, const char *note)
{
    printf("%sok %d - %s %s%s\n", good ? "" : "not ", ++number, what, name, note);
    failed += !good;
}

static void cipher(enum cg_cipher_id id)
{
    const struct cg_cipher_info *info = cg_cipher_info(id);
    if (info->table_lookups) {
        report(1, "cipher", info->name, " # SKIP reads tables at secret places");
        return;
    }
    uint8_t key[CG_CIPHER_KEY_MAX] = {1}, iv[CG_CIPHER_IV_MAX] = {2}, data[BYTES];
    struct cg_cipher c;
    memset(data, 3, sizeof data);
    for (int i = 0; i < 2; i++) {
        enum cg_direction direction = i == 0 ? CG_ENCRYPT : CG_DECRYPT;
        memset(iv, 2, sizeof iv);
        VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof key);
        VALGRIND_MAKE_MEM_UNDEFINED(data, sizeof data);
        cg_cipher_set_key(&c, id, direction, key);
        cg_cipher_crypt(&c, direction, iv, data, data, sizeof data);
    }
    VALGRIND_MAKE_MEM_DEFINED(data, sizeof data);
    report(data[0] == 3 && data[BYTES - 1] == 3, "cipher", info->name, "");
}

static void hash(enum cg_hash_id id, const char *name)
{
    uint8_t key[200], data[BYTES], public_digest[CG_HASH_MAX], digest[CG_HASH_MAX];
    for (int hidden = 0; hidden < 2; hidden++) {
        memset(key, 4, sizeof key);
        memset(data, 5, sizeof data);
        if (hidden) {
            VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof key);
            VALGRIND_MAKE_MEM_UNDEFINED(data, sizeof data);
        }
        struct cg_hmac m;
        cg_hmac_init(&m, id, key, sizeof key); /* longer than a block: hashed too */
        cg_hmac_update(&m, data, sizeof data);
        cg_hmac_final(&m, hidden ? digest : public_digest);
    }
    VALGRIND_MAKE_MEM_DEFINED(digest, sizeof digest);
    report(memcmp(digest, public_digest, cg_hash_size(id)) == 0, "HMAC", name, "");
}

int main(void)
{
    static const char *const names[CG_HASH_COUNT] = {"MD5",     "SHA-1",   "SHA-224",
                                                     "SHA-256", "SHA-384", "SHA-512"};
    printf("1..%d\n", CG_CIPHER_COUNT + CG_HASH_COUNT);
    for (enum cg_cipher_id id = 0; id < CG_CIPHER_COUNT; id++)
        cipher(id);
    for (enum cg_hash_id id = 0; id < CG_HASH_COUNT; id++)
        hash(id, names[id]);
    return failed != 0;
}
