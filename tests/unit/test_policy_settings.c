/* What right texts mean: the settings of rules, and where they come from. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "policy/policy_detail.h"
#include "tls/tls.h"

static unsigned char pool_memory[1 << 20] __attribute__((aligned(16)));

static const char *environment(const char *name)
{
    return strcmp(name, "DIR") == 0 ? "/run/my creds" : NULL;
}

static void must_parse(struct policy *policy, const char *text)
{
    struct policy_error error;
    struct policy_pool pool = {.memory = pool_memory, .size = sizeof pool_memory};
    if (!policy_parse(policy, &pool, "f.conf", text, strlen(text), environment, &error))
        fail_msg("%u:%u: %s\nin: %s", error.place.line, error.place.column, error.message, text);
}

#define CLIENT "[client c]\nconnect = *:1\ntrust = system\n"

static void the_example_of_the_manual_parses(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "# at the top\n"
                        "[defaults]\n"
                        "minimum-strength = 128\t# bits\n"
                        "unmatched = plain\n"
                        "[plain local-dns]\n"
                        "connect = 127.0.0.53:53 [::1]:53\n"
                        "\n"
                        "  [client erp]   # indented\n"
                        "  connect = *.erp.example.com:5432 10.1.0.0/16:5432-5440\n"
                        "  program = psql /usr/bin/pg_dump\n"
                        "  trust=/etc/tlshim/ca#1.pem\n"
                        "  handshake = connect\n"
                        "[server imap]\n"
                        "listen = *:993\n"
                        "certificate = ${DIR}/imap $${x}.pem\n"
                        "key = ${DIR}/imap.key\n"
                        "client-certificate = no\n"
                        "truncation = allow\n"
                        "record-splitting = off\n"
                        "minimum-strength = 112\n"
                        "[deny telnet]\n"
                        "connect = *:23");
    assert_int_equal(policy.rule_count, 4);
    assert_true(policy.process.unmatched_plain);
    const struct policy_rule *rules = policy.rules;
    assert_int_equal(rules[0].kind, POLICY_PLAIN);
    assert_string_equal(rules[1].name, "erp");
    assert_int_equal(rules[1].place.line, 8);
    assert_int_equal(rules[1].place.column, 3);
    assert_int_equal(rules[1].index, 1);
    assert_string_equal(rules[1].programs[1], "/usr/bin/pg_dump");
    assert_null(rules[1].programs[2]);
    assert_string_equal(rules[1].settings.trust.words[0].text, "/etc/tlshim/ca#1.pem");
    assert_int_equal(rules[1].settings.trust.words[0].place.line, 11);
    assert_int_equal(rules[1].settings.trust.words[0].place.column, 9);
    assert_int_equal(rules[1].settings.trusting.kind, POLICY_TRUST_FILE);
    assert_int_equal(rules[1].settings.handshake, POLICY_HANDSHAKE_CONNECT);
    assert_int_equal(rules[1].settings.minimum_cipher, 128);
    assert_int_equal(rules[1].settings.handshake_timeout, 30);
    assert_true(rules[1].settings.record_splitting);
    assert_string_equal(rules[2].settings.certificates[0].text, "/run/my creds/imap ${x}.pem");
    assert_string_equal(rules[2].settings.keys[0].text, "/run/my creds/imap.key");
    assert_true(rules[2].settings.allow_truncation);
    assert_false(rules[2].settings.record_splitting);
    assert_int_equal(rules[2].settings.minimum_cipher, 112);
    assert_null(rules[2].connect);
    assert_int_equal(rules[3].kind, POLICY_DENY);
}

static void defaults_count_wherever_they_stand(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "[client c]\nconnect = *:1\n[client d]\nconnect = *:2\ntrust = /d\n"
                        "[defaults]\ntrust = system\nhandshake-timeout = 7\n");
    assert_int_equal(policy.rules[0].settings.trusting.kind, POLICY_TRUST_SYSTEM);
    assert_int_equal(policy.rules[0].settings.handshake_timeout, 7);
    assert_int_equal(policy.rules[1].settings.trusting.kind, POLICY_TRUST_FILE);
    assert_string_equal(policy.rules[1].settings.trust.words[0].text, "/d");
}

static void suites_are_chosen_in_order_and_weak_ones_leave(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, CLIENT "suites = AES256-SHA TLS_RSA_WITH_AES_128_CBC_SHA DES-CBC3-SHA\n");
    const struct policy_settings *s = &policy.rules[0].settings;
    assert_int_equal(s->suite_count, 3);
    assert_int_equal(s->suites[0], 0x0035);
    assert_int_equal(s->suites[1], 0x002f);
    assert_int_equal(s->suites[2], 0x000a);

    must_parse(&policy, CLIENT "suites = AES256-SHA DES-CBC3-SHA\nminimum-strength = 128\n");
    s = &policy.rules[0].settings;
    assert_int_equal(s->suite_count, 1);
    assert_int_equal(s->suites[0], 0x0035);

    must_parse(&policy, CLIENT "suites = ALL -AES256-SHA\n");
    s = &policy.rules[0].settings;
    for (size_t i = 0; i < s->suite_count; i++) {
        assert_int_not_equal(s->suites[i], 0x0035);
        assert_true(tls_suite_by_id(s->suites[i])->cipher_bits >= 112);
    }

    must_parse(&policy, CLIENT);
    assert_int_equal(policy.rules[0].settings.suites[0], tls_suite_at(0)->id);
}

static bool has_suite(const struct policy_settings *s, uint16_t id)
{
    size_t i = 0;
    while (i < s->suite_count && s->suites[i] != id)
        i++;
    return i < s->suite_count;
}

/* All that the engine can do, in its order, but for what is weak or has no certificate. */
static void all_suites_are_forward_secret_first(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, CLIENT);
    const struct policy_settings *s = &policy.rules[0].settings;
    size_t rank = 0;
    for (size_t i = 0, at; i < s->suite_count; i++, rank = at) {
        const struct tls_suite *suite = tls_suite_by_id(s->suites[i]);
        for (at = rank; tls_suite_at(at) != suite; at++)
            assert_non_null(tls_suite_at(at));
    }
    static const struct {
        const char *text;
        uint16_t id;
        bool there;
    } rows[] = {
        {"", 0xc009, true},  /* ECDHE_ECDSA AES-128 */
        {"", 0xc014, true},  /* ECDHE_RSA AES-256 */
        {"", 0x0013, true},  /* DHE_DSS 3DES, which RFC 2246 9 demands */
        {"", 0x0033, true},  /* DHE_RSA AES-128 */
        {"", 0x000a, true},  /* RSA 3DES */
        {"", 0x0034, false}, /* DH_anon AES-128 */
        {"", 0xc018, false}, /* ECDH_anon AES-128 */
        {"", 0x008c, false}, /* PSK AES-128 */
        {"", 0x0094, false}, /* RSA_PSK AES-128 */
        {"", 0xc011, false}, /* ECDHE_RSA RC4 */
        {"minimum-cipher = 56\n", 0xc011, true},
        {"minimum-strength = 0\n", 0x0002, false}, /* RSA NULL */
        {"minimum-strength = 0\n", 0x0034, false},
        {"minimum-strength = 0\nsuites = ALL NULL-SHA ADH-AES128-SHA\n", 0x0002, true},
        {"minimum-certificate = 0\nsuites = ALL ADH-AES128-SHA\n", 0x0034, true},
        {"minimum-certificate = 40\nsuites = ALL ADH-AES128-SHA\n", 0x0034, false},
        {"minimum-strength = 0\n", 0x0003, false}, /* RSA_EXPORT RC4_40 */
        {"minimum-strength = 40\nsuites = ALL EXP-RC4-MD5\n", 0x0003, true},
        {"minimum-cipher = 40\nsuites = ALL EXP-RC4-MD5\n", 0x0003, false},
        {"preset = future\n", 0x002f, true},
        {"preset = future\n", 0xc013, false},
        {"preset = future\nminimum-signature = 56\n", 0xc013, true},
        {"minimum-key-exchange = 128\n", 0x0033, true},
        {"minimum-key-exchange = 192\n", 0x0033, false},
        {"minimum-key-exchange = 192\n", 0xc013, false},
        {"minimum-key-exchange = 192\ngroups = P-384 P-521\n", 0xc013, true},
        {"groups = ffdhe2048\n", 0x0033, true},
        {"psk-file = /p\n", 0x008c, true},  /* PSK AES-128 */
        {"psk-file = /p\n", 0x0094, true},  /* RSA_PSK AES-128 */
        {"psk-file = /p\n", 0xc009, true},  /* beside all others */
        {"psk-file = /p\n", 0x008a, false}, /* PSK RC4 */
        {"minimum-key-exchange = 192\n", 0x002f, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, CLIENT "%s", rows[i].text);
        must_parse(&policy, text);
        if (has_suite(&policy.rules[0].settings, rows[i].id) != rows[i].there)
            fail_msg("%s: %04x", rows[i].text, rows[i].id);
    }
    must_parse(&policy, "[server s]\nlisten = *:1\ncertificate = /c\nkey = /k\n"
                        "minimum-key-exchange = 128\n");
    assert_true(has_suite(&policy.rules[0].settings, 0x0033));
    assert_true(has_suite(&policy.rules[0].settings, 0xc013));
    static const struct {
        const char *text;
        bool dhe, ecdhe;
    } groups[] = {
        {"groups = P-256\n", false, true},
        {"groups = P-256\ndh-parameters = /d\n", true, true},
        {"groups = ffdhe2048\n", true, false},
        {"groups = ffdhe2048 X25519\nminimum-dh = 3072\n", false, true},
        {"minimum-dh = 4096\n", true, true},
        {"minimum-dh = 4097\n", false, true},
    };
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        char text[200];
        snprintf(text, sizeof text, "[server s]\nlisten = *:1\ncertificate = /c\nkey = /k\n%s",
                 groups[i].text);
        must_parse(&policy, text);
        if (has_suite(&policy.rules[0].settings, 0x0033) != groups[i].dhe ||
            has_suite(&policy.rules[0].settings, 0xc013) != groups[i].ecdhe)
            fail_msg("%s", groups[i].text);
    }
}

