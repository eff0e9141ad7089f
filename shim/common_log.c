#include "common_log.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "../policy/policy_text.h"
#include "common_sink.h"

static const char *const level_names[] = {"error", "warn", "info", "debug"};
enum { LEVELS = sizeof level_names / sizeof level_names[0] };

static enum log_level threshold = LOG_LEVEL_WARN;
static struct sink target = {.kind = SINK_STDERR}, trace;
static bool json;

static void read_level(const char *level)
{
    size_t i = 0;
    while (level && i < LEVELS && strcmp(level, level_names[i]) != 0)
        i++;
    if (level && i < LEVELS)
        threshold = (enum log_level)i;
    else if (level)
        log_line(LOG_LEVEL_WARN,
                 "TLSHIM_LOG=\"%.40s\" is none of error, warn, info, debug; warn is taken", level);
}

void log_init(void)
{
    const char *to = secure_getenv("TLSHIM_LOG_TO"), *traced = secure_getenv("TLSHIM_TRACE");
    const char *format = secure_getenv("TLSHIM_LOG_FORMAT");
    threshold = LOG_LEVEL_WARN;
    target.kind = SINK_STDERR;
    trace.kind = SINK_NONE;
    json = format && strcmp(format, "json") == 0;
    if (to && !sink_set(&target, to))
        log_line(LOG_LEVEL_WARN, "TLSHIM_LOG_TO is empty or too long; write stderr, syslog or a "
                                 "path");
    if (traced && !sink_set(&trace, traced))
        log_line(LOG_LEVEL_WARN, "TLSHIM_TRACE is empty or too long; write stderr, syslog or a "
                                 "path");
    if (format && !json && strcmp(format, "text") != 0)
        log_line(LOG_LEVEL_WARN,
                 "TLSHIM_LOG_FORMAT=\"%.40s\" is neither text nor json; text is taken", format);
    read_level(secure_getenv("TLSHIM_LOG"));
}

bool log_enabled(enum log_level level)
{
    return level <= threshold;
}

bool log_is_tracing(void)
{
    return trace.kind != SINK_NONE;
}

/* ---- repeated lines ---- */

/* One slot per hash of a line; two lines of one slot only cost each other their count. Racing
 * threads may let a line more through, never fewer. What peers do cannot push out the rules' own
 * counts. */
enum { SLOTS = 64 };
static struct slot {
    _Atomic uint64_t hash_and_start; /* hash << 32 | second in which the window began */
    _Atomic uint32_t count;
} recent[SLOTS], floods[SLOTS];

enum { HASH_START = 2166136261 };

/* FNV-1a, going on from an earlier one; a NUL behind each part. */
static uint32_t hash_on(uint32_t hash, const char *s)
{
    for (; s && *s; s++)
        hash = (hash ^ (unsigned char)*s) * 16777619u;
    return hash * 16777619u;
}

static uint32_t hash_of(const char *s)
{
    return hash_on(HASH_START, s);
}

/* May one more line of this kind be written, of at most `most` in a window? *left_out grows by how
 * many like it were not, in the window before. */
