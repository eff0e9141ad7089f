/* Resumed sessions: by id and by ticket, and everything that must prevent it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_hash.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_output.h"
#include "tls/tls_record.h"
#include "tls/tls_ticket.h"

enum { SESSIONS = 16, HOUR = 3600 };

/* What outlives a connection, on both sides. */
struct world {
    struct tls_cache client_cache, server_cache;
    struct tls_ticket_ring ring;
    void *memory[2];
};

enum how { BY_ID, BY_TICKET };

static void world_init(struct world *w)
{
    for (unsigned i = 0; i < 2; i++) {
        w->memory[i] = calloc(1, tls_cache_table_size(SESSIONS));
        assert_non_null(w->memory[i]);
    }
    w->client_cache = tls_cache_of(tls_cache_table_init(w->memory[0], SESSIONS));
    w->server_cache = tls_cache_of(tls_cache_table_init(w->memory[1], SESSIONS));
    tls_ticket_ring_init(&w->ring, HOUR);
}

static void world_free(struct world *w)
{
    free(w->memory[0]);
    free(w->memory[1]);
}

static void pair_in(struct tls_pair *pair, struct world *w, enum how how)
{
    tls_pair_init(pair);
    pair->client.config.cache = &w->client_cache;
    pair->server.config.cache = &w->server_cache;
    pair->server.config.tickets = how == BY_TICKET ? &w->ring : NULL;
}

static bool run(struct tls_pair *pair)
{
    tls_pair_start(pair);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
    tls_pair_assert_works(pair);
    assert_int_equal(pair->client.session->resumed, pair->server.session->resumed);
    return pair->client.session->resumed;
}

static bool connect_once(struct world *w, enum how how)
{
    struct tls_pair pair;

    pair_in(&pair, w, how);
    bool resumed = run(&pair);
    tls_pair_free(&pair);
    return resumed;
}

static void resumed(void **state)
{
    (void)state;
    for (enum how how = BY_ID; how <= BY_TICKET; how++) {
        struct world w;
        world_init(&w);
        assert_false(connect_once(&w, how));
        assert_true(connect_once(&w, how));
        assert_true(connect_once(&w, how));
        world_free(&w);
    }
}

/* Keys and verify_data are new every time, the master secret is not. */
static void what_is_new(void **state)
{
    struct world w;
    struct tls_pair first, second;

    (void)state;
    world_init(&w);
    pair_in(&first, &w, BY_ID);
    assert_false(run(&first));
    pair_in(&second, &w, BY_ID);
    assert_true(run(&second));
    assert_memory_equal(first.client.session->master_secret, second.client.session->master_secret,
                        TLS_MASTER_SECRET);
    assert_memory_not_equal(first.client.session->write.key, second.client.session->write.key, 16);
    assert_memory_not_equal(first.client.session->client_verify_data,
                            second.client.session->client_verify_data, TLS_VERIFY_DATA);
    tls_pair_free(&first);
    tls_pair_free(&second);
    world_free(&w);
}

static void resumed_in_pieces(void **state)
{
    (void)state;
    for (enum how how = BY_ID; how <= BY_TICKET; how++) {
        struct world w;
        world_init(&w);
        assert_false(connect_once(&w, how));
        for (size_t piece = 1; piece < 400; piece += 1 + piece / 8) {
            struct tls_pair pair;
            pair_in(&pair, &w, how);
            tls_pair_start(&pair);
            tls_pair_run_refragmented(&pair, piece, piece);
            tls_pair_assert_works(&pair);
            assert_true(pair.client.session->resumed);
            tls_pair_free(&pair);
            pair_in(&pair, &w, how);
            tls_pair_start(&pair);
            tls_pair_run(&pair, piece);
            tls_pair_assert_works(&pair);
            assert_true(pair.client.session->resumed);
            tls_pair_free(&pair);
        }
        world_free(&w);
    }
}

