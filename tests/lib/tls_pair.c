#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/lib/tls_fixture_bytes.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"
#include "tls/x509/pem.h"

enum { FIXTURE_NOW = 1800000000 /* January 2027 */ };

/* ---- credentials ---- */

struct loaded {
    struct x509_bytes chain;
    struct tls_credential credential;
};

static const struct tls_credential *load(struct loaded *l, const uint8_t *certificate,
                                         size_t certificate_length, const uint8_t *key,
                                         size_t key_length)
{
    struct cg_rsa_private_parts parts;
    const char *why;
    static _Alignas(64) uint8_t storage[3][16384];
    static size_t used;

    if (l->credential.key == NULL) {
        assert_true(cg_rsa_private_size() <= sizeof storage[0]);
        struct cg_rsa_private *loaded = (void *)storage[used++];
        assert_true(x509_rsa_private_key("RSA PRIVATE KEY", key, key_length, &parts, &why));
        assert_true(cg_rsa_private_load(loaded, &parts));
        l->chain = (struct x509_bytes){certificate, certificate_length};
        l->credential =
            (struct tls_credential){.chain = &l->chain, .chain_count = 1, .key = loaded};
    }
    return &l->credential;
}

const struct tls_credential *tls_fixture_server_credential(void)
{
    static struct loaded l;
    return load(&l, tls_fixture_server, sizeof tls_fixture_server, tls_fixture_server_key,
                sizeof tls_fixture_server_key);
}

const struct tls_credential *tls_fixture_client_credential(void)
{
    static struct loaded l;
    return load(&l, tls_fixture_client, sizeof tls_fixture_client, tls_fixture_client_key,
                sizeof tls_fixture_client_key);
}

const struct tls_credential *tls_fixture_signer_credential(void)
{
    static struct loaded l;
    return load(&l, tls_fixture_signer, sizeof tls_fixture_signer, tls_fixture_signer_key,
                sizeof tls_fixture_signer_key);
}

const struct tls_credential *tls_fixture_ec_credential(void)
{
    static const struct x509_bytes chain = {tls_fixture_ec, sizeof tls_fixture_ec};
    static const struct tls_credential credential = {.chain = &chain,
                                                     .chain_count = 1,
                                                     .kind = X509_KEY_EC,
                                                     .curve = CG_P256,
                                                     .scalar = tls_fixture_ec_scalar};
    return &credential;
}

const struct tls_credential *tls_fixture_dsa_credential(void)
{
    static const struct x509_bytes chain = {tls_fixture_dsa, sizeof tls_fixture_dsa};
    static struct x509_certificate leaf;
    static const struct tls_credential credential = {
        .chain = &chain,
        .chain_count = 1,
        .kind = X509_KEY_DSA,
        .dsa = &leaf.key.dsa,
        .dsa_x = {tls_fixture_dsa_x, sizeof tls_fixture_dsa_x}};
    const char *why;

    assert_int_equal(x509_parse(&leaf, chain.data, chain.length, &why), TLS_ERROR_OK);
    return &credential;
}

void tls_fixture_export(struct tls_config *config)
{
    static _Alignas(64) uint8_t storage[16384];
    static const uint8_t two = 2;
    static const struct cg_dh_group group = {tls_fixture_export_p, &two,
                                             sizeof tls_fixture_export_p, 1};
    struct cg_rsa_private_parts parts;
    const char *why;

    assert_true(cg_rsa_private_size() <= sizeof storage);
    assert_true(x509_rsa_private_key("RSA PRIVATE KEY", tls_fixture_export_key,
                                     sizeof tls_fixture_export_key, &parts, &why));
    assert_true(cg_rsa_private_load((void *)storage, &parts));
    config->export_key = (void *)storage;
    config->export_public = (struct cg_rsa_public){
        .n = parts.n, .e = parts.e, .n_length = parts.n_length, .e_length = parts.e_length};
    config->export_dh_group = &group;
}

const struct x509_trust *tls_fixture_trust(void)
{
    static struct x509_certificate ca;
    static struct x509_trust trust;
    const char *why;

    if (trust.count == 0) {
        assert_int_equal(x509_parse(&ca, tls_fixture_ca, sizeof tls_fixture_ca, &why),
                         TLS_ERROR_OK);
        trust = (struct x509_trust){&ca, 1};
    }
    return &trust;
}

/* ---- ends ---- */

