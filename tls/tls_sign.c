#include "tls_sign.h"

#include "../crypto_glue/cg_sign.h"
#include "x509/der.h"

enum {
    SHA1_OFFSET = 16, /* DSA and ECDSA sign the second half of the digest */
    SHA1_BYTES = 20,
    NUMBER_MAX = 66 /* bytes of r or s */
};

/* ---- the peer's key ---- */

static bool append(struct tls_peer_key *peer, unsigned part, const uint8_t *bytes, size_t n)
{
    size_t used = 0;

    for (unsigned i = 0; i < part; i++) {
        used += peer->length[i];
    }
    if (n > sizeof peer->bytes - used) {
        return false;
    }
    memcpy(peer->bytes + used, bytes, n);
    peer->length[part] = (uint16_t)n;
    return true;
}

bool tls_peer_key_take(struct tls_peer_key *peer, const struct x509_key *key)
{
    memset(peer, 0, sizeof *peer);
    peer->kind = (uint8_t)key->kind;
    switch (key->kind) {
    case X509_KEY_RSA:
        return cg_rsa_public_is_sane(&key->rsa) && append(peer, 0, key->rsa.n, key->rsa.n_length) &&
               append(peer, 1, key->rsa.e, key->rsa.e_length);
    case X509_KEY_DSA:
        return key->dsa.p != NULL && cg_dsa_public_is_sane(&key->dsa) &&
               append(peer, 0, key->dsa.p, key->dsa.p_length) &&
               append(peer, 1, key->dsa.q, key->dsa.q_length) &&
               append(peer, 2, key->dsa.g, key->dsa.g_length) &&
               append(peer, 3, key->dsa.y, key->dsa.y_length);
    case X509_KEY_EC:
        peer->curve = (uint8_t)key->curve;
        return append(peer, 0, key->point.data, key->point.length);
    default:
        return false;
    }
}

static const uint8_t *part_of(const struct tls_peer_key *peer, unsigned part)
{
    const uint8_t *at = peer->bytes;

    for (unsigned i = 0; i < part; i++) {
        at += peer->length[i];
    }
    return at;
}

struct cg_rsa_public tls_peer_key_rsa(const struct tls_peer_key *peer)
{
    return (struct cg_rsa_public){.n = part_of(peer, 0),
                                  .e = part_of(peer, 1),
                                  .n_length = peer->length[0],
                                  .e_length = peer->length[1]};
}

static struct cg_dsa_public dsa_key(const struct tls_peer_key *peer)
{
    return (struct cg_dsa_public){.p = part_of(peer, 0),
                                  .q = part_of(peer, 1),
                                  .g = part_of(peer, 2),
                                  .y = part_of(peer, 3),
                                  .p_length = peer->length[0],
                                  .q_length = peer->length[1],
                                  .g_length = peer->length[2],
                                  .y_length = peer->length[3]};
}

/* ---- r and s in DER (RFC 3279 2.2.2) ---- */

static void write_integer(struct tls_writer *w, const uint8_t *bytes, size_t n)
{
    while (n > 1 && bytes[0] == 0) {
        bytes++;
        n--;
    }
    bool sign = (bytes[0] & 0x80) != 0;
    tls_write_u8(w, DER_INTEGER);
    tls_write_u8(w, (uint8_t)(n + sign));
    if (sign) {
        tls_write_u8(w, 0);
    }
    tls_write_bytes(w, bytes, n);
}

static void write_numbers(struct tls_writer *body, const uint8_t *r, const uint8_t *s, size_t n)
{
    uint8_t numbers[2 * (NUMBER_MAX + 3)];
    struct tls_writer w = tls_writer_to(numbers, sizeof numbers);

    write_integer(&w, r, n);
    write_integer(&w, s, n);
    tls_write_u8(body, DER_SEQUENCE);
    if (w.used > 0x7f) {
        tls_write_u8(body, 0x81);
    }
    tls_write_u8(body, (uint8_t)w.used);
    tls_write_bytes(body, numbers, w.used);
}

