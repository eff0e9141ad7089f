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

void fuzz_input(const uint8_t *bytes, size_t n)
{
    size_t size = policy_pool_size(n);
    struct policy_pool pool = {.memory = malloc(size), .size = size};
    struct policy policy;
    struct policy_error error = {.message = ""};

    if (policy_parse(&policy, &pool, "fuzz.conf", (const char *)bytes, n, environment, &error))
        ask(&policy);
    else if (error.message[0] == '\0' || error.place.line == 0 || error.place.column == 0)
        __builtin_trap(); /* every refusal has a place and a reason */
    free(pool.memory);
}
