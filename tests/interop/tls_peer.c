/* Drives the engine over a real socket, as client or server, so that it can meet other stacks:
 *
 *   tls_peer client PORT [OPTION...]    connects to 127.0.0.1:PORT
 *   tls_peer server PORT [OPTION...]    listens there, serves one connection after the other
 *
 *   --trust F          PEM of roots; a client's requirement
 *   --certificate F    PEM chain, leaf first; several, of different kinds, each with its key
 *   --key F            PEM of the leaf's key
 *   --name NAME        what the client calls the server; localhost if not given
 *   --suites A:B       names of suites, in order
 *   --connections N    one after the other; 1 if not given
 *   --export           a server is ready for export suites, with the fixture's key and group
 *   --sslv2-hello      a server takes the hello in SSL 2.0's format
 *   --tickets          a server gives out tickets
 *   --no-tickets       a client asks for none
 *   --no-cache         no session is resumed
 *   --psk NAME=HEX     a key that both sides know
 *   --request          a server asks for a certificate, and judges it by --trust
 *   --require          and demands one
 *   --anonymous        suites without authentication may be used
 *   --minimum-dh BITS  2048 if not given
 *   --no-split         no 1/n-1 record splitting
 *   --verbose          the handshake's messages, on stderr
 *
 * A client sends its standard input on its last connection, then close_notify, and writes what
 * comes to standard output. A server answers each connection with what it gets, then closes
 * likewise. Each connection ends with a line on stderr: the suite, and how the session began.
 * Exit status: 0 when every connection ended with close_notify both ways, 1 after a failure, which
 * stderr explains, 2 for usage. */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/lib/tls_fixture_bytes.h"
#include "tls/tls.h"
#include "tls/tls_cache.h"
#include "tls/tls_ticket.h"
#include "tls/x509/pem.h"

enum { CHAIN_MAX = 16, QUEUE_SIZE = 1 << 16, SESSIONS = 64, CREDENTIALS = 4 };

struct credential {
    struct tls_credential credential;
    struct x509_bytes chain[CHAIN_MAX];
    struct x509_certificate leaf;
    struct x509_private_key key;
    struct cg_rsa_private *rsa;
};

static struct {
    struct tls_config config;
    struct credential credentials[CREDENTIALS];
    int credential_count;
    struct tls_psk psk;
    uint8_t psk_bytes[TLS_PSK_MAX];
    struct x509_certificate roots[CHAIN_MAX];
    struct x509_trust trust;
    const char *name;
    struct tls_cache cache;
    struct tls_ticket_ring tickets;
    int port, connections;
    bool verbose;
} options = {.name = "localhost", .connections = 1};

struct link {
    int fd;
    struct tls_session session;
    struct tls_handshake *handshake;
    uint8_t *big;
    uint8_t output[TLS_OUTPUT_SIZE], input[TLS_RECORD_MAX];
    size_t have;
    uint8_t queue[QUEUE_SIZE]; /* plaintext to send */
    size_t queued;
    bool no_more;   /* plaintext will be queued */
    bool closing;   /* close_notify was sent */
    bool peer_done; /* close_notify was received */
};

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "tls_peer: %s%s%s\n", what, errno != 0 ? ": " : "",
            errno != 0 ? strerror(errno) : "");
    exit(2);
}

/* ---- files ---- */

static char *read_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    char *text = malloc(1 << 20);

    if (f == NULL || text == NULL) {
        die(path);
    }
    *n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static size_t load_certificates(const char *path, struct x509_bytes *out)
{
    struct pem_block block;
    const char *why = path;
    size_t n, count = 0;
    char *text = read_file(path, &n);
    struct pem_reader reader = {.at = text, .end = text + n};

    while (count < CHAIN_MAX) {
        uint8_t *der = malloc(n);
        if (der == NULL || pem_next(&reader, &block, der, n, &why) != PEM_BLOCK) {
            free(der);
            break;
        }
        out[count++] = (struct x509_bytes){der, block.length};
    }
    free(text);
    if (count == 0) {
        die(why);
    }
    return count;
}

/* A chain begins a credential, which comes before those given earlier. */
static void load_chain(const char *path)
{
    struct credential *c = &options.credentials[options.credential_count++];
    const char *why = path;

    if (options.credential_count > CREDENTIALS) {
        die("too many certificates");
    }
    c->credential.chain_count = load_certificates(path, c->chain);
    c->credential.chain = c->chain;
    if (x509_parse(&c->leaf, c->chain[0].data, c->chain[0].length, &why) != TLS_ERROR_OK) {
        die(why);
    }
    c->credential.next = options.config.credential;
    options.config.credential = &c->credential;
}