static bool read_integer(struct der *d, const uint8_t **bytes, size_t *n)
{
    struct x509_bytes content;

    if (!der_read(d, DER_INTEGER, &content) || !der_is_integer(content) ||
        (content.data[0] & 0x80) != 0) {
        return false;
    }
    *bytes = content.data;
    *n = content.length;
    return true;
}

static bool read_numbers(struct tls_reader bytes, struct cg_signature *signature)
{
    struct der whole = der_over((struct x509_bytes){bytes.at, bytes.left}), inside;

    return der_enter(&whole, DER_SEQUENCE, &inside) && der_done(&whole) &&
           read_integer(&inside, &signature->r, &signature->r_length) &&
           read_integer(&inside, &signature->s, &signature->s_length) && der_done(&inside);
}

/* ---- signing and verifying ---- */

static bool sign_numbers(const struct tls_credential *c, const uint8_t *digest,
                         struct tls_writer *body)
{
    uint8_t r[NUMBER_MAX], s[NUMBER_MAX];

    if (c->kind == X509_KEY_EC) {
        if (!cg_ecdsa_sign(c->curve, c->scalar, CG_SHA1, digest, r, s)) {
            return false;
        }
        write_numbers(body, r, s, cg_ec_bytes(c->curve));
        return true;
    }
    if (!cg_dsa_sign(c->dsa, c->dsa_x.data, c->dsa_x.length, CG_SHA1, digest, r, s)) {
        return false;
    }
    write_numbers(body, r, s, c->dsa->q_length);
    return true;
}

static bool sign_rsa(const struct tls_credential *c, const uint8_t *digest, struct tls_writer *body)
{
    uint8_t *out = tls_write_room(body, cg_rsa_private_bytes(c->key));

    return out != NULL && cg_rsa_sign_pkcs1(c->key, digest, TLS_TRANSCRIPT_DIGEST, out);
}

enum tls_error tls_write_signature(struct tls_conn *conn, const struct tls_credential *credential,
                                   const uint8_t digest[TLS_TRANSCRIPT_DIGEST],
                                   struct tls_writer *body)
{
    size_t signature = tls_open_vector(body, 2);
    bool good = credential->kind == X509_KEY_RSA
                    ? sign_rsa(credential, digest, body)
                    : sign_numbers(credential, digest + SHA1_OFFSET, body);

    tls_close_vector(body, 2, signature);
    return good ? TLS_ERROR_OK
                : tls_because(conn, TLS_ERROR_INTERNAL, "signing with our key failed");
}

static bool verify(const struct tls_peer_key *peer, const uint8_t *digest, struct tls_reader bytes)
{
    struct cg_signature numbers;

    if (peer->kind == X509_KEY_RSA) {
        struct cg_rsa_public key = tls_peer_key_rsa(peer);
        return cg_rsa_verify_pkcs1(&key, digest, TLS_TRANSCRIPT_DIGEST, bytes.at, bytes.left);
    }
    if (!read_numbers(bytes, &numbers)) {
        return false;
    }
    if (peer->kind == X509_KEY_EC) {
        return cg_ecdsa_verify(peer->curve, peer->bytes, peer->length[0], digest + SHA1_OFFSET,
                               SHA1_BYTES, &numbers);
    }
    struct cg_dsa_public key = dsa_key(peer);
    return cg_dsa_verify(&key, digest + SHA1_OFFSET, SHA1_BYTES, &numbers);
}

enum tls_error tls_read_signature(struct tls_conn *conn,
                                  const uint8_t digest[TLS_TRANSCRIPT_DIGEST],
                                  struct tls_reader *body)
{
    struct tls_reader signature = tls_read_vector(body, 2);

    if (!tls_read_all(body)) {
        return TLS_ERROR_DECODE;
    }
    return verify(&conn->handshake->peer, digest, signature) ? TLS_ERROR_OK : TLS_ERROR_SIGNATURE;
}
