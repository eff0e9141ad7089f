/* Whole handshakes of every kind in which bytes on the wire were changed, dropped, doubled or put
 * in: no memory error, no endless loop, and whoever fails says so with an alert. The seed is fixed,
 * so that a failure can be looked at; MUTATIONS in the environment runs that many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_cache.h"
#include "tls/tls_record.h"
#include "tls/tls_ticket.h"

enum { SESSIONS = 8, FLIGHT = 1 << 16 };

static uint64_t state_of_dice = 1;

static uint32_t dice(uint32_t sides)
{
    state_of_dice = state_of_dice * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state_of_dice >> 33) % sides;
}

static struct tls_cache caches[2];
static struct tls_ticket_ring ring;
static const struct x509_bytes protocols[] = {{(const uint8_t *)"x", 1}};
static const struct tls_psk psk = {{(const uint8_t *)"us", 2}, {(const uint8_t *)"key", 3}};

static void random_pair(struct tls_pair *pair)
{
    static struct tls_credential credentials[3];
    const struct tls_suite *suite;
    size_t count = 0;

    credentials[0] = *tls_fixture_server_credential();
    credentials[1] = *tls_fixture_ec_credential();
    credentials[2] = *tls_fixture_dsa_credential();
    credentials[0].next = &credentials[1];
    credentials[1].next = &credentials[2];
    while (tls_suite_at(count) != NULL) {
        count++;
    }
    suite = tls_suite_at(dice((uint32_t)count));
    tls_pair_init(pair);
    struct tls_end *const ends[] = {&pair->client, &pair->server};
    for (unsigned i = 0; i < 2; i++) {
        struct tls_config *config = &ends[i]->config;
        config->suites[0] = suite->id;
        config->allow_anonymous = true;
        config->cache = dice(2) ? &caches[i] : NULL;
        config->psks = &psk;
        config->psk_count = 1;
        config->alpn = protocols;
        config->alpn_count = dice(2);
    }
    pair->client.config.max_fragment = (uint8_t)dice(5);
    pair->client.config.credential = dice(2) ? tls_fixture_client_credential() : NULL;
    pair->server.config.client_certificate = dice(2);
    pair->server.config.tickets = dice(2) ? &ring : NULL;
    pair->server.config.credential = credentials;
    tls_fixture_export(&pair->server.config);
    pair->server.config.accept_sslv2_hello = dice(2);
    tls_pair_start(pair);
}

/* One change, somewhere. */
static size_t mutate(uint8_t *bytes, size_t n)
{
    size_t at = dice((uint32_t)n), length = 1 + dice(8);

    length = length < n - at ? length : n - at;
    switch (dice(5)) {
    case 0:
        bytes[at] ^= (uint8_t)(1 << dice(8));
        return n;
    case 1:
        bytes[at] = (uint8_t)dice(256);
        return n;
    case 2:
        memmove(bytes + at, bytes + at + length, n - at - length);
        return n - length;
    case 3:
        memmove(bytes + at + length, bytes + at, n - at);
        return n + length;
    default:
        memset(bytes + at, dice(2) ? 0xff : 0, length);
        return n;
    }
}

static void check_end(struct tls_end *end)
{
    enum tls_error error = tls_failure(end->session);

    if (error != TLS_ERROR_OK && tls_error_alert(error) != TLS_ALERT_NONE) {
        struct tls_conn conn = tls_end_conn(end);
        tls_flush_mailbox(&conn);
        tls_end_assert_failed(end, error);
    }
}

/* Flight number `when`, from 1, is changed; 0: none. Are both ends established? */
static bool one_run(unsigned when)
{
    static uint8_t flight[FLIGHT];
    struct tls_pair pair;
    unsigned number = 0, idle = 0;

    random_pair(&pair);
    for (unsigned rounds = 0; idle < 2 && rounds < 100; rounds++) {
        struct tls_end *from = rounds % 2 == 0 ? &pair.client : &pair.server;
        struct tls_end *to = rounds % 2 == 0 ? &pair.server : &pair.client;
        size_t n = tls_end_drain(from, flight, FLIGHT / 2);
        idle = n > 0 ? 0 : idle + 1;
        if (n > 0 && ++number == when) {
            n = mutate(flight, n);
        }
        tls_end_feed(to, flight, n);
    }
    check_end(&pair.client);
    check_end(&pair.server);
    bool established =
        tls_is_established(pair.client.session) && tls_is_established(pair.server.session);
    tls_pair_free(&pair);
    return established;
}

static void changed_on_the_wire(void **state)
{
    const char *wish = getenv("MUTATIONS");
    unsigned count = wish != NULL ? (unsigned)atoi(wish) : 2000;
    void *memory[2];

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        memory[i] = calloc(1, tls_cache_table_size(SESSIONS));
        caches[i] = tls_cache_of(tls_cache_table_init(memory[i], SESSIONS));
    }
    tls_ticket_ring_init(&ring, 3600);
    for (unsigned i = 0; i < 100; i++) {
        assert_true(one_run(0)); /* what is changed below would be good */
    }
    for (unsigned i = 0; i < count; i++) {
        one_run(1 + dice(4));
    }
    free(memory[0]);
    free(memory[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changed_on_the_wire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
