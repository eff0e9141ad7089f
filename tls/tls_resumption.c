#include "tls_resumption.h"

#include "../crypto_glue/cg_ct.h"
#include "../crypto_glue/cg_random.h"
#include "tls_defences.h"
#include "tls_extensions.h"
#include "tls_key_exchange.h"
#include "tls_ticket.h"

enum { RESUMABLE_FORMAT = 1 };

void tls_wipe_resumable(struct tls_resumable *resumable)
{
    cg_wipe(resumable, sizeof *resumable);
}

static void digest_name(const struct tls_conn *conn, uint8_t out[TLS_DIGEST])
{
    const struct tls_handshake *h = conn->handshake;
    const char *name = conn->session->role == TLS_CLIENT ? h->peer_name : h->server_name;

    cg_hash_once(CG_SHA256, name, strlen(name), out);
}

void tls_resumable_of(const struct tls_conn *conn, struct tls_resumable *out)
{
    const struct tls_session *s = conn->session;
    const struct tls_handshake *h = conn->handshake;

    memset(out, 0, sizeof *out);
    out->format = RESUMABLE_FORMAT;
    out->version = s->version;
    out->suite = s->suite;
    out->extended_master_secret = s->extended_master_secret;
    out->id_length = s->session_id_length;
    memcpy(out->id, s->session_id, sizeof out->id);
    memcpy(out->master_secret, s->master_secret, sizeof out->master_secret);
    memcpy(out->rule, conn->config->rule, sizeof out->rule);
    digest_name(conn, out->name);
    memcpy(out->peer, h->peer_digest, sizeof out->peer);
    /* A session does not grow older by being resumed, and its identity was checked back then. */
    out->created = h->resuming ? h->resumable.created : conn->now;
    out->expires = h->peer_expires;
    out->ticket_length = h->got_ticket ? h->resumable.ticket_length : 0;
    memcpy(out->ticket, h->resumable.ticket, out->ticket_length);
}

/* All but the suite, of which each side has its own view. Lengths too: the cache may be memory that
 * other processes write to. */
static bool is_good(const struct tls_conn *conn, const struct tls_resumable *r)
{
    const struct tls_config *config = conn->config;
    uint8_t name[TLS_DIGEST];

    digest_name(conn, name);
    return r->format == RESUMABLE_FORMAT && r->id_length <= sizeof r->id &&
           r->ticket_length <= sizeof r->ticket && r->version >= config->version_min &&
           r->version <= config->version_max && conn->now >= r->created &&
           conn->now - r->created < (int64_t)tls_resumption_lifetime(config) &&
           conn->now <= r->expires &&
           (memcmp(r->rule, config->rule, TLS_DIGEST) == 0 ||
            !tls_defends(TLS_DEFENCE_TICKET_RULE)) &&
           memcmp(r->name, name, TLS_DIGEST) == 0;
}

/* Takes over what the session inherits. */
static void inherit(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;

    h->resuming = true;
    s->resumed = 1;
    s->suite = h->resumable.suite;
    memcpy(s->master_secret, h->resumable.master_secret, TLS_MASTER_SECRET);
    memcpy(h->peer_digest, h->resumable.peer, TLS_DIGEST);
    h->peer_expires = h->resumable.expires;
}

/* ---- client ---- */

/* Sessions of one rule with one server. */
static void make_cache_key(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;
    struct cg_hash hash;
    uint8_t name[TLS_DIGEST];

    digest_name(conn, name);
    cg_hash_init(&hash, CG_SHA256);
    cg_hash_update(&hash, conn->config->rule, TLS_DIGEST);
    cg_hash_update(&hash, name, sizeof name);
    cg_hash_final(&hash, s->cache_key);
    s->cache_key_length = TLS_DIGEST;
}

void tls_offer_session(struct tls_conn *conn)
{
    const struct tls_cache *cache = conn->config->cache;
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;

    /* A renegotiation is there for new secrets. */
    if (cache == NULL || tls_is_renegotiation(conn)) {
        return;
    }
    make_cache_key(conn);
    if (!cache->find(cache->arg, s->cache_key, s->cache_key_length, &h->resumable) ||
        !is_good(conn, &h->resumable) ||
        !tls_suite_is_configured(conn->config, h->resumable.suite)) {
        tls_wipe_resumable(&h->resumable);
        return;
    }
    h->resume_id_length = h->resumable.id_length;
    memcpy(h->resume_id, h->resumable.id, sizeof h->resume_id);
    if (h->resumable.ticket_length > 0) {
        /* RFC 5077 3.4: the server says that it takes the ticket by giving this back. */
        h->resume_id_length = cg_random(h->resume_id, sizeof h->resume_id) ? 32 : 0;
    }
}

