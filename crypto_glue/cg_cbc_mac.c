#include "cg_cbc_mac.h"

#include <nettle/md5.h>
#include <nettle/sha1.h>
#include <stdbool.h>
#include <string.h>

#include "cg_ct.h"
#include "cg_defences.h"

/* The inner hash runs over  ipad block | header | length | content  and its own padding. Which
 * block ends it is secret, since the content's length is; how many blocks there can be is not.
 * All blocks that the longest content would need are compressed, and the state after the right one
 * is kept by a mask. Blocks that lie before the end of the shortest possible content hold nothing
 * secret but the content itself and go the plain way. */
enum {
    BLOCK = 64,
    PSEUDO_HEADER = 13, /* header and length */
    PADDING_MAX = 255,
    STATE_MAX = 5,
    MAC_MAX = 20
};

#ifdef CG_TEST
_Thread_local unsigned cg_cbc_mac_blocks_for_tests;
#endif

struct digest_kind {
    void (*compress)(uint32_t *state, const uint8_t *block);
    uint8_t words;
    bool big_endian;
    uint32_t start[STATE_MAX];
};

static const struct digest_kind md5_kind = {
    .compress = nettle_md5_compress,
    .words = 4,
    .big_endian = false,
    .start = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}, /* RFC 1321 3.3 */
};

static const struct digest_kind sha1_kind = {
    .compress = nettle_sha1_compress,
    .words = 5,
    .big_endian = true,
    .start = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}, /* RFC 3174 6.1 */
};

static void put_word(const struct digest_kind *kind, uint8_t *out, uint32_t word)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (uint8_t)(word >> (kind->big_endian ? 24 - 8 * i : 8 * i));
}

static void put_state(const struct digest_kind *kind, uint8_t *out, const uint32_t *state)
{
    for (unsigned i = 0; i < STATE_MAX && i < kind->words; i++)
        put_word(kind, out + 4 * i, state[i]);
}

/* The last 8 bytes of a message's last block: its length in bits. */
static void put_bits(const struct digest_kind *kind, uint8_t *out, uint32_t bytes)
{
    put_word(kind, out + (kind->big_endian ? 4 : 0), bytes << 3);
    put_word(kind, out + (kind->big_endian ? 0 : 4), bytes >> 29);
}

static void start_keyed(const struct digest_kind *kind, uint32_t *state, const uint8_t *key,
                        uint8_t pad)
{
    uint8_t block[BLOCK];
    memset(block, pad, sizeof block);
    for (unsigned i = 0; i < 4u * kind->words; i++)
        block[i] ^= key[i];
    memcpy(state, kind->start, sizeof kind->start);
    kind->compress(state, block);
    cg_wipe(block, sizeof block);
}

/* Reads the padding. Returns the mask of whether it is right; *content gets the content's length,
 * that of no padding at all when it is wrong. */
static uint32_t check_padding(const uint8_t *record, size_t n, size_t mac_size, uint32_t *content)
{
    uint32_t longest = (uint32_t)(n - mac_size - 1);
    uint32_t padding = record[n - 1];
    uint32_t good = cg_ct_ge(longest, padding);
    uint32_t wrong = 0;
    uint32_t looked_at = n < PADDING_MAX + 1 ? (uint32_t)n : PADDING_MAX + 1;
    for (uint32_t i = 1; i < looked_at; i++)
        wrong |= cg_ct_ge(padding, i) & (record[n - 1 - i] ^ padding);
    if (cg_defends(CG_DEFENCE_PADDING))
        good &= ~cg_ct_nonzero(wrong);
    *content = longest - (padding & good);
    return good;
}

/* The message that the inner hash takes after its ipad block, as far as it may be looked at. */
struct message {
    uint8_t head[PSEUDO_HEADER];
    const uint8_t *content;
    uint32_t length_min, length_max; /* public */
    uint32_t length;                 /* secret; head and content together */
};

/* The first block, when the message cannot end in it. */
static void first_block(uint8_t *block, const struct message *m)
{
    memcpy(block, m->head, PSEUDO_HEADER);
    memcpy(block + PSEUDO_HEADER, m->content, BLOCK - PSEUDO_HEADER);
}

