#include "transfer.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "../crypto_glue/cg_ct.h"
#include "global.h"
#include "rule_numbers.h"
#include "ruling.h"

/* ---- pieces ---- */

struct place { /* a session where it lies */
    struct arena *arena;
    struct shim_session *session;
};

enum { PIECES = 5 };

/* What a session may have taken, by pool. */
static uint32_t *const *pieces_of(struct shim_session *s, enum arena_pool pool,
                                  uint32_t *out[PIECES + 1])
{
    if (pool == ARENA_BIG) {
        out[0] = &s->big_piece;
        out[1] = NULL;
    } else {
        out[0] = &s->handshake_slab;
        out[1] = &s->queue_slab;
        out[2] = &s->in_slab;
        out[3] = &s->out_slab;
        out[4] = &s->identity_slab;
        out[5] = NULL;
    }
    return out;
}

static size_t size_of(enum arena_pool pool)
{
    return pool == ARENA_BIG ? TLS_BIG_SIZE : ARENA_SLAB_SIZE;
}

/* There may be no room to look at what another process has taken. */
static bool can_see_pieces(struct place at)
{
    uint32_t *list[PIECES + 1];

    for (int pool = ARENA_SLAB; pool <= ARENA_BIG; pool++)
        for (uint32_t *const *p = pieces_of(at.session, pool, list); *p != NULL; p++)
            if (**p != 0 && arena_piece(at.arena, pool, **p) == NULL)
                return false;
    return true;
}

static void give_pieces(struct place at, enum arena_pool pool)
{
    uint32_t *list[PIECES + 1];

    for (uint32_t *const *p = pieces_of(at.session, pool, list); *p != NULL; p++) {
        if (**p != 0)
            cg_wipe(arena_piece(at.arena, pool, **p), size_of(pool));
        arena_give_to(at.arena, pool, **p);
        **p = 0;
    }
}

/* `to` has the numbers of pieces in the other arena: gets copies of its own. False: no memory. */
static bool copy_pieces(struct place to, struct arena *from, enum arena_pool pool)
{
    uint32_t *list[PIECES + 1], *const *p = pieces_of(to.session, pool, list);

    for (; *p != NULL; p++) {
        const void *old = arena_piece(from, pool, **p);

        if (old == NULL) {
            **p = 0;
            continue;
        }
        **p = arena_take_from(to.arena, pool);
        if (**p == 0)
            break;
        memcpy(arena_piece(to.arena, pool, **p), old, size_of(pool));
    }
    if (*p == NULL)
        return true;
    for (; *p != NULL; p++)
        **p = 0;
    return false;
}

/* ---- the session ---- */

/* All that is not the place's own: locks, generation and who holds it stay. */
static void copy_fields(struct shim_session *to, const struct shim_session *from)
{
    const size_t begin = offsetof(struct shim_session, tls);
    const size_t registry = offsetof(struct shim_session, hash_next);
    const size_t end = offsetof(struct shim_session, peer_name);

    memcpy((char *)to + begin, (const char *)from + begin, registry - begin);
    memcpy((char *)to + end, (const char *)from + end, sizeof(*to) - end);
}

/* Both are locked, or nobody else knows of them. False: no memory, and nothing has changed but
 * that `to` holds no session. */
static bool copy_session(struct place to, struct place from)
{
    copy_fields(to.session, from.session);
    if (copy_pieces(to, from.arena, ARENA_SLAB) && copy_pieces(to, from.arena, ARENA_BIG))
        return true;
    give_pieces(to, ARENA_SLAB);
    give_pieces(to, ARENA_BIG);
    return false;
}

/* Locked. The keys are gone: nothing can be sealed or opened here any more. */
static void leave_behind(struct place at)
{
    struct shim_session *s = at.session;

    give_pieces(at, ARENA_SLAB);
    give_pieces(at, ARENA_BIG);
    cg_wipe(&s->tls, sizeof(s->tls));
    s->in_have = s->plain_start = s->plain_end = s->in_used = 0;
    s->queue_length = 0;
    s->held_byte = 0;
    s->moved = 1;
    atomic_store(&s->tail, 0);
    atomic_store(&s->error, EPROTO);
    atomic_store(&s->failure, EPROTO);
    atomic_store(&s->stage, SHIM_FAILED);
}

/* Out of the table of cookies, under its lock. False: the way there cannot be seen. */
static bool unlist(struct place at)
{
    uint32_t *link = session_bucket(arena_global_of(at.arena), at.session->cookie);

    while (*link != 0) {
        struct shim_session *entry = arena_piece(at.arena, ARENA_SESSION, *link);

        if (entry == NULL)
            return false;
        if (entry == at.session) {
            *link = entry->hash_next;
            break;
        }
        link = &entry->hash_next;
    }
    atomic_fetch_add(&at.session->generation, 1);
    return true;
}

