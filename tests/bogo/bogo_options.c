#include "bogo_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    SWITCH,
    NUMBER,
    TEXT,
    GROUP,       /* one more of a list */
    NOTHING,     /* asks for what is so anyway */
    NOTHING_MORE /* the same, with a parameter */
};

static const struct flag {
    const char *name;
    enum kind kind;
    size_t at;
} flags[] = {
#define FLAG(name, kind, field)                                                                    \
    {                                                                                              \
        name, kind, offsetof(struct bogo_options, field)                                           \
    }
    FLAG("-port", NUMBER, port),
    FLAG("-ipv6", SWITCH, ipv6),
    FLAG("-shim-id", NUMBER, shim_id),
    FLAG("-server", SWITCH, server),
    FLAG("-is-handshaker-supported", SWITCH, is_handshaker_supported),
    FLAG("-resume-count", NUMBER, resume_count),
    FLAG("-resumption-delay", NUMBER, resumption_delay),
    FLAG("-async", SWITCH, async),
    FLAG("-shim-writes-first", SWITCH, shim_writes_first),
    FLAG("-shim-shuts-down", SWITCH, shim_shuts_down),
    FLAG("-check-close-notify", SWITCH, check_close_notify),
    FLAG("-write-different-record-sizes", SWITCH, write_different_record_sizes),
    FLAG("-cbc-record-splitting", SWITCH, cbc_record_splitting),
    FLAG("-read-with-unfinished-write", SWITCH, read_with_unfinished_write),
    FLAG("-tls-unique", SWITCH, tls_unique),
    FLAG("-send-alert", SWITCH, send_alert),
    FLAG("-read-size", NUMBER, read_size),
    FLAG("-max-send-fragment", NUMBER, max_send_fragment),
    FLAG("-min-version", NUMBER, min_version),
    FLAG("-max-version", NUMBER, max_version),
    FLAG("-no-tls1", SWITCH, no_tls1),
    FLAG("-cipher", TEXT, cipher),
    FLAG("-host-name", TEXT, host_name),
    FLAG("-cert-file", TEXT, cert_file),
    FLAG("-key-file", TEXT, key_file),
    FLAG("-trust-cert", TEXT, trust_cert),
    FLAG("-verify-peer", SWITCH, verify_peer),
    FLAG("-verify-fail", SWITCH, verify_fail),
    FLAG("-require-any-client-certificate", SWITCH, require_any_client_certificate),
    FLAG("-psk", TEXT, psk),
    FLAG("-advertise-alpn", TEXT, advertise_alpn),
    FLAG("-select-alpn", TEXT, select_alpn),
    FLAG("-expect-alpn", TEXT, expect_alpn),
    FLAG("-psk-identity", TEXT, psk_identity),
    FLAG("-no-ticket", SWITCH, no_ticket),
    FLAG("-renew-ticket", SWITCH, renew_ticket),
    FLAG("-expect-session-miss", SWITCH, expect_session_miss),
    FLAG("-expect-ticket-renewal", SWITCH, expect_ticket_renewal),
    FLAG("-expect-no-session", SWITCH, expect_no_session),
    FLAG("-expect-session-id", SWITCH, expect_session_id),
    FLAG("-expect-no-session-id", SWITCH, expect_no_session_id),
    FLAG("-expect-extended-master-secret", SWITCH, expect_extended_master_secret),
    FLAG("-handshake-never-done", SWITCH, handshake_never_done),
    FLAG("-expect-version", NUMBER, expect_version),
    FLAG("-expect-cipher", NUMBER, expect_cipher),
    FLAG("-expect-curve-id", NUMBER, expect_curve_id),
    FLAG("-expect-cipher-aes", NUMBER, expect_cipher_aes),
    FLAG("-expect-cipher-no-aes", NUMBER, expect_cipher_no_aes),
    FLAG("-expect-server-name", TEXT, expect_server_name),
    FLAG("-expect-no-server-name", SWITCH, expect_no_server_name),
    FLAG("-expect-peer-cert-file", TEXT, expect_peer_cert_file),
    FLAG("-expect-no-peer-cert", SWITCH, expect_no_peer_cert),
    FLAG("-expect-msg-callback", TEXT, expect_msg_callback),
    FLAG("-expect-secure-renegotiation", SWITCH, expect_secure_renegotiation),
    FLAG("-expect-no-secure-renegotiation", SWITCH, expect_no_secure_renegotiation),
    FLAG("-renegotiate-freely", SWITCH, renegotiate_freely),
    FLAG("-renegotiate-explicit", SWITCH, renegotiate_freely), /* the engine waits for no call */
    FLAG("-renegotiate-once", SWITCH, renegotiate_once),
    FLAG("-curves", GROUP, groups),
    FLAG("-expect-total-renegotiations", NUMBER, expect_total_renegotiations),
#undef FLAG
    /* The engine has no such version, callback or choice: */
    {"-expect-verify-result", NOTHING, 0},
    {"-expect-no-hrr", NOTHING, 0},
    {"-no-server-name-ack", NOTHING, 0},
    {"-use-ticket-callback", NOTHING, 0},
    {"-use-ticket-aead-callback", NOTHING, 0},
    {"-decline-alpn", NOTHING, 0}, /* as without -select-alpn */
    {"-no-tls11", NOTHING, 0},
    {"-no-tls12", NOTHING, 0},
    {"-no-tls13", NOTHING, 0},
    {"-verify-prefs", NOTHING_MORE, 0}, /* signature algorithms begin with TLS 1.2 */
    {"-signing-prefs", NOTHING_MORE, 0},
    {"-use-early-callback", NOTHING, 0},
    {"-use-old-client-cert-callback", NOTHING, 0},
    {"-use-custom-verify-callback", NOTHING, 0},
    {"-install-ddos-callback", NOTHING, 0},
    /* The engine does this whether asked or not: */
    {"-partial-write", NOTHING, 0},      /* tls_send takes what fits */
    {"-implicit-handshake", NOTHING, 0}, /* nothing but the handshake can come first */
    {"-renegotiate-ignore", NOTHING, 0},
    {"-forbid-renegotiation-after-handshake", NOTHING, 0},
    {"-peek-then-read", NOTHING, 0},
    {"-no-op-extra-handshake", NOTHING, 0},
    {"-handshake-twice", NOTHING, 0},
    {"-server-preference", NOTHING, 0}, /* the engine's only order */
};

