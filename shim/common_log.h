/* The log: one event, one line, one write.
 *
 * Usable anywhere: takes no lock, allocates nothing, keeps no descriptor open, keeps errno, never
 * waits, and is no cancellation point. Lines look like "tlshim[PID]: level: text"; control
 * characters and bytes that are not UTF-8 appear escaped, so that what a peer sends cannot forge a
 * line.
 *
 * Environment, read once by log_init:
 *   TLSHIM_LOG     error | warn | info | debug   (default warn)
 *   TLSHIM_LOG_TO  stderr | syslog | a path      (default stderr)
 *   TLSHIM_LOG_FORMAT  text | json               (default text); one object a line
 *   TLSHIM_TRACE   stderr | syslog | a path      (default: no trace)
 * stderr is used only while descriptor 2 is neither a socket (it may be a peer's) nor a full pipe;
 * a line that cannot go there, or to the file, goes to syslog. A file is opened for each line, so
 * it may be moved away at any time. */
#ifndef SHIM_COMMON_LOG_H
#define SHIM_COMMON_LOG_H

#include <stdbool.h>
#include <stdint.h>

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
enum { LOG_REPEAT_MAX = 5, LOG_FLOOD_MAX = 50, LOG_REPEAT_SECONDS = 10 };

/* What happened to a connection. In text: "FILE:LINE: [client erp]: connection #1a2b to NAME
 * (PEER): CAUSE; REMEDY"; in JSON each is a member of its own. NULL and 0: there is none. */
struct log_event {
    const char *event;   /* one word: "refused", "failed", "open" */
    uint64_t connection; /* SO_COOKIE, in hexadecimal as ss(8) shows it with -e */
    const char *file;    /* of the rule, or of the policy */
    unsigned line;
    const char *kind, *rule;
    const char *direction; /* "to", "from" or "at" */
    const char *name, *peer;
    const char *suite;
    const char *cause, *remedy;
};

/* Writes an event. Warnings and errors about one peer's host that have the same cause are limited
 * as repeated lines are, whatever its ports; those of one rule, of all peers together, to
 * LOG_FLOOD_MAX: nobody can fill a disk by failing. */
void log_event(enum log_level level, const struct log_event *event);

/* ---- the trace: every message and end of every connection, for `tlshim trace` ---- */

/* Is there one? */
bool log_is_tracing(void);
/* "[PID #1a2b] time text". since: nanoseconds of CLOCK_MONOTONIC when the connection began; 0: the
 * line begins with the time of day. */
void log_trace(uint64_t connection, int64_t since, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
