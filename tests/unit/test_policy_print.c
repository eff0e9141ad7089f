/* A policy printed back means the same; what presets expand to; includes, users and dates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/policy_keys.h"

#define PIN "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

enum { POOL = 4 << 20, TEXT = 1 << 20 };

static const char *environment(const char *name)
{
    if (strcmp(name, "ROOT") == 0)
        return "/root dir";
    return strcmp(name, "ODD") == 0 ? "a$ b#c\xc3\xa9 ${x}" : NULL;
}

static bool user_id(void *arg, const char *name, uint32_t *id)
{
    (void)arg;
    *id = 33;
    return strcmp(name, "www-data") == 0;
}

static bool include(void *arg, const char *pattern, struct policy_file **files, const char **why)
{
    static const char one[] = "[deny one]\nconnect = *:1\n", two[] = "[deny two]\nconnect = *:2\n";
    static struct policy_file second = {"b.conf", two, sizeof two - 1, NULL};
    static struct policy_file first = {"a.conf", one, sizeof one - 1, &second};
    (void)arg;
    *files = strcmp(pattern, "good.d/*") == 0 ? &first : NULL;
    *why = "there is no such thing";
    return strncmp(pattern, "good.d/*", 8) == 0;
}

struct output {
    char text[TEXT];
    size_t length;
};

static void append(void *arg, const char *text, size_t n)
{
    struct output *out = arg;
    assert_true(n < sizeof out->text - out->length);
    memcpy(out->text + out->length, text, n);
    out->length += n;
    out->text[out->length] = '\0';
}

static struct policy_input input_of(const char *text)
{
    return (struct policy_input){
        .file = "f.conf",
        .text = text,
        .length = strlen(text),
        .directory = "/dir$/",
        .environment = environment,
        .user_id = user_id,
        .include = include,
    };
}

static bool parse(struct policy *policy, struct policy_pool *pool, const struct policy_input *input,
                  struct policy_earliest *error)
{
    *pool = (struct policy_pool){.memory = malloc(POOL), .size = POOL};
    *error = (struct policy_earliest){.found = false};
    return policy_parse_all(policy, pool, input, policy_keep_earliest, error);
}

/* Prints, parses what was printed, prints again: must be the same. The first print is in *out. */
static void round_trip(const struct policy_input *input, struct output *out)
{
    static struct output again;
    struct policy policy, second;
    struct policy_pool pool, second_pool;
    struct policy_earliest error;
    out->length = again.length = 0;
    if (!parse(&policy, &pool, input, &error))
        fail_msg("%s:%u:%u: %s", error.error.place.file, error.error.place.line,
                 error.error.place.column, error.error.message);
    policy_print(&policy, append, out);
    struct policy_input printed = {.file = "printed", .text = out->text, .length = out->length};
    if (!parse(&second, &second_pool, &printed, &error))
        fail_msg("printed:%u:%u: %s\n%s", error.error.place.line, error.error.place.column,
                 error.error.message, out->text);
    policy_print(&second, append, &again);
    assert_string_equal(out->text, again.text);
    assert_int_equal(policy.rule_count, second.rule_count);
    for (size_t i = 0; i < policy.rule_count; i++) {
        const struct policy_rule *x = &policy.rules[i], *y = &second.rules[i];
        const struct policy_settings *a = &x->settings, *b = &y->settings;
        assert_int_equal(x->kind, y->kind);
        assert_int_equal(x->past != NULL, y->past != NULL);
        if (x->past)
            assert_true(a->legacy_until == b->legacy_until);
        if (x->kind == POLICY_PLAIN || x->kind == POLICY_DENY)
            continue;
        assert_int_equal(a->suite_count, b->suite_count);
        assert_memory_equal(a->suites, b->suites, a->suite_count * sizeof a->suites[0]);
        assert_true(a->data_limit == b->data_limit);
        assert_int_equal(a->trusting.kind, b->trusting.kind);
    }
    free(pool.memory);
    free(second_pool.memory);
}

static struct output printed;

