#include "common_memory.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "../crypto_glue/cg_ct.h"

struct memory_chunk {
    struct memory_chunk *next;
    size_t size, used; /* with this head */
};

enum { CHUNK = 64 * 1024, ALIGNMENT = 16 };

static size_t aligned(size_t n)
{
    return (n + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

void *memory_map(size_t size, bool secret)
{
    void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED)
        return NULL;
    if (secret)
        madvise(mapping, size, MADV_DONTDUMP);
    return mapping;
}

void memory_unmap(void *mapping, size_t size, bool secret)
{
    if (secret)
        cg_wipe(mapping, size);
    munmap(mapping, size);
}

void *memory_take(struct memory *memory, size_t size)
{
    struct memory_chunk *chunk = memory->chunks;
    if (size > SIZE_MAX / 2)
        return NULL;
    size = aligned(size);
    if (!chunk || size > chunk->size - chunk->used) {
        size_t head = aligned(sizeof *chunk), whole = head + size;
        whole = (whole + CHUNK - 1) & ~(size_t)(CHUNK - 1);
        chunk = memory_map(whole, memory->secret);
        if (!chunk)
            return NULL;
        *chunk = (struct memory_chunk){memory->chunks, whole, head};
        memory->chunks = chunk;
    }
    void *taken = (char *)chunk + chunk->used;
    chunk->used += size;
    return taken;
}

char *memory_copy(struct memory *memory, const void *bytes, size_t n)
{
    char *copy = memory_take(memory, n + 1);
    if (copy)
        memcpy(copy, bytes, n);
    return copy;
}

void memory_release(struct memory *memory)
{
    while (memory->chunks) {
        struct memory_chunk *chunk = memory->chunks;
        memory->chunks = chunk->next;
        memory_unmap(chunk, chunk->size, memory->secret);
    }
}
