/* A TLS 1.0 peer by Mbed TLS 2.28: mbedtls_peer server PORT SUITE CERT KEY, or mbedtls_peer client
 * PORT SUITE CA. A suite is a number. The server answers one request per connection; the client
 * sends what it reads first, and writes as much as comes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>

static mbedtls_ssl_context ssl;
static mbedtls_ssl_config config;
static mbedtls_entropy_context entropy;
static mbedtls_ctr_drbg_context drbg;
static mbedtls_x509_crt certificate, ca;
static mbedtls_pk_context key;
static const unsigned char psk[] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                    0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

static void check(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: -0x%04x\n", what, -result);
        exit(1);
    }
}

static void set_up(int endpoint, const char *suite, char **files)
{
    static int suites[2];

    suites[0] = (int)strtol(suite, NULL, 0);
    mbedtls_ssl_init(&ssl);
    mbedtls_ssl_config_init(&config);
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&drbg);
    check(mbedtls_ctr_drbg_seed(&drbg, mbedtls_entropy_func, &entropy, NULL, 0), "seed");
    check(mbedtls_ssl_config_defaults(&config, endpoint, MBEDTLS_SSL_TRANSPORT_STREAM,
                                      MBEDTLS_SSL_PRESET_DEFAULT),
          "defaults");
    mbedtls_ssl_conf_rng(&config, mbedtls_ctr_drbg_random, &drbg);
    mbedtls_ssl_conf_min_version(&config, 3, 1);
    mbedtls_ssl_conf_max_version(&config, 3, 1);
    mbedtls_ssl_conf_ciphersuites(&config, suites);
    mbedtls_ssl_conf_dhm_min_bitlen(&config, 1024);
    check(mbedtls_ssl_conf_psk(&config, psk, sizeof psk, (const unsigned char *)"us", 2), "psk");
    if (endpoint == MBEDTLS_SSL_IS_SERVER) {
        check(mbedtls_x509_crt_parse_file(&certificate, files[0]), files[0]);
        check(mbedtls_pk_parse_keyfile(&key, files[1], NULL), files[1]);
        check(mbedtls_ssl_conf_own_cert(&config, &certificate, &key), "certificate");
    } else {
        check(mbedtls_x509_crt_parse_file(&ca, files[0]), files[0]);
        mbedtls_ssl_conf_ca_chain(&config, &ca, NULL);
    }
    check(mbedtls_ssl_setup(&ssl, &config), "setup");
}

static void handshake(mbedtls_net_context *net)
{
    mbedtls_ssl_set_bio(&ssl, net, mbedtls_net_send, mbedtls_net_recv, NULL);
    check(mbedtls_ssl_handshake(&ssl), "handshake");
}

static void serve(const char *port)
{
    static const unsigned char answer[] = "HTTP/1.0 200 OK\r\n\r\nMbed TLS\r\n";
    mbedtls_net_context listener, net;
    unsigned char request[100];

    mbedtls_net_init(&listener);
    check(mbedtls_net_bind(&listener, "127.0.0.1", port, MBEDTLS_NET_PROTO_TCP), "bind");
    mbedtls_net_init(&net);
    check(mbedtls_net_accept(&listener, &net, NULL, 0, NULL), "accept");
    handshake(&net);
    check(mbedtls_ssl_read(&ssl, request, sizeof request), "read");
    check(mbedtls_ssl_write(&ssl, answer, sizeof answer), "write");
    check(mbedtls_ssl_close_notify(&ssl), "close");
    while (mbedtls_ssl_read(&ssl, request, sizeof request) > 0) {
    }
}

static void ask(const char *port)
{
    mbedtls_net_context net;
    unsigned char bytes[4096];
    size_t back = 0;

    mbedtls_net_init(&net);
    check(mbedtls_net_connect(&net, "127.0.0.1", port, MBEDTLS_NET_PROTO_TCP), "connect");
    check(mbedtls_ssl_set_hostname(&ssl, "localhost"), "name");
    handshake(&net);
    ssize_t n = read(STDIN_FILENO, bytes, sizeof bytes);
    check(mbedtls_ssl_write(&ssl, bytes, (size_t)n), "write");
    while (back < (size_t)n) {
        int more = mbedtls_ssl_read(&ssl, bytes, sizeof bytes);
        check(more, "read");
        if (write(STDOUT_FILENO, bytes, (size_t)more) != more) {
            exit(1);
        }
        back += (size_t)more;
    }
    check(mbedtls_ssl_close_notify(&ssl), "close");
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        return 2;
    }
    int server = strcmp(argv[1], "server") == 0;
    set_up(server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT, argv[3], argv + 4);
    if (server) {
        serve(argv[2]);
    } else {
        ask(argv[2]);
    }
    return 0;
}
