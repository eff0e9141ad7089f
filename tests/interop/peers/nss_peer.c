/* NSS as a peer: see peer.h. Certificates and keys are in its database (nss=, nick=). */
#include "peer.h"

#include <cert.h>
#include <nss.h>
#include <pk11pub.h>
#include <prerror.h>
#include <private/pprio.h>
#include <secerr.h>
#include <ssl.h>
#include <sslproto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PRFileDesc *model, *session;

static void check(SECStatus status, const char *what)
{
    if (status != SECSuccess) {
        const char *name = PR_ErrorToName(PR_GetError());
        peer_die(what, name != NULL ? name : "failed");
    }
}

static void list(void)
{
    const PRUint16 *ids = SSL_GetImplementedCiphers();
    SSLCipherSuiteInfo info;

    for (unsigned i = 0; i < SSL_GetNumImplementedCiphers(); i++) {
        if (SSL_GetCipherSuiteInfo(ids[i], &info, sizeof info) == SECSuccess &&
            info.keaType != ssl_kea_tls13_any) {
            printf("%04x\n", ids[i]);
        }
    }
}

/* The database's certificates are judged as for any user; the name is the client's to check. */
static SECStatus judge(void *arg, PRFileDesc *fd, PRBool check_signature, PRBool is_server)
{
    return SSL_AuthCertificate(arg, fd, check_signature, is_server);
}

static SECStatus own_certificate(void *arg, PRFileDesc *fd, CERTDistNames *names,
                                 CERTCertificate **certificate, SECKEYPrivateKey **key)
{
    (void)arg;
    (void)fd;
    (void)names;
    *certificate =
        peer_options.nick != NULL ? PK11_FindCertFromNickname(peer_options.nick, NULL) : NULL;
    *key = *certificate != NULL ? PK11_FindKeyByAnyCert(*certificate, NULL) : NULL;
    return *key != NULL ? SECSuccess : SECFailure;
}

static void set_up_server(void)
{
    CERTCertificate *certificate = PK11_FindCertFromNickname(peer_options.nick, NULL);
    SECKEYPrivateKey *key = certificate != NULL ? PK11_FindKeyByAnyCert(certificate, NULL) : NULL;
    bool by_id = peer_options.resume == PEER_BY_ID;

    if (key == NULL) {
        peer_die(peer_options.nick, "has no key in the database");
    }
    check(SSL_ConfigServerCert(model, certificate, key, NULL, 0), "certificate");
    check(SSL_ConfigServerSessionIDCache(16, 0, 0, peer_options.nss + strlen("sql:")), "cache");
    check(SSL_OptionSet(model, SSL_NO_CACHE, !by_id && peer_options.resume != PEER_BY_TICKET),
          "no cache");
    check(SSL_OptionSet(model, SSL_ENABLE_SERVER_DHE, PR_TRUE), "DHE");
    if (peer_options.ask) {
        check(SSL_OptionSet(model, SSL_REQUEST_CERTIFICATE, PR_TRUE), "request");
        check(SSL_OptionSet(model, SSL_REQUIRE_CERTIFICATE, SSL_REQUIRE_ALWAYS), "require");
    }
}

static void lower_floors(void)
{
    check(NSS_SetDomesticPolicy(), "policy");
    check(NSS_OptionSet(NSS_DSA_MIN_KEY_SIZE, 512), "DSA");
    check(NSS_OptionSet(NSS_RSA_MIN_KEY_SIZE, 512), "RSA");
    check(NSS_OptionSet(NSS_DH_MIN_KEY_SIZE, 512), "DH");
}

static void choose(PRFileDesc *fd)
{
    const PRUint16 *ids = SSL_GetImplementedCiphers();
    SSLVersionRange versions = {SSL_LIBRARY_VERSION_TLS_1_0, SSL_LIBRARY_VERSION_TLS_1_0};

    for (unsigned i = 0; i < SSL_GetNumImplementedCiphers(); i++) {
        check(SSL_CipherPrefSet(fd, ids[i], ids[i] == peer_options.suite), "suite");
    }
    check(SSL_VersionRangeSet(fd, &versions), "version");
}