static void every_key_survives(void **state)
{
    (void)state;
    const struct policy_input input = input_of(
        "[defaults]\nunmatched = plain\npreset = legacy\nlegacy-until = 2030-12-31\n"
        "[plain p]\nconnect = *:* A.Test.:1 *.b.test:2-3\nlisten = [::1]:* [2001:db8::/32]:5\n"
        "program = sh /bin/x$$y\nuser = www-data 0\nreason = ${ODD}\n"
        "[client c]\nconnect = 10.0.0.0/8:1\ntrust = ca$$.pem\nverify-name = ::1\n"
        "certificate = ${ODD}\nkey = /k\nsha1-certificates = allow\nsuites = ALL -AES128-SHA\n"
        "handshake = connect\ntruncation = allow\nrecord-splitting = off\ndata-limit = 1G\n"
        "groups = X25519 P-521 ffdhe4096\nminimum-dh = 1024\nalpn = h$$ http/1.1\ntickets = off\n"
        "cache-age = 0\nkeylog = allow\nrenegotiation = allow\nrenegotiation-info = optional\n"
        "extensions = omit\n"
        "[client d]\nconnect = x:1\ntrust = system\npreset = future\n"
        "[client l]\nconnect = x:3\ntrust = system\ncertificate = c\nkey = k\n"
        "key-passphrase-file = p p\n"
        "[client k]\nconnect = x:2\npsk-file = p k\npsk-identity = $$me\n"
        "[server s]\nlisten = *:1\ncertificate = /c\nkey = /k\nclient-certificate = no\n"
        "[server t]\nlisten = *:2\ncertificate = a b /c\nkey = /k ${ROOT}/x y\n"
        "client-certificate = request\nclient-trust = c t\ndh-parameters = dh\nsha1-certificates = "
        "allow\n"
        "ticket-keys = t k\nsslv2-hello = allow\npsk-file = ${ROOT}\npsk-identity = a b\n"
        "handshake-timeout = 7\nminimum-signature = 40\nlegacy-until = 2031-01-01\n"
        "[client p1]\nconnect = *:3\ntrust = pin-only\npin = " PIN " " PIN "\nocsp = require\n"
        "[client p2]\nconnect = *:4\ntrust = first-use\nknown-peers = known\nocsp = off\n"
        "[client p3]\nconnect = *:5\ntrust = roots/ /more\ncrl = crls /d/ /e\ncommon-name = allow\n"
        "certificate-profile = strict\n"
        "[server u]\nlisten = *:6\ncertificate = a /c\nkey = b /k\nocsp-response = r\n"
        "client-certificate = require\nclient-trust = t /u\nclient-environment = on\ncrl = /x\n"
        "client-subject = CN=a $$, O=b|c | CN=d\nclient-san = e@f ::1 g.test\n"
        "[deny e]\nconnect = *:23\n");
    round_trip(&input, &printed);
    assert_non_null(strstr(printed.text, "pin = " PIN " " PIN "\n"));
    assert_non_null(strstr(printed.text, "client-subject = CN=a $$, O=b|c | CN=d\n"));
    assert_non_null(strstr(printed.text, "known-peers = /dir$$/known\n"));
    assert_non_null(strstr(printed.text, "trust = /dir$$/ca$$.pem\n"));
    assert_non_null(strstr(printed.text, "certificate = /dir$$/a$$ b#c\xc3\xa9 $${x}\n"));
    assert_non_null(strstr(printed.text, "connect = *:* A.Test.:1 *.b.test:2-3\n"));
    assert_non_null(strstr(printed.text, "user = 33 0\n"));
    assert_non_null(strstr(printed.text, "groups = x25519 secp521r1 ffdhe4096\n"));
    assert_non_null(strstr(printed.text, "alpn = h$$ http/1.1\n"));
    assert_non_null(strstr(printed.text, "psk-file = /dir$$/p k\npsk-identity = $$me\n"));
    assert_non_null(strstr(printed.text, "psk-file = /root dir\npsk-identity = a b\n"));
    assert_non_null(strstr(printed.text, "ticket-keys = /dir$$/t k\n"));
    assert_non_null(strstr(printed.text, "[deny e]\nconnect = *:23\n"));
}

