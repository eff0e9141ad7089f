#include "peer.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DATA_MAX = 1 << 17 };

struct peer_options peer_options = {.connections = 1};

static const struct peer_stack *stack;
static uint8_t data[DATA_MAX];
static size_t data_length;

void peer_die(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

/* ---- command line ---- */

static void parse_psk(char *value)
{
    char *hex = strchr(value, ':');
    unsigned byte;

    if (hex == NULL) {
        peer_die("psk", "NAME:HEX");
    }
    *hex++ = '\0';
    peer_options.psk_identity = value;
    for (; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        peer_options.psk[peer_options.psk_length++] = (uint8_t)byte;
    }
}

static void parse_value(const char *name, char *value)
{
    static const struct {
        const char *name, **value;
    } texts[] = {{"alias", &peer_options.alias},  {"certificate", &peer_options.certificate},
                 {"key", &peer_options.key},      {"ca", &peer_options.ca},
                 {"nss", &peer_options.nss},      {"nick", &peer_options.nick},
                 {"data", &peer_options.data},    {"alpn", &peer_options.alpn},
                 {"keylog", &peer_options.keylog}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (strcmp(name, texts[i].name) == 0) {
            *texts[i].value = value;
            return;
        }
    }
    if (strcmp(name, "suite") == 0) {
        peer_options.suite = (unsigned)strtoul(value, NULL, 16);
    } else if (strcmp(name, "psk") == 0) {
        parse_psk(value);
    } else if (strcmp(name, "connections") == 0) {
        peer_options.connections = atoi(value);
    } else if (strcmp(name, "resume") == 0) {
        peer_options.resume = strcmp(value, "id") == 0 ? PEER_BY_ID : PEER_BY_TICKET;
    } else {
        peer_die("unknown option", name);
    }
}

static void parse(int argc, char **argv)
{
    peer_options.server = strcmp(argv[1], "server") == 0;
    peer_options.port = argv[2];
    for (int i = 3; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value != NULL) {
            *value++ = '\0';
            parse_value(argv[i], value);
        } else if (strcmp(argv[i], "ask") == 0) {
            peer_options.ask = true;
        } else if (strcmp(argv[i], "truncate") == 0) {
            peer_options.truncate = true;
        } else if (strcmp(argv[i], "renegotiate") == 0) {
            peer_options.renegotiate = true;
        } else if (strcmp(argv[i], "no-renegotiation-info") == 0) {
            peer_options.no_renegotiation_info = true;
        } else {
            peer_die("unknown option", argv[i]);
        }
    }
    if (peer_options.data != NULL) {
        FILE *f = fopen(peer_options.data, "rb");
        if (f == NULL) {
            peer_die(peer_options.data, "cannot be read");
        }
        data_length = fread(data, 1, sizeof data, f);
        fclose(f);
    }
}

/* ---- connections ---- */

static int tcp_socket(struct addrinfo **address)
{
    const struct addrinfo wish = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd < 0 || getaddrinfo("localhost", peer_options.port, &wish, address) != 0) {
        peer_die("localhost", "is not found");
    }
    return fd;
}

/* Sends all of the data, in pieces that no record boundary knows of, and reads as much. */
static void ask(void)
{
    static uint8_t back[DATA_MAX];
    size_t at = 0, have = 0;

    for (size_t piece = 1; at < data_length; piece = 15013) {
        size_t n = data_length - at < piece ? data_length - at : piece;
        stack->write(data + at, n);
        at += n;
    }
    while (have < data_length) {
        size_t n = stack->read(back + have, data_length - have);
        if (n == 0) {
            peer_die("data", "the other side has ended too early");
        }
        have += n;
    }
    if (memcmp(data, back, have) != 0) {
        peer_die("data", "what came back differs");
    }
}

/* A further handshake while the client waits: no data is on its way. */
static void renegotiate_first(void)
{
    static uint8_t bytes[DATA_MAX];
    size_t have = 0, n = 1;

    while (have < data_length && n > 0) {
        n = stack->read(bytes + have, data_length - have);
        have += n;
    }
    stack->renegotiate();
    stack->write(bytes, have);
}

static void echo(void)
{
    static uint8_t bytes[10007];
    size_t n;

    while ((n = stack->read(bytes, sizeof bytes)) > 0) {
        stack->write(bytes, n);
    }
}

static void tell(const struct peer_facts *facts)
{
    static const char *const known[] = {"-", "0", "1"};

    printf("resumed=%s ems=%s etm=%s alpn=%s peer=%s\n", known[facts->resumed + 1],
           known[facts->ems + 1], known[facts->etm + 1], facts->alpn, facts->subject);
    fflush(stdout);
}

static void converse(int fd, bool first)
{
    struct peer_facts facts = {.resumed = -1, .ems = -1, .etm = -1};
    uint8_t more;

    stack->open(fd, first, &facts);
    if (peer_options.server) {
        if (peer_options.renegotiate) {
            renegotiate_first();
        }
        echo();
    } else {
        ask();
        if (peer_options.renegotiate) {
            stack->renegotiate();
            ask();
        }
    }
    if (!peer_options.truncate) {
        stack->close();
    }
    if (!peer_options.server && !peer_options.truncate && stack->read(&more, 1) != 0) {
        peer_die("end", "more came than was sent");
    }
    stack->release();
    close(fd);
    tell(&facts);
}

static void serve_all(void)
{
    struct addrinfo *address;
    int one = 1, listener = tcp_socket(&address);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, address->ai_addr, address->ai_addrlen) != 0 || listen(listener, 16) != 0) {
        peer_die("listen", peer_options.port);
    }
    freeaddrinfo(address);
    for (int i = 0; i < peer_options.connections; i++) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) {
            peer_die("accept", "failed");
        }
        converse(fd, i == 0);
    }
}

static void connect_all(void)
{
    struct addrinfo *address;

    for (int i = 0; i < peer_options.connections; i++) {
        int fd = tcp_socket(&address);
        if (connect(fd, address->ai_addr, address->ai_addrlen) != 0) {
            peer_die("connect", peer_options.port);
        }
        freeaddrinfo(address);
        converse(fd, i == 0);
    }
}

int peer_main(int argc, char **argv, const struct peer_stack *given)
{
    stack = given;
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && strcmp(argv[1], "suites") == 0) {
        stack->list();
        return 0;
    }
    if (argc < 3) {
        peer_die("usage", "PEER server|client PORT KEY=VALUE...");
    }
    parse(argc, argv);
    stack->set_up();
    if (peer_options.server) {
        serve_all();
    } else {
        connect_all();
    }
    return 0;
}
