/* Beginning and end of a connection: initial state, handshake calls, closing, giving up. */
#include <arpa/inet.h>
#include <string.h>

#include "tls_driver.h"
#include "tls_output.h"
#include "tls_resumption.h"

enum { SESSION_FORMAT = 1 };

void tls_session_init(struct tls_session *session, enum tls_role role)
{
    memset(session, 0, sizeof *session);
    session->format = SESSION_FORMAT;
    session->role = (uint8_t)role;
    atomic_init(&session->alert_received, TLS_ALERT_NONE);
    atomic_init(&session->alert_sent, TLS_ALERT_NONE);
}

size_t tls_handshake_size(void)
{
    return sizeof(struct tls_handshake);
}

/* An IPv6 literal may carry a scope ("fe80::1%eth0"), which is no part of the address. */
static void find_literal(struct tls_handshake *h)
{
    char address[INET6_ADDRSTRLEN];
    size_t n = strcspn(h->peer_name, "%");

    if (n >= sizeof address) {
        return;
    }
    memcpy(address, h->peer_name, n);
    address[n] = '\0';
    if (inet_pton(AF_INET, address, h->peer_ip) == 1) {
        h->peer_ip_length = 4;
    } else if (inet_pton(AF_INET6, address, h->peer_ip) == 1) {
        h->peer_ip_length = 16;
    }
}

void tls_handshake_init(struct tls_handshake *handshake, const char *peer_name)
{
    memset(handshake, 0, sizeof *handshake);
    cg_hash_init(&handshake->md5, CG_MD5);
    cg_hash_init(&handshake->sha1, CG_SHA1);
    handshake->got = TLS_NO_MESSAGE;
    handshake->peer_expires = INT64_MAX;
    if (peer_name != NULL && strlen(peer_name) <= TLS_NAME_MAX) {
        strcpy(handshake->peer_name, peer_name);
        find_literal(handshake);
    }
}

static enum tls_result advance(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;

    if (atomic_load(&s->read_error) != TLS_ERROR_OK) {
        return TLS_FAILED;
    }
    if (s->write.closed) {
        return TLS_CLOSED;
    }
    if (!tls_in_handshake(s)) {
        return TLS_DONE;
    }
    enum tls_error error = tls_advance(conn);
    return error == TLS_ERROR_OK ? TLS_DONE : tls_fail_reading(conn, error);
}

enum tls_result tls_start(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;

    s->accepts_sslv2_hello = s->role == TLS_SERVER && conn->config->accept_sslv2_hello;
    return advance(conn);
}

enum tls_result tls_continue(struct tls_conn *conn)
{
    return advance(conn);
}

enum tls_result tls_close(struct tls_conn *conn)
{
    tls_flush_mailbox(conn);
    tls_output_last_alert(conn, TLS_ALERT_CLOSE_NOTIFY);
    if (tls_in_handshake(conn->session)) {
        conn->session->read.closed = 1; /* there is no half of a handshake */
    }
    return TLS_DONE;
}

void tls_abort(struct tls_conn *conn, enum tls_error error)
{
    struct tls_session *s = conn->session;
    uint8_t none = TLS_ERROR_OK;

    atomic_compare_exchange_strong(&s->read_error, &none, (uint8_t)error);
    s->read.closed = 1;
    tls_forget_session(conn);
    tls_flush_mailbox(conn);
    tls_output_last_alert(conn, tls_error_alert(error));
}

enum tls_error tls_failure(const struct tls_session *session)
{
    uint8_t error = atomic_load(&session->read_error);

    return error != TLS_ERROR_OK ? error : atomic_load(&session->write_error);
}
