/* A cache of resumables in memory that processes may share (a mapping made before fork): a bounded
 * table without locks, in which a process that dies half-way costs one slot.
 *
 * A key belongs to one set of slots; when all are taken the oldest session goes. What is too old
 * to be resumed is judged by who finds it. */
#ifndef TLS_CACHE_H
#define TLS_CACHE_H

#include "tls.h"

struct tls_cache_table;

/* Bytes of a table for this many sessions, about 2.4 KiB each; rounded down to whole sets of four
 * when there are more. */
size_t tls_cache_table_size(size_t sessions);
/* memory: that many bytes, aligned for uint64_t, all zeros. */
struct tls_cache_table *tls_cache_table_init(void *memory, size_t sessions);
/* What a configuration points to. */
struct tls_cache tls_cache_of(struct tls_cache_table *table);

#endif
