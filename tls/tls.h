/* The TLS engine: bytes in, bytes out. No system call but getrandom (through crypto_glue), no
 * allocation, no global state, no errno.
 *
 * A connection is three pieces of the caller's memory:
 *   struct tls_session    flat, relocatable, at most 1 KiB; lives as long as the connection and may
 *                         be moved (memcpy) or mapped elsewhere between any two calls
 *   struct tls_handshake  only until the handshake is over; relocatable too; wiped by the engine
 *   an output buffer      borrowed while there are records to send
 * and a read-only struct tls_config. A struct tls_conn ties them together for the length of one
 * call: build it on the stack, keep no copy.
 *
 * Four ports, each a (buffer, length) pair:
 *   records in     tls_record_length says how many bytes make the next record; tls_receive takes it
 *   records out    tls_output, tls_output_sent
 *   plaintext in   tls_send
 *   plaintext out  tls_receive's *plain
 *
 * Locking, for who wants it: outside of a handshake (tls_in_handshake) tls_receive touches the
 * session's read half only and tls_send, tls_output and tls_close the write half only, so two
 * threads may work on the two halves. In a handshake one thread at a time; tls_receive begins no
 * renegotiation before it is told, by being given a handshake, that it has both halves. What the
 * read half wants to say (an alert) goes through one atomic mailbox to the write half.
 *
 * Renegotiation: only the peer begins one, and only where the configuration allows it. Application
 * data of the peer's old keys is taken until its ChangeCipherSpec; none is sent meanwhile. */
#ifndef TLS_H
#define TLS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../crypto_glue/cg_cipher.h"
#include "../crypto_glue/cg_dh.h"
#include "../crypto_glue/cg_ec.h"
#include "../crypto_glue/cg_hash.h"
#include "../crypto_glue/cg_rsa.h"
#include "tls_error.h"
#include "x509/x509.h"

enum { TLS_VERSION_10 = 0x0301 };

enum {
    TLS_HEADER = 5,
    TLS_PLAINTEXT_MAX = 16384,
    TLS_RECORD_MAX = TLS_HEADER + TLS_PLAINTEXT_MAX + 2048, /* RFC 2246 6.2.3 */
    /* An output buffer: one full write, split 1/n-1, with alert; or any one handshake message. */
    TLS_OUTPUT_SIZE = 20480,
    TLS_NAME_MAX = 255,
    TLS_RANDOM = 32,
    TLS_MASTER_SECRET = 48,
    TLS_VERIFY_DATA = 12
};

enum tls_role { TLS_CLIENT, TLS_SERVER };

/* ---- suites: one table (tls_suites.c) ---- */

enum tls_key_exchange {
    TLS_KX_RSA,
    TLS_KX_DHE_RSA,
    TLS_KX_DHE_DSS,
    TLS_KX_DH_ANON,
    TLS_KX_ECDHE_RSA,
    TLS_KX_ECDHE_ECDSA,
    TLS_KX_ECDH_ANON,
    TLS_KX_PSK,
    TLS_KX_DHE_PSK,
    TLS_KX_RSA_PSK,
    TLS_KX_ECDHE_PSK,
    TLS_KX_RSA_EXPORT,
    TLS_KX_DHE_RSA_EXPORT,
    TLS_KX_DHE_DSS_EXPORT,
    TLS_KX_DH_ANON_EXPORT
};

struct tls_suite {
    uint16_t id;
    const char *name;  /* IANA: TLS_RSA_WITH_AES_128_CBC_SHA */
    const char *alias; /* OpenSSL: AES128-SHA */
    enum tls_key_exchange key_exchange;
    enum cg_cipher_id cipher;
    enum cg_hash_id mac;
    /* Strength: the key's length; 112 for 3DES; 64 for RC4, whose output is not random enough (RFC
     * 7465). */
    uint16_t cipher_bits;
};

const struct tls_suite *tls_suite_by_id(uint16_t id);
const struct tls_suite *tls_suite_by_name(const char *name, size_t length); /* either spelling */
const struct tls_suite *tls_suite_at(size_t index); /* in default order; NULL past the end */

/* ---- named groups: one table (tls_groups.c; RFC 4492 5.1.1, RFC 8422 5.1.1, RFC 7919 2) ---- */

struct tls_group {
    uint16_t id;
    bool is_curve;
    enum cg_curve curve;          /* of a curve */
    enum cg_dh_group_id dh_group; /* of the others */
    uint16_t bits;                /* of strength (NIST SP 800-57 part 1, table 2) */
    const char *name;             /* IANA: secp256r1 */
    const char *alias;            /* as OpenSSL and browsers say: P-256 */
};

