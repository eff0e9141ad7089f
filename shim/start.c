/* Beginning and end of the library in a process. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>

#include "../crypto_glue/cg_random.h"
#include "child_environment.h"
#include "common_log.h"
#include "common_rules.h"
#include "common_sink.h"
#include "connections.h"
#include "deadlines.h"
#include "fdtable.h"
#include "fork_gate.h"
#include "global.h"
#include "handover.h"
#include "io.h"
#include "keylog.h"
#include "learn.h"
#include "names.h"
#include "real.h"
#include "ruling.h"
#include "stdio_streams.h"
#include "user_memory.h"

_Atomic int shim_started;
_Atomic int shim_ending;

int64_t shim_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Nothing of the program has run that could have leaked a byte; it must not begin. Descriptor 2 may
 * be a connection that the program before this one handed over, which the sink does not write to.
 */
static void __attribute__((noreturn)) refuse(const char *text)
{
    static char line[RULES_ERROR_TEXT + 16];
    static const struct sink to = {.kind = SINK_STDERR};
    size_t length = (size_t)snprintf(line, sizeof(line), "tlshim: %s\n", text);

    sink_write_or_syslog(&to, LOG_DAEMON | LOG_ERR, line, length);
    for (;;)
        sys3(SYS_exit_group, 125, 0, 0);
}

/* ---- fork ---- */

/* A signal handler that ran between these two would meet the locks held by its own thread. */
static __thread struct shim_guard fork_guard __attribute__((tls_model("initial-exec")));

static void before_fork(void)
{
    shim_enter(&fork_guard);
    fork_gate_shut();
    holders_before_fork();
    names_lock();
    deadlines_lock();
}

static void after_fork(bool in_child)
{
    deadlines_unlock();
    names_unlock();
    fork_gate_open(in_child);
    shim_leave(&fork_guard);
}

static void in_parent(void)
{
    after_fork(false);
}

static void in_child(void)
{
    atomic_store(&shim_ending, 0);
    ruling_in_child();
    fdtable_in_child();
    after_fork(true);
    holders_in_child();
    handover_in_child();
    spawn_in_child();
}

/* ---- end ---- */

/* Says goodbye on every session that this process holds. The whole takes at most
 * IO_GOODBYE_LIMIT: what a stuck peer does not take is given up. */
static void end_all(void)
{
    int64_t end = shim_now() + IO_GOODBYE_LIMIT;

    if (atomic_load(&shim_started) != 2 || atomic_exchange(&shim_ending, 1))
        return;
    for (int fd = 0; fd < fdtable_reach() && shim_now() < end; fd++) {
        struct shim_ref ref;
        unsigned left;

        if (fdtable_kind(fd) != FD_TLS)
            continue;
        ref = fdtable_clear(fd, &left);
        if (ref.session != NULL)
            connection_let_go(fd, ref, left);
    }
    /* For soak tests: whatever is still out here, in the last process, is a leak. */
    if (log_enabled(LOG_LEVEL_DEBUG)) {
        struct shim_guard guard;

        shim_enter(&guard);
        session_reap();
        shim_leave(&guard);
    }
    holders_end();
    log_line(LOG_LEVEL_DEBUG, "end: %u sessions, %u slabs, %u big, %u watches",
             arena_used(ARENA_SESSION), arena_used(ARENA_SLAB), arena_used(ARENA_BIG),
             arena_used(ARENA_WATCH));
}

/* ---- start ---- */

static void start_shared(bool adopted)
{
    struct shim_global *g = shim_global();

    if (adopted)
        return;
    shim_mutex_init(&g->registry_lock);
    if (!cg_random(&g->token_magic, sizeof(g->token_magic)))
        refuse("the kernel gives no randomness (getrandom)");
    g->token_magic |= 1u << 23;
    g->token_magic &= (1u << 24) - 1;
    holders_start();
}

/* A program's .preinit_array runs before libc has set environ, and a hook that it calls starts the
 * library: the environment lies behind the arguments, where the kernel put it. */
extern void *__libc_stack_end;

static void find_environment(void)
{
    const long *count = __libc_stack_end;

    if (environ == NULL && count != NULL)
        environ = (char **)(count + 1) + *count + 1;
}

/* True: sessions may have come along. */
static bool start_all(void)
{
    static struct rules_error error;
    const char *why;
    bool adopted;

    find_environment();
    shim_real_resolve();
    user_memory_start();
    log_init();
    learn_init();
    if (!ruling_start(&error))
        refuse(error.text);
    child_environment_start();
    if (!handover_adopt(&adopted, &why))
        refuse(why);
    if (!arena_init() || !fdtable_init())
        refuse("no address space for the sessions; raise the limit (ulimit -v)");
    start_shared(adopted);
    keylog_start();
    pthread_atfork(before_fork, in_parent, in_child);
    at_quick_exit(end_all); /* it ends in libc's own _exit */
    return adopted;
}

void shim_start(void)
{
    static __thread int starting __attribute__((tls_model("initial-exec")));
    int expected = 0, saved = errno;

    if (starting)
        return; /* our own calls, on the way up */
    if (atomic_compare_exchange_strong(&shim_started, &expected, 1)) {
        starting = 1;
        bool adopted = start_all();

        starting = 0;
        atomic_store(&shim_started, 2);
        handover_find_sessions(adopted);
        stdio_at_start();
    }
    while (atomic_load(&shim_started) != 2) {
        struct timespec pause = {0, 1000000};

        sys3(SYS_nanosleep, &pause, NULL, 0);
    }
    errno = saved;
}

__attribute__((constructor(101))) static void constructor(void)
{
    shim_start();
}

__attribute__((destructor(101))) static void destructor(void)
{
    if (atomic_load(&shim_started) == 2)
        stdio_flush_all();
    end_all();
}

HOOK void _exit(int status)
{
    end_all();
    for (;;)
        sys3(SYS_exit_group, status, 0, 0);
}

HOOK void _Exit(int status)
{
    _exit(status);
}

HOOK pid_t fork(void)
{
    pid_t pid = real(fork)();

    if (pid != 0 && shim_ready())
        holders_in_parent(pid);
    return pid;
}

/* glibc's record of a thread has its id, which marks the locks it holds, 16 bytes before the list
 * of its robust locks. libc's fork brings both up to date in a child; a system call does not, and a
 * child that is killed with a lock would never give it back. */
static struct robust_list_head *robust_locks(pid_t **id)
{
    struct robust_list_head *head = NULL;
    size_t size = 0;

    *id = NULL;
    if (sys3(SYS_get_robust_list, 0, &head, &size) != 0 || head == NULL || size != sizeof(*head))
        return NULL;
    *id = (pid_t *)(void *)((char *)head - 16);
    return **id == (pid_t)sys3(SYS_gettid, 0, 0, 0) ? head : NULL;
}

static void renew_thread(struct robust_list_head *head, pid_t *id)
{
    if (head == NULL)
        return;
    *id = (pid_t)sys3(SYS_gettid, 0, 0, 0);
    head->list.next = &head->list;
    head->list_op_pending = NULL;
    sys3(SYS_set_robust_list, head, sizeof(*head), 0);
}

long shim_fork_by_number(long number, const long a[6])
{
    struct robust_list_head *head;
    pid_t *id;
    long r;

    before_fork();
    head = robust_locks(&id);
    r = shim_sys(number, a[0], a[1], a[2], a[3], a[4], a[5]);
    if (r == 0) {
        renew_thread(head, id);
        stdio_in_child();
        in_child();
    } else {
        after_fork(false);
        holders_in_parent(r > 0 ? (pid_t)r : -1);
    }
    return r;
}
