/* One connection of the engine over a blocking socket. */
#ifndef BOGO_LINK_H
#define BOGO_LINK_H

#include "bogo_sight.h"
#include "tls/tls_handshake.h"

struct bogo_link {
    int fd;
    bool trickle; /* every read and write of the socket moves one byte */
    bool held;    /* what waits to be sent stays where it is */
    bool renegotiates_once;
    const char *peer_name;
    bool lost; /* the socket can no longer be written to */
    struct tls_config config;
    struct tls_session session;
    struct tls_handshake *handshake;
    uint8_t *big;
    uint8_t output[TLS_OUTPUT_SIZE], input[TLS_RECORD_MAX];
    size_t have, taken; /* of input: bytes there, bytes that the engine had */
    int64_t now;

    bool trusts_what_comes; /* see bogo_sight.h */
    struct bogo_sight sight;
    struct x509_certificate roots[BOGO_CHAIN_MAX];
    struct x509_trust trust;

    /* Of the handshake, which is wiped when it is over: the name that the client asked for, and the
     * curve. */
    char server_name[TLS_NAME_MAX + 1];
    uint16_t curve;
    char messages[2048]; /* what came and went, as BoringSSL's shim writes it */
};

/* A new one, for an fd that is connected. config is copied, and its trust is the link's own. */
struct bogo_link *bogo_link_new(int fd, const struct tls_config *config, const char *peer_name);
/* Half-closes, drains and closes the socket, so that no reset overtakes the last alert. */
void bogo_link_free(struct bogo_link *link);

struct tls_conn bogo_link_conn(struct bogo_link *link);

/* Runs the handshake to its end. */
enum tls_result bogo_link_handshake(struct bogo_link *link);
/* Waits for one record, or the end of the stream, and sends what the engine replies. *plain is good
 * until the next call. */
enum tls_result bogo_link_receive(struct bogo_link *link, uint8_t **plain, size_t *n);
/* Sends all, in pieces of at most `most` bytes if that is not 0. */
bool bogo_link_send(struct bogo_link *link, const uint8_t *plain, size_t n, size_t most);
/* Sends what waits, at most n bytes of it. */
bool bogo_link_flush(struct bogo_link *link, size_t n);
/* Sends close_notify. */
bool bogo_link_close(struct bogo_link *link);

#endif
