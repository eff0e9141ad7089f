#include "handover.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "io.h"
#include "ruling.h"
#include "sockets.h"
#include "standstill.h"
#include "transfer.h"

/* ---- what it is about ---- */

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
static bool can_cover(struct program *program, const struct handover_target *target)
{
    const char *fault;

    if (is_privileged_to_kernel() && !target->resets_ids)
        snprintf(program->reason, sizeof(program->reason),
                 "%.300s: real and effective user or group of this process differ, and the dynamic "
                 "linker preloads nothing then",
                 program->path);
    else if (child_environment_library(&fault) == NULL)
        snprintf(program->reason, sizeof(program->reason),
                 "%.300s: the dynamic linker could not preload the library from here (after a "
                 "chroot, or an upgrade?): %s",
                 program->path, fault);
    else
        return program_check(program, target->is_searched) == 0;
    program->runs = true;
    return false;
}

/* Is it a connection that the policy does not leave plain? */
static bool is_uncovered_safe(int fd, void *arg)
{
    struct shim_ref ref;
    enum fd_verdict verdict;

    (void)arg;
    if (fdtable_kind(fd) == FD_PLAIN)
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

/* A program without the library. */
static bool let_uncovered(struct handover *h, const struct program *program)
{
    bool drop = ruling_process().children == POLICY_CHILDREN_DROP;
    const char *why = drop ? "`children = drop` leaves it without TLS" : program->reason;

    h->coverage = drop ? CHILD_DROPPED : CHILD_UNTOUCHED;
    if (!inheritance_each(&h->in, is_uncovered_safe, NULL))
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

static bool is_no_session(int fd, void *arg)
{
    (void)arg;
    return session_at(fd).session == NULL;
}

static bool has_session(const struct handover *h)
{
    return !inheritance_each(&h->in, is_no_session, NULL);
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

static bool finish_handshake(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);

    (void)arg;
    if (ref.session != NULL && needs_handshake(ref.session))
        io_handshake_wait(fd, ref, -1);
    return true;
}

/* Notes that process *arg has the session; 0: this one, which may not be in the table. */
static bool note_heir(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);
    const uint32_t *process = arg;
    struct shim_guard guard;

    if (ref.session == NULL)
        return true;
    shim_enter(&guard);
    if (session_is_live(ref) && process != NULL)
        holders_give(ref.session, *process);
    else if (session_is_live(ref))
        holders_add(ref.session);
    shim_leave(&guard);
    return true;
}

static bool reach_standstill(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);

    (void)arg;
    if (ref.session != NULL)
        standstill_reach(ref.session);
    return true;
}

/* An epoll set that watches it knows it by its place in this arena. */
static bool is_ours_alone(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);
    struct shim_guard guard;
    bool alone;

    (void)arg;
    if (ref.session == NULL)
        return true;
    shim_enter(&guard);
    alone = ref.session->watches == 0 && holders_is_alone(ref.session);
    shim_leave(&guard);
    return alone;
}

static void close_others(const struct inheritance *in)
{
    for (int fd = 0; fd < fdtable_reach(); fd++)
        if (fdtable_kind(fd) == FD_TLS && inheritance_at(in, fd) < 0)
            connection_forget(fd);
}

/* ---- in a parcel ---- */

/* Who this process was when it began. One that has changed since, as inetd's children do before
 * they exec, hands over no more than is for the new program. A daemon that changed and went on as
 * another user has worked with all of the arena as that user, and so have its children. */
static uid_t user;

/* What is left of a session in a parcel when the exec has failed comes back to its place. */
static bool put_in_parcel(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);

    return ref.session == NULL || ref.session->moved || transfer_put(ref, arg);
}

static bool take_back(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);
    struct transfer_name name;

    if (ref.session != NULL && transfer_find(arg, ref.session->cookie, &name))
        transfer_take(arg, &name);
    return true;
}

static void unpack(struct handover *h)
{
    if (h->parcel == NULL)
        return;
    inheritance_each(&h->in, take_back, h->parcel);
    arena_close(h->parcel);
    if (h->parcel_fd >= 0)
        sys3(SYS_close, h->parcel_fd, 0, 0);
    h->parcel = NULL;
    h->carries = false;
}

