#include "handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common_files.h"
#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "io.h"
#include "ruling.h"
#include "sockets.h"
#include "transfer.h"

/* ---- the descriptors of this process ---- */

struct walk {
    bool (*each)(int fd, void *arg);
    void *arg;
};

static bool walk_name(void *arg, const char *name)
{
    const struct walk *walk = arg;

    return name[0] < '0' || name[0] > '9' || walk->each(atoi(name), walk->arg);
}

/* Calls each for every open descriptor, until it returns false. Without /proc: for every number
 * that there can reasonably be. False when each said so. */
static bool each_descriptor(bool (*each)(int fd, void *arg), void *arg)
{
    enum { REASONABLE = 65536 };
    struct walk walk = {each, arg};

    if (access("/proc/self/fd", R_OK) == 0)
        return file_each_name("/proc/self/fd", walk_name, &walk);
    for (int fd = 0; fd < REASONABLE; fd++)
        if (socket_is_open(fd) && !each(fd, arg))
            return false;
    return true;
}

static bool survives(int fd)
{
    return (sys3(SYS_fcntl, fd, F_GETFD, 0) & FD_CLOEXEC) == 0;
}

/* The session of a descriptor, also of one that nobody has told us of. */
static struct shim_ref session_at(int fd)
{
    struct shim_ref ref = {0};
    uint64_t cookie;
    struct shim_guard guard;

    if (fdtable_kind(fd) == FD_PLAIN || arena_used(ARENA_SESSION) == 0)
        return ref;
    cookie = socket_kind(fd) == SOCKET_TCP ? socket_cookie(fd) : 0;
    if (cookie == 0)
        return ref;
    shim_enter(&guard);
    ref = session_find(cookie);
    shim_leave(&guard);
    return ref;
}

/* ---- can the new program be covered? ---- */

static bool is_privileged_to_kernel(void)
{
    return getuid() != geteuid() || getgid() != getegid();
}

/* False: reason says why not. */
static bool can_cover(struct program *program, bool by_shell)
{
    if (is_privileged_to_kernel())
        snprintf(program->reason, sizeof(program->reason),
                 "%.300s: real and effective user or group of this process differ, and the dynamic "
                 "linker preloads nothing then",
                 program->path);
    else if (child_environment_library() == NULL)
        snprintf(program->reason, sizeof(program->reason),
                 "%.300s: the library is not to be found from here (after a chroot?), so the "
                 "dynamic linker could not preload it",
                 program->path);
    else
        return program_check(program, by_shell) == 0;
    program->runs = true;
    return false;
}

/* Is it a connection that the policy does not leave plain? */
static bool is_uncovered_safe(int fd, void *arg)
{
    struct shim_ref ref;
    enum fd_verdict verdict;

    (void)arg;
    if (!survives(fd) || fdtable_kind(fd) == FD_PLAIN)
        return true;
    verdict = fd_verdict(fd, &ref);
    return verdict != FD_IS_TLS && verdict != FD_IS_DENIED;
}

static bool refuse(const char *reason, const char *remedy)
{
    log_line(LOG_LEVEL_ERROR, "exec refused (EPERM): %s%s", reason, remedy);
    errno = EPERM;
    return false;
}

/* A program without the library. copies: a session's descriptor may be among its own without being
 * there now. */
static bool let_uncovered(struct handover *h, const struct program *program, bool copies)
{
    bool drop = ruling_process().children == POLICY_CHILDREN_DROP;
    const char *why = drop ? "`children = drop` leaves it without TLS" : program->reason;

    h->coverage = drop ? CHILD_DROPPED : CHILD_UNTOUCHED;
    if (copies || !each_descriptor(is_uncovered_safe, NULL))
        return refuse(why, "; a TLS connection among its descriptors would become plaintext: "
                           "close it before, or set FD_CLOEXEC");
    if (!drop && ruling_process().uncovered_child == POLICY_UNCOVERED_REFUSE)
        return refuse(why, "; `uncovered-child = plain` in [defaults] lets such programs run, "
                           "without TLS");
    if (!drop)
        log_line(LOG_LEVEL_INFO, "exec: %s; its connections are not covered", why);
    return true;
}

