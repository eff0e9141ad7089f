/* A client and a server of the engine, back to back in memory.
 *
 * Every call is made with session and handshake at addresses where they have never been before:
 * they are copied to new blocks, and the old ones overwritten and freed. */
#ifndef TESTS_TLS_PAIR_H
#define TESTS_TLS_PAIR_H

#include "tls/tls.h"
#include "tls/tls_handshake.h"

enum { TLS_END_BUFFER = 1 << 18 };

struct tls_end {
    struct tls_config config;
    struct tls_session *session;
    struct tls_handshake *handshake;
    const char *name; /* of the peer, for a client */
    uint8_t *output;  /* TLS_OUTPUT_SIZE */
    uint8_t *big;     /* NULL until asked for */
    int64_t now;
    uint8_t *in; /* from the wire, not yet taken */
    size_t in_length;
    uint8_t *plain; /* what tls_receive gave */
    size_t plain_length;
    enum tls_result last; /* of the last call that was not TLS_DONE, else TLS_DONE */
    bool asked_for_big, asked_for_handshake;
    bool offers_handshake; /* for a renegotiation that has not begun */
    void (*observe)(void *arg, const struct tls_event *event);
    void *observe_arg;
};

struct tls_pair {
    struct tls_end client, server;
};

/* A client that trusts the fixture's CA and calls its peer server.test, and a server with the
 * fixture's server certificate; both with the suites of RSA key exchange. Change configurations
 * before tls_pair_start. */
void tls_pair_init(struct tls_pair *pair);
void tls_pair_start(struct tls_pair *pair);
void tls_pair_free(struct tls_pair *pair);

/* The same pieces for one end alone. */
void tls_end_init(struct tls_end *end, enum tls_role role);
void tls_end_start(struct tls_end *end);
void tls_end_free(struct tls_end *end);

/* A call's view of an end, which has been moved. */
struct tls_conn tls_end_conn(struct tls_end *end);
/* Hands bytes to an end as if from the wire, and lets it take the whole records among what has
 * come. Stops at the first result that is not TLS_DONE. */
void tls_end_feed(struct tls_end *end, const uint8_t *bytes, size_t n);
/* One record with this content, in the clear. */
void tls_end_feed_record(struct tls_end *end, uint8_t type, const uint8_t *content, size_t n);
/* One record with this content, sealed as `from` would seal it; from's keys move on. */
void tls_end_feed_sealed(struct tls_end *end, struct tls_end *from, uint8_t type,
                         const uint8_t *content, size_t n);
/* Takes one record of an end's output; its length, 0 when there is none. */
size_t tls_end_drain_record(struct tls_end *end, uint8_t out[TLS_RECORD_MAX]);
/* Takes at most n bytes of an end's output into out; returns how many. Continues its handshake. */
size_t tls_end_drain(struct tls_end *end, uint8_t *out, size_t n);

/* Moves at most `piece` bytes at a time both ways until nothing moves. */
void tls_pair_run(struct tls_pair *pair, size_t piece);
/* The same, but handshake messages are laid anew into records: those that go the same way in a row
 * are joined, and cut into one record of `first` bytes and others of `piece` bytes. */
void tls_pair_run_refragmented(struct tls_pair *pair, size_t first, size_t piece);
/* Lets the ends talk, record by record, until `count` records have come to `to`; false when they
 * were done before. */
bool tls_pair_run_until(struct tls_end *from, struct tls_end *to, size_t count);
/* Sends n bytes from one end and checks that they arrive at the other. */
void tls_pair_transfer(struct tls_end *from, struct tls_end *to, const uint8_t *bytes, size_t n);
/* Both ends are established, agree on the session, and data passes both ways. */
void tls_pair_assert_works(struct tls_pair *pair);
/* The end failed with this error and sent the alert that belongs to it. */
void tls_end_assert_failed(const struct tls_end *end, enum tls_error error);

/* The fixture's credentials; loaded on first use. */
const struct tls_credential *tls_fixture_server_credential(void);
const struct tls_credential *tls_fixture_client_credential(void);
const struct tls_credential *tls_fixture_signer_credential(void);
const struct tls_credential *tls_fixture_ec_credential(void);
const struct tls_credential *tls_fixture_dsa_credential(void);
const struct x509_trust *tls_fixture_trust(void);
/* Gives a server what export suites need. */
void tls_fixture_export(struct tls_config *config);

#endif
