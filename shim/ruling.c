#include "ruling.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arena.h"
#include "checkers.h"
#include "common_environment.h"
#include "common_log.h"
#include "confine.h"
#include "global.h"
#include "resumption.h"
#include "rule_numbers.h"

enum {
    SETS = 4096,       /* rules of that many different times may have connections */
    LOOK_SHARE = 1000, /* looking takes one part in so many of the processor's time, */
    LOAD_SHARE = 10,   /* loading one in so many; */
    WAIT_SHARE = 10, /* waiting for files, on a slow network say, one in so many of the thread's */
    LOOK_EVERY_MAX = 1000000000,
    RETRY_AFTER = 30 /* seconds, when what was wrong may be no matter of files */
};

/* A place for rules. Whoever raises `users` and then still finds them there may use them; they go
 * when they are not the current ones, nobody does, and no session is under them. Places are never
 * unmapped, so who comes too late meets a number and no freed memory. */
struct set {
    _Atomic uint64_t id; /* of the rules; 0: free, or about to be */
    _Atomic uint32_t users;
    _Atomic bool lent; /* to a session that another program began, here or in a parent */
    struct rules rules;
};

static struct set sets[SETS];
static _Atomic uint32_t current, reach; /* reach: places that were ever used */

static struct rules_source source;

/* Of who looks, one at a time. */
static _Atomic int64_t look_at; /* CLOCK_MONOTONIC, ns */
static _Atomic int looking;
static struct {
    struct file_notes seen; /* by a load that failed, when it did */
    bool failed;
    int64_t retry_at;
    char text[RULES_ERROR_TEXT]; /* what was logged of it */
} bad;

/* ---- loading ---- */

static void put(struct set *set, uint32_t index, const struct rules *rules)
{
    CHECKER_ATOMIC(set->id);
    CHECKER_ATOMIC(set->users);
    CHECKER_ATOMIC(set->lent);
    set->rules = *rules;
    atomic_store(&set->lent, false);
    resumption_equip(&set->rules);
    CHECKER_GIVES(set);
    atomic_store(&set->id, rules->id);
    if (index >= atomic_load(&reach))
        atomic_store(&reach, index + 1);
    atomic_store(&current, index);
}

bool ruling_start(struct rules_error *error)
{
    static struct rules rules;

    if (!environment_keep()) {
        snprintf(error->text, sizeof(error->text), "not enough memory");
        return false;
    }
    if (!rules_find_source(&source, error) || !rules_load_from(&rules, &source, error))
        return false;
    resumption_start(&rules.policy.process);
    put(&sets[0], 0, &rules);
    return true;
}

static bool has_id(uint32_t place, uint64_t id)
{
    if (atomic_load_explicit(&sets[place].id, memory_order_acquire) != id)
        return false;
    CHECKER_TAKES(&sets[place]);
    return true;
}

/* Of the rules that a session was born under, here; SETS: they are unknown. */
static uint32_t place_of(const struct shim_session *s)
{
    uint32_t place = 0;

    while (place < atomic_load(&reach) && !has_id(place, s->rules_id))
        place++;
    return place < atomic_load(&reach) ? place : SETS;
}

/* Is a live session under these old rules? */
static bool is_needed(const struct set *set)
{
    for (uint32_t i = arena_reach(ARENA_SESSION); i > 0; i--) {
        const struct shim_session *s = arena_at(ARENA_SESSION, i);

        if ((atomic_load(&s->generation) & 1) == 0)
            continue;
        if (s->rules_id == set->rules.id || (atomic_load(&set->lent) && place_of(s) == SETS &&
                                             rule_from(&set->rules, arena_own(), s->rule) != NULL))
            return true;
    }
    return false;
}

/* Sessions that old rules were used for until nobody did are there to be seen. Who begins to use
 * them later, for want of others, has raised `users` before the place is given up, or finds it so.
 */
static void free_unused(void)
{
    for (uint32_t i = 0; i < atomic_load(&reach); i++) {
        struct set *set = &sets[i];
        uint64_t id = atomic_load(&set->id);

        if (id == 0 || i == atomic_load(&current) || atomic_load(&set->users) != 0 ||
            is_needed(set))
            continue;
        atomic_store(&set->id, 0);
        if (atomic_load(&set->users) == 0 && !is_needed(set))
            rules_unload(&set->rules);
        else
            atomic_store(&set->id, id);
    }
}

static bool find_free(uint32_t *index)
{
    for (*index = 0; *index < SETS; ++*index)
        if (atomic_load(&sets[*index].id) == 0)
            return true;
    return false;
}

static void fail(const struct rules *rules, const struct rules_error *error)
{
    file_notes_release(&bad.seen);
    bad.seen = rules->seen;
    bad.retry_at = shim_now() + RETRY_AFTER * 1000000000LL;
    if (!bad.failed || strcmp(bad.text, error->text) != 0)
        log_line(LOG_LEVEL_ERROR, "%s; the rules of before stay in force", error->text);
    bad.failed = true;
    memcpy(bad.text, error->text, sizeof(bad.text));
}

