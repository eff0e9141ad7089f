/* The system calls that the code shared by library and launcher makes and that the library itself
 * interposes. The library defines them through its resolver, the launcher (cli/os.c) and the tests
 * through libc. Signatures, results and errno are libc's. All of them may be called from anywhere:
 * a constructor, a signal handler, inside malloc.
 *
 * open, fstat, mmap, munmap, readlink and getenv are not interposed: shared code calls libc. */
#ifndef SHIM_COMMON_OS_H
#define SHIM_COMMON_OS_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

ssize_t os_read(int fd, void *buffer, size_t n);
ssize_t os_write(int fd, const void *buffer, size_t n);
int os_close(int fd);
/* For syslog's datagram socket only. */
int os_socket(int domain, int type, int protocol);
ssize_t os_sendmsg(int fd, const struct msghdr *message, int flags);
/* Would a small write not wait? */
bool os_is_writable(int fd);

#endif
