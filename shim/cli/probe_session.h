/* Whole handshakes of `tlshim probe`, with the library's own engine. */
#ifndef SHIM_CLI_PROBE_SESSION_H
#define SHIM_CLI_PROBE_SESSION_H

#include "../common_ladder.h"
#include "probe_wire.h"

enum { PROBE_LADDER_MAX = 32 };

struct probe_session {
    bool reached; /* TCP was connected */
    bool established;
    enum tls_error error;
    char failure[640]; /* in words, when not established */
    uint16_t suite;
    bool resumed, extended_master_secret, encrypt_then_mac, secure_renegotiation;
    bool close_answered; /* our close_notify was answered with the peer's */
    bool no_more_data;   /* or by the end of the stream, as many do */
    char ladder[PROBE_LADDER_MAX][LADDER_LINE];
    size_t ladder_count;
};

/* Connects, does the handshake under the configuration, says goodbye, and waits that many seconds
 * for the peer's (0: close_answered and no_more_data are not found out). name: what the certificate
 * has to be for, as tls_handshake_init; now: the time that certificates are judged at. */
void probe_handshake(const struct probe_target *target, const struct tls_config *config,
                     const char *name, int64_t now, unsigned patience, struct probe_session *out);

#endif