static void *new_block(size_t n)
{
    void *block = malloc(n);

    assert_non_null(block);
    memset(block, 0x5a, n);
    return block;
}

/* The old block stays allocated until the new one is there, so the address is another. */
static void *move(void *old, size_t n)
{
    void *moved = new_block(n);

    memcpy(moved, old, n);
    memset(old, 0xa5, n);
    free(old);
    return moved;
}

struct tls_conn tls_end_conn(struct tls_end *end)
{
    end->session = move(end->session, sizeof *end->session);
    if (end->handshake != NULL) {
        end->handshake = move(end->handshake, tls_handshake_size());
        if (!tls_in_handshake(end->session) && !end->offers_handshake) {
            free(end->handshake);
            end->handshake = NULL;
        }
    }
    return (struct tls_conn){.session = end->session,
                             .handshake = end->handshake,
                             .config = &end->config,
                             .output = end->output,
                             .big = end->big,
                             .big_size = end->big != NULL ? TLS_BIG_SIZE : 0,
                             .now = end->now,
                             .observe = end->observe,
                             .observe_arg = end->observe_arg};
}

void tls_end_init(struct tls_end *end, enum tls_role role)
{
    static const uint16_t suites[] = {0x002f, 0x0035, 0x000a};

    memset(end, 0, sizeof *end);
    end->config.role = role;
    end->config.version_min = end->config.version_max = TLS_VERSION_10;
    memcpy(end->config.suites, suites, sizeof suites);
    end->config.suite_count = sizeof suites / sizeof suites[0];
    end->config.minimum_rsa_bits = 1024;
    end->config.trust = tls_fixture_trust();
    if (role == TLS_SERVER) {
        end->config.credential = tls_fixture_server_credential();
    } else {
        end->name = "server.test";
    }
    end->now = FIXTURE_NOW;
    end->session = new_block(sizeof *end->session);
    end->handshake = new_block(tls_handshake_size());
    end->output = new_block(TLS_OUTPUT_SIZE);
    end->in = new_block(TLS_END_BUFFER);
    end->plain = new_block(TLS_END_BUFFER);
}

void tls_end_start(struct tls_end *end)
{
    tls_session_init(end->session, end->config.role);
    tls_handshake_init(end->handshake, end->name);
    struct tls_conn conn = tls_end_conn(end);
    end->last = tls_start(&conn);
}

void tls_end_free(struct tls_end *end)
{
    free(end->session);
    free(end->handshake);
    free(end->output);
    free(end->big);
    free(end->in);
    free(end->plain);
}

static enum tls_result receive(struct tls_end *end, size_t length)
{
    struct tls_conn conn = tls_end_conn(end);
    uint8_t *plain, *record = malloc(length); /* of the exact size, for the sanitizer */
    size_t n;

    assert_non_null(record);
    memcpy(record, end->in, length);
    enum tls_result result = tls_receive(&conn, record, length, &plain, &n);
    if (n > 0) {
        assert_true(plain >= record && plain + n <= record + length);
        assert_true(end->plain_length + n <= TLS_END_BUFFER);
        memcpy(end->plain + end->plain_length, plain, n);
        end->plain_length += n;
    }
    if (result == TLS_NEED_BIG || result == TLS_NEED_HANDSHAKE) {
        assert_memory_equal(record, end->in, length);
    }
    free(record);
    return result;
}

static void take_records(struct tls_end *end)
{
    while (end->in_length > 0) {
        size_t length = tls_record_length(end->session, end->in, end->in_length);
        if (length > end->in_length || (length == TLS_HEADER && end->in_length < TLS_HEADER)) {
            return;
        }
        if (length == 0) {
            length = end->in_length;
        }
        enum tls_result result = receive(end, length);
        if (result == TLS_NEED_BIG) {
            assert_null(end->big);
            end->asked_for_big = true;
            end->big = new_block(TLS_BIG_SIZE);
            result = receive(end, length);
        }
        if (result == TLS_NEED_HANDSHAKE) {
            assert_null(end->handshake);
            end->asked_for_handshake = end->offers_handshake = true;
            end->handshake = new_block(tls_handshake_size());
            tls_handshake_init(end->handshake, end->name);
            result = receive(end, length);
            end->offers_handshake = false;
        }
        if (result == TLS_NEED_ROOM) {
            return;
        }
        end->in_length -= length;
        memmove(end->in, end->in + length, end->in_length);
        if (result != TLS_DONE) {
            end->last = result;
            return;
        }
    }
}

