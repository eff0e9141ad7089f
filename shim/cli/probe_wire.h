/* Connections of `tlshim probe`: TCP, each with a time limit for the whole of it, so that a peer
 * that says nothing, or a byte a minute, costs no more than that. */
#ifndef SHIM_CLI_PROBE_WIRE_H
#define SHIM_CLI_PROBE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "../../tls/tls.h"

struct probe_target {
    char host[256];   /* as given, without brackets */
    const char *name; /* host, when it is a DNS name; else NULL */
    uint16_t port;
    unsigned timeout;                /* seconds for one connection */
    struct sockaddr_storage address; /* of the address that could be connected to */
    socklen_t address_length;
    char text[64]; /* that address, "10.0.0.1:443" */
};

struct wire {
    int fd;
    int64_t end; /* CLOCK_MONOTONIC, nanoseconds */
};

enum wire_result {
    WIRE_GOOD,
    WIRE_ENDED,   /* the peer closed */
    WIRE_TIMEOUT, /* the connection's time is up */
    WIRE_FAILED   /* errno */
};

/* Looks the host up and connects to the first of its addresses that answers, which the target then
 * holds. False: `why` says why not. */
bool wire_find(struct probe_target *target, char *why, size_t size);

/* To the address of the target. Close it unless the result is WIRE_TIMEOUT or WIRE_FAILED. */
enum wire_result wire_open(struct wire *wire, const struct probe_target *target);
void wire_close(struct wire *wire);

/* At most `seconds` from here on. */
void wire_hurry(struct wire *wire, unsigned seconds);

/* All n bytes. */
enum wire_result wire_send(struct wire *wire, const void *bytes, size_t n);

/* One record, of *length bytes, into buffer of TLS_RECORD_MAX bytes. What does not begin as a
 * record does is given as far as it came. */
enum wire_result wire_record(struct wire *wire, const struct tls_session *session, uint8_t *buffer,
                             size_t *length);

#endif
