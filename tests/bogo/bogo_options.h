/* What BoringSSL's test runner asks of a shim on the command line (ssl/test/test_config.cc there).
 * Only flags that the engine can honour are known; main ends with 89 for any other, and the runner
 * then counts the test as not implemented. */
#ifndef BOGO_OPTIONS_H
#define BOGO_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "tls/tls.h"

/* Named as the flags are; a flag not given is false, 0 or NULL. */
struct bogo_options {
    uint64_t port, shim_id, resume_count, resumption_delay;
    bool ipv6, server, is_handshaker_supported;

    /* how bytes move */
    bool async, shim_writes_first, shim_shuts_down, check_close_notify;
    bool write_different_record_sizes, cbc_record_splitting, read_with_unfinished_write, tls_unique;
    bool send_alert;
    uint64_t read_size, max_send_fragment;

    /* what is offered and accepted */
    uint64_t min_version, max_version;
    bool no_tls1;
    const char *cipher, *host_name, *cert_file, *key_file, *trust_cert;
    const char *psk, *psk_identity, *advertise_alpn, *select_alpn;
    bool renegotiate_freely, renegotiate_once;
    uint16_t groups[TLS_GROUPS_MAX];
    size_t group_count;
    bool verify_peer, verify_fail, require_any_client_certificate, no_ticket, renew_ticket;

    /* what must come of it */
    bool handshake_never_done, expect_session_miss, expect_ticket_renewal, expect_no_session;
    bool expect_session_id, expect_no_session_id, expect_extended_master_secret;
    uint64_t expect_version, expect_cipher, expect_cipher_aes, expect_cipher_no_aes;
    uint64_t expect_curve_id;
    const char *expect_alpn, *expect_server_name, *expect_peer_cert_file, *expect_msg_callback;
    bool expect_no_server_name, expect_no_peer_cert;
    bool expect_secure_renegotiation, expect_no_secure_renegotiation;
    uint64_t expect_total_renegotiations;
};

enum bogo_parsed { BOGO_PARSED, BOGO_UNKNOWN, BOGO_WRONG };

/* Flags go to both, those with the prefix -on-initial or -on-resume to one. On BOGO_UNKNOWN and
 * BOGO_WRONG *which is the argument at fault. */
enum bogo_parsed bogo_parse(int argc, char **argv, struct bogo_options *initial,
                            struct bogo_options *resumed, const char **which);

#endif
