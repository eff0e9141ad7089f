/* OCSP stapling (RFC 6066 8): the extension status_request, and the message CertificateStatus. */
#include "tls_extensions.h"
#include "tls_key_exchange.h"
#include "tls_sign.h"
#include "x509/x509_ocsp.h"

enum { STATUS_OCSP = 1 };

/* ---- the extension ---- */

/* No responders and no extensions of theirs: whichever response the server has. */
static bool write_request(const struct tls_conn *conn, struct tls_writer *data)
{
    if (!conn->config->request_status) {
        return false;
    }
    tls_write_u8(data, STATUS_OCSP);
    tls_write_u16(data, 0);
    tls_write_u16(data, 0);
    return true;
}

/* A request of another type asks for nothing that there is. Which responders a client would like is
 * not looked at: there is one response or none. */
static enum tls_error read_request(struct tls_conn *conn, struct tls_reader data)
{
    if (tls_read_u8(&data) != STATUS_OCSP) {
        return data.bad ? TLS_ERROR_DECODE : TLS_ERROR_OK;
    }
    struct tls_reader responders = tls_read_vector(&data, 2);
    (void)tls_read_vector(&data, 2);
    if (!tls_read_all(&data)) {
        return TLS_ERROR_DECODE;
    }
    while (responders.left > 0) {
        if (tls_read_vector(&responders, 2).left == 0) {
            return TLS_ERROR_DECODE;
        }
    }
    conn->handshake->status = TLS_STATUS_PROMISED;
    return TLS_ERROR_OK;
}

static const struct tls_credential *credential_of(const struct tls_conn *conn)
{
    const struct tls_key_exchange_info *info = tls_key_exchange_of(conn);

    return info->certificate ? tls_credential_of_kind(conn->config, info->certificate_key) : NULL;
}

/* What is promised is sent, even if its time runs out in between. */
static bool write_promise(const struct tls_conn *conn, struct tls_writer *data)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_credential *credential = h->resuming ? NULL : credential_of(conn);

    (void)data;
    if (h->status == TLS_STATUS_NONE || credential == NULL ||
        credential->ocsp_response.length == 0 ||
        (credential->ocsp_until != 0 && conn->now > credential->ocsp_until)) {
        return false;
    }
    h->status = TLS_STATUS_DEMANDED;
    return true;
}

static enum tls_error read_promise(struct tls_conn *conn, struct tls_reader data)
{
    if (data.left > 0) {
        return TLS_ERROR_DECODE;
    }
    conn->handshake->status = TLS_STATUS_PROMISED;
    return TLS_ERROR_OK;
}

const struct tls_extension tls_ext_status_request = {
    .type = 5,
    .name = "status_request",
    .write = {[TLS_CLIENT] = write_request, [TLS_SERVER] = write_promise},
    .read = {[TLS_CLIENT] = read_request, [TLS_SERVER] = read_promise},
};

/* ---- the server's message ---- */

bool tls_server_staples(const struct tls_conn *conn)
{
    return conn->handshake->status == TLS_STATUS_DEMANDED;
}

bool tls_certificate_status_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                                  struct x509_bytes *out)
{
    const struct x509_bytes *response = &credential_of(conn)->ocsp_response;

    if (index == 0) {
        scratch[0] = TLS_CERTIFICATE_STATUS;
        tls_put_number(scratch + 1, 3, 4 + response->length);
        scratch[4] = STATUS_OCSP;
        tls_put_number(scratch + 5, 3, response->length);
        *out = (struct x509_bytes){scratch, 8};
        return true;
    }
    *out = *response;
    return index == 1;
}

/* ---- the client's side ---- */

static void keep(struct tls_status_subject *subject, size_t *used, uint16_t *length,
                 struct x509_bytes bytes)
{
    memcpy(subject->bytes + *used, bytes.data, bytes.length);
    *length = (uint16_t)bytes.length;
    *used += bytes.length;
}

enum tls_error tls_await_status(struct tls_conn *conn, const struct x509_certificate *leaf,
                                const struct x509_certificate *issuer)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_status_subject *subject = &h->agreement.status;
    bool demanded = conn->config->require_status ||
                    (conn->config->request_status && leaf->must_staple && issuer != NULL);
    size_t used = 0;

    if (h->status == TLS_STATUS_NONE) {
        return demanded ? tls_because(conn, TLS_ERROR_CERT_STAPLE,
                                      "the server has none to send, and its certificate (RFC 7633) "
                                      "or `ocsp = require` demands one; have it staple one")
                        : TLS_ERROR_OK;
    }
    if (issuer == NULL) {
        /* An anchor of its own: there is nobody whose word about it would count. */
        memset(subject, 0, sizeof *subject);
        return TLS_ERROR_OK;
    }
    if (leaf->serial.length + issuer->subject.length + issuer->public_key.length >
        sizeof subject->bytes) {
        return tls_because(conn, TLS_ERROR_CERT_STAPLE,
                           "the issuer's name and key are too long to check it");
    }
    keep(subject, &used, &subject->serial_length, leaf->serial);
    keep(subject, &used, &subject->name_length, issuer->subject);
    keep(subject, &used, &subject->key_length, issuer->public_key);
    if (demanded) {
        h->status = TLS_STATUS_DEMANDED;
    }
    return TLS_ERROR_OK;
}

static enum tls_error check_response(struct tls_conn *conn, struct tls_reader response)
{
    const struct tls_status_subject *subject = &conn->handshake->agreement.status;
    const uint8_t *name = subject->bytes + subject->serial_length;
    struct x509_certificate leaf = {.serial = {subject->bytes, subject->serial_length}}, issuer;
    struct x509_rules rules = tls_x509_rules(conn, X509_SERVER);
    const char *why = "the issuer's key is malformed";

    if (subject->key_length == 0) {
        return TLS_ERROR_OK;
    }
    if (!x509_ocsp_issuer(&issuer, (struct x509_bytes){name, subject->name_length},
                          (struct x509_bytes){name + subject->name_length, subject->key_length})) {
        return tls_because(conn, TLS_ERROR_CERT_STAPLE, why);
    }
    switch (x509_ocsp_check((struct x509_bytes){response.at, response.left}, &leaf, &issuer, &rules,
                            &why)) {
    case X509_OCSP_GOOD:
        return TLS_ERROR_OK;
    case X509_OCSP_REVOKED:
        return tls_because(conn, TLS_ERROR_CERT_REVOKED,
                           "its CA says so in the OCSP response (RFC 6960 2.2)");
    default:
        return tls_because(conn, TLS_ERROR_CERT_STAPLE, why);
    }
}

enum tls_error tls_read_certificate_status(struct tls_conn *conn, struct tls_reader body)
{
    uint8_t type = tls_read_u8(&body);
    struct tls_reader response = tls_read_vector(&body, 3);

    if (!tls_read_all(&body) || type != STATUS_OCSP || response.left == 0) {
        return TLS_ERROR_DECODE;
    }
    return check_response(conn, response);
}