/* ---- what prevents it ---- */

static void other_rule(struct tls_pair *pair)
{
    pair->server.config.rule[5] = 1;
}
static void other_client_rule(struct tls_pair *pair)
{
    pair->client.config.rule[5] = 1;
}
static void other_name(struct tls_pair *pair)
{
    pair->client.name = "127.0.0.1";
}
static void other_suite(struct tls_pair *pair)
{
    pair->client.config.suites[0] = 0x0035;
    pair->client.config.suite_count = 1;
}
static void suite_no_longer_allowed(struct tls_pair *pair)
{
    pair->server.config.suites[0] = 0x0035;
    pair->server.config.suite_count = 1;
}
static void too_late(struct tls_pair *pair)
{
    pair->client.now += TLS_RESUMPTION_LIFETIME - 1;
    pair->server.now += TLS_RESUMPTION_LIFETIME;
}
static void too_late_for_the_client(struct tls_pair *pair)
{
    pair->client.now += TLS_RESUMPTION_LIFETIME;
}
static void shorter_lifetime(struct tls_pair *pair)
{
    pair->server.config.resumption_lifetime = 60;
    pair->server.now += 60;
}
static void clock_went_back(struct tls_pair *pair)
{
    pair->server.now -= 1;
}
static void server_keeps_nothing(struct tls_pair *pair)
{
    pair->server.config.cache = NULL;
    pair->server.config.tickets = NULL;
}
static void client_keeps_nothing(struct tls_pair *pair)
{
    pair->client.config.cache = NULL;
}

static void prevented(void **state)
{
    static void (*const changes[])(struct tls_pair *) = {
        other_rule,      other_client_rule,       other_name,          other_suite,
        too_late,        too_late_for_the_client, shorter_lifetime,    suite_no_longer_allowed,
        clock_went_back, server_keeps_nothing,    client_keeps_nothing};

    (void)state;
    for (enum how how = BY_ID; how <= BY_TICKET; how++) {
        for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
            struct world w;
            struct tls_pair pair;
            world_init(&w);
            assert_false(connect_once(&w, how));
            assert_true(connect_once(&w, how));
            pair_in(&pair, &w, how);
            changes[i](&pair);
            assert_false(run(&pair));
            tls_pair_free(&pair);
            world_free(&w);
        }
    }
}

/* Resuming does not make a session younger. */
static void age_counts_from_the_full_handshake(void **state)
{
    (void)state;
    for (enum how how = BY_ID; how <= BY_TICKET; how++) {
        struct world w;
        struct tls_pair pair;
        world_init(&w);
        assert_false(connect_once(&w, how));
        for (unsigned i = 1; i <= 3; i++) {
            pair_in(&pair, &w, how);
            pair.client.now += i * HOUR - 900;
            pair.server.now += i * HOUR - 900;
            assert_int_equal(run(&pair), i < 3);
            tls_pair_free(&pair);
        }
        world_free(&w);
    }
}

/* The certificate that was checked back then has expired. */
static void the_certificate_has_expired(void **state)
{
    struct world w;
    struct tls_resumable r;
    struct tls_pair pair;
    uint8_t key[TLS_DIGEST];

    (void)state;
    world_init(&w);
    pair_in(&pair, &w, BY_ID);
    assert_false(run(&pair));
    memcpy(key, pair.client.session->cache_key, sizeof key);
    assert_true(w.client_cache.find(w.client_cache.arg, key, sizeof key, &r));
    assert_true(r.expires > INT64_C(4000000000) && r.expires < INT64_MAX);
    r.expires = pair.client.now;
    w.client_cache.store(w.client_cache.arg, key, sizeof key, &r);
    tls_pair_free(&pair);
    assert_true(connect_once(&w, BY_ID));
    r.expires--;
    w.client_cache.store(w.client_cache.arg, key, sizeof key, &r);
    assert_false(connect_once(&w, BY_ID));
    world_free(&w);
}

