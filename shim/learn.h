/* What `tlshim learn` wants to know: where the program connects to and listens. Under it, the
 * environment names a file in TLSHIM_LEARN; a line goes there for each, of words with tabs between:
 *   connect NAME ADDRESS:PORT     NAME is "-" when the program asked no resolver
 *   listen - ADDRESS:PORT */
#ifndef SHIM_LEARN_H
#define SHIM_LEARN_H

#include "connections.h"

/* Reads the environment, once. */
void learn_init(void);
void learn_connection(const struct connection *c);
void learn_listener(const struct connection *c);

#endif
