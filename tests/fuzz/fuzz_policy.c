/* The policy parser and matcher, on mutated policies. */
#include "fuzz.h"

#include <limits.h>
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
    "[client w]\nconnect = *:4\ntrust = /t ${CREDENTIALS_DIRECTORY}/u\ncrl = /crl.pem /d/\nocsp = "
    "require\n"
    "common-name = allow\ncertificate-profile = strict\ncertificate = c\nkey = k\n"
    "key-passphrase-file = p\n[client u]\nconnect = *:2\ntrust = first-use\nknown-peers = /k\n"
    "[server v]\nlisten = *:3\ncertificate = c\nkey = k\nocsp-response = o\n"
    "client-certificate = require\nclient-trust = /t /u v\nclient-subject = CN=x\n"
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

/* ---- do two policies mean the same? ---- */

static bool same_string(struct policy_string a, struct policy_string b)
{
    return a.text && b.text ? strcmp(a.text, b.text) == 0 : a.text == b.text;
}

static bool same_strings(const struct policy_string *a, const struct policy_string *b, size_t count)
{
    while (count > 0 && same_string(a[count - 1], b[count - 1]))
        count--;
    return count == 0;
}

static bool same_list(const struct policy_list *a, const struct policy_list *b)
{
    return a->count == b->count && same_strings(a->words, b->words, a->count);
}

static bool same_strength(const struct policy_settings *a, const struct policy_settings *b)
{
    return a->minimum_cipher == b->minimum_cipher &&
           a->minimum_key_exchange == b->minimum_key_exchange &&
           a->minimum_certificate == b->minimum_certificate &&
           a->minimum_signature == b->minimum_signature && policy_dh_bits(a) == policy_dh_bits(b) &&
           a->version_min == b->version_min && a->version_max == b->version_max &&
           a->suite_count == b->suite_count &&
           memcmp(a->suites, b->suites, a->suite_count * sizeof *a->suites) == 0 &&
           a->group_count == b->group_count &&
           memcmp(a->groups, b->groups, a->group_count * sizeof *a->groups) == 0 &&
           a->data_limit == b->data_limit;
}

static bool same_allowances(const struct policy_settings *a, const struct policy_settings *b)
{
    return a->allow_truncation == b->allow_truncation &&
           a->record_splitting == b->record_splitting &&
           a->allow_sha1_certificates == b->allow_sha1_certificates &&
           a->allow_renegotiation == b->allow_renegotiation &&
           a->allow_no_renegotiation_info == b->allow_no_renegotiation_info &&
           a->tickets == b->tickets && a->allow_keylog == b->allow_keylog &&
           a->cache_age == b->cache_age && a->handshake == b->handshake &&
           a->handshake_timeout == b->handshake_timeout;
}

static bool same_client(const struct policy_settings *a, const struct policy_settings *b)
{
    const struct policy_trust *x = &a->trusting, *y = &b->trusting;
    return x->kind == y->kind && same_list(&a->trust, &b->trust) && same_list(&x->pins, &y->pins) &&
           (x->kind >= POLICY_TRUST_PIN_ONLY || same_list(&x->crls, &y->crls)) &&
           (x->kind != POLICY_TRUST_FIRST_USE || same_string(x->known_peers, y->known_peers)) &&
           same_string(a->verify_name, b->verify_name) && x->ocsp == y->ocsp &&
           x->allow_common_name == y->allow_common_name && x->strict == y->strict &&
           a->omit_extensions == b->omit_extensions;
}

static bool same_server(const struct policy_settings *a, const struct policy_settings *b)
{
    const struct policy_trust *x = &a->trusting, *y = &b->trusting;
    return a->client_certificate == b->client_certificate &&
           (a->client_certificate == POLICY_CERT_NO ||
            (same_list(&a->client_trust, &b->client_trust) && same_list(&x->crls, &y->crls) &&
             same_list(&x->client_subjects, &y->client_subjects) &&
             same_list(&x->client_names, &y->client_names))) &&
           same_strings(x->ocsp_responses, y->ocsp_responses, POLICY_CREDENTIALS_MAX) &&
           same_string(a->dh_parameters, b->dh_parameters) &&
           same_string(a->ticket_keys, b->ticket_keys) &&
           a->allow_sslv2_hello == b->allow_sslv2_hello &&
           x->client_environment == y->client_environment && x->strict == y->strict;
}