/* RFC 2246 7.2.2: a session that ended with a fatal alert is not resumed, whichever side it hit. */
static void not_after_a_failure(void **state)
{
    (void)state;
    for (unsigned side = 0; side < 3; side++) {
        struct world w;
        struct tls_pair pair;
        world_init(&w);
        pair_in(&pair, &w, BY_ID);
        assert_false(run(&pair));
        struct tls_end *hit = side == 0 ? &pair.client : &pair.server;
        if (side < 2) {
            uint8_t fatal[] = {TLS_LEVEL_FATAL, TLS_ALERT_BAD_RECORD_MAC};
            tls_end_feed_sealed(hit, side == 0 ? &pair.server : &pair.client, TLS_CONTENT_ALERT,
                                fatal, sizeof fatal);
            assert_int_equal(tls_failure(hit->session), TLS_ERROR_ALERT_RECEIVED);
        } else {
            struct tls_conn conn = tls_end_conn(hit);
            tls_abort(&conn, TLS_ERROR_TIMEOUT);
        }
        tls_pair_free(&pair);
        assert_false(connect_once(&w, BY_ID));
        world_free(&w);
    }
}

/* ---- extended master secret (RFC 7627 5.3) ---- */

/* Changes what is kept of a session, on one side. */
static void with_changed_secret(bool client_side, bool extended, enum tls_error client_error,
                                enum tls_error server_error)
{
    struct world w;
    struct tls_pair pair;
    struct tls_resumable r;
    uint8_t client_key[TLS_DIGEST], server_key[32];

    world_init(&w);
    pair_in(&pair, &w, BY_ID);
    assert_false(run(&pair));
    assert_int_equal(pair.client.session->extended_master_secret, 1);
    memcpy(client_key, pair.client.session->cache_key, sizeof client_key);
    memcpy(server_key, pair.server.session->session_id, sizeof server_key);
    tls_pair_free(&pair);
    struct tls_cache *cache = client_side ? &w.client_cache : &w.server_cache;
    const uint8_t *key = client_side ? client_key : server_key;
    assert_true(cache->find(cache->arg, key, 32, &r));
    r.extended_master_secret = extended;
    cache->store(cache->arg, key, 32, &r);

    pair_in(&pair, &w, BY_ID);
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    if (client_error != TLS_ERROR_OK) {
        tls_end_assert_failed(&pair.client, client_error);
    } else if (server_error != TLS_ERROR_OK) {
        tls_end_assert_failed(&pair.server, server_error);
    } else {
        tls_pair_assert_works(&pair);
        assert_false(pair.client.session->resumed);
    }
    tls_pair_free(&pair);
    world_free(&w);
}

static void extended_master_secret_must_match(void **state)
{
    (void)state;
    /* The server has a session without, the hello has the extension: a full handshake. */
    with_changed_secret(false, false, TLS_ERROR_OK, TLS_ERROR_OK);
    /* The client has a session without, the server resumes with. */
    with_changed_secret(true, false, TLS_ERROR_EXTENDED_MASTER, TLS_ERROR_OK);
}

