/* The engine, in every state of a handshake and after it, on mutated records.
 *
 * An input's first byte is the role of the end that is fed, the second says how many of the peer's
 * honest records come first; the rest is fed as it is. */
#include "fuzz.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_pair.h"

enum { HONEST_MAX = 6 };

/* A handshake with data, as seen by one end from each point on, becomes a seed for that point. */
static void seed_role(enum tls_role role, size_t honest)
{
    static uint8_t input[2 + TLS_RECORD_MAX * 4];
    struct tls_pair pair;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    struct tls_end *victim = role == TLS_CLIENT ? &pair.client : &pair.server;
    struct tls_end *peer = role == TLS_CLIENT ? &pair.server : &pair.client;
    if (honest == 0 || tls_pair_run_until(peer, victim, honest)) {
        size_t n = 2;
        input[0] = role;
        input[1] = (uint8_t)honest;
        for (size_t i = 0, got; i < 3; i++, n += got)
            got = tls_end_drain_record(peer, input + n);
        fuzz_seed(input, n);
    }
    tls_pair_free(&pair);
}

void fuzz_start(void)
{
    for (size_t honest = 0; honest < HONEST_MAX; honest++) {
        seed_role(TLS_CLIENT, honest);
        seed_role(TLS_SERVER, honest);
    }
}

void fuzz_input(const uint8_t *bytes, size_t n)
{
    if (n < 2)
        return;
    struct tls_pair pair;
    tls_pair_init(&pair);
    tls_pair_start(&pair);
    struct tls_end *victim = bytes[0] & 1 ? &pair.server : &pair.client;
    struct tls_end *peer = bytes[0] & 1 ? &pair.client : &pair.server;
    size_t honest = bytes[1] % (HONEST_MAX + 1);
    if (honest)
        tls_pair_run_until(peer, victim, honest);
    tls_end_feed(victim, bytes + 2, n - 2);
    if (tls_is_established(victim->session) && tls_failure(victim->session) == TLS_ERROR_OK &&
        honest == 0)
        __builtin_trap(); /* nobody finishes a handshake without the keys */
    struct tls_conn conn = tls_end_conn(victim);
    tls_receive_end(&conn);
    char text[300];
    tls_failure_text(victim->session, victim->handshake, text, sizeof text);
    tls_pair_free(&pair);
}
