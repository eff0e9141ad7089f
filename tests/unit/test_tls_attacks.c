/* The published attacks, each with its defence and without it: they fail, and then succeed. (More
 * on arithmetic, padding and timing is with crypto_glue: test_cg_cbc_mac, test_cg_ec, test_cg_dh,
 * ct_*.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto_glue/cg_cbc_mac.h"
#include "crypto_glue/cg_defences.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_defences.h"
#include "tls/tls_limits.h"
#include "tls/tls_output.h"
#include "tls/tls_ticket.h"

static void open_pair(struct tls_pair *pair)
{
    tls_pair_start(pair);
    tls_pair_run(pair, TLS_OUTPUT_SIZE);
    assert_true(tls_is_established(pair->client.session));
    assert_true(tls_is_established(pair->server.session));
}

static bool is_open(struct tls_pair *pair)
{
    return tls_is_established(pair->client.session) && tls_is_established(pair->server.session) &&
           tls_failure(pair->client.session) == TLS_ERROR_OK &&
           tls_failure(pair->server.session) == TLS_ERROR_OK;
}

static bool ended(struct tls_pair *pair, bool success)
{
    tls_pair_free(pair);
    return success;
}

/* A ciphertext that the attacker made up is told from others by what the server does at once. */
static bool rsa_oracle(void)
{
    struct tls_pair pair;
    uint8_t message[4 + 2 + 256] = {TLS_CLIENT_KEY_EXCHANGE, 0, 1, 2, 1, 0, 0, 77};

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
    size_t n = cg_rsa_private_bytes(pair.server.config.credential->key);
    assert_true(n <= 256);
    tls_put_number(message + 1, 3, n + 2);
    tls_put_number(message + 4, 2, n);
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, message, n + 6);
    return ended(&pair, tls_failure(pair.server.session) != TLS_ERROR_OK);
}

/* A client whose hello was made one of an older version on its way. */
static bool rollback(void)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    pair.client.handshake->client_version = 0x0303; /* what it had offered */
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    return ended(&pair, is_open(&pair));
}

static size_t send_some(struct tls_end *end, const uint8_t *plain, size_t n, uint8_t *out)
{
    struct tls_conn conn = tls_end_conn(end);
    size_t taken;

    assert_int_equal(tls_send(&conn, plain, n, &taken), TLS_DONE);
    assert_int_equal(taken, n);
    return tls_end_drain(end, out, TLS_RECORD_MAX);
}

/* Who chooses what is sent next tries out a guess of what was sent before: the same block comes out
 * again when the guess is right. */
static bool chosen_plaintext(void)
{
    enum { BLOCK = 16 };
    struct tls_pair pair;
    uint8_t secret[BLOCK] = "cookie: 12345678", guess[BLOCK], before[BLOCK], after[BLOCK];
    uint8_t first[TLS_RECORD_MAX], second[TLS_RECORD_MAX];

    tls_pair_init(&pair);
    pair.client.config.suites[0] = 0x002f;
    open_pair(&pair);
    memcpy(before, pair.client.session->write.iv, BLOCK); /* the last block on the wire */
    send_some(&pair.client, secret, BLOCK, first);
    memcpy(after, pair.client.session->write.iv, BLOCK);
    for (int i = 0; i < BLOCK; i++) {
        guess[i] = (uint8_t)(secret[i] ^ before[i] ^ after[i]);
    }
    size_t n = send_some(&pair.client, guess, BLOCK, second);
    return ended(&pair, memmem(second, n, first + TLS_HEADER, BLOCK) != NULL);
}

static bool early_change_cipher_spec(void)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
    tls_end_feed_record(&pair.server, TLS_CONTENT_CHANGE_CIPHER_SPEC, (const uint8_t *)"\1", 1);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    return ended(&pair, is_open(&pair));
}

