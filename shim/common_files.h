/* Whole files into memory. */
#ifndef SHIM_COMMON_FILES_H
#define SHIM_COMMON_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common_memory.h"

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

/* ---- what was read, and whether it has changed ---- */

struct file_note;

struct file_notes {
    struct file_note *first;
    struct memory memory;
};

/* From here to file_notes_end every file and directory that this thread reads is noted: which one
 * it was, how long, and when it was changed last; or that it could not be read. */
void file_notes_begin(struct file_notes *notes);
void file_notes_end(void);
/* Is any of them another one today? What ran out of memory while it was noted counts as changed. */
bool file_notes_changed(const struct file_notes *notes);
/* A number for what they say: the same for the same files, unchanged. */
uint64_t file_notes_number(const struct file_notes *notes);
void file_notes_release(struct file_notes *notes);

/* Calls each with every name in a directory, in no order, until it returns false. False when the
 * directory cannot be read (or each said so). */
bool file_each_name(const char *directory, bool (*each)(void *arg, const char *name), void *arg);

#endif
