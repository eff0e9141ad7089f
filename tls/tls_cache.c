#include "tls_cache.h"

#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "../crypto_glue/cg_hash.h"
#include "tls_shared.h"

enum { WAYS_MAX = 4, KEY_MAX = 32 };

struct entry {
    uint8_t key_length; /* 0: removed */
    uint8_t key[KEY_MAX];
    struct tls_resumable resumable;
};

struct slot {
    struct tls_shared lock;
    uint64_t words[(sizeof(struct entry) + 7) / 8];
};

struct tls_cache_table {
    uint64_t sets, ways;
    struct slot slots[];
};

static size_t ways_for(size_t sessions)
{
    return sessions < WAYS_MAX ? sessions : WAYS_MAX;
}

size_t tls_cache_table_size(size_t sessions)
{
    size_t slots = sessions == 0 ? 0 : sessions - sessions % ways_for(sessions);

    return sizeof(struct tls_cache_table) + slots * sizeof(struct slot);
}

struct tls_cache_table *tls_cache_table_init(void *memory, size_t sessions)
{
    struct tls_cache_table *table = memory;

    table->ways = ways_for(sessions);
    table->sets = sessions == 0 ? 0 : sessions / table->ways;
    return table;
}

/* Session ids are ours and random, but clients choose what they ask for: hashed, so that nobody
 * fills one set on purpose. */
static struct slot *set_of(struct tls_cache_table *table, const uint8_t *key, size_t n)
{
    uint8_t digest[TLS_DIGEST];
    uint64_t number;

    cg_hash_once(CG_SHA256, key, n, digest);
    memcpy(&number, digest, sizeof number);
    return table->slots + number % table->sets * table->ways;
}

static bool has_key(const struct entry *entry, const uint8_t *key, size_t n)
{
    return entry->key_length == n && memcmp(entry->key, key, n) == 0;
}

static bool find(void *arg, const uint8_t *key, size_t n, struct tls_resumable *out)
{
    struct tls_cache_table *table = arg;
    struct entry entry;
    bool found = false;

    if (n == 0 || n > KEY_MAX || table->sets == 0) {
        return false;
    }
    struct slot *set = set_of(table, key, n);
    for (unsigned i = 0; i < table->ways && !found; i++) {
        found = tls_shared_read(&set[i].lock, set[i].words, &entry, sizeof entry) &&
                has_key(&entry, key, n);
    }
    if (found) {
        *out = entry.resumable;
    }
    cg_wipe(&entry, sizeof entry);
    return found;
}

/* The slot of this key, else a free one, else that of the oldest session. Slots that somebody
 * writes to are passed over. */
static struct slot *slot_for(struct tls_cache_table *table, const uint8_t *key, size_t n,
                             uint32_t *version)
{
    struct slot *set = set_of(table, key, n), *best = NULL;
    int64_t oldest = INT64_MAX;
    struct entry entry;

    for (unsigned i = 0; i < table->ways; i++) {
        uint32_t now = tls_shared_version(&set[i].lock);
        bool empty = now == 0;
        if (!empty && !tls_shared_read(&set[i].lock, set[i].words, &entry, sizeof entry)) {
            continue;
        }
        bool mine = !empty && has_key(&entry, key, n);
        int64_t age = empty || entry.key_length == 0 ? INT64_MIN : entry.resumable.created;
        if (mine || age < oldest || best == NULL) {
            best = &set[i];
            oldest = mine ? INT64_MIN : age;
            *version = now;
        }
        if (mine) {
            break;
        }
    }
    cg_wipe(&entry, sizeof entry);
    return best;
}

static void store(void *arg, const uint8_t *key, size_t n, const struct tls_resumable *in)
{
    struct tls_cache_table *table = arg;
    struct entry entry;
    uint32_t version = 0;

    if (n == 0 || n > KEY_MAX || table->sets == 0) {
        return;
    }
    struct slot *slot = slot_for(table, key, n, &version);
    if (slot == NULL) {
        return;
    }
    memset(&entry, 0, sizeof entry);
    entry.key_length = (uint8_t)n;
    memcpy(entry.key, key, n);
    entry.resumable = *in;
    tls_shared_write(&slot->lock, version, slot->words, &entry, sizeof entry);
    cg_wipe(&entry, sizeof entry);
}

static void remove_key(void *arg, const uint8_t *key, size_t n)
{
    struct tls_cache_table *table = arg;
    struct entry entry;

    if (n == 0 || n > KEY_MAX || table->sets == 0) {
        return;
    }
    struct slot *set = set_of(table, key, n);
    for (unsigned i = 0; i < table->ways; i++) {
        uint32_t version = tls_shared_version(&set[i].lock);
        if (tls_shared_read(&set[i].lock, set[i].words, &entry, sizeof entry) &&
            has_key(&entry, key, n)) {
            memset(&entry, 0, sizeof entry);
            tls_shared_write(&set[i].lock, version, set[i].words, &entry, sizeof entry);
        }
    }
    cg_wipe(&entry, sizeof entry);
}

struct tls_cache tls_cache_of(struct tls_cache_table *table)
{
    return (struct tls_cache){.arg = table, .find = find, .store = store, .remove = remove_key};
}
