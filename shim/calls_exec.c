/* exec: descriptors that it closes are closed as close does, with close_notify; and who holds a
 * session is brought up to date, for the process lives on as another program.
 *
 * Every form is interposed, because libc's own calls between them do not come through here. */
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "io.h"

/* ---- which descriptors the new image gets ---- */

static bool survives(int fd)
{
    return (sys3(SYS_fcntl, fd, F_GETFD, 0) & FD_CLOEXEC) == 0;
}

static bool is_session(int fd)
{
    return fdtable_kind(fd) == FD_TLS && fdtable_session(fd).session != NULL;
}

/* A session does not survive an exec: its keys are here. The new image must not have the bare
 * socket, into which it, or libc's own streams in it, could write plaintext. Sessions' descriptors
 * are closed by the exec; numbers are kept in `closed`, to undo it. */
enum { CLOSED_MAX = 64 };
struct closing {
    int fds[CLOSED_MAX];
    int count;
};

/* False with errno: a standard stream is a session, so that the new image is meant to use it; or
 * there are too many to undo. */
static bool close_survivors(struct closing *closing)
{
    closing->count = 0;
    for (int fd = 0; fd < fdtable_reach(); fd++) {
        if (!is_session(fd) || !survives(fd))
            continue;
        if (fd <= 2 || closing->count == CLOSED_MAX) {
            log_line(LOG_LEVEL_ERROR,
                     "exec refused (EPERM): descriptor %d is a TLS connection, and a connection "
                     "cannot be handed to another program yet; let the program serve it itself",
                     fd);
            errno = EPERM;
            return false;
        }
        sys3(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
        closing->fds[closing->count++] = fd;
    }
    return true;
}

static void reopen_survivors(const struct closing *closing)
{
    for (int i = 0; i < closing->count; i++)
        sys3(SYS_fcntl, closing->fds[i], F_SETFD, 0);
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

/* will_run: the new image can be expected to start; else only what can be undone is done. False
 * with errno: refused. */
static bool before_exec(struct closing *closing, bool will_run)
{
    int saved = errno;

    closing->count = 0;
    if (!shim_ready())
        return true;
    if (!close_survivors(closing)) {
        reopen_survivors(closing);
        return false;
    }
    holders_exec(true);
    for (int fd = 0; will_run && fd < fdtable_reach(); fd++)
        if (is_session(fd) && is_last(fdtable_session(fd)))
            connection_forget(fd);
    errno = saved;
    return true;
}

static int exec_failed(const struct closing *closing, int result)
{
    int saved = errno;

    if (shim_ready())
        holders_exec(false);
    reopen_survivors(closing);
    errno = saved;
    return result;
}

/* The body of an exec: `call` runs unless it is refused. */
#define EXEC(will_run, call)                                                                       \
    struct closing closing;                                                                        \
                                                                                                   \
    if (!before_exec(&closing, will_run))                                                          \
        return -1;                                                                                 \
    return exec_failed(&closing, call)

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
    EXEC(can_run(path), real(execve)(path, argv, envp));
}

HOOK int execv(const char *path, char *const argv[])
{
    EXEC(can_run(path), real(execv)(path, argv));
}

HOOK int execvp(const char *file, char *const argv[])
{
    EXEC(can_find(file), real(execvp)(file, argv));
}

HOOK int execvpe(const char *file, char *const argv[], char *const envp[])
{
    EXEC(can_find(file), real(execvpe)(file, argv, envp));
}

HOOK int fexecve(int fd, char *const argv[], char *const envp[])
{
    EXEC(true, real(fexecve)(fd, argv, envp));
}

HOOK int execveat(int directory, const char *path, char *const argv[], char *const envp[],
                  int flags)
{
    EXEC(path[0] == '\0' || faccessat(directory, path, X_OK, AT_EACCESS) == 0,
         real(execveat)(directory, path, argv, envp, flags));
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

/* ---- what libc starts itself, by calls of its own ---- */

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct closing closing = {.count = 0};
    int r;

    if (shim_ready() && !close_survivors(&closing)) {
        reopen_survivors(&closing);
        return EPERM;
    }
    r = real(posix_spawn)(pid, path, actions, attributes, argv, envp);
    reopen_survivors(&closing);
    return r;
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct closing closing = {.count = 0};
    int r;

    if (shim_ready() && !close_survivors(&closing)) {
        reopen_survivors(&closing);
        return EPERM;
    }
    r = real(posix_spawnp)(pid, file, actions, attributes, argv, envp);
    reopen_survivors(&closing);
    return r;
}

/* The copy would be made in the child, without FD_CLOEXEC. */
HOOK int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *actions, int fd, int copy)
{
    if (shim_ready() && is_session(fd)) {
        log_line(LOG_LEVEL_ERROR,
                 "posix_spawn with a TLS connection as descriptor %d refused "
                 "(EPERM): it cannot be handed to another program yet",
                 copy);
        return EPERM;
    }
    return real(posix_spawn_file_actions_adddup2)(actions, fd, copy);
}

HOOK int system(const char *command)
{
    struct closing closing = {.count = 0};
    int r;

    if (shim_ready() && !close_survivors(&closing)) {
        reopen_survivors(&closing);
        return -1;
    }
    r = real(system)(command);
    reopen_survivors(&closing);
    return r;
}

HOOK FILE *popen(const char *command, const char *mode)
{
    struct closing closing = {.count = 0};
    FILE *stream;

    if (shim_ready() && !close_survivors(&closing)) {
        reopen_survivors(&closing);
        return NULL;
    }
    stream = real(popen)(command, mode);
    reopen_survivors(&closing);
    return stream;
}
