/* ClientHello (RFC 2246 7.4.1.2). */
#include "../crypto_glue/cg_random.h"
#include "tls_defences.h"
#include "tls_extensions.h"
#include "tls_key_exchange.h"
#include "tls_renegotiation.h"
#include "tls_resumption.h"
#include "tls_text.h"

enum {
    SCSV_RENEGOTIATION = 0x00ff, /* TLS_EMPTY_RENEGOTIATION_INFO_SCSV, RFC 5746 3.3 */
    SCSV_FALLBACK = 0x5600,      /* TLS_FALLBACK_SCSV, RFC 7507 */
    COMPRESSION_NULL = 0,
    SESSION_ID_MAX = 32
};

/* One by its name, more by their number. */
static void note_suites(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_config *config = conn->config;
    struct tls_text t = tls_text_in(h->note, sizeof h->note);
    uint32_t count = 0;
    uint16_t first = 0;

    for (size_t i = config->suite_count; i-- > 0;) {
        if (tls_suite_is_usable(config, config->suites[i])) {
            first = config->suites[i];
            count++;
        }
    }
    tls_text_add(&t, "offers ");
    tls_text_version(&t, h->client_version);
    tls_text_add(&t, ", ");
    if (count == 1) {
        tls_text_suite(&t, first);
    } else {
        tls_text_number(&t, count);
        tls_text_add(&t, " suites");
    }
    if (h->resume_id_length > 0) {
        tls_text_add(&t, ", to resume a session");
    }
}

enum tls_error tls_write_client_hello(struct tls_conn *conn, struct tls_writer *body)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_config *config = conn->config;

    if (!cg_random(h->client_random, TLS_RANDOM)) {
        return TLS_ERROR_RANDOM;
    }
    h->client_version = config->version_max;
    tls_offer_session(conn);
    tls_write_u16(body, h->client_version);
    tls_write_bytes(body, h->client_random, TLS_RANDOM);
    size_t id = tls_open_vector(body, 1);
    tls_write_bytes(body, h->resume_id, h->resume_id_length);
    tls_close_vector(body, 1, id);
    size_t suites = tls_open_vector(body, 2);
    for (size_t i = 0; i < config->suite_count; i++) {
        if (tls_suite_is_usable(config, config->suites[i])) {
            tls_write_u16(body, config->suites[i]);
        }
    }
    if (!tls_is_renegotiation(conn)) { /* which has the extension itself (RFC 5746 3.5) */
        tls_write_u16(body, SCSV_RENEGOTIATION);
        tls_extension_signalled(conn, &tls_ext_renegotiation_info);
    }
    tls_close_vector(body, 2, suites);
    tls_write_u8(body, 1);
    tls_write_u8(body, COMPRESSION_NULL);
    tls_write_extensions(conn, body);

    note_suites(conn);
    return TLS_ERROR_OK;
}

static enum tls_error choose_version(struct tls_conn *conn)
{
    uint16_t offered = conn->handshake->client_version;
    uint16_t version = offered < conn->config->version_max ? offered : conn->config->version_max;

    if (version < conn->config->version_min ||
        (tls_is_renegotiation(conn) && version != conn->session->version)) {
        struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);
        tls_text_add(&t, "the client offers no more than ");
        tls_text_version(&t, offered);
        return TLS_ERROR_VERSION;
    }
    conn->session->version = version;
    return TLS_ERROR_OK;
}

static bool has_suite(struct tls_reader offered, uint16_t id)
{
    while (offered.left > 0) {
        if (tls_read_u16(&offered) == id) {
            return true;
        }
    }
    return false;
}

/* Is there what the suite set in the session needs: a group in common, and for ECDSA a key on a
 * curve that the client knows (RFC 4492 4)? */
static bool suits_the_client(const struct tls_conn *conn)
{
    const struct tls_key_exchange_info *info = tls_key_exchange_of(conn);
    const struct tls_handshake *h = conn->handshake;

    if (info->certificate_key == X509_KEY_EC && h->client_curves != 0) {
        enum cg_curve curve = tls_credential_of_kind(conn->config, X509_KEY_EC)->curve;
        if ((h->client_curves >> curve & 1) == 0) {
            return false;
        }
    }
    return tls_agreement_of(conn)->is_possible(conn);
}

/* RFC 7919 4: the client names finite-field groups, none of them will do, and that is what keeps
 * the two apart. */
static bool lacks_group(struct tls_conn *conn, struct tls_reader offered)
{
    const struct tls_config *config = conn->config;

    if (conn->handshake->dh_group != TLS_GROUP_NONE_FITS) {
        return false;
    }
    while (offered.left > 0) {
        uint16_t id = tls_read_u16(&offered);
        if (tls_suite_is_configured(config, id) &&
            tls_key_exchange_info(tls_suite_by_id(id)->key_exchange)->agreement == TLS_AGREE_DH) {
            return true;
        }
    }
    return false;
}

