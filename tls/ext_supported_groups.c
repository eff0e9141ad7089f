/* supported_groups (RFC 4492 5.1.1, RFC 7919 2): the curves, and the finite-field groups, that a
 * client can use. */
#include "tls_extensions.h"
#include "tls_key_exchange.h"

enum { FINITE_FIELD_FIRST = 256, FINITE_FIELD_LAST = 511 };

/* Finite-field groups only where the configuration names them: a server that knows RFC 7919 and
 * has none of these may choose no DHE suite at all (section 4). A server that answers with a group
 * of its own is judged by its size. */
static bool is_named(const struct tls_config *config, const struct tls_group *group)
{
    return group->is_curve
               ? tls_offers_agreement(config, TLS_AGREE_ECDH)
               : config->group_count > 0 && tls_offers_agreement(config, TLS_AGREE_DH) &&
                     tls_group_is_allowed(config, group);
}

static bool write_client(const struct tls_conn *conn, struct tls_writer *data)
{
    const struct tls_group *group;
    size_t list = tls_open_vector(data, 2);

    for (size_t i = 0; (group = tls_configured_group(conn->config, i)) != NULL; i++) {
        if (is_named(conn->config, group)) {
            tls_write_u16(data, group->id);
        }
    }
    if (data->used == list) {
        return false;
    }
    tls_close_vector(data, 2, list);
    return true;
}

static bool has_group(struct tls_reader list, uint16_t id)
{
    while (list.left > 0) {
        if (tls_read_u16(&list) == id) {
            return true;
        }
    }
    return false;
}

static bool names_finite_fields(struct tls_reader list)
{
    while (list.left > 0) {
        uint16_t id = tls_read_u16(&list);
        if (id >= FINITE_FIELD_FIRST && id <= FINITE_FIELD_LAST) {
            return true;
        }
    }
    return false;
}

static uint16_t choose(const struct tls_config *config, struct tls_reader list, bool curve)
{
    const struct tls_group *group;

    for (size_t i = 0; (group = tls_configured_group(config, i)) != NULL; i++) {
        if (group->is_curve == curve && tls_group_is_allowed(config, group) &&
            has_group(list, group->id)) {
            return group->id;
        }
    }
    return TLS_GROUP_NONE_FITS;
}

static enum tls_error read_client(struct tls_conn *conn, struct tls_reader data)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader list = tls_read_vector(&data, 2);
    const struct tls_group *group;

    if (!tls_read_all(&data) || list.left == 0 || list.left % 2 != 0) {
        return TLS_ERROR_DECODE;
    }
    h->curve = choose(conn->config, list, true);
    if (names_finite_fields(list)) {
        h->dh_group = choose(conn->config, list, false);
    }
    h->client_curves = 0;
    for (size_t i = 0; (group = tls_group_at(i)) != NULL; i++) {
        if (group->is_curve && has_group(list, group->id)) {
            h->client_curves |= (uint8_t)(1 << group->curve);
        }
    }
    return TLS_ERROR_OK;
}

const struct tls_extension tls_ext_supported_groups = {
    .type = 10,
    .name = "supported_groups",
    .write = {[TLS_CLIENT] = write_client},
    .read = {[TLS_CLIENT] = read_client},
};