const struct tls_group *tls_group_by_id(uint16_t id);
const struct tls_group *tls_group_by_name(const char *name, size_t length); /* either spelling */
const struct tls_group *tls_group_at(size_t index); /* in default order; NULL past the end */

/* ---- configuration: one per rule, read only ---- */

struct tls_credential { /* own certificate chain, leaf first, and the leaf's key */
    const struct x509_bytes *chain;
    size_t chain_count;
    const struct cg_rsa_private *key; /* kind X509_KEY_RSA */
    enum x509_key_kind kind;
    enum cg_curve curve; /* X509_KEY_EC, with cg_ec_bytes of private key */
    const uint8_t *scalar;
    const struct cg_dsa_public *dsa; /* X509_KEY_DSA, with its private key */
    struct x509_bytes dsa_x;
    struct x509_bytes ocsp_response; /* to be stapled, at most TLS_OCSP_MAX bytes; empty: none */
    int64_t ocsp_until;              /* after that it is not sent; 0: it always is */
    /* NULL: there is no other. A server takes the first that has the kind of key that the suite
     * needs; a client the first that the server asks for by kind and issuer. */
    const struct tls_credential *next;
};

enum { TLS_OCSP_MAX = 16380 };

enum tls_client_certificate {
    TLS_CLIENT_CERT_NO,
    TLS_CLIENT_CERT_REQUEST,
    TLS_CLIENT_CERT_REQUIRE
};

/* A key that both sides know beforehand (RFC 4279). */
enum { TLS_PSK_MAX = 64, TLS_PSK_IDENTITY_MAX = 128 };
struct tls_psk {
    struct x509_bytes identity, key; /* at most the lengths above */
};

enum { TLS_SUITES_MAX = 96, TLS_GROUPS_MAX = 16 };

/* SWEET32: among 2^27 blocks of 8 bytes two are alike with a chance of 2^-11. */
enum { TLS_DATA_LIMIT_64 = 1 << 30 };

/* ---- resumption ---- */

enum {
    TLS_DIGEST = 32,       /* SHA-256 */
    TLS_TICKET_MAX = 2048, /* a longer ticket is not kept */
    TLS_RESUMPTION_LIFETIME = 7200
};

/* What a full handshake leaves behind so that a later one may be shorter (RFC 2246 7.3, RFC 5077).
 * Flat, and secret: it holds a master secret. */
struct tls_resumable {
    uint16_t format, version, suite;
    uint8_t extended_master_secret; /* RFC 7627 */
    uint8_t id_length;
    uint8_t id[32];
    uint8_t master_secret[TLS_MASTER_SECRET];
    uint8_t rule[TLS_DIGEST]; /* of the configuration under which it was made */
    uint8_t name[TLS_DIGEST]; /* of the server's name that the client asked for */
    uint8_t peer[TLS_DIGEST]; /* of the peer's certificate; zeros: it showed none */
    int64_t created;          /* when the full handshake was, seconds since 1970 */
    int64_t expires;          /* when the peer's certificate does */
    uint16_t ticket_length;   /* a client's */
    uint8_t ticket[TLS_TICKET_MAX];
};

/* Where resumables are kept: the caller's, or that of tls_cache.h. A server's key is the session
 * id; a client's is a digest of rule and name. All three may be called from any thread that works
 * on a session, and must not block for long. */
struct tls_cache {
    void *arg;
    bool (*find)(void *arg, const uint8_t *key, size_t n, struct tls_resumable *out);
    void (*store)(void *arg, const uint8_t *key, size_t n, const struct tls_resumable *in);
    void (*remove)(void *arg, const uint8_t *key, size_t n);
};

struct tls_ticket_ring; /* tls_ticket.h */

/* The codes of max_fragment_length (RFC 6066 4); 0: records of up to 16,384 bytes. */
enum { TLS_FRAGMENT_512 = 1, TLS_FRAGMENT_4096 = 4 };