static enum tls_error choose_suite(struct tls_conn *conn, struct tls_reader offered)
{
    const struct tls_config *config = conn->config;

    if (config->credential == NULL && config->psk_count == 0 && !config->allow_anonymous) {
        return TLS_ERROR_NO_CREDENTIAL;
    }
    if (!tls_extension_received(conn->handshake, &tls_ext_supported_groups)) {
        conn->handshake->curve = tls_default_curve(config);
    }
    for (size_t i = 0; i < config->suite_count; i++) {
        if (tls_suite_is_usable(config, config->suites[i]) &&
            has_suite(offered, config->suites[i])) {
            conn->session->suite = config->suites[i];
            if (suits_the_client(conn)) {
                /* RFC 2246 7.4.4: an anonymous server may not ask. */
                conn->handshake->certificate_requested =
                    config->client_certificate != TLS_CLIENT_CERT_NO &&
                    tls_key_exchange_of(conn)->certificate;
                conn->handshake->psk_hinted = config->psk_hint.length > 0;
                return TLS_ERROR_OK;
            }
        }
    }
    conn->session->suite = 0;
    if (lacks_group(conn, offered)) {
        return TLS_ERROR_NO_COMMON_GROUP;
    }
    struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);
    tls_text_add(&t, "the client offers");
    for (struct tls_reader r = offered; r.left > 0;) {
        tls_text_add(&t, " ");
        tls_text_suite(&t, tls_read_u16(&r));
    }
    return TLS_ERROR_NO_COMMON_SUITE;
}

static void note_offer(struct tls_handshake *h)
{
    struct tls_text t = tls_text_in(h->note, sizeof h->note);

    tls_text_add(&t, "offers ");
    tls_text_version(&t, h->client_version);
    if (h->server_name[0] != '\0') {
        tls_text_add(&t, ", wants ");
        tls_text_bytes(&t, (const uint8_t *)h->server_name, strlen(h->server_name));
    }
}

/* In a first handshake it says what an empty renegotiation_info says; in a further one that says
 * what there is to say (RFC 5746 3.6, 3.7). */
static enum tls_error read_signalling_suite(struct tls_conn *conn, struct tls_reader suites)
{
    bool signalled = has_suite(suites, SCSV_RENEGOTIATION);

    if (tls_is_renegotiation(conn) && tls_defends(TLS_DEFENCE_PREFIX)) {
        return !signalled && tls_extension_received(conn->handshake, &tls_ext_renegotiation_info)
                   ? TLS_ERROR_OK
                   : TLS_ERROR_RENEGOTIATION_INFO;
    }
    if (signalled) {
        tls_extension_signalled(conn, &tls_ext_renegotiation_info);
        conn->session->secure_renegotiation = 1;
    }
    return TLS_ERROR_OK;
}

enum tls_error tls_read_client_hello(struct tls_conn *conn, struct tls_reader body)
{
    struct tls_handshake *h = conn->handshake;

    h->client_version = tls_read_u16(&body);
    tls_read_copy(&body, h->client_random, TLS_RANDOM);
    struct tls_reader session_id = tls_read_vector(&body, 1);
    struct tls_reader suites = tls_read_vector(&body, 2);
    struct tls_reader compressions = tls_read_vector(&body, 1);
    if (body.bad || session_id.left > SESSION_ID_MAX || suites.left == 0 || suites.left % 2 != 0 ||
        compressions.left == 0) {
        return TLS_ERROR_DECODE;
    }
    enum tls_error error = choose_version(conn);
    if (error == TLS_ERROR_OK) {
        error = tls_check_extensions(conn, body);
    }
    if (error != TLS_ERROR_OK) {
        return error;
    }
    if (has_suite(suites, SCSV_FALLBACK) && h->client_version < conn->config->version_max) {
        return TLS_ERROR_FALLBACK;
    }
    if (memchr(compressions.at, COMPRESSION_NULL, compressions.left) == NULL) {
        return TLS_ERROR_COMPRESSION;
    }
    error = tls_read_extensions(conn, body);
    if (error != TLS_ERROR_OK) {
        return error;
    }
    error = read_signalling_suite(conn, suites);
    if (error != TLS_ERROR_OK) {
        return error;
    }
    if (conn->config->require_renegotiation_info && !conn->session->secure_renegotiation) {
        return TLS_ERROR_NO_RENEGOTIATION_INFO;
    }
    note_offer(h);
    error = tls_choose_resumption(conn, session_id, suites);
    if (error == TLS_ERROR_OK && !h->resuming) {
        error = choose_suite(conn, suites);
    }
    return error != TLS_ERROR_OK ? error : tls_judge_renegotiation(conn);
}