static void load_key(const char *path)
{
    struct credential *c = &options.credentials[options.credential_count - 1];
    struct pem_block block;
    const char *why = path;
    size_t n;
    char *text = read_file(path, &n);
    uint8_t *der = malloc(n);
    struct pem_reader reader = {.at = text, .end = text + n};

    do {
        if (pem_next(&reader, &block, der, n, &why) != PEM_BLOCK) {
            die(why);
        }
    } while (strstr(block.label, "PRIVATE KEY") == NULL);
    if (!x509_private_key(block.label, der, block.length, &c->key, &why)) {
        die(why);
    }
    c->credential.kind = c->key.kind;
    switch (c->key.kind) {
    case X509_KEY_EC:
        c->credential.curve = c->key.ec.curve;
        c->credential.scalar = c->key.ec.scalar;
        break;
    case X509_KEY_DSA:
        c->credential.dsa = &c->leaf.key.dsa;
        c->credential.dsa_x = c->key.dsa.x;
        break;
    default:
        c->rsa = aligned_alloc(64, (cg_rsa_private_size() + 63) / 64 * 64);
        c->credential.key = c->rsa;
        if (c->rsa == NULL || !cg_rsa_private_load(c->rsa, &c->key.rsa)) {
            die(path);
        }
    }
    free(text);
}

static void prepare_export(void)
{
    static const uint8_t two = 2;
    static const struct cg_dh_group group = {tls_fixture_export_p, &two,
                                             sizeof tls_fixture_export_p, 1};
    static _Alignas(64) uint8_t key[1 << 14];
    struct cg_rsa_private_parts parts;
    const char *why = "export key";

    if (cg_rsa_private_size() > sizeof key ||
        !x509_rsa_private_key("RSA PRIVATE KEY", tls_fixture_export_key,
                              sizeof tls_fixture_export_key, &parts, &why) ||
        !cg_rsa_private_load((void *)key, &parts)) {
        die(why);
    }
    options.config.export_key = (void *)key;
    options.config.export_public = (struct cg_rsa_public){
        .n = parts.n, .e = parts.e, .n_length = parts.n_length, .e_length = parts.e_length};
    options.config.export_dh_group = &group;
}

static void load_psk(const char *value)
{
    const char *hex = strchr(value, '=');
    unsigned byte;

    if (hex == NULL) {
        die("--psk NAME=HEX");
    }
    options.psk.identity = (struct x509_bytes){(const uint8_t *)value, (size_t)(hex - value)};
    for (hex++; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        options.psk_bytes[options.psk.key.length++] = (uint8_t)byte;
    }
    options.psk.key.data = options.psk_bytes;
    options.config.psks = &options.psk;
    options.config.psk_count = 1;
}

static void load_trust(const char *path)
{
    struct x509_bytes roots[CHAIN_MAX];
    const char *why;

    options.trust.count = load_certificates(path, roots);
    options.trust.roots = options.roots;
    for (size_t i = 0; i < options.trust.count; i++) {
        if (x509_parse(&options.roots[i], roots[i].data, roots[i].length, &why) != TLS_ERROR_OK) {
            die(why);
        }
    }
}

/* ---- the engine and the socket ---- */

static void show(void *arg, const struct tls_event *event)
{
    (void)arg;
    fprintf(stderr, "%s %u/%u %s\n", event->sent ? "->" : "<-", event->content_type, event->message,
            event->text);
}

static struct tls_conn view(struct link *l)
{
    return (struct tls_conn){.session = &l->session,
                             .handshake = l->handshake,
                             .config = &options.config,
                             .output = l->output,
                             .big = l->big,
                             .big_size = l->big != NULL ? TLS_BIG_SIZE : 0,
                             .now = time(NULL),
                             .observe = options.verbose ? show : NULL};
}

/* Sends all that waits; false when the peer is gone. */
static bool flush(struct link *l)
{
    struct tls_conn conn = view(l);
    size_t n;

    tls_flush_mailbox(&conn);
    for (;;) {
        const uint8_t *bytes = tls_output(&conn, &n);
        if (n == 0) {
            break;
        }
        ssize_t sent = send(l->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0) {
            return false;
        }
        tls_output_sent(&conn, (size_t)sent);
        tls_continue(&conn);
    }
    return true;
}

