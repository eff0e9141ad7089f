/* Drives a handshake through its steps: collects what comes in, writes what goes out. */
#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "tls_defences.h"
#include "tls_driver.h"
#include "tls_limits.h"
#include "tls_notes.h"
#include "tls_observe.h"
#include "tls_output.h"
#include "tls_text.h"

enum {
    /* A step that writes waits until this much is free. Every message that is not streamed fits. */
    MESSAGE_ROOM = 4096,
    /* And in records of the smallest size, with whatever each of them adds. */
    RECORDS_ROOM = MESSAGE_ROOM + MESSAGE_ROOM / 512 * 80
};

bool tls_awaits_peer(const struct tls_conn *conn)
{
    return tls_current_step(conn)->kind == TLS_STEP_RECEIVE;
}

void tls_transcript_digest(const struct tls_handshake *h, uint8_t digest[TLS_TRANSCRIPT_DIGEST])
{
    struct cg_hash md5 = h->md5, sha1 = h->sha1;

    cg_hash_final(&md5, digest);
    cg_hash_final(&sha1, digest + cg_hash_size(CG_MD5));
}

static void hash(struct tls_handshake *h, const uint8_t *bytes, size_t n)
{
    cg_hash_update(&h->md5, bytes, n);
    cg_hash_update(&h->sha1, bytes, n);
}

enum tls_error tls_because(struct tls_conn *conn, enum tls_error error, const char *detail)
{
    struct tls_text t = tls_text_in(conn->handshake->detail, TLS_DETAIL_MAX);

    tls_text_add(&t, detail);
    return error;
}

static void notify_step(struct tls_conn *conn, const struct tls_step *step)
{
    bool is_handshake = step->message != TLS_CHANGE_CIPHER_SPEC;

    if (conn->observe != NULL) {
        tls_note_step(conn, step);
    }
    tls_notify(conn, step->kind != TLS_STEP_RECEIVE,
               is_handshake ? TLS_CONTENT_HANDSHAKE : TLS_CONTENT_CHANGE_CIPHER_SPEC,
               is_handshake ? (uint8_t)step->message : 0, conn->handshake->note);
    conn->handshake->note[0] = '\0';
}

/* ---- out ---- */

/* As many records as the agreed size of fragments makes of n bytes. */
static void put_records(struct tls_conn *conn, enum tls_content_type type, const uint8_t *bytes,
                        size_t n)
{
    size_t limit = tls_fragment_max(conn->session), part;
    struct tls_sealer sealer;

    tls_sealer_init(&sealer, &conn->session->write, conn->session->version);
    for (size_t done = 0; done < n; done += part) {
        part = n - done < limit ? n - done : limit;
        memcpy(tls_output_at(conn) + TLS_HEADER, bytes + done, part);
        tls_output_seal(conn, &sealer, type, part);
    }
    tls_sealer_wipe(&sealer);
}

static enum tls_error send_message(struct tls_conn *conn, const struct tls_step *step)
{
    bool is_handshake = step->message != TLS_CHANGE_CIPHER_SPEC;
    uint8_t content[MESSAGE_ROOM];
    struct tls_writer w = tls_writer_to(content, sizeof content);
    size_t opened = 0;

    if (is_handshake) {
        tls_write_u8(&w, (uint8_t)step->message);
        opened = tls_open_vector(&w, 3);
    }
    enum tls_error error = step->write(conn, &w);
    if (error != TLS_ERROR_OK) {
        return error;
    }
    if (is_handshake) {
        tls_close_vector(&w, 3, opened);
        hash(conn->handshake, content, w.used);
    }
    if (w.full) {
        return tls_because(conn, TLS_ERROR_INTERNAL, "a message of ours is too long");
    }
    put_records(conn, is_handshake ? TLS_CONTENT_HANDSHAKE : TLS_CONTENT_CHANGE_CIPHER_SPEC,
                content, w.used);
    cg_wipe(content, w.used);
    notify_step(conn, step);
    return TLS_ERROR_OK;
}

