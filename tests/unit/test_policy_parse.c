/* The policy parser: every kind of wrong text with its exact place and message, and what right
 * texts mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "policy/policy_detail.h"
#include "tls/tls.h"

static unsigned char pool_memory[16 << 20] __attribute__((aligned(16)));

static const char *environment(const char *name)
{
    static const struct {
        const char *name, *value;
    } variables[] = {{"DIR", "/run/my creds"}, {"HOST", "db.example"}, {"EMPTY", ""},
                     {"NEWLINE", "a\nb"},      {"LATIN", "caf\xe9"},   {"HASH", "a #b"},
                     {"BLANK", "a "},          {"TWO", "/a /b"}};
    static char value[4002];
    if (strcmp(name, "LONG") == 0 || strcmp(name, "WORD") == 0) {
        size_t n = name[0] == 'L' ? 4001 : 1400;
        memset(value, 'x', n);
        value[n] = '\0';
        return value;
    }
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (strcmp(name, variables[i].name) == 0)
            return variables[i].value;
    return NULL;
}

static bool parse_n(struct policy *policy, const char *text, size_t length,
                    struct policy_error *error)
{
    struct policy_pool pool = {.memory = pool_memory, .size = policy_pool_size(length)};
    assert_true(pool.size <= sizeof pool_memory);
    /* An exact copy on the heap, so that the sanitizer sees a read past the end. */
    char *copy = malloc(length ? length : 1);
    memcpy(copy, text, length);
    bool good = policy_parse(policy, &pool, "f.conf", copy, length, environment, error);
    free(copy); /* nothing may point into the text */
    return good;
}

static bool parse(struct policy *policy, const char *text, struct policy_error *error)
{
    return parse_n(policy, text, strlen(text), error);
}

static void must_parse(struct policy *policy, const char *text)
{
    struct policy_error error;
    if (!parse(policy, text, &error))
        fail_msg("%u:%u: %s\nin: %s", error.place.line, error.place.column, error.message, text);
}

#define SERVER "[server s]\nlisten = *:1\ncertificate = /c\nkey = /k\n" /* in line 5 */
#define CLIENT "[client c]\nconnect = *:1\ntrust = system\n" /* what follows is in line 4 */

