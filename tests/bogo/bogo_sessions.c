#include "bogo_sessions.h"

#include <stdlib.h>

#include "bogo_files.h"
#include "crypto_glue/cg_random.h"
#include "tls/tls_cache.h"

enum { SESSIONS = 16 };

static bool find(void *arg, const uint8_t *key, size_t n, struct tls_resumable *out)
{
    struct bogo_sessions *sessions = arg;

    return sessions->inner.find(sessions->inner.arg, key, n, out);
}

static void store(void *arg, const uint8_t *key, size_t n, const struct tls_resumable *in)
{
    struct bogo_sessions *sessions = arg;

    sessions->stored = true;
    sessions->inner.store(sessions->inner.arg, key, n, in);
}

static void forget(void *arg, const uint8_t *key, size_t n)
{
    struct bogo_sessions *sessions = arg;

    sessions->inner.remove(sessions->inner.arg, key, n);
}

void bogo_sessions_init(struct bogo_sessions *sessions)
{
    void *memory = calloc(1, tls_cache_table_size(SESSIONS));

    if (memory == NULL || !cg_random(sessions->keys, sizeof sessions->keys)) {
        bogo_die("sessions", "memory or randomness");
    }
    sessions->inner = tls_cache_of(tls_cache_table_init(memory, SESSIONS));
    sessions->cache =
        (struct tls_cache){.arg = sessions, .find = find, .store = store, .remove = forget};
    tls_ticket_ring_init(&sessions->ring, 0);
}

void bogo_sessions_free(struct bogo_sessions *sessions)
{
    free(sessions->inner.arg);
}

void bogo_sessions_next(struct bogo_sessions *sessions, uint64_t number, bool new_key)
{
    size_t fresh = !new_key ? 0 : number < TLS_TICKET_KEYS ? (size_t)number : TLS_TICKET_KEYS - 1;

    sessions->stored = false;
    if (!tls_ticket_ring_load(&sessions->ring, sessions->keys[TLS_TICKET_KEYS - 1 - fresh],
                              (fresh + 1) * TLS_TICKET_KEY_BYTES)) {
        bogo_die("sessions", "ticket keys");
    }
}