/* Locked, and nobody has a descriptor any more: the place is free. One that cannot be freed stays
 * a session that has failed. */
static void release_foreign(struct place at)
{
    struct shim_global *g = arena_global_of(at.arena);
    struct shim_session *s = at.session;
    bool done;

    registry_lock_of(g);
    done = unlist(at);
    registry_unlock_of(g);
    if (!done) {
        session_unlock_both(s);
        return;
    }
    arena_give_to(at.arena, ARENA_SLAB, s->holder_slab);
    s->cookie = 0;
    session_unlock_both(s);
    arena_give_to(at.arena, ARENA_SESSION, s->index);
}

/* Under which rule of this process a session goes on, and those that it is one of. */
struct ruled {
    const struct rules *rules;
    const struct policy_rule *rule;
};

/* The own arena's place for it, locked: a new one, or the one that it left behind here when it
 * went. */
static struct shim_ref place_for(uint64_t cookie, const struct ruled *ruled, bool *is_new)
{
    struct shim_ref ref = session_find(cookie);

    *is_new = ref.session == NULL;
    if (*is_new)
        ref = session_birth(cookie, ruled->rules, ruled->rule);
    if (ref.session == NULL || !session_lock_both(ref))
        return (struct shim_ref){0};
    if (*is_new || ref.session->moved)
        return ref;
    session_unlock_both(ref.session);
    return (struct shim_ref){0};
}

static void abandon(struct place to, bool is_new)
{
    if (is_new) {
        session_release(to.session);
    } else {
        leave_behind(to);
        session_unlock_both(to.session);
    }
}

/* `from` is locked. */
static struct shim_ref settle(struct place from, const struct ruled *ruled)
{
    bool is_new;
    struct shim_ref ref = place_for(from.session->cookie, ruled, &is_new);

    if (ref.session == NULL)
        return ref;
    if (!copy_session((struct place){arena_own(), ref.session}, from)) {
        abandon((struct place){arena_own(), ref.session}, is_new);
        return (struct shim_ref){0};
    }
    ruling_name(ref.session, ruled->rules, ruled->rule);
    session_unlock_both(ref.session);
    if (is_new)
        session_publish(ref, false);
    else
        holders_add(ref.session);
    return ref;
}

/* Takes it while it is locked; `old` is unlocked afterwards. */
static struct shim_ref take_locked(struct place old, uint64_t cookie, const struct rules *rules)
{
    const struct ruled ruled = {rules, rule_from(rules, old.arena, old.session->rule)};
    struct shim_ref ref = {0};

    if (old.session->cookie == cookie && !old.session->moved && ruled.rule != NULL &&
        can_see_pieces(old))
        ref = settle(old, &ruled);
    if (ref.session != NULL)
        leave_behind(old);
    if (ref.session != NULL && old.session->orphaned)
        release_foreign(old);
    else
        session_unlock_both(old.session);
    return ref;
}

/* ---- what the header promises ---- */

struct shim_ref transfer_take(struct arena *from, const struct transfer_name *name)
{
    struct place old = {from, arena_piece(from, ARENA_SESSION, name->index)};
    struct shim_ref old_ref = {old.session, name->generation}, ref = {0};
    struct shim_guard guard;
    const struct rules *rules;

    if (old.session == NULL)
        return ref;
    rules = ruling_pin();
    shim_enter(&guard);
    if (session_lock_both(old_ref))
        ref = take_locked(old, name->cookie, rules);
    shim_leave(&guard);
    ruling_unpin(rules);
    return ref;
}

bool transfer_put(struct shim_ref ref, struct arena *to)
{
    uint32_t index = arena_take_from(to, ARENA_SESSION);
    struct place from = {arena_own(), ref.session};
    struct place new = {to, arena_piece(to, ARENA_SESSION, index)};
    struct shim_guard guard;
    bool done = false;

    if (new.session == NULL)
        return false;
    shim_mutex_init(&new.session->read_lock);
    shim_mutex_init(&new.session->write_lock);
    new.session->index = index;
    shim_enter(&guard);
    if (session_lock_both(ref)) {
        if (!ref.session->moved && copy_session(new, from)) {
            new.session->rule = rule_number_copy(to, arena_own(), ref.session->rule);
            new.session->cookie = ref.session->cookie;
            new.session->orphaned = 1;
            atomic_store(&new.session->generation, 1);
            leave_behind(from);
            done = true;
        }
        session_unlock_both(ref.session);
    }
    shim_leave(&guard);
    return done;
}

bool transfer_find(struct arena *from, uint64_t cookie, struct transfer_name *out)
{
    const struct shim_session *s;

    for (uint32_t i = 1; (s = arena_piece(from, ARENA_SESSION, i)) != NULL && s->index == i; i++) {
        *out = (struct transfer_name){i, atomic_load(&s->generation), s->cookie};
        if (s->cookie == cookie)
            return true;
    }
    return false;
}