static const struct {
    const char *text;
    unsigned line, column;
    const char *message;
} bad[] = {
    /* ---- lines ---- */
    {"a\x01", 1, 2, "a control character (0x01) in the text; remove it"},
    {"# caf\xe9", 1, 6, "byte 0xe9 is not UTF-8; save the file as UTF-8"},
    {"# \xc3\xa9 \xc2\x85", 1, 5, "a control character (0x85) in the text; remove it"},
    {"# \xed\xa0\x80", 1, 3, "byte 0xed is not UTF-8; save the file as UTF-8"},
    {"# \xc0\xaf", 1, 3, "byte 0xc0 is not UTF-8; save the file as UTF-8"},
    {"\xef\xbb\xbf[defaults]", 1, 1, "the file begins with a byte order mark; save it without"},
    {"[defaults]\r\n", 1, 11,
     "the line ends in a carriage return; save the file with Unix line ends (sed -i 's/\\r$//' "
     "FILE)"},
    {"[defaults]\nunmatched\n", 2, 1, "a \"=\" is missing: KEY = VALUE"},
    {"; comment", 1, 1, "a comment begins with #, not with ;"},
    {"[defaults]\n = deny", 2, 2, "a key is missing before the \"=\""},
    {"[defaults]\nunmatched =  # deny", 2, 12, "\"unmatched\" has no value"},
    {"[defaults]\nunmatched =", 2, 12, "\"unmatched\" has no value"},
    {"unmatched = deny", 1, 1,
     "\"unmatched\" stands before the first section; put it below [defaults] or a rule"},
    {"[defaults]\nunmatched = deny\n\tunmatched = plain", 3, 2,
     "\"unmatched\" is set already, in line 2; a key stands once in a section"},
    {"[deny c]\nconnect = a:1\nconnect = b:1", 3, 1,
     "\"connect\" is set already, in line 2; a key stands once in a section, its words separated "
     "by spaces"},
    /* ---- headers ---- */
    {"[clinet erp]", 1, 2, "unknown kind of section \"clinet\"; did you mean \"client\"?"},
    {"[x]", 1, 2,
     "unknown kind of section \"x\"; there are client, server, plain, deny and defaults"},
    {"[Client x]", 1, 2, "unknown kind of section \"Client\"; did you mean \"client\"?"},
    {"[]", 1, 2,
     "unknown kind of section \"\"; there are client, server, plain, deny and defaults"},
    {"[client]", 1, 8, "a name is missing: [client NAME]"},
    {"[defaults x]", 1, 11, "[defaults] takes no name"},
    {"[deny a b]", 1, 9, "a section's name is made of letters, digits and . _ -"},
    {"[deny \xc3\xa9t\xc3\xa9]", 1, 7, "a name is missing: [deny NAME]"},
    {"[deny a", 1, 8, "the ] of the section header is missing"},
    {"[deny a] listen = *:1", 1, 9,
     "text behind the section header; settings go on lines of their own"},
    {"[deny a]\nlisten = *:1\n[deny a]\nlisten = *:2", 3, 1,
     "[deny a] is there already, in line 1; sections are never merged: give this one another name"},
    {"[defaults]\n[defaults]", 2, 1,
     "[defaults] is there already, in line 1; sections are never merged: give this one another "
     "name"},
    /* ---- keys ---- */
    {CLIENT "conect = *:1", 4, 1, "unknown key \"conect\"; did you mean \"connect\"?"},
    {CLIENT "Handshake = connect", 4, 1, "unknown key \"Handshake\"; did you mean \"handshake\"?"},
    {CLIENT "minimum_strength = 0", 4, 1,
     "unknown key \"minimum_strength\"; did you mean \"minimum-strength\"?"},
    {CLIENT "zebra = 1", 4, 1, "unknown key \"zebra\"; tlshim.conf(5) lists the keys"},
    {CLIENT "starttls = x", 4, 1,
     "\"starttls\" is not supported by this version: a connection is TLS from its first byte on; "
     "use "
     "the port at which the service speaks TLS at once"},
    {CLIENT "pin = x", 4, 7,
     "\"x\" is no pin: sha256// and 44 characters of base64, as curl writes them"},
    {"[client a]\nconnect = *:1\ntrust = pin-only\n", 3, 1,
     "trust = pin-only, but there is no pin; add \"pin = sha256//...\""},
    {"[client a]\nconnect = *:1\ntrust = first-use\n", 3, 1,
     "trust = first-use, but peers are nowhere remembered; add \"known-peers = /path/to/a/file\""},
    {"[client a]\nconnect = *:1\ntrust = first-use\nknown-peers = /k\ncrl = /c\n", 5, 1,
     "crl has no use with trust = first-use: certificates are not looked at beyond their key"},
    {CLIENT "known-peers = /k", 4, 1, "known-peers has no use without \"trust = first-use\""},
    {CLIENT "ocsp = always", 4, 8,
     "\"always\" is not a value of \"ocsp\" (off | request | require)"},
    {SERVER "client-san = a", 5, 1,
     "no client is asked for its certificate; add \"client-certificate = require\""},
    {SERVER "ocsp-response = /a /b", 5, 20,
     "more responses than certificates; each certificate has its response in the same place of the "
     "other list"},
    {SERVER "client-certificate = require\nclient-trust = /t\nclient-subject = alice", 7, 18,
     "\"alice\" is no subject; write it as the log does: CN=alice, O=Example"},
    {CLIENT "listen = *:1", 4, 1, "\"listen\" has no meaning in a [client] section"},
    {CLIENT "unmatched = plain", 4, 1,
     "\"unmatched\" has no meaning in a [client] section; it belongs into [defaults]"},
    {CLIENT "client-trust = /x", 4, 1, "\"client-trust\" has no meaning in a [client] section"},
    {"[defaults]\nkey = /x", 2, 1, "\"key\" has no meaning in a [defaults] section"},
    {"[defaults]\nconnect = *:1", 2, 1, "\"connect\" has no meaning in a [defaults] section"},
    {"[plain p]\nconnect = *:1\ntrust = system", 3, 1,
     "\"trust\" has no meaning in a [plain] section"},
    /* ---- what a rule needs ---- */
    {"[client c]\nconnect = *:1", 1, 1,
     "[client c] trusts nobody; add \"trust = /path/to/ca.pem\" or \"trust = system\""},
    {"\n[client c]\ntrust = system", 2, 1,
     "[client c] matches nothing; add \"connect = HOST:PORT\""},
    {"[plain c]\nprogram = x", 1, 1,
     "[plain c] matches nothing; add \"connect = HOST:PORT\" or \"listen = *:PORT\""},
    {"[server s]\ncertificate = /c\nkey = /k", 1, 1,
     "[server s] matches nothing; add \"listen = *:PORT\""},
    {"[server s]\nlisten = *:1\nkey = /k", 1, 1,
     "[server s] has no certificate; add \"certificate = /path/to/chain.pem\""},
    {CLIENT "certificate = /c", 1, 1, "[client c] has no key; add \"key = /path/to/key.pem\""},
    {"[server s]\nlisten = *:1\nminimum-certificate = 0\nsuites = ADH-AES128-SHA AES128-SHA", 1, 1,
     "[server s] has no certificate; add \"certificate = /path/to/chain.pem\""},
    {"[client c]\nconnect = *:1\ntrust = system /x", 3, 16,
     "\"system\" stands alone; remove what follows it"},
    {CLIENT "key = /k", 1, 1,
     "[client c] has no certificate; add \"certificate = /path/to/chain.pem\""},
    {"[server s]\nlisten = *:1\ncertificate = /c", 1, 1,
     "[server s] has no key; add \"key = /path/to/key.pem\""},
    /* ---- addresses ---- */
    {"[deny d]\nconnect = a:1 b", 3 - 1, 15,
     "\"b\": the port is missing: HOST:PORT, or HOST:* for any port"},
    {"[deny d]\nconnect = a:1 https://b.test/", 2, 15,
     "\"https://b.test/\": a HOST:PORT is wanted, without a scheme such as https:// and without a "
     "path"},
    {"[deny d]\nconnect = a:1, b:1", 2, 11,
     "\"a:1,\": several are separated by spaces; a comment begins with #"},
    {"[deny d]\nconnect = a:1 ; note", 2, 15,
     "\";\": several are separated by spaces; a comment begins with #"},
    {"[deny d]\nconnect = \"a:1\"", 2, 11, "\"\"a:1\"\": a value is written without quotes"},
    {"[client c]\nconnect = *:1\ntrust = ~/ca.pem", 3, 9,
     "~ has no meaning here; write the whole path, or ${HOME}/..."},
    {CLIENT "suites = HIGH:!aNULL", 4, 10,
     "unknown suite \"HIGH:!aNULL\"; names are separated by spaces, and a - in front of one takes "
     "it away"},
    {"[deny d]\nconnect = :1", 2, 11,
     "\":1\": the host is missing: HOST:PORT, or *:PORT for any host"},
    {"[deny d]\nconnect = ::1:53", 2, 11,
     "\"::1:53\": an IPv6 address is written in brackets: [2001:db8::1]:443"},
    {"[deny d]\nconnect = [::1:53", 2, 11, "\"[::1:53\": the ] is missing"},
    {"[deny d]\nconnect =  [::1]", 2, 12,
     "\"[::1]\": the port is missing: HOST:PORT, or HOST:* for any port"},
    {"[deny d]\nconnect = [fe80::]/10:1", 2, 11,
     "\"[fe80::]/10:1\": the prefix length goes inside the brackets: [2001:db8::/32]:443"},
    {"[deny d]\nconnect = [fe80::1%eth0]:1", 2, 11,
     "\"[fe80::1%eth0]:1\": what is in brackets is not an IPv6 address"},
    {"[deny d]\nconnect = [10.0.0.1]:1", 2, 11,
     "\"[10.0.0.1]:1\": what is in brackets is not an IPv6 address"},
    {"[deny d]\nconnect = a:0", 2, 11,
     "\"a:0\": the port is a number from 1 to 65535, a range such as 1-1023, or *"},
    {"[deny d]\nconnect = a:65536", 2, 11,
     "\"a:65536\": the port is a number from 1 to 65535, a range such as 1-1023, or *"},
    {"[deny d]\nconnect = a:http", 2, 11,
     "\"a:http\": the port is a number from 1 to 65535, a range such as 1-1023, or *"},
    {"[deny d]\nconnect = a:1-", 2, 11,
     "\"a:1-\": the port is a number from 1 to 65535, a range such as 1-1023, or *"},
    {"[deny d]\nconnect = a:99-1", 2, 11,
     "\"a:99-1\": the range of ports is empty: the smaller number comes first"},
    {"[deny d]\nconnect = 10.1.2.3/16:1", 2, 11,
     "\"10.1.2.3/16:1\": the address has bits beyond its prefix length; the network is "
     "10.1.0.0/16, the one host is written without /16"},
    {"[deny d]\nconnect = [2001:db8::1/32]:1", 2, 11,
     "\"[2001:db8::1/32]:1\": the address has bits beyond its prefix length; the network is "
     "[2001:db8::/32], the one host is written without /32"},
    {"[deny d]\nconnect = 10.0.0.0/33:1", 2, 11,
     "\"10.0.0.0/33:1\": the prefix length is a number from 0 to 32"},
    {"[deny d]\nconnect = 10.0.0.0/:1", 2, 11,
     "\"10.0.0.0/:1\": the prefix length is a number from 0 to 32"},
    {"[deny d]\nconnect = [::/129]:1", 2, 11,
     "\"[::/129]:1\": the prefix length is a number from 0 to 128"},
    {"[deny d]\nconnect = a.example/8:1", 2, 11,
     "\"a.example/8:1\": only an address takes a prefix length, as 10.0.0.0/8"},
    {"[deny d]\nconnect = 10.0.0.256:1", 2, 11,
     "\"10.0.0.256:1\": this is neither a DNS name nor an IPv4 address"},
    {"[deny d]\nconnect = 0x7f000001:1", 2, 11,
     "\"0x7f000001:1\": this is neither a DNS name nor an IPv4 address"},
    {"[deny d]\nconnect = a.*.b:1", 2, 11,
     "\"a.*.b:1\": this is neither a DNS name nor an IPv4 address"},
    {"[deny d]\nconnect = a..b:1", 2, 11,
     "\"a..b:1\": this is neither a DNS name nor an IPv4 address"},
    {"[deny d]\nconnect = \xc3\xa9t\xc3\xa9.fr:1 b", 2, 11,
     "\"\xc3\xa9t\xc3\xa9.fr:1\": an international name is written in its ASCII form (xn--...)"},
    {"[deny d]\nconnect = ${HOST}:1 \xc3\xa9:1 b", 2, 21,
     "\"\xc3\xa9:1\": an international name is written in its ASCII form (xn--...)"},
    {"[deny d]\nlisten = a.example:1", 2, 10,
     "\"a.example:1\": a listener has an address, not a name; write *:PORT or ADDRESS:PORT"},
    /* ---- values ---- */
    {"[defaults]\nunmatched =#deny", 2, 12, "\"unmatched\" has no value"},
    {"[defaults]\nunmatched = allow", 2, 13,
     "\"allow\" is not a value of \"unmatched\" (deny | plain)"},
    {CLIENT "minimum-strength = 100", 4, 20,
     "\"100\" is not a value of \"minimum-strength\" (0 | 40 | 56 | 80 | 112 | 128 | 192 | 256)"},
    {CLIENT "handshake = conect", 4, 13,
     "\"conect\" is not a value of \"handshake\" (first-use | connect); did you mean \"connect\"?"},
    {CLIENT "handshake-timeout = 0", 4, 21, "\"0\" is not a number of seconds from 1 to 3600"},
    {CLIENT "handshake-timeout = 30s", 4, 21, "\"30s\" is not a number of seconds from 1 to 3600"},
    {CLIENT "handshake-timeout = 99999999999", 4, 21,
     "\"99999999999\" is not a number of seconds from 1 to 3600"},
    {CLIENT "versions = TLSv1.2", 4, 12, "TLSv1.2 is not supported by this version; write TLSv1.0"},
    {CLIENT "versions = TLS1.0 TLSv1.0", 4, 19, "TLSv1.0 is named twice"},
    {CLIENT "versions = 1.0", 4, 12, "unknown version \"1.0\"; write TLSv1.0"},
    {CLIENT "suites = AES128-SAH", 4, 10,
     "unknown suite \"AES128-SAH\"; did you mean \"AES128-SHA\"?"},
    {CLIENT "suites = AES128-SHA AES128-SHA", 4, 21,
     "TLS_RSA_WITH_AES_128_CBC_SHA is in the list already"},
    {CLIENT "suites = -AES128-SHA", 4, 10,
     "there is no TLS_RSA_WITH_AES_128_CBC_SHA to remove here; what is removed stands before it, "
     "as in \"ALL -AES128-SHA\""},
    {CLIENT "suites = AES128-SHA ALL", 4, 21, "ALL stands first, or not at all"},
    {CLIENT "suites = AES128-SHA -AES128-SHA", 4, 10, "every suite is removed; leave at least one"},
    {CLIENT "suites = AES128-SHA\nminimum-strength = 256", 4, 10,
     "no suite of [client c] reaches its floors (minimum-cipher = 256, minimum-key-exchange = 256, "
     "minimum-certificate = 256, minimum-signature = 0, from minimum-strength); add a stronger "
     "suite or lower the floor"},
    {CLIENT "suites = ADH-AES128-SHA\nminimum-certificate = 40", 4, 10,
     "no suite of [client c] reaches its floors (minimum-cipher = 112, minimum-key-exchange = 112, "
     "minimum-certificate = 40, minimum-signature = 0); add a stronger suite or lower the floor"},
    {CLIENT "suites = ALL -ADH-AES128-SHA", 4, 14,
     "there is no TLS_DH_anon_WITH_AES_128_CBC_SHA to remove here; what is removed stands before "
     "it, as in \"ALL -ADH-AES128-SHA\""},
    {CLIENT "suites = PSK-AES128-CBC-SHA", 4, 10,
     "TLS_PSK_WITH_AES_128_CBC_SHA needs a key that both sides know beforehand; add \"psk-file = "
     "/path/to/psk.txt\", or remove the suite"},
    {"[client c]\nconnect = *:1\npsk-file = /p\nsuites = PSK-AES128-CBC-SHA AES128-SHA", 4, 29,
     "TLS_RSA_WITH_AES_128_CBC_SHA needs a certificate; add \"trust = /path/to/ca.pem\", or "
     "remove "
     "the suite"},
    {"[server c]\nlisten = *:1\npsk-file = /p\nsuites = RSA-PSK-AES128-CBC-SHA", 4, 10,
     "TLS_RSA_PSK_WITH_AES_128_CBC_SHA needs a certificate; add \"certificate = "
     "/path/to/chain.pem\", "
     "or remove the suite"},
    {SERVER "groups = P-256\nsuites = AES128-SHA DHE-RSA-AES128-SHA", 6, 21,
     "TLS_DHE_RSA_WITH_AES_128_CBC_SHA needs a group that is no curve and no shorter than "
     "minimum-dh; add one to \"groups\", or remove the suite"},
    {SERVER "minimum-dh = 8192\nsuites = DHE-RSA-AES128-SHA", 6, 10,
     "TLS_DHE_RSA_WITH_AES_128_CBC_SHA needs a group that is no curve and no shorter than "
     "minimum-dh; add one to \"groups\", or remove the suite"},
    {CLIENT "groups = ffdhe2048\nsuites = ECDHE-RSA-AES128-SHA", 5, 10,
     "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA needs a curve; add one to \"groups\", or remove the "
     "suite"},
    {CLIENT "psk-identity = me", 4, 1,
     "there are no keys for psk-identity; add \"psk-file = /path/to/psk.txt\""},
    {CLIENT "psk-file = /p\npsk-identity = me you", 5, 19,
     "a client has one identity; make a rule for each peer that wants another"},
    {SERVER "psk-file = /p\npsk-identity = me you me", 6, 23, "\"me\" is in the list already"},
    {"[defaults]\npsk-file = /p", 2, 1, "\"psk-file\" has no meaning in a [defaults] section"},
    {SERVER "client-certificate = require\nclient-trust = /x\npsk-file = /p", 1, 1,
     "client-certificate = require, but with TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA no client can be "
     "asked; name the suites that the rule has"},
    {SERVER "ticket-keys = /t\ntickets = off", 5, 15,
     "tickets = off, so these keys seal nothing; remove one of the two"},
    {CLIENT "ticket-keys = /t", 4, 1, "\"ticket-keys\" has no meaning in a [client] section"},
    {CLIENT "tickets = yes", 4, 11, "\"yes\" is not a value of \"tickets\" (off | on)"},
    {CLIENT "cache-age = 604801", 4, 13,
     "\"604801\" is not a number of seconds from 0 to 604800 (a week)"},
    {CLIENT "cache-entries = 7", 4, 1,
     "\"cache-entries\" has no meaning in a [client] section; it belongs into [defaults]"},
    {"[defaults]\ncache-entries = 1048577", 2, 17,
     "\"1048577\" is not a number of sessions from 0 to 1048576"},
    {"[defaults]\ncache-bytes = 5G", 2, 15,
     "\"5G\" is not a number of bytes from 0 to 4G (K, M, G)"},
    {"[defaults]\ncache-bytes = K", 2, 15, "\"K\" is not a number of bytes from 0 to 4G (K, M, G)"},
    {"[defaults]\nchildren = keep", 2, 12,
     "\"keep\" is not a value of \"children\" (inherit | drop)"},
    {CLIENT "uncovered-child = plain", 4, 1,
     "\"uncovered-child\" has no meaning in a [client] section; it belongs into [defaults]"},
    {"[defaults]\nuncovered-child = deny", 2, 19,
     "\"deny\" is not a value of \"uncovered-child\" (refuse | plain)"},
    {CLIENT "groups = X25519 secp256r2", 4, 17,
     "unknown group \"secp256r2\"; did you mean \"secp256r1\"?"},
    {CLIENT "groups = P-256 secp256r1", 4, 16, "secp256r1 is in the list already"},
    {CLIENT "minimum-dh = 511", 4, 14, "\"511\" is not a number of bits from 512 to 8192"},
    {CLIENT "alpn = http/1.1 http/1.1", 4, 17, "\"http/1.1\" is in the list already"},
    {CLIENT "alpn = ${WORD}", 4, 8,
     "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...\" is longer than 255 bytes"},
    {CLIENT "keylog = /tmp/keys", 4, 10,
     "\"/tmp/keys\" is not a value of \"keylog\" (refuse | allow)"},
    {CLIENT "sslv2-hello = allow", 4, 1, "\"sslv2-hello\" has no meaning in a [client] section"},
    {CLIENT "starttls = smtp", 4, 1,
     "\"starttls\" is not supported by this version: a connection is TLS from its first byte on; "
     "use "
     "the port at which the service speaks TLS at once"},
    {CLIENT "renegotiation = always", 4, 17,
     "\"always\" is not a value of \"renegotiation\" (refuse | allow)"},
    {CLIENT "preset = strict", 4, 10,
     "\"strict\" is not a value of \"preset\" (legacy | default | future)"},
    {CLIENT "data-limit = 1K", 4, 14, "\"1K\" is not a number of bytes from 1M to 32G (K, M, G)"},
    {CLIENT "data-limit = 33G", 4, 14, "\"33G\" is not a number of bytes from 1M to 32G (K, M, G)"},
    {CLIENT "data-limit = 99999999999999999999G", 4, 14,
     "\"99999999999999999999G\" is not a number of bytes from 1M to 32G (K, M, G)"},
    {CLIENT "data-limit = 2GB", 4, 14, "\"2GB\" is not a number of bytes from 1M to 32G (K, M, G)"},
    {CLIENT "legacy-until = 2027-02-29", 4, 16,
     "\"2027-02-29\" is not a date; write it as 2027-01-31"},
    {CLIENT "legacy-until = 27-01-01", 4, 16, "\"27-01-01\" is not a date; write it as 2027-01-31"},
    {CLIENT "legacy-until = 2027-13-01", 4, 16,
     "\"2027-13-01\" is not a date; write it as 2027-01-31"},
    {CLIENT "legacy-until = 2027-00-01", 4, 16,
     "\"2027-00-01\" is not a date; write it as 2027-01-31"},
    {"[deny d]\nconnect = *:1\nlegacy-until = 2027-01-01", 3, 1,
     "\"legacy-until\" has no meaning in a [deny] section"},
    {"[deny d]\nconnect = *:1\nuser = nobody", 3, 8,
     "\"nobody\" is no user: neither a name of /etc/passwd nor a number"},
    {"[deny d]\nconnect = *:1\nuser = 4294967295", 3, 8,
     "\"4294967295\" is no user: neither a name of /etc/passwd nor a number"},
    {"[deny d]\nconnect = *:1\nuser = 0 99999999999999999999", 3, 10,
     "\"99999999999999999999\" is no user: neither a name of /etc/passwd nor a number"},
    {"include = x", 1, 1, "nothing can be included here"},
    {"[defaults]\ninclude = x", 2, 1,
     "\"include\" has no meaning in a [defaults] section; it stands before the first section"},
    {CLIENT "truncation = yes", 4, 14, "\"yes\" is not a value of \"truncation\" (refuse | allow)"},
    {CLIENT "record-splitting = of", 4, 20,
     "\"of\" is not a value of \"record-splitting\" (off | on)"},
    {CLIENT "verify-name = a b", 4, 15, "\"a b\" is neither a DNS name nor an IP address"},
    {SERVER "client-certificate = must", 5, 22,
     "\"must\" is not a value of \"client-certificate\" (no | request | require)"},
    {SERVER "client-certificate = request", 5, 1,
     "client-certificate = request, but no client is trusted; add \"client-trust = "
     "/path/to/ca.pem\""},
    {SERVER "client-trust = /x", 5, 1,
     "no client is asked for its certificate; add \"client-certificate = require\""},
    {SERVER "client-certificate = require\nclient-trust = system", 6, 16,
     "whom the system trusts, anybody can become; name the file of the authority that certifies "
     "your clients"},
    {SERVER "client-certificate = require\nclient-trust = /x\nminimum-strength = 80\n"
            "minimum-certificate = 0\nsuites = ALL AECDH-AES128-SHA",
     9, 10,
     "client-certificate = require, but with TLS_ECDH_anon_WITH_AES_128_CBC_SHA no client can be "
     "asked; remove that suite"},
    /* ---- lists of paths ---- */
    {"[server s]\nlisten = *:1\ncertificate = /a b /c\nkey = /k", 4, 7,
     "2 certificates and 1 key; each certificate has its key in the same place of the other list"},
    {"[server s]\nlisten = *:1\ncertificate = /a\nkey = k /l /m", 4, 7,
     "1 certificate and 3 keys; each certificate has its key in the same place of the other list"},
    {"[server s]\nlisten = *:1\ncertificate = /a /b /c /d\nkey = /k", 3, 24,
     "at most 3 paths, one for each kind of key"},
    {"[server s]\nlisten = *:1\ncertificate = /a ${WORD}\nkey = /k /l", 3, 18,
     "a second path is an absolute one"},
    {"[server s]\nlisten = *:1\ncertificate = ${TWO}\nkey = /k", 3, 15,
     "\"/a /b\" has white space before a /, where a second path would begin; give the file another "
     "name"},
    {"[client c]\nconnect = *:1\ntrust = \"/ca.pem\"", 3, 9, "a value is written without quotes"},
    {"[deny d]\nconnect = *:1\nprogram = bin/x", 3, 11,
     "\"bin/x\": a program is a bare name or an absolute path"},
    {"[deny d]\nconnect = *:1\nprogram = a python*", 3, 13,
     "\"python*\": a program is named without wildcards; leave the key out for any program"},
    /* ---- variables ---- */
    {"[client c]\nconnect = *:1\ntrust = /a/${NONE}/b", 3, 12,
     "${NONE} is not set in the environment"},
    {"[client c]\nconnect = *:1\ntrust = ${EMPTY}", 3, 9, "${EMPTY} is empty"},
    {"[client c]\nconnect = *:1\ntrust = ${NEWLINE}", 3, 9, "${NEWLINE} has control characters"},
    {"[client c]\nconnect = *:1\ntrust = ${LATIN}", 3, 9, "${LATIN} is not UTF-8"},
    {"[client c]\nconnect = *:1\ntrust = x${HASH}", 3, 10,
     "${HASH} has a # that would begin a comment"},
    {"[client c]\nconnect = *:1\ntrust = ${BLANK}", 3, 9, "${BLANK} has white space at an end"},
    {"[plain c]\nconnect = *:1\nprogram = a ${DIR}", 3, 13,
     "${DIR} has white space, which would split the word"},
    {"[client c]\nconnect = *:1\ntrust = ${LONG}", 3, 9, "the value is longer than 4000 bytes"},
    {"[deny c]\nconnect = *:1\nprogram = ${WORD}${WORD} ${WORD}", 3, 11,
     "the value is longer than 4000 bytes"},
    {"[client c]\nconnect = *:1\ntrust = ${DIR", 3, 9,
     "a variable is written ${NAME}, of letters, digits and _"},
    {"[client c]\nconnect = *:1\ntrust = ${}", 3, 9,
     "a variable is written ${NAME}, of letters, digits and _"},
    {"[client c]\nconnect = *:1\ntrust = a$DIR", 3, 10,
     "a $ begins ${NAME}; write $$ for the character itself"},
    {"[client c]\nconnect = *:1\ntrust = a$", 3, 10,
     "a $ begins ${NAME}; write $$ for the character itself"},
};

