/* GnuTLS 3.7 as a peer: see peer.h. */
#include "peer.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 8 };

static gnutls_session_t session;
static gnutls_certificate_credentials_t certificates;
static gnutls_anon_client_credentials_t anonymous_client;
static gnutls_anon_server_credentials_t anonymous_server;
static gnutls_psk_client_credentials_t psk_client;
static gnutls_psk_server_credentials_t psk_server;
static gnutls_priority_t priority;
static gnutls_datum_t kept, ticket_key;
static struct {
    gnutls_datum_t id, data;
} sessions[SESSIONS];

static void check(int result, const char *what)
{
    if (result < 0) {
        peer_die(what, gnutls_strerror(result));
    }
}

static void list(void)
{
    unsigned char id[2];
    gnutls_protocol_t since;

    for (size_t i = 0; gnutls_cipher_suite_info(i, id, NULL, NULL, NULL, &since) != NULL; i++) {
        if (since <= GNUTLS_TLS1_0) {
            printf("%02x%02x\n", id[0], id[1]);
        }
    }
}

static void set_priority(void)
{
    unsigned char id[2];
    gnutls_kx_algorithm_t exchange;
    gnutls_cipher_algorithm_t cipher;
    gnutls_mac_algorithm_t mac;
    char text[512];
    size_t i = 0;

    do {
        if (gnutls_cipher_suite_info(i++, id, &exchange, &cipher, &mac, NULL) == NULL) {
            peer_die("suite", "GnuTLS does not know it");
        }
    } while ((unsigned)(id[0] << 8 | id[1]) != peer_options.suite);
    snprintf(text, sizeof text,
             "NORMAL:-VERS-ALL:+VERS-TLS1.0:-KX-ALL:+%s:-CIPHER-ALL:+%s:-MAC-ALL:+%s"
             ":+SIGN-RSA-SHA1:+SIGN-DSA-SHA1:+SIGN-ECDSA-SHA1:+SIGN-DSA-SHA256"
             ":%%VERIFY_ALLOW_SIGN_WITH_SHA1:%%PROFILE_VERY_WEAK%s",
             gnutls_kx_get_name(exchange), gnutls_cipher_get_name(cipher), gnutls_mac_get_name(mac),
             peer_options.no_renegotiation_info ? ":%DISABLE_SAFE_RENEGOTIATION" : "");
    check(gnutls_priority_init(&priority, text, NULL), text);
}

static int find_psk(gnutls_session_t s, const char *identity, gnutls_datum_t *key)
{
    (void)s;
    if (strcmp(identity, peer_options.psk_identity) != 0) {
        return -1;
    }
    key->data = gnutls_malloc(peer_options.psk_length);
    key->size = (unsigned)peer_options.psk_length;
    memcpy(key->data, peer_options.psk, key->size);
    return 0;
}

/* ---- a server's sessions ---- */

static int store(void *arg, gnutls_datum_t id, gnutls_datum_t data)
{
    static size_t next;

    (void)arg;
    gnutls_datum_t copies[2] = {{malloc(id.size), id.size}, {malloc(data.size), data.size}};
    memcpy(copies[0].data, id.data, id.size);
    memcpy(copies[1].data, data.data, data.size);
    sessions[next].id = copies[0];
    sessions[next].data = copies[1];
    next = (next + 1) % SESSIONS;
    return 0;
}

static gnutls_datum_t retrieve(void *arg, gnutls_datum_t id)
{
    gnutls_datum_t out = {NULL, 0};

    (void)arg;
    for (size_t i = 0; i < SESSIONS; i++) {
        if (sessions[i].id.size == id.size && memcmp(sessions[i].id.data, id.data, id.size) == 0) {
            out.size = sessions[i].data.size;
            out.data = gnutls_malloc(out.size);
            memcpy(out.data, sessions[i].data.data, out.size);
        }
    }
    return out;
}

static int forget(void *arg, gnutls_datum_t id)
{
    (void)arg;
    (void)id;
    return 0;
}

/* ---- the stack ---- */

static void set_up(void)
{
    gnutls_datum_t identity = {(unsigned char *)peer_options.psk_identity, 0};
    gnutls_datum_t key = {peer_options.psk, (unsigned)peer_options.psk_length};

    set_priority();
    check(gnutls_certificate_allocate_credentials(&certificates), "credentials");
    if (peer_options.certificate != NULL) {
        check(gnutls_certificate_set_x509_key_file(certificates, peer_options.certificate,
                                                   peer_options.key, GNUTLS_X509_FMT_PEM),
              peer_options.certificate);
    }
    if (peer_options.ca != NULL) {
        check(gnutls_certificate_set_x509_trust_file(certificates, peer_options.ca,
                                                     GNUTLS_X509_FMT_PEM),
              peer_options.ca);
    }
    gnutls_certificate_set_known_dh_params(certificates, GNUTLS_SEC_PARAM_MEDIUM);
    check(gnutls_anon_allocate_client_credentials(&anonymous_client), "anonymous");
    check(gnutls_anon_allocate_server_credentials(&anonymous_server), "anonymous");
    gnutls_anon_set_server_known_dh_params(anonymous_server, GNUTLS_SEC_PARAM_MEDIUM);
    if (peer_options.psk_identity != NULL) {
        identity.size = (unsigned)strlen(peer_options.psk_identity);
        check(gnutls_psk_allocate_client_credentials(&psk_client), "psk");
        check(gnutls_psk_set_client_credentials2(psk_client, &identity, &key, GNUTLS_PSK_KEY_RAW),
              "psk");
        check(gnutls_psk_allocate_server_credentials(&psk_server), "psk");
        gnutls_psk_set_server_credentials_function(psk_server, find_psk);
        gnutls_psk_set_server_known_dh_params(psk_server, GNUTLS_SEC_PARAM_MEDIUM);
    }
    check(gnutls_session_ticket_key_generate(&ticket_key), "ticket key");
}