#define FORWARD_SECRET                                                                             \
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA "                   \
    "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA "                    \
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA "                      \
    "TLS_DHE_RSA_WITH_AES_128_CBC_SHA TLS_DHE_RSA_WITH_AES_256_CBC_SHA "                           \
    "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA "                 \
    "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA TLS_DHE_DSS_WITH_AES_128_CBC_SHA "                          \
    "TLS_DHE_DSS_WITH_AES_256_CBC_SHA TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA "                      \
    "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA TLS_DHE_DSS_WITH_3DES_EDE_CBC_SHA "
#define RSA_128                                                                                    \
    "TLS_RSA_WITH_AES_128_CBC_SHA TLS_RSA_WITH_AES_256_CBC_SHA "                                   \
    "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA TLS_RSA_WITH_CAMELLIA_256_CBC_SHA"

/* What no change of code may change unseen. */
static void presets_expand_to(void **state)
{
    (void)state;
    static const struct {
        const char *preset, *suites, *floors, *signature, *dh;
    } rows[] = {
        {"legacy", FORWARD_SECRET RSA_128 " TLS_RSA_WITH_3DES_EDE_CBC_SHA", "80", "0", "1024"},
        {"default", FORWARD_SECRET RSA_128 " TLS_RSA_WITH_3DES_EDE_CBC_SHA", "112", "0", "2048"},
        {"future", RSA_128, "128", "112", "3072"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200], want[2000];
        snprintf(text, sizeof text, "[client c]\nconnect = *:1\ntrust = system\npreset = %s\n",
                 rows[i].preset);
        snprintf(want, sizeof want,
                 "[defaults]\nunmatched = deny\nchildren = inherit\nuncovered-child = refuse\n"
                 "cache-entries = 4096\ncache-bytes = 16777216\n\n[client c]\nconnect = *:1\ntrust "
                 "= system\n"
                 "versions = TLSv1.0\nsuites = %s\n"
                 "minimum-cipher = %s\nminimum-key-exchange = %s\nminimum-certificate = %s\n"
                 "minimum-signature = %s\nminimum-dh = %s\nhandshake = first-use\ntickets = on\n"
                 "sha1-certificates = refuse\ncommon-name = refuse\ncertificate-profile = basic\n"
                 "ocsp = request\ntruncation = refuse\nrecord-splitting = on\n"
                 "renegotiation = refuse\nrenegotiation-info = require\nextensions = send\n"
                 "keylog = refuse\nhandshake-timeout = 30\n"
                 "cache-age = 7200\ndata-limit = 1073741824\n",
                 rows[i].suites, rows[i].floors, rows[i].floors, rows[i].floors, rows[i].signature,
                 rows[i].dh);
        const struct policy_input input = input_of(text);
        round_trip(&input, &printed);
        assert_string_equal(printed.text, want);
    }
}

/* ---- random policies ---- */

static uint32_t state_of_random;
static unsigned pick(unsigned n)
{
    state_of_random = state_of_random * 1664525u + 1013904223u;
    return (state_of_random >> 8) % n;
}

#define ONE_OF(array) (array)[pick(sizeof(array) / sizeof((array)[0]))]

static void add_line(char *text, const char *key, const char *value)
{
    if (pick(3) == 0)
        sprintf(text + strlen(text), "%s%s%s=%s%s%s\n", pick(5) ? "" : "\t ", key,
                pick(2) ? "" : "  ", pick(2) ? "" : " \t", value, pick(5) ? "" : "  # why");
}

