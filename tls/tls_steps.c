/* The order of the handshake (RFC 2246 7.3, Figure 1), one table per flow and role. */
#include "tls_defences.h"
#include "tls_key_exchange.h"
#include "tls_resumption.h"

static bool server_is_certified(const struct tls_conn *conn)
{
    return tls_key_exchange_of(conn)->certificate;
}

static bool server_has_parameters(const struct tls_conn *conn)
{
    return tls_agreement_of(conn)->read_parameters != NULL;
}

/* Nothing but a hint would be in it, and there may be none (RFC 4279 2). */
static bool server_may_hint(const struct tls_conn *conn)
{
    if (!tls_defends(TLS_DEFENCE_EXPORT_KEY)) {
        return !server_has_parameters(conn);
    }
    return !server_has_parameters(conn) && tls_key_exchange_of(conn)->psk;
}

/* RFC 4279 2: no ServerKeyExchange where it would hold nothing but an empty hint. */
static bool server_sends_parameters(const struct tls_conn *conn)
{
    return server_has_parameters(conn) || (server_may_hint(conn) && conn->handshake->psk_hinted);
}

static bool server_is_anonymous(const struct tls_conn *conn)
{
    return !server_is_certified(conn) && !tls_key_exchange_of(conn)->psk;
}

static bool client_is_certified(const struct tls_conn *conn)
{
    return conn->handshake->peer_is_certified;
}

static bool certificate_is_requested(const struct tls_conn *conn)
{
    return conn->handshake->certificate_requested;
}

static bool certificate_was_sent(const struct tls_conn *conn)
{
    return conn->handshake->credential > 0;
}

static bool status_is_promised(const struct tls_conn *conn)
{
    return conn->handshake->status == TLS_STATUS_PROMISED;
}

static bool status_is_demanded(const struct tls_conn *conn)
{
    return conn->handshake->status == TLS_STATUS_DEMANDED;
}

static bool is_resumption(const struct tls_conn *conn)
{
    return conn->handshake->resuming;
}

static bool ticket_is_promised(const struct tls_conn *conn)
{
    return conn->handshake->ticket_promised;
}

#define RECEIVE(m, reader) .kind = TLS_STEP_RECEIVE, .message = (m), .read = (reader)
#define SEND(m, writer)    .kind = TLS_STEP_SEND, .message = (m), .write = (writer)
#define STREAM(m, pieces)  .kind = TLS_STEP_STREAM, .message = (m), .piece = (pieces)
#define ACT(function)      .kind = TLS_STEP_ACT, .message = TLS_NO_MESSAGE, .act = (function)
#define SWITCH(to)         .kind = TLS_STEP_SWITCH, .message = TLS_NO_MESSAGE, .flow = (to)
#define END                .kind = TLS_STEP_END, .message = TLS_NO_MESSAGE

static const struct tls_step full_client[] = {
    {SEND(TLS_CLIENT_HELLO, tls_write_client_hello)},
    {RECEIVE(TLS_SERVER_HELLO, tls_read_server_hello)},
    {SWITCH(TLS_FLOW_RESUMED), .when = is_resumption},
    {RECEIVE(TLS_CERTIFICATE, tls_read_server_certificate), .when = server_is_certified},
    {RECEIVE(TLS_CERTIFICATE_STATUS, tls_read_certificate_status), .when = status_is_demanded},
    {RECEIVE(TLS_CERTIFICATE_STATUS, tls_read_certificate_status), .optional = true,
     .when = status_is_promised},
    {RECEIVE(TLS_SERVER_KEY_EXCHANGE, tls_read_server_key_exchange), .when = server_has_parameters},
    {RECEIVE(TLS_SERVER_KEY_EXCHANGE, tls_read_server_key_exchange), .optional = true,
     .when = server_may_hint},
    {RECEIVE(TLS_CERTIFICATE_REQUEST, tls_read_certificate_request), .optional = true,
     .when = server_is_certified},
    {RECEIVE(TLS_CERTIFICATE_REQUEST, tls_refuse_certificate_request), .optional = true,
     .when = server_is_anonymous},
    {RECEIVE(TLS_SERVER_HELLO_DONE, tls_read_server_hello_done)},
    {ACT(tls_judge_identity)},
    {STREAM(TLS_CERTIFICATE, tls_certificate_piece), .when = certificate_is_requested},
    {SEND(TLS_CLIENT_KEY_EXCHANGE, tls_write_client_key_exchange)},
    {ACT(tls_derive_master_secret)},
    {ACT(tls_derive_keys)},
    {SEND(TLS_CERTIFICATE_VERIFY, tls_write_certificate_verify), .when = certificate_was_sent},
    {SEND(TLS_CHANGE_CIPHER_SPEC, tls_write_change_cipher_spec)},
    {ACT(tls_use_write_keys)},
    {SEND(TLS_FINISHED, tls_write_finished)},
    {RECEIVE(TLS_NEW_SESSION_TICKET, tls_read_new_session_ticket), .when = ticket_is_promised},
    {RECEIVE(TLS_CHANGE_CIPHER_SPEC, tls_read_change_cipher_spec)},
    {RECEIVE(TLS_FINISHED, tls_read_finished), .hash_last = true},
    {ACT(tls_remember_session)},
    {END},
};

