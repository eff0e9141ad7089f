#include "session.h"

#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "arena.h"
#include "checkers.h"
#include "global.h"
#include "holders.h"
#include "real.h"
#include "report.h"
#include "ruling.h"
#include "standstill.h"
#include "watch.h"

void shim_enter(struct shim_guard *guard)
{
    uint64_t all = ~(uint64_t)0;

    guard->saved_errno = errno;
    sys4(SYS_rt_sigprocmask, SIG_SETMASK, &all, &guard->signals, sizeof(all));
}

void shim_leave(const struct shim_guard *guard)
{
    sys4(SYS_rt_sigprocmask, SIG_SETMASK, &guard->signals, NULL, sizeof(guard->signals));
    errno = guard->saved_errno;
}

/* Whoever held the lock died inside: what it was doing to keys and buffers is unknown. Nothing of
 * it may be sent. */
static void fail_closed(struct shim_session *s)
{
    s->tls.output_start = s->tls.output_end = 0;
    s->queue_length = 0;
    atomic_store(&s->tls.mailbox, 0);
    atomic_store(&s->tail, 0);
    atomic_store(&s->error, EPROTO);
    atomic_store(&s->stage, SHIM_FAILED);
}

/* Locks are held one inside the other; only who holds none may stand still. */
static __thread int inside __attribute__((tls_model("initial-exec")));

struct half { /* of a session: what a lock covers */
    pthread_mutex_t *mutex;
    _Atomic uint8_t *at_work;
};

static struct half reading_half(struct shim_session *s)
{
    return (struct half){&s->read_lock, &s->reading};
}

static struct half writing_half(struct shim_session *s)
{
    return (struct half){&s->write_lock, &s->writing};
}

/* r: what locking said. True: it is held; if its holder died, its state is looked at. */
static bool is_locked(int r, const struct half *half, struct shim_session *s)
{
    if (r == EOWNERDEAD) {
        pthread_mutex_consistent(half->mutex);
        if (atomic_load(half->at_work))
            fail_closed(s);
        r = 0;
    }
    return r == 0;
}

/* The lock is held: goes to work, or gives it back. */
static bool begin_work(const struct half *half, struct shim_ref ref)
{
    if (session_is_live(ref)) {
        CHECKER_TAKES(ref.session);
        atomic_store_explicit(half->at_work, 1, memory_order_relaxed);
        inside++;
        return true;
    }
    pthread_mutex_unlock(half->mutex);
    return false;
}

static void end_work(struct half half)
{
    atomic_store_explicit(half.at_work, 0, memory_order_release);
    inside--;
    pthread_mutex_unlock(half.mutex);
}

static bool lock_live(struct half half, struct shim_ref ref)
{
    for (;;) {
        if (!is_locked(pthread_mutex_lock(half.mutex), &half, ref.session))
            return false;
        if (inside > 0 || !standstill_is_on())
            return begin_work(&half, ref);
        pthread_mutex_unlock(half.mutex);
        standstill_pause();
    }
}

bool session_lock_read(struct shim_ref ref)
{
    return lock_live(reading_half(ref.session), ref);
}

bool session_lock_write(struct shim_ref ref)
{
    return lock_live(writing_half(ref.session), ref);
}

bool session_lock_both(struct shim_ref ref)
{
    if (!session_lock_read(ref))
        return false;
    if (session_lock_write(ref)) {
        ref.session->both = 1;
        return true;
    }
    session_unlock_read(ref.session);
    return false;
}

bool session_try_write(struct shim_ref ref)
{
    struct half half = writing_half(ref.session);

    if (!is_locked(pthread_mutex_trylock(half.mutex), &half, ref.session))
        return false;
    if (inside > 0 || !standstill_is_on())
        return begin_work(&half, ref);
    pthread_mutex_unlock(half.mutex);
    return false;
}

void session_unlock_read(struct shim_session *s)
{
    end_work(reading_half(s));
}

void session_unlock_write(struct shim_session *s)
{
    end_work(writing_half(s));
}

void session_unlock_both(struct shim_session *s)
{
    s->both = 0;
    session_unlock_write(s);
    session_unlock_read(s);
}

