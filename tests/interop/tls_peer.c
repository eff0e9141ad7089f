/* Drives the engine over a real socket, as client or server, so that it can meet other stacks:
 *
 *   tls_peer client PORT [OPTION...]    connects to 127.0.0.1:PORT
 *   tls_peer server PORT [OPTION...]    listens there, serves one connection after the other
 *   tls_peer suites                     lists the engine's: number, IANA's name, OpenSSL's
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
 *   --alpn NAME        a protocol; several, in order
 *   --data F           a client sends this on each connection, and compares what comes back
 *   --truncation       an end without close_notify is an end
 *   --no-split         no 1/n-1 record splitting
 *   --verbose          the handshake's messages, on stderr
 *
 * Without --data a client sends its standard input on its last connection, then close_notify, and
 * writes what comes to standard output. A server answers each connection with what it gets, then
 * closes likewise. Each connection ends with a line on stderr: the suite, how the session began,
 * and what was agreed on.
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

#include "tls/tls_handshake.h"
#include "tls/tls_record.h"
#include "tls_peer_options.h"

enum { QUEUE_SIZE = 1 << 16 };

static const struct peer_options *options;

struct link {
    int fd;
    struct tls_session session;
    struct tls_handshake *handshake;
    uint8_t *big;
    uint8_t output[TLS_OUTPUT_SIZE], input[TLS_RECORD_MAX];
    size_t have;
    uint8_t queue[QUEUE_SIZE]; /* plaintext to send */
    size_t queued;
    size_t sent, got; /* of options->data */
    bool ticket;      /* one was given out */
    bool no_more;     /* plaintext will be queued */
    bool closing;     /* close_notify was sent */
    bool peer_done;   /* close_notify was received */
};

/* ---- the engine and the socket ---- */

static void see(void *arg, const struct tls_event *event)
{
    struct link *l = arg;

    if (event->content_type == TLS_CONTENT_HANDSHAKE && event->message == TLS_NEW_SESSION_TICKET) {
        l->ticket = true;
    }
    if (options->verbose) {
        fprintf(stderr, "%s %u/%u %s\n", event->sent ? "->" : "<-", event->content_type,
                event->message, event->text);
    }
}

static struct tls_conn view(struct link *l)
{
    return (struct tls_conn){.session = &l->session,
                             .handshake = l->handshake,
                             .config = &options->config,
                             .output = l->output,
                             .big = l->big,
                             .big_size = l->big != NULL ? TLS_BIG_SIZE : 0,
                             .now = time(NULL),
                             .observe = see,
                             .observe_arg = l};
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
            peer_die("write");
        }
        bytes += written;
        n -= (size_t)written;
    }
}

static void deliver(struct link *l, const uint8_t *plain, size_t n)
{
    if (options->data != NULL) {
        if (n > options->data_length - l->got || memcmp(options->data + l->got, plain, n) != 0) {
            peer_die("what came back differs");
        }
        l->got += n;
    } else if (options->config.role == TLS_CLIENT) {
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

/* The end waits for the last answer: some stacks throw away what they have when it comes. */
static void take_data(struct link *l)
{
    size_t room = sizeof l->queue - l->queued, left = options->data_length - l->sent;
    size_t n = left < room ? left : room;

    memcpy(l->queue + l->queued, options->data + l->sent, n);
    l->queued += n;
    l->sent += n;
    l->no_more = l->got == options->data_length;
}

/* Moves bytes both ways until both ends have closed. */
static bool relay(struct link *l)
{
    bool is_client = options->config.role == TLS_CLIENT;
    bool from_stdin = is_client && options->data == NULL;

    while (!l->peer_done || !l->closing) {
        bool established = tls_is_established(&l->session);
        struct pollfd fds[2] = {
            {.fd = l->peer_done ? -1 : l->fd, .events = POLLIN},
            {.fd = from_stdin && established && !l->no_more ? STDIN_FILENO : -1, .events = POLLIN}};
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
        if (!tls_is_established(&l->session)) {
            continue;
        }
        if (options->data != NULL && !l->no_more) {
            take_data(l);
        }
        if (!send_queue(l)) {
            return false;
        }
    }
    return true;
}

static void tell(const struct link *l)
{
    const struct tls_session *s = &l->session;
    const struct x509_bytes none = {NULL, 0};
    const struct x509_bytes alpn = s->alpn != 0 ? options->config.alpn[s->alpn - 1] : none;

    fprintf(stderr, "suite %s%s%s%s%s%s%.*s\n", tls_suite_by_id(s->suite)->name,
            s->resumed ? " resumed" : "",
            s->extended_master_secret ? " extended-master-secret" : "",
            s->write.encrypt_then_mac ? " encrypt-then-mac" : "", l->ticket ? " ticket" : "",
            s->alpn != 0 ? " alpn=" : "", (int)alpn.length, (const char *)alpn.data);
}

/* quiet: a client's connection that sends nothing. */
static bool serve(int fd, bool quiet)
{
    struct link *l = calloc(1, sizeof *l);
    char why[512];

    if (l == NULL || (l->handshake = malloc(tls_handshake_size())) == NULL) {
        peer_die("memory");
    }
    l->fd = fd;
    l->no_more = quiet;
    tls_session_init(&l->session, options->config.role);
    tls_handshake_init(l->handshake, options->config.role == TLS_CLIENT ? options->name : NULL);
    struct tls_conn conn = view(l);
    bool good = tls_start(&conn) == TLS_DONE && flush(l) && relay(l);
    if (good) {
        tell(l);
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

static bool connect_all(const struct sockaddr_in *address)
{
    bool good = true;

    for (int i = 1; good && i <= options->connections; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
            peer_die("connect");
        }
        good = serve(fd, i < options->connections && options->data == NULL);
    }
    return good;
}

int main(int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    bool good = true;
    int one = 1;

    options = peer_options_parse(argc, argv);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((uint16_t)options->port);
    if (options->config.role == TLS_CLIENT) {
        return connect_all(&address) ? 0 : 1;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, 16) != 0) {
        peer_die("listen");
    }
    for (int i = 0; i < options->connections; i++) {
        int accepted = accept(fd, NULL, NULL);
        if (accepted < 0) {
            peer_die("accept");
        }
        good = serve(accepted, false) && good;
    }
    return good ? 0 : 1;
}
