/* The engine under BoringSSL's test runner (ssl/test/PORTING.md there). The runner starts this once
 * for each test; we connect to it, once and once more for each resumption, play the role that it
 * asks for, and say how it went:
 *
 *   0   as the flags say it should; nothing on stderr
 *   1   not so; stderr has a line ":ERROR:alert:" for the runner to look for, and an explanation.
 *       ERROR is a name of tls_error.h, or one of the shim's own; alert is the one sent, or the one
 *       received when ERROR is ALERT_RECEIVED. shim_config.json maps BoringSSL's names to these.
 *   89  the flags ask for what the engine does not have */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bogo_link.h"
#include "bogo_options.h"
#include "bogo_sessions.h"
#include "tls/tls_output.h"
#include "tls/tls_wire.h"

enum { UNIMPLEMENTED = 89, PIECE = 512, PROTOCOLS_MAX = 16 };

/* What a configuration points to. */
struct support {
    struct bogo_credential credential;
    struct tls_psk psk;
    struct x509_bytes alpn[PROTOCOLS_MAX];
};

static const char *const error_names[TLS_ERROR_COUNT] = {
#define X(name, alert, class, words) #name,
    TLS_ERRORS(X)
#undef X
};

static _Noreturn void leave_unimplemented(const char *what)
{
    fprintf(stderr, "not implemented: %s\n", what);
    exit(UNIMPLEMENTED);
}

/* ---- what is configured ---- */

static bool has_version(const struct bogo_options *o)
{
    return !o->no_tls1 && o->min_version <= TLS_VERSION_10 &&
           (o->max_version == 0 || o->max_version >= TLS_VERSION_10);
}

static void add_suite(struct tls_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        if (config->suites[i] == id) {
            return;
        }
    }
    if (config->suite_count < TLS_SUITES_MAX) {
        config->suites[config->suite_count++] = id;
    }
}

static void add_suites_of(struct tls_config *config, unsigned bits)
{
    const struct tls_suite *suite;

    for (size_t i = 0; (suite = tls_suite_at(i)) != NULL; i++) {
        if (suite->cipher_bits >= bits) {
            add_suite(config, suite->id);
        }
    }
}

/* Names of suites with colons between; those that the engine has not are left out. Rules that are
 * no names, "-X" or "[A|B]", are more than this reads. */
static void choose_suites(struct tls_config *config, const char *rules)
{
    while (*rules != '\0') {
        size_t n = strcspn(rules, ":");
        const struct tls_suite *suite = tls_suite_by_name(rules, n);
        if (strchr("-!+@[", rules[0]) != NULL) {
            leave_unimplemented("-cipher with operators");
        }
        if (suite != NULL) {
            add_suite(config, suite->id);
        } else if (n == 7 && strncmp(rules, "DEFAULT", n) == 0) {
            add_suites_of(config, 112);
        } else if (n == 3 && strncmp(rules, "ALL", n) == 0) {
            add_suites_of(config, 1);
        }
        rules += n + (rules[n] == ':');
    }
    if (config->suite_count == 0) {
        leave_unimplemented("-cipher with suites of the engine's");
    }
}

static struct x509_bytes bytes_of(const char *text)
{
    text = text != NULL ? text : "";
    return (struct x509_bytes){(const uint8_t *)text, strlen(text)};
}

/* -advertise-alpn is the list as it goes over the wire. */
static void choose_protocols(struct tls_config *config, struct support *support,
                             const struct bogo_options *o)
{
    struct tls_reader list = tls_reader_of(o->advertise_alpn, bytes_of(o->advertise_alpn).length);

    config->alpn = support->alpn;
    if (o->server) {
        support->alpn[0] = bytes_of(o->select_alpn);
        config->alpn_count = support->alpn[0].length > 0 ? 1 : 0;
        return;
    }
    while (list.left > 0 && config->alpn_count < PROTOCOLS_MAX) {
        struct tls_reader name = tls_read_vector(&list, 1);
        support->alpn[config->alpn_count++] = (struct x509_bytes){name.at, name.left};
    }
}

