#include "bogo_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHANGE_CIPHER_SPEC = 20, ALERT = 21 };

static void note_message(void *arg, const struct tls_event *event)
{
    struct bogo_link *l = arg;
    size_t n = strlen(l->messages);
    char *end = l->messages + n;
    const char *way = event->sent ? "write" : "read";

    if (event->content_type == CHANGE_CIPHER_SPEC) {
        snprintf(end, sizeof l->messages - n, "%s ccs\n", way);
    } else if (event->content_type == ALERT) {
        /* The engine's events do not tell the level; these are warnings by definition. */
        bool warning = event->message == TLS_ALERT_CLOSE_NOTIFY ||
                       event->message == TLS_ALERT_USER_CANCELED ||
                       event->message == TLS_ALERT_NO_RENEGOTIATION;
        snprintf(end, sizeof l->messages - n, "%s alert %d %d\n", way, warning ? 1 : 2,
                 event->message);
    } else {
        snprintf(end, sizeof l->messages - n, "%s hs %d\n", way, event->message);
    }
}

struct tls_conn bogo_link_conn(struct bogo_link *l)
{
    return (struct tls_conn){.session = &l->session,
                             .handshake = l->handshake,
                             .config = &l->config,
                             .output = l->output,
                             .big = l->big,
                             .big_size = l->big != NULL ? TLS_BIG_SIZE : 0,
                             .now = l->now,
                             .observe = note_message,
                             .observe_arg = l};
}

struct bogo_link *bogo_link_new(int fd, const struct tls_config *config, const char *peer_name)
{
    struct bogo_link *l = calloc(1, sizeof *l);

    if (l == NULL || (l->handshake = malloc(tls_handshake_size())) == NULL ||
        (l->big = malloc(TLS_BIG_SIZE)) == NULL) {
        bogo_die("link", "memory");
    }
    l->fd = fd;
    l->config = *config;
    l->config.trust = &l->trust;
    l->now = time(NULL);
    tls_session_init(&l->session, config->role);
    l->peer_name = peer_name;
    tls_handshake_init(l->handshake, peer_name);
    return l;
}

void bogo_link_free(struct bogo_link *l)
{
    uint8_t rest[4096];

    shutdown(l->fd, SHUT_WR);
    while (recv(l->fd, rest, sizeof rest, 0) > 0) {
    }
    close(l->fd);
    free(l->handshake);
    free(l->big);
    free(l);
}

/* ---- out ---- */

bool bogo_link_flush(struct bogo_link *l, size_t n)
{
    struct tls_conn conn = bogo_link_conn(l);
    size_t waiting;

    tls_flush_mailbox(&conn);
    while (!l->lost && !l->held && n > 0) {
        const uint8_t *bytes = tls_output(&conn, &waiting);
        if (waiting == 0) {
            break;
        }
        size_t part = l->trickle ? 1 : waiting < n ? waiting : n;
        ssize_t sent = send(l->fd, bytes, part, MSG_NOSIGNAL);
        if (sent <= 0) {
            l->lost = true;
            break;
        }
        tls_output_sent(&conn, (size_t)sent);
        n -= (size_t)sent;
        if (tls_in_handshake(&l->session)) {
            tls_continue(&conn);
        }
    }
    return !l->lost;
}

/* Nothing is sent in a renegotiation. */
static bool finish_renegotiation(struct bogo_link *l)
{
    uint8_t *plain;
    size_t n;

    while (tls_in_handshake(&l->session)) {
        if (bogo_link_receive(l, &plain, &n) != TLS_DONE || n > 0) {
            return false;
        }
    }
    return true;
}

bool bogo_link_send(struct bogo_link *l, const uint8_t *plain, size_t n, size_t most)
{
    struct tls_conn conn = bogo_link_conn(l);
    size_t done = 0, taken;

    while (done < n) {
        if (tls_in_handshake(&l->session) && !finish_renegotiation(l)) {
            return false;
        }
        size_t part = most != 0 && n - done > most ? most : n - done;
        if (tls_send(&conn, plain + done, part, &taken) == TLS_FAILED ||
            !bogo_link_flush(l, SIZE_MAX)) {
            return false;
        }
        done += taken;
    }
    return true;
}

bool bogo_link_close(struct bogo_link *l)
{
    struct tls_conn conn = bogo_link_conn(l);

    return tls_close(&conn) == TLS_DONE && bogo_link_flush(l, SIZE_MAX);
}

/* ---- in ---- */

/* What bogo_sight.h says. The leaf's own dates decide what time it is, for the runner's
 * certificates may have expired long ago. */
static void trust_what_comes(struct bogo_link *l)
{
    const struct x509_bytes *leaf = &l->sight.chain.certificates[0];
    const char *why;

    if (l->trusts_what_comes && l->sight.chain.count > 0 &&
        x509_parse(&l->roots[0], leaf->data, leaf->length, &why) == TLS_ERROR_OK) {
        l->trust = (struct x509_trust){.roots = l->roots, .count = 1};
        if (l->now < l->roots[0].not_before || l->now > l->roots[0].not_after) {
            l->now = l->roots[0].not_before;
        }
    }
}

/* Bytes of the record at the front of the input, 0 while it is not whole. What cannot be a record
 * counts as one with all that is there. */
static size_t whole_record(const struct bogo_link *l)
{
    size_t length = tls_record_length(&l->session, l->input, l->have);

    if (length == 0) {
        return l->have;
    }
    return l->have >= TLS_HEADER && l->have >= length ? length : 0;
}

enum tls_result bogo_link_receive(struct bogo_link *l, uint8_t **plain, size_t *n)
{
    size_t length = 0;

    *n = 0;
    memmove(l->input, l->input + l->taken, l->have - l->taken);
    l->have -= l->taken;
    l->taken = 0;
    while (l->have == 0 || (length = whole_record(l)) == 0) {
        ssize_t got =
            recv(l->fd, l->input + l->have, l->trickle ? 1 : sizeof l->input - l->have, 0);
        if (got <= 0) {
            struct tls_conn conn = bogo_link_conn(l);
            return tls_receive_end(&conn);
        }
        l->have += (size_t)got;
    }
    if (bogo_sight_record(&l->sight, l->input, length)) {
        trust_what_comes(l);
    }
    struct tls_conn conn = bogo_link_conn(l);
    if (!tls_in_handshake(&l->session)) {
        conn.handshake = NULL;
    }
    enum tls_result result = tls_receive(&conn, l->input, length, plain, n);
    if (result == TLS_NEED_HANDSHAKE) {
        tls_handshake_init(l->handshake, l->peer_name);
        conn.handshake = l->handshake;
        result = tls_receive(&conn, l->input, length, plain, n);
        l->config.allow_renegotiation = !l->renegotiates_once;
    }
    l->taken = length;
    bogo_link_flush(l, SIZE_MAX);
    return result;
}

enum tls_result bogo_link_handshake(struct bogo_link *l)
{
    struct tls_conn conn = bogo_link_conn(l);
    enum tls_result result = tls_start(&conn);
    uint8_t *plain;
    size_t n;

    bogo_link_flush(l, SIZE_MAX);
    while (result == TLS_DONE && !tls_is_established(&l->session)) {
        result = bogo_link_receive(l, &plain, &n);
        if (!tls_is_established(&l->session)) {
            memcpy(l->server_name, l->handshake->server_name, sizeof l->server_name);
            l->curve = l->handshake->curve;
        }
    }
    return result;
}
