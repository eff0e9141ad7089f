/* What the key exchanges are made of: how the secret is agreed upon, and what shows who the server
 * is. A row each, so that messages ask for a property and not for a name. */
#ifndef TLS_KEY_EXCHANGE_H
#define TLS_KEY_EXCHANGE_H

#include "tls_handshake.h"

enum tls_agreement_kind {
    TLS_AGREE_RSA,
    TLS_AGREE_DH,
    TLS_AGREE_ECDH,
    TLS_AGREE_PSK,
    TLS_AGREE_RSA_EXPORT
};

struct tls_key_exchange_info {
    enum tls_agreement_kind agreement;
    bool certificate; /* the server sends one */
    bool is_signed;   /* ServerKeyExchange is signed with that certificate's key */
    enum x509_key_kind certificate_key;
    bool exported; /* limited to 512 bits by the laws of 1999 */
    bool psk;      /* the pre-shared key is mixed into the premaster secret (RFC 4279) */
};
const struct tls_key_exchange_info *tls_key_exchange_info(enum tls_key_exchange id);

static inline const struct tls_key_exchange_info *tls_key_exchange_of(const struct tls_conn *conn)
{
    return tls_key_exchange_info(tls_suite_of(conn)->key_exchange);
}

/* One way to agree on a premaster secret; a file each (agreement_*.c). NULL where there is no
 * ServerKeyExchange. */
struct tls_agreement {
    /* ServerKeyExchange without its signature. */
    enum tls_error (*write_parameters)(struct tls_conn *conn, struct tls_writer *body);
    enum tls_error (*read_parameters)(struct tls_conn *conn, struct tls_reader *body);
    /* ClientKeyExchange. Both leave the premaster secret in the handshake. */
    enum tls_error (*write_public)(struct tls_conn *conn, struct tls_writer *body);
    enum tls_error (*read_public)(struct tls_conn *conn, struct tls_reader *body);
    /* Server: can it be done with this client at all? */
    bool (*is_possible)(const struct tls_conn *conn);
};
extern const struct tls_agreement tls_agreement_rsa, tls_agreement_dh, tls_agreement_ecdh,
    tls_agreement_psk, tls_agreement_rsa_export;
const struct tls_agreement *tls_agreement_of(const struct tls_conn *conn);

/* The premaster secret of RSA, there and back. */
enum tls_error tls_encrypt_premaster(struct tls_conn *conn, const struct cg_rsa_public *key,
                                     struct tls_writer *body);
enum tls_error tls_decrypt_premaster(struct tls_conn *conn, const struct cg_rsa_private *key,
                                     struct tls_reader *body);

/* What this side shows: by the suite for a server; by what it was asked for, and NULL when nothing
 * fits, for a client. */
const struct tls_credential *tls_own_credential(const struct tls_conn *conn);
/* Our first credential with a key of this kind, or NULL. */
const struct tls_credential *tls_credential_of_kind(const struct tls_config *config,
                                                    enum x509_key_kind kind);

/* ---- named groups, as a configuration has them (tls_groups.c) ---- */

/* In its order; NULL past the end. */
const struct tls_group *tls_configured_group(const struct tls_config *config, size_t index);
bool tls_group_is_configured(const struct tls_config *config, const struct tls_group *group);
/* Is a finite-field group big enough? Any curve is. */
bool tls_group_is_allowed(const struct tls_config *config, const struct tls_group *group);
/* Server: the id of the curve for a client that names none; TLS_GROUP_NONE_FITS. */
uint16_t tls_default_curve(const struct tls_config *config);
/* Server: the group for a client that names no finite-field group; NULL: none. */
const struct cg_dh_group *tls_default_dh_group(const struct tls_config *config);
unsigned tls_minimum_dh_bits(const struct tls_config *config);

/* Client: does it offer any suite with this agreement? */
bool tls_offers_agreement(const struct tls_config *config, enum tls_agreement_kind kind);

/* May this suite be used at all under the configuration, whatever the peer says? */
bool tls_suite_is_usable(const struct tls_config *config, uint16_t id);
/* And is it in the configuration's list? */
bool tls_suite_is_configured(const struct tls_config *config, uint16_t id);

#endif
