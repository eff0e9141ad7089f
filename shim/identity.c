#include "identity.h"

#include <stdio.h>
#include <string.h>

#include "../crypto_glue/cg_hash.h"
#include "arena.h"
#include "common_log.h"
#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "known_peers.h"
#include "ruling.h"

/* ---- text in pieces ---- */

struct strings { /* one after the other, each with its NUL */
    char *start;
    size_t used, size;
    bool full;
};

static void add(struct strings *out, const char *name, const char *value)
{
    size_t n = strlen(name) + (value != NULL ? 1 + strlen(value) : 0) + 1;

    if (out->full || n > out->size - out->used) {
        out->full = true;
        return;
    }
    snprintf(out->start + out->used, n, "%s%s%s", name, value != NULL ? "=" : "",
             value != NULL ? value : "");
    out->used += n;
}

static void hex(struct x509_bytes bytes, char *out, size_t size)
{
    size_t i = 0;

    for (; i < bytes.length && 2 * i + 3 <= size; i++)
        snprintf(out + 2 * i, 3, "%02x", bytes.data[i]);
    out[2 * i] = '\0';
}

/* ---- what is kept of a certificate ---- */

static const char *const certificate_names[] = {"SSL_PEER_CERT_HASH", "SSL_PEER_CERT_SUBJECT",
                                                "SSL_PEER_CERT_ISSUER", "SSL_PEER_CERT_SERIAL",
                                                "SSL_PEER_CERT_SAN"};
enum { CERTIFICATE_NAMES = sizeof(certificate_names) / sizeof(certificate_names[0]) };

static bool keep(struct shim_session *s, const struct x509_certificate *leaf)
{
    struct strings out = {.size = IDENTITY_ENVIRONMENT_MAX};
    char text[2048];
    uint8_t digest[CG_HASH_MAX];

    if (s->identity_slab == 0)
        s->identity_slab = arena_take(ARENA_SLAB);
    out.start = arena_at(ARENA_SLAB, s->identity_slab);
    if (out.start == NULL)
        return false;
    cg_hash_once(CG_SHA256, leaf->der.data, leaf->der.length, digest);
    memcpy(text, "SHA256:", 7);
    hex((struct x509_bytes){digest, 32}, text + 7, sizeof(text) - 7);
    add(&out, certificate_names[0], text);
    x509_name_text(leaf->subject, text, sizeof(text));
    add(&out, certificate_names[1], text);
    x509_name_text(leaf->issuer, text, sizeof(text));
    add(&out, certificate_names[2], text);
    hex(leaf->serial, text, sizeof(text));
    add(&out, certificate_names[3], text);
    x509_san_text(leaf, text, sizeof(text));
    add(&out, certificate_names[4], text[0] != '\0' ? text : NULL);
    s->identity_length = (uint32_t)out.used;
    return !out.full;
}

/* ---- the last word ---- */

static enum tls_error check_first_use(const struct shim_session *s,
                                      const struct x509_certificate *leaf, char *detail,
                                      size_t size)
{
    const struct policy_rule *rule = rule_of_session(s);
    const char *port = strrchr(s->peer_address, ':');
    bool bare = strchr(s->peer_name, ':') != NULL; /* an IPv6 address */
    char peer[TLS_NAME_MAX + 16], shown[X509_PIN_TEXT];
    uint8_t pin[32];
    bool recorded;

    snprintf(peer, sizeof(peer), "%s%s%s%s", bare ? "[" : "", s->peer_name, bare ? "]" : "",
             port != NULL ? port : "");
    for (char *c = peer; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + ('a' - 'A'));
    x509_pin(leaf, pin);
    enum tls_error error = known_peers_check(rule->settings.trusting.known_peers.text, peer, pin,
                                             &recorded, detail, size);
    if (recorded) {
        x509_pin_text(pin, shown);
        log_line(LOG_LEVEL_WARN,
                 "%s:%u: [client %s]: %s is met for the first time; its key %s is recorded in %s: "
                 "compare it with what its owner says",
                 rule->place.file, rule->place.line, rule->name, peer, shown,
                 rule->settings.trusting.known_peers.text);
    }
    return error;
}

enum tls_error identity_approve(void *arg, const struct x509_certificate *leaf, char *detail,
                                size_t size)
{
    struct shim_session *s = arg;

    x509_name_text(leaf->subject, s->peer_subject, sizeof(s->peer_subject));
    if (identity_is_exported(s) && !keep(s, leaf)) {
        snprintf(detail, size, "there is no room to keep who the client is");
        return TLS_ERROR_INTERNAL;
    }
    return config_of_session(s)->needs_approval ? check_first_use(s, leaf, detail, size)
                                                : TLS_ERROR_OK;
}

