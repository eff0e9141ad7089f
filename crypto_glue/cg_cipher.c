#include "cg_cipher.h"

#include <nettle/aes.h>
#include <nettle/arcfour.h>
#include <nettle/arctwo.h>
#include <nettle/camellia.h>
#include <nettle/cbc.h>
#include <nettle/des.h>
#include <string.h>

#include "cg_aes_cpu.h"
#include "cg_ct.h"

enum { OPAQUE = sizeof((struct cg_cipher *)0)->opaque };
_Static_assert(sizeof(struct aes256_ctx) <= OPAQUE, "AES context");
_Static_assert(sizeof(struct cg_aes_keys) <= OPAQUE, "AES context");
_Static_assert(sizeof(struct des3_ctx) <= OPAQUE, "3DES context");
_Static_assert(sizeof(struct arcfour_ctx) <= OPAQUE, "RC4 context");
_Static_assert(sizeof(struct arctwo_ctx) <= OPAQUE, "RC2 context");
_Static_assert(sizeof(struct camellia256_ctx) <= OPAQUE, "Camellia context");

typedef void set_key_function(void *context, const uint8_t *key);
typedef void crypt_function(void *context, uint8_t *iv, size_t n, uint8_t *dst, const uint8_t *src);

/* ---- keys: Nettle's functions differ in type and in what they return ---- */

static void null_set_key(void *context, const uint8_t *key)
{
    (void)context;
    (void)key;
}

#define SET_KEY(name, call)                                                                        \
    static void name(void *context, const uint8_t *key)                                            \
    {                                                                                              \
        call;                                                                                      \
    }

SET_KEY(camellia128_encrypt_key, camellia128_set_encrypt_key(context, key))
SET_KEY(camellia128_decrypt_key, camellia128_set_decrypt_key(context, key))
SET_KEY(camellia256_encrypt_key, camellia256_set_encrypt_key(context, key))
SET_KEY(camellia256_decrypt_key, camellia256_set_decrypt_key(context, key))
/* DES reports weak keys, with the key set all the same: a derived key is used whatever it is. */
SET_KEY(des_key, des_set_key(context, key))
SET_KEY(des3_key, des3_set_key(context, key))
SET_KEY(rc4_key, arcfour128_set_key(context, key))
/* The final key of RC2_CBC_40 is 128 bits long and RC2 uses all of them (RFC 2246 appendix C):
 * the 40 bits are the entropy that went into it, not RC2's effective key size. */
SET_KEY(rc2_key, arctwo_set_key_ekb(context, 16, key, 128))

/* ---- data ---- */

static void null_crypt(void *context, uint8_t *iv, size_t n, uint8_t *dst, const uint8_t *src)
{
    (void)context;
    (void)iv;
    if (dst != src)
        memcpy(dst, src, n);
}

static void rc4_crypt(void *context, uint8_t *iv, size_t n, uint8_t *dst, const uint8_t *src)
{
    (void)iv;
    arcfour_crypt(context, n, dst, src);
}

#define CBC(name, mode, cipher, block)                                                             \
    static void name(void *context, uint8_t *iv, size_t n, uint8_t *dst, const uint8_t *src)       \
    {                                                                                              \
        mode(context, (nettle_cipher_func *)cipher, block, iv, n, dst, src);                       \
    }

CBC(des3_cbc_encrypt, cbc_encrypt, des3_encrypt, DES3_BLOCK_SIZE)
CBC(des3_cbc_decrypt, cbc_decrypt, des3_decrypt, DES3_BLOCK_SIZE)
CBC(des_cbc_encrypt, cbc_encrypt, des_encrypt, DES_BLOCK_SIZE)
CBC(des_cbc_decrypt, cbc_decrypt, des_decrypt, DES_BLOCK_SIZE)
CBC(rc2_cbc_encrypt, cbc_encrypt, arctwo_encrypt, ARCTWO_BLOCK_SIZE)
CBC(rc2_cbc_decrypt, cbc_decrypt, arctwo_decrypt, ARCTWO_BLOCK_SIZE)
CBC(camellia128_cbc_encrypt, cbc_encrypt, camellia128_crypt, CAMELLIA_BLOCK_SIZE)
CBC(camellia128_cbc_decrypt, cbc_decrypt, camellia128_crypt, CAMELLIA_BLOCK_SIZE)
CBC(camellia256_cbc_encrypt, cbc_encrypt, camellia256_crypt, CAMELLIA_BLOCK_SIZE)
CBC(camellia256_cbc_decrypt, cbc_decrypt, camellia256_crypt, CAMELLIA_BLOCK_SIZE)

/* ---- AES: the CPU's, or else Nettle's ---- */

