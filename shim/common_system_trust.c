/* Roots from several files: directories, and trust = system. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common_credentials.h"
#include "common_environment.h"
#include "common_files.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

enum { PATH_SIZE = 4096 };

struct found { /* the roots of one file */
    struct found *next;
    struct x509_trust trust;
};

struct search {
    struct found *found;
    struct memory *memory;
    char *reason;
    const char *directory; /* the one that is looked through, and whether it gave any root */
    bool any;
    bool strict; /* a file that cannot be used is an error */
    bool failed;
};

/* Returns false when the file gives no root; the reason is then set. */
static bool add_root_file(struct search *search, const char *path)
{
    struct found *found = memory_take(search->memory, sizeof *found);
    if (!found || !credentials_load_trust(&found->trust, path, !search->strict, search->memory,
                                          search->reason))
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

bool credentials_load_system_trust(struct x509_trust *out, struct memory *memory,
                                   char reason[CREDENTIALS_REASON])
{
    const char *file = kept_getenv("SSL_CERT_FILE"), *directories = kept_getenv("SSL_CERT_DIR");
    struct search search = {.memory = memory, .reason = reason};
    snprintf(reason, CREDENTIALS_REASON, "SSL_CERT_FILE or SSL_CERT_DIR is empty; unset it");
    if (!file && !directories) {
        bool good = credentials_load_trust(out, SYSTEM_BUNDLE, true, memory, reason);
        if (!good)
            snprintf(reason, CREDENTIALS_REASON,
                     SYSTEM_BUNDLE " gives no roots; install the package ca-certificates, or name "
                                   "a file: trust = /path/to/ca.pem");
        return good;
    }
    bool good = file ? add_root_file(&search, file) : true;
    if (good && directories)
        good = add_directories(&search, directories);
    return good && put_together(out, &search);
}