/* ---- which sessions go along ---- */

static bool is_not_carried(int fd, void *arg)
{
    (void)arg;
    return !survives(fd) || session_at(fd).session == NULL;
}

/* The new program could not do a server's handshake when it may not read the key (inetd has changed
 * the user by now); here the key is in memory. */
static bool needs_handshake(const struct shim_session *s)
{
    const struct policy_rule *rule = rule_of_session(s);
    unsigned stage = atomic_load(&s->stage);

    if (rule == NULL || rule->kind != POLICY_SERVER || stage >= SHIM_OPEN)
        return false;
    for (int i = 0; i < POLICY_CREDENTIALS_MAX; i++)
        if (rule->settings.keys[i].text != NULL &&
            faccessat(AT_FDCWD, rule->settings.keys[i].text, R_OK, AT_EACCESS) != 0)
            return true;
    return false;
}

static bool note_survivor(int fd, void *arg)
{
    struct shim_ref ref = survives(fd) ? session_at(fd) : (struct shim_ref){0};
    struct shim_guard guard;

    (void)arg;
    if (ref.session == NULL)
        return true;
    if (needs_handshake(ref.session))
        io_handshake_wait(fd, ref, -1);
    shim_enter(&guard);
    if (session_is_live(ref))
        holders_add(ref.session);
    shim_leave(&guard);
    return true;
}

static void close_others(void)
{
    for (int fd = 0; fd < fdtable_reach(); fd++)
        if (fdtable_kind(fd) == FD_TLS && !survives(fd))
            connection_forget(fd);
}

/* ---- to another user ---- */

/* Who this process was when it began. One that has changed since, as inetd's children do before
 * they exec, hands over no more than is for the new program. A daemon that changed and went on as
 * another user has worked with all of the arena as that user, and so have its children. */
static uid_t user;

/* What is left of a session in a parcel when the exec has failed comes back to its place. */
static bool put_in_parcel(int fd, void *arg)
{
    struct shim_ref ref = survives(fd) ? session_at(fd) : (struct shim_ref){0};

    if (ref.session == NULL || ref.session->moved)
        return true;
    if (needs_handshake(ref.session))
        io_handshake_wait(fd, ref, -1);
    return transfer_put(ref, arg);
}

static bool take_back(int fd, void *arg)
{
    struct shim_ref ref = survives(fd) ? session_at(fd) : (struct shim_ref){0};
    struct transfer_name name;

    if (ref.session != NULL && transfer_find(arg, ref.session->cookie, &name))
        transfer_take(arg, &name);
    return true;
}

static void unpack(struct handover *h)
{
    if (h->parcel == NULL)
        return;
    each_descriptor(take_back, h->parcel);
    arena_close(h->parcel);
    if (h->parcel_fd >= 0)
        sys3(SYS_close, h->parcel_fd, 0, 0);
    h->parcel = NULL;
}

/* The sessions that survive, in an arena of their own for the new program, which is another user's:
 * it shall not see the keys of all others. */
static bool carry_parcel(struct handover *h)
{
    h->parcel_fd = -1;
    h->parcel = arena_make(&h->parcel_fd);
    h->carries = true;
    snprintf(h->variable, sizeof(h->variable), ARENA_VARIABLE "=%d:0", h->parcel_fd);
    if (h->parcel != NULL && h->parcel_fd >= 0 && each_descriptor(put_in_parcel, h->parcel)) {
        sys3(SYS_fcntl, h->parcel_fd, F_SETFD, 0);
        return true;
    }
    unpack(h);
    return refuse("a TLS connection cannot go along", ": no memory, or its rule is not known here");
}

