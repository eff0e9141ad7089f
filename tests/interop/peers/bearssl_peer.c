/* BearSSL 0.6 as a peer: see peer.h. */
#include "peer.h"

#include <bearssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHAIN_MAX = 4, FILE_MAX = 1 << 14, CACHE_SIZE = 4096 };

static union {
    br_ssl_client_context client;
    br_ssl_server_context server;
} both;
static br_ssl_engine_context *engine;
static br_x509_minimal_context minimal;
static br_x509_certificate chain[CHAIN_MAX];
static size_t chain_length;
static br_skey_decoder_context key;
static int key_kind;
static br_x509_trust_anchor root;
static br_ssl_session_cache_lru cache;
static br_sslio_context io;
static br_ssl_session_parameters kept;
static uint8_t buffer[BR_SSL_BUFSIZE_BIDI];
static uint8_t finished[24]; /* both, before a renegotiation */
static int socket_fd;

/* ---- PEM and DER ---- */

struct bytes {
    uint8_t data[FILE_MAX];
    size_t length;
};

static void append(void *arg, const void *from, size_t n)
{
    struct bytes *to = arg;

    if (n > sizeof to->data - to->length) {
        peer_die("file", "too long");
    }
    memcpy(to->data + to->length, from, n);
    to->length += n;
}

/* Calls `use` with each object in the file. */
static void read_pem(const char *path, void (*use)(const struct bytes *))
{
    static struct bytes text, der;
    br_pem_decoder_context decoder;
    FILE *f = fopen(path, "rb");
    size_t at = 0;

    if (f == NULL) {
        peer_die(path, "cannot be read");
    }
    text.length = fread(text.data, 1, sizeof text.data, f);
    fclose(f);
    br_pem_decoder_init(&decoder);
    while (at < text.length) {
        at += br_pem_decoder_push(&decoder, text.data + at, text.length - at);
        switch (br_pem_decoder_event(&decoder)) {
        case BR_PEM_BEGIN_OBJ:
            der.length = 0;
            br_pem_decoder_setdest(&decoder, append, &der);
            break;
        case BR_PEM_END_OBJ:
            use(&der);
            break;
        case BR_PEM_ERROR:
            peer_die(path, "is no PEM");
        }
    }
}

static uint8_t *copy(const void *bytes, size_t n)
{
    uint8_t *out = malloc(n);

    memcpy(out, bytes, n);
    return out;
}

static void add_certificate(const struct bytes *der)
{
    chain[chain_length].data = copy(der->data, der->length);
    chain[chain_length++].data_len = der->length;
}

static void set_key(const struct bytes *der)
{
    br_skey_decoder_init(&key);
    br_skey_decoder_push(&key, der->data, der->length);
    key_kind = br_skey_decoder_key_type(&key);
}

static void set_root(const struct bytes *der)
{
    static struct bytes name;
    br_x509_decoder_context decoder;

    br_x509_decoder_init(&decoder, append, &name);
    br_x509_decoder_push(&decoder, der->data, der->length);
    const br_x509_pkey *public = br_x509_decoder_get_pkey(&decoder);
    if (public == NULL || public->key_type != BR_KEYTYPE_RSA) {
        peer_die(peer_options.ca, "has no RSA key");
    }
    root = (br_x509_trust_anchor){
        .dn = {name.data, name.length}, .flags = BR_X509_TA_CA, .pkey = *public};
    root.pkey.key.rsa.n = copy(public->key.rsa.n, public->key.rsa.nlen);
    root.pkey.key.rsa.e = copy(public->key.rsa.e, public->key.rsa.elen);
}

/* ---- the socket ---- */

static int receive(void *arg, unsigned char *out, size_t n)
{
    (void)arg;
    ssize_t got = read(socket_fd, out, n);
    return got <= 0 ? -1 : (int)got;
}

static int send_some(void *arg, const unsigned char *bytes, size_t n)
{
    (void)arg;
    ssize_t sent = write(socket_fd, bytes, n);
    return sent <= 0 ? -1 : (int)sent;
}

static void check(int result, const char *what)
{
    char why[64];

    if (result < 0) {
        int error = br_ssl_engine_last_error(engine);
        snprintf(why, sizeof why, "error %d%s", error,
                 error >= BR_ERR_SEND_FATAL_ALERT   ? ", alert sent"
                 : error >= BR_ERR_RECV_FATAL_ALERT ? ", alert received"
                                                    : "");
        peer_die(what, why);
    }
}

/* ---- the stack ---- */

/* The library's full profiles have every suite that it implements. */
static void list(void)
{
    br_ssl_client_init_full(&both.client, &minimal, &root, 1);
    for (size_t i = 0; i < both.client.eng.suites_num; i++) {
        printf("%04x\n", both.client.eng.suites_buf[i]);
    }
}