void tls_end_feed(struct tls_end *end, const uint8_t *bytes, size_t n)
{
    assert_true(end->in_length + n <= TLS_END_BUFFER);
    memcpy(end->in + end->in_length, bytes, n);
    end->in_length += n;
    if (end->last != TLS_FAILED) {
        take_records(end);
    }
}

void tls_end_feed_record(struct tls_end *end, uint8_t type, const uint8_t *content, size_t n)
{
    uint8_t header[TLS_HEADER] = {type, 3, 1, (uint8_t)(n >> 8), (uint8_t)n};
    uint8_t *record = new_block(TLS_HEADER + n);

    memcpy(record, header, TLS_HEADER);
    if (n > 0) {
        memcpy(record + TLS_HEADER, content, n);
    }
    tls_end_feed(end, record, TLS_HEADER + n);
    free(record);
}

void tls_end_feed_sealed(struct tls_end *end, struct tls_end *from, uint8_t type,
                         const uint8_t *content, size_t n)
{
    struct tls_sealer sealer;
    uint8_t *record = new_block(tls_record_size(&from->session->write, n));

    memcpy(record + TLS_HEADER, content, n);
    tls_sealer_init(&sealer, &from->session->write, from->session->version);
    n = tls_record_seal(&sealer, type, record, n);
    tls_sealer_wipe(&sealer);
    tls_end_feed(end, record, n);
    free(record);
}

size_t tls_end_drain_record(struct tls_end *end, uint8_t out[TLS_RECORD_MAX])
{
    struct tls_conn conn = tls_end_conn(end);
    size_t n;

    tls_flush_mailbox(&conn);
    const uint8_t *bytes = tls_output(&conn, &n);
    return n == 0 ? 0 : tls_end_drain(end, out, TLS_HEADER + (size_t)(bytes[3] << 8 | bytes[4]));
}

size_t tls_end_drain(struct tls_end *end, uint8_t *out, size_t n)
{
    struct tls_conn conn = tls_end_conn(end);
    size_t waiting;

    tls_flush_mailbox(&conn);
    const uint8_t *bytes = tls_output(&conn, &waiting);
    n = n < waiting ? n : waiting;
    memcpy(out, bytes, n);
    tls_output_sent(&conn, n);
    conn = tls_end_conn(end);
    if (n > 0 && tls_in_handshake(end->session)) {
        enum tls_result result = tls_continue(&conn);
        end->last = result == TLS_DONE ? end->last : result;
    }
    return n;
}

/* ---- pairs ---- */

void tls_pair_init(struct tls_pair *pair)
{
    tls_end_init(&pair->client, TLS_CLIENT);
    tls_end_init(&pair->server, TLS_SERVER);
}

void tls_pair_start(struct tls_pair *pair)
{
    tls_end_start(&pair->client);
    tls_end_start(&pair->server);
}

void tls_pair_free(struct tls_pair *pair)
{
    tls_end_free(&pair->client);
    tls_end_free(&pair->server);
}

static size_t carry(struct tls_end *from, struct tls_end *to, size_t piece)
{
    uint8_t *bytes = malloc(piece); /* of the exact size, for the sanitizer */

    assert_non_null(bytes);
    size_t n = tls_end_drain(from, bytes, piece);
    if (n > 0) {
        tls_end_feed(to, bytes, n);
    } else if (to->in_length > 0 && to->last == TLS_DONE) {
        take_records(to); /* one that waited for room */
    }
    free(bytes);
    return n;
}

void tls_pair_run(struct tls_pair *pair, size_t piece)
{
    size_t moved;

    do {
        moved = carry(&pair->client, &pair->server, piece);
        moved += carry(&pair->server, &pair->client, piece);
    } while (moved > 0);
}

/* Handshake bytes on their way, opened and not yet sealed anew. */
struct joint {
    uint8_t bytes[TLS_END_BUFFER];
    size_t n;
    struct tls_half before, after; /* the sender's keys around them */
};

static void join(struct joint *joint, const struct tls_end *from, const struct tls_end *to,
                 uint8_t *record, size_t length)
{
    size_t n;

    if (joint->n == 0) {
        joint->before = joint->after = to->session->read;
    }
    assert_int_equal(
        tls_record_open(&joint->after, from->session->version, UINT64_MAX, record, length, &n),
        TLS_ERROR_OK);
    memcpy(joint->bytes + joint->n, record + TLS_HEADER, n);
    joint->n += n;
}

