/* The preload library: found and tried before anything relies on it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* Readable, an ELF library, on a file system that allows execution. */
static bool is_loadable(const char *path)
{
    struct elf_file elf;
    const char *why = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        say("%s: %s; the library is needed to run anything: reinstall tlshim, or name it in "
            "TLSHIM_LIBRARY",
            path, strerror(errno));
        return false;
    }
    if (elf_read(fd, &elf) != ELF_GOOD || elf.has_interpreter)
        why = "this is no shared library; reinstall tlshim";
    void *page = why ? NULL : mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);
    if (page == MAP_FAILED)
        why = "it may not be executed there (a noexec mount?); move the library";
    else if (page)
        munmap(page, 4096);
    close(fd);
    if (!why && strpbrk(path, " :"))
        why = "the dynamic linker takes no space or colon in LD_PRELOAD; move the library";
    if (why)
        say("%s: %s", path, why);
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