struct tls_config {
    enum tls_role role;
    uint16_t version_min, version_max;
    uint16_t suites[TLS_SUITES_MAX]; /* in order of preference */
    size_t suite_count;
    bool no_record_splitting; /* BEAST defence off, for peers that choke on it */
    bool allow_truncation;    /* end of stream without close_notify is an orderly end */
    const struct tls_credential *credential; /* server: required; client: NULL for none */
    /* Named groups, in order of preference, and no others; none: all that there are, of which a
     * client names the curves only. A server takes its first that the client names too. */
    uint16_t groups[TLS_GROUPS_MAX];
    size_t group_count;
    const struct x509_trust *trust; /* client: required; server: for clients' certificates */
    /* Client: or, when trust is NULL, what gives it as soon as it is needed. NULL then: there is
     * none after all. It must not block. */
    const struct x509_trust *(*find_trust)(void *arg);
    void *find_trust_arg;
    enum tls_client_certificate client_certificate; /* server */
    bool skip_name_check; /* only when the rule knows the peer otherwise (a pin) */
    /* The peer's certificate is known by its key alone: pins, or conn.approve, or both tell whether
     * it is the right one. Its chain, names and dates are not looked at. */
    bool unchained;
    const uint8_t (*pins)[32]; /* as in struct x509_rules */
    size_t pin_count;
    bool allow_common_name, strict_certificates; /* likewise */
    const struct x509_crl *crls;                 /* likewise: NULL: no list is asked */
    size_t crl_count;
    const struct x509_admitted *admitted; /* server: of clients; NULL: whoever is trusted */
    /* Client: asks for an OCSP response (RFC 6066 8); one that comes must hold. require: it must
     * come; else only where the certificate says so (RFC 7633). */
    bool request_status, require_status;
    bool needs_approval; /* conn.approve has to be asked; without it, the peer is refused */
    /* Suites without authentication: whoever stands between is not noticed. */
    bool allow_anonymous;
    unsigned minimum_rsa_bits;          /* of the keys that certify, in the peer's chain */
    unsigned minimum_rsa_exchange_bits; /* client: of the server's key that a secret is sent to */
    const struct tls_psk *psks;         /* server: any of them; client: the first */
    size_t psk_count;
    /* Server: a hint at which identity it wants (RFC 4279 5.2), at most TLS_PSK_IDENTITY_MAX
     * bytes; empty, as it should be: none. Clients of ours read over it. */
    struct x509_bytes psk_hint;
    /* Of a finite-field group; 0: 2048. A client refuses smaller ones of the server's; a server
     * passes over smaller ones among its named groups. */
    unsigned minimum_dh_bits;
    /* Server: for clients that name no such group; NULL: the first of its named groups with
     * minimum_dh_bits, and the suites that need one are not chosen when there is none. */
    const struct cg_dh_group *dh_group;
    /* Server, for export suites: an RSA key of 512 bits, and a group of as many. */
    const struct cg_rsa_private *export_key;
    struct cg_rsa_public export_public;
    const struct cg_dh_group *export_dh_group;
    bool allow_sha1_certificates;
    uint64_t data_limit_64; /* bytes per key for 64-bit blocks; 0: TLS_DATA_LIMIT_64 */
    /* Resumption. rule: a digest of everything about this configuration that bears on who the peer
     * is and how strong the session must be (for a client also of the server's address); sessions
     * are resumed under the same rule only. */
    const struct tls_cache *cache;   /* NULL: no sessions are kept */
    struct tls_ticket_ring *tickets; /* server: NULL: no tickets are given out */
    bool no_tickets;                 /* client: asks for none */
    /* A further handshake in the established session, when the peer wants one, is done; never
     * without RFC 5746, and only with the same identity of the peer. Else it is refused with
     * no_renegotiation. */
    bool allow_renegotiation;
    /* Peers that do not know RFC 5746 at all are refused. What its attack needs, a renegotiation
     * without it, does not happen here either way. */
    bool require_renegotiation_info;
    bool no_extensions; /* client: for servers that choke on them */
    /* Extensions. */
    uint8_t max_fragment;          /* client: what it asks for, a code as above */
    const struct x509_bytes *alpn; /* protocol names of 1 to 255 bytes, in order of preference */
    size_t alpn_count;             /* at most 255 */
    bool accept_sslv2_hello;       /* server: RFC 2246 appendix E */
    uint32_t resumption_lifetime;  /* seconds; 0: TLS_RESUMPTION_LIFETIME */
    uint8_t rule[TLS_DIGEST];
};

/* ---- the flat session ---- */

