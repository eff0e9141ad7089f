/* One question of `tlshim probe`: a ClientHello of any version and content, and what the peer says
 * to it in plaintext, up to ServerHelloDone. No secret is agreed upon. */
#ifndef SHIM_CLI_PROBE_HELLO_H
#define SHIM_CLI_PROBE_HELLO_H

#include "probe_wire.h"

enum { /* versions on the wire */
       PROBE_SSL30 = 0x0300,
       PROBE_TLS10 = 0x0301,
       PROBE_TLS11 = 0x0302,
       PROBE_TLS12 = 0x0303,
       PROBE_TLS13 = 0x0304
};

enum {                       /* what a hello has besides version and suites */
       HELLO_EXTENSIONS = 1, /* server_name, groups, point formats: what browsers of 2008 sent */
       HELLO_ALL = 2,        /* and every other that a server may answer without harm */
       HELLO_ALPN = 4,
       HELLO_DEFLATE = 8,  /* offers compression (RFC 3749) before none */
       HELLO_FALLBACK = 16 /* TLS_FALLBACK_SCSV (RFC 7507) */
};

struct probe_hello {
    uint16_t version;
    unsigned flags;
    const uint16_t *suites, *groups;
    size_t suite_count, group_count;
};

enum probe_kind {
    ANSWER_HELLO, /* a ServerHello, perhaps with what follows it */
    ANSWER_ALERT,
    ANSWER_CLOSED,
    ANSWER_SILENT,  /* the time is up */
    ANSWER_NO_TLS,  /* something that is no TLS record: see text */
    ANSWER_BROKEN,  /* TLS, but not a message that can be read */
    ANSWER_NO_REACH /* no connection: see text */
};

enum { PROBE_EXTENSIONS_MAX = 24, PROBE_FLIGHT_MAX = 128 * 1024 };

struct probe_answer {
    enum probe_kind kind;
    char text[200]; /* how what is no TLS begins; why there is no connection */
    uint8_t alert;  /* of ANSWER_ALERT */
    uint16_t version, suite;
    uint8_t compression; /* 0: none; 1: DEFLATE */
    uint16_t extensions[PROBE_EXTENSIONS_MAX];
    size_t extension_count;
    char protocol[32];              /* that ALPN chose */
    struct x509_bytes certificates; /* list of Certificate, in flight */
    uint16_t group;                 /* curve of ServerKeyExchange; 0: none */
    unsigned exchange_bits;         /* of its DH prime or RSA modulus; 0: none */
    bool wants_certificate, done;   /* CertificateRequest, ServerHelloDone came */
    size_t length;
    uint8_t flight[PROBE_FLIGHT_MAX]; /* handshake messages, one after the other */
};

/* Opens a connection, asks, and takes the answer. */
void probe_ask(const struct probe_target *target, const struct probe_hello *hello,
               struct probe_answer *answer);

bool probe_answered_extension(const struct probe_answer *answer, uint16_t type);

/* What came instead of a ServerHello, in words. */
void probe_answer_text(const struct probe_answer *answer, char *out, size_t size);

/* "SSL 3.0"; "x25519", or a number for a group that has no name here; "extended_master_secret". */
const char *probe_version_name(uint16_t version);
const char *probe_group_name(uint16_t group);
const char *probe_extension_name(uint16_t type);
/* Strength of an elliptic curve in bits. */
unsigned probe_group_bits(uint16_t group);
/* Every curve that is asked about, in no order of preference; 0 past the end. */
uint16_t probe_group_at(size_t index);

#endif