static bool carry_parcel(struct handover *h)
{
    h->parcel_fd = -1;
    h->parcel = arena_make(&h->parcel_fd);
    h->carries = true;
    snprintf(h->variable, sizeof(h->variable), ARENA_VARIABLE "=%d:0", h->parcel_fd);
    if (h->parcel != NULL && h->parcel_fd >= 0 &&
        inheritance_each(&h->in, put_in_parcel, h->parcel)) {
        sys3(SYS_fcntl, h->parcel_fd, F_SETFD, 0);
        return true;
    }
    unpack(h);
    h->carries = false;
    return false;
}

/* ---- by reference ---- */

enum { PROCESS_IN_PARCEL = 0 };
#define PROCESS_NOT_IN_TABLE UINT32_MAX

static bool carry(struct handover *h, int fd, uint32_t process)
{
    if (fd < 0)
        return refuse("a TLS connection cannot go along",
                      ": the library's descriptor is not there (a sandbox without memfd_create, or "
                      "the program has closed it)");
    h->carries = true;
    snprintf(h->variable, sizeof(h->variable), ARENA_VARIABLE "=%d:%u", fd,
             process != 0 ? process : PROCESS_NOT_IN_TABLE);
    return true;
}

/* ---- exec ---- */

/* A path of the new program's directory, seen from this one's. False: too long to be told. */
static bool path_from(const struct inheritance *in, const char *name, char *out, size_t size)
{
    size_t used;

    if (!inheritance_directory(in, out, size))
        return false;
    used = strlen(out);
    return (size_t)snprintf(out + used, size - used, "%s", name) < size - used;
}

static bool is_relative(const struct inheritance *in, const struct handover_target *target)
{
    return in->actions != NULL && target->name != NULL && target->name[0] != '/' &&
           (!target->is_searched || strchr(target->name, '/') != NULL);
}

static bool find_target(struct program *program, const struct inheritance *in,
                        const struct handover_target *target)
{
    char path[PATH_MAX];

    if (target->name == NULL || target->name[0] == '\0')
        return false;
    if (target->is_searched && strchr(target->name, '/') == NULL)
        return program_find(program, target->name) == 0;
    if (!is_relative(in, target))
        return program_at(program, target->name) == 0;
    return path_from(in, target->name, path, sizeof(path)) && program_at(program, path) == 0;
}

/* What both ways have in common: is there a program, and can it be covered? False with errno:
 * refused. */
static bool look_at(struct handover *h, const struct handover_target *target)
{
    struct program program;
    char path[PATH_MAX];

    *h = (struct handover){.is_off = true, .streams = {-1, -1}};
    if (!shim_ready())
        return true;
    h->in = inheritance_of(target->actions);
    if (!h->in.is_known && has_session(h))
        return refuse("this C library keeps the file actions of posix_spawn in a way that is not "
                      "known",
                      ", and a TLS connection could go along; use fork and exec");
    if (is_relative(&h->in, target) && !path_from(&h->in, target->name, path, sizeof(path)))
        return refuse("the path of the program, from where its file actions go to, is too long",
                      "; use an absolute one");
    if (!find_target(&program, &h->in, target))
        return true;
    h->is_off = false;
    h->streams[0] = inheritance_at(&h->in, 0);
    h->streams[1] = inheritance_at(&h->in, 1);
    if (ruling_process().children == POLICY_CHILDREN_DROP)
        return let_uncovered(h, &program);
    if (can_cover(&program, target))
        return true;
    if (program.runs)
        return let_uncovered(h, &program);
    h->is_off = true; /* the exec will say so itself */
    return true;
}