static void load_anew(void)
{
    static struct rules rules;
    static struct rules_error error;
    uint32_t index = 0;

    free_unused();
    bool good = rules_load_from(&rules, &source, &error);
    if (good && !find_free(&index)) {
        snprintf(error.text, sizeof(error.text),
                 "%s: connections under %d older policies are open; end some", source.name, SETS);
        good = false;
    }
    if (!good) {
        fail(&rules, &error);
        rules.seen = (struct file_notes){0};
        rules_unload(&rules);
        return;
    }
    file_notes_release(&bad.seen);
    bad.failed = false;
    put(&sets[index], index, &rules);
    log_line(LOG_LEVEL_INFO, "%s: read anew: it or a file that it names has changed", source.name);
}

/* ---- looking ---- */

static bool look(void)
{
    bool changed = bad.failed ? file_notes_changed(&bad.seen) || shim_now() > bad.retry_at
                              : file_notes_changed(&sets[atomic_load(&current)].rules.seen);

    if (changed)
        load_anew();
    return changed;
}

static int64_t processor_time(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Signals are blocked and cancellation is off, for a thread that went away in the middle would be
 * the last that looked. */
static void look_undisturbed(int64_t begin)
{
    int64_t worked = processor_time(), end, pause;
    struct shim_guard guard;
    int cancelling;

    shim_enter(&guard);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancelling);
    bool loaded = look();
    worked = processor_time() - worked;
    end = shim_now();
    pause = worked * (loaded ? LOAD_SHARE : LOOK_SHARE) + (loaded ? 0 : (end - begin) * WAIT_SHARE);
    atomic_store(&look_at, end + (pause < LOOK_EVERY_MAX ? pause : LOOK_EVERY_MAX));
    pthread_setcancelstate(cancelling, NULL);
    shim_leave(&guard);
}

static void look_if_due(void)
{
    int64_t now = shim_now();

    if (now < atomic_load_explicit(&look_at, memory_order_relaxed) || atomic_load(&shim_confined) ||
        atomic_exchange(&looking, 1) != 0)
        return;
    CHECKER_TAKES(&looking);
    look_undisturbed(now);
    CHECKER_GIVES(&looking);
    atomic_store(&looking, 0);
}

void ruling_in_child(void)
{
    atomic_store(&looking, 0); /* the thread that looked is not here */
}

/* ---- asking ---- */

static struct set *pin_current(void)
{
    for (;;) {
        struct set *set = &sets[atomic_load(&current)];

        atomic_fetch_add(&set->users, 1);
        CHECKER_TAKES(set);
        if (set == &sets[atomic_load(&current)])
            return set; /* which nobody gives up, from before that on until users is 0 again */
        atomic_fetch_sub(&set->users, 1);
    }
}

const struct rules *ruling_pin(void)
{
    look_if_due();
    return &pin_current()->rules;
}

static struct set *set_of(const struct rules *rules)
{
    return (struct set *)((uintptr_t)rules - offsetof(struct set, rules));
}

void ruling_unpin(const struct rules *rules)
{
    atomic_fetch_sub(&set_of(rules)->users, 1);
}

const char *ruling_file(void)
{
    return source.name;
}

struct policy_process ruling_process(void)
{
    const struct set *set = pin_current();
    struct policy_process process = set->rules.policy.process;

    ruling_unpin(&set->rules);
    return process;
}

void ruling_name(struct shim_session *s, const struct rules *rules, const struct policy_rule *rule)
{
    s->rule = rule_number(rules, rule);
    s->place = (uint32_t)(set_of(rules) - sets);
    s->rule_index = rule->index;
    s->rules_id = rules->id;
}

/* For a session that another program began: the rule of the same identity. */
static const struct policy_rule *borrow(const struct shim_session *s, uint32_t place,
                                        const struct rules **rules)
{
    struct set *set = &sets[place];
    const struct policy_rule *rule = NULL;

    atomic_fetch_add(&set->users, 1);
    if (atomic_load(&set->id) != 0)
        rule = rule_from(&set->rules, arena_own(), s->rule);
    if (rule != NULL)
        atomic_store(&set->lent, true);
    atomic_fetch_sub(&set->users, 1);
    *rules = &set->rules;
    return rule;
}

/* The rule, and in *rules those that it is one of: first as this process, or one that it descends
 * from, has noted it; else by identity, in the rules in force, then in those of before. */
static const struct policy_rule *find(const struct shim_session *s, const struct rules **rules)
{
    uint32_t place = s->place < SETS && has_id(s->place, s->rules_id) ? s->place : place_of(s);
    const struct policy_rule *rule;

    if (place < SETS) {
        *rules = &sets[place].rules;
        return &(*rules)->policy.rules[s->rule_index];
    }
    rule = borrow(s, atomic_load(&current), rules);
    for (place = 0; rule == NULL && place < atomic_load(&reach); place++)
        rule = borrow(s, place, rules);
    return rule;
}

const struct policy_rule *rule_of_session(const struct shim_session *s)
{
    const struct rules *rules;

    return find(s, &rules);
}

const struct tls_config *config_of_session(const struct shim_session *s)
{
    const struct rules *rules;
    const struct policy_rule *rule = find(s, &rules);

    return rule != NULL ? rules->configs[rule->index] : NULL;
}
