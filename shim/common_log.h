/* The log: one event, one line, one write.
 *
 * Usable anywhere: takes no lock, allocates nothing, keeps no descriptor open, keeps errno, and is
 * no cancellation point. Lines look like "tlshim[PID]: level: text"; control characters and bytes
 * that are not UTF-8 appear escaped, so that what a peer sends cannot forge a line.
 *
 * Environment, read once by log_init:
 *   TLSHIM_LOG     error | warn | info | debug   (default warn)
 *   TLSHIM_LOG_TO  stderr | syslog | a path      (default stderr)
 *   TLSHIM_LOG_FORMAT  text | json               (default text); one object a line
 * stderr is used only while descriptor 2 is not a socket (it may be a peer's); a line that cannot
 * go there, or to the file, goes to syslog. */
#ifndef SHIM_COMMON_LOG_H
#define SHIM_COMMON_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

enum { LOG_LINE_MAX = 2048 /* bytes of a line, newline included; longer ones are cut */ };

/* Reads the environment. A value that is not one of those above is reported by a line of its own
 * and otherwise counts as the default. Lines logged before it go to stderr at the default level. */
void log_init(void);

/* Would a line of this level be written? For text that is costly to make. */
bool log_enabled(enum log_level level);

/* Writes one line; format and arguments as for printf, without a newline. A line that repeats word
 * for word is written at most LOG_REPEAT_MAX times in LOG_REPEAT_SECONDS per process; the next one
 * after that says how many were left out. */
void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
enum { LOG_REPEAT_MAX = 5, LOG_REPEAT_SECONDS = 10 };

#endif
