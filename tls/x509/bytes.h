/* A view of bytes that someone else owns. */
#ifndef X509_BYTES_H
#define X509_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct x509_bytes { /* a view; NULL and 0 when absent */
    const uint8_t *data;
    size_t length;
};

static inline bool x509_bytes_equal(struct x509_bytes a, struct x509_bytes b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.data, b.data, a.length) == 0);
}

#endif