/* A hello that resumes and has no extension, where the session had. */
static void extended_master_secret_dropped(void **state)
{
    struct world w;
    struct tls_pair pair;
    uint8_t message[512];
    struct tls_writer m = tls_writer_to(message, sizeof message);

    (void)state;
    world_init(&w);
    pair_in(&pair, &w, BY_ID);
    assert_false(run(&pair));
    tls_write_u8(&m, TLS_CLIENT_HELLO);
    size_t body = tls_open_vector(&m, 3);
    tls_write_u16(&m, TLS_VERSION_10);
    memset(tls_write_room(&m, TLS_RANDOM), 1, TLS_RANDOM);
    tls_write_u8(&m, 32);
    tls_write_bytes(&m, pair.server.session->session_id, 32);
    tls_write_u16(&m, 2);
    tls_write_u16(&m, pair.server.session->suite);
    tls_write_u16(&m, 0x0100);
    size_t block = tls_open_vector(&m, 2);
    tls_write_u16(&m, 0); /* server_name */
    size_t extension = tls_open_vector(&m, 2);
    size_t list = tls_open_vector(&m, 2);
    tls_write_u8(&m, 0);
    size_t name = tls_open_vector(&m, 2);
    tls_write_bytes(&m, "server.test", 11);
    tls_close_vector(&m, 2, name);
    tls_close_vector(&m, 2, list);
    tls_close_vector(&m, 2, extension);
    tls_close_vector(&m, 2, block);
    tls_close_vector(&m, 3, body);
    tls_pair_free(&pair);

    pair_in(&pair, &w, BY_ID);
    tls_pair_start(&pair);
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, message, m.used);
    tls_end_assert_failed(&pair.server, TLS_ERROR_EXTENDED_MASTER);
    assert_int_equal(atomic_load(&pair.server.session->alert_sent), TLS_ALERT_HANDSHAKE_FAILURE);
    tls_pair_free(&pair);
    world_free(&w);
}

/* ---- tickets ---- */

static struct tls_resumable a_resumable(void)
{
    struct tls_resumable r;

    memset(&r, 0, sizeof r);
    r.format = 1;
    r.version = TLS_VERSION_10;
    r.suite = 0x0035;
    r.extended_master_secret = 1;
    memset(r.master_secret, 0x11, sizeof r.master_secret);
    memset(r.rule, 0x22, sizeof r.rule);
    memset(r.name, 0x33, sizeof r.name);
    memset(r.peer, 0x44, sizeof r.peer);
    r.created = INT64_C(0x123456789a);
    r.expires = INT64_MAX;
    return r;
}

static void a_ticket_comes_back(void **state)
{
    struct tls_ticket_ring ring;
    struct tls_resumable r = a_resumable(), out;
    uint8_t ticket[TLS_TICKET_SIZE], again[TLS_TICKET_SIZE];

    (void)state;
    tls_ticket_ring_init(&ring, HOUR);
    assert_true(tls_ticket_seal(&ring, 1000, &r, ticket));
    assert_true(tls_ticket_seal(&ring, 1000, &r, again));
    assert_memory_not_equal(ticket + 16, again + 16, sizeof ticket - 16);
    assert_int_equal(tls_ticket_open(&ring, 1000, ticket, sizeof ticket, &out), TLS_TICKET_GOOD);
    assert_memory_equal(&out, &r, sizeof r);
}

