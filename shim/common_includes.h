/* Files that a policy includes, and users that it names: what the parser asks the world for. */
#ifndef SHIM_COMMON_INCLUDES_H
#define SHIM_COMMON_INCLUDES_H

#include <stdbool.h>
#include <stdint.h>

#include "../policy/policy.h"
#include "common_files.h"
#include "common_memory.h"

enum { INCLUDE_REASON = FILE_REASON + 160 };

struct includes {
    struct memory *memory; /* that names and texts are put in */
    const char *directory; /* of the policy, that relative patterns start at; NULL: none */
    bool privileged;       /* then files that others may write are refused */
    char reason[INCLUDE_REASON];
};

/* As policy_input's; arg is a struct includes. A pattern without a star must name a file; with
 * stars, in its last part only, it may find none. */
bool includes_find(void *arg, const char *pattern, struct policy_file **files, const char **why);

/* The id of a name in /etc/passwd, read without the C library, whose ways may lead over the
 * network. */
bool includes_user_id(void *arg, const char *name, uint32_t *id);

/* Is a file unfit for a privileged reader, because its group or others may write it? */
bool includes_is_unsafe(const struct file_text *file, bool privileged);

/* directory + path when path is relative, in memory. NULL when memory runs out. */
const char *includes_resolve(struct memory *memory, const char *directory, const char *path);

#endif
