#include "holders.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "arena.h"
#include "confine.h"
#include "global.h"
#include "real.h"

static uint32_t own_id;
static int own_pid;
static uint64_t own_space;
/* Reserved between holders_before_fork and the two after it; several threads may fork at once. */
static __thread uint32_t child_id __attribute__((tls_model("initial-exec")));

/* A child writes its pid within this time, or the fork failed unseen. */
static const int64_t fork_patience = 5 * 1000000000LL;

uint32_t shim_process_id(void)
{
    return own_id;
}

/* Process ids mean something in their name space only. */
static uint64_t space_of_self(void)
{
    struct stat status;

    if (atomic_load(&shim_confined))
        return own_space;
    return stat("/proc/self/ns/pid", &status) == 0 ? status.st_ino : 0;
}

static int64_t boot_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* What /proc tells of a process: proc(5). */
struct process_state {
    bool has_ended;  /* a zombie has no descriptors any more, though kill(2) still finds it */
    int64_t started; /* nanoseconds since boot, from ticks of 10 ms */
};

static int64_t number_at(const char *text)
{
    int64_t number = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        number = number * 10 + (*text - '0');
    return number;
}

/* The field of that number, from 3 on, of a stat's rest that begins before field 3. */
static const char *field_at(const char *rest, int number)
{
    for (int field = 2; rest != NULL && field < number; field++)
        rest = strchr(rest + 1, ' ');
    return rest == NULL ? NULL : rest + 1;
}

