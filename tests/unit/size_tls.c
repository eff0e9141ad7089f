/* What a connection costs: bytes of its objects, stack of a handshake for each size of group, and
 * calls of the allocator, of which there are none. As compiled for shipping. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/tls_pair.h"
#include "tls/tls_key_exchange.h"

enum {
    SESSION_MAX = 1024,
    HANDSHAKE_MAX = 24 * 1024,
    STACK = 1 << 20,
    PAINT = 0xb7,
    DATA = 8 << 20 /* bytes that pass through */
};

static int failed, number;

static void report(bool good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
    failed += !good;
}

/* ---- the allocator, counted ---- */

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t count, size_t n);
extern void *__libc_realloc(void *p, size_t n);
static size_t allocations;

void *malloc(size_t n)
{
    allocations++;
    return __libc_malloc(n);
}

void *calloc(size_t count, size_t n)
{
    allocations++;
    return __libc_calloc(count, n);
}

void *realloc(void *p, size_t n)
{
    allocations++;
    return __libc_realloc(p, n);
}

/* ---- two ends in memory that is there already ---- */

struct end {
    struct tls_config config;
    struct tls_session session;
    struct tls_handshake handshake;
    uint8_t output[TLS_OUTPUT_SIZE];
    size_t stack; /* the most that a call has taken */
};

static struct end client, server;

static struct tls_conn conn_of(struct end *end)
{
    return (struct tls_conn){.session = &end->session,
                             .handshake = tls_in_handshake(&end->session) ? &end->handshake : NULL,
                             .config = &end->config,
                             .output = end->output,
                             .now = 1800000000};
}

/* One record from one end to the other; false when there is none. */
static bool carry(struct end *from, struct end *to)
{
    static uint8_t record[TLS_RECORD_MAX];
    struct tls_conn conn = conn_of(from);
    uint8_t *plain;
    size_t waiting, n;
    const uint8_t *bytes = tls_output(&conn, &waiting);

    if (waiting == 0) {
        return false;
    }
    n = TLS_HEADER + (size_t)(bytes[3] << 8 | bytes[4]);
    memcpy(record, bytes, n);
    tls_output_sent(&conn, n);
    if (tls_in_handshake(&from->session)) {
        tls_continue(&conn);
    }
    conn = conn_of(to);
    tls_receive(&conn, record, n, &plain, &n);
    return true;
}

static void *carry_to_server(void *arg)
{
    (void)arg;
    return carry(&client, &server) ? &client : NULL;
}

static void *carry_to_client(void *arg)
{
    (void)arg;
    return carry(&server, &client) ? &server : NULL;
}

static void *start(void *arg)
{
    struct end *end = arg;
    struct tls_conn conn = conn_of(end);

    tls_start(&conn);
    return end;
}

/* Runs the function on a stack of its own that was painted before, and notes how much of it was
 * used: by the whole of a thread, with some hundred bytes of its own. */
static void *on_painted_stack(void *(*function)(void *), void *arg, size_t *most)
{
    static uint8_t *stack;
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;
    size_t untouched = 0;

    if (stack == NULL) {
        stack = aligned_alloc(4096, STACK);
    }
    memset(stack, PAINT, STACK);
    pthread_attr_init(&attributes);
    pthread_attr_setstack(&attributes, stack, STACK);
    if (stack == NULL || pthread_create(&thread, &attributes, function, arg) != 0) {
        exit(1);
    }
    pthread_join(thread, &result);
    pthread_attr_destroy(&attributes);
    while (untouched < STACK && stack[untouched] == PAINT) {
        untouched++;
    }
    if (STACK - untouched > *most) {
        *most = STACK - untouched;
    }
    return result;
}

static void *nothing(void *arg)
{
    return arg;
}

static void prepare(struct end *end, enum tls_role role, uint16_t suite, uint16_t group,
                    const struct tls_credential *credential)
{
    memset(end, 0, sizeof *end);
    end->config = (struct tls_config){.role = role,
                                      .version_min = TLS_VERSION_10,
                                      .version_max = TLS_VERSION_10,
                                      .suites = {suite},
                                      .suite_count = 1,
                                      .groups = {group},
                                      .group_count = group != 0,
                                      .trust = tls_fixture_trust(),
                                      .minimum_rsa_bits = 1024};
    if (role == TLS_SERVER) {
        end->config.credential = credential;
    }
    tls_session_init(&end->session, role);
    tls_handshake_init(&end->handshake, role == TLS_CLIENT ? "server.test" : NULL);
}