static void several_certificates_and_clients_that_are_asked(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "[server s]\nlisten = *:1\nclient-certificate = request\n"
                        "client-trust = /c a.pem\n"
                        "certificate = /my rsa.pem  /ec.pem\nkey = /a.key ${DIR}/b.key\n"
                        "[server t]\nlisten = *:2\ncertificate = /c\nkey = /k\n"
                        "client-certificate = no\n"
                        "[defaults]\nclient-trust = /d\nclient-certificate = require\n");
    const struct policy_settings *s = &policy.rules[0].settings;
    assert_int_equal(s->client_certificate, POLICY_CERT_REQUEST);
    assert_string_equal(s->client_trust.words[0].text, "/c a.pem");
    assert_string_equal(s->certificates[0].text, "/my rsa.pem");
    assert_string_equal(s->certificates[1].text, "/ec.pem");
    assert_null(s->certificates[2].text);
    assert_int_equal(s->certificates[1].place.column, 28);
    assert_string_equal(s->keys[0].text, "/a.key");
    assert_string_equal(s->keys[1].text, "/run/my creds/b.key");
    assert_int_equal(policy.rules[1].settings.client_certificate, POLICY_CERT_NO);
}

static void several_roots_and_lists(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "[client c]\nconnect = *:1\ntrust = /my ca.pem ${DIR}/other.pem  /third\n"
                        "crl = relative /d/ /e.crl\n"
                        "[server s]\nlisten = *:1\ncertificate = /c\nkey = /k\n"
                        "client-certificate = require\nclient-trust = /a /b\n"
                        "[client d]\nconnect = *:2\n[defaults]\ntrust = /d /e\n");
    const struct policy_settings *s = &policy.rules[0].settings;
    assert_int_equal(s->trust.count, 3);
    assert_string_equal(s->trust.words[0].text, "/my ca.pem");
    assert_string_equal(s->trust.words[1].text, "/run/my creds/other.pem");
    assert_string_equal(s->trust.words[2].text, "/third");
    assert_int_equal(s->trust.words[2].place.column, 38);
    assert_int_equal(s->trusting.crls.count, 3);
    assert_string_equal(s->trusting.crls.words[0].text, "relative");
    assert_string_equal(s->trusting.crls.words[2].text, "/e.crl");
    assert_int_equal(policy.rules[1].settings.client_trust.count, 2);
    assert_int_equal(policy.rules[2].settings.trust.count, 2);
}

