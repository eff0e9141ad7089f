/* exec: descriptors that it closes are closed as close does, with close_notify; and who holds a
 * session is brought up to date, for the process lives on as another program.
 *
 * Every form is interposed, because libc's own calls between them do not come through here. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "connections.h"
#include "global.h"
#include "io.h"

static bool survives(int fd)
{
    return (sys3(SYS_fcntl, fd, F_GETFD, 0) & FD_CLOEXEC) == 0;
}

static void keep(struct shim_ref ref)
{
    struct shim_guard guard;

    shim_enter(&guard);
    if (session_is_live(ref))
        holders_add(ref.session);
    shim_leave(&guard);
}

static bool is_last(struct shim_ref ref)
{
    struct shim_guard guard;
    bool last;

    shim_enter(&guard);
    last = session_is_live(ref) && holders_is_last(ref.session);
    shim_leave(&guard);
    return last;
}

/* will_run: the new image can be expected to start; else only what can be undone is done. */
static void before_exec(bool will_run)
{
    int saved = errno;

    if (!shim_ready())
        return;
    holders_exec(true);
    for (int fd = 0; fd < fdtable_reach(); fd++)
        if (fdtable_kind(fd) == FD_TLS && survives(fd) && fdtable_session(fd).session != NULL)
            keep(fdtable_session(fd));
    for (int fd = 0; will_run && fd < fdtable_reach(); fd++) {
        struct shim_ref ref = fdtable_session(fd);
        unsigned left;

        if (ref.session == NULL || survives(fd) || !is_last(ref))
            continue;
        ref = fdtable_clear(fd, &left);
        if (ref.session != NULL)
            connection_let_go(fd, ref, left);
    }
    errno = saved;
}

static int exec_failed(int result)
{
    int saved = errno;

    if (shim_ready())
        holders_exec(false);
    errno = saved;
    return result;
}

static bool can_run(const char *path)
{
    return path != NULL && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* As execvp will find it. */
static bool can_find(const char *file)
{
    const char *path = getenv("PATH");
    char full[4096];

    if (file == NULL || strchr(file, '/') != NULL)
        return can_run(file);
    for (const char *at = path != NULL ? path : "/bin:/usr/bin"; *at != '\0';) {
        size_t n = strcspn(at, ":");

        if (snprintf(full, sizeof(full), "%.*s/%s", (int)n, n > 0 ? at : ".", file) <
                (int)sizeof(full) &&
            can_run(full))
            return true;
        at += n + (at[n] == ':');
    }
    return false;
}

HOOK int execve(const char *path, char *const argv[], char *const envp[])
{
    before_exec(can_run(path));
    return exec_failed(real(execve)(path, argv, envp));
}

HOOK int execv(const char *path, char *const argv[])
{
    before_exec(can_run(path));
    return exec_failed(real(execv)(path, argv));
}

HOOK int execvp(const char *file, char *const argv[])
{
    before_exec(can_find(file));
    return exec_failed(real(execvp)(file, argv));
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    before_exec(can_find(file));
    return exec_failed(real(execvpe)(file, argv, envp));
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    before_exec(true);
    return exec_failed(real(fexecve)(fd, argv, envp));
}

HOOK int execveat(int directory, const char *path, char *const argv[], char *const envp[],
                  int flags)
{
    before_exec(path[0] == '\0' || faccessat(directory, path, X_OK, AT_EACCESS) == 0);
    return exec_failed(real(execveat)(directory, path, argv, envp, flags));
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
