#include "common_includes.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { INCLUDE_MAX = 1024 * 1024, PASSWD_MAX = 64 * 1024 * 1024 };

bool includes_is_unsafe(const struct file_text *file, bool privileged)
{
    return privileged && (file->mode & 022) != 0;
}

const char *includes_resolve(struct memory *memory, const char *directory, const char *path)
{
    size_t head = path[0] == '/' ? 0 : strlen(directory), tail = strlen(path);
    char *whole = memory_take(memory, head + tail + 1);
    if (!whole)
        return NULL;
    memcpy(whole, directory, head);
    memcpy(whole + head, path, tail);
    return whole;
}

/* ---- the files of a pattern ---- */

static bool matches(const char *pattern, const char *name)
{
    /* Where to go on when the last star has to take one character more. */
    const char *star = NULL, *taken = NULL;
    while (*name)
        if (*pattern == '*') {
            star = ++pattern;
            taken = name;
        } else if (*pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++taken;
        } else {
            return false;
        }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

/* Reads path and puts it in its place in the list, by name. */
static bool add_file(struct includes *includes, struct policy_file **list, const char *path)
{
    char why[FILE_REASON];
    struct file_text text;
    if (!file_read(&text, path, INCLUDE_MAX, false, why)) {
        snprintf(includes->reason, INCLUDE_REASON, "%.120s: %s", path, why);
        return false;
    }
    bool unsafe = includes_is_unsafe(&text, includes->privileged);
    struct policy_file *file = memory_take(includes->memory, sizeof *file);
    const char *name = memory_copy(includes->memory, path, strlen(path));
    const char *copy = memory_copy(includes->memory, text.text, text.length);
    size_t length = text.length;
    file_free(&text);
    if (unsafe)
        snprintf(includes->reason, INCLUDE_REASON,
                 "%.120s: its group or others may write it; run: chmod go-w %.120s", path, path);
    else if (!file || !name || !copy)
        snprintf(includes->reason, INCLUDE_REASON, "not enough memory");
    if (unsafe || !file || !name || !copy)
        return false;
    while (*list && strcmp((*list)->name, path) < 0)
        list = &(*list)->next;
    *file = (struct policy_file){name, copy, length, *list};
    *list = file;
    return true;
}

struct listing { /* of the files of a directory that match */
    struct includes *includes;
    struct policy_file **list;
    const char *directory, *pattern;
};

/* Hidden files only by a pattern that says so, as in a shell. */
static bool add_entry(void *arg, const char *name)
{
    struct listing *listing = arg;
    if (!matches(listing->pattern, name) || (name[0] == '.' && listing->pattern[0] != '.'))
        return true;
    const char *path = includes_resolve(listing->includes->memory, listing->directory, name);
    struct stat status;
    if (path && stat(path, &status) == 0 && S_ISDIR(status.st_mode))
        return true;
    return path && add_file(listing->includes, listing->list, path);
}

static bool add_directory(struct includes *includes, struct policy_file **list,
                          const char *directory, const char *pattern)
{
    struct listing listing = {includes, list, directory, pattern};
    snprintf(includes->reason, INCLUDE_REASON,
             "%.120s: the directory cannot be read; check the path", directory);
    return file_each_name(directory[0] ? directory : ".", add_entry, &listing);
}

bool includes_find(void *arg, const char *pattern, struct policy_file **files, const char **why)
{
    struct includes *includes = arg;
    *files = NULL;
    *why = includes->reason;
    snprintf(includes->reason, INCLUDE_REASON, "not enough memory");
    if (pattern[0] != '/' && !includes->directory) {
        snprintf(includes->reason, INCLUDE_REASON,
                 "\"%.200s\" is a relative path; write an absolute one", pattern);
        return false;
    }
    const char *path = includes_resolve(includes->memory, includes->directory, pattern);
    if (!path)
        return false;
    if (!strchr(path, '*'))
        return add_file(includes, files, path);
    const char *slash = strrchr(path, '/'), *last = slash ? slash + 1 : path;
    const char *directory = memory_copy(includes->memory, path, (size_t)(last - path));
    if (directory && !strchr(directory, '*'))
        return add_directory(includes, files, directory, last);
    if (directory)
        snprintf(includes->reason, INCLUDE_REASON,
                 "\"%.200s\": stars may stand in the last part of the path only", pattern);
    return false;
}

/* ---- users ---- */

/* "name:password:uid:..." */
static bool read_passwd_line(const char *line, const char *end, const char *name, uint32_t *id)
{
    size_t n = strlen(name);
    uint64_t number = 0;
    if ((size_t)(end - line) <= n || memcmp(line, name, n) != 0 || line[n] != ':')
        return false;
    const char *p = memchr(line + n + 1, ':', (size_t)(end - line) - n - 1);
    const char *digits = p ? p + 1 : end;
    for (p = digits; p < end && *p >= '0' && *p <= '9' && number < UINT32_MAX; p++)
        number = number * 10 + (uint64_t)(*p - '0');
    *id = (uint32_t)number;
    return p > digits && p < end && *p == ':' && number < UINT32_MAX;
}

bool includes_user_id(void *arg, const char *name, uint32_t *id)
{
    (void)arg;
    struct file_text passwd;
    char why[FILE_REASON];
    if (strchr(name, ':') || !file_read(&passwd, "/etc/passwd", PASSWD_MAX, false, why))
        return false;
    bool found = false;
    const char *end = passwd.text + passwd.length;
    for (const char *line = passwd.text; line < end && !found;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        const char *line_end = newline ? newline : end;
        found = read_passwd_line(line, line_end, name, id);
        line = line_end + 1;
    }
    file_free(&passwd);
    return found;
}