static void set_up_server(void)
{
    if (key_kind == BR_KEYTYPE_EC) {
        br_ssl_server_init_full_ec(&both.server, chain, chain_length, BR_KEYTYPE_RSA,
                                   br_skey_decoder_get_ec(&key));
    } else {
        br_ssl_server_init_full_rsa(&both.server, chain, chain_length,
                                    br_skey_decoder_get_rsa(&key));
    }
    if (peer_options.resume != PEER_NOT) {
        static unsigned char store[CACHE_SIZE];
        br_ssl_session_cache_lru_init(&cache, store, sizeof store);
        br_ssl_server_set_cache(&both.server, &cache.vtable);
    }
    if (peer_options.ask) {
        br_x509_minimal_init_full(&minimal, &root, 1);
        br_ssl_engine_set_x509(engine, &minimal.vtable);
        br_ssl_engine_set_default_rsavrfy(engine);
        br_ssl_engine_set_default_ecdsa(engine);
        br_ssl_server_set_trust_anchor_names_alt(&both.server, &root, 1);
    }
}

static void set_up_client(void)
{
    br_ssl_client_init_full(&both.client, &minimal, &root, 1);
    if (peer_options.certificate == NULL) {
        return;
    }
    if (key_kind == BR_KEYTYPE_EC) {
        br_ssl_client_set_single_ec(&both.client, chain, chain_length, br_skey_decoder_get_ec(&key),
                                    BR_KEYTYPE_SIGN, BR_KEYTYPE_RSA, br_ec_get_default(),
                                    br_ecdsa_sign_asn1_get_default());
    } else {
        br_ssl_client_set_single_rsa(&both.client, chain, chain_length,
                                     br_skey_decoder_get_rsa(&key),
                                     br_rsa_pkcs1_sign_get_default());
    }
}

static void set_up(void)
{
    static const char *protocols[1];
    uint16_t suite = (uint16_t)peer_options.suite;

    engine = peer_options.server ? &both.server.eng : &both.client.eng;
    if (peer_options.ca != NULL) {
        read_pem(peer_options.ca, set_root);
    }
    if (peer_options.certificate != NULL) {
        read_pem(peer_options.certificate, add_certificate);
        read_pem(peer_options.key, set_key);
        if (key_kind == 0) {
            peer_die(peer_options.key, "the library does not know such keys");
        }
    }
    if (peer_options.server) {
        set_up_server();
    } else {
        set_up_client();
    }
    br_ssl_engine_set_versions(engine, BR_TLS10, BR_TLS10);
    br_ssl_engine_set_suites(engine, &suite, 1);
    br_ssl_engine_set_buffer(engine, buffer, sizeof buffer, 1);
    protocols[0] = peer_options.alpn;
    if (peer_options.alpn != NULL) {
        br_ssl_engine_set_protocol_names(engine, protocols, 1);
    }
}

static void reset(bool first)
{
    bool again = !first && peer_options.resume != PEER_NOT;

    if (peer_options.server) {
        br_ssl_server_reset(&both.server);
    } else {
        if (again) {
            br_ssl_engine_set_session_parameters(engine, &kept);
        }
        br_ssl_client_reset(&both.client, "localhost", again);
    }
}

static void open_session(int fd, bool first, struct peer_facts *facts)
{
    br_ssl_session_parameters before = kept;

    socket_fd = fd;
    reset(first);
    br_sslio_init(&io, engine, receive, NULL, send_some, NULL);
    check(br_sslio_flush(&io), "handshake");
    br_ssl_engine_get_session_parameters(engine, &kept);
    /* Resumed is what has the same secret. */
    facts->resumed =
        !first && memcmp(before.master_secret, kept.master_secret, sizeof kept.master_secret) == 0;
    facts->ems = facts->etm = 0; /* the library has neither */
    const char *protocol = br_ssl_engine_get_selected_protocol(engine);
    snprintf(facts->alpn, sizeof facts->alpn, "%s", protocol != NULL ? protocol : "");
}

static size_t read_bytes(void *out, size_t n)
{
    int got = br_sslio_read(&io, out, n);

    check(got < 0 && br_ssl_engine_last_error(engine) == BR_ERR_OK ? 0 : got, "read");
    return got < 0 ? 0 : (size_t)got;
}

static void write_bytes(const void *bytes, size_t n)
{
    check(br_sslio_write_all(&io, bytes, n), "write");
    check(br_sslio_flush(&io), "flush");
}

static void renegotiate(void)
{
    memcpy(finished, engine->saved_finished, sizeof finished);
    check(br_ssl_engine_renegotiate(engine) ? 0 : -1, "renegotiate");
    check(br_sslio_flush(&io), "renegotiate");
}

/* Whether another handshake was refused the library does not say: the contents of the latest
 * Finished messages are the same then. */
static void close_session(void)
{
    if (peer_options.renegotiate &&
        memcmp(finished, engine->saved_finished, sizeof finished) == 0) {
        peer_die("renegotiate", "refused");
    }
    check(br_sslio_close(&io) ? 0 : -1, "close");
}

static void release(void) {}

int main(int argc, char **argv)
{
    static const struct peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                            write_bytes, close_session, release,      renegotiate};

    return peer_main(argc, argv, &stack);
}
