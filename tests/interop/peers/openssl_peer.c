/* OpenSSL 3 as a peer: see peer.h. */
#include "peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

static SSL_CTX *context;
static SSL *ssl;
static SSL_SESSION *kept;

static void check(int good, const char *what)
{
    if (!good) {
        char why[256];
        ERR_error_string_n(ERR_get_error(), why, sizeof why);
        peer_die(what, why);
    }
}

static void make_context(const SSL_METHOD *method, const char *suites)
{
    char list[256];

    context = SSL_CTX_new(method);
    check(context != NULL, "context");
    snprintf(list, sizeof list, "%s:@SECLEVEL=0", suites);
    check(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) &&
              SSL_CTX_set_max_proto_version(context, TLS1_VERSION),
          "version");
    check(SSL_CTX_set_cipher_list(context, list), list);
}

static void list(void)
{
    make_context(TLS_method(), "ALL:COMPLEMENTOFALL");
    STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(context);
    for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
        const char *since = SSL_CIPHER_get_version(cipher);
        if (strcmp(since, "SSLv3") == 0 || strcmp(since, "TLSv1.0") == 0) {
            printf("%04x\n", SSL_CIPHER_get_protocol_id(cipher));
        }
    }
}

static unsigned psk_server(SSL *s, const char *identity, unsigned char *psk, unsigned room)
{
    (void)s;
    if (strcmp(identity, peer_options.psk_identity) != 0 || room < peer_options.psk_length) {
        return 0;
    }
    memcpy(psk, peer_options.psk, peer_options.psk_length);
    return (unsigned)peer_options.psk_length;
}

static unsigned psk_client(SSL *s, const char *hint, char *identity, unsigned identity_room,
                           unsigned char *psk, unsigned room)
{
    (void)hint;
    snprintf(identity, identity_room, "%s", peer_options.psk_identity);
    return psk_server(s, identity, psk, room);
}

static int select_alpn(SSL *s, const unsigned char **out, unsigned char *out_length,
                       const unsigned char *in, unsigned in_length, void *arg)
{
    (void)s;
    (void)arg;
    unsigned char mine[256];
    size_t n = strlen(peer_options.alpn);

    mine[0] = (unsigned char)n;
    memcpy(mine + 1, peer_options.alpn, n);
    int result = SSL_select_next_proto((unsigned char **)out, out_length, in, in_length, mine,
                                       (unsigned)n + 1);
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void log_key(const SSL *s, const char *line)
{
    (void)s;
    FILE *f = fopen(peer_options.keylog, "a");
    check(f != NULL && fprintf(f, "%s\n", line) > 0 && fclose(f) == 0, "keylog");
}

static int keep(SSL *s, SSL_SESSION *session)
{
    (void)s;
    SSL_SESSION_free(kept);
    kept = session;
    return 1;
}

static void set_up_resumption(void)
{
    bool by_id = peer_options.resume == PEER_BY_ID;

    SSL_CTX_set_session_cache_mode(context, !peer_options.server ? SSL_SESS_CACHE_CLIENT
                                            : by_id              ? SSL_SESS_CACHE_SERVER
                                                                 : SSL_SESS_CACHE_OFF);
    if (peer_options.resume != PEER_BY_TICKET) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    }
    SSL_CTX_set_session_id_context(context, (const unsigned char *)"peer", 4);
    SSL_CTX_sess_set_new_cb(context, peer_options.server ? NULL : keep);
}

static void set_up(void)
{
    unsigned char protocol[256];

    make_context(TLS_method(), peer_options.alias);
    SSL_CTX_set_dh_auto(context, 1);
    set_up_resumption();
    if (peer_options.certificate != NULL) {
        check(SSL_CTX_use_certificate_chain_file(context, peer_options.certificate) == 1 &&
                  SSL_CTX_use_PrivateKey_file(context, peer_options.key, SSL_FILETYPE_PEM) == 1,
              peer_options.certificate);
    }
    if (peer_options.ca != NULL) {
        check(SSL_CTX_load_verify_locations(context, peer_options.ca, NULL), peer_options.ca);
    }
    if (!peer_options.server || peer_options.ask) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    if (peer_options.ask) {
        SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(peer_options.ca));
    }
    if (peer_options.psk_identity != NULL) {
        SSL_CTX_set_psk_server_callback(context, psk_server);
        SSL_CTX_set_psk_client_callback(context, psk_client);
    }
    if (peer_options.alpn != NULL) {
        protocol[0] = (unsigned char)strlen(peer_options.alpn);
        memcpy(protocol + 1, peer_options.alpn, protocol[0]);
        check(SSL_CTX_set_alpn_protos(context, protocol, protocol[0] + 1u) == 0, "alpn");
        SSL_CTX_set_alpn_select_cb(context, select_alpn, NULL);
    }
    if (peer_options.keylog != NULL) {
        SSL_CTX_set_keylog_callback(context, log_key);
    }
}

static void tell(struct peer_facts *facts)
{
    const unsigned char *protocol;
    unsigned length;
    X509 *certificate = SSL_get1_peer_certificate(ssl);

    facts->resumed = SSL_session_reused(ssl);
    facts->ems = (int)SSL_get_extms_support(ssl);
    SSL_get0_alpn_selected(ssl, &protocol, &length);
    snprintf(facts->alpn, sizeof facts->alpn, "%.*s", (int)length, (const char *)protocol);
    if (certificate != NULL) {
        X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName,
                                  facts->subject, sizeof facts->subject);
    }
    X509_free(certificate);
}

static void open_session(int fd, bool first, struct peer_facts *facts)
{
    ssl = SSL_new(context);
    check(ssl != NULL && SSL_set_fd(ssl, fd), "session");
    if (peer_options.server) {
        check(SSL_accept(ssl) == 1, "handshake");
    } else {
        SSL_set_tlsext_host_name(ssl, "localhost");
        SSL_set1_host(ssl, "localhost");
        if (!first && peer_options.resume != PEER_NOT) {
            check(kept != NULL && SSL_set_session(ssl, kept), "session to resume");
        }
        check(SSL_connect(ssl) == 1, "handshake");
    }
    tell(facts);
}

static size_t read_bytes(void *out, size_t n)
{
    int got = SSL_read(ssl, out, (int)n);

    check(got > 0 || SSL_get_error(ssl, got) == SSL_ERROR_ZERO_RETURN, "read");
    return got > 0 ? (size_t)got : 0;
}

static void write_bytes(const void *bytes, size_t n)
{
    check(SSL_write(ssl, bytes, (int)n) == (int)n, "write");
}

static void renegotiate(void)
{
    check(SSL_renegotiate(ssl) == 1 && SSL_do_handshake(ssl) == 1, "renegotiate");
}

static void close_session(void)
{
    check(!peer_options.renegotiate || SSL_num_renegotiations(ssl) == 1, "was not renegotiated");
    check(SSL_shutdown(ssl) >= 0, "close");
}

static void release(void)
{
    SSL_free(ssl);
}

int main(int argc, char **argv)
{
    static const struct peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                            write_bytes, close_session, release,      renegotiate};

    return peer_main(argc, argv, &stack);
}
