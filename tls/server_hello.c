/* ServerHello (RFC 2246 7.4.1.3). */
#include "../crypto_glue/cg_random.h"
#include "tls_extensions.h"
#include "tls_key_exchange.h"
#include "tls_renegotiation.h"
#include "tls_resumption.h"
#include "tls_text.h"

enum { COMPRESSION_NULL = 0, SESSION_ID_MAX = 32 };

static void note_choice(struct tls_conn *conn)
{
    struct tls_text t = tls_text_in(conn->handshake->note, sizeof conn->handshake->note);

    tls_text_version(&t, conn->session->version);
    tls_text_add(&t, ", ");
    tls_text_suite(&t, conn->session->suite);
    if (conn->handshake->resuming) {
        tls_text_add(&t, ", resumed");
    }
    tls_text_add(&t, conn->session->secure_renegotiation ? ", with RFC 5746" : ", no RFC 5746");
}

enum tls_error tls_write_server_hello(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;

    if (!cg_random(h->server_random, TLS_RANDOM)) {
        return TLS_ERROR_RANDOM;
    }
    tls_write_u16(body, s->version);
    tls_write_bytes(body, h->server_random, TLS_RANDOM);
    size_t id = tls_open_vector(body, 1);
    tls_write_bytes(body, s->session_id, s->session_id_length);
    tls_close_vector(body, 1, id);
    tls_write_u16(body, s->suite);
    tls_write_u8(body, COMPRESSION_NULL);
    tls_write_extensions(conn, body);
    note_choice(conn);
    return TLS_ERROR_OK;
}

static enum tls_error check_version(struct tls_conn *conn, uint16_t version)
{
    if (version < conn->config->version_min || version > conn->config->version_max ||
        (tls_is_renegotiation(conn) && version != conn->session->version)) {
        struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);
        tls_text_add(&t, "the server chose ");
        tls_text_version(&t, version);
        return TLS_ERROR_VERSION;
    }
    conn->session->version = version;
    return TLS_ERROR_OK;
}

static enum tls_error check_suite(struct tls_conn *conn, uint16_t suite)
{
    if (tls_suite_is_configured(conn->config, suite)) {
        conn->session->suite = suite;
        return TLS_ERROR_OK;
    }
    struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);
    tls_text_add(&t, "the server chose what was not offered: ");
    tls_text_suite(&t, suite);
    return TLS_ERROR_PARAMETER;
}

enum tls_error tls_read_server_hello(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;

    uint16_t version = tls_read_u16(&body);
    tls_read_copy(&body, h->server_random, TLS_RANDOM);
    struct tls_reader id = tls_read_vector(&body, 1);
    uint16_t suite = tls_read_u16(&body);
    uint8_t compression = tls_read_u8(&body);
    if (body.bad || id.left > SESSION_ID_MAX) {
        return TLS_ERROR_DECODE;
    }
    enum tls_error error = check_version(conn, version);
    if (error == TLS_ERROR_OK) {
        error = tls_check_extensions(conn, body);
    }
    if (error == TLS_ERROR_OK) {
        error = check_suite(conn, suite);
    }
    if (error == TLS_ERROR_OK && compression != COMPRESSION_NULL) {
        error = tls_because(conn, TLS_ERROR_PARAMETER, "the server chose a compression");
    }
    if (error == TLS_ERROR_OK) {
        error = tls_read_extensions(conn, body);
    }
    if (error == TLS_ERROR_OK && tls_is_renegotiation(conn) &&
        !tls_extension_received(h, &tls_ext_renegotiation_info)) {
        error = TLS_ERROR_RENEGOTIATION_INFO; /* RFC 5746 3.5 */
    }
    if (error == TLS_ERROR_OK && conn->config->require_renegotiation_info &&
        !s->secure_renegotiation) {
        error = TLS_ERROR_NO_RENEGOTIATION_INFO;
    }
    if (error == TLS_ERROR_OK) {
        s->session_id_length = (uint8_t)id.left;
        memcpy(s->session_id, id.at, id.left);
        error = tls_accept_resumption(conn, id);
        note_choice(conn);
    }
    if (error == TLS_ERROR_OK) {
        error = tls_judge_renegotiation(conn);
    }
    return error;
}
