#include <string.h>

#include "sslv2_hello.h"
#include "tls_handshake.h"
#include "tls_stray.h"

static const char *const http[] = {"GET ",    "HEAD ",    "POST ",     "PUT ",
                                   "DELETE ", "OPTIONS ", "CONNECT ",  "TRACE ",
                                   "PATCH ",  "HTTP/1",   "PRI * HTTP"};

static bool begins_with(const uint8_t *bytes, size_t n, const char *words)
{
    size_t length = strlen(words);

    return n > 0 && memcmp(bytes, words, n < length ? n : length) == 0;
}

enum tls_error tls_judge_stray(struct tls_conn *conn, const uint8_t *bytes, size_t n,
                               enum tls_error error)
{
    const struct tls_session *s = conn->session;
    struct tls_handshake *h = conn->handshake;

    if (tls_is_established(s) || s->read.sequence > 0 || error != TLS_ERROR_RECORD_TYPE) {
        return error;
    }
    if (s->role == TLS_SERVER && tls_looks_like_sslv2_hello(bytes, n)) {
        return TLS_ERROR_SSLV2_HELLO;
    }
    h->stray_length = (uint8_t)(n < TLS_STRAY_MAX ? n : TLS_STRAY_MAX);
    memcpy(h->stray, bytes, h->stray_length);
    for (size_t i = 0; i < sizeof http / sizeof http[0]; i++) {
        if (n >= 4 && begins_with(bytes, n, http[i])) {
            return TLS_ERROR_RECORD_PLAINTEXT_HTTP;
        }
    }
    return TLS_ERROR_NOT_TLS;
}
