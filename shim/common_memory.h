/* Memory that grows and is given back whole, straight from mmap: for what lives as long as a policy
 * does. No malloc, so that it may be used in a constructor. Not for use by two threads at once. */
#ifndef SHIM_COMMON_MEMORY_H
#define SHIM_COMMON_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

struct memory_chunk;

struct memory {
    struct memory_chunk *chunks;
    bool secret; /* left out of core dumps, and wiped before it is given back */
};

/* Zeroed, aligned as malloc's. NULL when the kernel has none. */
void *memory_take(struct memory *memory, size_t size);
/* A copy of n bytes with a NUL behind them. */
char *memory_copy(struct memory *memory, const void *bytes, size_t n);
/* Gives everything back. */
void memory_release(struct memory *memory);

/* One mapping of its own, for a buffer; size is rounded up to pages. NULL when there is none. */
void *memory_map(size_t size, bool secret);
void memory_unmap(void *mapping, size_t size, bool secret);

#endif
