/* The record layer (RFC 2246 section 6): headers, sealing and opening. Knows keys and bytes, not
 * what the bytes mean. */
#ifndef TLS_RECORD_H
#define TLS_RECORD_H

#include "../crypto_glue/cg_cipher.h"
#include "tls.h"

enum tls_content_type {
    TLS_CONTENT_CHANGE_CIPHER_SPEC = 20,
    TLS_CONTENT_ALERT = 21,
    TLS_CONTENT_HANDSHAKE = 22,
    TLS_CONTENT_APPLICATION_DATA = 23
};

/* Looks at the header that begins at bytes, of which `have` are there. *length is the whole
 * record's length in bytes, TLS_HEADER while the header is not whole. Versions: any 3.x until one
 * is negotiated, then that one only. */
enum tls_error tls_record_header(const struct tls_session *session, const uint8_t *bytes,
                                 size_t have, size_t *length);

/* Opens, in place, a record whose header was checked: the content is then *content_length bytes at
 * record + TLS_HEADER. Whatever is wrong with padding, MAC or length is RECORD_MAC, and takes the
 * same time. limit_64: bytes that one key of a 64-bit block cipher may protect. */
enum tls_error tls_record_open(struct tls_half *half, uint16_t version, uint64_t limit_64,
                               uint8_t *record, size_t length, size_t *content_length);

/* A half whose key was just set: makes the state of a stream cipher from it. */
void tls_half_begin(struct tls_half *half);

/* Keys made ready for the records of one call; on the stack, and wiped. */
struct tls_sealer {
    struct tls_half *half;
    uint16_t version;
    struct cg_cipher cipher;
    struct cg_hmac hmac;
};

void tls_sealer_init(struct tls_sealer *sealer, struct tls_half *half, uint16_t version);
void tls_sealer_wipe(struct tls_sealer *sealer);

/* Bytes on the wire, header included, of a record with n bytes of content. */
size_t tls_record_size(const struct tls_half *half, size_t n);
/* The most content that a record of this session may have: TLS_PLAINTEXT_MAX, or less by agreement
 * (RFC 6066 4). */
static inline size_t tls_fragment_max(const struct tls_session *session)
{
    return session->max_fragment == 0 ? (size_t)TLS_PLAINTEXT_MAX
                                      : (size_t)256 << session->max_fragment;
}

/* The most content, at most TLS_PLAINTEXT_MAX, whose record is at most `space` bytes on the wire;
 * space must be at least tls_record_size of nothing. */
size_t tls_record_content_for(const struct tls_half *half, size_t space);

/* Makes the record of the n bytes of content that lie at record + TLS_HEADER, where
 * tls_record_size(n) bytes from record on must be free. Returns that size. */
size_t tls_record_seal(struct tls_sealer *sealer, enum tls_content_type type, uint8_t *record,
                       size_t n);

/* May n more bytes be protected under this key? False at the limit of a 64-bit block cipher
 * (SWEET32, CVE-2016-2183) and before a sequence number would repeat (RFC 2246 6.1). */
bool tls_half_has_budget(const struct tls_half *half, uint64_t limit_64, size_t n);

#endif