/* A client that must show a certificate leaves the message out. */
static bool certificate_left_out(void)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];
    size_t n;

    tls_pair_init(&pair);
    pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
    while (pair.client.handshake != NULL && !pair.client.handshake->certificate_requested &&
           (n = tls_end_drain_record(&pair.server, record)) > 0) {
        tls_end_feed(&pair.client, record, n);
    }
    assert_true(pair.client.handshake->certificate_requested);
    pair.client.handshake->certificate_requested = false;
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    return ended(&pair, is_open(&pair));
}

/* Who stands between asks the server for an export suite; the client, which asked for another, is
 * given the short key, and encrypts for it. */
static bool export_key(void)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];

    tls_pair_init(&pair);
    pair.client.config.suites[0] = 0x002f;
    pair.client.config.suite_count = 1;
    pair.server.config.suites[0] = 0x0008;
    tls_fixture_export(&pair.server.config);
    tls_pair_start(&pair);
    size_t n = tls_end_drain_record(&pair.client, record);
    uint8_t *suite = record + TLS_HEADER + TLS_MESSAGE_HEADER + 2 + TLS_RANDOM + 1 + 2;
    assert_memory_equal(suite, "\0\x2f", 2);
    suite[1] = 8;
    tls_end_feed(&pair.server, record, n);
    for (unsigned i = 0; (n = tls_end_drain_record(&pair.server, record)) > 0; i++) {
        uint8_t *chosen = record + TLS_HEADER + TLS_MESSAGE_HEADER + 2 + TLS_RANDOM + 1;
        if (i == 0) {
            assert_memory_equal(chosen, "\0\x08", 2);
            chosen[1] = 0x2f;
        }
        tls_end_feed(&pair.client, record, n);
    }
    bool encrypted = tls_failure(pair.client.session) == TLS_ERROR_OK &&
                     tls_end_drain_record(&pair.client, record) == TLS_HEADER + 4 + 2 + 64;
    return ended(&pair, encrypted);
}

static bool small_group(void)
{
    static const uint8_t two = 2;
    const struct cg_dh_group *big = &cg_dh_groups[CG_FFDHE2048];
    struct cg_dh_group group = {big->p, &two, big->p_length, 1};
    struct tls_pair pair;

    tls_pair_init(&pair);
    pair.client.config.suites[0] = pair.server.config.suites[0] = 0x0033;
    pair.client.config.suite_count = 1;
    pair.client.config.minimum_dh_bits = 3072; /* so that 2048 bits are few */
    pair.server.config.dh_group = &group;
    tls_pair_start(&pair);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    return ended(&pair, is_open(&pair));
}

/* More and more under one key of a cipher with small blocks. */
static bool much_data(void)
{
    static uint8_t data[16384], out[TLS_RECORD_MAX * 2];
    struct tls_pair pair;
    size_t taken, sent = 0;

    tls_pair_init(&pair);
    pair.client.config.suites[0] = 0x000a;
    pair.client.config.suite_count = 1;
    pair.client.config.data_limit_64 = 100000;
    open_pair(&pair);
    while (sent < 200000) {
        struct tls_conn conn = tls_end_conn(&pair.client);
        if (tls_send(&conn, data, sizeof data, &taken) == TLS_FAILED) {
            break;
        }
        sent += taken;
        tls_end_drain(&pair.client, out, sizeof out);
    }
    return ended(&pair, sent >= 200000);
}

/* An attacker's session, in which the victim's first handshake goes on as a renegotiation. */
static bool prefix(void)
{
    struct tls_pair attacker, victim;
    uint8_t record[TLS_RECORD_MAX];

    tls_pair_init(&attacker);
    tls_pair_init(&victim);
    attacker.server.config.allow_renegotiation = true;
    open_pair(&attacker);
    tls_pair_start(&victim);
    size_t n = tls_end_drain_record(&victim.client, record);
    tls_end_feed_sealed(&attacker.server, &attacker.client, TLS_CONTENT_APPLICATION_DATA,
                        (const uint8_t *)"GET /transfer HTTP/1.1\r\nX: ", 28);
    tls_end_feed_sealed(&attacker.server, &attacker.client, TLS_CONTENT_HANDSHAKE,
                        record + TLS_HEADER, n - TLS_HEADER);
    bool success = tls_failure(attacker.server.session) == TLS_ERROR_OK &&
                   attacker.server.handshake != NULL && attacker.server.handshake->step > 0;
    tls_pair_free(&victim);
    return ended(&attacker, success);
}