/* ---- exec ---- */

/* A number of the arena's descriptor that a spawn in another thread lets survive; -1: none. */
static _Atomic int spare = -1;

static bool carry(struct handover *h, int fd, uint32_t process)
{
    if (fd < 0)
        return refuse("a TLS connection cannot go along",
                      ": the library's descriptor is not there (a sandbox without memfd_create, or "
                      "the program has closed it)");
    h->carries = true;
    snprintf(h->variable, sizeof(h->variable), ARENA_VARIABLE "=%d:%u", fd, process);
    return true;
}

static bool find_target(struct program *program, const struct handover_target *target)
{
    if (target->name == NULL || target->name[0] == '\0')
        return false;
    if (target->is_searched)
        return program_find(program, target->name) == 0;
    return program_at(program, target->name) == 0;
}

/* What both ways have in common: is there a program, and can it be covered? False with errno:
 * refused. */
static bool look_at(struct handover *h, const struct handover_target *target, bool copies)
{
    struct program program;

    *h = (struct handover){.is_off = true};
    if (!shim_ready() || !find_target(&program, target))
        return true;
    h->is_off = false;
    if (ruling_process().children == POLICY_CHILDREN_DROP)
        return let_uncovered(h, &program, copies);
    if (can_cover(&program, target->is_searched))
        return true;
    if (program.runs)
        return let_uncovered(h, &program, copies);
    h->is_off = true; /* the exec will say so itself */
    return true;
}

bool handover_exec(struct handover *h, const struct handover_target *target)
{
    int saved = errno, arena, other = atomic_load(&spare);

    if (!look_at(h, target, false))
        return false;
    if (h->is_off)
        return true;
    arena = arena_descriptor();
    if (h->coverage == CHILD_COVERED && !each_descriptor(is_not_carried, NULL) &&
        !(geteuid() == user ? carry(h, arena, shim_process_id()) : carry_parcel(h)))
        return false;
    if (h->carries && h->parcel == NULL)
        each_descriptor(note_survivor, NULL);
    close_others();
    holders_exec(true);
    h->has_noted = true;
    if (other >= 0 && arena_is(other))
        sys3(SYS_fcntl, other, F_SETFD, FD_CLOEXEC);
    if (arena >= 0)
        sys3(SYS_fcntl, arena, F_SETFD, h->carries && h->parcel == NULL ? 0 : FD_CLOEXEC);
    errno = saved;
    return true;
}

void handover_undo(struct handover *h)
{
    int saved = errno, arena;

    unpack(h);
    if (h->has_noted) {
        holders_exec(false);
        arena = arena_descriptor();
        if (arena >= 0)
            sys3(SYS_fcntl, arena, F_SETFD, FD_CLOEXEC);
    }
    errno = saved;
}

/* ---- spawn ---- */

static pthread_mutex_t spawning = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool copies_sessions;

void handover_note_copy(void)
{
    atomic_store(&copies_sessions, true);
}

void handover_in_child(void)
{
    int fd = atomic_exchange(&spare, -1);

    if (fd >= 0 && arena_is(fd))
        sys3(SYS_close, fd, 0, 0);
    user = geteuid();
    pthread_mutex_init(&spawning, NULL);
}

bool handover_is_plain(const struct handover_target *target)
{
    struct program program;

    if (!shim_ready())
        return true;
    return ruling_process().children == POLICY_CHILDREN_INHERIT && !atomic_load(&copies_sessions) &&
           !child_environment_is_stripped(environ) && find_target(&program, target) &&
           can_cover(&program, target->is_searched) && each_descriptor(is_not_carried, NULL);
}

