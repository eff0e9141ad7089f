/* Two threads on one established session: one receives while the other sends, flushes the mailbox
 * and closes. ThreadSanitizer finds any field that the two halves share. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_record.h"
#include "tls/tls_ticket.h"

enum { ROUNDS = 400, SIZE = 1000 };

struct shared {
    struct tls_session *session;
    const struct tls_config *config;
    uint8_t *records; /* from the peer, one after the other */
    size_t records_length;
    size_t received;
    bool failed;
};

static void *receive(void *arg)
{
    struct shared *s = arg;
    struct tls_conn conn = {.session = s->session, .config = s->config};
    uint8_t *plain;
    size_t n;

    for (size_t at = 0; at < s->records_length;) {
        size_t length = tls_record_length(s->session, s->records + at, s->records_length - at);
        if (length == 0 || tls_receive(&conn, s->records + at, length, &plain, &n) == TLS_FAILED) {
            s->failed = true;
            break;
        }
        s->received += n;
        at += length;
    }
    return NULL;
}

/* Records of a whole conversation, as the peer of `to` seals them. */
static void prepare(struct tls_pair *pair, struct shared *s, bool bad_end)
{
    static const uint8_t data[SIZE] = {1}, hello_request[4];
    uint8_t record[TLS_RECORD_MAX];
    size_t taken, n;

    s->records = malloc(ROUNDS * (SIZE + 300));
    assert_non_null(s->records);
    s->records_length = 0;
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct tls_conn conn = tls_end_conn(&pair->server);
        assert_int_equal(tls_send(&conn, data, sizeof data, &taken), TLS_DONE);
        while ((n = tls_end_drain_record(&pair->server, record)) > 0) {
            memcpy(s->records + s->records_length, record, n);
            s->records_length += n;
        }
        if (i % 4 == 0) {
            /* Makes the read half leave a no_renegotiation in the mailbox. */
            struct tls_sealer sealer;
            uint8_t *at = s->records + s->records_length;
            memcpy(at + TLS_HEADER, hello_request, sizeof hello_request);
            tls_sealer_init(&sealer, &pair->server.session->write, TLS_VERSION_10);
            s->records_length +=
                tls_record_seal(&sealer, TLS_CONTENT_HANDSHAKE, at, sizeof hello_request);
            tls_sealer_wipe(&sealer);
        }
    }
    if (bad_end) {
        s->records[s->records_length - 1] ^= 1;
    }
}

static void halves(bool bad_end)
{
    struct tls_pair pair;
    struct shared s;
    pthread_t reader;
    uint8_t *output = malloc(TLS_OUTPUT_SIZE);
    static const uint8_t data[SIZE] = {2};
    char text[300];

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    tls_pair_assert_works(&pair);
    memset(&s, 0, sizeof s);
    prepare(&pair, &s, bad_end);
    s.session = pair.client.session;
    s.config = &pair.client.config;

    assert_int_equal(pthread_create(&reader, NULL, receive, &s), 0);
    struct tls_conn conn = {.session = s.session, .config = s.config, .output = output};
    bool failed = false;
    for (unsigned i = 0; i < ROUNDS; i++) {
        size_t taken, n;
        tls_flush_mailbox(&conn);
        failed = tls_send(&conn, data, sizeof data, &taken) == TLS_FAILED || failed;
        tls_output(&conn, &n);
        tls_output_sent(&conn, n);
        assert_true(tls_is_established(s.session));
        tls_failure(s.session);
        tls_failure_text(s.session, NULL, text, sizeof text);
        tls_plaintext_for(s.session, s.config, SIZE);
    }
    tls_close(&conn);
    pthread_join(reader, NULL);
    assert_int_equal(s.failed, bad_end);
    assert_true(bad_end || !failed);
    assert_int_equal(s.received, (bad_end ? ROUNDS - 1 : ROUNDS) * SIZE + (bad_end ? 1 : 0));
    free(output);
    free(s.records);
    tls_pair_free(&pair);
}

static void both_halves_at_once(void **state)
{
    (void)state;
    halves(false);
}

static void the_read_half_fails(void **state)
{
    (void)state;
    halves(true);
}

/* ---- the cache and the ticket ring, which processes share ---- */

struct crowd {
    struct tls_cache cache;
    struct tls_ticket_ring ring;
    _Atomic unsigned torn, opened;
};

static void *hammer(void *arg)
{
    struct crowd *c = arg;
    struct tls_resumable in, out;
    uint8_t key[TLS_DIGEST] = {0}, ticket[TLS_TICKET_SIZE];

    memset(&in, 0, sizeof in);
    in.format = 1;
    for (unsigned i = 0; i < ROUNDS; i++) {
        memset(in.master_secret, (int)i, sizeof in.master_secret);
        key[0] = i % 3;
        c->cache.store(c->cache.arg, key, sizeof key, &in);
        if (c->cache.find(c->cache.arg, key, sizeof key, &out) &&
            memcmp(out.master_secret, out.master_secret + 1, sizeof out.master_secret - 1) != 0) {
            c->torn++;
        }
        if (i % 7 == 0) {
            c->cache.remove(c->cache.arg, key, sizeof key);
        }
        /* A new key each "second": everybody wants to make it. */
        if (tls_ticket_seal(&c->ring, i / 4, &in, ticket) &&
            tls_ticket_open(&c->ring, i / 4, ticket, sizeof ticket, &out) != TLS_TICKET_NONE) {
            c->opened++;
            c->torn += memcmp(&in, &out, sizeof in) != 0;
        }
    }
    return NULL;
}

static void cache_and_ring(void **state)
{
    enum { THREADS = 3 };
    struct crowd c;
    pthread_t threads[THREADS];
    void *memory = calloc(1, tls_cache_table_size(8));

    (void)state;
    memset(&c, 0, sizeof c);
    c.cache = tls_cache_of(tls_cache_table_init(memory, 8));
    tls_ticket_ring_init(&c.ring, 1);
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &c), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(c.torn, 0);
    assert_true(c.opened > ROUNDS / 2);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_at_once),
        cmocka_unit_test(the_read_half_fails),
        cmocka_unit_test(cache_and_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
