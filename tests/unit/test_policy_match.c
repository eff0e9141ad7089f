/* Which rule decides for which connection. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/policy_pattern.h"

static unsigned char pool_memory[1 << 20] __attribute__((aligned(16)));

static void load(struct policy *policy, const char *text)
{
    struct policy_error error;
    struct policy_pool pool = {.memory = pool_memory, .size = sizeof pool_memory};
    memset(pool_memory, 0xa5, sizeof pool_memory);
    if (!policy_parse(policy, &pool, "f.conf", text, strlen(text), NULL, &error))
        fail_msg("%u:%u: %s", error.place.line, error.place.column, error.message);
}

/* The name of the rule that decides, "-" for none. address is as inet_pton takes it. */
static const char *decide(const struct policy *policy, enum policy_direction direction,
                          const char *address, uint16_t port, const char *name, const char *program)
{
    struct policy_query query = {
        .direction = direction, .port = port, .name = name, .program = program};
    query.address_length = strchr(address, ':') ? 16 : 4;
    assert_int_equal(
        inet_pton(query.address_length == 16 ? AF_INET6 : AF_INET, address, query.address), 1);
    const struct policy_rule *rule = policy_match(policy, &query);
    return rule ? rule->name : "-";
}

#define CONNECT(address, port, name)                                                               \
    decide(&policy, POLICY_CONNECT, address, port, name, "/usr/bin/curl")
#define LISTEN(address, port) decide(&policy, POLICY_LISTEN, address, port, NULL, "/usr/bin/nginx")

static void names(void **state)
{
    (void)state;
    struct policy policy;
    load(&policy, "[deny exact]\nconnect = DB.Example:1\n"
                  "[deny dotted]\nconnect = dot.example.:1\n"
                  "[deny below]\nconnect = *.corp.example:1\n");
    assert_string_equal(CONNECT("10.0.0.1", 1, "db.example"), "exact");
    assert_string_equal(CONNECT("10.0.0.1", 1, "dB.eXAMPLE."), "exact");
    assert_string_equal(CONNECT("10.0.0.1", 1, "dot.example"), "dotted");
    assert_string_equal(CONNECT("::1", 1, "db.example"), "exact");
    assert_string_equal(CONNECT("10.0.0.1", 2, "db.example"), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, "xdb.example"), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, "db.example.org"), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, "a.corp.example"), "below");
    assert_string_equal(CONNECT("10.0.0.1", 1, "a.b.CORP.example."), "below");
    assert_string_equal(CONNECT("10.0.0.1", 1, "corp.example"), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, "xcorp.example"), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, ".corp.example"), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, ""), "-");
    assert_string_equal(CONNECT("10.0.0.1", 1, NULL), "-");
}

static void addresses(void **state)
{
    (void)state;
    struct policy policy;
    load(&policy, "[deny one]\nconnect = 10.0.0.1:*\n"
                  "[deny odd]\nconnect = 10.0.0.128/25:*\n"
                  "[deny eight]\nconnect = 10.0.0.0/8:*\n"
                  "[deny six]\nconnect = [2001:db8::/33]:*\n"
                  "[deny local6]\nconnect = [::1]:*\n"
                  "[deny mapped]\nconnect = [::ffff:192.0.2.0/120]:*\n");
    assert_string_equal(CONNECT("10.0.0.1", 1, NULL), "one");
    assert_string_equal(CONNECT("10.0.0.1", 1, "some.name"), "one");
    assert_string_equal(CONNECT("::ffff:10.0.0.1", 1, NULL), "one");
    assert_string_equal(CONNECT("10.0.0.128", 1, NULL), "odd");
    assert_string_equal(CONNECT("10.0.0.255", 1, NULL), "odd");
    assert_string_equal(CONNECT("10.0.0.127", 1, NULL), "eight");
    assert_string_equal(CONNECT("10.255.255.255", 1, NULL), "eight");
    assert_string_equal(CONNECT("11.0.0.0", 1, NULL), "-");
    assert_string_equal(CONNECT("2001:db8:7fff::", 1, NULL), "six");
    assert_string_equal(CONNECT("2001:db8:8000::", 1, NULL), "-");
    assert_string_equal(CONNECT("::1", 1, NULL), "local6");
    assert_string_equal(CONNECT("::2", 1, NULL), "-");
    assert_string_equal(CONNECT("192.0.2.77", 1, NULL), "mapped");
    assert_string_equal(CONNECT("::ffff:192.0.2.77", 1, NULL), "mapped");

    load(&policy, "[deny four]\nconnect = 0.0.0.0/0:*\n[deny six]\nconnect = [::/0]:*\n");
    assert_string_equal(CONNECT("1.2.3.4", 1, NULL), "four");
    assert_string_equal(CONNECT("::ffff:1.2.3.4", 1, NULL), "four");
    assert_string_equal(CONNECT("fe80::1", 1, NULL), "six");
}

