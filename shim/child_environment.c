#include "child_environment.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common_elf.h"
#include "common_memory.h"

#define PRELOAD "LD_PRELOAD"

/* Tells the loader of rules whose child this is (common_configs.h). */
#define CHILD "TLSHIM_CHILD"

/* What is put back when the program took it away. The program's own choice stands where it made
 * one; of the two that name the policy only one may be there. What others read too comes back under
 * a name of ours: curl, for one, says a word about SSL_CERT_DIR. */
static const struct {
    const char *name, *back;
} names[] = {
    {"TLSHIM_POLICY", "TLSHIM_POLICY"},        {"TLSHIM_POLICY_TEXT", "TLSHIM_POLICY_TEXT"},
    {"TLSHIM_STRICT", "TLSHIM_STRICT"},        {"TLSHIM_LOG", "TLSHIM_LOG"},
    {"TLSHIM_LOG_TO", "TLSHIM_LOG_TO"},        {"TLSHIM_LOG_FORMAT", "TLSHIM_LOG_FORMAT"},
    {"SSL_CERT_FILE", "TLSHIM_SSL_CERT_FILE"}, {"SSL_CERT_DIR", "TLSHIM_SSL_CERT_DIR"},
};
enum { NAMES = sizeof(names) / sizeof(*names) };

static char *kept[NAMES]; /* "NAME=value"; NULL: it was not there */
static char child[] = CHILD "=1";
static char library[PATH_MAX];
static char named[PATH_MAX]; /* what LD_PRELOAD said when it named the library otherwise */

/* ---- at start ---- */

static const char *base_of(const char *path, size_t n)
{
    while (n > 0 && path[n - 1] != '/')
        n--;
    return path + n;
}

/* The next word of an LD_PRELOAD list, of *length bytes; NULL at the end. */
static const char *next_word(const char *at, size_t *length)
{
    at += strspn(at, ": ");
    *length = strcspn(at, ": ");
    return *length > 0 ? at : NULL;
}

static bool is_word(const char *word, size_t n, const char *text)
{
    return text[0] != '\0' && strlen(text) == n && memcmp(word, text, n) == 0;
}

static void find_own_name(const char *list)
{
    const char *base = base_of(library, strlen(library)), *word;
    size_t n;

    for (word = next_word(list, &n); word != NULL; word = next_word(word + n, &n)) {
        size_t base_length = (size_t)(word + n - base_of(word, n));

        if (n < sizeof(named) && is_word(base_of(word, n), base_length, base)) {
            memcpy(named, word, n);
            named[n] = '\0';
        }
    }
}

static void find_library(void)
{
    Dl_info info;

    if (dladdr((const void *)(uintptr_t)child_environment_start, &info) == 0 ||
        realpath(info.dli_fname, library) == NULL)
        library[0] = '\0';
}

void child_environment_start(void)
{
    static struct memory memory;
    const char *list = getenv(PRELOAD);

    find_library();
    if (list != NULL)
        find_own_name(list);
    for (int i = 0; i < NAMES; i++) {
        const char *value = getenv(names[i].name), *back = names[i].back;

        if (value == NULL)
            value = getenv(back);
        if (value == NULL)
            continue;
        kept[i] = memory_take(&memory, strlen(back) + strlen(value) + 2);
        if (kept[i] != NULL)
            sprintf(kept[i], "%s=%s", back, value);
    }
}

const char *child_environment_library(const char **fault)
{
    *fault = library[0] != '\0' ? elf_library_fault(library) : "its path is not known";
    return *fault == NULL ? library : NULL;
}

/* ---- for a child ---- */

static const char *value_in(char *const environment[], const char *name)
{
    size_t n = strlen(name);

    for (; environment != NULL && *environment != NULL; environment++)
        if (strncmp(*environment, name, n) == 0 && (*environment)[n] == '=')
            return *environment + n + 1;
    return NULL;
}

static bool is_variable(const char *entry, const char *name)
{
    size_t n = strlen(name);

    return strncmp(entry, name, n) == 0 && entry[n] == '=';
}

static bool is_library(const char *word, size_t n)
{
    return is_word(word, n, library) || is_word(word, n, named);
}

static bool names_library(const char *list)
{
    const char *word;
    size_t n;

    if (list == NULL)
        return false;
    for (word = next_word(list, &n); word != NULL; word = next_word(word + n, &n))
        if (is_library(word, n))
            return true;
    return false;
}

/* Is the i-th remembered variable to be put back? */
static bool is_missing(char *const environment[], int i)
{
    if (kept[i] == NULL || value_in(environment, names[i].name) != NULL ||
        value_in(environment, names[i].back) != NULL)
        return false;
    return i >= 2 || value_in(environment, names[1 - i].name) == NULL;
}

bool child_environment_is_stripped(char *const environment[])
{
    for (int i = 0; i < NAMES; i++)
        if (is_missing(environment, i))
            return true;
    return !names_library(value_in(environment, PRELOAD));
}

static size_t count_of(char *const environment[])
{
    size_t count = 0;

    while (environment != NULL && environment[count] != NULL)
        count++;
    return count;
}

size_t child_environment_room(char *const environment[])
{
    const char *list = value_in(environment, PRELOAD);

    return (count_of(environment) + NAMES + 4) * sizeof(char *) + sizeof(PRELOAD) +
           strlen(library) + 2 + (list != NULL ? strlen(list) : 0);
}

/* "LD_PRELOAD=..." with the library in front, or without it; NULL when nothing is left. */
static char *preload_entry(char *out, const char *list, bool with)
{
    char *at = out + sprintf(out, PRELOAD "=%s", with ? library : "");
    const char *word;
    bool first = !with;
    size_t n;

    for (word = next_word(list, &n); word != NULL; word = next_word(word + n, &n)) {
        if (is_library(word, n))
            continue;
        if (!first)
            *at++ = ':';
        first = false;
        memcpy(at, word, n);
        at += n;
        *at = '\0';
    }
    return first ? NULL : out;
}

/* A list that names the library already keeps its order. */
static bool keeps_preload(const char *list, enum child_coverage coverage)
{
    return coverage == CHILD_UNTOUCHED || (coverage == CHILD_COVERED && names_library(list));
}

char **child_environment(void *room, char *const environment[], enum child_coverage coverage,
                         const char *arena)
{
    const char *list = value_in(environment, PRELOAD);
    size_t count = count_of(environment);
    char **out = room, *text = (char *)(out + count + NAMES + 4), *preload = NULL;

    if (!keeps_preload(list, coverage))
        preload = preload_entry(text, list != NULL ? list : "", coverage == CHILD_COVERED);
    for (size_t i = 0; i < count; i++)
        if (!is_variable(environment[i], ARENA_VARIABLE) &&
            (!is_variable(environment[i], PRELOAD) || keeps_preload(list, coverage)))
            *out++ = environment[i];
    if (preload != NULL)
        *out++ = preload;
    for (int i = 0; coverage == CHILD_COVERED && i < NAMES; i++)
        if (is_missing(environment, i))
            *out++ = kept[i];
    if (coverage == CHILD_COVERED && value_in(environment, CHILD) == NULL)
        *out++ = child;
    if (arena != NULL)
        *out++ = (char *)arena;
    *out = NULL;
    return room;
}
