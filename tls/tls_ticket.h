/* Tickets (RFC 5077 section 4): resumables sealed with keys that only servers have.
 *
 * A ring holds the key that seals and those that did before, which still open. It lies in memory
 * that processes may share, and rotates by itself at use; or its keys come from outside, the same
 * for every machine of a farm, and it never rotates. */
#ifndef TLS_TICKET_H
#define TLS_TICKET_H

#include "tls.h"
#include "tls_shared.h"

enum {
    TLS_TICKET_KEYS = 4,
    TLS_TICKET_KEY_BYTES = 16 + 32 + 32, /* name, AES-256, HMAC-SHA-256 */
    TLS_TICKET_SIZE = 16 + 16 + 176 + 32 /* name, IV, ciphertext, MAC */
};

struct tls_ticket_key {
    uint8_t name[16], cipher[32], mac[32];
    int64_t born; /* seconds since 1970 */
};

struct tls_ticket_keys {
    uint32_t period; /* seconds after which a new key seals; 0: never */
    uint32_t count;  /* of keys that there are, newest first */
    struct tls_ticket_key key[TLS_TICKET_KEYS];
};

struct tls_ticket_ring {
    struct tls_shared lock;
    uint64_t words[(sizeof(struct tls_ticket_keys) + 7) / 8];
};

/* A ring that makes its own keys, a new one each `period` seconds; a key opens for
 * TLS_TICKET_KEYS - 1 periods more. Must happen before anyone else sees the ring. */
void tls_ticket_ring_init(struct tls_ticket_ring *ring, uint32_t period);
/* Takes keys from outside: n bytes, TLS_TICKET_KEY_BYTES each, newest first, at most
 * TLS_TICKET_KEYS. May be done again at any time, to change them. False when n is something else,
 * or another process is in the middle of the same. */
bool tls_ticket_ring_load(struct tls_ticket_ring *ring, const uint8_t *bytes, size_t n);

/* The keys that there are, in the form that tls_ticket_ring_load takes: newest first, as many whole
 * ones as `size` bytes hold. A ring that makes its own has one at least. Secret. Returns the bytes
 * written; 0 without randomness, or when another process is at work on the ring. */
size_t tls_ticket_ring_save(struct tls_ticket_ring *ring, int64_t now, uint8_t *out, size_t size);
/* Draws one key, for a file of keys; false without randomness. */
bool tls_ticket_key_make(uint8_t out[TLS_TICKET_KEY_BYTES]);

/* Seals into TLS_TICKET_SIZE bytes. Session id and ticket of the resumable are left out. False
 * without randomness. */
bool tls_ticket_seal(struct tls_ticket_ring *ring, int64_t now,
                     const struct tls_resumable *resumable, uint8_t *out);

enum tls_ticket_result {
    TLS_TICKET_NONE, /* not one of ours, or forged, or of a key that is gone */
    TLS_TICKET_GOOD,
    TLS_TICKET_OLD /* good, but another key seals: to be replaced */
};
/* *out is all zeros when the result is TLS_TICKET_NONE. */
enum tls_ticket_result tls_ticket_open(struct tls_ticket_ring *ring, int64_t now,
                                       const uint8_t *ticket, size_t n, struct tls_resumable *out);

#endif
