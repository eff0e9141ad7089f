/* The preload library: found and tried before anything relies on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common_elf.h"
#include "cli.h"

#define LIBRARY "libtlshim.so"

static bool look_beside(char out[PATH_MAX], const char *self, const char *between)
{
    const char *slash = strrchr(self, '/');
    char path[PATH_MAX * 2];
    snprintf(path, sizeof path, "%.*s%s" LIBRARY, (int)(slash + 1 - self), self, between);
    return realpath(path, out) != NULL;
}

static bool is_loadable(const char *path)
{
    const char *why = elf_library_fault(path);
    if (!why && strpbrk(path, " :"))
        why = "the dynamic linker takes no space or colon in LD_PRELOAD; move the library";
    if (why)
        say("%s: %s (the library is needed to run anything; TLSHIM_LIBRARY names another)", path,
            why);
    return !why;
}

bool library_find(char out[PATH_MAX])
{
    char self[PATH_MAX];
    const char *named = getenv("TLSHIM_LIBRARY");
    if (named) {
        if (!realpath(named, out))
            snprintf(out, PATH_MAX, "%s", named);
        return is_loadable(out);
    }
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0) {
        say("/proc/self/exe cannot be read, so " LIBRARY
            " cannot be found; mount /proc, or name it "
            "in TLSHIM_LIBRARY");
        return false;
    }
    self[n] = '\0';
    if (look_beside(out, self, "") || look_beside(out, self, "../lib/"))
        return is_loadable(out);
    say("there is no " LIBRARY
        " beside %s or in ../lib from there; reinstall tlshim, or name it in "
        "TLSHIM_LIBRARY",
        self);
    return false;
}
