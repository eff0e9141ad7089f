#include "arena_windows.h"

#include <stdatomic.h>
#include <sys/mman.h>

static size_t count_for(size_t file_size)
{
    return (file_size + WINDOW_SIZE - 1) / WINDOW_SIZE;
}

/* The last windows end with the file. */
static size_t length_of(const struct windows *w, size_t number)
{
    size_t left = w->size - number * WINDOW_SIZE;

    return left < WINDOW_SIZE + WINDOW_OVERLAP ? left : WINDOW_SIZE + WINDOW_OVERLAP;
}

size_t windows_bytes(size_t file_size)
{
    return sizeof(struct windows) + count_for(file_size) * sizeof(unsigned char *);
}

void *arena_map(int fd, size_t offset, size_t size)
{
    int flags = MAP_SHARED | MAP_NORESERVE | (fd < 0 ? MAP_ANONYMOUS : 0);
    void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, (off_t)offset);

    if (map == MAP_FAILED)
        return NULL;
    madvise(map, size, MADV_DONTDUMP);
    return map;
}

void *windows_look(struct windows *w, int fd, size_t offset)
{
    size_t number = offset / WINDOW_SIZE;
    unsigned char *map, *expected = NULL;

    if (offset >= w->size)
        return NULL;
    map = atomic_load_explicit(&w->at[number], memory_order_acquire);
    if (map == NULL && fd >= 0) {
        map = arena_map(fd, number * WINDOW_SIZE, length_of(w, number));
        if (map != NULL && !atomic_compare_exchange_strong(&w->at[number], &expected, map)) {
            munmap(map, length_of(w, number)); /* another thread was first */
            map = expected;
        }
    }
    return map == NULL ? NULL : map + offset % WINDOW_SIZE;
}

void windows_close(struct windows *w)
{
    for (size_t i = 0; i < count_for(w->size); i++)
        if (w->at[i] != NULL)
            munmap(w->at[i], length_of(w, i));
}

size_t windows_mapped(const struct windows *w)
{
    size_t sum = 0;

    for (size_t i = 0; i < count_for(w->size); i++)
        if (w->at[i] != NULL)
            sum += length_of(w, i);
    return sum;
}