static void write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0) {
            die("write");
        }
        bytes += written;
        n -= (size_t)written;
    }
}

static void deliver(struct link *l, const uint8_t *plain, size_t n)
{
    if (options.config.role == TLS_CLIENT) {
        write_all(STDOUT_FILENO, plain, n);
    } else {
        memcpy(l->queue + l->queued, plain, n);
        l->queued += n;
    }
}

static enum tls_result take_record(struct link *l, size_t length)
{
    struct tls_conn conn = view(l);
    uint8_t *plain;
    size_t n;

    enum tls_result result = tls_receive(&conn, l->input, length, &plain, &n);
    if (result == TLS_NEED_BIG) {
        l->big = malloc(TLS_BIG_SIZE);
        conn = view(l);
        result = tls_receive(&conn, l->input, length, &plain, &n);
    }
    if (n > 0) {
        deliver(l, plain, n);
    }
    memmove(l->input, l->input + length, l->have - length);
    l->have -= length;
    return result;
}

/* Reads once, and takes the records that are whole and for which the queue has room. */
static enum tls_result receive(struct link *l)
{
    ssize_t n = recv(l->fd, l->input + l->have, sizeof l->input - l->have, 0);
    enum tls_result result = TLS_DONE;

    if (n <= 0) {
        struct tls_conn conn = view(l);
        return tls_receive_end(&conn);
    }
    l->have += (size_t)n;
    while (result == TLS_DONE && l->have > 0 && sizeof l->queue - l->queued >= TLS_PLAINTEXT_MAX) {
        size_t length = tls_record_length(&l->session, l->input, l->have);
        if (length > l->have || (length == TLS_HEADER && l->have < TLS_HEADER)) {
            break;
        }
        result = take_record(l, length == 0 ? l->have : length);
        if (!flush(l)) {
            break;
        }
    }
    return result;
}

static bool send_queue(struct link *l)
{
    size_t taken, done = 0;

    while (done < l->queued) {
        struct tls_conn conn = view(l);
        if (tls_send(&conn, l->queue + done, l->queued - done, &taken) == TLS_FAILED || !flush(l)) {
            return false;
        }
        done += taken;
    }
    l->queued = 0;
    if (l->no_more && !l->closing) {
        struct tls_conn conn = view(l);
        tls_close(&conn);
        l->closing = true;
        return flush(l);
    }
    return true;
}

static void read_input(struct link *l)
{
    ssize_t n = read(STDIN_FILENO, l->queue + l->queued, sizeof l->queue - l->queued);

    if (n <= 0) {
        l->no_more = true;
    } else {
        l->queued += (size_t)n;
    }
}

/* Moves bytes both ways until both ends have closed. */
static bool relay(struct link *l)
{
    bool is_client = options.config.role == TLS_CLIENT;

    while (!l->peer_done || !l->closing) {
        bool established = tls_is_established(&l->session);
        struct pollfd fds[2] = {
            {.fd = l->peer_done ? -1 : l->fd, .events = POLLIN},
            {.fd = is_client && established && !l->no_more ? STDIN_FILENO : -1, .events = POLLIN}};
        if (poll(fds, 2, 30000) <= 0) {
            errno = ETIMEDOUT;
            return false;
        }
        if (fds[1].revents != 0) {
            read_input(l);
        }
        if (fds[0].revents != 0) {
            enum tls_result result = receive(l);
            if (result == TLS_FAILED) {
                flush(l);
                return false;
            }
            l->peer_done = result == TLS_CLOSED;
            l->no_more = l->no_more || (l->peer_done && !is_client);
        }
        if (tls_is_established(&l->session) && !send_queue(l)) {
            return false;
        }
    }
    return true;
}

/* quiet: a client's connection that sends nothing. */
static bool serve(int fd, bool quiet)
{
    struct link *l = calloc(1, sizeof *l);
    char why[512];

    if (l == NULL || (l->handshake = malloc(tls_handshake_size())) == NULL) {
        die("memory");
    }
    l->fd = fd;
    l->no_more = quiet;
    tls_session_init(&l->session, options.config.role);
    tls_handshake_init(l->handshake, options.config.role == TLS_CLIENT ? options.name : NULL);
    struct tls_conn conn = view(l);
    bool good = tls_start(&conn) == TLS_DONE && flush(l) && relay(l);
    if (good) {
        fprintf(stderr, "suite %s%s%s%s\n", tls_suite_by_id(l->session.suite)->name,
                l->session.resumed ? " resumed" : "",
                l->session.extended_master_secret ? " extended-master-secret" : "",
                l->session.write.encrypt_then_mac ? " encrypt-then-mac" : "");
    } else {
        tls_failure_text(&l->session, l->handshake, why, sizeof why);
        fprintf(stderr, "failed: %s\n", why);
    }
    shutdown(fd, SHUT_WR);
    close(fd);
    free(l->handshake);
    free(l->big);
    free(l);
    return good;
}