static void set_up_session(int fd)
{
    unsigned flags = peer_options.resume == PEER_BY_TICKET ? 0 : GNUTLS_NO_TICKETS;

    check(gnutls_init(&session, flags | (peer_options.server ? GNUTLS_SERVER : GNUTLS_CLIENT)),
          "session");
    check(gnutls_priority_set(session, priority), "priority");
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, certificates);
    if (peer_options.server) {
        gnutls_credentials_set(session, GNUTLS_CRD_ANON, anonymous_server);
    } else {
        gnutls_credentials_set(session, GNUTLS_CRD_ANON, anonymous_client);
        gnutls_server_name_set(session, GNUTLS_NAME_DNS, "localhost", strlen("localhost"));
    }
    if (peer_options.psk_identity != NULL) {
        gnutls_credentials_set(session, GNUTLS_CRD_PSK,
                               peer_options.server ? (void *)psk_server : (void *)psk_client);
    }
    if (peer_options.alpn != NULL) {
        gnutls_datum_t name = {(unsigned char *)peer_options.alpn,
                               (unsigned)strlen(peer_options.alpn)};
        check(gnutls_alpn_set_protocols(session, &name, 1, GNUTLS_ALPN_MANDATORY), "alpn");
    }
    if (peer_options.keylog != NULL) {
        setenv("SSLKEYLOGFILE", peer_options.keylog, 1);
    }
    gnutls_transport_set_int(session, fd);
}

static void set_up_server(void)
{
    if (peer_options.resume == PEER_BY_TICKET) {
        check(gnutls_session_ticket_enable_server(session, &ticket_key), "tickets");
    } else if (peer_options.resume == PEER_BY_ID) {
        gnutls_db_set_store_function(session, store);
        gnutls_db_set_retrieve_function(session, retrieve);
        gnutls_db_set_remove_function(session, forget);
    }
    if (peer_options.ask) {
        gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
        gnutls_session_set_verify_cert(session, NULL, 0);
    }
}

static void set_up_client(bool first)
{
    gnutls_session_set_verify_cert(session, "localhost", 0);
    if (!first && peer_options.resume != PEER_NOT) {
        check(gnutls_session_set_data(session, kept.data, kept.size), "session to resume");
    }
}

static void tell(struct peer_facts *facts)
{
    gnutls_datum_t protocol = {NULL, 0};
    unsigned count = 0;
    const gnutls_datum_t *chain = gnutls_certificate_get_peers(session, &count);
    gnutls_x509_crt_t leaf;
    size_t size = sizeof facts->subject;

    facts->resumed = gnutls_session_is_resumed(session);
    facts->ems = (int)gnutls_session_ext_master_secret_status(session);
    facts->etm = (int)gnutls_session_etm_status(session);
    if (gnutls_alpn_get_selected_protocol(session, &protocol) == 0) {
        snprintf(facts->alpn, sizeof facts->alpn, "%.*s", (int)protocol.size,
                 (const char *)protocol.data);
    }
    if (chain != NULL && count > 0) {
        gnutls_x509_crt_init(&leaf);
        check(gnutls_x509_crt_import(leaf, chain, GNUTLS_X509_FMT_DER), "certificate");
        check(gnutls_x509_crt_get_dn_by_oid(leaf, GNUTLS_OID_X520_COMMON_NAME, 0, 0, facts->subject,
                                            &size),
              "name");
        gnutls_x509_crt_deinit(leaf);
    }
}

static void open_session(int fd, bool first, struct peer_facts *facts)
{
    int result;

    set_up_session(fd);
    if (peer_options.server) {
        set_up_server();
    } else {
        set_up_client(first);
    }
    do {
        result = gnutls_handshake(session);
    } while (result < 0 && gnutls_error_is_fatal(result) == 0);
    if (result < 0) {
        gnutls_alert_send_appropriate(session, result);
    }
    check(result, "handshake");
    tell(facts);
}

static size_t read_bytes(void *out, size_t n)
{
    ssize_t got;

    do {
        got = gnutls_record_recv(session, out, n);
    } while (got == GNUTLS_E_AGAIN || got == GNUTLS_E_INTERRUPTED);
    check((int)got, "read");
    return (size_t)got;
}

static void write_bytes(const void *bytes, size_t n)
{
    const uint8_t *at = bytes;

    while (n > 0) {
        ssize_t sent = gnutls_record_send(session, at, n);
        check((int)sent, "write");
        at += sent;
        n -= (size_t)sent;
    }
}

static void renegotiate(void)
{
    if (peer_options.server) {
        check(gnutls_rehandshake(session), "HelloRequest");
    }
    check(gnutls_handshake(session), "renegotiate");
}

static void close_session(void)
{
    check(gnutls_bye(session, GNUTLS_SHUT_WR), "close");
}

static void release(void)
{
    if (!peer_options.server && peer_options.resume != PEER_NOT) {
        check(gnutls_session_get_data2(session, &kept), "session to keep");
    }
    gnutls_deinit(session);
}

int main(int argc, char **argv)
{
    static const struct peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                            write_bytes, close_session, release,      renegotiate};

    return peer_main(argc, argv, &stack);
}
