/* The order of messages (RFC 2246 7.3): in every state of both roles, everything that is not next
 * is unexpected_message and ends the connection.
 *
 * This covers every sequence of messages: whatever the sequence, it is a legal beginning followed
 * by one message that is out of place, and after that the session is dead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_record.h"
#include "tls/tls_ticket.h"

/* ---- kinds of handshake ---- */

enum kind {
    FULL,
    EPHEMERAL,
    ANONYMOUS,
    ASKED,
    MUTUAL,
    FULL_WITH_TICKET,
    BY_ID,
    BY_TICKET,
    BY_OLD_TICKET,
    KINDS
};

enum { END = TLS_NO_MESSAGE, LONGEST = 8 };

/* What each end gets, in order, one record each. */
static const struct {
    unsigned to_server[LONGEST], to_client[LONGEST];
} legal[KINDS] = {
    [FULL] = {{TLS_CLIENT_HELLO, TLS_CLIENT_KEY_EXCHANGE, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED,
               END},
              {TLS_SERVER_HELLO, TLS_CERTIFICATE, TLS_SERVER_HELLO_DONE, TLS_CHANGE_CIPHER_SPEC,
               TLS_FINISHED, END}},
    [EPHEMERAL] = {{TLS_CLIENT_HELLO, TLS_CLIENT_KEY_EXCHANGE, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED,
                    END},
                   {TLS_SERVER_HELLO, TLS_CERTIFICATE, TLS_SERVER_KEY_EXCHANGE,
                    TLS_SERVER_HELLO_DONE, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [ANONYMOUS] = {{TLS_CLIENT_HELLO, TLS_CLIENT_KEY_EXCHANGE, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED,
                    END},
                   {TLS_SERVER_HELLO, TLS_SERVER_KEY_EXCHANGE, TLS_SERVER_HELLO_DONE,
                    TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [ASKED] = {{TLS_CLIENT_HELLO, TLS_CERTIFICATE, TLS_CLIENT_KEY_EXCHANGE, TLS_CHANGE_CIPHER_SPEC,
                TLS_FINISHED, END},
               {TLS_SERVER_HELLO, TLS_CERTIFICATE, TLS_CERTIFICATE_REQUEST, TLS_SERVER_HELLO_DONE,
                TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [MUTUAL] = {{TLS_CLIENT_HELLO, TLS_CERTIFICATE, TLS_CLIENT_KEY_EXCHANGE, TLS_CERTIFICATE_VERIFY,
                 TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END},
                {TLS_SERVER_HELLO, TLS_CERTIFICATE, TLS_CERTIFICATE_REQUEST, TLS_SERVER_HELLO_DONE,
                 TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [FULL_WITH_TICKET] = {{TLS_CLIENT_HELLO, TLS_CLIENT_KEY_EXCHANGE, TLS_CHANGE_CIPHER_SPEC,
                           TLS_FINISHED, END},
                          {TLS_SERVER_HELLO, TLS_CERTIFICATE, TLS_SERVER_HELLO_DONE,
                           TLS_NEW_SESSION_TICKET, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [BY_ID] = {{TLS_CLIENT_HELLO, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END},
               {TLS_SERVER_HELLO, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [BY_TICKET] = {{TLS_CLIENT_HELLO, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END},
                   {TLS_SERVER_HELLO, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END}},
    [BY_OLD_TICKET] = {{TLS_CLIENT_HELLO, TLS_CHANGE_CIPHER_SPEC, TLS_FINISHED, END},
                       {TLS_SERVER_HELLO, TLS_NEW_SESSION_TICKET, TLS_CHANGE_CIPHER_SPEC,
                        TLS_FINISHED, END}},
};

static struct tls_cache caches[2];
static struct tls_ticket_ring ring;

static int make_caches(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        caches[i] = tls_cache_of(tls_cache_table_init(calloc(1, tls_cache_table_size(64)), 64));
    }
    return 0;
}

static int free_caches(void **state)
{
    (void)state;
    free(caches[0].arg);
    free(caches[1].arg);
    return 0;
}

static void start_pair(struct tls_pair *pair, enum kind kind, bool first)
{
    tls_pair_init(pair);
    if (kind == EPHEMERAL || kind == ANONYMOUS) {
        pair->client.config.allow_anonymous = pair->server.config.allow_anonymous = true;
        pair->client.config.suites[0] = pair->server.config.suites[0] =
            kind == EPHEMERAL ? 0xc013 : 0xc018;
        pair->client.config.suite_count = 1;
    } else if (kind == ASKED || kind == MUTUAL) {
        pair->server.config.client_certificate = TLS_CLIENT_CERT_REQUEST;
        pair->client.config.credential = kind == MUTUAL ? tls_fixture_client_credential() : NULL;
    } else if (kind != FULL) {
        pair->client.config.cache = &caches[0];
        pair->server.config.cache = &caches[1];
        pair->server.config.tickets = kind == BY_ID ? NULL : &ring;
        pair->client.config.no_tickets = kind == BY_ID;
        pair->server.now += !first && kind == BY_OLD_TICKET ? 60 : 0;
        pair->server.config.rule[0] = pair->client.config.rule[0] = (uint8_t)kind;
    }
    tls_pair_start(pair);
}

/* A pair at the beginning of a handshake of this kind. */
static void pair_of(struct tls_pair *pair, enum kind kind)
{
    memset(caches[0].arg, 0, tls_cache_table_size(64));
    tls_cache_table_init(caches[0].arg, 64);
    tls_ticket_ring_init(&ring, 60);
    if (kind >= BY_ID) {
        start_pair(pair, kind, true);
        tls_pair_run(pair, TLS_OUTPUT_SIZE);
        assert_true(tls_is_established(pair->client.session));
        tls_pair_free(pair);
    }
    start_pair(pair, kind, false);
}

/* Also legal at the place where `next` is. */
static bool is_legal(enum kind kind, enum tls_role role, unsigned message, unsigned next)
{
    if (message == next || role == TLS_SERVER) {
        return message == next;
    }
    return message == TLS_HELLO_REQUEST ||
           (message == TLS_CERTIFICATE_REQUEST && next == TLS_SERVER_HELLO_DONE &&
            kind != ANONYMOUS && kind != ASKED && kind != MUTUAL) ||
           (message == TLS_SERVER_HELLO_DONE && next == TLS_CERTIFICATE_REQUEST);
}

static void feed(struct tls_end *to, struct tls_end *from, unsigned message)
{
    uint8_t body[TLS_MESSAGE_HEADER + 64] = {(uint8_t)message, 0, 0, 64};
    static const uint8_t one = 1;

    if (message == TLS_CHANGE_CIPHER_SPEC) {
        tls_end_feed_sealed(to, from, TLS_CONTENT_CHANGE_CIPHER_SPEC, &one, 1);
    } else if (message == TLS_APPLICATION_DATA) {
        tls_end_feed_sealed(to, from, TLS_CONTENT_APPLICATION_DATA, body, sizeof body);
    } else {
        tls_end_feed_sealed(to, from, TLS_CONTENT_HANDSHAKE, body, sizeof body);
    }
}

/* An anonymous server that asks who the client is gets an alert of its own (RFC 2246 7.4.4). */
static enum tls_error wrong_as(enum kind kind, enum tls_role role, unsigned message, unsigned next)
{
    return kind == ANONYMOUS && role == TLS_CLIENT && message == TLS_CERTIFICATE_REQUEST &&
                   next == TLS_SERVER_HELLO_DONE
               ? TLS_ERROR_ANONYMOUS_REQUEST
               : TLS_ERROR_UNEXPECTED;
}

static void try_message(enum kind kind, enum tls_role role, size_t before, unsigned message,
                        enum tls_error error)
{
    struct tls_pair pair;
    struct tls_end *to = role == TLS_CLIENT ? &pair.client : &pair.server;
    struct tls_end *from = role == TLS_CLIENT ? &pair.server : &pair.client;

    pair_of(&pair, kind);
    assert_true(tls_pair_run_until(from, to, before));
    /* The sender's keys are those that the receiver is ready for. */
    from->session->write = to->session->read;
    feed(to, from, message);
    if (tls_failure(to->session) != error) {
        print_message("handshake %d, role %d, after %zu: message %u\n", kind, role, before,
                      message);
    }
    tls_end_assert_failed(to, error);
    assert_int_equal(to->last, TLS_FAILED);
    assert_false(tls_is_established(to->session));
    tls_pair_free(&pair);
}

/* Types that are in use at all, and some that are not. */
static bool is_interesting(unsigned message)
{
    return message < 32 || message == 67 || message == 254 || message >= 255;
}

static void every_message(enum tls_role role)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        const unsigned *order = role == TLS_CLIENT ? legal[kind].to_client : legal[kind].to_server;
        for (size_t before = 0; order[before] != END; before++) {
            for (unsigned message = 0; message <= TLS_APPLICATION_DATA; message++) {
                if (is_interesting(message) && !is_legal(kind, role, message, order[before])) {
                    try_message(kind, role, before, message,
                                wrong_as(kind, role, message, order[before]));
                }
            }
        }
    }
}

static void every_wrong_message_to_a_server(void **state)
{
    (void)state;
    every_message(TLS_SERVER);
}

static void every_wrong_message_to_a_client(void **state)
{
    (void)state;
    every_message(TLS_CLIENT);
}

/* The legal orders are what the tables above say. */
static void the_right_order(void **state)
{
    (void)state;
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (enum tls_role role = TLS_CLIENT; role <= TLS_SERVER; role++) {
            struct tls_pair pair;
            struct tls_end *to = role == TLS_CLIENT ? &pair.client : &pair.server;
            struct tls_end *from = role == TLS_CLIENT ? &pair.server : &pair.client;
            const unsigned *order =
                role == TLS_CLIENT ? legal[kind].to_client : legal[kind].to_server;
            pair_of(&pair, kind);
            for (size_t i = 0; order[i] != END; i++) {
                assert_false(tls_is_established(to->session));
                assert_true(tls_pair_run_until(from, to, 1));
            }
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            tls_pair_assert_works(&pair);
            assert_int_equal(pair.client.session->resumed, kind >= BY_ID);
            tls_pair_free(&pair);
        }
    }
}

/* CVE-2014-0224: a ChangeCipherSpec before the key exchange would set keys made of nothing. */
static void early_change_cipher_spec(void **state)
{
    static const uint8_t one = 1;

    (void)state;
    for (size_t before = 0; before < 2; before++) {
        struct tls_pair pair;
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        assert_true(tls_pair_run_until(&pair.client, &pair.server, before));
        tls_end_feed_record(&pair.server, TLS_CONTENT_CHANGE_CIPHER_SPEC, &one, 1);
        tls_end_assert_failed(&pair.server, TLS_ERROR_UNEXPECTED);
        assert_int_equal(pair.server.session->read.protected, 0);
        tls_pair_free(&pair);
    }
}

static void change_cipher_spec_content(const uint8_t *content, size_t n, enum tls_error error)
{
    struct tls_pair pair;

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    assert_true(tls_pair_run_until(&pair.client, &pair.server, 2));
    tls_end_feed_record(&pair.server, TLS_CONTENT_CHANGE_CIPHER_SPEC, content, n);
    tls_end_assert_failed(&pair.server, error);
    tls_pair_free(&pair);
}

static void change_cipher_spec_malformed(void **state)
{
    (void)state;
    change_cipher_spec_content((const uint8_t *)"\1\1", 2, TLS_ERROR_UNEXPECTED);
    change_cipher_spec_content((const uint8_t *)"\2", 1, TLS_ERROR_PARAMETER);
    change_cipher_spec_content(NULL, 0, TLS_ERROR_RECORD_EMPTY);
}

/* Keys change between messages, never inside one. */
static void change_cipher_spec_inside_a_message(void **state)
{
    static const uint8_t begun[] = {TLS_CERTIFICATE, 0, 1};
    struct tls_pair pair;

    (void)state;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    uint8_t record[TLS_RECORD_MAX];
    size_t n = tls_end_drain_record(&pair.client, record);
    tls_end_feed(&pair.server, record, n);
    while ((n = tls_end_drain_record(&pair.server, record)) > 0) {
        tls_end_feed(&pair.client, record, n);
    }
    n = tls_end_drain_record(&pair.client, record);
    tls_end_feed(&pair.server, record, n);
    /* A server waits for ChangeCipherSpec: the first bytes of a Finished in the clear. */
    tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, begun, sizeof begun);
    n = tls_end_drain_record(&pair.client, record);
    tls_end_feed(&pair.server, record, n);
    tls_end_assert_failed(&pair.server, TLS_ERROR_UNEXPECTED);
    tls_pair_free(&pair);
}

/* Bytes after the end of the peer's flight, in the same record. */
static void bytes_after_the_flight(void **state)
{
    struct tls_pair pair;
    uint8_t record[TLS_RECORD_MAX];

    (void)state;
    for (uint8_t more = 1; more < 8; more++) {
        tls_pair_init(&pair);
        tls_pair_start(&pair);
        size_t n = tls_end_drain_record(&pair.client, record);
        memset(record + n, 0, more);
        record[n] = TLS_CLIENT_KEY_EXCHANGE;
        tls_end_feed_record(&pair.server, TLS_CONTENT_HANDSHAKE, record + TLS_HEADER,
                            n - TLS_HEADER + more);
        tls_end_assert_failed(&pair.server, TLS_ERROR_UNEXPECTED);
        tls_pair_free(&pair);
    }
}

/* After the handshake: any handshake message but those that ask for a renegotiation. */
static void messages_after_the_handshake(void **state)
{
    (void)state;
    for (unsigned role = 0; role < 2; role++) {
        for (unsigned message = 0; message <= TLS_CHANGE_CIPHER_SPEC; message++) {
            struct tls_pair pair;
            struct tls_end *to = role == TLS_CLIENT ? &pair.client : &pair.server;
            struct tls_end *from = role == TLS_CLIENT ? &pair.server : &pair.client;
            if (message == (role == TLS_CLIENT ? TLS_HELLO_REQUEST : TLS_CLIENT_HELLO)) {
                continue;
            }
            tls_pair_init(&pair);
            tls_pair_start(&pair);
            tls_pair_run(&pair, TLS_OUTPUT_SIZE);
            feed(to, from, message);
            struct tls_conn conn = tls_end_conn(to);
            tls_flush_mailbox(&conn);
            tls_end_assert_failed(to, TLS_ERROR_UNEXPECTED);
            tls_pair_free(&pair);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_order),
        cmocka_unit_test(every_wrong_message_to_a_server),
        cmocka_unit_test(every_wrong_message_to_a_client),
        cmocka_unit_test(early_change_cipher_spec),
        cmocka_unit_test(change_cipher_spec_malformed),
        cmocka_unit_test(change_cipher_spec_inside_a_message),
        cmocka_unit_test(bytes_after_the_flight),
        cmocka_unit_test(messages_after_the_handshake),
    };
    return cmocka_run_group_tests(tests, make_caches, free_caches);
}