static void bad_texts_are_refused_with_place_and_remedy(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct policy policy;
        struct policy_error error;
        if (parse(&policy, bad[i].text, &error))
            fail_msg("accepted: %s", bad[i].text);
        if (error.place.line != bad[i].line || error.place.column != bad[i].column ||
            strcmp(error.message, bad[i].message) != 0) {
            print_message("%s\n  gave     %u:%u: %s\n  expected %u:%u: %s\n", bad[i].text,
                          error.place.line, error.place.column, error.message, bad[i].line,
                          bad[i].column, bad[i].message);
            failures++;
        }
        assert_string_equal(error.place.file, "f.conf");
    }
    assert_int_equal(failures, 0);
}

static void nul_bytes_and_long_lines_are_refused(void **state)
{
    (void)state;
    struct policy policy;
    struct policy_error error;
    assert_false(parse_n(&policy, "[defaults]\n#\0\n", 14, &error));
    assert_int_equal(error.place.line, 2);
    assert_int_equal(error.place.column, 2);
    assert_string_equal(error.message, "a control character (0x00) in the text; remove it");

    char text[POLICY_LINE_MAX + 2];
    memset(text, '#', sizeof text);
    assert_true(parse_n(&policy, text, POLICY_LINE_MAX, &error));
    assert_false(parse_n(&policy, text, POLICY_LINE_MAX + 1, &error));
    assert_string_equal(error.message, "the line is longer than 4096 bytes");
}