static void random_settings(char *text)
{
    static const char *const bits[] = {"0", "40", "56", "80", "112"};
    static const char *const presets[] = {"legacy", "default", "future"};
    static const char *const suites[] = {"ALL", "AES256-SHA  TLS_RSA_WITH_AES_128_CBC_SHA",
                                         "ALL -DES-CBC3-SHA", "AES128-SHA"};
    static const char *const limits[] = {"1M", "1048577", "32G", "700000K"};
    add_line(text, "minimum-strength", ONE_OF(bits));
    add_line(text, "minimum-cipher", ONE_OF(bits));
    add_line(text, "minimum-key-exchange", ONE_OF(bits));
    add_line(text, "minimum-certificate", ONE_OF(bits));
    add_line(text, "minimum-signature", ONE_OF(bits));
    add_line(text, "preset", ONE_OF(presets));
    add_line(text, "suites", ONE_OF(suites));
    add_line(text, "data-limit", ONE_OF(limits));
    add_line(text, "handshake", pick(2) ? "connect" : "first-use");
    add_line(text, "truncation", pick(2) ? "allow" : "refuse");
    add_line(text, "record-splitting", pick(2) ? "on" : "off");
    add_line(text, "versions", pick(2) ? "TLSv1.0" : "TLS1");
    add_line(text, "renegotiation", pick(2) ? "allow" : "refuse");
    add_line(text, "renegotiation-info", pick(2) ? "require" : "optional");
    add_line(text, "tickets", pick(2) ? "on" : "off");
    add_line(text, "keylog", pick(2) ? "allow" : "refuse");
    add_line(text, "cache-age", pick(2) ? "0" : "604800");
    add_line(text, "minimum-dh", pick(2) ? "512" : "8192");
    add_line(text, "groups", pick(2) ? "X25519 P-256 ffdhe2048" : "secp521r1");
    add_line(text, "alpn", pick(2) ? "a b$$ c" : "http/1.1");
}

static void random_rule(char *text, unsigned number)
{
    static const char *const hosts[] = {"*:*", "a.test:1-9 *.b.test:443", "10.0.0.0/8:5",
                                        "[::1]:1 1.2.3.4:*", "X.Y.:65535"};
    static const char *const listens[] = {"*:1-1023", "[::ffff:10.0.0.0/104]:5", "127.0.0.1:*"};
    static const char *const kinds[] = {"client", "server", "plain", "deny"};
    const char *kind = ONE_OF(kinds);
    sprintf(text + strlen(text), "[%s r%u]\n", kind, number);
    if (kind[0] != 's')
        sprintf(text + strlen(text), "connect = %s\n", ONE_OF(hosts));
    if (kind[0] == 's' || (kind[0] != 'c' && pick(2)))
        sprintf(text + strlen(text), "listen = %s\n", ONE_OF(listens));
    add_line(text, "program", pick(2) ? "x /y" : "$${z}");
    add_line(text, "user", pick(2) ? "0 1 4294967294" : "www-data");
    add_line(text, "reason", pick(2) ? "${ODD}" : "because = it's so");
    if (kind[0] != 'd')
        add_line(text, "legacy-until", pick(2) ? "2000-02-29" : "2999-12-31");
    bool psk = (kind[0] == 'c' || kind[0] == 's') && pick(3) == 0;
    if (psk)
        sprintf(text + strlen(text), "psk-file = p k%s\n", pick(2) ? "" : "\npsk-identity = x");
    if (kind[0] == 'c')
        sprintf(text + strlen(text), "trust = %s\n", pick(2) ? "system" : "x y#z.pem");
    if (kind[0] == 's')
        strcat(text, "certificate = c\nkey = ${ODD}\n");
    if (kind[0] == 'c')
        add_line(text, "extensions", pick(2) ? "send" : "omit");
    if (kind[0] == 'c' || kind[0] == 's')
        random_settings(text);
}

static void random_policies_survive(void **state)
{
    (void)state;
    static char text[65536];
    for (unsigned round = 0; round < 300; round++) {
        state_of_random = round;
        text[0] = '\0';
        for (unsigned i = 0, n = pick(8); i < n; i++)
            random_rule(text, i);
        strcat(text, "[defaults]\n");
        random_settings(text);
        add_line(text, "unmatched", "plain");
        const struct policy_input input = input_of(text);
        round_trip(&input, &printed);
    }
}

/* ---- includes, users, dates ---- */

static void included_sections_stand_where_the_include_does(void **state)
{
    (void)state;
    struct policy policy;
    struct policy_pool pool;
    struct policy_earliest error;
    struct policy_input input =
        input_of("include = good.d/*.none good.d/*\n[deny three]\nconnect = *:3\n");
    assert_true(parse(&policy, &pool, &input, &error));
    assert_int_equal(policy.rule_count, 3);
    assert_string_equal(policy.rules[0].name, "one");
    assert_string_equal(policy.rules[0].place.file, "a.conf");
    assert_string_equal(policy.rules[1].name, "two");
    assert_string_equal(policy.rules[2].name, "three");
    assert_int_equal(policy.rules[2].place.line, 2);
    free(pool.memory);

    input = input_of("include = good.d/*\n[deny two]\nconnect = *:3\n");
    assert_false(parse(&policy, &pool, &input, &error));
    assert_string_equal(error.error.message, "[deny two] is there already, in b.conf, line 1; "
                                             "sections are never merged: give this one another "
                                             "name");
    free(pool.memory);

    input = input_of("include = nothing\n");
    assert_false(parse(&policy, &pool, &input, &error));
    assert_int_equal(error.error.place.column, 11);
    assert_string_equal(error.error.message, "include: there is no such thing");
    free(pool.memory);
}

