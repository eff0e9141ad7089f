/* The command line of tls_peer, and the files that it names. */
#ifndef TLS_PEER_OPTIONS_H
#define TLS_PEER_OPTIONS_H

#include "tls/tls.h"

struct peer_options {
    struct tls_config config;
    const char *name;
    int port, connections;
    bool verbose;
    const uint8_t *data; /* what a client sends on every connection; NULL: its standard input */
    size_t data_length;
};

/* Reads the command line, and the files; dies of what is wrong. */
const struct peer_options *peer_options_parse(int argc, char **argv);

/* Says what is wrong, with errno's text when it is set, and ends with status 2. */
_Noreturn void peer_die(const char *what);

#endif
