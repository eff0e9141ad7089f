/* Inside of the handshake: what it remembers, the steps it is made of, and what a message's file
 * has to offer to be such a step. For the engine's own files only. */
#ifndef TLS_HANDSHAKE_H
#define TLS_HANDSHAKE_H

#include "tls.h"
#include "tls_prf.h"
#include "tls_wire.h"

/* Handshake types (RFC 2246 7.4), and ChangeCipherSpec, which has a content type of its own but
 * its place in the order all the same. */
enum tls_message {
    TLS_HELLO_REQUEST = 0,
    TLS_CLIENT_HELLO = 1,
    TLS_SERVER_HELLO = 2,
    TLS_NEW_SESSION_TICKET = 4,
    TLS_CERTIFICATE = 11,
    TLS_SERVER_KEY_EXCHANGE = 12,
    TLS_CERTIFICATE_REQUEST = 13,
    TLS_SERVER_HELLO_DONE = 14,
    TLS_CERTIFICATE_VERIFY = 15,
    TLS_CLIENT_KEY_EXCHANGE = 16,
    TLS_FINISHED = 20,
    TLS_CERTIFICATE_STATUS = 22,
    TLS_CHANGE_CIPHER_SPEC = 256,
    TLS_APPLICATION_DATA = 257, /* for words only */
    TLS_NO_MESSAGE = 258
};

enum {
    TLS_MESSAGE_HEADER = 4,
    TLS_MESSAGE_MAX = 16384,           /* length field of a message */
    TLS_MESSAGE_CERTIFICATES = 102400, /* of Certificate and CertificateRequest */
    /* Of a ClientHello with as many suites and extensions as its length fields can say: no hello is
     * refused for its size alone. */
    TLS_MESSAGE_HELLO = 2 + 32 + 1 + 32 + 2 + 65534 + 1 + 255 + 2 + 65535,
    TLS_PREMASTER_MAX = 2 + CG_DH_BYTES_MAX + 2 + TLS_PSK_MAX,
    TLS_DETAIL_MAX = 320,
    TLS_NOTE_MAX = 200,
    TLS_STRAY_MAX = 24
};
_Static_assert(TLS_MESSAGE_HEADER + TLS_MESSAGE_HELLO <= TLS_BIG_SIZE, "big holds any message");

/* The key of the peer's certificate: the numbers of enum x509_key_kind one after the other (RSA: n
 * e; DSA: p q g y; EC: the point). */
struct tls_peer_key {
    uint8_t kind, curve;
    uint16_t length[4];
    uint8_t bytes[3 * 3072 / 8 + 32]; /* DSA of 3072 bits; RSA of 8192 */
};
_Static_assert(CG_RSA_PUBLIC_BYTES_MAX + 8 <= sizeof((struct tls_peer_key *)NULL)->bytes,
               "any RSA key has its place");

/* What the server sent of its Diffie-Hellman group: p, g and its public value. */
struct tls_dh_parameters {
    uint16_t p_length, g_length, y_length;
    uint8_t bytes[3 * CG_DH_BYTES_MAX];
};

/* The server's RSA key for an export suite. */
struct tls_export_key {
    uint8_t n_length, e_length;
    uint8_t n[64], e[8];
};

enum { TLS_GROUP_NONE_FITS = 0xffff };

/* What a stapled OCSP response is held against: the leaf's serial number, and its issuer's name and
 * SubjectPublicKeyInfo, one after the other. */
struct tls_status_subject {
    uint16_t serial_length, name_length, key_length;
    uint8_t bytes[1536];
};

/* Of CertificateStatus. */
enum tls_status {
    TLS_STATUS_NONE,
    TLS_STATUS_PROMISED, /* client: the server may send it; server: the client would take it */
    TLS_STATUS_DEMANDED  /* client: the server has to send it; server: it is in the hello */
};

/* Flat and relocatable: numbers and bytes, no pointer. */
struct tls_handshake {
    uint8_t flow, step;      /* enum tls_flow and the place in it: the state */
    uint16_t client_version; /* of this ClientHello, for the rollback check (RFC 2246 7.4.7.1) */
    uint8_t client_random[TLS_RANDOM], server_random[TLS_RANDOM];
    struct cg_hash md5, sha1; /* the transcript */

