/* exec in all its forms: sessions whose descriptors survive go along, others are closed as close
 * does, and the new program is covered again (handover.h).
 *
 * Every form is interposed, because libc's own calls between them do not come through here. */
#include <fcntl.h>
#include <string.h>

#include "handover.h"
#include "real.h"

/* The body of an exec: `call` runs with `environment` unless it is refused. The environment lies in
 * the frame, for exec may be called in a child forked by one of several threads, or in a signal
 * handler, where malloc may not. */
#define EXEC(path, searched, envp, call)                                                           \
    struct handover h;                                                                             \
    const struct handover_target target = {.name = (path), .is_searched = (searched)};             \
    char *const *environment = (envp);                                                             \
                                                                                                   \
    if (!handover_exec(&h, &target))                                                               \
        return -1;                                                                                 \
    HANDOVER_ENVIRONMENT(&h, environment);                                                         \
    call;                                                                                          \
    handover_undo(&h);                                                                             \
    return -1

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
    EXEC(path, false, envp, real(execve)(path, argv, environment));
}

HOOK int execv(const char *path, char *const argv[])
{
    return execve(path, argv, environ);
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    EXEC(file, true, envp, real(execvpe)(file, argv, environment));
}

HOOK int execvp(const char *file, char *const argv[])
{
    return execvpe(file, argv, environ);
}

/* By which name the kernel knows what lies at `path` from `directory`. */
static const char *name_at(int directory, const char *path, char *out, size_t size)
{
    if (path == NULL || path[0] == '/' || (directory == AT_FDCWD && path[0] != '\0'))
        return path;
    snprintf(out, size, "/proc/self/fd/%d%s%s", directory, path[0] != '\0' ? "/" : "", path);
    return out;
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    char name[64];

    EXEC(name_at(fd, "", name, sizeof(name)), false, envp, real(fexecve)(fd, argv, environment));
}

HOOK int execveat(int directory, const char *path, char *const argv[], char *const envp[],
                  int flags)
{
    char name[PATH_MAX];

    EXEC(name_at(directory, path, name, sizeof(name)), false, envp,
         real(execveat)(directory, path, argv, environment, flags));
}

/* ---- execl, execlp, execle: the arguments become an array on the stack ---- */

static int count_arguments(va_list arguments)
{
    int n = 1; /* the first is named */

    while (va_arg(arguments, const char *) != NULL)
        n++;
    return n;
}

static void gather(char **argv, const char *first, va_list *arguments)
{
    int n = 0;

    argv[n] = (char *)first;
    while (argv[n] != NULL)
        argv[++n] = va_arg(*arguments, char *);
}

/* The array lives in the caller's frame, for exec may be called in a vfork child or a signal
 * handler, where malloc may not. */
#define WITH_ARGV(first, argv)                                                                     \
    va_list arguments, counting;                                                                   \
                                                                                                   \
    va_start(arguments, first);                                                                    \
    va_copy(counting, arguments);                                                                  \
    char **argv = __builtin_alloca(sizeof(*argv) * ((size_t)count_arguments(counting) + 1));       \
    va_end(counting);                                                                              \
    gather(argv, first, &arguments)

HOOK int execl(const char *path, const char *first, ...)
{
    WITH_ARGV(first, argv);
    va_end(arguments);
    return execv(path, argv);
}

HOOK int execlp(const char *file, const char *first, ...)
{
    WITH_ARGV(first, argv);
    va_end(arguments);
    return execvp(file, argv);
}

HOOK int execle(const char *path, const char *first, ...)
{
    WITH_ARGV(first, argv);
    char *const *envp = va_arg(arguments, char *const *);

    va_end(arguments);
    return execve(path, argv, envp);
}
