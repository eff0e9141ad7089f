/* System call filters that the program sets up for itself (seccomp): OpenSSH's and vsftpd's
 * children that talk to strangers let themselves do hardly more than read and write, and the kernel
 * ends them at anything else. What reading and writing a session needs is let through too, nearly
 * all of it only from the one instruction that this library makes its system calls with (shim_sys),
 * and none of it opens a file, makes a socket or reaches another process. */
#ifndef SHIM_CONFINE_H
#define SHIM_CONFINE_H

#include <linux/filter.h>
#include <stdatomic.h>
#include <stdbool.h>

/* Has this process set up a filter? The library opens no more files then: what the policy says
 * is not read anew, the dead are not looked for in /proc, and nothing is logged. */
extern _Atomic bool shim_confined;

/* Call when a filter has been set up. */
void confine_begin(void);

/* The filter to be set up in the program's place, which stays in memory for good: giving that back
 * may be what the filter forbids. It is the program's own when there is no room for more. */
struct sock_fprog confine_filter(const struct sock_fprog *own);

#endif