static bool carry_over(struct handover *h)
{
    bool is_same_user = geteuid() == user;

    inheritance_each(&h->in, finish_handshake, NULL);
    standstill_begins();
    h->has_stopped = true;
    inheritance_each(&h->in, reach_standstill, NULL);
    if ((!is_same_user || inheritance_each(&h->in, is_ours_alone, NULL)) && carry_parcel(h))
        return true;
    if (is_same_user ? carry(h, arena_descriptor(), shim_process_id())
                     : refuse("a TLS connection cannot go along",
                              ": no memory, or its rule is not known here"))
        return inheritance_each(&h->in, note_heir, NULL);
    standstill_ends();
    return false;
}

bool handover_exec(struct handover *h, const struct handover_target *target)
{
    int saved = errno, arena;

    if (!look_at(h, target))
        return false;
    if (h->is_off)
        return true;
    if (h->coverage == CHILD_COVERED && has_session(h) && !carry_over(h))
        return false;
    close_others(&h->in);
    holders_exec(true);
    h->has_noted = true;
    arena = arena_descriptor();
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
    if (h->has_stopped)
        standstill_ends();
    errno = saved;
}

/* ---- spawn ---- */

void handover_in_child(void)
{
    user = geteuid();
    standstill_ends();
}

bool handover_is_plain(const struct handover_target *target)
{
    struct handover h = {.in = inheritance_of(NULL)};
    struct program program;

    if (!shim_ready())
        return true;
    return ruling_process().children == POLICY_CHILDREN_INHERIT &&
           !child_environment_is_stripped(environ) && find_target(&program, &h.in, target) &&
           can_cover(&program, target) && !has_session(&h);
}

bool handover_spawn(struct handover *h, const struct handover_target *target)
{
    int arena, number, r;

    if (!look_at(h, target))
        return false;
    if (h->is_off || h->coverage != CHILD_COVERED || !has_session(h))
        return true;
    inheritance_each(&h->in, finish_handshake, NULL);
    arena = arena_descriptor();
    r = arena >= 0 ? inheritance_with(&h->in, arena, &h->actions, &number) : 0;
    if (r != 0) {
        errno = r;
        return false;
    }
    h->child = arena >= 0 ? holders_before_spawn() : 0;
    if (!carry(h, arena >= 0 ? number : -1, h->child))
        return false;
    return inheritance_each(&h->in, note_heir, &h->child);
}

void handover_spawned(struct handover *h, int pid)
{
    int saved = errno;

    if (h->carries) {
        holders_spawned(h->child, pid);
        posix_spawn_file_actions_destroy(&h->actions);
    }
    errno = saved;
}

/* ---- the new program ---- */

/* An arena with nothing but the sessions that are for this program. */
static struct arena *parcel;
static int parcel_fd;

/* "FD:PROCESS". */
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
    if (process == PROCESS_IN_PARCEL) {
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

/* False: a session has come along that cannot go on. */
static bool take_from_parcel(int fd, struct shim_ref *ref)
{
    uint64_t cookie = socket_kind(fd) == SOCKET_TCP ? socket_cookie(fd) : 0;
    struct transfer_name name;

    if (cookie == 0 || !transfer_find(parcel, cookie, &name))
        return true;
    *ref = transfer_take(parcel, &name);
    return ref->session != NULL;
}

static bool find_session(int fd, void *arg)
{
    struct shim_ref ref = session_at(fd);

    (void)arg;
    if (ref.session == NULL && parcel != NULL && fd != parcel_fd && !take_from_parcel(fd, &ref)) {
        log_line(LOG_LEVEL_ERROR,
                 "descriptor %d is a TLS connection under a rule that this program's policy does "
                 "not have, or has with other settings: it is ended",
                 fd);
        sys3(SYS_shutdown, fd, SHUT_RDWR, 0);
        return true;
    }
    /* Looked at once more: is its rule one of this policy? */
    if (ref.session != NULL && fd_verdict(fd, &ref) == FD_IS_TLS)
        connection_arrived(fd, ref);
    return true;
}

void handover_find_sessions(bool adopted)
{
    if (!adopted && parcel == NULL)
        return;
    descriptors_each(find_session, NULL);
    if (parcel == NULL)
        return;
    arena_close(parcel);
    parcel = NULL;
    sys3(SYS_close, parcel_fd, 0, 0);
}