/* Two handshakes that the attacker has given the same randoms and premaster secret come to the same
 * master secret, though the servers' certificates differ. */
static bool same_master_secret(void)
{
    uint8_t masters[2][TLS_MASTER_SECRET];

    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_session_init(pair.client.session, TLS_CLIENT);
        tls_handshake_init(pair.client.handshake, NULL);
        struct tls_conn conn = tls_end_conn(&pair.client);
        conn.session->extended_master_secret = 1;
        conn.handshake->premaster_length = 48;
        cg_hash_update(&conn.handshake->md5, i == 0 ? "one" : "two", 3); /* certificate */
        cg_hash_update(&conn.handshake->sha1, i == 0 ? "one" : "two", 3);
        assert_int_equal(tls_derive_master_secret(&conn), TLS_ERROR_OK);
        memcpy(masters[i], conn.session->master_secret, TLS_MASTER_SECRET);
        tls_pair_free(&pair);
    }
    return memcmp(masters[0], masters[1], TLS_MASTER_SECRET) == 0;
}

static bool truncation(void)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    open_pair(&pair);
    struct tls_conn conn = tls_end_conn(&pair.server);
    return ended(&pair, tls_receive_end(&conn) == TLS_CLOSED);
}

/* Encryption alone lets bits be turned over. */
static bool forged_ticket(void)
{
    struct tls_ticket_ring ring;
    struct tls_resumable in = {.format = 1, .suite = 0x002f}, out;
    uint8_t ticket[TLS_TICKET_SIZE];

    tls_ticket_ring_init(&ring, 100);
    assert_true(tls_ticket_seal(&ring, 1000, &in, ticket));
    ticket[TLS_TICKET_SIZE - 32 - 1] ^= 1; /* ciphertext behind all that means something */
    return tls_ticket_open(&ring, 1000, ticket, sizeof ticket, &out) != TLS_TICKET_NONE;
}

/* A ticket of a rule that asks for less. */
static bool ticket_of_another_rule(void)
{
    struct tls_ticket_ring ring;
    size_t size = (tls_cache_table_size(16) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    bool resumed = false;

    memset(memory, 0, size);
    const struct tls_cache cache = tls_cache_of(tls_cache_table_init(memory, 16));
    tls_ticket_ring_init(&ring, 10000);
    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        pair.client.config.cache = &cache;
        pair.server.config.tickets = &ring;
        pair.server.config.rule[0] = (uint8_t)i;
        open_pair(&pair);
        resumed = pair.server.session->resumed;
        tls_pair_free(&pair);
    }
    free(memory);
    return resumed;
}