/* ---- command line ---- */

static void choose_suites(const char *names)
{
    options.config.suite_count = 0;
    while (*names != '\0' && options.config.suite_count < TLS_SUITES_MAX) {
        size_t n = strcspn(names, ":");
        const struct tls_suite *suite = tls_suite_by_name(names, n);
        if (suite == NULL) {
            die("no such suite");
        }
        options.config.suites[options.config.suite_count++] = suite->id;
        names += n + (names[n] == ':');
    }
}

static void parse_option(const char *option, const char *value)
{
    if (strcmp(option, "--trust") == 0) {
        load_trust(value);
    } else if (strcmp(option, "--certificate") == 0) {
        load_chain(value);
    } else if (strcmp(option, "--key") == 0) {
        load_key(value);
    } else if (strcmp(option, "--name") == 0) {
        options.name = value;
    } else if (strcmp(option, "--suites") == 0) {
        choose_suites(value);
    } else if (strcmp(option, "--psk") == 0) {
        load_psk(value);
    } else if (strcmp(option, "--minimum-dh") == 0) {
        options.config.minimum_dh_bits = (unsigned)atoi(value);
    } else if (strcmp(option, "--connections") == 0) {
        options.connections = atoi(value);
    } else {
        die(option);
    }
}

static void parse(int argc, char **argv)
{
    if (argc < 3 || (strcmp(argv[1], "client") != 0 && strcmp(argv[1], "server") != 0)) {
        die("usage: tls_peer client|server PORT [OPTION...]");
    }
    options.config.role = strcmp(argv[1], "client") == 0 ? TLS_CLIENT : TLS_SERVER;
    options.port = atoi(argv[2]);
    options.config.version_min = options.config.version_max = TLS_VERSION_10;
    options.config.minimum_rsa_bits = 1024;
    options.config.trust = &options.trust;
    choose_suites("AES128-SHA:AES256-SHA:DES-CBC3-SHA");
    options.cache =
        tls_cache_of(tls_cache_table_init(calloc(1, tls_cache_table_size(SESSIONS)), SESSIONS));
    options.config.cache = &options.cache;
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--no-split") == 0) {
            options.config.no_record_splitting = true;
        } else if (strcmp(argv[i], "--request") == 0) {
            options.config.client_certificate = TLS_CLIENT_CERT_REQUEST;
        } else if (strcmp(argv[i], "--require") == 0) {
            options.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
        } else if (strcmp(argv[i], "--anonymous") == 0) {
            options.config.allow_anonymous = true;
        } else if (strcmp(argv[i], "--export") == 0) {
            prepare_export();
        } else if (strcmp(argv[i], "--sslv2-hello") == 0) {
            options.config.accept_sslv2_hello = true;
        } else if (strcmp(argv[i], "--tickets") == 0) {
            tls_ticket_ring_init(&options.tickets, 3600);
            options.config.tickets = &options.tickets;
        } else if (strcmp(argv[i], "--no-tickets") == 0) {
            options.config.no_tickets = true;
        } else if (strcmp(argv[i], "--no-cache") == 0) {
            options.config.cache = NULL;
        } else if (strcmp(argv[i], "--verbose") == 0) {
            options.verbose = true;
        } else if (i + 1 < argc) {
            parse_option(argv[i], argv[i + 1]);
            i++;
        } else {
            die(argv[i]);
        }
    }
}

static bool connect_all(const struct sockaddr_in *address)
{
    bool good = true;

    for (int i = 1; good && i <= options.connections; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
            die("connect");
        }
        good = serve(fd, i < options.connections);
    }
    return good;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    bool good = true;
    int one = 1;

    parse(argc, argv);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)options.port);
    if (options.config.role == TLS_CLIENT) {
        return connect_all(&address) ? 0 : 1;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0) {
        die("listen");
    }
    for (int i = 0; i < options.connections; i++) {
        int accepted = accept(fd, NULL, NULL);
        if (accepted < 0) {
            die("accept");
        }
        good = serve(accepted, false) && good;
    }
    return good ? 0 : 1;
}
