/* What the programs of loading.t share: one exchange with a server that gives back what it gets. */
#ifndef TESTS_CONTRACT_LOAD_H
#define TESTS_CONTRACT_LOAD_H

#include <stdbool.h>

/* A blocking connection to 127.0.0.1; -1 with errno. */
int load_connect(int port);
/* Sends "WHO: MARKER", where MARKER is the environment's TLSTEST_MARKER, and reads it back. */
bool load_exchange_on(int fd, const char *who);
/* Both, and close; prints "WHO: good", or what went wrong. */
bool load_exchange(int port, const char *who);
/* "TEXT\n" to standard output, without stdio. */
void load_say(const char *text, const char *more);

#endif
