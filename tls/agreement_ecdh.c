/* Ephemeral Diffie-Hellman on a named curve (RFC 4492 5.4, 5.7; RFC 8422). */
#include "../crypto_glue/cg_ct.h"
#include "tls_key_exchange.h"

enum { NAMED_CURVE = 3 };

static bool is_possible(const struct tls_conn *conn)
{
    return conn->handshake->curve != TLS_GROUP_NONE_FITS;
}

static enum tls_error write_parameters(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_group *group = tls_group_by_id(h->curve);

    tls_write_u8(body, NAMED_CURVE);
    tls_write_u16(body, group->id);
    tls_write_u8(body, (uint8_t)cg_ec_point_bytes(group->curve));
    uint8_t *point = tls_write_room(body, cg_ec_point_bytes(group->curve));
    return point != NULL && cg_ec_make(group->curve, &h->agreement.ec_key, point)
               ? TLS_ERROR_OK
               : TLS_ERROR_RANDOM;
}

static enum tls_error read_parameters(struct tls_conn *conn, struct tls_reader *body)
{
    struct tls_handshake *h = conn->handshake;
    uint8_t type = tls_read_u8(body);
    const struct tls_group *group = tls_group_by_id(tls_read_u16(body));
    struct tls_reader point = tls_read_vector(body, 1);

    if (body->bad || point.left == 0) {
        return TLS_ERROR_DECODE;
    }
    if (type != NAMED_CURVE || group == NULL || !group->is_curve ||
        !tls_group_is_configured(conn->config, group)) {
        return tls_because(conn, TLS_ERROR_PARAMETER, "the server chose a curve not offered");
    }
    if (!cg_ec_point_is_valid(group->curve, point.at, point.left)) {
        return tls_because(conn, TLS_ERROR_PARAMETER, "the server's point is not on its curve");
    }
    h->curve = group->id;
    memcpy(h->agreement.ec_point, point.at, point.left);
    return TLS_ERROR_OK;
}

/* Leading zeros stay (RFC 4492 5.10). */
static bool take_secret(struct tls_handshake *h, const struct cg_ec_key *key, const uint8_t *peer,
                        size_t peer_length)
{
    h->premaster_length = (uint16_t)cg_ec_bytes(key->curve);
    return cg_ec_shared(key, peer, peer_length, h->premaster);
}

static enum tls_error write_public(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;
    enum cg_curve curve = tls_group_by_id(h->curve)->curve;
    size_t n = cg_ec_point_bytes(curve);
    struct cg_ec_key key;

    tls_write_u8(body, (uint8_t)n);
    uint8_t *point = tls_write_room(body, n);
    if (point == NULL || !cg_ec_make(curve, &key, point)) {
        return TLS_ERROR_RANDOM;
    }
    bool good = take_secret(h, &key, h->agreement.ec_point, n);
    cg_wipe(&key, sizeof key);
    return good ? TLS_ERROR_OK
                : tls_because(conn, TLS_ERROR_PARAMETER, "the server's point (RFC 8422 5.11)");
}

static enum tls_error read_public(struct tls_conn *conn, struct tls_reader *body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader point = tls_read_vector(body, 1);

    if (!tls_read_all(body) || point.left == 0) {
        return TLS_ERROR_KEY_EXCHANGE;
    }
    bool good = take_secret(h, &h->agreement.ec_key, point.at, point.left);
    cg_wipe(&h->agreement, sizeof h->agreement);
    return good ? TLS_ERROR_OK
                : tls_because(conn, TLS_ERROR_PARAMETER, "the client's point is not on the curve");
}

const struct tls_agreement tls_agreement_ecdh = {.write_parameters = write_parameters,
                                                 .read_parameters = read_parameters,
                                                 .write_public = write_public,
                                                 .read_public = read_public,
                                                 .is_possible = is_possible};
