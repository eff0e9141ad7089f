/* The environment that a program gets which this one executes: with the library and the policy in
 * it, whatever the program did to its own.
 *
 * No allocation, for an exec may come from a child forked by one of several threads. */
#ifndef SHIM_CHILD_ENVIRONMENT_H
#define SHIM_CHILD_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Which arena comes with a program (handover.h). Taken out of the environment at start. */
#define ARENA_VARIABLE "TLSHIM_ARENA"

/* Remembers the library's own path and the variables that decide about TLS, before the program can
 * change them. Once. */
void child_environment_start(void);

/* The library as a child's dynamic linker will look for it; NULL, and in words what is wrong with
 * it, when it is not to be found there whole (a chroot, an uninstalled package, an upgrade). */
const char *child_environment_library(const char **fault);
/* Does this environment lack what a covered child needs? */
bool child_environment_is_stripped(char *const environment[]);

/* Bytes that child_environment needs for this environment. */
size_t child_environment_room(char *const environment[]);
enum child_coverage {
    CHILD_COVERED,
    CHILD_UNTOUCHED, /* it cannot be covered: as the program says */
    CHILD_DROPPED    /* it shall not be covered: without the library */
};
/* The environment for a child. room: aligned as a pointer. arena: "TLSHIM_ARENA=..." or NULL, which
 * must live as long as the result. Other strings of it are the old ones' or lie in the room. */
char **child_environment(void *room, char *const environment[], enum child_coverage coverage,
                         const char *arena);

#endif