/* Where no certificate is ever shown, none is asked of the rule. */
static void anonymous_suites_alone_need_no_certificate(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "[client c]\nconnect = *:1\n[server s]\nlisten = *:1\n"
                        "[defaults]\nsuites = ADH-AES128-SHA\nminimum-certificate = 0\n");
    assert_int_equal(policy.rules[0].settings.suite_count, 1);
    assert_int_equal(policy.rules[1].settings.suite_count, 1);
}

/* Who has a key in common needs no certificate, and then has only suites without. */
static void a_key_in_common_is_enough(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "[client c]\nconnect = *:1\npsk-file = /my keys\npsk-identity = me\n"
                        "[server s]\nlisten = *:1\npsk-file = ${DIR}/p\npsk-identity = a b#c\n"
                        "[client d]\nconnect = *:2\ntrust = /t\n"
                        "[defaults]\nsuites = AES128-SHA PSK-AES128-CBC-SHA "
                        "DHE-PSK-AES128-CBC-SHA ECDHE-PSK-AES128-CBC-SHA RSA-PSK-AES128-CBC-SHA\n");
    const struct policy_settings *s = &policy.rules[0].settings;
    assert_string_equal(s->psk_file.text, "/my keys");
    assert_int_equal(s->psk_identities.count, 1);
    for (size_t i = 0; i < s->suite_count; i++)
        assert_non_null(strstr(tls_suite_by_id(s->suites[i])->name, "PSK"));
    assert_true(has_suite(s, 0xc035));  /* ECDHE_PSK AES-128 */
    assert_true(has_suite(s, 0x0090));  /* DHE_PSK AES-128 */
    assert_false(has_suite(s, 0x0094)); /* RSA_PSK AES-128 */
    s = &policy.rules[1].settings;
    assert_int_equal(s->psk_identities.count, 2);
    assert_string_equal(s->psk_identities.words[1].text, "b#c");
    assert_true(has_suite(s, 0x008c));
    s = &policy.rules[2].settings; /* named in [defaults]: left out where there is no key */
    assert_false(has_suite(s, 0x008c));
    assert_true(has_suite(s, 0x002f));
}

