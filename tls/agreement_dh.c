/* Ephemeral Diffie-Hellman in a group of the server's (RFC 2246 7.4.3, 7.4.7.2). */
#include "../crypto_glue/cg_ct.h"
#include "tls_defences.h"
#include "tls_key_exchange.h"
#include "tls_text.h"

static const struct cg_dh_group *own_group(const struct tls_conn *conn)
{
    const struct tls_group *agreed = tls_group_by_id(conn->handshake->dh_group);

    if (tls_key_exchange_of(conn)->exported) {
        return conn->config->export_dh_group;
    }
    return agreed != NULL ? &cg_dh_groups[agreed->dh_group] : tls_default_dh_group(conn->config);
}

/* A client that names finite-field groups must be given one of them (RFC 7919 4). */
static bool is_possible(const struct tls_conn *conn)
{
    bool refused =
        !tls_key_exchange_of(conn)->exported && conn->handshake->dh_group == TLS_GROUP_NONE_FITS;

    return !refused && own_group(conn) != NULL;
}

static void write_vector(struct tls_writer *body, const uint8_t *bytes, size_t n)
{
    tls_write_u16(body, (uint16_t)n);
    tls_write_bytes(body, bytes, n);
}

static enum tls_error write_parameters(struct tls_conn *conn, struct tls_writer *body)
{
    const struct cg_dh_group *group = own_group(conn);

    write_vector(body, group->p, group->p_length);
    write_vector(body, group->g, group->g_length);
    tls_write_u16(body, (uint16_t)group->p_length);
    uint8_t *public_value = tls_write_room(body, group->p_length);
    if (public_value == NULL ||
        !cg_dh_make(group, &conn->handshake->agreement.dh_key, public_value)) {
        return tls_because(conn, TLS_ERROR_INTERNAL, "our Diffie-Hellman group is not usable");
    }
    return TLS_ERROR_OK;
}

/* ---- the client: the group and the server's value, as they came ---- */

static struct cg_dh_group peer_group(const struct tls_dh_parameters *dh)
{
    return (struct cg_dh_group){.p = dh->bytes,
                                .g = dh->bytes + dh->p_length,
                                .p_length = dh->p_length,
                                .g_length = dh->g_length};
}

static unsigned minimum_bits(const struct tls_conn *conn)
{
    return tls_key_exchange_of(conn)->exported ? (unsigned)CG_DH_BITS_MIN
                                               : tls_minimum_dh_bits(conn->config);
}

static enum tls_error check_group(struct tls_conn *conn)
{
    struct cg_dh_group group = peer_group(&conn->handshake->agreement.dh);
    unsigned minimum = minimum_bits(conn);

    if (cg_dh_bits(&group) < minimum && tls_defends(TLS_DEFENCE_SMALL_GROUP)) {
        struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);
        tls_text_add(&t, "the server's Diffie-Hellman group has ");
        tls_text_number(&t, (uint32_t)cg_dh_bits(&group));
        tls_text_add(&t, " bits, and at least ");
        tls_text_number(&t, minimum);
        tls_text_add(&t, " are required (Logjam)");
        return TLS_ERROR_SMALL_GROUP;
    }
    return cg_dh_group_is_sane(&group)
               ? TLS_ERROR_OK
               : tls_because(conn, TLS_ERROR_PARAMETER, "the server's Diffie-Hellman group");
}

static enum tls_error read_parameters(struct tls_conn *conn, struct tls_reader *body)
{
    struct tls_dh_parameters *dh = &conn->handshake->agreement.dh;
    struct tls_reader p = tls_read_vector(body, 2), g = tls_read_vector(body, 2),
                      y = tls_read_vector(body, 2);

    if (body->bad || p.left == 0 || g.left == 0 || y.left == 0) {
        return TLS_ERROR_DECODE;
    }
    while (p.left > 0 && p.at[0] == 0) {
        tls_read_u8(&p);
    }
    if (p.left > CG_DH_BYTES_MAX || g.left > CG_DH_BYTES_MAX || y.left > CG_DH_BYTES_MAX) {
        return tls_because(conn, TLS_ERROR_PARAMETER,
                           "the server's Diffie-Hellman group has over 4096 bits");
    }
    dh->p_length = (uint16_t)p.left;
    dh->g_length = (uint16_t)g.left;
    dh->y_length = (uint16_t)y.left;
    memcpy(dh->bytes, p.at, p.left);
    memcpy(dh->bytes + p.left, g.at, g.left);
    memcpy(dh->bytes + p.left + g.left, y.at, y.left);
    return check_group(conn);
}

/* ---- both: the shared secret, without its leading zeros (RFC 2246 8.1.2) ---- */

static bool take_secret(struct tls_handshake *h, const struct cg_dh_group *group,
                        const struct cg_dh_key *key, const uint8_t *peer, size_t peer_length)
{
    uint8_t z[CG_DH_BYTES_MAX];
    size_t zeros = 0;

    if (!cg_dh_shared(group, key, peer, peer_length, z)) {
        return false;
    }
    /* The number of leading zeros is in the standard's nature (Raccoon, CVE-2020-1968); that keys
     * are never used twice makes it worthless. */
    while (zeros < group->p_length && z[zeros] == 0) {
        zeros++;
    }
    h->premaster_length = (uint16_t)(group->p_length - zeros);
    memcpy(h->premaster, z + zeros, h->premaster_length);
    cg_wipe(z, sizeof z);
    return true;
}

static enum tls_error write_public(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_dh_parameters *dh = &h->agreement.dh;
    struct cg_dh_group group = peer_group(dh);
    struct cg_dh_key key;

    tls_write_u16(body, (uint16_t)group.p_length);
    uint8_t *public_value = tls_write_room(body, group.p_length);
    if (public_value == NULL || !cg_dh_make(&group, &key, public_value)) {
        return TLS_ERROR_RANDOM;
    }
    bool good = take_secret(h, &group, &key, dh->bytes + dh->p_length + dh->g_length, dh->y_length);
    cg_wipe(&key, sizeof key);
    return good ? TLS_ERROR_OK
                : tls_because(conn, TLS_ERROR_PARAMETER, "the server's Diffie-Hellman value");
}

static enum tls_error read_public(struct tls_conn *conn, struct tls_reader *body)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader y = tls_read_vector(body, 2);

    if (!tls_read_all(body)) {
        return TLS_ERROR_KEY_EXCHANGE;
    }
    /* No bytes at all are the number 0, which is as wrong as any other outside the group. */
    bool good = take_secret(h, own_group(conn), &h->agreement.dh_key, y.at, y.left);
    cg_wipe(&h->agreement, sizeof h->agreement);
    return good ? TLS_ERROR_OK
                : tls_because(conn, TLS_ERROR_PARAMETER, "the client's Diffie-Hellman value");
}

const struct tls_agreement tls_agreement_dh = {.write_parameters = write_parameters,
                                               .read_parameters = read_parameters,
                                               .write_public = write_public,
                                               .read_public = read_public,
                                               .is_possible = is_possible};