static void ports_and_first_match(void **state)
{
    (void)state;
    struct policy policy;
    load(&policy, "[plain one]\nconnect = *:80 *:8000-8002\n"
                  "[deny low]\nconnect = *:1-1023\n"
                  "[plain rest]\nconnect = *:*\n");
    assert_string_equal(CONNECT("1.1.1.1", 80, NULL), "one");
    assert_string_equal(CONNECT("::1", 80, "x"), "one");
    assert_string_equal(CONNECT("1.1.1.1", 8000, NULL), "one");
    assert_string_equal(CONNECT("1.1.1.1", 8002, NULL), "one");
    assert_string_equal(CONNECT("1.1.1.1", 8003, NULL), "rest");
    assert_string_equal(CONNECT("1.1.1.1", 1, NULL), "low");
    assert_string_equal(CONNECT("1.1.1.1", 1023, NULL), "low");
    assert_string_equal(CONNECT("1.1.1.1", 1024, NULL), "rest");
    assert_string_equal(CONNECT("1.1.1.1", 65535, NULL), "rest");
    assert_string_equal(CONNECT("1.1.1.1", 0, NULL), "rest");
}

static void directions(void **state)
{
    (void)state;
    struct policy policy;
    load(&policy, "[deny in]\nlisten = 127.0.0.0/8:*\n"
                  "[deny out]\nconnect = *:*\n"
                  "[deny both]\nlisten = *:5\nconnect = *:5\n");
    assert_string_equal(LISTEN("127.0.0.1", 5), "in");
    assert_string_equal(LISTEN("::ffff:127.0.0.1", 5), "in");
    assert_string_equal(CONNECT("127.0.0.1", 5, NULL), "out");
    assert_string_equal(LISTEN("10.0.0.1", 5), "both");
    assert_string_equal(LISTEN("10.0.0.1", 6), "-");
}

static void programs(void **state)
{
    (void)state;
    struct policy policy;
    load(&policy, "[deny path]\nconnect = *:*\nprogram = /opt/bin/curl wget\n"
                  "[deny bare]\nconnect = *:*\nprogram = curl\n");
    const struct policy *p = &policy;
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, "/opt/bin/curl"), "path");
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, "/bin/wget"), "path");
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, "/bin/curl"), "bare");
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, "/bin/curl2"), "-");
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, "/curl/x"), "-");
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, ""), "-");
    assert_string_equal(decide(p, POLICY_CONNECT, "1.1.1.1", 1, NULL, NULL), "-");
}

#define SERVER "certificate = /c\nkey = /k\n"

static void which_listeners_are_covered(void **state)
{
    (void)state;
    struct policy policy;
    load(&policy, "[defaults]\nunmatched = plain\n"
                  "[plain p]\nlisten = *:443\n"
                  "[plain q]\nlisten = 10.0.0.1:80\n"
                  "[plain r]\nlisten = *:81\nprogram = x\n"
                  "[server s]\nlisten = 10.0.0.0/8:80-81 [::1]:443\n" SERVER
                  "[deny d]\nlisten = *:23\n[deny e]\nconnect = *:99\n");
    assert_false(policy_covers_listen_port(&policy, 443));
    assert_true(policy_covers_listen_port(&policy, 80));
    assert_true(policy_covers_listen_port(&policy, 81));
    assert_true(policy_covers_listen_port(&policy, 23));
    assert_false(policy_covers_listen_port(&policy, 22));
    assert_false(policy_covers_listen_port(&policy, 99));

    load(&policy, "[plain p]\nlisten = *:443\n");
    assert_false(policy_covers_listen_port(&policy, 443));
    assert_true(policy_covers_listen_port(&policy, 444)); /* unmatched = deny */
}

static void names_and_addresses_as_written(void **state)
{
    (void)state;
    static const char *const good[] = {"a",  "a.b", "a-b.c.", "_srv.x", "xn--bcher-kva.example",
                                       "1a", "1.a"};
    static const char *const bad[] = {"",       ".",   "a..b",     ".a",  "1", "1.2.3.4",
                                      "a.0x1f", "a b", "\xc3\xa9", "a.1", "*"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        assert_true(policy_is_dns_name(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(policy_is_dns_name(bad[i]));
    char name[256];
    memset(name, 'a', sizeof name);
    name[63] = '\0';
    assert_true(policy_is_dns_name(name));
    name[63] = 'a';
    name[64] = '\0';
    assert_false(policy_is_dns_name(name));
    for (int i = 0; i < 255; i++)
        name[i] = i % 2 ? '.' : 'a';
    name[253] = '\0';
    assert_true(policy_is_dns_name(name));
    name[253] = '.';
    name[254] = '\0';
    assert_true(policy_is_dns_name(name)); /* the dot at the end does not count */
    name[253] = 'a';
    assert_false(policy_is_dns_name(name));

    assert_int_equal(policy_read_port("443", 3), 443);
    assert_int_equal(policy_read_port("443", 2), 44);
    assert_int_equal(policy_read_port("65535", 5), 65535);
    assert_int_equal(policy_read_port("65536", 5), 0);
    assert_int_equal(policy_read_port("099", 3), 0);
    assert_int_equal(policy_read_port("-1", 2), 0);
    assert_int_equal(policy_read_port("", 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(addresses),
        cmocka_unit_test(ports_and_first_match),
        cmocka_unit_test(directions),
        cmocka_unit_test(programs),
        cmocka_unit_test(which_listeners_are_covered),
        cmocka_unit_test(names_and_addresses_as_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
