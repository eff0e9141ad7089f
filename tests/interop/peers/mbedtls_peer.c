/* Mbed TLS 2.28 as a peer: see peer.h. */
#include "peer.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/error.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ciphersuites.h>
#include <mbedtls/ssl_ticket.h>
#include <stdio.h>
#include <string.h>

static mbedtls_ssl_context ssl;
static mbedtls_ssl_config config;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_x509_crt certificate, ca;
static mbedtls_pk_context key;
static mbedtls_ssl_cache_context cache;
static mbedtls_ssl_ticket_context tickets;
static mbedtls_ssl_session kept;
static mbedtls_net_context net;

static int check(int result, const char *what)
{
    char why[256];

    if (result < 0) {
        mbedtls_strerror(result, why, sizeof why);
        peer_die(what, why);
    }
    return result;
}

static void list(void)
{
    for (int id = 1; id < 0x10000; id++) {
        const mbedtls_ssl_ciphersuite_t *suite = mbedtls_ssl_ciphersuite_from_id(id);
        if (suite != NULL && (suite->min_major_ver << 8 | suite->min_minor_ver) <= 0x301) {
            printf("%04x\n", (unsigned)id);
        }
    }
}

static void set_up_resumption(void)
{
    bool by_ticket = peer_options.resume == PEER_BY_TICKET;

    mbedtls_ssl_cache_init(&cache);
    mbedtls_ssl_ticket_init(&tickets);
    if (!peer_options.server) {
        mbedtls_ssl_conf_session_tickets(&config, by_ticket ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED
                                                            : MBEDTLS_SSL_SESSION_TICKETS_DISABLED);
    } else if (by_ticket) {
        check(mbedtls_ssl_ticket_setup(&tickets, mbedtls_ctr_drbg_random, &drbg,
                                       MBEDTLS_CIPHER_AES_256_GCM, 3600),
              "tickets");
        mbedtls_ssl_conf_session_tickets_cb(&config, mbedtls_ssl_ticket_write,
                                            mbedtls_ssl_ticket_parse, &tickets);
    } else if (peer_options.resume == PEER_BY_ID) {
        mbedtls_ssl_conf_session_cache(&config, &cache, mbedtls_ssl_cache_get,
                                       mbedtls_ssl_cache_set);
    }
}

static void set_up_keys(void)
{
    const char *identity = peer_options.psk_identity;

    if (identity != NULL) {
        check(mbedtls_ssl_conf_psk(&config, peer_options.psk, peer_options.psk_length,
                                   (const unsigned char *)identity, strlen(identity)),
              "psk");
    }
    if (peer_options.certificate != NULL) {
        check(mbedtls_x509_crt_parse_file(&certificate, peer_options.certificate),
              peer_options.certificate);
        check(mbedtls_pk_parse_keyfile(&key, peer_options.key, NULL), peer_options.key);
        check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key), "certificate");
    }
    if (peer_options.ca != NULL) {
        check(mbedtls_x509_crt_parse_file(&ca, peer_options.ca), peer_options.ca);
        mbedtls_ssl_conf_ca_chain(&config, &ca, NULL);
    }
    if (peer_options.server) {
        mbedtls_ssl_conf_authmode(&config, peer_options.ask ? MBEDTLS_SSL_VERIFY_REQUIRED
                                                            : MBEDTLS_SSL_VERIFY_NONE);
    }
}

static void set_up(void)
{
    static int suites[2];
    static const char *protocols[2];

    suites[0] = (int)peer_options.suite;
    mbedtls_ssl_config_init(&config);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    mbedtls_ssl_session_init(&kept);
    check(mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0), "seed");
    check(mbedtls_ssl_config_defaults(
              &config, peer_options.server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT,
              MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT),
          "defaults");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &drbg);
    mbedtls_ssl_conf_min_version(&config, 3, 1);
    mbedtls_ssl_conf_max_version(&config, 3, 1);
    mbedtls_ssl_conf_ciphersuites(&config, suites);
    if (peer_options.renegotiate) {
        mbedtls_ssl_conf_renegotiation(&config, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
    }
    mbedtls_ssl_conf_arc4_support(&config, MBEDTLS_SSL_ARC4_ENABLED);
    if (peer_options.alpn != NULL) {
        protocols[0] = peer_options.alpn;
        check(mbedtls_ssl_conf_alpn_protocols(&config, protocols), "alpn");
    }
    set_up_keys();
    set_up_resumption();
}

static void tell(struct peer_facts *facts)
{
    const char *protocol = mbedtls_ssl_get_alpn_protocol(&ssl);
    const mbedtls_x509_crt *peer = mbedtls_ssl_get_peer_cert(&ssl);

    if (protocol != NULL) {
        snprintf(facts->alpn, sizeof facts->alpn, "%s", protocol);
    }
    for (const mbedtls_x509_name *at = peer != NULL ? &peer->subject : NULL; at != NULL;
         at = at->next) {
        snprintf(facts->subject, sizeof facts->subject, "%.*s", (int)at->val.len,
                 (const char *)at->val.p);
    }
}

static void open_session(int fd, bool first, struct peer_facts *facts)
{
    mbedtls_net_init(&net);
    net.fd = fd;
    mbedtls_ssl_init(&ssl);
    check(mbedtls_ssl_setup(&ssl, &config), "setup");
    mbedtls_ssl_set_bio(&ssl, &net, mbedtls_net_send, mbedtls_net_recv, NULL);
    if (!peer_options.server) {
        check(mbedtls_ssl_set_hostname(&ssl, "localhost"), "name");
        if (!first && peer_options.resume != PEER_NOT) {
            check(mbedtls_ssl_set_session(&ssl, &kept), "session to resume");
        }
    }
    check(mbedtls_ssl_handshake(&ssl), "handshake");
    tell(facts);
}

static size_t read_bytes(void *out, size_t n)
{
    int got = mbedtls_ssl_read(&ssl, out, n);

    return got == MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY ? 0 : (size_t)check(got, "read");
}

static void write_bytes(const void *bytes, size_t n)
{
    const unsigned char *at = bytes;

    while (n > 0) {
        size_t sent = (size_t)check(mbedtls_ssl_write(&ssl, at, n), "write");
        at += sent;
        n -= sent;
    }
}

static void renegotiate(void)
{
    check(mbedtls_ssl_renegotiate(&ssl), "renegotiate");
}

static void close_session(void)
{
    check(mbedtls_ssl_close_notify(&ssl), "close");
}

static void release(void)
{
    if (!peer_options.server && peer_options.resume != PEER_NOT) {
        mbedtls_ssl_session_free(&kept);
        check(mbedtls_ssl_get_session(&ssl, &kept), "session to keep");
    }
    mbedtls_ssl_free(&ssl);
}

int main(int argc, char **argv)
{
    static const struct peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                            write_bytes, close_session, release,      renegotiate};

    return peer_main(argc, argv, &stack);
}
