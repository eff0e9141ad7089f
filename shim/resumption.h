/* Sessions that a later handshake may resume: the engine's cache and ticket keys, in one mapping
 * shared by all processes that descend from this one, so that prefork workers resume each other's
 * sessions. */
#ifndef SHIM_RESUMPTION_H
#define SHIM_RESUMPTION_H

#include <stdbool.h>

/* Gives every rule's configuration its cache and ticket keys. Once, before any session.
 * Without memory for it sessions are just not resumed. */
void resumption_start(void);

#endif
