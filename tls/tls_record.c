#include <string.h>

#include "../crypto_glue/cg_cbc_mac.h"
#include "../crypto_glue/cg_ct.h"
#include "tls_defences.h"
#include "tls_record.h"
#include "tls_wire.h"

enum { PSEUDO_HEADER = 11 /* of the MAC: sequence number, type, version */ };

enum tls_error tls_record_header(const struct tls_session *session, const uint8_t *bytes,
                                 size_t have, size_t *length)
{
    struct tls_reader r = tls_reader_of(bytes, have);
    uint8_t type = tls_read_u8(&r);
    uint16_t version = tls_read_u16(&r);
    size_t n = tls_read_u16(&r);

    *length = TLS_HEADER;
    if (have >= 1 &&
        (type < TLS_CONTENT_CHANGE_CIPHER_SPEC || type > TLS_CONTENT_APPLICATION_DATA)) {
        return TLS_ERROR_RECORD_TYPE;
    }
    if (have >= 2 && bytes[1] != TLS_VERSION_10 >> 8) {
        return TLS_ERROR_RECORD_VERSION;
    }
    if (r.bad) {
        return TLS_ERROR_OK;
    }
    /* Who refuses the version that was chosen says so in an alert of another (RFC 2246 E). */
    bool refusal = type == TLS_CONTENT_ALERT && !session->read.protected;
    if (session->version != 0 && version != session->version && !refusal) {
        return TLS_ERROR_RECORD_VERSION;
    }
    if (n > (session->read.protected ? TLS_RECORD_MAX - TLS_HEADER : TLS_PLAINTEXT_MAX)) {
        return TLS_ERROR_RECORD_LENGTH;
    }
    *length = TLS_HEADER + n;
    return TLS_ERROR_OK;
}

/* A stream cipher's state lives in the half between records, any other's key does. */
static void load_cipher(struct cg_cipher *cipher, const struct tls_half *half,
                        enum cg_direction direction)
{
    if (cg_cipher_info(half->cipher)->state_length > 0) {
        cg_cipher_restore(cipher, half->cipher, half->state);
    } else {
        cg_cipher_set_key(cipher, half->cipher, direction, half->key);
    }
}

static bool has_blocks(const struct tls_half *half)
{
    return cg_cipher_info(half->cipher)->block > 1;
}

void tls_half_begin(struct tls_half *half)
{
    struct cg_cipher cipher;

    if (cg_cipher_info(half->cipher)->state_length > 0) {
        cg_cipher_set_key(&cipher, half->cipher, CG_ENCRYPT, half->key);
        cg_cipher_save(&cipher, half->state);
        cg_wipe(&cipher, sizeof cipher);
    }
}

bool tls_half_has_budget(const struct tls_half *half, uint64_t limit_64, size_t n)
{
    if (half->sequence == UINT64_MAX) {
        return false;
    }
    if (!half->protected || cg_cipher_info(half->cipher)->block != 8) {
        return true;
    }
    return (half->bytes <= limit_64 && n <= limit_64 - half->bytes) ||
           !tls_defends(TLS_DEFENCE_DATA_LIMIT);
}

static void pseudo_header(uint8_t out[PSEUDO_HEADER], const struct tls_half *half, uint8_t type,
                          uint16_t version)
{
    tls_put_number(out, 8, half->sequence);
    out[8] = type;
    tls_put_number(out + 9, 2, version);
}

static void decrypt(struct tls_half *half, uint8_t *content, size_t n)
{
    struct cg_cipher cipher;

    load_cipher(&cipher, half, CG_DECRYPT);
    cg_cipher_crypt(&cipher, CG_DECRYPT, half->iv, content, content, n);
    cg_cipher_save(&cipher, half->state);
    cg_wipe(&cipher, sizeof cipher);
}