/* Copies what follows the bytes already streamed, at most n, to out. Returns how many. */
static size_t collect_pieces(const struct tls_conn *conn, const struct tls_step *step, uint8_t *out,
                             size_t n)
{
    size_t skip = conn->handshake->streamed, used = 0;
    uint8_t scratch[16];
    struct x509_bytes piece;

    for (size_t i = 0; used < n && step->piece(conn, i, scratch, &piece); i++) {
        if (skip >= piece.length) {
            skip -= piece.length;
            continue;
        }
        size_t part = piece.length - skip < n - used ? piece.length - skip : n - used;
        memcpy(out + used, piece.data + skip, part);
        used += part;
        skip = 0;
    }
    return used;
}

/* Writes one record's worth of a message of any size; *whole when that was the last. */
static void stream_message(struct tls_conn *conn, const struct tls_step *step, size_t room,
                           bool *whole)
{
    struct tls_handshake *h = conn->handshake;
    uint8_t *content = tls_output_at(conn) + TLS_HEADER;
    size_t limit = tls_record_content_for(&conn->session->write, room);
    struct tls_sealer sealer;

    if (limit > tls_fragment_max(conn->session)) {
        limit = tls_fragment_max(conn->session);
    }

    size_t n = collect_pieces(conn, step, content, limit);
    *whole = n < limit;
    if (n > 0) {
        hash(h, content, n);
        tls_sealer_init(&sealer, &conn->session->write, conn->session->version);
        tls_output_seal(conn, &sealer, TLS_CONTENT_HANDSHAKE, n);
        tls_sealer_wipe(&sealer);
        h->streamed += (uint32_t)n;
    }
    if (*whole) {
        h->streamed = 0;
        notify_step(conn, step);
    }
}

void tls_wipe_secrets(struct tls_handshake *h)
{
    cg_wipe(h->premaster, sizeof h->premaster);
    cg_wipe(h->psk, sizeof h->psk);
    cg_wipe(&h->client_write, sizeof h->client_write);
    cg_wipe(&h->server_write, sizeof h->server_write);
    cg_wipe(&h->agreement, sizeof h->agreement);
    cg_wipe(&h->resumable, sizeof h->resumable);
}

static void establish(struct tls_conn *conn)
{
    struct tls_session *s = conn->session;

    cg_wipe(conn->handshake, sizeof *conn->handshake);
    s->warnings = 0;
    atomic_store_explicit(&s->renegotiating, 0, memory_order_release);
    atomic_store_explicit(&s->established, 1, memory_order_release);
}

/* Performs the steps that are nobody's message. */
static enum tls_error act(struct tls_conn *conn)
{
    enum tls_error error = TLS_ERROR_OK;

    while (error == TLS_ERROR_OK) {
        const struct tls_step *step = tls_current_step(conn);
        if (step->kind == TLS_STEP_ACT) {
            error = step->act(conn);
            tls_step_done(conn, step);
        } else if (step->kind == TLS_STEP_SWITCH) {
            conn->handshake->flow = (uint8_t)step->flow;
            conn->handshake->step = 0;
        } else {
            break;
        }
    }
    return error;
}

enum tls_error tls_advance(struct tls_conn *conn)
{
    enum tls_error error = TLS_ERROR_OK;

    while (error == TLS_ERROR_OK) {
        const struct tls_step *step = tls_current_step(conn);
        size_t room = tls_output_room(conn);
        bool whole = true;
        switch (step->kind) {
        case TLS_STEP_RECEIVE:
            return TLS_ERROR_OK;
        case TLS_STEP_END:
            establish(conn);
            return TLS_ERROR_OK;
        case TLS_STEP_ACT:
        case TLS_STEP_SWITCH:
            error = act(conn);
            continue;
        case TLS_STEP_SEND:
            if (room < RECORDS_ROOM) {
                return TLS_ERROR_OK;
            }
            error = send_message(conn, step);
            break;
        case TLS_STEP_STREAM:
            if (room < RECORDS_ROOM) {
                return TLS_ERROR_OK;
            }
            stream_message(conn, step, room, &whole);
            break;
        }
        if (error == TLS_ERROR_OK && whole) {
            tls_step_done(conn, step);
        }
    }
    return error;
}