static void sessions_groups_and_protocols(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, CLIENT "groups = P-384 x25519 ffdhe3072\nminimum-dh = 1024\n"
                               "alpn = http/1.1 imap\ntickets = off\ncache-age = 60\n"
                               "keylog = allow\nrenegotiation = allow\n"
                               "[server s]\nlisten = *:1\ncertificate = /c\nkey = /k\n"
                               "ticket-keys = /t k\nsslv2-hello = allow\n"
                               "[defaults]\nchildren = drop\nuncovered-child = plain\n"
                               "cache-entries = 0\ncache-bytes = 1M\n");
    const struct policy_settings *s = &policy.rules[0].settings;
    assert_int_equal(s->group_count, 3);
    assert_int_equal(s->groups[0], 24);
    assert_int_equal(s->groups[1], 29);
    assert_int_equal(s->groups[2], 257);
    assert_int_equal(policy_dh_bits(s), 1024);
    assert_int_equal(s->alpn.count, 2);
    assert_string_equal(s->alpn.words[1].text, "imap");
    assert_false(s->tickets);
    assert_int_equal(s->cache_age, 60);
    assert_true(s->allow_keylog);
    assert_true(s->allow_renegotiation);
    s = &policy.rules[1].settings;
    assert_int_equal(policy_dh_bits(s), 2048);
    assert_string_equal(s->ticket_keys.text, "/t k");
    assert_true(s->allow_sslv2_hello);
    assert_true(s->allow_no_renegotiation_info); /* without it a server does not renegotiate */
    assert_false(policy.rules[0].settings.allow_no_renegotiation_info);
    assert_true(s->tickets);
    assert_int_equal(s->cache_age, TLS_RESUMPTION_LIFETIME);
    assert_false(s->allow_keylog);
    assert_int_equal(policy.process.children, POLICY_CHILDREN_DROP);
    assert_int_equal(policy.process.uncovered_child, POLICY_UNCOVERED_PLAIN);
    assert_int_equal(policy.process.cache_entries, 0);
    assert_int_equal(policy.process.cache_bytes, 1 << 20);
    must_parse(&policy, "");
    assert_int_equal(policy.process.children, POLICY_CHILDREN_INHERIT);
    assert_int_equal(policy.process.uncovered_child, POLICY_UNCOVERED_REFUSE);
}