bool handover_spawn(struct handover *h, const struct handover_target *target)
{
    bool copies = atomic_load(&copies_sessions);
    long fd = -1;

    if (!look_at(h, target, copies))
        return false;
    if (h->is_off)
        return true;
    pthread_mutex_lock(&spawning);
    if (h->coverage != CHILD_COVERED || (!copies && each_descriptor(is_not_carried, NULL)))
        return true;
    holders_before_fork();
    /* A number of its own: the program's execs in other threads shall not take it along. */
    if (arena_descriptor() >= 0)
        fd = sys3(SYS_fcntl, arena_descriptor(), F_DUPFD, arena_descriptor());
    if (carry(h, (int)fd, holders_child())) {
        atomic_store(&spare, (int)fd);
        return true;
    }
    holders_in_parent(-1);
    pthread_mutex_unlock(&spawning);
    return false;
}

void handover_spawned(const struct handover *h, int pid)
{
    int saved = errno, fd;

    if (h->is_off)
        return;
    if (h->carries) {
        holders_in_parent(pid);
        fd = atomic_exchange(&spare, -1);
        if (fd >= 0 && arena_is(fd))
            sys3(SYS_close, fd, 0, 0);
    }
    pthread_mutex_unlock(&spawning);
    errno = saved;
}

/* ---- the new program ---- */

/* An arena with nothing but the sessions that are for this program, which another user handed over.
 */
static struct arena *parcel;
static int parcel_fd;

/* "FD:PROCESS"; process 0: a parcel. */
static bool read_variable(const char *text, int *fd, uint32_t *process)
{
    char *end;
    unsigned long first = strtoul(text, &end, 10), second;

    if (end == text || *end != ':' || first > INT_MAX)
        return false;
    second = strtoul(end + 1, &end, 10);
    *fd = (int)first;
    *process = (uint32_t)second;
    return *end == '\0' && second <= UINT32_MAX;
}

static bool adopt(int fd, uint32_t process, bool *adopted)
{
    if (process == 0) {
        parcel = arena_open(fd);
        parcel_fd = fd;
        return parcel != NULL;
    }
    if (!arena_adopt(fd))
        return false;
    holders_resume(process);
    *adopted = true;
    return true;
}

bool handover_adopt(bool *adopted, const char **why)
{
    const char *text = secure_getenv(ARENA_VARIABLE);
    uint32_t process;
    int fd;

    *adopted = false;
    user = geteuid();
    if (text == NULL)
        return true;
    *why = ARENA_VARIABLE " is not what tlshim writes; unset it";
    if (!read_variable(text, &fd, &process))
        return false;
    *why = "the TLS connections of the program before this one cannot be taken over: their memory "
           "did not come along, or is of another version of tlshim (start anew what was running "
           "when tlshim was upgraded)";
    if (!adopt(fd, process, adopted))
        return false;
    unsetenv(ARENA_VARIABLE);
    return true;
}

static struct shim_ref take_from_parcel(int fd)
{
    uint64_t cookie = socket_kind(fd) == SOCKET_TCP ? socket_cookie(fd) : 0;
    struct transfer_name name;

    if (cookie == 0 || !transfer_find(parcel, cookie, &name))
        return (struct shim_ref){0};
    return transfer_take(parcel, &name);
}

static bool find_session(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);

    (void)arg;
    if (arena_is(fd)) { /* a number that a spawn used */
        if (!arena_hides(fd))
            sys3(SYS_close, fd, 0, 0);
        return true;
    }
    if (ref.session == NULL && parcel != NULL && fd != parcel_fd)
        ref = take_from_parcel(fd);
    /* Looked at once more: is its rule one of this policy? */
    if (ref.session != NULL && fd_verdict(fd, &ref) == FD_IS_TLS)
        connection_arrived(fd, ref);
    return true;
}

void handover_find_sessions(bool adopted)
{
    if (!adopted && parcel == NULL)
        return;
    each_descriptor(find_session, NULL);
    if (parcel == NULL)
        return;
    arena_close(parcel);
    parcel = NULL;
    sys3(SYS_close, parcel_fd, 0, 0);
}