    uint16_t premaster_length;
    uint8_t premaster[TLS_PREMASTER_MAX];
    uint8_t psk_length, psk[TLS_PSK_MAX];
    struct tls_half client_write, server_write; /* keys waiting for their ChangeCipherSpec */
    struct tls_peer_key peer;
    uint16_t curve, dh_group; /* ids of named groups agreed on; 0: not talked about */
    uint8_t client_curves;    /* server: what the client can do, a bit for each enum cg_curve */
    union {
        struct tls_dh_parameters dh;       /* client */
        struct tls_export_key export_key;  /* client */
        struct tls_status_subject status;  /* client, before the server's parameters come */
        uint8_t ec_point[CG_EC_POINT_MAX]; /* client */
        struct cg_dh_key dh_key;           /* server */
        struct cg_ec_key ec_key;           /* server */
    } agreement;

    uint32_t extensions_sent, extensions_received; /* bits by row of the extension table */
    bool encrypt_then_mac;                         /* agreed, if the suite has blocks */
    bool peer_is_certified;                        /* server: the client showed a certificate */
    bool certificate_requested;                    /* by the server, of the client */
    bool psk_hinted;                               /* server: it has a hint to give */
    uint8_t status;                                /* enum tls_status */
    uint8_t credential; /* client: the one that the server asks for, from 1; 0: none fits */
    uint8_t peer_digest[TLS_DIGEST]; /* of the peer's certificate, and until when it is good */
    int64_t peer_expires;
    uint8_t psk_digest[TLS_DIGEST]; /* server: of the identity whose key the client claims */

    /* A renegotiation's. */
    bool had_extended_master_secret; /* what it replaces */
    bool peer_changed;               /* the peer's ChangeCipherSpec has come: no more old data */

    bool resuming;            /* the shorter handshake was chosen */
    bool ticket_promised;     /* the server will send a NewSessionTicket */
    bool ticket_is_old;       /* server: the client's should be replaced */
    bool got_ticket;          /* client: a new one is in resumable */
    uint8_t resume_id_length; /* client: of the session id in its hello */
    uint8_t resume_id[32];
    struct tls_resumable resumable; /* client: offered; server: found; format 0: none */

    char peer_name[TLS_NAME_MAX + 1]; /* what the program calls the peer; empty: unknown */
    uint8_t peer_ip[16], peer_ip_length;
    char server_name[TLS_NAME_MAX + 1]; /* server: what the client asked for */

    /* A message on its way in: `have` of `need` bytes, in `message` or in conn->big. need is 0
     * while the header is not whole. */
    uint32_t have, need;
    bool waits_for_big;    /* a record stopped where conn->big is needed; it comes again */
    uint32_t record_taken; /* of that record; 0 when the header ended the record before */
    /* A streamed message on its way out: bytes already written. */
    uint32_t streamed;

    uint16_t got;                /* enum tls_message that came when something failed */
    char note[TLS_NOTE_MAX];     /* the message in work, in words, for the observer */
    char detail[TLS_DETAIL_MAX]; /* more about the failure, in words */
    uint8_t stray[TLS_STRAY_MAX], stray_length; /* how what is not TLS begins */

    uint8_t message[TLS_MESSAGE_HEADER + TLS_MESSAGE_MAX];
};
_Static_assert(sizeof(struct tls_handshake) <= 24 * 1024, "a handshake is at most 24 KiB");

/* ---- steps (tls_steps.c holds the tables) ---- */

enum tls_step_kind {
    TLS_STEP_RECEIVE,
    TLS_STEP_SEND,
    TLS_STEP_STREAM,
    TLS_STEP_ACT,
    TLS_STEP_SWITCH, /* goes on with another flow */
    TLS_STEP_END
};

/* A connection's first handshake begins with the first, a renegotiation with AGAIN. */
enum tls_flow { TLS_FLOW_FULL, TLS_FLOW_RESUMED, TLS_FLOW_AGAIN, TLS_FLOW_COUNT };

/* One row. Rows are taken in order; a row whose condition does not hold is passed over; an optional
 * one may be left out by the peer. What comes and has no row at this place is unexpected_message.
 */