/* Forged: any bit of a ticket, any other length, another ring. */
static void forged_tickets(void **state)
{
    struct tls_ticket_ring ring, other;
    struct tls_resumable r = a_resumable(), out, nothing;
    uint8_t ticket[TLS_TICKET_SIZE + 1] = {0};

    (void)state;
    memset(&nothing, 0, sizeof nothing);
    tls_ticket_ring_init(&ring, HOUR);
    tls_ticket_ring_init(&other, HOUR);
    assert_true(tls_ticket_seal(&ring, 1000, &r, ticket));
    for (size_t bit = 0; bit < TLS_TICKET_SIZE * 8; bit++) {
        ticket[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(tls_ticket_open(&ring, 1000, ticket, TLS_TICKET_SIZE, &out),
                         TLS_TICKET_NONE);
        assert_memory_equal(&out, &nothing, sizeof out);
        ticket[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t n = 0; n < sizeof ticket + 1; n++) {
        assert_int_equal(tls_ticket_open(&ring, 1000, ticket, n, &out),
                         n == TLS_TICKET_SIZE ? TLS_TICKET_GOOD : TLS_TICKET_NONE);
    }
    assert_int_equal(tls_ticket_open(&other, 1000, ticket, TLS_TICKET_SIZE, &out), TLS_TICKET_NONE);
}

static void keys_rotate(void **state)
{
    struct tls_ticket_ring ring;
    struct tls_resumable r = a_resumable(), out;
    uint8_t ticket[TLS_TICKET_SIZE], later[TLS_TICKET_SIZE];

    (void)state;
    tls_ticket_ring_init(&ring, HOUR);
    assert_true(tls_ticket_seal(&ring, 0, &r, ticket));
    assert_int_equal(tls_ticket_open(&ring, HOUR - 1, ticket, sizeof ticket, &out),
                     TLS_TICKET_GOOD);
    for (int64_t i = 1; i < TLS_TICKET_KEYS; i++) {
        assert_int_equal(tls_ticket_open(&ring, i * HOUR, ticket, sizeof ticket, &out),
                         TLS_TICKET_OLD);
        assert_true(tls_ticket_seal(&ring, i * HOUR, &r, later));
        assert_memory_not_equal(later, ticket, 16);
    }
    assert_int_equal(tls_ticket_open(&ring, TLS_TICKET_KEYS * HOUR, ticket, sizeof ticket, &out),
                     TLS_TICKET_NONE);
}

/* A farm: rings with the same keys from outside, which may be changed at any time. */
static void keys_from_outside(void **state)
{
    static uint8_t bytes[3 * TLS_TICKET_KEY_BYTES];
    struct tls_ticket_ring one, two;
    struct tls_resumable r = a_resumable(), out;
    uint8_t ticket[TLS_TICKET_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i * 13 + i / 80);
    }
    tls_ticket_ring_init(&one, HOUR);
    tls_ticket_ring_init(&two, HOUR);
    assert_false(tls_ticket_ring_load(&one, bytes, 0));
    assert_false(tls_ticket_ring_load(&one, bytes, TLS_TICKET_KEY_BYTES - 1));
    assert_true(tls_ticket_ring_load(&one, bytes + TLS_TICKET_KEY_BYTES, 2 * TLS_TICKET_KEY_BYTES));
    assert_true(tls_ticket_ring_load(&two, bytes, 3 * TLS_TICKET_KEY_BYTES));
    assert_true(tls_ticket_seal(&one, 0, &r, ticket));
    assert_memory_equal(ticket, bytes + TLS_TICKET_KEY_BYTES, 16);
    assert_int_equal(tls_ticket_open(&two, 1000 * HOUR, ticket, sizeof ticket, &out),
                     TLS_TICKET_OLD);
    assert_memory_equal(&out, &r, sizeof r);
    assert_true(tls_ticket_ring_load(&one, bytes, TLS_TICKET_KEY_BYTES));
    assert_int_equal(tls_ticket_open(&one, 0, ticket, sizeof ticket, &out), TLS_TICKET_NONE);
}

/* A ticket sealed with an old key is good, and is replaced on the way. */
static void an_old_ticket_is_replaced(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    assert_false(connect_once(&w, BY_TICKET));
    uint8_t first[TLS_TICKET_MAX];
    struct tls_resumable r;
    struct tls_pair pair;
    for (unsigned i = 0; i < 2; i++) {
        pair_in(&pair, &w, BY_TICKET);
        pair.server.now += i * HOUR;
        assert_true(run(&pair));
        assert_true(w.client_cache.find(w.client_cache.arg, pair.client.session->cache_key,
                                        TLS_DIGEST, &r));
        assert_int_equal(r.ticket_length, TLS_TICKET_SIZE);
        if (i == 0) {
            memcpy(first, r.ticket, sizeof first);
        } else {
            assert_memory_not_equal(first, r.ticket, 16);
        }
        tls_pair_free(&pair);
    }
    world_free(&w);
}

/* A ticket that the server does not know is no error: a full handshake, and a new ticket. */
static void an_unknown_ticket(void **state)
{
    struct world w;

    (void)state;
    world_init(&w);
    assert_false(connect_once(&w, BY_TICKET));
    tls_ticket_ring_init(&w.ring, HOUR);
    assert_false(connect_once(&w, BY_TICKET));
    assert_true(connect_once(&w, BY_TICKET));
    world_free(&w);
}

/* ---- the cache ---- */

static void the_cache_is_bounded(void **state)
{
    size_t size = tls_cache_table_size(SESSIONS);
    uint8_t *memory = calloc(1, size), key[32] = {0};
    struct tls_cache cache = tls_cache_of(tls_cache_table_init(memory, SESSIONS));
    struct tls_resumable r = a_resumable(), out;
    unsigned kept = 0, last_kept = 0;

    (void)state;
    assert_false(cache.find(cache.arg, key, sizeof key, &out));
    for (unsigned i = 0; i < 1000; i++) {
        key[0] = (uint8_t)i;
        key[1] = (uint8_t)(i >> 8);
        r.created = i;
        cache.store(cache.arg, key, sizeof key, &r);
        assert_true(cache.find(cache.arg, key, sizeof key, &out));
        assert_int_equal(out.created, i);
    }
    for (unsigned i = 0; i < 1000; i++) {
        key[0] = (uint8_t)i;
        key[1] = (uint8_t)(i >> 8);
        bool found = cache.find(cache.arg, key, sizeof key, &out);
        kept += found;
        last_kept = found && last_kept == 0 ? i : last_kept;
        cache.remove(cache.arg, key, sizeof key);
        assert_false(cache.find(cache.arg, key, sizeof key, &out));
    }
    assert_int_equal(kept, SESSIONS);
    assert_true(last_kept > 800); /* the oldest went */
    assert_false(cache.find(cache.arg, key, 31, &out));
    cache.store(cache.arg, key, 33, &r);
    assert_false(cache.find(cache.arg, key, 33, &out));
    print_message("%zu bytes for %d sessions\n", size, SESSIONS);
    free(memory);
}

/* Never more than asked for, in sessions as in bytes. */
static void small_caches_are_bounded(void **state)
{
    static const unsigned asked[] = {0, 1, 2, 3, 4, 7, 9}, held[] = {0, 1, 2, 3, 4, 4, 8};
    struct tls_resumable r = a_resumable(), out;

    (void)state;
    for (unsigned k = 0; k < sizeof asked / sizeof asked[0]; k++) {
        uint8_t *memory = calloc(1, tls_cache_table_size(asked[k])), key[32] = {0};
        struct tls_cache cache = tls_cache_of(tls_cache_table_init(memory, asked[k]));
        unsigned kept = 0;
        for (unsigned i = 0; i < 200; i++) {
            key[0] = (uint8_t)i;
            r.created = i;
            cache.store(cache.arg, key, sizeof key, &r);
        }
        for (unsigned i = 0; i < 200; i++) {
            key[0] = (uint8_t)i;
            kept += cache.find(cache.arg, key, sizeof key, &out);
        }
        assert_int_equal(kept, held[k]);
        free(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumed),
        cmocka_unit_test(what_is_new),
        cmocka_unit_test(resumed_in_pieces),
        cmocka_unit_test(prevented),
        cmocka_unit_test(age_counts_from_the_full_handshake),
        cmocka_unit_test(the_certificate_has_expired),
        cmocka_unit_test(not_after_a_failure),
        cmocka_unit_test(extended_master_secret_must_match),
        cmocka_unit_test(extended_master_secret_dropped),
        cmocka_unit_test(a_ticket_comes_back),
        cmocka_unit_test(forged_tickets),
        cmocka_unit_test(keys_rotate),
        cmocka_unit_test(keys_from_outside),
        cmocka_unit_test(an_old_ticket_is_replaced),
        cmocka_unit_test(an_unknown_ticket),
        cmocka_unit_test(the_cache_is_bounded),
        cmocka_unit_test(small_caches_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
