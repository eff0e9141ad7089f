#include <string.h>

#include "tls_shared.h"

uint32_t tls_shared_version(const struct tls_shared *shared)
{
    return atomic_load_explicit(&shared->version, memory_order_acquire);
}

bool tls_shared_read(const struct tls_shared *shared, const uint64_t *value, void *out,
                     size_t bytes)
{
    uint8_t *to = out;
    uint32_t before = tls_shared_version(shared);

    if (before == 0 || before % 2 != 0) {
        return false;
    }
    for (size_t i = 0; i < bytes; i += sizeof *value) {
        uint64_t word = __atomic_load_n(value + i / sizeof *value, __ATOMIC_RELAXED);
        memcpy(to + i, &word, bytes - i < sizeof word ? bytes - i : sizeof word);
    }
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&shared->version, memory_order_relaxed) == before;
}

bool tls_shared_write(struct tls_shared *shared, uint32_t expected, uint64_t *value, const void *in,
                      size_t bytes)
{
    const uint8_t *from = in;

    if (expected % 2 != 0 ||
        !atomic_compare_exchange_strong_explicit(&shared->version, &expected, expected + 1,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        return false;
    }
    atomic_thread_fence(memory_order_release);
    for (size_t i = 0; i < bytes; i += sizeof *value) {
        uint64_t word = 0;
        memcpy(&word, from + i, bytes - i < sizeof word ? bytes - i : sizeof word);
        __atomic_store_n(value + i / sizeof *value, word, __ATOMIC_RELAXED);
    }
    /* 0 says that there is no value: passed over when the count comes round. */
    uint32_t next = expected + 2;
    atomic_store_explicit(&shared->version, next != 0 ? next : 2, memory_order_release);
    return true;
}
