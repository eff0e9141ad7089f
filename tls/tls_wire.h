/* The one reader and the one writer of TLS's presentation language (RFC 2246 section 4): big-endian
 * numbers and vectors with a length in front.
 *
 * Both remember the first thing that went wrong and are harmless from then on, so that a message
 * is read or written in one go and checked once at its end. */
#ifndef TLS_WIRE_H
#define TLS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- reader ---- */

struct tls_reader {
    const uint8_t *at;
    size_t left;
    bool bad; /* something was asked for that is not there */
};

static inline struct tls_reader tls_reader_of(const void *bytes, size_t n)
{
    return (struct tls_reader){.at = bytes, .left = n};
}

/* The next n bytes, or NULL when there are fewer; then the reader is bad and empty. */
static inline const uint8_t *tls_read_bytes(struct tls_reader *r, size_t n)
{
    if (n > r->left) {
        r->bad = true;
        r->left = 0;
        return NULL;
    }
    const uint8_t *bytes = r->at;
    r->at += n;
    r->left -= n;
    return bytes;
}

/* A number of `width` bytes, at most 4; 0 when it is not there. */
static inline uint32_t tls_read_number(struct tls_reader *r, unsigned width)
{
    const uint8_t *bytes = tls_read_bytes(r, width);
    uint32_t value = 0;
    for (unsigned i = 0; bytes != NULL && i < width; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

static inline uint8_t tls_read_u8(struct tls_reader *r)
{
    return (uint8_t)tls_read_number(r, 1);
}
static inline uint16_t tls_read_u16(struct tls_reader *r)
{
    return (uint16_t)tls_read_number(r, 2);
}

/* A vector whose length is a number of `width` bytes, as a reader of its own. When it does not fit
 * both readers are bad. */
static inline struct tls_reader tls_read_vector(struct tls_reader *r, unsigned width)
{
    size_t n = tls_read_number(r, width);
    const uint8_t *bytes = tls_read_bytes(r, n);
    return (struct tls_reader){.at = bytes, .left = bytes != NULL ? n : 0, .bad = r->bad};
}

static inline void tls_read_copy(struct tls_reader *r, void *out, size_t n)
{
    const uint8_t *bytes = tls_read_bytes(r, n);
    if (bytes != NULL) {
        memcpy(out, bytes, n);
    }
}

/* True when everything was there and nothing is left over. */
static inline bool tls_read_all(const struct tls_reader *r)
{
    return !r->bad && r->left == 0;
}

/* ---- writer ---- */

struct tls_writer {
    uint8_t *start;
    size_t used, size;
    bool full; /* something did not fit; what was written before it is intact */
};

static inline struct tls_writer tls_writer_to(void *bytes, size_t n)
{
    return (struct tls_writer){.start = bytes, .size = n};
}

/* Room for n bytes that the caller fills, or NULL when there is none. */
static inline uint8_t *tls_write_room(struct tls_writer *w, size_t n)
{
    if (w->full || n > w->size - w->used) {
        w->full = true;
        return NULL;
    }
    uint8_t *at = w->start + w->used;
    w->used += n;
    return at;
}

static inline void tls_write_bytes(struct tls_writer *w, const void *bytes, size_t n)
{
    uint8_t *at = tls_write_room(w, n);
    if (at != NULL && n > 0) {
        memcpy(at, bytes, n);
    }
}

static inline void tls_put_number(uint8_t *at, unsigned width, uint64_t value)
{
    for (unsigned i = width; i-- > 0; value >>= 8) {
        at[i] = (uint8_t)value;
    }
}

static inline void tls_write_number(struct tls_writer *w, unsigned width, uint32_t value)
{
    uint8_t *at = tls_write_room(w, width);
    if (at != NULL) {
        tls_put_number(at, width, value);
    }
}

static inline void tls_write_u8(struct tls_writer *w, uint8_t value)
{
    tls_write_number(w, 1, value);
}
static inline void tls_write_u16(struct tls_writer *w, uint16_t value)
{
    tls_write_number(w, 2, value);
}

/* A vector is opened, filled, and closed with what opening returned: closing writes the length. */
static inline size_t tls_open_vector(struct tls_writer *w, unsigned width)
{
    tls_write_number(w, width, 0);
    return w->used;
}

static inline void tls_close_vector(struct tls_writer *w, unsigned width, size_t opened)
{
    size_t n = w->used - opened;
    if (w->full) {
        return;
    }
    if (n >> (8 * width) != 0) {
        w->full = true;
        return;
    }
    tls_put_number(w->start + opened - width, width, n);
}

#endif
