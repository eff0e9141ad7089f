/* What the peers in this folder have in common: their command line, the sockets, and the data that
 * they move. A peer fills a struct peer_stack with what its library does, and hands it to
 * peer_main.
 *
 *   PEER suites                       the TLS 1.0 suites that the library has, a number in hex each
 *   PEER server PORT KEY=VALUE...     listens on 127.0.0.1, and sends back what it gets
 *   PEER client PORT KEY=VALUE...     sends `data`, and compares it with what comes back
 *
 *   suite=HEX             the only one that is offered or taken
 *   alias=NAME            of the same, by OpenSSL
 *   certificate=F key=F   PEM: our own chain and key; a client needs none
 *   ca=F                  PEM of the root that the other side's certificate leads to
 *   nss=DIR nick=NAME     NSS: its database, and which of its keys is ours
 *   ask                   a server demands a certificate
 *   psk=NAME:HEX          a key that both sides know
 *   resume=id | ticket    sessions are resumed, and in that way alone; without it: not at all
 *   connections=N         one after the other; 1 if not given
 *   data=F                what a client sends on each of them
 *   alpn=NAME             protocol
 *   keylog=F              gets the master secrets, where the library can
 *   truncate              end without close_notify
 *   renegotiate           a client begins a second handshake when all came back, and sends it all
 *                         again; a server, which gets data= too, when all has come
 *   no-renegotiation-info GnuTLS: as if RFC 5746 did not exist
 *
 * Each connection that went well is one line on stdout: "resumed=0 ems=1 etm=- alpn= peer=NAME",
 * in which "-" is what the library does not tell. Exit status 0: all went well and ended with
 * close_notify both ways. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum peer_resume { PEER_NOT, PEER_BY_ID, PEER_BY_TICKET };

struct peer_options {
    bool server, ask, truncate, renegotiate, no_renegotiation_info;
    const char *port;
    unsigned suite;
    const char *alias, *certificate, *key, *ca, *nss, *nick, *data, *alpn, *keylog;
    const char *psk_identity; /* NULL: none */
    uint8_t psk[64];
    size_t psk_length;
    enum peer_resume resume;
    int connections;
};

extern struct peer_options peer_options;

struct peer_facts {
    int resumed, ems, etm; /* 0, 1; -1: the library does not tell */
    char alpn[256];        /* empty: none */
    char subject[64];      /* common name in the other side's certificate; empty: it showed none */
};

struct peer_stack {
    void (*list)(void);   /* prints the suites */
    void (*set_up)(void); /* once */
    /* Makes a handshake on a connected socket. `first`: the first connection of this run; a client
     * tries to resume on those after it, if peer_options.resume says so. */
    void (*open)(int fd, bool first, struct peer_facts *facts);
    size_t (*read)(void *out, size_t n); /* 0: close_notify */
    void (*write)(const void *bytes, size_t n);
    void (*close)(void);   /* close_notify */
    void (*release)(void); /* the session; it is kept for resumption if it is to be */
    /* Begins a further handshake, which a server need not have finished when this returns; NULL:
     * not done here. */
    void (*renegotiate)(void);
};

int peer_main(int argc, char **argv, const struct peer_stack *stack);

/* Ends the program with a message. */
__attribute__((noreturn)) void peer_die(const char *what, const char *why);

#ifdef __cplusplus
}
#endif

#endif
