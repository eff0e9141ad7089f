/* Two threads on one established session: one receives while the other sends, flushes the mailbox
 * and closes. ThreadSanitizer finds any field that the two halves share. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_at_once),
        cmocka_unit_test(the_read_half_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
