#include <string.h>

#include "../crypto_glue/cg_cbc_mac.h"
#include "../crypto_glue/cg_ct.h"
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
    if (session->version != 0 && version != session->version) {
        return TLS_ERROR_RECORD_VERSION;
    }
    if (n > (session->read.protected ? TLS_RECORD_MAX - TLS_HEADER : TLS_PLAINTEXT_MAX)) {
        return TLS_ERROR_RECORD_LENGTH;
    }
    *length = TLS_HEADER + n;
    return TLS_ERROR_OK;
}

bool tls_half_has_budget(const struct tls_half *half, uint64_t limit_64, size_t n)
{
    if (half->sequence == UINT64_MAX) {
        return false;
    }
    if (!half->protected || cg_cipher_info(half->cipher)->block != 8) {
        return true;
    }
    return half->bytes <= limit_64 && n <= limit_64 - half->bytes;
}

static void pseudo_header(uint8_t out[PSEUDO_HEADER], const struct tls_half *half, uint8_t type,
                          uint16_t version)
{
    tls_put_number(out, 8, half->sequence);
    out[8] = type;
    tls_put_number(out + 9, 2, version);
}

static uint32_t decrypt_and_check(struct tls_half *half, uint16_t version, uint8_t *record,
                                  size_t n, size_t *content_length)
{
    uint8_t header[PSEUDO_HEADER], *content = record + TLS_HEADER;
    struct cg_cipher cipher;

    cg_cipher_set_key(&cipher, half->cipher, CG_DECRYPT, half->key);
    cg_cipher_crypt(&cipher, CG_DECRYPT, half->iv, content, content, n);
    cg_wipe(&cipher, sizeof cipher);
    pseudo_header(header, half, record[0], version);
    return cg_cbc_mac_check(half->mac, half->mac_key, header, content, n, content_length);
}

enum tls_error tls_record_open(struct tls_half *half, uint16_t version, uint64_t limit_64,
                               uint8_t *record, size_t length, size_t *content_length)
{
    size_t n = length - TLS_HEADER;

    if (!tls_half_has_budget(half, limit_64, n)) {
        return TLS_ERROR_DATA_LIMIT;
    }
    if (half->protected) {
        if (n == 0 || n % cg_cipher_info(half->cipher)->block != 0 ||
            !decrypt_and_check(half, version, record, n, content_length)) {
            return TLS_ERROR_RECORD_MAC;
        }
    } else {
        *content_length = n;
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
        cg_cipher_set_key(&sealer->cipher, half->cipher, CG_ENCRYPT, half->key);
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
        size_t block = cg_cipher_info(half->cipher)->block;
        n += cg_hash_size(half->mac) + 1;
        n += (block - n % block) % block;
    }
    return TLS_HEADER + n;
}

size_t tls_record_content_for(const struct tls_half *half, size_t space)
{
    size_t n = space - TLS_HEADER;

    if (half->protected) {
        n -= n % cg_cipher_info(half->cipher)->block;
        n -= cg_hash_size(half->mac) + 1;
    }
    return n < TLS_PLAINTEXT_MAX ? n : TLS_PLAINTEXT_MAX;
}

size_t tls_record_seal(struct tls_sealer *sealer, enum tls_content_type type, uint8_t *record,
                       size_t n)
{
    struct tls_half *half = sealer->half;
    uint8_t *content = record + TLS_HEADER;
    size_t size = tls_record_size(half, n), sealed = size - TLS_HEADER;

    if (half->protected) {
        uint8_t header[PSEUDO_HEADER + 2];
        size_t mac_end = n + cg_hash_size(half->mac);
        pseudo_header(header, half, (uint8_t)type, sealer->version);
        tls_put_number(header + PSEUDO_HEADER, 2, n);
        cg_hmac_update(&sealer->hmac, header, sizeof header);
        cg_hmac_update(&sealer->hmac, content, n);
        cg_hmac_final(&sealer->hmac, content + n);
        memset(content + mac_end, (int)(sealed - mac_end - 1), sealed - mac_end);
        cg_cipher_crypt(&sealer->cipher, CG_ENCRYPT, half->iv, content, content, sealed);
    }
    record[0] = (uint8_t)type;
    tls_put_number(record + 1, 2, sealer->version);
    tls_put_number(record + 3, 2, sealed);
    half->sequence++;
    half->bytes += sealed;
    return size;
}
