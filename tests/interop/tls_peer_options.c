#include "tls_peer_options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/lib/tls_fixture_bytes.h"
#include "tls/tls_cache.h"
#include "tls/tls_ticket.h"
#include "tls/x509/pem.h"

enum { CHAIN_MAX = 16, SESSIONS = 64, CREDENTIALS = 4, PROTOCOLS = 4 };

struct credential {
    struct tls_credential credential;
    struct x509_bytes chain[CHAIN_MAX];
    struct x509_certificate leaf;
    struct x509_private_key key;
    struct cg_rsa_private *rsa;
};

static struct peer_options options = {.name = "localhost", .connections = 1};

/* What the configuration points to. */
static struct {
    struct credential credentials[CREDENTIALS];
    int credential_count;
    struct tls_psk psk;
    uint8_t psk_bytes[TLS_PSK_MAX];
    struct x509_certificate roots[CHAIN_MAX];
    struct x509_trust trust;
    struct tls_cache cache;
    struct tls_ticket_ring tickets;
    struct x509_bytes protocols[PROTOCOLS];
} held;

_Noreturn void peer_die(const char *what)
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
        peer_die(path);
    }
    *n = fread(text, 1, 1 << 20, f);
    fclose(f);
    return text;
}

static void load_data(const char *path)
{
    options.data = (const uint8_t *)read_file(path, &options.data_length);
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
        peer_die(why);
    }
    return count;
}

/* A chain begins a credential, which comes before those given earlier. */
static void load_chain(const char *path)
{
    struct credential *c = &held.credentials[held.credential_count++];
    const char *why = path;

    if (held.credential_count > CREDENTIALS) {
        peer_die("too many certificates");
    }
    c->credential.chain_count = load_certificates(path, c->chain);
    c->credential.chain = c->chain;
    if (x509_parse(&c->leaf, c->chain[0].data, c->chain[0].length, &why) != TLS_ERROR_OK) {
        peer_die(why);
    }
    c->credential.next = options.config.credential;
    options.config.credential = &c->credential;
}

static void load_key(const char *path)
{
    struct credential *c = &held.credentials[held.credential_count - 1];
    struct pem_block block;
    const char *why = path;
    size_t n;
    char *text = read_file(path, &n);
    uint8_t *der = malloc(n);
    struct pem_reader reader = {.at = text, .end = text + n};

    do {
        if (pem_next(&reader, &block, der, n, &why) != PEM_BLOCK) {
            peer_die(why);
        }
    } while (strstr(block.label, "PRIVATE KEY") == NULL);
    if (!x509_private_key(block.label, der, block.length, &c->key, &why)) {
        peer_die(why);
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
            peer_die(path);
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
        peer_die(why);
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
        peer_die("--psk NAME=HEX");
    }
    held.psk.identity = (struct x509_bytes){(const uint8_t *)value, (size_t)(hex - value)};
    for (hex++; sscanf(hex, "%2x", &byte) == 1; hex += 2) {
        held.psk_bytes[held.psk.key.length++] = (uint8_t)byte;
    }
    held.psk.key.data = held.psk_bytes;
    options.config.psks = &held.psk;
    options.config.psk_count = 1;
}

static void load_trust(const char *path)
{
    struct x509_bytes roots[CHAIN_MAX];
    const char *why;

    held.trust.count = load_certificates(path, roots);
    held.trust.roots = held.roots;
    for (size_t i = 0; i < held.trust.count; i++) {
        if (x509_parse(&held.roots[i], roots[i].data, roots[i].length, &why) != TLS_ERROR_OK) {
            peer_die(why);
        }
    }
}

/* ---- command line ---- */

static void choose_suites(const char *names)
{
    options.config.suite_count = 0;
    while (*names != '\0' && options.config.suite_count < TLS_SUITES_MAX) {
        size_t n = strcspn(names, ":");
        const struct tls_suite *suite = tls_suite_by_name(names, n);
        if (suite == NULL) {
            peer_die("no such suite");
        }
        options.config.suites[options.config.suite_count++] = suite->id;
        names += n + (names[n] == ':');
    }
}