static void set_up(void)
{
    uint8_t protocol[256];

    check(NSS_Init(peer_options.nss), peer_options.nss);
    lower_floors();
    model = SSL_ImportFD(NULL, PR_NewTCPSocket());
    choose(model);
    check(SSL_OptionSet(model, SSL_ENABLE_SESSION_TICKETS, peer_options.resume == PEER_BY_TICKET),
          "tickets");
    check(SSL_OptionSet(model, SSL_ENABLE_EXTENDED_MASTER_SECRET, PR_TRUE), "EMS");
    check(SSL_OptionSet(model, SSL_ENABLE_RENEGOTIATION, SSL_RENEGOTIATE_REQUIRES_XTN),
          "renegotiation");
    check(SSL_AuthCertificateHook(model, judge, CERT_GetDefaultCertDB()), "judge");
    if (peer_options.alpn != NULL) {
        protocol[0] = (uint8_t)strlen(peer_options.alpn);
        memcpy(protocol + 1, peer_options.alpn, protocol[0]);
        check(SSL_SetNextProtoNego(model, protocol, protocol[0] + 1u), "alpn");
    }
    if (peer_options.server) {
        set_up_server();
    } else {
        check(SSL_GetClientAuthDataHook(model, own_certificate, NULL), "own certificate");
        check(SSL_OptionSet(model, SSL_NO_CACHE, peer_options.resume == PEER_NOT), "no cache");
    }
    if (peer_options.keylog != NULL) {
        setenv("SSLKEYLOGFILE", peer_options.keylog, 1);
    }
}

static void tell(struct peer_facts *facts)
{
    SSLChannelInfo info;
    SSLNextProtoState state;
    unsigned length = 0;
    unsigned char protocol[256];
    CERTCertificate *peer = SSL_PeerCertificate(session);

    check(SSL_GetChannelInfo(session, &info, sizeof info), "channel");
    facts->resumed = info.resumed;
    facts->ems = info.extendedMasterSecretUsed;
    facts->etm = 0; /* the library does not have it */
    if (SSL_GetNextProto(session, &state, protocol, &length, sizeof protocol - 1) == SECSuccess) {
        snprintf(facts->alpn, sizeof facts->alpn, "%.*s", (int)length, (char *)protocol);
    }
    if (peer != NULL) {
        char *name = CERT_GetCommonName(&peer->subject);
        snprintf(facts->subject, sizeof facts->subject, "%s", name != NULL ? name : "?");
        PORT_Free(name);
        CERT_DestroyCertificate(peer);
    }
}

static void open_session(int fd, bool first, struct peer_facts *facts)
{
    (void)first; /* the client's own cache resumes */
    session = SSL_ImportFD(model, PR_ImportTCPSocket(dup(fd)));
    if (!peer_options.server) {
        check(SSL_SetURL(session, "localhost"), "name");
    }
    check(SSL_ResetHandshake(session, peer_options.server), "reset");
    check(SSL_ForceHandshake(session), "handshake");
    tell(facts);
}

static size_t read_bytes(void *out, size_t n)
{
    PRInt32 got = PR_Read(session, out, (PRInt32)n);

    check(got < 0 ? SECFailure : SECSuccess, "read");
    return (size_t)got;
}

static void write_bytes(const void *bytes, size_t n)
{
    check(PR_Write(session, bytes, (PRInt32)n) == (PRInt32)n ? SECSuccess : SECFailure, "write");
}

static void renegotiate(void)
{
    check(SSL_ReHandshake(session, PR_TRUE), "renegotiate");
    check(SSL_ForceHandshake(session), "renegotiate");
}

static void close_session(void)
{
    check(PR_Shutdown(session, PR_SHUTDOWN_SEND) == PR_SUCCESS ? SECSuccess : SECFailure, "close");
}

static void release(void)
{
    PR_Close(session);
}

int main(int argc, char **argv)
{
    static const struct peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                            write_bytes, close_session, release,      renegotiate};

    return peer_main(argc, argv, &stack);
}