static bool same_rule(const struct policy_rule *a, const struct policy_rule *b)
{
    const struct policy_settings *x = &a->settings, *y = &b->settings;
    bool is_tls = a->kind == POLICY_CLIENT || a->kind == POLICY_SERVER;
    return a->kind == b->kind && strcmp(a->name, b->name) == 0 &&
           same_string(x->reason, y->reason) && a->user_count == b->user_count &&
           (a->user_count == 0 ||
            memcmp(a->users, b->users, a->user_count * sizeof *a->users) == 0) &&
           (a->kind == POLICY_DENY || x->legacy_until == y->legacy_until) &&
           (a->kind != POLICY_CLIENT || same_client(x, y)) &&
           (a->kind != POLICY_SERVER || same_server(x, y)) &&
           (!is_tls ||
            (same_strength(x, y) && same_allowances(x, y) && same_list(&x->alpn, &y->alpn) &&
             same_list(&x->psk_identities, &y->psk_identities) &&
             same_string(x->psk_file, y->psk_file) &&
             same_string(x->key_passphrase_file, y->key_passphrase_file) &&
             same_strings(x->certificates, y->certificates, POLICY_CREDENTIALS_MAX) &&
             same_strings(x->keys, y->keys, POLICY_CREDENTIALS_MAX)));
}

/* Which rule decides; the rule of a date that has passed has its own's number. */
static unsigned decided(const struct policy *policy, const struct policy_query *query)
{
    const struct policy_rule *rule = policy_match(policy, query);
    return rule ? rule->index * 4 + rule->kind : UINT_MAX;
}

static bool same_decisions(const struct policy *a, const struct policy *b)
{
    static const uint8_t addresses[][16] = {{10, 1, 2, 3}, {127, 0, 0, 53}, {0x20, 1, 0xd, 0xb8}};
    static const char *const names[] = {NULL, "db.erp.example.com"};
    static const char *const programs[] = {NULL, "/usr/bin/psql"};
    static const uint16_t ports[] = {1, 23, 53, 993, 5432, 65535};
    struct policy_query query = {.now = 1};
    for (unsigned i = 0; i < 3 * 2 * 2 * 6 * 2; i++) {
        query.direction = i % 2 ? POLICY_CONNECT : POLICY_LISTEN;
        memcpy(query.address, addresses[i / 2 % 3], sizeof query.address);
        query.address_length = i / 2 % 3 == 2 ? 16 : 4;
        query.name = query.direction == POLICY_CONNECT ? names[i / 6 % 2] : NULL;
        query.program = programs[i / 12 % 2];
        query.port = ports[i / 24 % 6];
        if (decided(a, &query) != decided(b, &query) ||
            policy_covers_listen_port(a, query.port) != policy_covers_listen_port(b, query.port))
            return false;
    }
    return true;
}

static bool same_policy(const struct policy *a, const struct policy *b)
{
    size_t i = 0;
    if (a->rule_count != b->rule_count ||
        a->process.unmatched_plain != b->process.unmatched_plain ||
        a->process.children != b->process.children ||
        a->process.uncovered_child != b->process.uncovered_child ||
        a->process.cache_entries != b->process.cache_entries ||
        a->process.cache_bytes != b->process.cache_bytes)
        return false;
    while (i < a->rule_count && same_rule(&a->rules[i], &b->rules[i]))
        i++;
    return i == a->rule_count && same_decisions(a, b);
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
    if (!same_policy(policy, &again))
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
        print_and_read_again(&policy);
    } else if (error.message[0] == '\0' || error.place.line == 0 || error.place.column == 0)
        __builtin_trap(); /* every refusal has a place and a reason */
    free(pool.memory);
}