/* ---- in ---- */

static uint8_t *message_buffer(const struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;

    return h->need > sizeof h->message ? conn->big : h->message;
}

bool tls_needs_big(const struct tls_conn *conn)
{
    return message_buffer(conn) == NULL ||
           (conn->handshake->need > sizeof conn->handshake->message &&
            conn->big_size < conn->handshake->need);
}

/* One that comes when a handshake is under way already (RFC 2246 7.4.1.1). */
static bool is_ignored_hello_request(const struct tls_conn *conn, unsigned message)
{
    return message == TLS_HELLO_REQUEST && conn->session->role == TLS_CLIENT &&
           tls_find_step(conn, message) == NULL;
}

static bool is_our_turn(const struct tls_conn *conn)
{
    enum tls_step_kind kind = tls_current_step(conn)->kind;

    return kind == TLS_STEP_SEND || kind == TLS_STEP_STREAM;
}

static uint32_t message_limit(const struct tls_conn *conn, unsigned message)
{
    /* conn->big is for messages in the clear: their records can be taken a second time. */
    if (tls_is_renegotiation(conn)) {
        return TLS_MESSAGE_MAX;
    }
    switch (message) {
    case TLS_CLIENT_HELLO:
        return TLS_MESSAGE_HELLO;
    case TLS_CERTIFICATE:
    case TLS_CERTIFICATE_REQUEST:
        return TLS_MESSAGE_CERTIFICATES;
    default:
        return TLS_MESSAGE_MAX;
    }
}

/* Judges a message by its header, before room is made for it. */
static enum tls_error begin_message(struct tls_conn *conn)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader r = tls_reader_of(h->message, TLS_MESSAGE_HEADER);
    unsigned message = tls_read_u8(&r);
    uint32_t length = tls_read_number(&r, 3);

    h->got = (uint16_t)message;
    if (is_ignored_hello_request(conn, message)) {
        if (length != 0) {
            return tls_because(conn, TLS_ERROR_DECODE, "a HelloRequest is empty");
        }
    } else if (tls_find_step(conn, message) == NULL) {
        return TLS_ERROR_UNEXPECTED;
    }
    if (length > message_limit(conn, message) && tls_defends(TLS_DEFENCE_MESSAGE_SIZE)) {
        return TLS_ERROR_MESSAGE_LENGTH;
    }
    h->need = TLS_MESSAGE_HEADER + length;
    return TLS_ERROR_OK;
}

static enum tls_error perform(struct tls_conn *conn, const struct tls_step *step,
                              const uint8_t *message, size_t n)
{
    struct tls_handshake *h = conn->handshake;
    struct tls_reader body = tls_reader_of(message + TLS_MESSAGE_HEADER, n - TLS_MESSAGE_HEADER);

    /* HelloRequest is no part of the transcript (RFC 2246 7.4.1.1). */
    if (!step->hash_last && step->message != TLS_HELLO_REQUEST) {
        hash(h, message, n);
    }
    enum tls_error error = step->read(conn, body);
    if (error != TLS_ERROR_OK) {
        return error;
    }
    if (step->hash_last) {
        hash(h, message, n);
    }
    notify_step(conn, step);
    tls_step_done(conn, step);
    return TLS_ERROR_OK;
}

enum tls_error tls_take_translated(struct tls_conn *conn, unsigned message, const uint8_t *raw,
                                   size_t n, struct tls_reader body)
{
    const struct tls_step *step = tls_find_step(conn, message);

    if (step == NULL) {
        return TLS_ERROR_UNEXPECTED;
    }
    hash(conn->handshake, raw, n);
    enum tls_error error = step->read(conn, body);
    if (error != TLS_ERROR_OK) {
        return error;
    }
    notify_step(conn, step);
    tls_step_done(conn, step);
    error = act(conn);
    return error != TLS_ERROR_OK ? error : tls_advance(conn);
}