enum tls_error tls_accept_resumption(struct tls_conn *conn, struct tls_reader id)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;
    bool offered = h->resumable.format != 0 && h->resume_id_length > 0;

    if (!offered || id.left != h->resume_id_length || memcmp(id.at, h->resume_id, id.left) != 0) {
        return TLS_ERROR_OK;
    }
    if (s->version != h->resumable.version || s->suite != h->resumable.suite) {
        return tls_because(conn, TLS_ERROR_PARAMETER,
                           "the server resumes a session with another version or suite");
    }
    if (s->extended_master_secret != h->resumable.extended_master_secret) {
        return tls_because(conn, TLS_ERROR_EXTENDED_MASTER,
                           s->extended_master_secret
                               ? "the server resumes a session that was made without it, with it"
                               : "the server has dropped it");
    }
    inherit(conn);
    return TLS_ERROR_OK;
}

/* ---- server ---- */

void tls_resume_by_ticket(struct tls_conn *conn, const uint8_t *ticket, size_t n)
{
    struct tls_handshake *h = conn->handshake;

    h->ticket_promised = true;
    if (n > 0) {
        h->ticket_is_old = tls_ticket_open(conn->config->tickets, conn->now, ticket, n,
                                           &h->resumable) == TLS_TICKET_OLD;
    }
}

static bool is_offered(struct tls_reader suites, uint16_t id)
{
    while (suites.left > 0) {
        if (tls_read_u16(&suites) == id) {
            return true;
        }
    }
    return false;
}

static bool find_by_id(struct tls_conn *conn, struct tls_reader id)
{
    const struct tls_cache *cache = conn->config->cache;
    struct tls_resumable *r = &conn->handshake->resumable;

    return cache != NULL && id.left > 0 && cache->find(cache->arg, id.at, id.left, r) &&
           r->id_length == id.left && memcmp(r->id, id.at, id.left) == 0;
}

/* A client that must show a certificate and did not back then. */
static bool lacks_identity(const struct tls_conn *conn, const struct tls_resumable *r)
{
    static const uint8_t nobody[TLS_DIGEST];

    return conn->config->client_certificate == TLS_CLIENT_CERT_REQUIRE &&
           memcmp(r->peer, nobody, sizeof nobody) == 0;
}

static enum tls_error make_session_id(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;

    /* With a ticket the session is kept by the client. */
    s->session_id_length = 0;
    if (conn->config->cache != NULL && !conn->handshake->ticket_promised) {
        if (!cg_random(s->session_id, sizeof s->session_id)) {
            return TLS_ERROR_RANDOM;
        }
        s->session_id_length = s->cache_key_length = sizeof s->session_id;
        memcpy(s->cache_key, s->session_id, sizeof s->session_id);
    }
    return TLS_ERROR_OK;
}

enum tls_error tls_choose_resumption(struct tls_conn *conn, struct tls_reader id,
                                     struct tls_reader suites)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_session *s = conn->session;
    struct tls_resumable *r = &h->resumable;
    bool by_ticket = r->format != 0;

    if ((!by_ticket && !find_by_id(conn, id)) || !is_good(conn, r) || lacks_identity(conn, r) ||
        r->version != s->version || !tls_suite_is_configured(conn->config, r->suite) ||
        (s->extended_master_secret && !r->extended_master_secret)) {
        tls_wipe_resumable(r);
        return make_session_id(conn);
    }
    if (!is_offered(suites, r->suite) && tls_defends(TLS_DEFENCE_RESUMED_SUITE)) {
        /* CVE-2010-4180: such a client might have been made to offer less. */
        return tls_because(conn, TLS_ERROR_PARAMETER,
                           "the client resumes a session whose suite it does not offer (RFC 2246 "
                           "7.4.1.2)");
    }
    if (r->extended_master_secret && !s->extended_master_secret) {
        return tls_because(conn, TLS_ERROR_EXTENDED_MASTER, "the client has dropped it");
    }
    inherit(conn);
    s->session_id_length = (uint8_t)id.left;
    memcpy(s->session_id, id.at, id.left);
    if (by_ticket) {
        h->ticket_promised = h->ticket_is_old;
    } else {
        h->ticket_promised = false;
        s->cache_key_length = s->session_id_length;
        memcpy(s->cache_key, s->session_id, sizeof s->session_id);
    }
    return TLS_ERROR_OK;
}

/* ---- both ---- */

enum tls_error tls_remember_session(struct tls_conn *conn)
{
    const struct tls_cache *cache = conn->config->cache;
    const struct tls_handshake *h = conn->handshake;
    const struct tls_session *s = conn->session;
    struct tls_resumable resumable;

    if (cache == NULL || s->cache_key_length == 0 || (h->resuming && !h->got_ticket) ||
        (s->session_id_length == 0 && !h->got_ticket)) {
        return TLS_ERROR_OK;
    }
    tls_resumable_of(conn, &resumable);
    cache->store(cache->arg, s->cache_key, s->cache_key_length, &resumable);
    tls_wipe_resumable(&resumable);
    return TLS_ERROR_OK;
}

void tls_forget_session(const struct tls_conn *conn)
{
    const struct tls_cache *cache = conn->config->cache;
    const struct tls_session *s = conn->session;

    if (cache != NULL && s->cache_key_length > 0) {
        cache->remove(cache->arg, s->cache_key, s->cache_key_length);
    }
}