/* What only old or broken peers need, and nothing else. */
static void allowances_are_known(void **state)
{
    (void)state;
    static const enum policy_key_id keys[] = {
        POLICY_KEY_SHA1_CERTIFICATES,  POLICY_KEY_TRUNCATION,  POLICY_KEY_RECORD_SPLITTING,
        POLICY_KEY_RENEGOTIATION,      POLICY_KEY_SSLV2_HELLO, POLICY_KEY_KEYLOG,
        POLICY_KEY_RENEGOTIATION_INFO, POLICY_KEY_EXTENSIONS,
    };
    struct policy policy;
    must_parse(&policy,
               CLIENT "[defaults]\nsha1-certificates = allow\ntruncation = allow\n"
                      "record-splitting = off\nrenegotiation = allow\n"
                      "sslv2-hello = allow\nkeylog = allow\nrenegotiation-info = optional\n"
                      "extensions = omit\n");
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_true(policy_is_allowance(&policy.rules[0].settings, keys[i]));
    must_parse(&policy, CLIENT "handshake = connect\ntickets = off\n");
    for (int key = 0; key < POLICY_KEY_COUNT; key++)
        assert_false(policy_is_allowance(&policy.rules[0].settings, (enum policy_key_id)key));
}

static void presets_and_floors(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned cipher, exchange, certificate, signature;
    } rows[] = {
        {CLIENT, 112, 112, 112, 0},
        {CLIENT "preset = default\n", 112, 112, 112, 0},
        {CLIENT "preset = legacy\n", 80, 80, 80, 0},
        {CLIENT "preset = future\n", 128, 128, 128, 112},
        {CLIENT "minimum-cipher = 128\npreset = legacy\n", 128, 80, 80, 0},
        {CLIENT "minimum-certificate = 80\nminimum-strength = 128\n", 128, 128, 80, 0},
        {CLIENT "minimum-key-exchange = 192\nminimum-signature = 56\n", 112, 192, 112, 56},
        {CLIENT "[defaults]\npreset = future\n", 128, 128, 128, 112},
        {CLIENT "minimum-strength = 80\n[defaults]\nminimum-cipher = 128\nminimum-signature = 80\n",
         80, 80, 80, 80},
        {CLIENT "preset = default\n[defaults]\npreset = future\nminimum-cipher = 192\n", 112, 112,
         112, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct policy policy;
        must_parse(&policy, rows[i].text);
        const struct policy_settings *s = &policy.rules[0].settings;
        assert_int_equal(s->minimum_cipher, rows[i].cipher);
        assert_int_equal(s->minimum_key_exchange, rows[i].exchange);
        assert_int_equal(s->minimum_certificate, rows[i].certificate);
        assert_int_equal(s->minimum_signature, rows[i].signature);
    }
}

