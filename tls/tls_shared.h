/* A small value in memory that several processes share, one of which may die at any moment.
 *
 * Readers never wait: they copy, and look whether the value changed meanwhile. A writer that finds
 * another at work gives up; if a writer dies half-way, the value can no longer be read or written,
 * and that is all. */
#ifndef TLS_SHARED_H
#define TLS_SHARED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_shared {
    _Atomic uint32_t version; /* odd while someone writes; 0: never written */
};

/* Copies n words, a multiple of 8 bytes, out of the value. False when it was never written, or a
 * writer is at work. */
bool tls_shared_read(const struct tls_shared *shared, const uint64_t *value, void *out,
                     size_t bytes);
/* Puts a new value there. expected: the version that the decision to write was made on, from
 * tls_shared_version. False when somebody else was quicker. */
bool tls_shared_write(struct tls_shared *shared, uint32_t expected, uint64_t *value, const void *in,
                      size_t bytes);
uint32_t tls_shared_version(const struct tls_shared *shared);

#endif