static unsigned reported;
static void count_report(void *arg, const struct policy_error *error)
{
    (void)arg;
    (void)error;
    reported++;
}

static void every_error_is_found_in_one_run(void **state)
{
    (void)state;
    static const char text[] = "[client a]\nconect = a:1\ntrust = ${NONE}\n[server b]\nlisten = "
                               "*:0\n[bad]\nanything = 1\n";
    struct policy policy;
    struct policy_pool pool = {.memory = pool_memory, .size = sizeof pool_memory};
    reported = 0;
    struct policy_input input = {.file = "f.conf", .text = text, .length = sizeof text - 1};
    input.environment = environment;
    assert_false(policy_parse_all(&policy, &pool, &input, count_report, NULL));
    /* conect, NONE, a matches nothing; port 0, no certificate, no key; [bad], anything */
    assert_int_equal(reported, 8);
}

static void privileged_programs_take_nothing_from_the_environment(void **state)
{
    (void)state;
    static const char text[] = "[client a]\nconnect = *:1\ntrust = ${DIR}/x";
    struct policy policy;
    struct policy_error error;
    struct policy_pool pool = {.memory = pool_memory, .size = sizeof pool_memory};
    assert_false(policy_parse(&policy, &pool, "f", text, sizeof text - 1, NULL, &error));
    assert_string_equal(error.message, "${DIR}: a privileged program takes nothing from the "
                                       "environment; write the value itself");
}