static void configure(struct tls_config *config, struct support *support,
                      struct bogo_sessions *sessions, const struct bogo_options *o)
{
    *config =
        (struct tls_config){.role = o->server ? TLS_SERVER : TLS_CLIENT,
                            .version_min = TLS_VERSION_10,
                            .version_max = TLS_VERSION_10,
                            .no_record_splitting = !o->cbc_record_splitting,
                            .allow_truncation = !o->check_close_notify,
                            .skip_name_check = true,
                            .accept_sslv2_hello = true,
                            .cache = &sessions->cache,
                            .tickets = o->no_ticket ? NULL : &sessions->ring,
                            .no_tickets = o->no_ticket,
                            .minimum_rsa_bits = 1024,
                            .allow_renegotiation = o->renegotiate_freely || o->renegotiate_once,
                            .group_count = o->group_count,
                            .allow_sha1_certificates = true};
    memcpy(config->groups, o->groups, sizeof config->groups);
    choose_suites(config, o->cipher != NULL ? o->cipher : "DEFAULT");
    if (o->require_any_client_certificate) {
        config->client_certificate = TLS_CLIENT_CERT_REQUIRE;
    } else if (o->verify_peer) {
        config->client_certificate = TLS_CLIENT_CERT_REQUEST;
    }
    if (o->psk != NULL) {
        support->psk =
            (struct tls_psk){.identity = bytes_of(o->psk_identity), .key = bytes_of(o->psk)};
        config->psks = &support->psk;
        config->psk_count = 1;
    }
    if (o->cert_file != NULL) {
        bogo_load_credential(&support->credential, o->cert_file, o->key_file);
        config->credential = &support->credential.credential;
    }
    choose_protocols(config, support, o);
}

/* BoringSSL's shim trusts anyone unless it is to verify the peer and knows by what. trusted: room
 * for what -trust-cert names. */
static void set_trust(struct bogo_link *l, const struct bogo_options *o, struct bogo_chain *trusted)
{
    bool by_file = o->verify_peer && o->trust_cert != NULL && o->trust_cert[0] != '\0';

    l->trusts_what_comes = !by_file && !o->verify_fail;
    if (by_file && !o->verify_fail) {
        bogo_load_chain(trusted, o->trust_cert);
        bogo_load_trust(&l->trust, l->roots, trusted);
    }
}

static int connect_to_runner(const struct bogo_options *o)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET};
    int fd = socket(o->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    uint8_t id[8];

    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    four.sin_port = six.sin6_port = htons((uint16_t)o->port);
    int bad = o->ipv6 ? connect(fd, (struct sockaddr *)&six, sizeof six)
                      : connect(fd, (struct sockaddr *)&four, sizeof four);
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)(o->shim_id >> 8 * i);
    }
    if (fd < 0 || bad != 0 || send(fd, id, sizeof id, MSG_NOSIGNAL) != (ssize_t)sizeof id) {
        bogo_die("-port", "the runner cannot be reached");
    }
    return fd;
}

/* ---- what must have come of it ---- */

static bool differs(const char *what)
{
    fprintf(stderr, ":EXPECTATION:: %s\n", what);
    return false;
}

static bool has_peer_certificate(const struct bogo_link *l)
{
    return l->sight.seen && l->sight.chain.count > 0;
}

static bool is_peer_chain(const struct bogo_link *l, const char *path)
{
    const struct bogo_chain *got = &l->sight.chain;
    struct bogo_chain wanted;
    bool same;

    bogo_load_chain(&wanted, path);
    same = wanted.count == got->count;
    for (size_t i = 0; i < wanted.count; i++) {
        struct x509_bytes a = wanted.certificates[i], b = got->certificates[i];
        same = same && a.length == b.length && memcmp(a.data, b.data, a.length) == 0;
    }
    bogo_free_chain(&wanted);
    return same;
}

static bool check_protocol(const struct bogo_link *l, const char *expected)
{
    struct x509_bytes name = bytes_of(NULL);

    if (l->session.alpn > 0) {
        name = l->config.alpn[l->session.alpn - 1];
    }
    return (name.length == strlen(expected) && memcmp(name.data, expected, name.length) == 0) ||
           differs("another application protocol");
}

static bool check_suite(const struct bogo_link *l, const struct bogo_options *o)
{
    uint16_t suite = l->session.suite;

    /* With or without AES instructions: the engine's order is one. */
    if ((o->expect_cipher != 0 && o->expect_cipher != suite) ||
        (o->expect_cipher_aes != 0 && o->expect_cipher_aes != suite) ||
        (o->expect_cipher_no_aes != 0 && o->expect_cipher_no_aes != suite)) {
        return differs(tls_suite_by_id(suite)->name);
    }
    return true;
}