void registry_lock_of(struct shim_global *g)
{
    if (pthread_mutex_lock(&g->registry_lock) == EOWNERDEAD)
        pthread_mutex_consistent(&g->registry_lock);
}

void registry_unlock_of(struct shim_global *g)
{
    pthread_mutex_unlock(&g->registry_lock);
}

void registry_lock(void)
{
    registry_lock_of(shim_global());
}

void registry_unlock(void)
{
    registry_unlock_of(shim_global());
}

uint32_t *session_bucket(struct shim_global *g, uint64_t cookie)
{
    uint64_t mixed = cookie * 0x9e3779b97f4a7c15u;

    return &g->by_cookie[mixed >> (64 - SHIM_COOKIE_BITS)];
}

static uint32_t *bucket_of(uint64_t cookie)
{
    return session_bucket(shim_global(), cookie);
}

void shim_mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;

    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

/* Clears all but what must outlive the session: generation and locks. Word by word, for who looks
 * at it without a lock may still do so. */
static void clear(struct shim_session *s)
{
    const size_t from = offsetof(struct shim_session, tls) / sizeof(uint64_t);
    _Atomic uint64_t *words = (void *)s;

    _Static_assert(offsetof(struct shim_session, tls) % sizeof(uint64_t) == 0, "words");
    for (size_t i = from; i < sizeof(*s) / sizeof(uint64_t); i++)
        atomic_store_explicit(&words[i], 0, memory_order_relaxed);
    s->cookie = 0;
}

/* Before a session is made, whenever there are twice as many as the last look left. */
static void reap_now_and_then(void)
{
    enum { LEAST = 256 };
    uint32_t at = __atomic_load_n(&shim_global()->reap_at, __ATOMIC_RELAXED);

    if (arena_used(ARENA_SESSION) < (at > LEAST ? at : LEAST))
        return;
    session_reap();
    __atomic_store_n(&shim_global()->reap_at, 2 * arena_used(ARENA_SESSION), __ATOMIC_RELAXED);
}

/* The first session in this place. */
static void make_locks(struct shim_session *s)
{
    shim_mutex_init(&s->read_lock);
    shim_mutex_init(&s->write_lock);
    CHECKER_ATOMIC(s->generation);
    CHECKER_ATOMIC(s->reading);
    CHECKER_ATOMIC(s->writing);
    CHECKER_ATOMIC(s->cookie);
    CHECKER_ATOMIC(s->rule);
    CHECKER_ATOMIC(s->place);
    CHECKER_ATOMIC(s->rule_index);
    CHECKER_ATOMIC(s->rules_id);
    CHECKER_ATOMIC(s->stage);
    CHECKER_ATOMIC(s->touched);
    CHECKER_ATOMIC(s->eager);
    CHECKER_ATOMIC(s->tail);
    CHECKER_ATOMIC(s->refusals);
    CHECKER_ATOMIC(s->error);
    CHECKER_ATOMIC(s->failure);
    CHECKER_ATOMIC(s->deadline);
    CHECKER_ATOMIC(s->lingering);
    CHECKER_ATOMIC(s->moved);
    CHECKER_ATOMIC(s->connect_result);
    CHECKER_ATOMIC(s->queue_length);
    CHECKER_ATOMIC(s->plain_start);
    CHECKER_ATOMIC(s->plain_end);
    CHECKER_ATOMIC(s->ended);
    CHECKER_ATOMIC(s->shut_read);
    CHECKER_ATOMIC(s->program_low_water);
    CHECKER_ATOMIC(s->shut);
    CHECKER_ATOMIC(s->close_sealed);
    CHECKER_ATOMIC(s->shut_last);
    CHECKER_ATOMIC(s->watches);
    CHECKER_ATOMIC(s->unwatched);
    CHECKER_ATOMIC(s->tls.established);
    CHECKER_ATOMIC(s->tls.renegotiating);
    CHECKER_ATOMIC(s->tls.mailbox);
    CHECKER_ATOMIC(s->tls.read_error);
    CHECKER_ATOMIC(s->tls.alert_received);
    CHECKER_ATOMIC(s->tls.write_error);
    CHECKER_ATOMIC(s->tls.alert_sent);
}

