/* RSA with a key that is small enough to have been exported once, and is not the certificate's (RFC
 * 2246 7.4.3, D.1). A client takes such a key for an export suite only (FREAK, CVE-2015-0204). */
#include "tls_key_exchange.h"

enum { EXPORT_BYTES = 512 / 8 };

static void write_number(struct tls_writer *body, const uint8_t *bytes, size_t n)
{
    tls_write_u16(body, (uint16_t)n);
    tls_write_bytes(body, bytes, n);
}

static enum tls_error write_parameters(struct tls_conn *conn, struct tls_writer *body)
{
    const struct cg_rsa_public *key = &conn->config->export_public;

    write_number(body, key->n, key->n_length);
    write_number(body, key->e, key->e_length);
    return TLS_ERROR_OK;
}

static enum tls_error read_parameters(struct tls_conn *conn, struct tls_reader *body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader n = tls_read_vector(body, 2), e = tls_read_vector(body, 2);
    struct x509_key key = {.kind = X509_KEY_RSA,
                           .rsa = {.n = n.at, .e = e.at, .n_length = n.left, .e_length = e.left}};

    if (body->bad || n.left == 0 || e.left == 0) {
        return TLS_ERROR_DECODE;
    }
    if (n.left > EXPORT_BYTES || !cg_rsa_public_is_sane(&key.rsa)) {
        return tls_because(conn, TLS_ERROR_PARAMETER, "the server's key for an export suite");
    }
    h->agreement.export_key.n_length = (uint8_t)n.left;
    h->agreement.export_key.e_length = (uint8_t)e.left;
    memcpy(h->agreement.export_key.n, n.at, n.left);
    memcpy(h->agreement.export_key.e, e.at, e.left);
    return TLS_ERROR_OK;
}

static enum tls_error write_public(struct tls_conn *conn, struct tls_writer *body)
{
    const struct tls_export_key *key = &conn->handshake->agreement.export_key;
    const struct cg_rsa_public rsa = {
        .n = key->n, .e = key->e, .n_length = key->n_length, .e_length = key->e_length};

    return tls_encrypt_premaster(conn, &rsa, body);
}

static enum tls_error read_public(struct tls_conn *conn, struct tls_reader *body)
{
    return tls_decrypt_premaster(conn, conn->config->export_key, body);
}

static bool is_possible(const struct tls_conn *conn)
{
    return conn->config->export_key != NULL;
}

const struct tls_agreement tls_agreement_rsa_export = {.write_parameters = write_parameters,
                                                       .read_parameters = read_parameters,
                                                       .write_public = write_public,
                                                       .read_public = read_public,
                                                       .is_possible = is_possible};