static void unsupported_keys_are_all_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        unsigned kind;
        const char *header;
    } kinds[] = {{POLICY_IN_CLIENT, "[client x]"},
                 {POLICY_IN_SERVER, "[server x]"},
                 {POLICY_IN_PLAIN, "[plain x]"},
                 {POLICY_IN_DENY, "[deny x]"},
                 {POLICY_IN_DEFAULTS, "[defaults]"}};
    for (int key = 0; key < POLICY_KEY_COUNT; key++)
        for (size_t k = 0; k < 5; k++) {
            if (policy_keys[key].honoured & kinds[k].kind)
                continue;
            char text[200];
            struct policy policy;
            struct policy_error error;
            snprintf(text, sizeof text, "%s\n%s = 1\n", kinds[k].header, policy_keys[key].name);
            assert_false(parse(&policy, text, &error));
            assert_true(error.place.line == 1 || strstr(error.message, policy_keys[key].name));
        }
}

/* ---- right texts ---- */

static void an_empty_policy_denies(void **state)
{
    (void)state;
    struct policy policy;
    must_parse(&policy, "");
    assert_int_equal(policy.rule_count, 0);
    assert_false(policy.process.unmatched_plain);
}

static void the_pool_is_always_enough(void **state)
{
    (void)state;
    struct policy policy;
    struct policy_error error;
    /* The costliest text for its length: four-byte words. */
    static char text[65536];
    size_t n = 0;
    while (n + 2100 < sizeof text) {
        n += (size_t)sprintf(text + n, "[deny r%zu]\nconnect =", n);
        for (int i = 0; i < 500; i++)
            n += (size_t)sprintf(text + n, " *:1");
        text[n++] = '\n';
    }
    if (!parse_n(&policy, text, n, &error))
        fail_msg("%u:%u: %s", error.place.line, error.place.column, error.message);

    n = 0;
    for (int i = 0; i < POLICY_RULES_MAX; i++)
        n += (size_t)sprintf(text + n, "[deny %d]\nconnect = *:1\n", i);
    assert_true(parse_n(&policy, text, n, &error));
    assert_int_equal(policy.rule_count, POLICY_RULES_MAX);
    n += (size_t)sprintf(text + n, "[deny x]\nconnect = *:1\n");
    assert_false(parse_n(&policy, text, n, &error));
    assert_string_equal(error.message, "more than 1024 sections");
}

static void a_small_pool_is_an_error(void **state)
{
    (void)state;
    static const char text[] = "[plain p]\nconnect = a:1\n";
    for (size_t size = 0; size < 8192; size += 16) {
        struct policy policy;
        struct policy_error error;
        unsigned char *memory = malloc(size ? size : 1);
        struct policy_pool pool = {.memory = memory, .size = size};
        if (!policy_parse(&policy, &pool, "f", text, sizeof text - 1, environment, &error))
            assert_string_equal(error.message, "the policy is too large");
        free(memory);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_texts_are_refused_with_place_and_remedy),
        cmocka_unit_test(nul_bytes_and_long_lines_are_refused),
        cmocka_unit_test(every_error_is_found_in_one_run),
        cmocka_unit_test(privileged_programs_take_nothing_from_the_environment),
        cmocka_unit_test(unsupported_keys_are_all_refused_by_name),
        cmocka_unit_test(an_empty_policy_denies),
        cmocka_unit_test(the_pool_is_always_enough),
        cmocka_unit_test(a_small_pool_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