/* False: it cannot be read. */
static bool state_of(int pid, struct process_state *state)
{
    char path[40], text[512];
    const char *rest, *threads, *start;
    long fd, n;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    fd = sys4(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    if (fd < 0)
        return false;
    n = sys3(SYS_read, fd, text, sizeof(text) - 1);
    sys3(SYS_close, fd, 0, 0);
    if (n <= 0)
        return false;
    text[n] = '\0';
    rest = strrchr(text, ')'); /* the name before it may hold anything */
    threads = field_at(rest, 20);
    start = field_at(rest, 22);
    if (start == NULL)
        return false;
    /* The first thread may have ended alone: then others are counted still. */
    state->has_ended = (rest[2] == 'Z' || rest[2] == 'X') && number_at(threads) <= 1;
    state->started = number_at(start) * 10000000LL;
    return true;
}

static bool lives(const struct shim_process *p)
{
    struct process_state state;

    if (p->id == own_id)
        return true;
    if (p->pid == 0)
        return boot_time() - p->since < fork_patience;
    if (p->space != own_space) /* nobody can tell from here */
        return true;
    if (sys3(SYS_kill, p->pid, 0, 0) == -ESRCH)
        return false;
    return atomic_load(&shim_confined) || !state_of(p->pid, &state) ||
           (!state.has_ended && state.started <= p->since);
}

static struct shim_process *process_by_id(uint32_t id)
{
    struct shim_global *g = shim_global();

    for (uint32_t i = 0; id != 0 && i < g->process_reach; i++)
        if (g->processes[i].id == id)
            return &g->processes[i];
    return NULL;
}

static bool has_children(uint32_t id)
{
    struct shim_global *g = shim_global();

    for (uint32_t i = 0; i < g->process_reach; i++)
        if (g->processes[i].id != 0 && g->processes[i].parent == id)
            return true;
    return false;
}

/* A free entry; a dead process's is free once it has no children, whose descent it documents. */
static struct shim_process *free_entry(void)
{
    struct shim_global *g = shim_global();

    for (uint32_t i = 0; i < g->process_reach; i++)
        if (g->processes[i].id == 0)
            return &g->processes[i];
    if (g->process_reach < SHIM_PROCESSES)
        return &g->processes[g->process_reach++];
    for (uint32_t i = 0; i < g->process_reach; i++)
        if (!lives(&g->processes[i]) && !has_children(g->processes[i].id))
            return &g->processes[i];
    return NULL;
}

static uint32_t add_process(int pid, uint32_t parent)
{
    struct shim_global *g = shim_global();
    struct shim_process *p = free_entry();

    if (p == NULL)
        return 0;
    p->id = ++g->next_process;
    p->pid = pid;
    p->parent = parent;
    p->fork_number = parent == 0 ? g->forks : ++g->forks;
    p->has_execed = 0;
    p->space = own_space;
    p->since = boot_time();
    return p->id;
}

void holders_start(void)
{
    own_space = space_of_self();
    registry_lock();
    own_pid = (int)sys3(SYS_getpid, 0, 0, 0);
    own_id = add_process(own_pid, 0);
    registry_unlock();
}

void holders_resume(uint32_t id)
{
    struct shim_process *self;

    own_space = space_of_self();
    registry_lock();
    own_pid = (int)sys3(SYS_getpid, 0, 0, 0);
    self = process_by_id(id);
    own_id = self != NULL ? id : add_process(own_pid, 0);
    self = process_by_id(own_id);
    if (self != NULL) {
        self->pid = own_pid;
        self->space = own_space;
        self->since = boot_time();
        self->has_execed = 1;
    }
    registry_unlock();
}

void holders_before_fork(void)
{
    struct shim_guard guard;

    shim_enter(&guard);
    registry_lock();
    child_id = add_process(0, own_id);
    registry_unlock();
    shim_leave(&guard);
}

uint32_t holders_before_spawn(void)
{
    struct shim_guard guard;
    struct shim_process *child;
    uint32_t id;

    shim_enter(&guard);
    registry_lock();
    id = add_process(0, own_id);
    child = process_by_id(id);
    if (child != NULL)
        child->has_execed = 1;
    registry_unlock();
    shim_leave(&guard);
    return id;
}

void holders_spawned(uint32_t id, int pid)
{
    struct shim_guard guard;
    struct shim_process *child;

    shim_enter(&guard);
    registry_lock();
    child = process_by_id(id);
    if (child != NULL) {
        if (pid < 0)
            child->id = 0;
        else if (child->pid == 0) {
            child->pid = pid;
            child->since = boot_time(); /* the reservation was before its start */
        }
    }
    registry_unlock();
    shim_leave(&guard);
}

void holders_in_parent(int pid)
{
    holders_spawned(child_id, pid);
}

void holders_in_child(void)
{
    struct shim_guard guard;
    struct shim_process *self;

    shim_enter(&guard);
    registry_lock();
    own_id = child_id;
    own_pid = (int)sys3(SYS_getpid, 0, 0, 0);
    own_space = space_of_self();
    self = process_by_id(own_id);
    if (self != NULL) {
        self->pid = own_pid;
        self->space = own_space;
        self->since = boot_time();
    }
    registry_unlock();
    shim_leave(&guard);
}

/* The entry stays, without a pid that lives, while children descend from it. */
void holders_end(void)
{
    struct shim_guard guard;
    struct shim_process *self;

    shim_enter(&guard);
    registry_lock();
    self = process_by_id(own_id);
    if (self != NULL) {
        if (has_children(own_id)) {
            self->pid = 0;
            self->since = boot_time() - fork_patience;
        } else {
            self->id = 0;
        }
    }
    registry_unlock();
    shim_leave(&guard);
}

static struct shim_holder *holder_list(struct shim_session *s)
{
    return s->holder_slab != 0 ? arena_at(ARENA_SLAB, s->holder_slab) : s->holders;
}

static uint32_t holder_room(const struct shim_session *s)
{
    return s->holder_slab != 0 ? ARENA_SLAB_SIZE / sizeof(struct shim_holder) : SHIM_HOLDERS_INLINE;
}

static struct shim_holder *holder_entry(struct shim_session *s, uint32_t process)
{
    struct shim_holder *list = holder_list(s);

    for (uint32_t i = 0; i < s->holder_count; i++)
        if (list[i].process == process)
            return &list[i];
    return NULL;
}

/* Entries of processes that are no longer in the table say nothing any more. */
static void prune(struct shim_session *s)
{
    struct shim_holder *list = holder_list(s);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < s->holder_count; i++)
        if (process_by_id(list[i].process) != NULL)
            list[kept++] = list[i];
    s->holder_count = kept;
}

static bool make_room(struct shim_session *s)
{
    uint32_t slab;

    if (s->holder_count < holder_room(s))
        return true;
    prune(s);
    if (s->holder_count < holder_room(s))
        return true;
    if (s->holder_slab != 0 || (slab = arena_take(ARENA_SLAB)) == 0)
        return false;
    memcpy(arena_at(ARENA_SLAB, slab), s->holders, sizeof(s->holders));
    s->holder_slab = slab;
    return true;
}

static void note(struct shim_session *s, uint32_t process, uint32_t holds)
{
    struct shim_holder *entry = holder_entry(s, process);

    if (entry == NULL && make_room(s)) {
        entry = &holder_list(s)[s->holder_count++];
        entry->process = process;
    }
    if (entry != NULL)
        entry->holds = holds;
}

