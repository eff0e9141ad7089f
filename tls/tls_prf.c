#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "tls_prf.h"
#include "tls_record.h"

struct seed {
    const char *label;
    const uint8_t *first, *second;
    size_t first_length, second_length;
};

static void add_seed(struct cg_hmac *hmac, const struct seed *seed)
{
    cg_hmac_update(hmac, seed->label, strlen(seed->label));
    cg_hmac_update(hmac, seed->first, seed->first_length);
    cg_hmac_update(hmac, seed->second, seed->second_length);
}

/* Adds P_hash(secret, seed) to out, bit by bit (RFC 2246 section 5). */
static void xor_p_hash(enum cg_hash_id id, const uint8_t *secret, size_t secret_length,
                       const struct seed *seed, uint8_t *out, size_t n)
{
    uint8_t a[CG_HASH_MAX], block[CG_HASH_MAX];
    size_t size = cg_hash_size(id);
    struct cg_hmac hmac;

    cg_hmac_init(&hmac, id, secret, secret_length);
    add_seed(&hmac, seed);
    cg_hmac_final(&hmac, a);
    while (n > 0) {
        cg_hmac_update(&hmac, a, size);
        add_seed(&hmac, seed);
        cg_hmac_final(&hmac, block);
        size_t part = n < size ? n : size;
        for (size_t i = 0; i < part; i++) {
            out[i] ^= block[i];
        }
        out += part;
        n -= part;
        cg_hmac_update(&hmac, a, size);
        cg_hmac_final(&hmac, a);
    }
    cg_wipe(&hmac, sizeof hmac);
    cg_wipe(a, sizeof a);
    cg_wipe(block, sizeof block);
}

void tls_prf(const uint8_t *secret, size_t secret_length, const char *label, const uint8_t *seed,
             size_t seed_length, const uint8_t *seed2, size_t seed2_length, uint8_t *out, size_t n)
{
    struct seed whole = {label, seed, seed2, seed_length, seed2_length};
    /* A secret of odd length lends its middle byte to both halves. */
    size_t half = (secret_length + 1) / 2;

    memset(out, 0, n);
    xor_p_hash(CG_MD5, secret, half, &whole, out, n);
    xor_p_hash(CG_SHA1, secret + secret_length - half, half, &whole, out, n);
}

void tls_master_secret(const uint8_t *premaster, size_t premaster_length,
                       const uint8_t client_random[TLS_RANDOM],
                       const uint8_t server_random[TLS_RANDOM], uint8_t master[TLS_MASTER_SECRET])
{
    tls_prf(premaster, premaster_length, "master secret", client_random, TLS_RANDOM, server_random,
            TLS_RANDOM, master, TLS_MASTER_SECRET);
}

static const uint8_t *cut(const uint8_t *from, void *to, size_t n)
{
    memcpy(to, from, n);
    return from + n;
}

/* Keys of the export suites, after the fact: from what the key block gave, and IVs from what is
 * public (RFC 2246 6.3.1). Here the client's random comes first. */
static void finish_export(const struct cg_cipher_info *cipher, const uint8_t *client_random,
                          const uint8_t *server_random, struct tls_half *client_write,
                          struct tls_half *server_write)
{
    uint8_t key[CG_CIPHER_KEY_MAX], ivs[2 * CG_CIPHER_IV_MAX];

    memcpy(key, client_write->key, cipher->key_material);
    tls_prf(key, cipher->key_material, "client write key", client_random, TLS_RANDOM, server_random,
            TLS_RANDOM, client_write->key, cipher->key_length);
    memcpy(key, server_write->key, cipher->key_material);
    tls_prf(key, cipher->key_material, "server write key", client_random, TLS_RANDOM, server_random,
            TLS_RANDOM, server_write->key, cipher->key_length);
    tls_prf(key, 0, "IV block", client_random, TLS_RANDOM, server_random, TLS_RANDOM, ivs,
            2 * (size_t)cipher->iv_length);
    memcpy(client_write->iv, ivs, cipher->iv_length);
    memcpy(server_write->iv, ivs + cipher->iv_length, cipher->iv_length);
    cg_wipe(key, sizeof key);
}

void tls_key_block(const struct tls_suite *suite, const uint8_t master[TLS_MASTER_SECRET],
                   const uint8_t client_random[TLS_RANDOM], const uint8_t server_random[TLS_RANDOM],
                   struct tls_half *client_write, struct tls_half *server_write)
{
    const struct cg_cipher_info *cipher = cg_cipher_info(suite->cipher);
    size_t mac = cg_hash_size(suite->mac);
    uint8_t block[2 * (CG_HASH_MAX + CG_CIPHER_KEY_MAX + CG_CIPHER_IV_MAX)];
    size_t n = 2 * (mac + cipher->key_material + cipher->iv_length);

    /* The randoms stand in the other order than for the master secret. */
    tls_prf(master, TLS_MASTER_SECRET, "key expansion", server_random, TLS_RANDOM, client_random,
            TLS_RANDOM, block, n);
    *client_write = (struct tls_half){
        .cipher = (uint8_t)suite->cipher, .mac = (uint8_t)suite->mac, .protected = 1};
    *server_write = *client_write;
    const uint8_t *at = block;
    at = cut(at, client_write->mac_key, mac);
    at = cut(at, server_write->mac_key, mac);
    at = cut(at, client_write->key, cipher->key_material);
    at = cut(at, server_write->key, cipher->key_material);
    at = cut(at, client_write->iv, cipher->iv_length);
    cut(at, server_write->iv, cipher->iv_length);
    if (cipher->key_material < cipher->key_length) {
        finish_export(cipher, client_random, server_random, client_write, server_write);
    }
    tls_half_begin(client_write);
    tls_half_begin(server_write);
    cg_wipe(block, sizeof block);
}

void tls_verify_data(const uint8_t master[TLS_MASTER_SECRET], enum tls_role sender,
                     const uint8_t digest[TLS_TRANSCRIPT_DIGEST],
                     uint8_t verify_data[TLS_VERIFY_DATA])
{
    const char *label = sender == TLS_CLIENT ? "client finished" : "server finished";

    tls_prf(master, TLS_MASTER_SECRET, label, digest, TLS_TRANSCRIPT_DIGEST, NULL, 0, verify_data,
            TLS_VERIFY_DATA);
}
