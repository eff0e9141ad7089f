#include <string.h>

#include "../crypto_glue/cg_cipher.h"
#include "../crypto_glue/cg_ct.h"
#include "../crypto_glue/cg_hash.h"
#include "../crypto_glue/cg_random.h"
#include "tls_defences.h"
#include "tls_ticket.h"
#include "tls_wire.h"

enum {
    NAME = 16,
    IV = 16,
    MAC = 32,
    CONTENT = TLS_TICKET_SIZE - NAME - IV - MAC,
    TICKET_FORMAT = 1
};

/* ---- the ring ---- */

void tls_ticket_ring_init(struct tls_ticket_ring *ring, uint32_t period)
{
    struct tls_ticket_keys keys = {.period = period};

    memset(ring, 0, sizeof *ring);
    tls_shared_write(&ring->lock, 0, ring->words, &keys, sizeof keys);
}

bool tls_ticket_ring_load(struct tls_ticket_ring *ring, const uint8_t *bytes, size_t n)
{
    struct tls_ticket_keys keys = {.count = (uint32_t)(n / TLS_TICKET_KEY_BYTES)};
    struct tls_reader r = tls_reader_of(bytes, n);

    if (n == 0 || n % TLS_TICKET_KEY_BYTES != 0 || keys.count > TLS_TICKET_KEYS) {
        return false;
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        tls_read_copy(&r, keys.key[i].name, sizeof keys.key[i].name);
        tls_read_copy(&r, keys.key[i].cipher, sizeof keys.key[i].cipher);
        tls_read_copy(&r, keys.key[i].mac, sizeof keys.key[i].mac);
    }
    bool written = tls_shared_write(&ring->lock, tls_shared_version(&ring->lock), ring->words,
                                    &keys, sizeof keys);
    cg_wipe(&keys, sizeof keys);
    return written;
}

/* Puts a new key in front when the first has sealed long enough. */
static bool rotate(struct tls_ticket_keys *keys, int64_t now)
{
    struct tls_ticket_key key = {.born = now};

    if (!cg_random(key.name, sizeof key.name) || !cg_random(key.cipher, sizeof key.cipher) ||
        !cg_random(key.mac, sizeof key.mac)) {
        return false;
    }
    memmove(&keys->key[1], &keys->key[0], (TLS_TICKET_KEYS - 1) * sizeof key);
    keys->key[0] = key;
    keys->count += keys->count < TLS_TICKET_KEYS;
    cg_wipe(&key, sizeof key);
    return true;
}

/* The keys of now. Whoever finds the first too old makes a new one; who comes second uses that. */
static bool current_keys(struct tls_ticket_ring *ring, int64_t now, struct tls_ticket_keys *keys)
{
    for (unsigned tries = 0; tries < 3; tries++) {
        uint32_t version = tls_shared_version(&ring->lock);
        if (!tls_shared_read(&ring->lock, ring->words, keys, sizeof *keys)) {
            continue;
        }
        if (keys->period == 0 ||
            (keys->count > 0 && now - keys->key[0].born < (int64_t)keys->period)) {
            return keys->count > 0;
        }
        if (!rotate(keys, now)) {
            return false;
        }
        if (tls_shared_write(&ring->lock, version, ring->words, keys, sizeof *keys)) {
            return true;
        }
    }
    return false;
}

size_t tls_ticket_ring_save(struct tls_ticket_ring *ring, int64_t now, uint8_t *out, size_t size)
{
    struct tls_ticket_keys keys;
    struct tls_writer w = tls_writer_to(out, size / TLS_TICKET_KEY_BYTES * TLS_TICKET_KEY_BYTES);

    if (!current_keys(ring, now, &keys)) {
        return 0;
    }
    for (uint32_t i = 0; i < keys.count && w.used < w.size; i++) {
        tls_write_bytes(&w, keys.key[i].name, sizeof keys.key[i].name);
        tls_write_bytes(&w, keys.key[i].cipher, sizeof keys.key[i].cipher);
        tls_write_bytes(&w, keys.key[i].mac, sizeof keys.key[i].mac);
    }
    cg_wipe(&keys, sizeof keys);
    return w.used;
}

bool tls_ticket_key_make(uint8_t out[TLS_TICKET_KEY_BYTES])
{
    return cg_random(out, TLS_TICKET_KEY_BYTES);
}

/* ---- sealing ---- */

static void mac_of(const struct tls_ticket_key *key, const uint8_t *ticket, uint8_t mac[MAC])
{
    struct cg_hmac hmac;

    cg_hmac_init(&hmac, CG_SHA256, key->mac, sizeof key->mac);
    cg_hmac_update(&hmac, ticket, TLS_TICKET_SIZE - MAC);
    cg_hmac_final(&hmac, mac);
    cg_wipe(&hmac, sizeof hmac);
}

