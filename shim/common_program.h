/* A program to run: where it is, and whether the library can cover it. The launcher asks, and the
 * library before each exec. No allocation, no stdio; may be called in a forked child. */
#ifndef SHIM_COMMON_PROGRAM_H
#define SHIM_COMMON_PROGRAM_H

#include <limits.h>
#include <stdbool.h>

enum { PROGRAM_REASON = 640 };

struct program {
    char path[PATH_MAX];         /* what execve is given */
    char reason[PROGRAM_REASON]; /* why not, and what to do instead */
    bool runs;                   /* it would run, if only without the library */
};
enum { PROGRAM_CANNOT_RUN = 126, PROGRAM_NOT_FOUND = 127 /* exit codes of the launcher's too */ };

/* Finds name as execvp would. 0, or PROGRAM_NOT_FOUND or PROGRAM_CANNOT_RUN with the reason. */
int program_find(struct program *out, const char *name);

/* The same for a path, relative to the working directory or absolute. */
int program_at(struct program *out, const char *path);

/* Can the library be preloaded into program->path? A script is followed to its interpreter; a file
 * that is neither script nor ELF cannot run, or, when by_shell, is run by /bin/sh (as execvp does).
 * 0, or PROGRAM_CANNOT_RUN with the reason. */
int program_check(struct program *program, bool by_shell);

#endif