/* The block at `at`, where the message may end, with what the hash adds behind it. */
static void build_block(const struct digest_kind *kind, uint8_t *block, const struct message *m,
                        uint32_t at, uint32_t is_last)
{
    uint8_t bits[8];
    put_bits(kind, bits, BLOCK + m->length);
    for (uint32_t i = 0; i < BLOCK; i++) {
        uint32_t position = at + i, byte = 0;
        if (position < PSEUDO_HEADER)
            byte = m->head[position];
        else if (position < m->length_max)
            byte = m->content[position - PSEUDO_HEADER];
        byte &= cg_ct_lt(position, m->length);
        byte |= 0x80 & cg_ct_eq(position, m->length);
        if (i >= BLOCK - 8)
            byte |= bits[i - (BLOCK - 8)] & is_last;
        block[i] = (uint8_t)byte;
    }
}

static void hmac(const struct digest_kind *kind, const uint8_t *key, const struct message *m,
                 uint8_t *out)
{
    uint32_t state[STATE_MAX], kept[STATE_MAX] = {0};
    uint8_t block[BLOCK];
    uint32_t last = (m->length + 8) / BLOCK;
    uint32_t count = (m->length_max + 8) / BLOCK + 1;
    uint32_t plain = m->length_min / BLOCK;

#ifdef CG_TEST
    cg_cbc_mac_blocks_for_tests += count;
#endif
    start_keyed(kind, state, key, 0x36);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t is_last = cg_ct_eq(i, last);
        const uint8_t *next = block;
        if (i >= plain)
            build_block(kind, block, m, i * BLOCK, is_last);
        else if (i == 0)
            first_block(block, m);
        else
            next = m->content + (i * BLOCK - PSEUDO_HEADER);
        kind->compress(state, next);
        for (unsigned w = 0; w < kind->words; w++)
            kept[w] |= state[w] & is_last;
    }

    uint32_t digest_size = 4u * kind->words;
    start_keyed(kind, state, key, 0x5c);
    memset(block, 0, sizeof block);
    put_state(kind, block, kept);
    block[digest_size] = 0x80;
    put_bits(kind, block + BLOCK - 8, BLOCK + digest_size);
    kind->compress(state, block);
    put_state(kind, out, state);
    cg_wipe(block, sizeof block);
    cg_wipe(state, sizeof state);
    cg_wipe(kept, sizeof kept);
}

/* Takes the MAC out of the record, at the secret offset `at`, which is not below `first`: a first
 * pass over every place where it can be gathers it in a ring, a second one turns the ring. */
static void extract_mac(uint8_t *mac, uint32_t size, const uint8_t *record, uint32_t n,
                        uint32_t first, uint32_t at)
{
    uint8_t ring[MAC_MAX] = {0}, turned[MAC_MAX];
    uint32_t turn = 0;
    for (uint32_t i = first, slot = 0; i < n - 1; i++) {
        uint32_t inside = cg_ct_ge(i, at) & cg_ct_lt(i, at + size);
        ring[slot] |= (uint8_t)(record[i] & inside);
        turn |= slot & cg_ct_eq(i, at);
        slot = slot + 1 == size ? 0 : slot + 1;
    }
    for (uint32_t step = 1; step < size; step <<= 1) {
        for (uint32_t i = 0; i < size; i++)
            turned[i] = ring[(i + step) % size];
        cg_ct_copy_if(cg_ct_nonzero(turn & step), ring, turned, size);
    }
    memcpy(mac, ring, size);
}

uint32_t cg_cbc_mac_check(enum cg_hash_id mac, const uint8_t *mac_key, const uint8_t header[11],
                          const uint8_t *record, size_t n, size_t *content_length)
{
    const struct digest_kind *kind = mac == CG_MD5 ? &md5_kind : &sha1_kind;
    uint32_t mac_size = 4u * kind->words;
    uint8_t expected[MAC_MAX], received[MAC_MAX];
    *content_length = 0;
    if (n < mac_size + 1)
        return 0;

    uint32_t content;
    uint32_t good = check_padding(record, n, mac_size, &content);
    uint32_t longest = (uint32_t)(n - mac_size - 1);
    uint32_t shortest = longest > PADDING_MAX ? longest - PADDING_MAX : 0;

    struct message m = {.content = record,
                        .length_min = PSEUDO_HEADER + shortest,
                        .length_max =
                            PSEUDO_HEADER + (cg_defends(CG_DEFENCE_SAME_WORK) ? longest : content),
                        .length = PSEUDO_HEADER + content};
    memcpy(m.head, header, 11);
    m.head[11] = (uint8_t)(content >> 8);
    m.head[12] = (uint8_t)content;
    hmac(kind, mac_key, &m, expected);
    extract_mac(received, mac_size, record, (uint32_t)n, shortest, content);

    *content_length = content;
    good &= cg_ct_equal(expected, received, mac_size);
    cg_wipe(expected, sizeof expected);
    return cg_ct_barrier(good);
}