static void crypt(const struct tls_ticket_key *key, enum cg_direction direction,
                  const uint8_t iv[IV], uint8_t *content)
{
    struct cg_cipher cipher;
    uint8_t chained[IV];

    memcpy(chained, iv, sizeof chained);
    cg_cipher_set_key(&cipher, CG_AES256_CBC, direction, key->cipher);
    cg_cipher_crypt(&cipher, direction, chained, content, content, CONTENT);
    cg_wipe(&cipher, sizeof cipher);
}

static void write_content(const struct tls_resumable *r, uint8_t out[CONTENT])
{
    struct tls_writer w = tls_writer_to(out, CONTENT);

    memset(out, 0, CONTENT);
    tls_write_u16(&w, TICKET_FORMAT);
    tls_write_u16(&w, r->format);
    tls_write_u16(&w, r->version);
    tls_write_u16(&w, r->suite);
    tls_write_u8(&w, r->extended_master_secret);
    tls_write_bytes(&w, r->master_secret, sizeof r->master_secret);
    tls_write_bytes(&w, r->rule, sizeof r->rule);
    tls_write_bytes(&w, r->name, sizeof r->name);
    tls_write_bytes(&w, r->peer, sizeof r->peer);
    tls_write_number(&w, 4, (uint32_t)(r->created >> 32));
    tls_write_number(&w, 4, (uint32_t)r->created);
    tls_write_number(&w, 4, (uint32_t)(r->expires >> 32));
    tls_write_number(&w, 4, (uint32_t)r->expires);
}
_Static_assert(4 * 2 + 1 + TLS_MASTER_SECRET + 3 * TLS_DIGEST + 4 * 4 <= CONTENT,
               "the content has its place");

static int64_t read_time(struct tls_reader *r)
{
    uint64_t high = tls_read_number(r, 4);

    return (int64_t)(high << 32 | tls_read_number(r, 4));
}

static bool read_content(const uint8_t content[CONTENT], struct tls_resumable *out)
{
    struct tls_reader r = tls_reader_of(content, CONTENT);

    if (tls_read_u16(&r) != TICKET_FORMAT) {
        return false;
    }
    out->format = tls_read_u16(&r);
    out->version = tls_read_u16(&r);
    out->suite = tls_read_u16(&r);
    out->extended_master_secret = tls_read_u8(&r);
    tls_read_copy(&r, out->master_secret, sizeof out->master_secret);
    tls_read_copy(&r, out->rule, sizeof out->rule);
    tls_read_copy(&r, out->name, sizeof out->name);
    tls_read_copy(&r, out->peer, sizeof out->peer);
    out->created = read_time(&r);
    out->expires = read_time(&r);
    return true;
}

bool tls_ticket_seal(struct tls_ticket_ring *ring, int64_t now,
                     const struct tls_resumable *resumable, uint8_t *out)
{
    struct tls_ticket_keys keys;
    uint8_t *iv = out + NAME, *content = iv + IV;
    bool good = current_keys(ring, now, &keys) && cg_random(iv, IV);

    if (good) {
        memcpy(out, keys.key[0].name, NAME);
        write_content(resumable, content);
        crypt(&keys.key[0], CG_ENCRYPT, iv, content);
        mac_of(&keys.key[0], out, out + TLS_TICKET_SIZE - MAC);
    }
    cg_wipe(&keys, sizeof keys);
    return good;
}

/* The MAC is checked before anything of the ticket is believed. */
static bool open_with(const struct tls_ticket_key *key, const uint8_t *ticket,
                      struct tls_resumable *out)
{
    uint8_t mac[MAC], content[CONTENT];

    mac_of(key, ticket, mac);
    if (!cg_ct_equal(mac, ticket + TLS_TICKET_SIZE - MAC, MAC) &&
        tls_defends(TLS_DEFENCE_TICKET_MAC)) {
        return false;
    }
    memcpy(content, ticket + NAME + IV, CONTENT);
    crypt(key, CG_DECRYPT, ticket + NAME, content);
    bool good = read_content(content, out);
    cg_wipe(content, sizeof content);
    return good;
}

enum tls_ticket_result tls_ticket_open(struct tls_ticket_ring *ring, int64_t now,
                                       const uint8_t *ticket, size_t n, struct tls_resumable *out)
{
    struct tls_ticket_keys keys;
    enum tls_ticket_result result = TLS_TICKET_NONE;

    memset(out, 0, sizeof *out);
    if (n != TLS_TICKET_SIZE || !current_keys(ring, now, &keys)) {
        return result;
    }
    for (uint32_t i = 0; i < keys.count; i++) {
        if (memcmp(ticket, keys.key[i].name, NAME) == 0) {
            if (open_with(&keys.key[i], ticket, out)) {
                result = i == 0 ? TLS_TICKET_GOOD : TLS_TICKET_OLD;
            }
            break;
        }
    }
    cg_wipe(&keys, sizeof keys);
    return result;
}
