/* Roots from several files: directories, and trust = system. */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common_credentials.h"
#include "common_environment.h"
#include "common_files.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

enum { PATH_SIZE = 4096 };

struct found { /* one file: its roots, or its text */
    struct found *next;
    struct x509_trust trust;
    struct x509_bytes text;
};

struct search {
    struct found *found;
    struct memory *memory;
    char *reason;
    const char *directory; /* the one that is looked through, and whether it gave any root */
    bool any;
    bool strict; /* a file that cannot be used is an error; else its text alone is read */
    bool failed;
};

/* Returns false when the file gives no root; the reason is then set. */
static bool add_root_file(struct search *search, const char *path)
{
    struct found *found = memory_take(search->memory, sizeof *found);
    if (!found)
        return false;
    if (!(search->strict
              ? credentials_load_trust(&found->trust, path, false, search->memory, search->reason)
              : credentials_read_roots(&found->text, path, search->memory, search->reason)))
        return false;
    found->next = search->found;
    search->found = found;
    return true;
}

/* The names that openssl rehash gives: 1f2e3d4c.0 */
static bool is_hash_name(const char *name)
{
    static const char hex[] = "0123456789abcdef";
    return strspn(name, hex) == 8 && name[8] == '.' && name[9] &&
           strspn(name + 9, "0123456789") == strlen(name + 9);
}

static bool add_hashed(void *arg, const char *name)
{
    struct search *search = arg;
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", search->directory, name);
    if (!is_hash_name(name) || length >= (int)sizeof path)
        return true;
    bool good = add_root_file(search, path);
    search->any |= good;
    search->failed |= !good;
    return good || !search->strict;
}

static bool add_root_directory(struct search *search, const char *directory)
{
    search->directory = directory;
    search->any = false;
    if (file_each_name(directory, add_hashed, search) && search->any)
        return true;
    snprintf(search->reason, CREDENTIALS_REASON,
             "SSL_CERT_DIR: %.120s: no roots in it; name a directory that openssl rehash prepared, "
             "or unset the variable",
             directory);
    return false;
}

static bool add_directories(struct search *search, const char *list)
{
    char directory[PATH_SIZE];
    bool any = false;
    while (*list) {
        size_t n = strcspn(list, ":");
        if (n > 0 && n < sizeof directory) {
            memcpy(directory, list, n);
            directory[n] = '\0';
            any |= add_root_directory(search, directory);
        }
        list += n + (list[n] == ':');
    }
    return any;
}

static bool put_together(struct x509_trust *out, const struct search *search)
{
    size_t count = 0;
    for (const struct found *f = search->found; f; f = f->next)
        count += f->trust.count;
    struct x509_certificate *roots = memory_take(search->memory, count * sizeof *roots);
    if (!roots)
        return false;
    size_t used = 0;
    for (const struct found *f = search->found; f; f = f->next) {
        memcpy(roots + used, f->trust.roots, f->trust.count * sizeof *roots);
        used += f->trust.count;
    }
    *out = (struct x509_trust){roots, count};
    return true;
}

bool credentials_load_trust_path(struct x509_trust *out, const char *path, struct memory *memory,
                                 char reason[CREDENTIALS_REASON])
{
    struct stat status;
    struct search search = {.memory = memory, .reason = reason, .directory = path, .strict = true};
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return credentials_load_trust(out, path, false, memory, reason);
    if (!file_each_name(path, add_hashed, &search) || !search.any) {
        if (!search.failed)
            snprintf(reason, CREDENTIALS_REASON,
                     "%.120s: no roots in it with names such as 1f2e3d4c.0; run: openssl rehash "
                     "%.120s",
                     path, path);
        return false;
    }
    return put_together(out, &search);
}

/* ---- the system's ---- */

/* The second is what comes to a program whose parent took the first away (child_environment.h). */
static const char *either(const char *value, const char *back)
{
    return value ? value : back;
}

static bool find_system_files(struct search *search)
{
    const char *file = either(kept_getenv("SSL_CERT_FILE"), kept_getenv("TLSHIM_SSL_CERT_FILE"));
    const char *directories =
        either(kept_getenv("SSL_CERT_DIR"), kept_getenv("TLSHIM_SSL_CERT_DIR"));
    snprintf(search->reason, CREDENTIALS_REASON,
             "SSL_CERT_FILE or SSL_CERT_DIR is empty; unset it");
    if (!file && !directories) {
        bool good = add_root_file(search, SYSTEM_BUNDLE);
        if (!good)
            snprintf(search->reason, CREDENTIALS_REASON,
                     SYSTEM_BUNDLE " gives no roots; install the package ca-certificates, or name "
                                   "a file: trust = /path/to/ca.pem");
        return good;
    }
    bool good = file ? add_root_file(search, file) : true;
    if (good && directories)
        good = add_directories(search, directories);
    return good && search->found;
}

struct parsed { /* in a memory of its own */
    struct memory memory;
    struct x509_trust trust;
};

struct later_roots {
    const struct found *found;
    struct parsed *_Atomic parsed;
};

static bool parse_found(const struct found *found, struct memory *memory, struct x509_trust *out)
{
    struct search search = {.memory = memory};
    for (const struct found *f = found; f; f = f->next) {
        struct found *copy = memory_take(memory, sizeof *copy);
        if (!copy)
            return false;
        copy->next = search.found;
        if (credentials_parse_roots(&copy->trust, f->text, memory))
            search.found = copy;
    }
    return search.found && put_together(out, &search);
}

struct later_roots *credentials_system_trust_later(struct memory *memory,
                                                   char reason[CREDENTIALS_REASON])
{
    struct search search = {.memory = memory, .reason = reason};
    struct later_roots *later =
        find_system_files(&search) ? memory_take(memory, sizeof *later) : NULL;
    if (later)
        later->found = search.found;
    return later;
}

/* Whoever is first to be done counts: no lock that a fork could find held. */
const struct x509_trust *later_roots_find(void *arg)
{
    struct later_roots *later = arg;
    struct parsed *parsed = atomic_load(&later->parsed), *none = NULL;
    struct memory memory = {.chunks = NULL};
    if (parsed)
        return &parsed->trust;
    parsed = memory_take(&memory, sizeof *parsed);
    if (!parsed || !parse_found(later->found, &memory, &parsed->trust)) {
        memory_release(&memory);
        return NULL;
    }
    parsed->memory = memory;
    if (!atomic_compare_exchange_strong(&later->parsed, &none, parsed)) {
        memory_release(&memory);
        parsed = none;
    }
    return &parsed->trust;
}

bool later_roots_text(const struct later_roots *later, size_t index, struct x509_bytes *out)
{
    const struct found *found = later->found;
    for (; found && index > 0; index--)
        found = found->next;
    if (found)
        *out = found->text;
    return found != NULL;
}

void later_roots_release(struct later_roots *later)
{
    struct parsed *parsed = atomic_exchange(&later->parsed, NULL);
    struct memory memory = parsed ? parsed->memory : (struct memory){.chunks = NULL};
    memory_release(&memory);
}

bool credentials_load_system_trust(struct x509_trust *out, struct memory *memory,
                                   char reason[CREDENTIALS_REASON])
{
    struct search search = {.memory = memory, .reason = reason};
    if (!find_system_files(&search))
        return false;
    snprintf(reason, CREDENTIALS_REASON, "the system's roots cannot be parsed");
    return parse_found(search.found, memory, out);
}
