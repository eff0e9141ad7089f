/* posix_spawn, system, popen: libc starts these children by system calls of its own, so that what
 * goes along is settled before. system and popen are libc's while nothing does. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <wchar.h>

#include "fdtable.h"
#include "global.h"
#include "handover.h"
#include "real.h"

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

static int spawn(const struct handover_target *target, spawn_function *real_spawn, pid_t *pid,
                 const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    char *const *environment = envp;
    struct handover h;
    pid_t child = 0;
    int r;

    if (!handover_spawn(&h, target))
        return errno;
    HANDOVER_ENVIRONMENT(&h, environment);
    r = real_spawn(&child, target->name, h.carries ? &h.actions : target->actions, attributes, argv,
                   environment);
    handover_spawned(&h, r == 0 ? child : -1);
    if (r == 0 && pid != NULL)
        *pid = child;
    return r;
}

static struct handover_target target_of(const char *name, bool is_searched,
                                        const posix_spawn_file_actions_t *actions,
                                        const posix_spawnattr_t *attributes)
{
    short flags = 0;

    if (attributes != NULL)
        posix_spawnattr_getflags(attributes, &flags);
    return (struct handover_target){name, is_searched, (flags & POSIX_SPAWN_RESETIDS) != 0,
                                    actions};
}

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    const struct handover_target target = target_of(path, false, actions, attributes);

    return spawn(&target, real(posix_spawn), pid, attributes, argv, envp);
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    const struct handover_target target = target_of(file, true, actions, attributes);

    return spawn(&target, real(posix_spawnp), pid, attributes, argv, envp);
}

static const struct handover_target shell = {.name = "/bin/sh"};

/* ---- system: POSIX has it ignore SIGINT and SIGQUIT and block SIGCHLD while it waits ---- */

static pthread_mutex_t waiting_lock = PTHREAD_MUTEX_INITIALIZER;
static int waiting; /* calls under way */
static struct sigaction old_interrupt, old_quit;

static void begin_waiting(void)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};

    pthread_mutex_lock(&waiting_lock);
    if (waiting++ == 0) {
        sigaction(SIGINT, &ignore, &old_interrupt);
        sigaction(SIGQUIT, &ignore, &old_quit);
    }
    pthread_mutex_unlock(&waiting_lock);
}

static void end_waiting(void)
{
    pthread_mutex_lock(&waiting_lock);
    if (--waiting == 0) {
        sigaction(SIGINT, &old_interrupt, NULL);
        sigaction(SIGQUIT, &old_quit, NULL);
    }
    pthread_mutex_unlock(&waiting_lock);
}

/* The child begins as the caller was: its mask, and the two signals as before. */
static int start_shell(const char *command, const sigset_t *mask, pid_t *pid)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    posix_spawnattr_t attributes;
    sigset_t defaults;
    int r;

    sigemptyset(&defaults);
    if (old_interrupt.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGINT);
    if (old_quit.sa_handler != SIG_IGN)
        sigaddset(&defaults, SIGQUIT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, mask);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    r = posix_spawn(pid, shell.name, NULL, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    return r;
}

struct waited {
    pid_t pid;
    sigset_t mask;
};

static void end_call(const struct waited *w)
{
    end_waiting();
    pthread_sigmask(SIG_SETMASK, &w->mask, NULL);
}

/* The thread is cancelled while it waits. */
static void give_up(void *argument)
{
    const struct waited *w = argument;

    kill(w->pid, SIGKILL);
    while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
        ;
    end_call(w);
}

static int wait_for(struct waited *w)
{
    int status = -1;
    pid_t r;

    pthread_cleanup_push(give_up, w);
    do
        r = waitpid(w->pid, &status, 0);
    while (r < 0 && errno == EINTR);
    pthread_cleanup_pop(0);
    return r == w->pid ? status : -1;
}

HOOK int system(const char *command)
{
    struct waited w;
    sigset_t child_signal;
    int error, status = -1;

    if (command == NULL || handover_is_plain(&shell))
        return real(system)(command);
    begin_waiting();
    sigemptyset(&child_signal);
    sigaddset(&child_signal, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &child_signal, &w.mask);
    error = start_shell(command, &w.mask, &w.pid);
    if (error == 0)
        status = wait_for(&w);
    else if (error != EPERM) /* as if the shell had ended so, says POSIX */
        status = W_EXITCODE(127, 0);
    end_call(&w);
    if (error != 0)
        errno = error;
    return status;
}

/* ---- popen ---- */

