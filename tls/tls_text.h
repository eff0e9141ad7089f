/* Text for people, put together in a buffer of fixed size: what does not fit is left off, and the
 * string always ends. */
#ifndef TLS_TEXT_H
#define TLS_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct tls_text {
    char *out;
    size_t size, used; /* used does not count the end of the string */
};

/* An empty text in out; size must be at least 1. */
struct tls_text tls_text_in(char *out, size_t size);
void tls_text_add(struct tls_text *t, const char *words);
void tls_text_number(struct tls_text *t, uint32_t number);
void tls_text_hex16(struct tls_text *t, uint16_t number); /* 0x002f */
/* Bytes as they are where they are printable ASCII, "." elsewhere. */
void tls_text_bytes(struct tls_text *t, const uint8_t *bytes, size_t n);
void tls_text_version(struct tls_text *t, uint16_t version); /* "TLS 1.0" */
void tls_text_suite(struct tls_text *t, uint16_t suite);

/* "ClientHello" and so on for an enum tls_message, or a number that nobody assigned. */
void tls_text_message(struct tls_text *t, unsigned message);

#endif