static void list_suites(void)
{
    for (size_t i = 0; tls_suite_at(i) != NULL; i++) {
        const struct tls_suite *suite = tls_suite_at(i);
        printf("%04x %s %s\n", suite->id, suite->name, suite->alias);
    }
    exit(0);
}

static void add_protocol(const char *name)
{
    if (options.config.alpn_count == PROTOCOLS) {
        peer_die("too many protocols");
    }
    held.protocols[options.config.alpn_count++] =
        (struct x509_bytes){(const uint8_t *)name, strlen(name)};
    options.config.alpn = held.protocols;
}

static void give_tickets(void)
{
    tls_ticket_ring_init(&held.tickets, 3600);
    options.config.tickets = &held.tickets;
}

static bool parse_flag(const char *option)
{
    static const struct {
        const char *name;
        bool *flag;
    } flags[] = {{"--no-split", &options.config.no_record_splitting},
                 {"--anonymous", &options.config.allow_anonymous},
                 {"--sslv2-hello", &options.config.accept_sslv2_hello},
                 {"--no-tickets", &options.config.no_tickets},
                 {"--truncation", &options.config.allow_truncation},
                 {"--verbose", &options.verbose}};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(option, flags[i].name) == 0) {
            *flags[i].flag = true;
            return true;
        }
    }
    if (strcmp(option, "--request") == 0) {
        options.config.client_certificate = TLS_CLIENT_CERT_REQUEST;
    } else if (strcmp(option, "--require") == 0) {
        options.config.client_certificate = TLS_CLIENT_CERT_REQUIRE;
    } else if (strcmp(option, "--export") == 0) {
        prepare_export();
    } else if (strcmp(option, "--tickets") == 0) {
        give_tickets();
    } else if (strcmp(option, "--no-cache") == 0) {
        options.config.cache = NULL;
    } else {
        return false;
    }
    return true;
}

static void parse_value(const char *option, const char *value)
{
    static const struct {
        const char *name;
        void (*take)(const char *value);
    } takers[] = {{"--trust", load_trust},     {"--certificate", load_chain}, {"--key", load_key},
                  {"--suites", choose_suites}, {"--psk", load_psk},           {"--data", load_data},
                  {"--alpn", add_protocol}};

    for (size_t i = 0; i < sizeof takers / sizeof takers[0]; i++) {
        if (strcmp(option, takers[i].name) == 0) {
            takers[i].take(value);
            return;
        }
    }
    if (strcmp(option, "--name") == 0) {
        options.name = value;
    } else if (strcmp(option, "--minimum-dh") == 0) {
        options.config.minimum_dh_bits = (unsigned)atoi(value);
    } else if (strcmp(option, "--connections") == 0) {
        options.connections = atoi(value);
    } else {
        peer_die(option);
    }
}

const struct peer_options *peer_options_parse(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "suites") == 0) {
        list_suites();
    }
    if (argc < 3 || (strcmp(argv[1], "client") != 0 && strcmp(argv[1], "server") != 0)) {
        peer_die("usage: tls_peer client|server PORT [OPTION...]");
    }
    options.config.role = strcmp(argv[1], "client") == 0 ? TLS_CLIENT : TLS_SERVER;
    options.port = atoi(argv[2]);
    options.config.version_min = options.config.version_max = TLS_VERSION_10;
    options.config.minimum_rsa_bits = 1024;
    options.config.trust = &held.trust;
    choose_suites("AES128-SHA:AES256-SHA:DES-CBC3-SHA");
    held.cache =
        tls_cache_of(tls_cache_table_init(calloc(1, tls_cache_table_size(SESSIONS)), SESSIONS));
    options.config.cache = &held.cache;
    for (int i = 3; i < argc; i++) {
        if (parse_flag(argv[i])) {
            continue;
        }
        if (i + 1 == argc) {
            peer_die(argv[i]);
        }
        parse_value(argv[i], argv[i + 1]);
        i++;
    }
    return &options;
}
