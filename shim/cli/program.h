/* The program to run: where it is, and whether the library can cover it. */
#ifndef SHIM_CLI_PROGRAM_H
#define SHIM_CLI_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

enum { PROGRAM_REASON = 640 };

struct program {
    char path[PATH_MAX];         /* what execve is given */
    char reason[PROGRAM_REASON]; /* why not, and what to do instead */
};

/* Finds name as execvp would. 0, or EXIT_NOT_FOUND or EXIT_CANNOT_RUN with the reason. */
int program_find(struct program *out, const char *name);

/* Can the library be preloaded into program->path? A script is followed to its interpreter.
 * 0, or EXIT_CANNOT_RUN with the reason. */
int program_check(struct program *program, const char *library);

/* The preload library: TLSHIM_LIBRARY, or libtlshim.so beside this executable, or in ../lib of its
 * directory. It must be there and loadable: the dynamic linker would only warn and go on. False
 * after a message. */
bool library_find(char out[PATH_MAX]);

#endif