/* MAC, then padding, then encryption: the two checks are one (RFC 2246 6.2.3.2). */
static bool open_mac_first(struct tls_half *half, uint16_t version, uint8_t *record, size_t n,
                           size_t *content_length)
{
    uint8_t header[PSEUDO_HEADER], *content = record + TLS_HEADER;

    decrypt(half, content, n);
    pseudo_header(header, half, record[0], version);
    return cg_cbc_mac_check(half->mac, half->mac_key, header, content, n, content_length) != 0;
}

/* Over the pseudo header and n bytes: of plaintext (RFC 2246 6.2.3.1), or of ciphertext (RFC 7366
 * 3). */
static void mac_over(struct cg_hmac *hmac, const struct tls_half *half, uint8_t type,
                     uint16_t version, const uint8_t *bytes, size_t n, uint8_t *mac)
{
    uint8_t header[PSEUDO_HEADER + 2];

    pseudo_header(header, half, type, version);
    tls_put_number(header + PSEUDO_HEADER, 2, n);
    cg_hmac_update(hmac, header, sizeof header);
    cg_hmac_update(hmac, bytes, n);
    cg_hmac_final(hmac, mac);
}

/* Encryption, then MAC: what fails the MAC is not decrypted, so padding tells nobody anything. */
static bool open_encrypt_first(struct tls_half *half, uint16_t version, uint8_t *record, size_t n,
                               size_t *content_length)
{
    uint8_t mac[CG_HASH_MAX], *content = record + TLS_HEADER;
    size_t mac_size = cg_hash_size(half->mac), block = cg_cipher_info(half->cipher)->block;
    struct cg_hmac hmac;

    if (n < mac_size + block || (n - mac_size) % block != 0) {
        return false;
    }
    n -= mac_size;
    cg_hmac_init(&hmac, half->mac, half->mac_key, mac_size);
    mac_over(&hmac, half, record[0], version, content, n, mac);
    cg_wipe(&hmac, sizeof hmac);
    if (!cg_ct_equal(mac, content + n, mac_size)) {
        return false;
    }
    decrypt(half, content, n);
    size_t padding = content[n - 1];
    if (padding + 1 > n) {
        return false;
    }
    for (size_t i = 1; i <= padding; i++) {
        if (content[n - 1 - i] != padding) {
            return false;
        }
    }
    *content_length = n - padding - 1;
    return true;
}

/* A stream cipher, or none: the MAC follows the content (RFC 2246 6.2.3.1). */
static bool open_stream(struct tls_half *half, uint16_t version, uint8_t *record, size_t n,
                        size_t *content_length)
{
    uint8_t mac[CG_HASH_MAX], *content = record + TLS_HEADER;
    size_t mac_size = cg_hash_size(half->mac);
    struct cg_hmac hmac;

    if (n < mac_size) {
        return false;
    }
    decrypt(half, content, n);
    *content_length = n - mac_size;
    cg_hmac_init(&hmac, half->mac, half->mac_key, mac_size);
    mac_over(&hmac, half, record[0], version, content, *content_length, mac);
    cg_wipe(&hmac, sizeof hmac);
    return cg_ct_equal(mac, content + *content_length, mac_size) != 0;
}

static bool open_protected(struct tls_half *half, uint16_t version, uint8_t *record, size_t n,
                           size_t *content_length)
{
    if (half->encrypt_then_mac) {
        return open_encrypt_first(half, version, record, n, content_length);
    }
    if (!has_blocks(half)) {
        return open_stream(half, version, record, n, content_length);
    }
    return n > 0 && n % cg_cipher_info(half->cipher)->block == 0 &&
           open_mac_first(half, version, record, n, content_length);
}