/* ---- for programs ---- */

bool identity_is_exported(const struct shim_session *s)
{
    const struct policy_rule *rule = rule_of_session(s);

    return rule != NULL && rule->kind == POLICY_SERVER &&
           rule->settings.trusting.client_environment &&
           rule->settings.client_certificate != POLICY_CERT_NO;
}

static void add_session(struct strings *out, const struct shim_session *s)
{
    const struct tls_suite *suite = tls_suite_by_id(s->tls.suite);
    const char *kept = arena_at(ARENA_SLAB, s->identity_slab);

    add(out, "SSL_PROTOCOL", "TLSv1");
    add(out, "SSL_CIPHER", suite != NULL ? suite->alias : NULL);
    if (kept != NULL && s->identity_length <= out->size - out->used) {
        memcpy(out->start + out->used, kept, s->identity_length);
        out->used += s->identity_length;
        return;
    }
    out->full |= kept != NULL;
    for (size_t i = 0; i < CERTIFICATE_NAMES; i++)
        add(out, certificate_names[i], NULL);
}

static void add_removals(struct strings *out)
{
    add(out, "SSL_PROTOCOL", NULL);
    add(out, "SSL_CIPHER", NULL);
    for (size_t i = 0; i < CERTIFICATE_NAMES; i++)
        add(out, certificate_names[i], NULL);
}

size_t identity_environment(struct shim_ref ref, char *out, size_t size)
{
    struct strings strings = {.start = out, .size = size};
    struct shim_guard guard;

    shim_enter(&guard);
    if (ref.session == NULL || !session_lock_read(ref)) {
        add_removals(&strings);
    } else {
        if (tls_is_established(&ref.session->tls) && identity_is_exported(ref.session))
            add_session(&strings, ref.session);
        else
            add_removals(&strings);
        session_unlock_read(ref.session);
    }
    shim_leave(&guard);
    return strings.full ? 0 : strings.used;
}

/* ---- into an environment ---- */

static bool is_exporting(const struct policy_rule *rule)
{
    return rule->kind == POLICY_SERVER && rule->settings.trusting.client_environment;
}

static bool any_rule_exports(void)
{
    const struct rules *rules = ruling_pin();
    bool any = false;

    for (size_t i = 0; i < rules->policy.rule_count; i++)
        any |= is_exporting(&rules->policy.rules[i]);
    ruling_unpin(rules);
    return any;
}

/* The client that a program talks to: on its standard input, else its standard output. */
static struct shim_ref client_of_program(const int streams[2], int *fd)
{
    struct shim_ref ref = {0};

    for (int i = 0; i < 2; i++) {
        *fd = streams[i];
        if (*fd >= 0 && fd_verdict(*fd, &ref) == FD_IS_TLS && ref.session->tls.role == TLS_SERVER)
            return ref;
    }
    return (struct shim_ref){0};
}

static size_t count_of(char *const environment[])
{
    size_t count = 0;

    while (environment != NULL && environment[count] != NULL)
        count++;
    return count;
}

size_t identity_room(char *const environment[], const int streams[2])
{
    int fd;

    if (!shim_ready() || (!any_rule_exports() && client_of_program(streams, &fd).session == NULL))
        return 0;
    return (count_of(environment) + CERTIFICATE_NAMES + 3) * sizeof(char *) +
           IDENTITY_ENVIRONMENT_MAX;
}

/* Is the variable of this entry one that the strings name? */
static bool is_named(const char *entry, const char *strings, size_t length)
{
    size_t n = strcspn(entry, "=");

    for (size_t at = 0; at < length; at += strlen(strings + at) + 1)
        if (strcspn(strings + at, "=") == n && memcmp(strings + at, entry, n) == 0)
            return true;
    return false;
}

char *const *identity_into(void *room, size_t size, char *const environment[], const int streams[2])
{
    size_t count = count_of(environment), length;
    char **out = room, *text = (char *)(out + count + CERTIFICATE_NAMES + 3);
    int fd;

    if (size == 0)
        return environment;
    struct shim_ref ref = client_of_program(streams, &fd);
    if (ref.session != NULL && identity_is_exported(ref.session))
        io_handshake_wait(fd, ref, -1);
    length = identity_environment(ref, text, IDENTITY_ENVIRONMENT_MAX);
    for (size_t i = 0; i < count; i++)
        if (!is_named(environment[i], text, length))
            *out++ = environment[i];
    for (size_t at = 0; at < length; at += strlen(text + at) + 1)
        if (strchr(text + at, '=') != NULL)
            *out++ = text + at;
    *out = NULL;
    return room;
}