/* The suite of a session is put in place of those that the client offers now. */
static bool resumed_suite(void)
{
    size_t size = (tls_cache_table_size(16) + 63) / 64 * 64;
    void *memory = aligned_alloc(64, size);
    struct tls_pair pair;
    bool success = false;

    memset(memory, 0, size);
    const struct tls_cache server = tls_cache_of(tls_cache_table_init(memory, 16));
    for (unsigned i = 0; i < 2; i++) {
        uint8_t id[32], record[TLS_RECORD_MAX];
        tls_pair_init(&pair);
        pair.server.config.cache = &server;
        if (i == 0) {
            open_pair(&pair);
            memcpy(id, pair.server.session->session_id, sizeof id);
        } else {
            /* What the client has in its hello, with the id of the session put in. */
            pair.client.config.suites[0] = 0x0035;
            pair.client.config.suite_count = 1;
            tls_pair_start(&pair);
            size_t n = tls_end_drain_record(&pair.client, record);
            uint8_t *at = record + TLS_HEADER + TLS_MESSAGE_HEADER + 2 + TLS_RANDOM;
            memmove(at + 33, at + 1, (size_t)(record + n - at - 1));
            *at = 32;
            memcpy(at + 1, id, sizeof id);
            n += 32;
            tls_put_number(record + 3, 2, n - TLS_HEADER);
            tls_put_number(record + TLS_HEADER + 1, 3, n - TLS_HEADER - TLS_MESSAGE_HEADER);
            tls_end_feed(&pair.server, record, n);
            success =
                tls_failure(pair.server.session) == TLS_ERROR_OK && pair.server.session->resumed;
        }
        tls_pair_free(&pair);
    }
    free(memory);
    return success;
}

static bool flood(uint8_t type, const uint8_t *content, size_t n)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    open_pair(&pair);
    for (unsigned i = 0; i < 100; i++) {
        tls_end_feed_sealed(&pair.server, &pair.client, type, content, n);
    }
    return ended(&pair, tls_failure(pair.server.session) == TLS_ERROR_OK);
}

static bool empty_records(void)
{
    return flood(TLS_CONTENT_APPLICATION_DATA, (const uint8_t *)"", 0);
}

static bool warnings(void)
{
    return flood(TLS_CONTENT_ALERT, (const uint8_t *)"\1\x5a", 2);
}

/* Memory for a message that will never be whole. */
static bool message_size(void)
{
    struct tls_end server;

    tls_end_init(&server, TLS_SERVER);
    tls_end_start(&server);
    tls_end_feed_record(&server, TLS_CONTENT_HANDSHAKE, (const uint8_t *)"\1\xff\xff\xff", 4);
    tls_end_feed_record(&server, TLS_CONTENT_HANDSHAKE, (const uint8_t *)"\3\1", 2);
    bool waits = tls_failure(server.session) == TLS_ERROR_OK;
    tls_end_free(&server);
    return waits;
}

static bool another_identity(void)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    pair.client.config.allow_renegotiation = pair.server.config.allow_renegotiation = true;
    pair.server.config.client_certificate = TLS_CLIENT_CERT_REQUEST;
    open_pair(&pair);
    pair.client.config.credential = tls_fixture_client_credential();
    tls_end_feed_sealed(&pair.client, &pair.server, TLS_CONTENT_HANDSHAKE, (const uint8_t[4]){0},
                        4);
    tls_pair_run(&pair, TLS_OUTPUT_SIZE);
    return ended(&pair, is_open(&pair) && pair.server.session->renegotiations == 1 &&
                            !tls_in_handshake(pair.server.session));
}

/* The server, which has chosen the suite, takes this as the client's public value. */
static bool is_taken(uint16_t suite, unsigned length_bytes, const uint8_t *value, size_t n)
{
    struct tls_pair pair;
    uint8_t message[4 + 2 + CG_DH_BYTES_MAX] = {TLS_CLIENT_KEY_EXCHANGE};

    tls_pair_init(&pair);
    pair.client.config.suites[0] = pair.server.config.suites[0] = suite;
    pair.client.config.suite_count = 1;
    pair.server.config.dh_group = &cg_dh_groups[CG_FFDHE2048];
    pair.server.config.groups[0] = 23; /* secp256r1 */
    pair.server.config.group_count = 1;
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
    assert_int_equal(tls_failure(pair.server.session), TLS_ERROR_OK);
    tls_put_number(message + 1, 3, length_bytes + n);
    tls_put_number(message + 4, length_bytes, n);
    memcpy(message + 4 + length_bytes, value, n);
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, message, 4 + length_bytes + n);
    return ended(&pair, tls_failure(pair.server.session) == TLS_ERROR_OK);
}

