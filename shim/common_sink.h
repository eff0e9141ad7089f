/* Where lines of the log and of the trace go. Keeps no descriptor open, so that a file may be moved
 * away by rotation at any time, and never waits for a reader. */
#ifndef SHIM_COMMON_SINK_H
#define SHIM_COMMON_SINK_H

#include <stdbool.h>
#include <stddef.h>

enum sink_kind { SINK_NONE, SINK_STDERR, SINK_SYSLOG, SINK_FILE };

struct sink {
    enum sink_kind kind;
    char path[4096]; /* of a file */
};

/* "stderr", "syslog" or a path. False when it is empty or too long; nothing is changed then. */
bool sink_set(struct sink *sink, const char *to);

/* Writes a line, its newline included, with one call. False when it could not be: descriptor 2 is
 * closed, a socket (it may be a peer's) or a pipe that is full, or the file cannot be opened.
 * priority: syslog's. */
bool sink_write(const struct sink *sink, int priority, const char *line, size_t length);
/* From here on nothing can be written: the process may open no file and make no socket, and is
 * ended when it tries (a filter of system calls). */
void sinks_end(void);
/* The same as sink_write, or to syslog when it could not be. */
void sink_write_or_syslog(const struct sink *sink, int priority, const char *line, size_t length);

#endif
