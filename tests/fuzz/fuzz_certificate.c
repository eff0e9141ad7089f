/* The certificate parser, the printers and the path check, on mutated certificates. */
#include "fuzz.h"

#include "tests/lib/tls_fixture_bytes.h"
#include "tls/x509/x509.h"

static struct x509_certificate root;
static struct x509_trust trust = {&root, 1};

void fuzz_start(void)
{
    const char *why;
    if (x509_parse(&root, tls_fixture_ca, sizeof tls_fixture_ca, &why) != TLS_ERROR_OK)
        __builtin_trap();
    fuzz_seed(tls_fixture_ca, sizeof tls_fixture_ca);
    fuzz_seed(tls_fixture_server, sizeof tls_fixture_server);
    fuzz_seed(tls_fixture_client, sizeof tls_fixture_client);
    fuzz_seed(tls_fixture_signer, sizeof tls_fixture_signer);
}

void fuzz_input(const uint8_t *bytes, size_t n)
{
    struct x509_certificate chain[2];
    const char *why = NULL;
    char text[64];

    if (x509_parse(&chain[0], bytes, n, &why) != TLS_ERROR_OK) {
        if (why == NULL)
            __builtin_trap(); /* every refusal has a reason */
        return;
    }
    x509_name_text(chain[0].subject, text, sizeof text);
    x509_san_text(&chain[0], text, sizeof text);
    chain[1] = root;
    struct x509_rules rules = {.now = 1800000000,
                               .purpose = X509_SERVER,
                               .minimum_rsa_bits = 1024,
                               .allow_sha1 = true,
                               .strict = n & 1,
                               .allow_common_name = n & 2,
                               .dns_name = "server.test"};
    struct x509_failure failure;
    x509_verify(chain, 2, &trust, &rules, &failure);
}