struct tls_half {             /* one direction's keys; raw bytes only */
    uint8_t cipher;           /* enum cg_cipher_id */
    uint8_t mac;              /* enum cg_hash_id */
    uint8_t protected;        /* 0: still the null cipher of before ChangeCipherSpec */
    uint8_t encrypt_then_mac; /* RFC 7366 */
    uint8_t closed;           /* close_notify sent or received, or failed */
    uint64_t sequence;        /* of the next record */
    uint64_t bytes;           /* under this key, for the data limit */
    uint8_t mac_key[CG_HASH_MAX];
    union {
        struct {
            uint8_t key[CG_CIPHER_KEY_MAX];
            uint8_t iv[CG_CIPHER_IV_MAX];
        };
        uint8_t state[CG_CIPHER_STATE_MAX]; /* of a stream cipher: it takes the key's place */
    };
};

struct tls_session {
    uint16_t format; /* of this struct; a reader of another format refuses */
    uint16_t version, suite;
    uint8_t role;
    _Atomic uint8_t established;   /* both Finished are checked; set once, under both locks */
    _Atomic uint8_t renegotiating; /* a further handshake is under way */
    uint8_t renegotiations;        /* that were begun */
    _Atomic uint16_t mailbox; /* an alert from the read half: level << 8 | description; 0 none */
    uint8_t secure_renegotiation, extended_master_secret, resumed;
    uint8_t max_fragment;        /* agreed on, a code of RFC 6066 4 */
    uint8_t alpn;                /* which name of the configuration's, from 1; 0: none */
    uint8_t accepts_sslv2_hello; /* still, and only as the first record */
    uint8_t session_id_length, cache_key_length;
    uint8_t session_id[32];
    uint8_t cache_key[TLS_DIGEST]; /* under which it was stored, to be forgotten after a failure */
    uint8_t peer[TLS_DIGEST];      /* of the peer's certificate and identity, to know it again */
    uint8_t master_secret[TLS_MASTER_SECRET];
    uint8_t client_verify_data[TLS_VERIFY_DATA], server_verify_data[TLS_VERIFY_DATA];
    struct tls_half read, write;
    /* read half */
    uint8_t empty_records, warnings;  /* in a row */
    uint8_t alert[2], alert_have;     /* of an alert that came in pieces */
    uint8_t refused[4], refused_have; /* header of a handshake message after the handshake */
    uint32_t refused_left;            /* bytes of its body to skip */
    _Atomic uint8_t read_error;       /* enum tls_error */
    _Atomic uint8_t alert_received;   /* the peer's fatal enum tls_alert */
    /* write half */
    _Atomic uint8_t write_error;       /* enum tls_error */
    _Atomic uint8_t alert_sent;        /* our last enum tls_alert */
    uint32_t output_start, output_end; /* of what waits in the output buffer */
};
_Static_assert(sizeof(struct tls_session) <= 1024, "an idle session is at most 1 KiB");

/* What only the handshake needs: state, transcript hashes, randoms, the message being put
 * together, the peer's key, the peer's name. */
struct tls_handshake;
size_t tls_handshake_size(void); /* at most 24 KiB */

/* ---- a call's view ---- */

struct tls_event;

struct tls_conn {
    struct tls_session *session;
    struct tls_handshake *handshake; /* NULL outside of a handshake */
    const struct tls_config *config;
    uint8_t *output; /* TLS_OUTPUT_SIZE bytes; may be NULL for tls_receive outside of a handshake */
    uint8_t *big;    /* room for a handshake message over 16 KiB, or NULL */
    size_t big_size; /* see TLS_NEED_BIG */
    int64_t now;     /* seconds since 1970, for certificates; only looked at in a handshake */
    /* NULL, or: has the last word about the peer's certificate when all else holds. It is called in
     * tls_receive, once for a certificate that the peer shows (not when a session is resumed).
     * Returns TLS_ERROR_OK, or an error and a phrase of at most size bytes in detail. */
    enum tls_error (*approve)(void *arg, const struct x509_certificate *leaf, char *detail,
                              size_t size);
    void *approve_arg;
    /* NULL, or: is told the secret of the session as soon as it is known, for a log of keys, with
     * the client's random (TLS_RANDOM bytes) that names it. Called in tls_receive. */
    void (*log_secret)(void *arg, const uint8_t *client_random, const uint8_t *master_secret);
    void *log_secret_arg;
    void (*observe)(void *arg, const struct tls_event *event); /* NULL; for probe and trace */
    void *observe_arg;
};