/* Are n bytes nothing but HelloRequests to be ignored, of four zeros each? */
static bool are_ignored(const struct tls_conn *conn, const uint8_t *bytes, size_t n)
{
    while (n > 0 && *bytes == TLS_HELLO_REQUEST && conn->session->role == TLS_CLIENT) {
        bytes++;
        n--;
    }
    return n == 0;
}

/* `more`: the record goes on after this message with others that count. */
static enum tls_error finish_message(struct tls_conn *conn, bool more)
{
    struct tls_handshake *h = conn->handshake;
    const uint8_t *message = message_buffer(conn);
    size_t n = h->need;

    h->have = h->need = 0;
    if (is_ignored_hello_request(conn, message[0])) {
        /* RFC 2246 7.4.1.1: to be ignored during a handshake, and no part of the transcript. */
        return ++conn->session->warnings > TLS_WARNINGS_MAX ? TLS_ERROR_WARNING_FLOOD
                                                            : TLS_ERROR_OK;
    }
    conn->session->warnings = 0;
    enum tls_error error = perform(conn, tls_find_step(conn, message[0]), message, n);
    if (error == TLS_ERROR_OK) {
        error = act(conn);
    }
    if (error == TLS_ERROR_OK && more && is_our_turn(conn)) {
        return tls_because(conn, TLS_ERROR_UNEXPECTED, "it does not wait for its turn");
    }
    return error != TLS_ERROR_OK ? error : tls_advance(conn);
}

/* Adds to the message in work until it has `whole` bytes or the input is used up. */
static bool fill_message(struct tls_conn *conn, uint8_t *buffer, size_t whole, const uint8_t *bytes,
                         size_t n, size_t *taken)
{
    struct tls_handshake *h = conn->handshake;
    size_t part = whole - h->have < n - *taken ? whole - h->have : n - *taken;

    if (buffer != h->message && h->have == TLS_MESSAGE_HEADER) {
        memcpy(buffer, h->message, TLS_MESSAGE_HEADER);
    }
    memcpy(buffer + h->have, bytes + *taken, part);
    h->have += (uint32_t)part;
    *taken += part;
    return h->have == whole;
}

enum tls_error tls_take_messages(struct tls_conn *conn, const uint8_t *bytes, size_t n,
                                 size_t *taken)
{
    struct tls_handshake *h = conn->handshake;
    enum tls_error error = TLS_ERROR_OK;

    while (error == TLS_ERROR_OK && *taken < n && tls_in_handshake(conn->session)) {
        if (h->need == 0) {
            if (!fill_message(conn, h->message, TLS_MESSAGE_HEADER, bytes, n, taken)) {
                break;
            }
            error = begin_message(conn);
            if (error != TLS_ERROR_OK) {
                break;
            }
        }
        if (tls_needs_big(conn)) {
            break;
        }
        if (fill_message(conn, message_buffer(conn), h->need, bytes, n, taken)) {
            error = finish_message(conn, !are_ignored(conn, bytes + *taken, n - *taken));
        }
    }
    return error;
}

enum tls_error tls_take_change_cipher_spec(struct tls_conn *conn, const uint8_t *content, size_t n)
{
    struct tls_handshake *h = conn->handshake;
    const struct tls_step *step = tls_find_step(conn, TLS_CHANGE_CIPHER_SPEC);

    h->got = TLS_CHANGE_CIPHER_SPEC;
    if (step == NULL) {
        return tls_defends(TLS_DEFENCE_EARLY_CCS) ? TLS_ERROR_UNEXPECTED : TLS_ERROR_OK;
    }
    if (h->have > 0) {
        /* Part of a message under the old keys and the rest under the new. */
        return tls_because(conn, TLS_ERROR_UNEXPECTED, "in the middle of a handshake message");
    }
    if (conn->session->alert_have > 0) {
        return tls_because(conn, TLS_ERROR_UNEXPECTED, "in the middle of an alert");
    }
    enum tls_error error = step->read(conn, tls_reader_of(content, n));
    if (error != TLS_ERROR_OK) {
        return error;
    }
    notify_step(conn, step);
    tls_step_done(conn, step);
    return tls_advance(conn);
}