static void settings_know_where_they_come_from(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, CLIENT "preset = legacy\n"
                               "[client d]\nconnect = *:2\ntrust = system\nminimum-strength = 80\n"
                               "[defaults]\nminimum-cipher = 128\nminimum-signature = 40\n"
                               "handshake-timeout = 5\nunmatched = plain\n");
    const struct policy_entry *const *c = policy.rules[0].said, *const *d = policy.rules[1].said;
    assert_int_equal(c[POLICY_KEY_MINIMUM_CIPHER]->key, POLICY_KEY_PRESET);
    assert_int_equal(c[POLICY_KEY_MINIMUM_SIGNATURE]->key, POLICY_KEY_PRESET);
    assert_int_equal(d[POLICY_KEY_MINIMUM_CIPHER]->key, POLICY_KEY_MINIMUM_STRENGTH);
    assert_false(d[POLICY_KEY_MINIMUM_CIPHER]->of_defaults);
    assert_true(d[POLICY_KEY_MINIMUM_SIGNATURE]->of_defaults);
    assert_int_equal(d[POLICY_KEY_HANDSHAKE_TIMEOUT]->place.line, 12);
    assert_null(c[POLICY_KEY_TRUNCATION]);
    assert_null(c[POLICY_KEY_UNMATCHED]);
}

static void allowances_and_other_settings(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, CLIENT "sha1-certificates = allow\ndata-limit = 2G\n"
                               "legacy-until = 2027-01-31\nreason = the old printer, ticket 7\n"
                               "verify-name = printer.test\n");
    const struct policy_settings *s = &policy.rules[0].settings;
    assert_true(s->allow_sha1_certificates);
    assert_true(s->data_limit == (uint64_t)2 << 30);
    assert_true(s->legacy_until == 1801439999); /* date -u -d 2027-01-31T23:59:59 +%s */
    assert_string_equal(s->reason.text, "the old printer, ticket 7");
    assert_string_equal(s->verify_name.text, "printer.test");
    must_parse(&policy, CLIENT "legacy-until = 2024-02-29\n");
    assert_true(policy.rules[0].settings.legacy_until == 1709251199);
    must_parse(&policy, CLIENT "legacy-until = 1970-01-01\n");
    assert_true(policy.rules[0].settings.legacy_until == 86399);
    must_parse(&policy, CLIENT "data-limit = 1048576\n");
    assert_true(policy.rules[0].settings.data_limit == 1048576);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_of_the_manual_parses),
        cmocka_unit_test(defaults_count_wherever_they_stand),
        cmocka_unit_test(suites_are_chosen_in_order_and_weak_ones_leave),
        cmocka_unit_test(all_suites_are_forward_secret_first),
        cmocka_unit_test(several_certificates_and_clients_that_are_asked),
        cmocka_unit_test(several_roots_and_lists),
        cmocka_unit_test(anonymous_suites_alone_need_no_certificate),
        cmocka_unit_test(a_key_in_common_is_enough),
        cmocka_unit_test(sessions_groups_and_protocols),
        cmocka_unit_test(allowances_are_known),
        cmocka_unit_test(presets_and_floors),
        cmocka_unit_test(settings_know_where_they_come_from),
        cmocka_unit_test(allowances_and_other_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
