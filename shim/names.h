/* Which name led to which address: what the program asked the resolver for, so that a connection
 * to an address can be given its name for the policy, server_name and the certificate check. The
 * latest name asked counts. Bounded: the oldest are forgotten. Private to the process. */
#ifndef SHIM_NAMES_H
#define SHIM_NAMES_H

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* address: 4 or 16 bytes in network order. A name that is an address literal is not remembered. */
void names_remember(const char *name, const uint8_t *address, size_t length);
/* Copies the name to out (256 bytes); false when none is known. */
bool names_find(const uint8_t *address, size_t length, char *out);

/* Held across fork, so that a child never meets the lock held by a thread that it does not have. */
void names_lock(void);
void names_unlock(void);

#endif