enum tls_error tls_record_open(struct tls_half *half, uint16_t version, uint64_t limit_64,
                               uint8_t *record, size_t length, size_t *content_length)
{
    size_t n = length - TLS_HEADER;

    if (!tls_half_has_budget(half, limit_64, n)) {
        return TLS_ERROR_DATA_LIMIT;
    }
    *content_length = n;
    if (half->protected && !open_protected(half, version, record, n, content_length)) {
        return TLS_ERROR_RECORD_MAC;
    }
    half->sequence++;
    half->bytes += n;
    return *content_length > TLS_PLAINTEXT_MAX ? TLS_ERROR_RECORD_LENGTH : TLS_ERROR_OK;
}

void tls_sealer_init(struct tls_sealer *sealer, struct tls_half *half, uint16_t version)
{
    sealer->half = half;
    sealer->version = version != 0 ? version : TLS_VERSION_10;
    if (half->protected) {
        load_cipher(&sealer->cipher, half, CG_ENCRYPT);
        cg_hmac_init(&sealer->hmac, half->mac, half->mac_key, cg_hash_size(half->mac));
    }
}

void tls_sealer_wipe(struct tls_sealer *sealer)
{
    if (sealer->half->protected) {
        cg_wipe(&sealer->cipher, sizeof sealer->cipher);
        cg_wipe(&sealer->hmac, sizeof sealer->hmac);
    }
}

size_t tls_record_size(const struct tls_half *half, size_t n)
{
    if (half->protected) {
        size_t block = cg_cipher_info(half->cipher)->block, mac = cg_hash_size(half->mac);
        size_t encrypted = n + (half->encrypt_then_mac ? 0 : mac) + (block > 1 ? 1 : 0);
        encrypted += (block - encrypted % block) % block;
        n = half->encrypt_then_mac ? encrypted + mac : encrypted;
    }
    return TLS_HEADER + n;
}

size_t tls_record_content_for(const struct tls_half *half, size_t space)
{
    size_t n = space - TLS_HEADER;

    if (half->protected) {
        size_t block = cg_cipher_info(half->cipher)->block, mac = cg_hash_size(half->mac);
        size_t padding = block > 1 ? 1 : 0;
        n = half->encrypt_then_mac ? (n - mac) / block * block - padding
                                   : n / block * block - mac - padding;
    }
    return n < TLS_PLAINTEXT_MAX ? n : TLS_PLAINTEXT_MAX;
}

/* Appends padding, if there is to be any, to n bytes, and encrypts up to `end`. */
static void pad_and_encrypt(struct tls_sealer *sealer, uint8_t *content, size_t n, size_t end)
{
    if (end > n) {
        memset(content + n, (int)(end - n - 1), end - n);
    }
    cg_cipher_crypt(&sealer->cipher, CG_ENCRYPT, sealer->half->iv, content, content, end);
    cg_cipher_save(&sealer->cipher, sealer->half->state);
}

static void protect(struct tls_sealer *sealer, uint8_t type, uint8_t *content, size_t n,
                    size_t sealed)
{
    const struct tls_half *half = sealer->half;
    size_t mac = cg_hash_size(half->mac);

    /* The same MAC over different bytes. */
    if (half->encrypt_then_mac) {
        pad_and_encrypt(sealer, content, n, sealed - mac);
        mac_over(&sealer->hmac, half, type, sealer->version, content, sealed - mac,
                 content + sealed - mac);
    } else {
        mac_over(&sealer->hmac, half, type, sealer->version, content, n, content + n);
        pad_and_encrypt(sealer, content, n + mac, sealed);
    }
}

size_t tls_record_seal(struct tls_sealer *sealer, enum tls_content_type type, uint8_t *record,
                       size_t n)
{
    struct tls_half *half = sealer->half;
    size_t size = tls_record_size(half, n), sealed = size - TLS_HEADER;

    if (half->protected) {
        protect(sealer, (uint8_t)type, record + TLS_HEADER, n, sealed);
    }
    record[0] = (uint8_t)type;
    tls_put_number(record + 1, 2, sealer->version);
    tls_put_number(record + 3, 2, sealed);
    half->sequence++;
    half->bytes += sealed;
    return size;
}
