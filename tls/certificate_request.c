/* CertificateRequest (RFC 2246 7.4.4). */
#include "tls_handshake.h"

/* ClientCertificateType (RFC 2246 7.4.4, RFC 4492 5.5), by enum x509_key_kind. */
static const uint8_t types_by_kind[] = {[X509_KEY_RSA] = 1, [X509_KEY_DSA] = 2, [X509_KEY_EC] = 64};

/* ---- the server's ---- */

/* How many of the trusted names fit: all of them together have a length of two bytes. */
static size_t count_names(const struct x509_trust *trust, size_t *bytes)
{
    size_t count = 0;

    *bytes = 0;
    while (count < trust->count && *bytes + 2 + trust->roots[count].subject.length <= 0xffff) {
        *bytes += 2 + trust->roots[count++].subject.length;
    }
    return count;
}

bool tls_certificate_request_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                                   struct x509_bytes *out)
{
    const struct x509_trust *trust = conn->config->trust;
    size_t bytes, count = count_names(trust, &bytes);

    if (index == 0) {
        struct tls_writer w = tls_writer_to(scratch, 16);
        uint8_t known[3] = {types_by_kind[X509_KEY_RSA], types_by_kind[X509_KEY_EC],
                            types_by_kind[X509_KEY_DSA]};
        tls_write_u8(&w, TLS_CERTIFICATE_REQUEST);
        tls_write_number(&w, 3, (uint32_t)(1 + sizeof known + 2 + bytes));
        tls_write_u8(&w, sizeof known);
        tls_write_bytes(&w, known, sizeof known);
        tls_write_u16(&w, (uint16_t)bytes);
        *out = (struct x509_bytes){scratch, w.used};
        return true;
    }
    if ((index - 1) / 2 >= count) {
        return false;
    }
    const struct x509_bytes *name = &trust->roots[(index - 1) / 2].subject;
    if (index % 2 == 0) {
        *out = *name;
    } else {
        tls_put_number(scratch, 2, name->length);
        *out = (struct x509_bytes){scratch, 2};
    }
    return true;
}

/* ---- the client's ---- */

/* Was some certificate of our chain issued by this name? */
static bool chain_is_issued_by(const struct tls_credential *credential, struct tls_reader name)
{
    struct x509_certificate certificate;
    const char *why;

    for (size_t i = 0; i < credential->chain_count; i++) {
        const struct x509_bytes *der = &credential->chain[i];
        if (x509_parse(&certificate, der->data, der->length, &why) == TLS_ERROR_OK &&
            certificate.issuer.length == name.left &&
            memcmp(certificate.issuer.data, name.at, name.left) == 0) {
            return true;
        }
    }
    return false;
}

/* No names: any issuer will do (RFC 4346 7.4.4). */
static bool fits(const struct tls_credential *credential, struct tls_reader types,
                 struct tls_reader names)
{
    bool any = names.left == 0;

    if (memchr(types.at, types_by_kind[credential->kind], types.left) == NULL) {
        return false;
    }
    while (!any && names.left > 0) {
        any = chain_is_issued_by(credential, tls_read_vector(&names, 2));
    }
    return any;
}

static bool are_well_formed(struct tls_reader names)
{
    while (names.left > 0) {
        if (tls_read_vector(&names, 2).left == 0) {
            return false;
        }
    }
    return !names.bad;
}

enum tls_error tls_read_certificate_request(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader types = tls_read_vector(&body, 1);
    struct tls_reader names = tls_read_vector(&body, 2);
    uint8_t place = 0;

    if (!tls_read_all(&body) || types.left == 0 || !are_well_formed(names)) {
        return TLS_ERROR_DECODE;
    }
    h->certificate_requested = true;
    h->credential = 0;
    for (const struct tls_credential *c = conn->config->credential; c != NULL; c = c->next) {
        place++;
        if (h->credential == 0 && fits(c, types, names)) {
            h->credential = place;
        }
    }
    return TLS_ERROR_OK;
}

/* RFC 2246 7.4.4: "a fatal handshake_failure alert for an anonymous server to request client
 * identification". */
enum tls_error tls_refuse_certificate_request(struct tls_conn *conn, struct tls_reader body)
{
    (void)conn;
    (void)body;
    return TLS_ERROR_ANONYMOUS_REQUEST;
}
