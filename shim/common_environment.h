/* The environment as the process was started with it, whatever the program does to it later. */
#ifndef SHIM_COMMON_ENVIRONMENT_H
#define SHIM_COMMON_ENVIRONMENT_H

#include <stdbool.h>

/* Copies it. False when memory runs out. Until then, and in tools that never call this,
 * kept_getenv looks at libc's. Once, before other threads. */
bool environment_keep(void);
/* The value, or NULL: always, where the kernel says that the environment is not to be trusted
 * (AT_SECURE). */
const char *kept_getenv(const char *name);

#endif