static bool holds(struct shim_session *s, const struct shim_process *p)
{
    while (p != NULL) {
        const struct shim_holder *entry = holder_entry(s, p->id);

        if (entry != NULL)
            return entry->holds != 0;
        if (p->has_execed)
            return false;
        if (p->id == s->birth_process)
            return true;
        /* Not above birth_forks: forked before the session was born. Compared as a difference,
         * for the count may wrap. */
        if ((int32_t)(p->fork_number - s->birth_forks) <= 0)
            return false;
        p = process_by_id(p->parent);
    }
    return false;
}

/* A child made by clone(2) or _Fork has passed no handler. */
static void notice_new_pid(void)
{
    int pid = (int)sys3(SYS_getpid, 0, 0, 0);

    if (pid == own_pid)
        return;
    own_pid = pid;
    own_id = add_process(pid, own_id);
}

static bool nobody_else(struct shim_session *s)
{
    struct shim_global *g = shim_global();

    for (uint32_t i = 0; i < g->process_reach; i++) {
        const struct shim_process *p = &g->processes[i];

        if (p->id != 0 && p->id != own_id && holds(s, p) && lives(p))
            return false;
    }
    return true;
}

void holders_count(struct holders_census *census)
{
    struct shim_global *g = shim_global();

    notice_new_pid();
    census->counted = own_id != 0;
    for (uint32_t i = 0; i < g->process_reach; i++)
        census->lives[i] = g->processes[i].id != 0 && lives(&g->processes[i]);
}

bool holders_are_dead(struct shim_session *s, const struct holders_census *census)
{
    struct shim_global *g = shim_global();

    if (!census->counted || s->in_flight != 0)
        return false;
    for (uint32_t i = 0; i < g->process_reach; i++)
        if (census->lives[i] && holds(s, &g->processes[i]))
            return false;
    return true;
}

static bool drop_locked(struct shim_session *s)
{
    struct shim_global *g = shim_global();

    notice_new_pid();
    if (g->forks == s->birth_forks && s->holder_count == 0 && s->birth_process == own_id &&
        s->in_flight == 0)
        return true;
    if (own_id == 0) /* the table was full: nobody can tell */
        return false;
    /* Children that inherited it from here hold it in their own right from now on. */
    for (uint32_t i = 0; i < g->process_reach; i++) {
        struct shim_process *p = &g->processes[i];

        if (p->id != 0 && p->parent == own_id && holder_entry(s, p->id) == NULL && holds(s, p))
            note(s, p->id, 1);
    }
    note(s, own_id, 0);
    if (!nobody_else(s))
        return false;
    s->orphaned = s->in_flight != 0;
    return !s->orphaned;
}

bool holders_drop(struct shim_session *s)
{
    bool last;

    registry_lock();
    last = drop_locked(s);
    s->ending = last;
    registry_unlock();
    return last;
}

static void add_locked(struct shim_session *s)
{
    if (own_id != 0)
        note(s, own_id, 1);
    s->orphaned = 0;
    s->ending = 0;
}

bool holders_join(struct shim_ref ref)
{
    bool joined;

    registry_lock();
    joined = session_is_live(ref) && !ref.session->ending && !ref.session->lingering;
    if (joined)
        add_locked(ref.session);
    registry_unlock();
    return joined;
}

void holders_add(struct shim_session *s)
{
    registry_lock();
    add_locked(s);
    registry_unlock();
}

void holders_give(struct shim_session *s, uint32_t process)
{
    registry_lock();
    if (process != 0)
        note(s, process, 1);
    registry_unlock();
}

bool holders_is_alone(struct shim_session *s)
{
    bool alone;

    registry_lock();
    notice_new_pid();
    alone = own_id != 0 && s->in_flight == 0 && nobody_else(s);
    registry_unlock();
    return alone;
}

void holders_send(struct shim_session *s, bool begins)
{
    registry_lock();
    if (begins)
        s->in_flight++;
    else if (s->in_flight > 0)
        s->in_flight--;
    registry_unlock();
}

void holders_receive(struct shim_session *s)
{
    registry_lock();
    if (s->in_flight > 0)
        s->in_flight--;
    add_locked(s);
    registry_unlock();
}

void holders_exec(bool begins)
{
    struct shim_guard guard;
    struct shim_process *self;

    shim_enter(&guard);
    registry_lock();
    notice_new_pid();
    self = process_by_id(own_id);
    if (self != NULL)
        self->has_execed = begins;
    registry_unlock();
    shim_leave(&guard);
}