static bool admit(struct slot *slots, uint32_t hash, uint32_t most, uint32_t *left_out)
{
    struct timespec now = {0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint32_t second = (uint32_t)now.tv_sec;
    struct slot *slot = &slots[hash % SLOTS];
    uint64_t stored = atomic_load(&slot->hash_and_start);
    bool same = stored != 0 && stored >> 32 == hash;
    if (same && second - (uint32_t)stored < LOG_REPEAT_SECONDS)
        return atomic_fetch_add(&slot->count, 1) < most;
    if (!atomic_compare_exchange_strong(&slot->hash_and_start, &stored,
                                        (uint64_t)hash << 32 | second))
        return true;
    uint32_t count = atomic_exchange(&slot->count, 1);
    *left_out += same && count > most ? count - most : 0;
    return true;
}

static bool admit_event(const struct log_event *event, uint32_t *left_out)
{
    char host[64] = "", line[12];
    if (event->peer)
        snprintf(host, sizeof host, "%s", event->peer);
    char *port = strrchr(host, ':');
    if (port)
        *port = '\0';
    snprintf(line, sizeof line, "%u", event->line);
    uint32_t rule = hash_on(hash_on(hash_of(event->event), event->file), line);
    uint32_t peer = hash_on(hash_on(rule, event->cause), host);
    /* Both, so that both count. */
    bool few = admit(recent, peer, LOG_REPEAT_MAX, left_out);
    return few && admit(floods, rule, LOG_FLOOD_MAX, left_out);
}

/* ---- text ---- */

/* Appends text to out[used..size), escaped as the format wants it; cut off with "..." when it does
 * not fit. Returns the new length. */
static size_t append_shown(char *out, size_t used, size_t size, const char *text, bool as_json)
{
    char shown[POLICY_SHOWN_MAX];
    for (size_t n = strlen(text), taken; n > 0; text += taken, n -= taken) {
        taken = as_json ? policy_show_json(text, n, shown) : policy_show(text, n, shown);
        if (strlen(shown) + 3 > size - used) {
            memcpy(out + used, "...", 3);
            return used + 3;
        }
        memcpy(out + used, shown, strlen(shown));
        used += strlen(shown);
    }
    return used;
}

static size_t append_escaped(char *out, size_t used, size_t size, const char *text)
{
    return append_shown(out, used, size, text, json);
}

/* A line in the making: LOG_LINE_MAX bytes and a NUL. */
struct line {
    char text[LOG_LINE_MAX + 1];
    size_t length;
    enum log_level level;
};

static void begin_line(struct line *line, enum log_level level)
{
    line->level = level;
    if (!json) {
        line->length = (size_t)snprintf(line->text, sizeof line->text,
                                        "tlshim[%d]: %s: ", (int)getpid(), level_names[level]);
        return;
    }
    struct timespec now = {0};
    clock_gettime(CLOCK_REALTIME, &now);
    line->length = (size_t)snprintf(
        line->text, sizeof line->text, "{\"time\": %lld.%03ld, \"pid\": %d, \"level\": \"%s\"",
        (long long)now.tv_sec, now.tv_nsec / 1000000, (int)getpid(), level_names[level]);
}

/* A member of the object. keep: bytes to leave free behind it; a text that is too long is cut. */
static void add_member(struct line *line, const char *name, const char *value, size_t keep)
{
    size_t room = LOG_LINE_MAX - line->length;
    if (!value || room < keep + strlen(name) + 16)
        return;
    line->length += (size_t)snprintf(line->text + line->length, room, ", \"%s\": \"", name);
    line->length = append_escaped(line->text, line->length, LOG_LINE_MAX - keep - 1, value);
    line->text[line->length++] = '"';
}

/* The line's end, and the line to where it goes. left_out: see admit. */
static void end_line(struct line *line, uint32_t left_out)
{
    static const int severity[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
    size_t room = sizeof line->text - line->length;
    if (json && left_out)
        snprintf(line->text + line->length, room, ", \"left_out\": %u}\n", left_out);
    else if (json)
        snprintf(line->text + line->length, room, "}\n");
    else if (left_out)
        snprintf(line->text + line->length, room, " (and %u times more before)\n", left_out);
    else
        snprintf(line->text + line->length, room, "\n");
    line->length += strlen(line->text + line->length);
    int priority = LOG_DAEMON | severity[line->level];
    sink_write_or_syslog(&target, priority, line->text, line->length);
}

enum { END_MAX = 48 /* bytes that end_line may add */ };

static void write_text(enum log_level level, const char *text, uint32_t left_out)
{
    struct line line;
    begin_line(&line, level);
    if (json)
        add_member(&line, "message", text, END_MAX);
    else
        line.length = append_escaped(line.text, line.length, LOG_LINE_MAX - END_MAX, text);
    end_line(&line, left_out);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno, cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    char text[LOG_LINE_MAX];
    uint32_t left_out = 0;
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (admit(recent, hash_of(text), LOG_REPEAT_MAX, &left_out))
        write_text(level, text, left_out);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}

/* ---- events ---- */

static void event_text(const struct log_event *e, char *out, size_t size)
{
    char place[16] = "", id[24] = "";
    if (e->line)
        snprintf(place, sizeof place, ":%u", e->line);
    if (e->connection)
        snprintf(id, sizeof id, " #%llx", (unsigned long long)e->connection);
    bool both = e->name && e->peer;
    snprintf(out, size, "%s%s: %s%s%s%s%sconnection%s %s %s%s%s%s: %s%s%s", e->file, place,
             e->kind ? "[" : "", e->kind ? e->kind : "", e->kind ? " " : "", e->kind ? e->rule : "",
             e->kind ? "]: " : "", id, e->direction, e->name ? e->name : "", both ? " (" : "",
             e->peer ? e->peer : "", both ? ")" : "", e->cause ? e->cause : e->suite,
             e->remedy ? "; " : "", e->remedy ? e->remedy : "");
}

static void write_members(enum log_level level, const struct log_event *e, uint32_t left_out)
{
    enum { CAUSE = 700, REMEDY = 200 };
    struct line line;
    char place[600], id[24], rule[128];
    begin_line(&line, level);
    snprintf(id, sizeof id, "%llx", (unsigned long long)e->connection);
    snprintf(place, sizeof place, "%.500s:%u", e->file, e->line);
    snprintf(rule, sizeof rule, "%s %s", e->kind ? e->kind : "", e->rule ? e->rule : "");
    add_member(&line, "event", e->event, END_MAX);
    add_member(&line, "connection", e->connection ? id : NULL, END_MAX);
    add_member(&line, "place", e->line ? place : e->file, END_MAX + CAUSE + REMEDY);
    add_member(&line, "rule", e->kind ? rule : NULL, END_MAX + CAUSE + REMEDY);
    add_member(&line, "direction", e->direction, END_MAX);
    add_member(&line, "name", e->name, END_MAX + REMEDY);
    add_member(&line, "peer", e->peer, END_MAX);
    add_member(&line, "suite", e->suite, END_MAX);
    add_member(&line, "cause", e->cause, END_MAX + REMEDY);
    add_member(&line, "remedy", e->remedy, END_MAX);
    end_line(&line, left_out);
}

void log_event(enum log_level level, const struct log_event *event)
{
    if (!log_enabled(level))
        return;
    int saved_errno = errno, cancel_state;
    uint32_t left_out = 0;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    if (level > LOG_LEVEL_WARN || admit_event(event, &left_out)) {
        char text[LOG_LINE_MAX];
        event_text(event, text, sizeof text);
        if (json)
            write_members(level, event, left_out);
        else
            write_text(level, text, left_out);
    }
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}

/* ---- trace ---- */

static size_t trace_time(char *out, size_t size, int64_t since)
{
    struct timespec now = {0};
    clock_gettime(since ? CLOCK_MONOTONIC : CLOCK_REALTIME, &now);
    if (since) {
        int64_t passed = (now.tv_sec * 1000000000LL + now.tv_nsec - since) / 1000000;
        return (size_t)snprintf(out, size, "%9lld.%03lld", (long long)passed / 1000,
                                (long long)passed % 1000);
    }
    /* UTC: localtime_r may read files and take locks. */
    unsigned second = (unsigned)(now.tv_sec % 86400);
    return (size_t)snprintf(out, size, "%02u:%02u:%02u.%03ldZ", second / 3600, second / 60 % 60,
                            second % 60, now.tv_nsec / 1000000);
}

void log_trace(uint64_t connection, int64_t since, const char *format, ...)
{
    if (!log_is_tracing())
        return;
    int saved_errno = errno, cancel_state;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);
    char text[LOG_LINE_MAX], line[LOG_LINE_MAX + 1];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    size_t n = (size_t)snprintf(line, sizeof line, "[%d", (int)getpid());
    if (connection)
        n += (size_t)snprintf(line + n, sizeof line - n, " #%llx", (unsigned long long)connection);
    n += (size_t)snprintf(line + n, sizeof line - n, "] ");
    n += trace_time(line + n, sizeof line - n, since);
    line[n++] = ' ';
    n = append_shown(line, n, LOG_LINE_MAX - 1, text, false);
    line[n++] = '\n';
    sink_write(&trace, LOG_DAEMON | LOG_DEBUG, line, n);
    pthread_setcancelstate(cancel_state, NULL);
    errno = saved_errno;
}
