/* Is there memory where a program's pointer leads? The kernel answers a bad one with EFAULT; the
 * library, which reads and writes the program's memory itself, asks before it does.
 *
 * Only a stretch's first and last page are looked at, and a page that the same thread has found
 * there of late is believed. So what is unmapped since, has a hole in its middle, or is for reading
 * only and read into, is SIGSEGV. */
#ifndef SHIM_USER_MEMORY_H
#define SHIM_USER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Once, before threads: under valgrind only the page of NULL and the addresses that no program has
 * are told, for memcheck would report each look as the program's error. */
void user_memory_start(void);

/* False: errno is EFAULT. n bytes from `at`; none are always there. */
bool user_memory(const void *at, size_t n);
/* The list and all that it names. */
bool user_memory_vector(const struct iovec *iov, size_t count);
/* The header and its list, not what that names. */
bool user_memory_message(const struct msghdr *message);

#endif