/* Stack beyond what an empty thread takes. */
static void handshake(const char *what, uint16_t suite, uint16_t group,
                      const struct tls_credential *credential)
{
    size_t base = 0;
    char text[200];

    on_painted_stack(nothing, NULL, &base);
    prepare(&client, TLS_CLIENT, suite, group, credential);
    prepare(&server, TLS_SERVER, suite, group, credential);
    on_painted_stack(start, &client, &client.stack);
    on_painted_stack(start, &server, &server.stack);
    for (bool moved = true; moved;) {
        moved = on_painted_stack(carry_to_server, NULL, &server.stack) != NULL;
        moved = on_painted_stack(carry_to_client, NULL, &client.stack) != NULL || moved;
    }
    snprintf(text, sizeof text, "%s: stack, with all bignum scratch: client %zu, server %zu bytes",
             what, client.stack - base, server.stack - base);
    report(tls_is_established(&client.session) && tls_is_established(&server.session) &&
               client.stack - base < 64 * 1024 && server.stack - base < 64 * 1024,
           text);
}

/* Both ways, records of all sizes up to the largest. */
static bool transfer(void)
{
    static uint8_t data[TLS_PLAINTEXT_MAX];

    for (size_t done = 0; done < DATA;) {
        struct end *from = done / 1000 % 2 == 0 ? &client : &server;
        struct end *to = from == &client ? &server : &client;
        struct tls_conn conn = conn_of(from);
        size_t taken;
        if (tls_send(&conn, data, 1 + done * 7919 % sizeof data, &taken) != TLS_DONE) {
            return false;
        }
        done += taken;
        while (carry(from, to)) {
        }
        if (tls_failure(&to->session) != TLS_ERROR_OK) {
            return false;
        }
    }
    return true;
}

int main(void)
{
    char text[200];

    snprintf(text, sizeof text, "an established, idle session is %zu bytes",
             sizeof(struct tls_session));
    report(sizeof(struct tls_session) <= SESSION_MAX, text);
    snprintf(text, sizeof text, "a handshake is %zu bytes more, and %d for output",
             tls_handshake_size(), TLS_OUTPUT_SIZE);
    report(tls_handshake_size() <= HANDSHAKE_MAX, text);

    void *volatile counted = malloc(1);
    report(allocations > 0, "calls of the allocator are counted");
    free(counted);
    const struct tls_credential *rsa = tls_fixture_server_credential();
    const struct tls_credential *ec = tls_fixture_ec_credential();
    handshake("RSA", 0x002f, 0, rsa);
    handshake("DHE_RSA, 2048 bits", 0x0033, 256, rsa);
    handshake("DHE_RSA, 3072 bits", 0x0033, 257, rsa);
    handshake("DHE_RSA, 4096 bits", 0x0033, 258, rsa);
    handshake("ECDHE_ECDSA, P-256", 0xc009, 23, ec);
    handshake("ECDHE_RSA, P-384", 0xc013, 24, rsa);
    handshake("ECDHE_RSA, P-521", 0xc013, 25, rsa);
    handshake("ECDHE_RSA, X25519", 0xc013, 29, rsa);

    static const uint16_t suites[] = {0x002f, 0x0035, 0x000a, 0x0005, 0x0041};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        prepare(&client, TLS_CLIENT, suites[i], 0, NULL);
        prepare(&server, TLS_SERVER, suites[i], 0, rsa);
        size_t before = allocations;
        start(&client);
        start(&server);
        while (carry(&client, &server) || carry(&server, &client)) {
        }
        size_t after_handshake = allocations;
        bool good = transfer();
        snprintf(text, sizeof text,
                 "%s: %d MiB both ways: %zu allocations; %zu in the handshake before",
                 tls_suite_by_id(suites[i])->name, DATA >> 20, allocations - after_handshake,
                 after_handshake - before);
        report(good && allocations == before, text);
    }
    printf("1..%d\n", number);
    return failed > 0;
}
