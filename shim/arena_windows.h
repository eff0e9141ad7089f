/* A file in memory of which parts are mapped, each when it is first looked at: for an arena that as
 * a whole has no room in this process's address space (RLIMIT_AS), and for one of which only a
 * session is wanted. */
#ifndef SHIM_ARENA_WINDOWS_H
#define SHIM_ARENA_WINDOWS_H

#include <stddef.h>
#include <stdint.h>

/* How far a thing may reach beyond the window that it begins in; things larger than that cannot be
 * looked at. */
enum { WINDOW_SIZE = 1 << 20, WINDOW_OVERLAP = 256 * 1024 };

struct windows {
    size_t size;                   /* of the file; 0: there are no windows */
    _Atomic(unsigned char *) at[]; /* by number; NULL: not mapped */
};

/* Bytes of the struct for a file of this size. */
size_t windows_bytes(size_t file_size);
/* What lies at this offset, at the same address until windows_close; NULL: no room. Any thread at
 * any time. fd -1: only through a window that is there. */
void *windows_look(struct windows *w, int fd, size_t offset);
void windows_close(struct windows *w);
/* Bytes of address space that the windows take. */
size_t windows_mapped(const struct windows *w);

/* The file's bytes from the offset on, shared and left out of core dumps; fd -1: memory of its own.
 * NULL: no room. */
void *arena_map(int fd, size_t offset, size_t size);

#endif