struct process_stream {
    FILE *stream;
    pid_t pid;
    struct process_stream *next;
};
static struct process_stream *streams;
static pthread_mutex_t streams_lock = PTHREAD_MUTEX_INITIALIZER;

/* "r" or "w", and "e". 0: another mode. */
static char direction_of(const char *mode, bool *close_on_exec)
{
    char direction = '\0';

    for (*close_on_exec = false; *mode != '\0'; mode++) {
        if (*mode == 'e')
            *close_on_exec = true;
        else if (direction == '\0' && (*mode == 'r' || *mode == 'w'))
            direction = *mode;
        else
            return '\0';
    }
    return direction;
}

/* A child has none of the pipes of earlier popens (POSIX). */
static int actions_for(posix_spawn_file_actions_t *actions, int end, int as)
{
    int r = posix_spawn_file_actions_adddup2(actions, end, as);

    for (const struct process_stream *s = streams; r == 0 && s != NULL; s = s->next)
        if (fileno(s->stream) != as)
            r = posix_spawn_file_actions_addclose(actions, fileno(s->stream));
    return r;
}

static int start_piped(const char *command, int end, int as, pid_t *pid)
{
    const char *argv[] = {"sh", "-c", command, NULL};
    posix_spawn_file_actions_t actions;
    int r = posix_spawn_file_actions_init(&actions);

    if (r != 0)
        return r;
    r = actions_for(&actions, end, as);
    if (r == 0)
        r = posix_spawn(pid, shell.name, &actions, NULL, (char *const *)argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    return r;
}

static FILE *open_process(const char *command, char direction, bool close_on_exec)
{
    struct process_stream *s = malloc(sizeof(*s));
    int ends[2], mine = direction == 'r' ? 0 : 1, error;

    if (s == NULL || pipe2(ends, O_CLOEXEC) != 0) {
        free(s);
        return NULL;
    }
    s->stream = real(fdopen)(ends[mine], direction == 'r' ? "r" : "w");
    if (s->stream != NULL)
        fwide(s->stream, -1); /* as libc's */
    error = s->stream == NULL ? errno : start_piped(command, ends[1 - mine], 1 - mine, &s->pid);
    sys3(SYS_close, ends[1 - mine], 0, 0);
    if (error != 0) {
        if (s->stream != NULL)
            real(fclose)(s->stream);
        else
            sys3(SYS_close, ends[mine], 0, 0);
        free(s);
        errno = error;
        return NULL;
    }
    if (!close_on_exec)
        sys3(SYS_fcntl, ends[mine], F_SETFD, 0);
    s->next = streams;
    __atomic_store_n(&streams, s, __ATOMIC_RELEASE);
    return s->stream;
}

HOOK FILE *popen(const char *command, const char *mode)
{
    bool close_on_exec;
    char direction = direction_of(mode, &close_on_exec);
    FILE *stream;

    if (direction == '\0' || handover_is_plain(&shell))
        return real(popen)(command, mode);
    pthread_mutex_lock(&streams_lock);
    stream = open_process(command, direction, close_on_exec);
    pthread_mutex_unlock(&streams_lock);
    return stream;
}

/* The child behind a stream of ours; 0: it is none. */
static pid_t take_process(const FILE *stream)
{
    pid_t pid = 0;

    if (__atomic_load_n(&streams, __ATOMIC_ACQUIRE) == NULL)
        return 0;
    pthread_mutex_lock(&streams_lock);
    for (struct process_stream **at = &streams; *at != NULL; at = &(*at)->next) {
        struct process_stream *s = *at;

        if (s->stream != stream)
            continue;
        pid = s->pid;
        *at = s->next;
        free(s);
        break;
    }
    pthread_mutex_unlock(&streams_lock);
    return pid;
}

static int close_process(FILE *stream, pid_t pid)
{
    pid_t r;
    int status;

    real(fclose)(stream);
    do
        r = waitpid(pid, &status, 0);
    while (r < 0 && errno == EINTR);
    return r == pid ? status : -1;
}

HOOK int pclose(FILE *stream)
{
    pid_t pid = take_process(stream);

    return pid != 0 ? close_process(stream, pid) : real(pclose)(stream);
}

HOOK int fclose(FILE *stream)
{
    pid_t pid = take_process(stream);

    return pid != 0 ? close_process(stream, pid) : real(fclose)(stream);
}

void spawn_in_child(void)
{
    pthread_mutex_init(&streams_lock, NULL);
    pthread_mutex_init(&waiting_lock, NULL);
}
