/* Whole files into memory. */
#ifndef SHIM_COMMON_FILES_H
#define SHIM_COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct file_text {
    char *text; /* `length` bytes, mapped; writable */
    size_t length;
    size_t mapped; /* bytes of the mapping */
    mode_t mode;   /* type and permissions, of the file that was read */
    bool secret;
};

enum { FILE_REASON = 320 };

/* Reads a regular file of at most `limit` bytes. secret: into memory that is left out of core
 * dumps. False: reason says why and what to do, without the path. */
bool file_read(struct file_text *out, const char *path, size_t limit, bool secret,
               char reason[FILE_REASON]);

/* Gives the memory back, wiped when secret. */
void file_free(struct file_text *file);

/* Calls each with every name in a directory, in no order, until it returns false. False when the
 * directory cannot be read (or each said so). */
bool file_each_name(const char *directory, bool (*each)(void *arg, const char *name), void *arg);

#endif
