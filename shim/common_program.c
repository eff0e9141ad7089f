#include "common_program.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "common_elf.h"
#include "common_os.h"

enum { SCRIPT_LEVELS = 4, SCRIPT_LINE = 256 /* of which the kernel reads no more */ };

static int refuse(struct program *program, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static int refuse(struct program *program, int status, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(program->reason, sizeof program->reason, format, args);
    va_end(args);
    return status;
}

/* ---- where it is ---- */

int program_at(struct program *program, const char *path)
{
    struct stat status;
    if (stat(path, &status) != 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? refuse(program, PROGRAM_NOT_FOUND, "%s: there is no such program", path)
                   : refuse(program, PROGRAM_CANNOT_RUN, "%s: %s", path, strerrordesc_np(errno));
    if (S_ISDIR(status.st_mode))
        return refuse(program, PROGRAM_CANNOT_RUN, "%s: this is a directory", path);
    if (!S_ISREG(status.st_mode))
        return refuse(program, PROGRAM_CANNOT_RUN, "%s: this is not a regular file", path);
    if (access(path, X_OK) != 0)
        return refuse(program, PROGRAM_CANNOT_RUN, "%s: %s; is it executable? (chmod +x)", path,
                      strerrordesc_np(errno));
    snprintf(program->path, sizeof program->path, "%s", path);
    return 0;
}

int program_find(struct program *out, const char *name)
{
    if (strchr(name, '/'))
        return program_at(out, name);
    const char *list = getenv("PATH");
    struct program denied = {.reason = ""};
    char path[PATH_MAX];
    list = list ? list : "/bin:/usr/bin"; /* as execvp(3) */
    for (;;) {
        size_t n = strcspn(list, ":");
        int length = snprintf(path, sizeof path, "%.*s%s%s", (int)n, list, n ? "/" : "", name);
        int status = length < (int)sizeof path ? program_at(out, path) : PROGRAM_NOT_FOUND;
        if (status == 0)
            return 0;
        if (status == PROGRAM_CANNOT_RUN && !denied.reason[0])
            denied = *out;
        if (!list[n])
            break;
        list += n + 1;
    }
    if (denied.reason[0])
        return refuse(out, PROGRAM_CANNOT_RUN, "%s", denied.reason);
    return refuse(out, PROGRAM_NOT_FOUND, "%s: there is no such program in PATH", name);
}

/* ---- whether it can be covered ---- */

#define INSTEAD "; use another build of it, or a TLS proxy such as stunnel"

static bool is_same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int check_elf(struct program *program, const char *path, const struct elf_file *elf)
{
    struct elf_file own;
    elf_self(&own);
    if (elf->bits != own.bits || elf->machine != own.machine || elf->little != own.little)
        return refuse(program, PROGRAM_CANNOT_RUN,
                      "%s: a %u-bit program for %s; this tlshim covers %u-bit programs for %s: "
                      "install the one of that kind",
                      path, elf->bits, elf_machine_name(elf->machine), own.bits,
                      elf_machine_name(own.machine));
    if (elf->is_go)
        return refuse(program, PROGRAM_CANNOT_RUN,
                      "%s: a Go program; it makes its system calls itself, past the C library, so "
                      "nothing of it would be encrypted: use Go's crypto/tls in it, or a TLS proxy "
                      "such as stunnel",
                      path);
    if (!elf->has_interpreter)
        return refuse(program, PROGRAM_CANNOT_RUN,
                      "%s: a static program; without a dynamic linker nothing can be preloaded "
                      "into it" INSTEAD,
                      path);
    if (!is_same_file(elf->interpreter, own.interpreter))
        return refuse(program, PROGRAM_CANNOT_RUN,
                      "%s: a program of another C library (its dynamic linker is %s, that of "
                      "tlshim is %s)" INSTEAD,
                      path, elf->interpreter, own.interpreter);
    return 0;
}

static int check_privileges(struct program *program, const char *path, const struct stat *status)
{
    const char *what = status->st_mode & S_ISUID                                        ? "setuid"
                       : (status->st_mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP) ? "setgid"
                                                                                        : NULL;
    if (!what && getxattr(path, "security.capability", NULL, 0) > 0)
        what = "file capabilities";
    if (!what)
        return 0;
    return refuse(program, PROGRAM_CANNOT_RUN,
                  "%s: it has %s%s, and the dynamic linker preloads nothing into a privileged "
                  "program; run a copy without them as the user that it needs",
                  path, what, what[0] == 's' ? " permissions" : "");
}

/* "/usr/bin/env -S prog args": the program that env runs. NULL when there is none to be seen. */
static char *env_target(char *arguments)
{
    char *rest;
    for (char *word = strtok_r(arguments, " \t", &rest); word;
         word = strtok_r(NULL, " \t", &rest)) {
        if (strcmp(word, "-S") == 0 || strcmp(word, "-") == 0 || strcmp(word, "-i") == 0 ||
            strcmp(word, "--") == 0 || strchr(word, '='))
            continue;
        return word[0] == '-' ? NULL : word;
    }
    return NULL;
}

static int next_of_script(struct program *program, const char *path, int fd, bool by_shell,
                          char out[PATH_MAX])
{
    char line[SCRIPT_LINE];
    ssize_t n = pread(fd, line, sizeof line - 1, 0);
    line[n < 0 ? 0 : n] = '\0';
    if (strncmp(line, "#!", 2) != 0 && by_shell) {
        strcpy(out, "/bin/sh");
        return 0;
    }
    if (strncmp(line, "#!", 2) != 0)
        return refuse(program, PROGRAM_CANNOT_RUN,
                      "%s: neither an ELF program nor a script that begins with #!; name its "
                      "interpreter, as in: sh %s",
                      path, path);
    line[strcspn(line, "\n")] = '\0';
    char *interpreter = line + 2 + strspn(line + 2, " \t");
    char *arguments = interpreter + strcspn(interpreter, " \t");
    if (*arguments)
        *arguments++ = '\0';
    const char *slash = strrchr(interpreter, '/');
    char *target = slash && strcmp(slash, "/env") == 0 ? env_target(arguments) : NULL;
    struct program found;
    int status = program_find(&found, target ? target : interpreter);
    if (status)
        return refuse(program, PROGRAM_CANNOT_RUN, "%s: its interpreter: %.400s", path,
                      found.reason);
    memcpy(out, found.path, PATH_MAX);
    return 0;
}

/* One file on the way: 0 and next empty when it is the program, 0 and the next file when it is a
 * script. */
static int check_file(struct program *program, const char *path, bool by_shell, char next[PATH_MAX])
{
    struct stat status;
    struct elf_file elf;
    int refused, fd = open(path, O_RDONLY | O_CLOEXEC);
    next[0] = '\0';
    if (fd < 0 || fstat(fd, &status) != 0) {
        program->runs = errno == EACCES;
        return refuse(program, PROGRAM_CANNOT_RUN,
                      "%s: %s; a program that cannot be read cannot be checked", path,
                      strerrordesc_np(errno));
    }
    switch (elf_read(fd, &elf)) {
    case ELF_GOOD:
        refused = check_privileges(program, path, &status);
        refused = refused ? refused : check_elf(program, path, &elf);
        program->runs = true;
        break;
    case ELF_NOT_ELF:
        refused = next_of_script(program, path, fd, by_shell, next);
        break;
    default:
        refused = refuse(program, PROGRAM_CANNOT_RUN, "%s: its ELF headers are malformed", path);
    }
    os_close(fd);
    return refused;
}

int program_check(struct program *program, bool by_shell)
{
    char path[PATH_MAX], next[PATH_MAX];
    memcpy(path, program->path, sizeof path);
    program->runs = false;
    for (int level = 0; level <= SCRIPT_LEVELS; level++) {
        int refused = check_file(program, path, by_shell, next);
        if (refused || !next[0])
            return refused;
        memcpy(path, next, sizeof path);
    }
    return refuse(program, PROGRAM_CANNOT_RUN,
                  "%s: more than %d scripts that are each other's interpreters", program->path,
                  SCRIPT_LEVELS);
}
