/* Which descriptors a new program gets: those of this process that are not closed on exec, or, of a
 * spawned child, what its file actions make of them.
 *
 * glibc says nothing of what a list of file actions holds, so its own records are read. Their
 * layout is tried on a list with known content first; where it is another one, nothing is assumed
 * about a list (inheritance_is_known). */
#ifndef SHIM_INHERITANCE_H
#define SHIM_INHERITANCE_H

#include <spawn.h>
#include <stdbool.h>
#include <stddef.h>

struct inheritance {
    const posix_spawn_file_actions_t *actions; /* NULL: none, or an exec */
    bool is_known;                             /* false: any descriptor may be at any number */
};

/* actions: NULL for an exec. */
struct inheritance inheritance_of(const posix_spawn_file_actions_t *actions);

/* This process's descriptor that the program gets at a number; -1: none, or a file that the actions
 * open. */
int inheritance_at(const struct inheritance *in, int number);

/* Calls each for every descriptor of this process that the program gets, at least once, until it
 * returns false. False when each said so. */
bool inheritance_each(const struct inheritance *in, bool (*each)(int fd, void *arg), void *arg);

/* Calls each for every open descriptor; without /proc, for every number that there can reasonably
 * be. */
bool descriptors_each(bool (*each)(int fd, void *arg), void *arg);

/* The program's working directory as a prefix ("dir/") for relative paths; empty: this process's.
 * False: too long. */
bool inheritance_directory(const struct inheritance *in, char *out, size_t size);

/* The same actions in a new list, and one descriptor more for the program that none of them touches
 * or takes away: this process's fd, at *number. The list is to be destroyed. 0 or an errno. */
int inheritance_with(const struct inheritance *in, int fd, posix_spawn_file_actions_t *out,
                     int *number);

#endif