/* Of these values every power is known: 0, 1, and p-1, which is 1 or itself. */
static bool small_subgroup(void)
{
    const struct cg_dh_group *group = &cg_dh_groups[CG_FFDHE2048];
    uint8_t value[CG_DH_BYTES_MAX] = {0};
    size_t n = group->p_length;
    unsigned taken = 0;

    taken += is_taken(0x0033, 2, value, n);
    value[n - 1] = 1;
    taken += is_taken(0x0033, 2, value, n);
    memcpy(value, group->p, n);
    value[n - 1] &= 0xfe; /* p is odd */
    taken += is_taken(0x0033, 2, value, n);
    assert_true(taken == 0 || taken == 3);
    return taken > 0;
}

/* A point that is not on P-256: the attacker may choose it on a curve of small order. */
static bool invalid_curve(void)
{
    uint8_t point[1 + 2 * 32] = {4}; /* uncompressed: (5, 7) */

    point[32] = 5;
    point[64] = 7;
    return is_taken(0xc013, 1, point, sizeof point);
}

/* A server that keeps its key lets the attacker ask it, for values near that of a session recorded
 * before, whether the secret begins with a zero. */
static bool kept_key(void)
{
    const struct cg_dh_group *group = &cg_dh_groups[CG_FFDHE2048];
    const size_t at = TLS_HEADER + TLS_MESSAGE_HEADER + 2 + group->p_length + 2 + 1 + 2;
    uint8_t record[2][TLS_RECORD_MAX];

    for (unsigned i = 0; i < 2; i++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        pair.client.config.suites[0] = pair.server.config.suites[0] = 0x0033;
        pair.client.config.suite_count = 1;
        pair.server.config.dh_group = group;
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, 1));
        for (unsigned message = 0; message < 3; message++) {
            assert_true(tls_end_drain_record(&pair.server, record[i]) > TLS_HEADER);
        }
        assert_int_equal(record[i][TLS_HEADER], TLS_SERVER_KEY_EXCHANGE);
        tls_pair_free(&pair);
    }
    return memcmp(record[0] + at, record[1] + at, group->p_length) == 0;
}

/* The first block of a record is put in place of its last one, which is all padding. Once in 256
 * times the last byte comes out right, and tells the first block's last byte to who sees that the
 * record was taken. The victim sends until it would be so. */
static bool padding_not_looked_at(void)
{
    enum { BLOCK = 16, TRIES = 9000, PLAIN = 3 * BLOCK - 20 }; /* SHA-1 fills the third block */
    struct tls_pair pair;
    uint8_t plain[PLAIN] = "cookie: 12345678", record[TLS_RECORD_MAX], before[BLOCK];
    bool fits = false;

    tls_pair_init(&pair);
    pair.client.config.suites[0] = 0x002f;
    pair.client.config.no_record_splitting = true;
    open_pair(&pair);
    /* as between peers that do not both know RFC 7366 */
    pair.client.session->write.encrypt_then_mac = pair.server.session->read.encrypt_then_mac = 0;
    for (unsigned i = 0; i < TRIES && !fits; i++) {
        memcpy(before, pair.client.session->write.iv, BLOCK);
        size_t n = send_some(&pair.client, plain, PLAIN, record);
        assert_int_equal(n, TLS_HEADER + 4 * BLOCK);
        uint8_t *block = record + TLS_HEADER;
        fits = (plain[BLOCK - 1] ^ before[BLOCK - 1] ^ block[3 * BLOCK - 1]) == BLOCK - 1;
        if (fits) {
            memcpy(block + 3 * BLOCK, block, BLOCK);
        }
        tls_end_feed(&pair.server, record, n);
    }
    assert_true(fits);
    return ended(&pair, tls_failure(pair.server.session) == TLS_ERROR_OK);
}