#define AES(bits)                                                                                  \
    static void aes##bits##_encrypt_key(void *context, const uint8_t *key)                         \
    {                                                                                              \
        if (cg_aes_is_in_cpu())                                                                    \
            cg_aes_encrypt_key(context, CG_AES##bits##_ROUNDS, key);                               \
        else                                                                                       \
            aes##bits##_set_encrypt_key(context, key);                                             \
    }                                                                                              \
    static void aes##bits##_decrypt_key(void *context, const uint8_t *key)                         \
    {                                                                                              \
        if (cg_aes_is_in_cpu())                                                                    \
            cg_aes_decrypt_key(context, CG_AES##bits##_ROUNDS, key);                               \
        else                                                                                       \
            aes##bits##_set_decrypt_key(context, key);                                             \
    }                                                                                              \
    static void aes##bits##_cbc_encrypt(void *context, uint8_t *iv, size_t n, uint8_t *dst,        \
                                        const uint8_t *src)                                        \
    {                                                                                              \
        if (cg_aes_is_in_cpu())                                                                    \
            cg_aes_cbc_encrypt(context, CG_AES##bits##_ROUNDS, iv, dst, src, n);                   \
        else                                                                                       \
            cbc_aes##bits##_encrypt(context, iv, n, dst, src);                                     \
    }                                                                                              \
    static void aes##bits##_cbc_decrypt(void *context, uint8_t *iv, size_t n, uint8_t *dst,        \
                                        const uint8_t *src)                                        \
    {                                                                                              \
        if (cg_aes_is_in_cpu())                                                                    \
            cg_aes_cbc_decrypt(context, CG_AES##bits##_ROUNDS, iv, dst, src, n);                   \
        else                                                                                       \
            cbc_decrypt(context, (nettle_cipher_func *)aes##bits##_decrypt, AES_BLOCK_SIZE, iv, n, \
                        dst, src);                                                                 \
    }

AES(128)
AES(256)

/* ---- the table ---- */

struct cipher_row {
    struct cg_cipher_info info;
    set_key_function *set_key[2]; /* by enum cg_direction */
    crypt_function *crypt[2];
};

#define INFO(name, material, key, block, iv, state, tables)                                        \
    .info = {name, material, key, block, iv, state, tables}

static const struct cipher_row rows[CG_CIPHER_COUNT] = {
    [CG_CIPHER_NULL] = {INFO("NULL", 0, 0, 1, 0, 0, false),
                        {null_set_key, null_set_key},
                        {null_crypt, null_crypt}},
    [CG_AES128_CBC] = {INFO("AES_128_CBC", 16, 16, 16, 16, 0, false),
                       {aes128_decrypt_key, aes128_encrypt_key},
                       {aes128_cbc_decrypt, aes128_cbc_encrypt}},
    [CG_AES256_CBC] = {INFO("AES_256_CBC", 32, 32, 16, 16, 0, false),
                       {aes256_decrypt_key, aes256_encrypt_key},
                       {aes256_cbc_decrypt, aes256_cbc_encrypt}},
    [CG_3DES_EDE_CBC] = {INFO("3DES_EDE_CBC", 24, 24, 8, 8, 0, true),
                         {des3_key, des3_key},
                         {des3_cbc_decrypt, des3_cbc_encrypt}},
    [CG_RC4_128] = {INFO("RC4_128", 16, 16, 1, 0, CG_CIPHER_STATE_MAX, true),
                    {rc4_key, rc4_key},
                    {rc4_crypt, rc4_crypt}},
    [CG_RC4_40] = {INFO("RC4_40", 5, 16, 1, 0, CG_CIPHER_STATE_MAX, true),
                   {rc4_key, rc4_key},
                   {rc4_crypt, rc4_crypt}},
    [CG_RC2_CBC_40] = {INFO("RC2_CBC_40", 5, 16, 8, 8, 0, true),
                       {rc2_key, rc2_key},
                       {rc2_cbc_decrypt, rc2_cbc_encrypt}},
    [CG_DES40_CBC] = {INFO("DES40_CBC", 5, 8, 8, 8, 0, true),
                      {des_key, des_key},
                      {des_cbc_decrypt, des_cbc_encrypt}},
    [CG_DES_CBC] = {INFO("DES_CBC", 8, 8, 8, 8, 0, true),
                    {des_key, des_key},
                    {des_cbc_decrypt, des_cbc_encrypt}},
    [CG_CAMELLIA128_CBC] = {INFO("CAMELLIA_128_CBC", 16, 16, 16, 16, 0, true),
                            {camellia128_decrypt_key, camellia128_encrypt_key},
                            {camellia128_cbc_decrypt, camellia128_cbc_encrypt}},
    [CG_CAMELLIA256_CBC] = {INFO("CAMELLIA_256_CBC", 32, 32, 16, 16, 0, true),
                            {camellia256_decrypt_key, camellia256_encrypt_key},
                            {camellia256_cbc_decrypt, camellia256_cbc_encrypt}},
};

const struct cg_cipher_info *cg_cipher_info(enum cg_cipher_id id)
{
    return &rows[id].info;
}

void cg_cipher_set_key(struct cg_cipher *c, enum cg_cipher_id id, enum cg_direction direction,
                       const uint8_t *key)
{
    c->id = id;
    rows[id].set_key[direction](c->opaque, key);
}

void cg_cipher_crypt(struct cg_cipher *c, enum cg_direction direction, uint8_t *iv, uint8_t *dst,
                     const uint8_t *src, size_t n)
{
    if (n > 0)
        rows[c->id].crypt[direction](c->opaque, iv, n, dst, src);
}

/* ---- a stream cipher's state ---- */

void cg_cipher_save(const struct cg_cipher *c, uint8_t *state)
{
    if (rows[c->id].info.state_length == 0)
        return;
    struct arcfour_ctx rc4;
    memcpy(&rc4, c->opaque, sizeof rc4);
    memcpy(state, rc4.S, 256);
    state[256] = rc4.i;
    state[257] = rc4.j;
    cg_wipe(&rc4, sizeof rc4);
}

void cg_cipher_restore(struct cg_cipher *c, enum cg_cipher_id id, const uint8_t *state)
{
    if (rows[id].info.state_length == 0)
        return;
    struct arcfour_ctx rc4 = {.i = state[256], .j = state[257]};
    memcpy(rc4.S, state, 256);
    c->id = id;
    memcpy(c->opaque, &rc4, sizeof rc4);
    cg_wipe(&rc4, sizeof rc4);
}
