#include "elf_imports.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct image {
    const unsigned char *bytes;
    size_t length;
};

/* n bytes at an offset, or NULL. */
static const void *at(const struct image *image, uint64_t offset, uint64_t n)
{
    return n <= image->length && offset <= image->length - n ? image->bytes + offset : NULL;
}

static bool section(const struct image *image, size_t index, ElfW(Shdr) * out)
{
    ElfW(Ehdr) header;
    const void *bytes = at(image, 0, sizeof header);
    if (!bytes)
        return false;
    memcpy(&header, bytes, sizeof header);
    if (header.e_shentsize != sizeof *out || index >= header.e_shnum ||
        !(bytes = at(image, header.e_shoff + index * sizeof *out, sizeof *out)))
        return false;
    memcpy(out, bytes, sizeof *out);
    return true;
}

/* The string at an offset of a table, if it ends inside. */
static const char *string(const struct image *image, const ElfW(Shdr) * table, uint64_t offset)
{
    const char *text = offset < table->sh_size
                           ? at(image, table->sh_offset + offset, table->sh_size - offset)
                           : NULL;
    return text && memchr(text, '\0', table->sh_size - offset) ? text : NULL;
}

static void each_symbol(const struct image *image, const ElfW(Shdr) * symbols,
                        void (*symbol)(void *arg, const char *name), void *arg)
{
    ElfW(Shdr) names;
    if (!section(image, symbols->sh_link, &names))
        return;
    for (uint64_t i = 0; i < symbols->sh_size / sizeof(ElfW(Sym)); i++) {
        ElfW(Sym) one;
        const void *bytes = at(image, symbols->sh_offset + i * sizeof one, sizeof one);
        if (!bytes)
            return;
        memcpy(&one, bytes, sizeof one);
        const char *name = one.st_shndx == SHN_UNDEF ? string(image, &names, one.st_name) : NULL;
        if (name && name[0])
            symbol(arg, name);
    }
}

void elf_each_import(const char *path, void (*symbol)(void *arg, const char *name), void *arg)
{
    struct stat status;
    struct image image = {NULL, 0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &status) == 0 && status.st_size > 0) {
        void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED)
            image = (struct image){map, (size_t)status.st_size};
    }
    if (fd >= 0)
        close(fd);
    ElfW(Shdr) one;
    for (size_t i = 0; image.bytes && section(&image, i, &one); i++)
        if (one.sh_type == SHT_DYNSYM)
            each_symbol(&image, &one, symbol, arg);
    if (image.bytes)
        munmap((void *)(uintptr_t)image.bytes, image.length);
}

void elf_each_library(const char *interpreter, const char *path,
                      void (*library)(void *arg, const char *name, const char *path), void *arg)
{
    char *argv[] = {(char *)(uintptr_t)interpreter, (char *)(uintptr_t) "--list",
                    (char *)(uintptr_t)path, NULL};
    char *environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t child;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    bool started = posix_spawn(&child, interpreter, &actions, NULL, argv, environment) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    FILE *list = fdopen(ends[0], "r");
    char line[2 * PATH_MAX], name[PATH_MAX], found[PATH_MAX];
    while (started && list && fgets(line, sizeof line, list))
        if (sscanf(line, " %4095s => %4095s", name, found) == 2)
            library(arg, name, found);
    if (list)
        fclose(list);
    else
        close(ends[0]);
    if (started)
        waitpid(child, NULL, 0);
}
