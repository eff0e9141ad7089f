/* Private keys that a passphrase protects: EncryptedPrivateKeyInfo (RFC 5958 3) with PBES2 and
 * PBKDF2 (RFC 8018 6.2, 5.2), as `openssl pkcs8 -topk8` writes them. */
#include <string.h>

#include "../../crypto_glue/cg_cipher.h"
#include "../../crypto_glue/cg_ct.h"
#include "../../crypto_glue/cg_pbkdf2.h"
#include "pem.h"
#include "x509_internal.h"

/* So that a file cannot make a program stand still as it starts: some seconds. */
enum { ROUNDS_MAX = 10000000 };

struct named {
    const char *oid; /* content bytes */
    uint8_t length;
    uint8_t id;
};

static const struct named pbes2 = {"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d", 9, 0};
static const struct named pbkdf2 = {"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c", 9, 0};
static const struct named hashes[] = {
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x07", 8, CG_SHA1},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x09", 8, CG_SHA256},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x0a", 8, CG_SHA384},
    {"\x2a\x86\x48\x86\xf7\x0d\x02\x0b", 8, CG_SHA512},
    {NULL, 0, 0},
};
static const struct named ciphers[] = {
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x02", 9, CG_AES128_CBC},
    {"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", 9, CG_AES256_CBC},
    {"\x2a\x86\x48\x86\xf7\x0d\x03\x07", 8, CG_3DES_EDE_CBC},
    {NULL, 0, 0},
};

struct recipe {
    struct x509_bytes salt, iv, encrypted;
    unsigned rounds, key_length; /* 0: not said */
    enum cg_hash_id hash;
    enum cg_cipher_id cipher;
};

static bool is_named(struct x509_bytes oid, const struct named *one)
{
    return oid.length == one->length && memcmp(oid.data, one->oid, oid.length) == 0;
}

static const struct named *find(const struct named *table, struct x509_bytes oid)
{
    for (; table->oid; table++)
        if (is_named(oid, table))
            return table;
    return NULL;
}

static bool read_hash(struct der *inside, enum cg_hash_id *hash)
{
    struct x509_bytes oid;
    struct der algorithm;
    *hash = CG_SHA1; /* RFC 8018 A.2: the default */
    if (der_done(inside))
        return true;
    if (!der_enter(inside, DER_SEQUENCE, &algorithm) || !der_oid(&algorithm, &oid) ||
        !der_null(&algorithm) || !der_done(&algorithm))
        return false;
    const struct named *found = find(hashes, oid);
    if (found)
        *hash = (enum cg_hash_id)found->id;
    return found != NULL;
}

static bool read_derivation(struct der *scheme, struct recipe *out)
{
    struct der algorithm, inside;
    struct x509_bytes oid;
    if (!der_enter(scheme, DER_SEQUENCE, &algorithm) || !der_oid(&algorithm, &oid) ||
        !is_named(oid, &pbkdf2) || !der_enter(&algorithm, DER_SEQUENCE, &inside) ||
        !der_done(&algorithm) || !der_read(&inside, DER_OCTET_STRING, &out->salt) ||
        !der_small(&inside, ROUNDS_MAX, &out->rounds) || out->rounds == 0)
        return false;
    out->key_length = 0;
    if (der_peek(&inside) == DER_INTEGER &&
        !der_small(&inside, CG_CIPHER_KEY_MAX, &out->key_length))
        return false;
    return read_hash(&inside, &out->hash) && der_done(&inside);
}

static bool read_cipher(struct der *scheme, struct recipe *out)
{
    struct der algorithm;
    struct x509_bytes oid;
    if (!der_enter(scheme, DER_SEQUENCE, &algorithm) || !der_oid(&algorithm, &oid) ||
        !der_read(&algorithm, DER_OCTET_STRING, &out->iv) || !der_done(&algorithm))
        return false;
    const struct named *found = find(ciphers, oid);
    if (!found)
        return false;
    out->cipher = (enum cg_cipher_id)found->id;
    const struct cg_cipher_info *info = cg_cipher_info(out->cipher);
    return out->iv.length == info->iv_length &&
           (out->key_length == 0 || out->key_length == info->key_length);
}

static bool read_recipe(struct x509_bytes der, struct recipe *out, const char **why)
{
    struct der d = der_over(der), info, algorithm, scheme;
    struct x509_bytes oid;
    *why = "the encrypted key is malformed (RFC 5958 3)";
    if (!der_enter(&d, DER_SEQUENCE, &info) || !der_done(&d) ||
        !der_enter(&info, DER_SEQUENCE, &algorithm) || !der_oid(&algorithm, &oid) ||
        !der_read(&info, DER_OCTET_STRING, &out->encrypted) || !der_done(&info))
        return false;
    *why = "the key is encrypted in a way that is not supported: use PBES2 with AES-128, AES-256 "
           "or 3DES in CBC mode and at most ten million rounds (openssl pkcs8 -topk8 -v2 "
           "aes-256-cbc)";
    return is_named(oid, &pbes2) && der_enter(&algorithm, DER_SEQUENCE, &scheme) &&
           der_done(&algorithm) && read_derivation(&scheme, out) && read_cipher(&scheme, out) &&
           der_done(&scheme);
}

/* Of the plaintext without its padding (RFC 8018 6.1.1); 0: not padded so. */
static size_t unpadded(const uint8_t *bytes, size_t n, size_t block)
{
    size_t padding = bytes[n - 1];
    if (padding == 0 || padding > block || padding > n)
        return 0;
    for (size_t i = n - padding; i < n; i++)
        if (bytes[i] != padding)
            return 0;
    return n - padding;
}

bool x509_decrypt_private_key(uint8_t *der, size_t *length, const void *passphrase, size_t n,
                              const char **why)
{
    struct recipe recipe;
    uint8_t key[CG_CIPHER_KEY_MAX], iv[CG_CIPHER_IV_MAX];
    struct cg_cipher cipher;
    if (!read_recipe((struct x509_bytes){der, *length}, &recipe, why))
        return false;
    const struct cg_cipher_info *info = cg_cipher_info(recipe.cipher);
    size_t encrypted = recipe.encrypted.length;
    *why = "the encrypted key is malformed (RFC 5958 3)";
    if (encrypted == 0 || encrypted % info->block != 0)
        return false;
    cg_pbkdf2(recipe.hash, passphrase, n, recipe.salt.data, recipe.salt.length, recipe.rounds, key,
              info->key_length);
    memcpy(iv, recipe.iv.data, recipe.iv.length);
    cg_cipher_set_key(&cipher, recipe.cipher, CG_DECRYPT, key);
    memmove(der, recipe.encrypted.data, encrypted);
    cg_cipher_crypt(&cipher, CG_DECRYPT, iv, der, der, encrypted);
    cg_wipe(&cipher, sizeof cipher);
    cg_wipe(key, sizeof key);
    *length = unpadded(der, encrypted, info->block);
    struct der whole = der_over((struct x509_bytes){der, *length}), inside;
    *why = "the passphrase is not the one that the key was encrypted with";
    if (*length > 0 && der_enter(&whole, DER_SEQUENCE, &inside) && der_done(&whole))
        return true;
    cg_wipe(der, encrypted);
    return false;
}
