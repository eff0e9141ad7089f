/* Under valgrind: what the engine does with secrets neither branches on them nor indexes by them:
 * the server's private key and whatever an encrypted premaster secret turns out to be, the master
 * secret and the key block made of it, keys and plaintext while sealing. (Opening a record has one
 * public outcome, whether it was good; ct_cg_cbc_mac looks at what leads there.) */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "tests/lib/tls_fixture_bytes.h"
#include "tests/lib/tls_pair.h"
#include "tls/tls_record.h"
#include "tls/x509/pem.h"

static int failed, number;

static void report(bool good, const char *what)
{
    printf("%sok %d - %s\n", good ? "" : "not ", ++number, what);
    failed += !good;
}

/* The body of a ClientKeyExchange of our own client, and the premaster secret in it. */
static size_t encrypted_premaster(struct tls_end *client, uint8_t *body, size_t size,
                                  uint8_t premaster[TLS_PREMASTER_MAX])
{
    struct tls_writer w = tls_writer_to(body, size);
    struct tls_conn conn = tls_end_conn(client);

    if (tls_write_client_key_exchange(&conn, &w) != TLS_ERROR_OK) {
        return 0;
    }
    memcpy(premaster, conn.handshake->premaster, 48);
    return w.used;
}

static void hide(const uint8_t *bytes, size_t n)
{
    VALGRIND_MAKE_MEM_UNDEFINED(bytes, n);
}

/* The fixture's server key, loaded from integers that memcheck takes for unknown. */
static struct cg_rsa_private *secret_key(void)
{
    static uint8_t der[sizeof tls_fixture_server_key];
    struct cg_rsa_private_parts parts;
    struct cg_rsa_private *key = malloc(cg_rsa_private_size());
    const char *why;

    memcpy(der, tls_fixture_server_key, sizeof der);
    VALGRIND_MAKE_MEM_DEFINED(der, sizeof der);
    if (!x509_rsa_private_key("RSA PRIVATE KEY", der, sizeof der, &parts, &why)) {
        return NULL;
    }
    hide(parts.d, parts.d_length);
    hide(parts.p, parts.p_length);
    hide(parts.q, parts.q_length);
    hide(parts.dp, parts.dp_length);
    hide(parts.dq, parts.dq_length);
    hide(parts.qinv, parts.qinv_length);
    return cg_rsa_private_load(key, &parts) ? key : NULL;
}

static void key_exchange(bool damaged)
{
    struct tls_pair pair;
    uint8_t body[1024], premaster[TLS_PREMASTER_MAX], expected[TLS_MASTER_SECRET];
    struct cg_rsa_private *key = secret_key();
    struct tls_credential credential = *tls_fixture_server_credential();

    tls_pair_init(&pair);
    tls_pair_start(&pair);
    tls_pair_run_until(&pair.server, &pair.client, 2); /* the client has the server's key */
    credential.key = key;
    pair.server.config.credential = &credential;
    size_t n = encrypted_premaster(&pair.client, body, sizeof body, premaster);
    body[n - 1] ^= damaged;

    struct tls_conn conn = tls_end_conn(&pair.server);
    conn.session->extended_master_secret = 0; /* for what is expected below */
    bool good = tls_read_client_key_exchange(&conn, tls_reader_of(body, n)) == TLS_ERROR_OK;
    VALGRIND_MAKE_MEM_UNDEFINED(conn.handshake->premaster, sizeof conn.handshake->premaster);
    good = tls_derive_master_secret(&conn) == TLS_ERROR_OK && good;
    good = tls_derive_keys(&conn) == TLS_ERROR_OK && good;
    VALGRIND_MAKE_MEM_DEFINED(conn.session, sizeof *conn.session);
    VALGRIND_MAKE_MEM_DEFINED(conn.handshake, tls_handshake_size());
    tls_master_secret(premaster, 48, conn.handshake->client_random, conn.handshake->server_random,
                      expected);
    bool same = memcmp(expected, conn.session->master_secret, sizeof expected) == 0;
    report(good && same != damaged, damaged ? "a damaged premaster secret, and keys from it"
                                            : "a premaster secret, and keys");
    free(key);
    tls_pair_free(&pair);
}

static void sealing(enum cg_cipher_id cipher, const char *what)
{
    struct tls_half half = {.cipher = cipher, .mac = CG_SHA1, .protected = 1}, reader = half;
    uint8_t record[TLS_HEADER + 256];
    struct tls_sealer sealer;
    size_t opened;

    memset(record, 7, sizeof record);
    VALGRIND_MAKE_MEM_UNDEFINED(half.key, sizeof half.key);
    VALGRIND_MAKE_MEM_UNDEFINED(half.mac_key, sizeof half.mac_key);
    VALGRIND_MAKE_MEM_UNDEFINED(half.iv, sizeof half.iv);
    VALGRIND_MAKE_MEM_UNDEFINED(record, sizeof record);
    tls_sealer_init(&sealer, &half, TLS_VERSION_10);
    size_t n = tls_record_seal(&sealer, TLS_CONTENT_APPLICATION_DATA, record, 100);
    tls_sealer_wipe(&sealer);
    VALGRIND_MAKE_MEM_DEFINED(record, sizeof record);
    report(tls_record_open(&reader, TLS_VERSION_10, UINT64_MAX, record, n, &opened) ==
                   TLS_ERROR_OK &&
               opened == 100 && record[TLS_HEADER + 99] == 7,
           what);
}

int main(void)
{
    key_exchange(false);
    key_exchange(true);
    sealing(CG_AES128_CBC, "sealing with AES-128");
    sealing(CG_AES256_CBC, "sealing with AES-256");
    printf("1..%d\n", number);
    return failed != 0;
}