enum tls_result {
    TLS_DONE,     /* the call did what it should */
    TLS_CLOSED,   /* the peer's close_notify: no more will come */
    TLS_NEED_BIG, /* give conn.big of TLS_BIG_SIZE bytes, kept until the message is done, and repeat
                   * the call with the same record (it was not changed) */
    TLS_NEED_HANDSHAKE, /* the peer renegotiates: give conn.handshake, after tls_handshake_init, and
                         * conn.output, both kept until tls_in_handshake is false again, and
                         * repeat the call with the same record, with nobody else at the session */
    TLS_NEED_ROOM,      /* send some output first, then repeat the call */
    TLS_FAILED          /* see tls_failure_text; an alert may wait in the output */
};
/* A ClientHello may have 131,396 bytes by its syntax; Certificate is cut off at 100 KiB. */
enum { TLS_BIG_SIZE = 132 * 1024 };

void tls_session_init(struct tls_session *session, enum tls_role role);
/* peer_name: what the program calls the peer (client side): a DNS name or an IP literal, or NULL
 * when unknown; copied. Names, not literals, are sent as server_name (RFC 6066). */
void tls_handshake_init(struct tls_handshake *handshake, const char *peer_name);

/* Client: writes the ClientHello to the output. Server: gets ready for one. Call once. */
enum tls_result tls_start(struct tls_conn *conn);

/* How many bytes, header included, the record that begins at `bytes` has; TLS_HEADER while fewer
 * than TLS_HEADER bytes are there. 0 when what is there cannot be a record: hand it to tls_receive
 * all the same (with what is there), which fails with the right error and alert. */
size_t tls_record_length(const struct tls_session *session, const uint8_t *bytes, size_t have);

/* Takes exactly one record, decrypting in place. Application data: *plain points into record.
 * Anything else: *plain_length is 0. Replies go to the output (in a handshake) or the mailbox. */
enum tls_result tls_receive(struct tls_conn *conn, uint8_t *record, size_t length, uint8_t **plain,
                            size_t *plain_length);
/* The transport ended. TLS_CLOSED after close_notify or when the config allows truncation. */
enum tls_result tls_receive_end(struct tls_conn *conn);

/* Continues a handshake that stopped because the output was full. Call when output was sent.
 * TLS_CLOSED when there is nothing to continue after tls_close. */
enum tls_result tls_continue(struct tls_conn *conn);

/* Seals up to n bytes of plaintext (1/n-1 split for CBC) as far as the output has room; *taken
 * says how many. Only when established; none while a renegotiation is under way, which then has
 * to be carried on first (TLS_NEED_ROOM). */
enum tls_result tls_send(struct tls_conn *conn, const void *plain, size_t n, size_t *taken);
/* How many bytes of plaintext tls_send would take so that the records made are at most `space`
 * bytes on the wire (0 when not even one byte fits). */
size_t tls_plaintext_for(const struct tls_session *session, const struct tls_config *config,
                         size_t space);
/* Queues close_notify (once); after it tls_send fails. In a handshake it ends both halves. */
enum tls_result tls_close(struct tls_conn *conn);
/* Gives up: queues the alert that belongs to `error` (TIMEOUT, say) and ends both halves. */
void tls_abort(struct tls_conn *conn, enum tls_error error);
/* Moves what the read half left in the mailbox to the output; the write half's owner calls it
 * before it sends anything. */
void tls_flush_mailbox(struct tls_conn *conn);

/* Bytes that wait to be sent: conn->output + start. Send some, then say how many. */
const uint8_t *tls_output(const struct tls_conn *conn, size_t *length);
void tls_output_sent(struct tls_conn *conn, size_t n);

static inline bool tls_is_established(const struct tls_session *s)
{
    return atomic_load_explicit(&s->established, memory_order_acquire) != 0;
}

/* A first handshake, or a renegotiation. */
static inline bool tls_in_handshake(const struct tls_session *s)
{
    return !tls_is_established(s) ||
           atomic_load_explicit(&s->renegotiating, memory_order_acquire) != 0;
}

/* The first failure of this connection: TLS_ERROR_OK when none. */
enum tls_error tls_failure(const struct tls_session *session);
/* One line for people: what was expected, what came, in which state, which alert was sent or
 * received. handshake may be NULL. Always ends the string. */
void tls_failure_text(const struct tls_session *session, const struct tls_handshake *handshake,
                      char *out, size_t size);

/* ---- watching (tlshim probe, trace, demo) ---- */

struct tls_event {
    bool sent;            /* by us, else received */
    uint8_t content_type; /* 20 change_cipher_spec, 21 alert, 22 handshake */
    uint8_t message;      /* handshake type, or alert description */
    char text[200];       /* content in words: suite, name, subject */
};

#endif