static bool check_handshake(const struct bogo_link *l, const struct bogo_options *o)
{
    if (o->handshake_never_done) {
        return differs("the handshake was not to finish");
    }
    if (o->expect_version != 0 && o->expect_version != l->session.version) {
        return differs("version");
    }
    if (o->expect_server_name != NULL && strcmp(o->expect_server_name, l->server_name) != 0) {
        return differs("the client asked for another name");
    }
    if (o->expect_no_server_name && l->server_name[0] != '\0') {
        return differs("the client asked for a name");
    }
    if (o->expect_secure_renegotiation && !l->session.secure_renegotiation) {
        return differs("no renegotiation_info");
    }
    if (o->expect_no_secure_renegotiation && l->session.secure_renegotiation) {
        return differs("renegotiation_info");
    }
    if (o->expect_peer_cert_file != NULL && !is_peer_chain(l, o->expect_peer_cert_file)) {
        return differs("the peer showed another chain");
    }
    if (o->expect_no_peer_cert && has_peer_certificate(l)) {
        return differs("the peer showed a certificate");
    }
    if (o->expect_alpn != NULL && !check_protocol(l, o->expect_alpn)) {
        return false;
    }
    if (o->expect_curve_id != 0 && !l->session.resumed && o->expect_curve_id != l->curve) {
        return differs("another curve");
    }
    return check_suite(l, o);
}

static bool check_session(const struct bogo_link *l, const struct bogo_options *o,
                          const struct bogo_sessions *sessions, bool again)
{
    bool kept = l->session.resumed || l->session.session_id_length > 0 || sessions->stored;
    bool renewed = !o->expect_no_session && (!l->session.resumed || o->expect_ticket_renewal);

    if (l->session.resumed != (again && !o->expect_session_miss)) {
        return differs(l->session.resumed ? "it was resumed" : "it was not resumed");
    }
    if (!o->server && renewed != sessions->stored) {
        return differs(sessions->stored ? "a session was kept" : "no session was kept");
    }
    if ((o->expect_session_id && !kept) || (o->expect_no_session_id && kept)) {
        return differs("session id");
    }
    if (o->expect_extended_master_secret && !l->session.extended_master_secret) {
        return differs("no extended master secret");
    }
    return true;
}

/* ---- the exchange ---- */

static bool write_all(struct bogo_link *l, const struct bogo_options *o, const uint8_t *plain,
                      size_t n)
{
    return bogo_link_send(l, plain, n, o->max_send_fragment);
}

/* Lengths about which record splitting could go wrong. */
static bool write_sizes(struct bogo_link *l, const struct bogo_options *o)
{
    static const size_t sizes[] = {0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769};
    static uint8_t bytes[32769];
    bool good = true;

    memset(bytes, 0x42, sizeof bytes);
    for (size_t i = 0; good && i < sizeof sizes / sizeof sizes[0]; i++) {
        good = write_all(l, o, bytes, sizes[i]);
    }
    return good;
}

static bool begin(struct bogo_link *l, const struct bogo_options *o)
{
    static const uint8_t hello[5] = {'h', 'e', 'l', 'l', 'o'};
    struct tls_conn conn = bogo_link_conn(l);
    size_t taken;

    /* RFC 5929 section 3: the first Finished of the handshake, the client's in a full one. */
    const uint8_t *unique =
        l->session.resumed ? l->session.server_verify_data : l->session.client_verify_data;
    if (o->tls_unique && !write_all(l, o, unique, TLS_VERIFY_DATA)) {
        return false;
    }
    if (o->read_with_unfinished_write) {
        bool good = tls_send(&conn, hello, sizeof hello, &taken) == TLS_DONE &&
                    taken == sizeof hello && bogo_link_flush(l, 1);
        l->held = true;
        return good;
    }
    return !o->shim_writes_first || write_all(l, o, hello, sizeof hello);
}

static bool echo(struct bogo_link *l, const struct bogo_options *o, uint8_t *plain, size_t n)
{
    size_t piece = o->read_size != 0 ? o->read_size : PIECE;

    l->held = false;
    for (size_t done = 0; done < n; done += piece) {
        size_t part = n - done < piece ? n - done : piece;
        for (size_t i = 0; i < part; i++) {
            plain[done + i] ^= 0xff;
        }
        if (!write_all(l, o, plain + done, part)) {
            return false;
        }
    }
    return true;
}

/* Until the peer ends the connection. */
static bool serve(struct bogo_link *l, const struct bogo_options *o)
{
    enum tls_result result = TLS_DONE;
    uint8_t *plain;
    size_t n;

    while (result == TLS_DONE) {
        result = bogo_link_receive(l, &plain, &n);
        if (result != TLS_FAILED && !echo(l, o, plain, n)) {
            return false;
        }
    }
    return result == TLS_CLOSED;
}