static const struct flag *find(const char *name)
{
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

static bool read_number(const char *text, uint64_t *out)
{
    char *end;

    if (*text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *out = strtoull(text, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool add_group(struct bogo_options *options, const char *value)
{
    uint64_t number;

    if (!read_number(value, &number) || number > 0xffff || options->group_count == TLS_GROUPS_MAX) {
        return false;
    }
    options->groups[options->group_count++] = (uint16_t)number;
    return true;
}

static bool set(struct bogo_options *options, const struct flag *flag, const char *value)
{
    char *field = (char *)options + flag->at;

    switch (flag->kind) {
    case SWITCH:
        *(bool *)field = true;
        return true;
    case NUMBER:
        return read_number(value, (uint64_t *)(void *)field);
    case GROUP:
        return add_group(options, value);
    case TEXT:
        *(const char **)(void *)field = value;
        return true;
    default:
        return true;
    }
}

/* Takes a prefix such as -on-resume off, but for the dash that follows it. */
static bool take_prefix(const char **name, const char *prefix)
{
    size_t n = strlen(prefix);

    if (strncmp(*name, prefix, n) != 0 || (*name)[n] != '-') {
        return false;
    }
    *name += n;
    return true;
}

enum bogo_parsed bogo_parse(int argc, char **argv, struct bogo_options *initial,
                            struct bogo_options *resumed, const char **which)
{
    for (int i = 1; i < argc; i++) {
        const char *name = *which = argv[i];
        take_prefix(&name, "-on-shim");
        bool only_initial = take_prefix(&name, "-on-initial");
        bool only_resumed = !only_initial && take_prefix(&name, "-on-resume");
        const struct flag *flag = find(name);
        if (flag == NULL) {
            return BOGO_UNKNOWN;
        }
        const char *value = NULL;
        if (flag->kind != SWITCH && flag->kind != NOTHING) {
            value = i + 1 < argc ? argv[++i] : NULL;
            if (value == NULL) {
                return BOGO_WRONG;
            }
        }
        if ((!only_resumed && !set(initial, flag, value)) ||
            (!only_initial && !set(resumed, flag, value))) {
            return BOGO_WRONG;
        }
    }
    return BOGO_PARSED;
}