static bool include_loop(void *arg, const char *pattern, struct policy_file **files,
                         const char **why)
{
    static struct policy_file file = {"again.conf", "include = again.conf\n", 21, NULL};
    (void)arg;
    (void)pattern;
    (void)why;
    *files = &file;
    return true;
}

static void included_files_include_nothing(void **state)
{
    (void)state;
    struct policy policy;
    struct policy_pool pool;
    struct policy_earliest error;
    struct policy_input input = input_of("include = again.conf\n");
    input.include = include_loop;
    assert_false(parse(&policy, &pool, &input, &error));
    assert_string_equal(error.error.message, "an included file includes no other");
    assert_string_equal(error.error.place.file, "again.conf");
    free(pool.memory);
}

static const struct policy_query query = {
    .direction = POLICY_CONNECT, .address_length = 4, .port = 7};

static void users_decide(void **state)
{
    (void)state;
    static const struct {
        uint32_t user;
        const char *rule;
    } rows[] = {{33, "web"}, {0, "root"}, {4294967294u, "root"}, {1, "rest"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy policy;
        struct policy_pool pool;
        struct policy_earliest error;
        struct policy_input input = input_of(
            "[deny web]\nconnect = *:7\nuser = www-data\n"
            "[deny root]\nconnect = *:7\nuser = 0 4294967294\n[deny rest]\nconnect = *:7\n");
        input.user = rows[i].user;
        assert_true(parse(&policy, &pool, &input, &error));
        assert_string_equal(policy_match(&policy, &query)->name, rows[i].rule);
        if (rows[i].user == 1)
            assert_int_equal(policy_compare(&policy, &policy.rules[0], &query), POLICY_OTHER_USER);
        free(pool.memory);
    }
}

static void after_its_date_a_rule_denies(void **state)
{
    (void)state;
    enum { LAST = 946684799 }; /* date -u -d 1999-12-31T23:59:59 +%s */
    struct policy policy;
    struct policy_pool pool;
    struct policy_earliest error;
    struct policy_query q = query;
    struct policy_input input = input_of("[plain old]\nconnect = *:7\nlisten = *:7\n"
                                         "legacy-until = 1999-12-31\nreason = a printer\n"
                                         "[plain next]\nconnect = *:7\n");
    input.now = LAST;
    assert_true(parse(&policy, &pool, &input, &error));
    assert_int_equal(policy_match(&policy, &q)->kind, POLICY_PLAIN);
    q.now = LAST + 1;
    const struct policy_rule *past = policy_match(&policy, &q);
    assert_int_equal(past->kind, POLICY_DENY); /* and not: the next rule that matches */
    assert_string_equal(past->name, "old");
    assert_int_equal(past->place.line, 4);
    assert_string_equal(past->refusal, "legacy-until = 1999-12-31 has passed (reason: a printer)");
    assert_true(policy_covers_listen_port(&policy, 7));
    free(pool.memory);

    input.now = LAST + 1;
    assert_true(parse(&policy, &pool, &input, &error));
    assert_int_equal(policy_match(&policy, &query)->kind, POLICY_DENY);
    q.now = LAST;
    assert_int_equal(policy_match(&policy, &q)->kind, POLICY_PLAIN);
    free(pool.memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_key_survives),
        cmocka_unit_test(presets_expand_to),
        cmocka_unit_test(random_policies_survive),
        cmocka_unit_test(included_sections_stand_where_the_include_does),
        cmocka_unit_test(included_files_include_nothing),
        cmocka_unit_test(users_decide),
        cmocka_unit_test(after_its_date_a_rule_denies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