struct tls_step {
    enum tls_step_kind kind;
    enum tls_message message;
    bool optional;
    bool hash_last; /* the message's own check needs the transcript before it */
    bool (*when)(const struct tls_conn *conn); /* NULL: always */
    union {
        enum tls_error (*read)(struct tls_conn *conn, struct tls_reader body);
        enum tls_error (*write)(struct tls_conn *conn, struct tls_writer *body);
        /* A message of any size: piece `index` of it, in order, header included. Pieces that are
         * not in the caller's memory are written to scratch. False past the last. */
        bool (*piece)(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                      struct x509_bytes *out);
        enum tls_error (*act)(struct tls_conn *conn);
        enum tls_flow flow; /* to switch to */
    };
};

/* The row at which the handshake stands; rows whose condition does not hold are passed. */
const struct tls_step *tls_current_step(const struct tls_conn *conn);
/* The row for a message that came, or NULL when it may not come at this place. */
const struct tls_step *tls_find_step(const struct tls_conn *conn, unsigned message);
/* Goes on to what follows the row. */
void tls_step_done(struct tls_conn *conn, const struct tls_step *step);

/* ---- for the messages' files ---- */

/* The transcript so far (RFC 2246 7.4.8, 7.4.9). */
void tls_transcript_digest(const struct tls_handshake *h, uint8_t digest[TLS_TRANSCRIPT_DIGEST]);

/* Wipes the secrets of a handshake that has failed, and leaves what explains it. */
void tls_wipe_secrets(struct tls_handshake *h);

/* Notes for people why an error happens, and gives the error back. detail: a phrase. */
enum tls_error tls_because(struct tls_conn *conn, enum tls_error error, const char *detail);

/* What certificates of the peer have to be, by the configuration; no name is set. */
struct x509_rules tls_x509_rules(const struct tls_conn *conn, enum x509_purpose purpose);

static inline bool tls_is_renegotiation(const struct tls_conn *conn)
{
    return atomic_load_explicit(&conn->session->renegotiating, memory_order_relaxed) != 0;
}

static inline const struct tls_suite *tls_suite_of(const struct tls_conn *conn)
{
    return tls_suite_by_id(conn->session->suite);
}

/* ---- the messages, one file each ---- */

enum tls_error tls_read_hello_request(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_client_hello(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_client_hello(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_server_hello(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_server_hello(struct tls_conn *conn, struct tls_reader body);
bool tls_certificate_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                           struct x509_bytes *out);
enum tls_error tls_read_server_certificate(struct tls_conn *conn, struct tls_reader body);
/* certificate_status.c: what the client keeps of a certificate for the message, and the message. */
enum tls_error tls_await_status(struct tls_conn *conn, const struct x509_certificate *leaf,
                                const struct x509_certificate *issuer);
bool tls_server_staples(const struct tls_conn *conn);
bool tls_certificate_status_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                                  struct x509_bytes *out);
enum tls_error tls_read_certificate_status(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_server_key_exchange(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_server_key_exchange(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_read_client_certificate(struct tls_conn *conn, struct tls_reader body);
bool tls_certificate_request_piece(const struct tls_conn *conn, size_t index, uint8_t scratch[16],
                                   struct x509_bytes *out);
enum tls_error tls_read_certificate_request(struct tls_conn *conn, struct tls_reader body);
/* Of an anonymous server: always an error. */
enum tls_error tls_refuse_certificate_request(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_server_hello_done(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_server_hello_done(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_client_key_exchange(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_client_key_exchange(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_new_session_ticket(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_new_session_ticket(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_judge_identity(struct tls_conn *conn);       /* renegotiation.c */
enum tls_error tls_derive_master_secret(struct tls_conn *conn); /* of the premaster secret */
enum tls_error tls_derive_keys(struct tls_conn *conn);          /* of the master secret */
enum tls_error tls_write_certificate_verify(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_certificate_verify(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_change_cipher_spec(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_use_write_keys(struct tls_conn *conn); /* after it was sent */
enum tls_error tls_read_change_cipher_spec(struct tls_conn *conn, struct tls_reader body);
enum tls_error tls_write_finished(struct tls_conn *conn, struct tls_writer *body);
enum tls_error tls_read_finished(struct tls_conn *conn, struct tls_reader body);

#endif
