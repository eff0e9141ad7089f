/* The policy parser and matcher, on mutated policies. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"

static const char *const texts[] = {
    "# a comment\n[defaults]\nminimum-strength = 112\nunmatched = deny\n"
    "[plain local-dns]\nconnect = 127.0.0.53:53 [::1]:53\n"
    "[client erp]\nconnect = *.erp.example.com:5432 10.1.0.0/16:5432\nprogram = psql pg_dump\n"
    "trust = /etc/tlshim/erp-ca.pem\n",
    "[server imap]\r\nlisten = *:993\r\ncertificate = /etc/tlshim/imap.pem\r\n"
    "key = ${CREDENTIALS_DIRECTORY}/imap.key\r\nclient-certificate = no\r\n[deny telnet]\n"
    "connect = *:23\nlisten = *:1-1023\n",
    "[client a]\nconnect = [2001:db8::/32]:1-65535\ntrust = system\nverify-name = a.example\n"
    "suites = ALL -TLS_RSA_WITH_3DES_EDE_CBC_SHA AES128-SHA\nversions = TLS1.0\n"
    "handshake = connect\nhandshake-timeout = 30\ntruncation = allow\nrecord-splitting = off\n",
    "[defaults]\nchildren = drop\nuncovered-child = plain\ncache-entries = 100\n"
    "cache-bytes = 3M\npreset = legacy\nlegacy-until = 2030-12-31\n[client b]\nconnect = *:*\n"
    "trust = a$$b\nminimum-cipher = 80\nminimum-key-exchange = 80\nminimum-certificate = 56\n"
    "minimum-signature = 40\nsha1-certificates = allow\ndata-limit = 1G\nreason = why not\n"
    "certificate = c\nkey = ${CREDENTIALS_DIRECTORY}k\nuser = 0 33\n",
    "[client p]\nconnect = *:1\npsk-file = p\npsk-identity = me\nalpn = http/1.1 ftp\n"
    "groups = X25519 P-384 ffdhe3072\nminimum-dh = 1024\nrenegotiation = allow\ntickets = off\n"
    "cache-age = 60\nkeylog = allow\nrenegotiation-info = optional\nextensions = omit\n[server "
    "q]\nlisten = *:2\npsk-file = p\n"
    "psk-identity = a b c\nsuites = PSK-AES128-CBC-SHA\nticket-keys = t\nsslv2-hello = allow\n",
    "[client t]\nconnect = *:1\ntrust = pin-only\npin = "
    "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
    "[client w]\nconnect = *:4\ntrust = /t\ncrl = /crl.pem\nocsp = require\n"
    "common-name = allow\ncertificate-profile = strict\ncertificate = c\nkey = k\n"
    "key-passphrase-file = p\n[client u]\nconnect = *:2\ntrust = first-use\nknown-peers = /k\n"
    "[server v]\nlisten = *:3\ncertificate = c\nkey = k\nocsp-response = o\n"
    "client-certificate = require\nclient-trust = /t\nclient-subject = CN=x\n"
    "client-san = x.test\nclient-environment = on\ndh-parameters = d\n",
};

static const char *environment(const char *name)
{
    return strcmp(name, "CREDENTIALS_DIRECTORY") == 0 ? "/run/credentials" : NULL;
}

void fuzz_start(void)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        fuzz_seed(texts[i], strlen(texts[i]));
}

static void ask(const struct policy *policy)
{
    struct policy_query query = {.direction = POLICY_CONNECT,
                                 .address = {10, 1, 2, 3},
                                 .address_length = 4,
                                 .port = 5432,
                                 .name = "db.erp.example.com",
                                 .program = "/usr/bin/psql"};
    policy_match(policy, &query);
    query.direction = POLICY_LISTEN;
    query.address_length = 16;
    query.name = NULL;
    query.program = NULL;
    policy_match(policy, &query);
    policy_covers_listen_port(policy, 993);
}

struct output {
    char *text;
    size_t length;
};

static void append(void *arg, const char *text, size_t n)
{
    struct output *out = arg;
    out->text = realloc(out->text, out->length + n);
    memcpy(out->text + out->length, text, n);
    out->length += n;
}

static struct output printed(const struct policy *policy)
{
    struct output out = {NULL, 0};
    policy_print(policy, append, &out);
    return out;
}

/* What was accepted means the same when it is printed and read again. */
static void print_and_read_again(const struct policy *policy)
{
    struct output first = printed(policy);
    size_t size = policy_pool_size(first.length);
    struct policy_pool pool = {.memory = malloc(size), .size = size};
    struct policy again;
    struct policy_error error;
    if (!policy_parse(&again, &pool, "printed", first.text, first.length, NULL, &error))
        __builtin_trap();
    struct output second = printed(&again);
    if (first.length != second.length || memcmp(first.text, second.text, first.length) != 0)
        __builtin_trap();
    free(first.text);
    free(second.text);
    free(pool.memory);
}

void fuzz_input(const uint8_t *bytes, size_t n)
{
    size_t size = policy_pool_size(n);
    struct policy_pool pool = {.memory = malloc(size), .size = size};
    struct policy policy;
    struct policy_error error = {.message = ""};

    if (policy_parse(&policy, &pool, "fuzz.conf", (const char *)bytes, n, environment, &error)) {
        ask(&policy);
        print_and_read_again(&policy);
    } else if (error.message[0] == '\0' || error.place.line == 0 || error.place.column == 0)
        __builtin_trap(); /* every refusal has a place and a reason */
    free(pool.memory);
}