static void cut(struct joint *joint, struct tls_end *from, struct tls_end *to, size_t first,
                size_t piece)
{
    struct tls_half now = from->session->write;
    size_t part = first;

    from->session->write = joint->before;
    for (size_t done = 0; done < joint->n; done += part, part = piece) {
        part = part < joint->n - done ? part : joint->n - done;
        tls_end_feed_sealed(to, from, TLS_CONTENT_HANDSHAKE, joint->bytes + done, part);
    }
    if (joint->n == 0 || now.protected != joint->before.protected) {
        from->session->write = now; /* the sender has gone on to other keys */
    }
    joint->n = 0;
}

static bool refragment(struct tls_end *from, struct tls_end *to, size_t first, size_t piece)
{
    static struct joint joint;
    uint8_t record[TLS_RECORD_MAX];
    size_t length;
    bool moved = false;

    joint.n = 0;
    while ((length = tls_end_drain_record(from, record)) > 0) {
        moved = true;
        if (record[0] == TLS_CONTENT_HANDSHAKE) {
            join(&joint, from, to, record, length);
        } else {
            cut(&joint, from, to, first, piece);
            tls_end_feed(to, record, length);
        }
    }
    cut(&joint, from, to, first, piece);
    return moved;
}

void tls_pair_run_refragmented(struct tls_pair *pair, size_t first, size_t piece)
{
    bool moved;

    do {
        moved = refragment(&pair->client, &pair->server, first, piece);
        moved = refragment(&pair->server, &pair->client, first, piece) || moved;
    } while (moved);
}

bool tls_pair_run_until(struct tls_end *from, struct tls_end *to, size_t count)
{
    uint8_t record[TLS_RECORD_MAX];
    size_t n;

    while (count > 0) {
        n = tls_end_drain_record(from, record);
        if (n > 0) {
            tls_end_feed(to, record, n);
            count--;
        } else {
            n = tls_end_drain_record(to, record);
            if (n == 0) {
                return false;
            }
            tls_end_feed(from, record, n);
        }
    }
    return true;
}

void tls_pair_transfer(struct tls_end *from, struct tls_end *to, const uint8_t *bytes, size_t n)
{
    size_t sent = 0, taken;

    to->plain_length = 0;
    while (sent < n) {
        struct tls_conn conn = tls_end_conn(from);
        enum tls_result result = tls_send(&conn, bytes + sent, n - sent, &taken);
        assert_true(result == TLS_DONE || result == TLS_NEED_ROOM);
        sent += taken;
        while (carry(from, to, TLS_OUTPUT_SIZE) > 0) {
        }
    }
    assert_int_equal(to->plain_length, n);
    assert_memory_equal(to->plain, bytes, n);
}

void tls_pair_assert_works(struct tls_pair *pair)
{
    static const uint8_t there[] = "from the client", back[] = "from the server";
    struct tls_end *c = &pair->client, *s = &pair->server;
    char text[400];

    if (!tls_is_established(c->session) || !tls_is_established(s->session)) {
        tls_failure_text(c->session, c->handshake, text, sizeof text);
        print_message("client: %s\n", text);
        tls_failure_text(s->session, s->handshake, text, sizeof text);
        print_message("server: %s\n", text);
    }
    assert_true(tls_is_established(c->session));
    assert_true(tls_is_established(s->session));
    assert_int_equal(c->session->suite, s->session->suite);
    assert_memory_equal(c->session->master_secret, s->session->master_secret, TLS_MASTER_SECRET);
    assert_memory_equal(&c->session->read, &s->session->write, sizeof(struct tls_half));
    assert_memory_equal(&c->session->write, &s->session->read, sizeof(struct tls_half));
    assert_memory_equal(c->session->client_verify_data, s->session->client_verify_data,
                        TLS_VERIFY_DATA);
    assert_memory_equal(c->session->server_verify_data, s->session->server_verify_data,
                        TLS_VERIFY_DATA);
    tls_pair_transfer(c, s, there, sizeof there);
    tls_pair_transfer(s, c, back, sizeof back);
}

void tls_end_assert_failed(const struct tls_end *end, enum tls_error error)
{
    if (tls_failure(end->session) != error) {
        char text[400];
        tls_failure_text(end->session, end->handshake, text, sizeof text);
        print_message("%s\n", text);
    }
    assert_int_equal(tls_failure(end->session), error);
    assert_int_equal(atomic_load(&end->session->alert_sent), tls_error_alert(error));
}