struct shim_ref session_birth(uint64_t cookie, const struct rules *rules,
                              const struct policy_rule *rule)
{
    struct shim_ref ref = {0};
    struct shim_session *s;
    uint32_t index;

    reap_now_and_then();
    index = arena_take(ARENA_SESSION);
    s = arena_at(ARENA_SESSION, index);
    if (s == NULL)
        return ref;
    if (atomic_load(&s->generation) == 0)
        make_locks(s);
    clear(s);
    s->index = index;
    s->cookie = cookie;
    ruling_name(s, rules, rule);
    s->program_low_water = 1;
    tls_session_init(&s->tls, rule->kind == POLICY_CLIENT ? TLS_CLIENT : TLS_SERVER);
    ref.session = s;
    ref.generation = atomic_fetch_add(&s->generation, 1) + 1;
    return ref;
}

static struct shim_session *find_by_cookie(uint64_t cookie)
{
    for (uint32_t at = *bucket_of(cookie); at != 0;) {
        struct shim_session *s = arena_at(ARENA_SESSION, at);

        if (s->cookie == cookie)
            return s;
        at = s->hash_next;
    }
    return NULL;
}

bool session_publish(struct shim_ref ref, bool only_if_first)
{
    struct shim_session *s = ref.session;
    uint32_t *bucket = bucket_of(s->cookie);
    bool published;

    registry_lock();
    published = !only_if_first || find_by_cookie(s->cookie) == NULL;
    s->birth_process = shim_process_id();
    s->birth_forks = shim_global()->forks;
    if (published) {
        s->hash_next = *bucket;
        *bucket = s->index;
    }
    registry_unlock();
    return published;
}

struct shim_ref session_find(uint64_t cookie)
{
    struct shim_ref ref = {0};

    registry_lock();
    ref.session = find_by_cookie(cookie);
    if (ref.session != NULL)
        ref.generation = atomic_load(&ref.session->generation);
    registry_unlock();
    return ref;
}

static void unlink_from_bucket(const struct shim_session *s)
{
    for (uint32_t *at = bucket_of(s->cookie); *at != 0;) {
        struct shim_session *entry = arena_at(ARENA_SESSION, *at);

        if (entry == s) {
            *at = s->hash_next;
            return;
        }
        at = &entry->hash_next;
    }
}

/* Gives a slab back without what was in it. */
static void give_wiped(uint32_t *slab)
{
    if (*slab != 0)
        cg_wipe(arena_at(ARENA_SLAB, *slab), ARENA_SLAB_SIZE);
    arena_give(ARENA_SLAB, *slab);
    *slab = 0;
}

void session_release(struct shim_session *s)
{
    report_end(s);
    registry_lock();
    watch_forget(s);
    unlink_from_bucket(s);
    atomic_fetch_add(&s->generation, 1);
    registry_unlock();
    give_wiped(&s->handshake_slab);
    give_wiped(&s->queue_slab);
    give_wiped(&s->in_slab);
    give_wiped(&s->identity_slab);
    arena_give(ARENA_SLAB, s->out_slab);
    arena_give(ARENA_SLAB, s->holder_slab);
    arena_give(ARENA_BIG, s->big_piece);
    clear(s);
    session_unlock_both(s);
    arena_give(ARENA_SESSION, s->index);
}

/* Up to `room` of them. */
static uint32_t find_orphans(struct shim_ref *orphans, uint32_t room)
{
    struct holders_census census;
    uint32_t found = 0;

    registry_lock();
    holders_count(&census);
    for (uint32_t i = 0; i < 1u << SHIM_COOKIE_BITS; i++)
        for (uint32_t at = shim_global()->by_cookie[i]; at != 0 && found < room;) {
            struct shim_session *s = arena_at(ARENA_SESSION, at);

            if (holders_are_dead(s, &census))
                orphans[found++] = (struct shim_ref){s, atomic_load(&s->generation)};
            at = s->hash_next;
        }
    registry_unlock();
    return found;
}

void session_reap(void)
{
    enum { AT_ONCE = 64 };
    struct shim_ref orphans[AT_ONCE];
    uint32_t found;

    do {
        found = find_orphans(orphans, AT_ONCE);
        for (uint32_t i = 0; i < found; i++)
            if (session_lock_both(orphans[i]))
                session_release(orphans[i].session);
    } while (found == AT_ONCE);
}