/* The shim ended the connection: nothing but the peer's close_notify may come. */
static bool await_close(struct bogo_link *l)
{
    enum tls_result result = TLS_DONE;
    uint8_t *plain;
    size_t n;

    while (result == TLS_DONE) {
        result = bogo_link_receive(l, &plain, &n);
        if (n > 0) {
            fprintf(stderr, ":DATA_ON_SHUTDOWN::\n");
            return false;
        }
    }
    return result == TLS_CLOSED;
}

/* One that the engine itself never has reason to send. */
static bool send_alert(struct bogo_link *l)
{
    struct tls_conn conn = bogo_link_conn(l);

    tls_output_last_alert(&conn, TLS_ALERT_DECOMPRESSION_FAILURE);
    return bogo_link_flush(l, SIZE_MAX);
}

static bool exchange(struct bogo_link *l, const struct bogo_options *o)
{
    if (o->send_alert) {
        return send_alert(l);
    }
    if (!begin(l, o)) {
        return false;
    }
    if (o->write_different_record_sizes) {
        if (!write_sizes(l, o)) {
            return false;
        }
    } else if (!o->shim_shuts_down && !serve(l, o)) {
        return false;
    }
    if (!o->check_close_notify) {
        return true;
    }
    return bogo_link_close(l) && (!o->shim_shuts_down || await_close(l));
}

/* ---- one connection ---- */

static void explain(const struct bogo_link *l)
{
    enum tls_error error = tls_failure(&l->session);
    uint8_t alert = atomic_load(error == TLS_ERROR_ALERT_RECEIVED ? &l->session.alert_received
                                                                  : &l->session.alert_sent);
    char text[512];

    tls_failure_text(&l->session, l->handshake, text, sizeof text);
    if (error == TLS_ERROR_OK) {
        fprintf(stderr, "%s\n", l->lost ? "the runner takes no more bytes" : "it ended otherwise");
    } else {
        fprintf(stderr, ":%s:%s: %s\n", error_names[error],
                alert == TLS_ALERT_NONE ? "" : tls_alert_name(alert), text);
    }
}

static bool run(const struct bogo_options *o, struct bogo_sessions *sessions, uint64_t number)
{
    struct support support = {.credential.der = NULL};
    struct bogo_chain trusted = {.count = 0};
    struct tls_config config;

    bogo_sessions_next(sessions, number, o->renew_ticket);
    configure(&config, &support, sessions, o);
    struct bogo_link *l = bogo_link_new(connect_to_runner(o), &config, o->host_name);
    l->trickle = o->async;
    l->renegotiates_once = o->renegotiate_once;
    l->now += (int64_t)(number * o->resumption_delay);
    set_trust(l, o, &trusted);
    bool good = bogo_link_handshake(l) == TLS_DONE && check_handshake(l, o) &&
                check_session(l, o, sessions, number > 0) && exchange(l, o);
    if (good && o->expect_total_renegotiations != l->session.renegotiations) {
        good = differs("another number of renegotiations");
    }
    if (good && o->expect_msg_callback != NULL &&
        strcmp(o->expect_msg_callback, l->messages) != 0) {
        good = differs(l->messages);
    }
    if (!good) {
        fprintf(stderr, "connection %llu:\n", (unsigned long long)number + 1);
        explain(l);
    }
    bogo_link_free(l);
    bogo_free_chain(&trusted);
    bogo_free_credential(&support.credential);
    return good;
}

static bool has_unknown_group(const struct bogo_options *o)
{
    for (size_t i = 0; i < o->group_count; i++) {
        if (tls_group_by_id(o->groups[i]) == NULL) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv)
{
    struct bogo_options initial = {.port = 0}, resumed = {.port = 0};
    const char *which = "";

    switch (bogo_parse(argc, argv, &initial, &resumed, &which)) {
    case BOGO_UNKNOWN:
        leave_unimplemented(which);
    case BOGO_WRONG:
        bogo_die(which, "what follows is no value for it");
    case BOGO_PARSED:
        break;
    }
    if (initial.is_handshaker_supported) {
        puts("No");
        return 0;
    }
    if (!has_version(&initial) || !has_version(&resumed)) {
        leave_unimplemented("versions other than TLS 1.0");
    }
    if (has_unknown_group(&initial) || has_unknown_group(&resumed)) {
        leave_unimplemented("a group of -curves");
    }
    struct bogo_sessions sessions;
    bool good = true;
    bogo_sessions_init(&sessions);
    for (uint64_t i = 0; good && i <= initial.resume_count; i++) {
        good = run(i == 0 ? &initial : &resumed, &sessions, i);
    }
    bogo_sessions_free(&sessions);
    /* What a sanitizer says comes after this line, and is no expected error. */
    fprintf(stderr, "--- DONE ---\n");
    return good ? 0 : 1;
}
