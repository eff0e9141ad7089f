#include "tls_text.h"
#include "tls_handshake.h"

struct tls_text tls_text_in(char *out, size_t size)
{
    out[0] = '\0';
    return (struct tls_text){.out = out, .size = size};
}

static void add_char(struct tls_text *t, char c)
{
    if (t->used + 1 < t->size) {
        t->out[t->used++] = c;
        t->out[t->used] = '\0';
    }
}

void tls_text_add(struct tls_text *t, const char *words)
{
    while (*words != '\0') {
        add_char(t, *words++);
    }
}

void tls_text_number(struct tls_text *t, uint32_t number)
{
    char digits[10];
    unsigned n = 0;

    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (n > 0) {
        add_char(t, digits[--n]);
    }
}

void tls_text_hex16(struct tls_text *t, uint16_t number)
{
    tls_text_add(t, "0x");
    for (int shift = 12; shift >= 0; shift -= 4) {
        add_char(t, "0123456789abcdef"[number >> shift & 15]);
    }
}

void tls_text_bytes(struct tls_text *t, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        add_char(t, bytes[i] >= 0x20 && bytes[i] < 0x7f ? (char)bytes[i] : '.');
    }
}

void tls_text_version(struct tls_text *t, uint16_t version)
{
    if (version == 0x0300) {
        tls_text_add(t, "SSL 3.0");
    } else if (version > 0x0300 && version <= 0x0304) {
        tls_text_add(t, "TLS 1.");
        tls_text_number(t, (uint32_t)(version - 0x0301));
    } else {
        tls_text_add(t, "version ");
        tls_text_hex16(t, version);
    }
}

void tls_text_suite(struct tls_text *t, uint16_t suite)
{
    const struct tls_suite *known = tls_suite_by_id(suite);

    if (known != NULL) {
        tls_text_add(t, known->name);
    } else {
        tls_text_add(t, "suite ");
        tls_text_hex16(t, suite);
    }
}

void tls_text_message(struct tls_text *t, unsigned message)
{
    static const struct {
        unsigned message;
        const char *name;
    } names[] = {
        {TLS_HELLO_REQUEST, "HelloRequest"},
        {TLS_CLIENT_HELLO, "ClientHello"},
        {TLS_SERVER_HELLO, "ServerHello"},
        {TLS_NEW_SESSION_TICKET, "NewSessionTicket"},
        {TLS_CERTIFICATE, "Certificate"},
        {TLS_SERVER_KEY_EXCHANGE, "ServerKeyExchange"},
        {TLS_CERTIFICATE_REQUEST, "CertificateRequest"},
        {TLS_SERVER_HELLO_DONE, "ServerHelloDone"},
        {TLS_CERTIFICATE_STATUS, "CertificateStatus"},
        {TLS_CERTIFICATE_VERIFY, "CertificateVerify"},
        {TLS_CLIENT_KEY_EXCHANGE, "ClientKeyExchange"},
        {TLS_FINISHED, "Finished"},
        {TLS_CHANGE_CIPHER_SPEC, "ChangeCipherSpec"},
        {TLS_APPLICATION_DATA, "application data"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].message == message) {
            tls_text_add(t, names[i].name);
            return;
        }
    }
    tls_text_add(t, "handshake message of type ");
    tls_text_number(t, message);
}