static const struct tls_step full_server[] = {
    {RECEIVE(TLS_CLIENT_HELLO, tls_read_client_hello)},
    {SWITCH(TLS_FLOW_RESUMED), .when = is_resumption},
    {SEND(TLS_SERVER_HELLO, tls_write_server_hello)},
    {STREAM(TLS_CERTIFICATE, tls_certificate_piece), .when = server_is_certified},
    {STREAM(TLS_CERTIFICATE_STATUS, tls_certificate_status_piece), .when = tls_server_staples},
    {SEND(TLS_SERVER_KEY_EXCHANGE, tls_write_server_key_exchange), .when = server_sends_parameters},
    {STREAM(TLS_CERTIFICATE_REQUEST, tls_certificate_request_piece),
     .when = certificate_is_requested},
    {SEND(TLS_SERVER_HELLO_DONE, tls_write_server_hello_done)},
    {RECEIVE(TLS_CERTIFICATE, tls_read_client_certificate), .when = certificate_is_requested},
    {RECEIVE(TLS_CLIENT_KEY_EXCHANGE, tls_read_client_key_exchange)},
    {ACT(tls_derive_master_secret)},
    {ACT(tls_derive_keys)},
    {RECEIVE(TLS_CERTIFICATE_VERIFY, tls_read_certificate_verify), .when = client_is_certified,
     .hash_last = true},
    {ACT(tls_judge_identity)},
    {RECEIVE(TLS_CHANGE_CIPHER_SPEC, tls_read_change_cipher_spec)},
    {RECEIVE(TLS_FINISHED, tls_read_finished), .hash_last = true},
    {SEND(TLS_NEW_SESSION_TICKET, tls_write_new_session_ticket), .when = ticket_is_promised},
    {SEND(TLS_CHANGE_CIPHER_SPEC, tls_write_change_cipher_spec)},
    {ACT(tls_use_write_keys)},
    {SEND(TLS_FINISHED, tls_write_finished)},
    {ACT(tls_remember_session)},
    {END},
};

/* Figure 2 of RFC 2246 7.3, and RFC 5077 3.1. */
static const struct tls_step resumed_client[] = {
    {ACT(tls_judge_identity)},
    {ACT(tls_derive_keys)},
    {RECEIVE(TLS_NEW_SESSION_TICKET, tls_read_new_session_ticket), .when = ticket_is_promised},
    {RECEIVE(TLS_CHANGE_CIPHER_SPEC, tls_read_change_cipher_spec)},
    {RECEIVE(TLS_FINISHED, tls_read_finished), .hash_last = true},
    {SEND(TLS_CHANGE_CIPHER_SPEC, tls_write_change_cipher_spec)},
    {ACT(tls_use_write_keys)},
    {SEND(TLS_FINISHED, tls_write_finished)},
    {ACT(tls_remember_session)},
    {END},
};

static const struct tls_step resumed_server[] = {
    {ACT(tls_judge_identity)},
    {SEND(TLS_SERVER_HELLO, tls_write_server_hello)},
    {ACT(tls_derive_keys)},
    {SEND(TLS_NEW_SESSION_TICKET, tls_write_new_session_ticket), .when = ticket_is_promised},
    {SEND(TLS_CHANGE_CIPHER_SPEC, tls_write_change_cipher_spec)},
    {ACT(tls_use_write_keys)},
    {SEND(TLS_FINISHED, tls_write_finished)},
    {RECEIVE(TLS_CHANGE_CIPHER_SPEC, tls_read_change_cipher_spec)},
    {RECEIVE(TLS_FINISHED, tls_read_finished), .hash_last = true},
    {ACT(tls_remember_session)},
    {END},
};

/* A renegotiation: a client of ours waits to be asked (RFC 2246 7.4.1.1). */
static const struct tls_step client_again[] = {
    {RECEIVE(TLS_HELLO_REQUEST, tls_read_hello_request)},
    {SWITCH(TLS_FLOW_FULL)},
};

static const struct tls_step server_again[] = {
    {SWITCH(TLS_FLOW_FULL)},
};

static const struct tls_step *const flows[TLS_FLOW_COUNT][2] = {
    [TLS_FLOW_FULL] = {[TLS_CLIENT] = full_client, [TLS_SERVER] = full_server},
    [TLS_FLOW_RESUMED] = {[TLS_CLIENT] = resumed_client, [TLS_SERVER] = resumed_server},
    [TLS_FLOW_AGAIN] = {[TLS_CLIENT] = client_again, [TLS_SERVER] = server_again},
};

static const struct tls_step *rows_of(const struct tls_conn *conn)
{
    return flows[conn->handshake->flow][conn->session->role];
}

static bool applies(const struct tls_step *step, const struct tls_conn *conn)
{
    return step->when == NULL || step->when(conn);
}

const struct tls_step *tls_current_step(const struct tls_conn *conn)
{
    const struct tls_step *step = rows_of(conn) + conn->handshake->step;

    while (!applies(step, conn)) {
        step++;
    }
    return step;
}

const struct tls_step *tls_find_step(const struct tls_conn *conn, unsigned message)
{
    const struct tls_step *step = tls_current_step(conn);

    while (step->kind == TLS_STEP_RECEIVE) {
        if (applies(step, conn)) {
            if (step->message == message) {
                return step;
            }
            if (!step->optional && tls_defends(TLS_DEFENCE_ORDER)) {
                return NULL;
            }
        }
        step++;
    }
    return NULL;
}

void tls_step_done(struct tls_conn *conn, const struct tls_step *step)
{
    conn->handshake->step = (uint8_t)(step + 1 - rows_of(conn));
}