/* Both records are refused, and the one whose padding is right sooner: it leaves less to hash. */
static bool less_to_hash(void)
{
    const uint8_t key[CG_HASH_MAX] = {0}, header[11] = {0};
    uint8_t record[320] = {0};
    unsigned blocks[2];

    for (unsigned right = 0; right < 2; right++) {
        size_t content;
        memset(record + 64, 255, 256);
        record[64] = right ? 255 : 0;
        cg_cbc_mac_blocks_for_tests = 0;
        assert_int_equal(cg_cbc_mac_check(CG_SHA1, key, header, record, sizeof record, &content),
                         0);
        blocks[right] = cg_cbc_mac_blocks_for_tests;
    }
    assert_true(blocks[0] > 0 && blocks[1] > 0);
    return blocks[1] != blocks[0];
}

struct attack {
    const char *name;
    bool (*succeeds)(void);
};

static const struct attack attacks[TLS_DEFENCE_COUNT] = {
    [TLS_DEFENCE_RSA_ORACLE] = {"Bleichenbacher's oracle", rsa_oracle},
    [TLS_DEFENCE_ROLLBACK] = {"version rollback", rollback},
    [TLS_DEFENCE_SPLITTING] = {"BEAST", chosen_plaintext},
    [TLS_DEFENCE_EARLY_CCS] = {"early ChangeCipherSpec", early_change_cipher_spec},
    [TLS_DEFENCE_ORDER] = {"a message left out", certificate_left_out},
    [TLS_DEFENCE_EXPORT_KEY] = {"FREAK", export_key},
    [TLS_DEFENCE_SMALL_GROUP] = {"Logjam", small_group},
    [TLS_DEFENCE_DATA_LIMIT] = {"SWEET32", much_data},
    [TLS_DEFENCE_PREFIX] = {"renegotiation prefix", prefix},
    [TLS_DEFENCE_TRIPLE] = {"triple handshake", same_master_secret},
    [TLS_DEFENCE_TRUNCATION] = {"truncation", truncation},
    [TLS_DEFENCE_TICKET_MAC] = {"a forged ticket", forged_ticket},
    [TLS_DEFENCE_TICKET_RULE] = {"a ticket of another rule", ticket_of_another_rule},
    [TLS_DEFENCE_RESUMED_SUITE] = {"a suite by resumption", resumed_suite},
    [TLS_DEFENCE_EMPTY_RECORDS] = {"empty records", empty_records},
    [TLS_DEFENCE_WARNINGS] = {"warnings", warnings},
    [TLS_DEFENCE_MESSAGE_SIZE] = {"an endless message", message_size},
    [TLS_DEFENCE_IDENTITY] = {"another identity", another_identity},
};

static const struct attack attacks_on_crypto[CG_DEFENCE_COUNT] = {
    [CG_DEFENCE_CURVE] = {"a point of another curve", invalid_curve},
    [CG_DEFENCE_FRESH_KEY] = {"Raccoon", kept_key},
    [CG_DEFENCE_PADDING] = {"POODLE for TLS", padding_not_looked_at},
    [CG_DEFENCE_SAME_WORK] = {"Lucky Thirteen", less_to_hash},
    [CG_DEFENCE_SUBGROUP] = {"small subgroups", small_subgroup},
};

static void with_and_without(const struct attack *attack, bool *is_off)
{
    assert_non_null(attack->succeeds);
    print_message("%s\n", attack->name);
    assert_false(attack->succeeds());
    *is_off = true;
    assert_true(attack->succeeds());
    *is_off = false;
}

static void each_with_and_without(void **state)
{
    (void)state;
    for (size_t i = 0; i < TLS_DEFENCE_COUNT; i++) {
        with_and_without(&attacks[i], &tls_defence_is_off[i]);
    }
    for (size_t i = 0; i < CG_DEFENCE_COUNT; i++) {
        with_and_without(&attacks_on_crypto[i], &cg_defence_is_off[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_with_and_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
