#include "watch.h"

#include "arena.h"
#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "needy.h"
#include "poll_anyway.h"
#include "poll_view.h"
#include "sockets.h"
#include "user_memory.h"

/* Data that the kernel carries for a session's descriptor: the arena's magic, a serial against
 * reuse, the watch. */
#define TOKEN_SERIAL_BITS 12
#define TOKEN_INDEX_BITS  28

static uint64_t token_of(const struct shim_watch *w)
{
    return (uint64_t)shim_global()->token_magic << (TOKEN_SERIAL_BITS + TOKEN_INDEX_BITS) |
           (uint64_t)(w->serial & ((1u << TOKEN_SERIAL_BITS) - 1)) << TOKEN_INDEX_BITS | w->index;
}

static bool is_token(uint64_t data)
{
    return data >> (TOKEN_SERIAL_BITS + TOKEN_INDEX_BITS) == shim_global()->token_magic;
}

/* NULL: the watch has been freed since. */
static struct shim_watch *watch_of(uint64_t data)
{
    struct shim_watch *w;

    w = arena_at(ARENA_WATCH, (uint32_t)data & ((1u << TOKEN_INDEX_BITS) - 1));
    return w != NULL && token_of(w) == data ? w : NULL;
}

static void name_session(struct shim_watch *w, struct shim_ref ref)
{
    w->session = ref.session->index;
    w->generation = ref.generation;
}

static struct shim_ref session_of(const struct shim_watch *w)
{
    return (struct shim_ref){arena_at(ARENA_SESSION, w->session), w->generation};
}

/* Bits that are not events. EPOLLEXCLUSIVE is left out: it forbids CTL_MOD, and means something
 * only for a descriptor that several sets wait for, such as a listener. */
enum { MODES = EPOLLET | EPOLLONESHOT | EPOLLWAKEUP };

/* A one-shot that has fired while the kernel's mask was ours. CTL_MOD cannot take POLLERR and
 * POLLHUP away as the kernel's own disarming does; as edges they cost one swallowed event. */
static const uint32_t DISARMED = EPOLLET;

/* The mask that the kernel should have. */
static uint32_t mask_for(const struct shim_session *s, const struct shim_watch *w)
{
    uint32_t wanted = w->wanted & ~(uint32_t)EPOLLEXCLUSIVE;
    unsigned stage = atomic_load(&s->stage);

    if (stage == SHIM_HANDSHAKE) {
        uint32_t asked = w->disarmed || w->out_reported ? 0 : wanted & ~(uint32_t)MODES;

        return view_ask(s, asked);
    }
    if (stage == SHIM_CONNECTING)
        return w->disarmed ? EPOLLOUT : (wanted & ~(uint32_t)MODES) | EPOLLOUT;
    if (stage == SHIM_OPEN && !w->disarmed)
        return (wanted & (uint32_t)MODES) | view_ask(s, wanted & ~(uint32_t)MODES);
    if (stage == SHIM_OPEN && atomic_load(&s->tail) != 0)
        return (wanted & (uint32_t)MODES) | EPOLLOUT;
    return w->disarmed ? DISARMED : wanted;
}

static int control(const struct shim_watch *w, int operation, uint32_t mask)
{
    struct epoll_event event = {.events = mask, .data.u64 = token_of(w)};

    return (int)sys4(SYS_epoll_ctl, w->epoll_fd, operation, w->fd, &event);
}

/* With the registry locked. */
static void bring_in_line(const struct shim_session *s, struct shim_watch *w, bool always)
{
    uint32_t mask = mask_for(s, w);

    /* A one-shot that the kernel has disarmed itself stays so until the program arms it. */
    if (mask == DISARMED && w->given & EPOLLONESHOT)
        return;
    if (mask == w->given && !always)
        return;
    w->given = mask;
    control(w, EPOLL_CTL_MOD, mask);
}

static struct shim_watch *find_in(uint32_t first, int epoll_fd, int fd, bool own)
{
    for (uint32_t at = first; at != 0;) {
        struct shim_watch *w = arena_at(ARENA_WATCH, at);

        if (w->epoll_fd == epoll_fd && w->fd == fd && (w->process == shim_process_id()) == own)
            return w;
        at = w->next;
    }
    return NULL;
}

/* always: of edge-triggered watches, also where the mask stays as it is. */
static void update_all(struct shim_session *s, bool always)
{
    registry_lock();
    for (uint32_t at = s->watches; at != 0;) {
        struct shim_watch *w = arena_at(ARENA_WATCH, at);

        /* Another process's, whose numbers stand for something else here: not ours to touch. */
        if (w->process == shim_process_id() ||
            find_in(s->watches, w->epoll_fd, w->fd, true) == NULL)
            bring_in_line(s, w, always && w->wanted & EPOLLET);
        at = w->next;
    }
    registry_unlock();
}

void watch_update(struct shim_session *s)
{
    update_all(s, false);
}

void watch_renew(struct shim_session *s)
{
    if (watch_any(s))
        update_all(s, true);
}

static void free_watch(struct shim_watch *w)
{
    w->serial++;
    w->session = 0;
    arena_give(ARENA_WATCH, w->index);
}

void watch_forget(struct shim_session *s)
{
    for (uint32_t at = s->watches; at != 0;) {
        struct shim_watch *w = arena_at(ARENA_WATCH, at);

        at = w->next;
        free_watch(w);
    }
    s->watches = 0;
}

/* This process's watch, or one of a process that it was forked from: numbers may mean other files
 * there, but then the kernel refuses what is done with them here. */
static struct shim_watch *find_watch(uint32_t first, int epoll_fd, int fd)
{
    struct shim_watch *w = find_in(first, epoll_fd, fd, true);

    return w != NULL ? w : find_in(first, epoll_fd, fd, false);
}

static void unchain(_Atomic uint32_t *first, const struct shim_watch *w)
{
    for (_Atomic uint32_t *at = first; *at != 0;) {
        struct shim_watch *entry = arena_at(ARENA_WATCH, *at);

        if (entry == w) {
            *at = w->next;
            return;
        }
        at = &entry->next;
    }
}

/* Numbers that sessions were added to, in this process. */
static _Atomic uint64_t sets[FDTABLE_SIZE / 64];

static void note_set(struct shim_session *s, struct shim_watch *w)
{
    w->closed = 0;
    s->unwatched = 0;
    if ((unsigned)w->epoll_fd < FDTABLE_SIZE)
        atomic_fetch_or(&sets[w->epoll_fd / 64], (uint64_t)1 << (w->epoll_fd % 64));
}

static bool all_closed(const struct shim_session *s)
{
    for (uint32_t at = s->watches; at != 0;) {
        const struct shim_watch *w = arena_at(ARENA_WATCH, at);

        if (!w->closed)
            return false;
        at = w->next;
    }
    return true;
}

/* The set may live on under other numbers and in other processes: its watches stay. */
static void close_watch(struct shim_watch *w)
{
    struct shim_ref ref = session_of(w);

    w->closed = 1;
    if (ref.session == NULL || !session_is_live(ref) || !all_closed(ref.session))
        return;
    ref.session->unwatched = 1;
    needy_add(w->fd);
}

void watch_set_closes(int epoll_fd)
{
    uint64_t bit = (uint64_t)1 << (epoll_fd & 63);
    struct shim_guard guard;

    if ((unsigned)epoll_fd >= FDTABLE_SIZE ||
        (atomic_load_explicit(&sets[epoll_fd / 64], memory_order_relaxed) & bit) == 0)
        return;
    atomic_fetch_and(&sets[epoll_fd / 64], ~bit);
    shim_enter(&guard);
    registry_lock();
    for (uint32_t i = 1; i <= arena_reach(ARENA_WATCH); i++) {
        struct shim_watch *w = arena_at(ARENA_WATCH, i);

        if (w->session != 0 && w->epoll_fd == epoll_fd && w->process == shim_process_id())
            close_watch(w);
    }
    registry_unlock();
    shim_leave(&guard);
}

static void want(struct shim_watch *w, const struct epoll_event *event)
{
    w->wanted = event->events;
    w->data = event->data.u64;
    w->disarmed = 0;
    w->out_reported = 0;
    w->out_shown = 0;
}

static struct shim_watch *new_watch(_Atomic uint32_t *chain, int epoll_fd, int fd)
{
    uint32_t index = arena_take(ARENA_WATCH);
    struct shim_watch *w = arena_at(ARENA_WATCH, index);
    uint32_t serial = w != NULL ? w->serial : 0;

    if (w == NULL)
        return NULL;
    w->index = index;
    w->serial = serial + 1;
    w->process = shim_process_id();
    w->epoll_fd = epoll_fd;
    w->fd = fd;
    w->next = *chain;
    w->session = w->generation = 0;
    w->cookie = 0;
    w->closed = 0;
    w->given = 0;
    w->refusals_then = 0;
    want(w, &(struct epoll_event){0});
    *chain = index;
    return w;
}

/* epoll_ctl(2): what goes with EPOLLEXCLUSIVE, and that it cannot be changed afterwards. */
static bool exclusive_is_wrong(const struct shim_watch *w, int operation,
                               const struct epoll_event *event)
{
    const uint32_t with =
        EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | (uint32_t)EPOLLET | EPOLLEXCLUSIVE;

    if (operation == EPOLL_CTL_ADD)
        return event->events & EPOLLEXCLUSIVE && event->events & ~with;
    return event->events & EPOLLEXCLUSIVE || (w != NULL && w->wanted & EPOLLEXCLUSIVE);
}

static int add(struct shim_session *s, struct shim_ref ref, int epoll_fd, int fd,
               const struct epoll_event *event)
{
    struct shim_watch *w = find_in(s->watches, epoll_fd, fd, true);
    bool fresh = w == NULL;
    int r;

    if (exclusive_is_wrong(w, EPOLL_CTL_ADD, event))
        return -EINVAL;
    if (fresh)
        w = new_watch(&s->watches, epoll_fd, fd);
    if (w == NULL)
        return -ENOSPC;
    struct shim_watch before = *w;

    name_session(w, ref);
    note_set(s, w);
    w->cookie = s->cookie;
    want(w, event);
    w->given = mask_for(s, w);
    r = control(w, EPOLL_CTL_ADD, w->given);
    if (r != 0 && fresh) {
        unchain(&s->watches, w);
        free_watch(w);
    } else if (r != 0) {
        w->wanted = before.wanted;
        w->data = before.data;
        w->disarmed = before.disarmed;
        w->given = before.given;
    }
    return r;
}

static int modify(struct shim_session *s, int epoll_fd, int fd, const struct epoll_event *event)
{
    struct shim_watch *w = find_watch(s->watches, epoll_fd, fd);

    if (exclusive_is_wrong(w, EPOLL_CTL_MOD, event))
        return -EINVAL;
    if (w == NULL)
        return -ENOENT;
    want(w, event);
    w->given = mask_for(s, w);
    return control(w, EPOLL_CTL_MOD, w->given);
}

static int drop(_Atomic uint32_t *chain, int epoll_fd, int fd)
{
    struct shim_watch *w = find_watch(*chain, epoll_fd, fd);

    if (w != NULL) {
        unchain(chain, w);
        free_watch(w);
    }
    return (int)sys4(SYS_epoll_ctl, epoll_fd, EPOLL_CTL_DEL, fd, NULL);
}

static int result(int r)
{
    if (r == 0)
        return 0;
    errno = -r;
    return -1;
}

int watch_control(int epoll_fd, int operation, int fd, struct shim_ref ref,
                  struct epoll_event *event)
{
    struct shim_session *s = ref.session;
    struct shim_guard guard;
    int r = -EINVAL;

    if (operation != EPOLL_CTL_DEL && !user_memory(event, sizeof(*event)))
        return -1;
    shim_enter(&guard);
    registry_lock();
    if (!session_is_live(ref))
        r = -EBADF;
    else if (operation == EPOLL_CTL_ADD)
        r = add(s, ref, epoll_fd, fd, event);
    else if (operation == EPOLL_CTL_MOD)
        r = modify(s, epoll_fd, fd, event);
    else if (operation == EPOLL_CTL_DEL)
        r = drop(&s->watches, epoll_fd, fd);
    registry_unlock();
    if (operation == EPOLL_CTL_DEL)
        needy_add(fd); /* no set carries it on any more */
    shim_leave(&guard);
    return result(r);
}

/* ---- sockets that are added before they are connected ---- */

int watch_control_early(int epoll_fd, int operation, int fd, struct epoll_event *event)
{
    struct shim_guard guard;
    struct shim_watch *w;
    uint64_t cookie = socket_cookie(fd);
    int r = real(epoll_ctl)(epoll_fd, operation, fd, event);

    if (r != 0)
        return r;
    shim_enter(&guard);
    registry_lock();
    _Atomic uint32_t *chain = &shim_global()->early_watches;

    w = find_in(*chain, epoll_fd, fd, true);
    if (operation == EPOLL_CTL_DEL && w != NULL) {
        unchain(chain, w);
        free_watch(w);
    } else if (operation != EPOLL_CTL_DEL) {
        if (w == NULL)
            w = new_watch(chain, epoll_fd, fd);
        if (w != NULL) {
            w->cookie = cookie;
            want(w, event);
        }
    }
    registry_unlock();
    shim_leave(&guard);
    return r;
}

void watch_adopt(int fd, struct shim_ref ref)
{
    struct shim_session *s = ref.session;

    if (shim_global()->early_watches == 0)
        return;
    registry_lock();
    for (uint32_t at = shim_global()->early_watches; at != 0;) {
        struct shim_watch *w = arena_at(ARENA_WATCH, at);

        at = w->next;
        if (w->fd != fd || w->process != shim_process_id())
            continue;
        unchain(&shim_global()->early_watches, w);
        if (w->cookie != s->cookie) { /* an earlier socket of this number */
            free_watch(w);
            continue;
        }
        name_session(w, ref);
        note_set(s, w);
        w->next = s->watches;
        s->watches = w->index;
        bring_in_line(s, w, true);
    }
    registry_unlock();
}

void watch_disown(struct shim_session *s)
{
    registry_lock();
    while (s->watches != 0) {
        struct shim_watch *w = arena_at(ARENA_WATCH, s->watches);
        struct epoll_event event = {.events = w->wanted, .data.u64 = w->data};

        sys4(SYS_epoll_ctl, w->epoll_fd, EPOLL_CTL_MOD, w->fd, &event);
        s->watches = w->next;
        w->session = 0;
        w->next = shim_global()->early_watches;
        shim_global()->early_watches = w->index;
    }
    registry_unlock();
}

/* ---- what the kernel reports ---- */

/* The program sees this event: one-shots and, in a handshake, edges of OUT are used up. False:
 * another thread has had the one-shot. */
static bool use_up(struct shim_session *s, struct shim_watch *w, uint32_t shown)
{
    bool handshake = atomic_load(&s->stage) == SHIM_HANDSHAKE;

    registry_lock();
    if (w->disarmed) {
        registry_unlock();
        return false;
    }
    if (w->wanted & EPOLLONESHOT)
        w->disarmed = 1;
    if (handshake && shown & EPOLLOUT && w->wanted & EPOLLET)
        w->out_reported = 1;
    if (!handshake && shown & EPOLLOUT) {
        w->out_shown = 1;
        w->refusals_then = atomic_load(&s->refusals);
    }
    if (handshake || (w->disarmed && (w->given & EPOLLONESHOT) == 0))
        bring_in_line(s, w, false);
    registry_unlock();
    return true;
}

/* Nothing for the program in it: the kernel's one-shot must be armed again. */
static void swallowed(struct shim_session *s, struct shim_watch *w)
{
    registry_lock();
    bring_in_line(s, w, (w->given & EPOLLONESHOT) != 0 && !w->disarmed);
    registry_unlock();
}

/* What is known of a watch at one moment, without the registry's lock. */
struct glance {
    struct shim_ref ref;
    uint64_t data;
    uint32_t wanted, refusals_then;
    int fd;
    bool disarmed, out_reported, out_shown;
};

/* NULL: it is not the token's, or the session is gone. */
static struct shim_watch *glance_at(uint64_t token, struct glance *g)
{
    struct shim_watch *w = watch_of(token);

    if (w == NULL)
        return NULL;
    *g = (struct glance){session_of(w), w->data,     w->wanted,       w->refusals_then,
                         w->fd,         w->disarmed, w->out_reported, w->out_shown};
    /* Freed meanwhile, and perhaps another's. */
    if (watch_of(token) != w || g->ref.session == NULL || !session_is_live(g->ref))
        return NULL;
    return w;
}

/* Bytes that mean nothing to the program yet came as an edge, and the kernel tells with it that
 * there is room to write. That is no news where no write was refused since it was told last. */
static uint32_t without_stale_out(const struct glance *g, uint32_t got, uint32_t shown)
{
    bool swallowed_in = got & EPOLLIN && g->wanted & EPOLLIN && (shown & EPOLLIN) == 0;

    if (swallowed_in && g->wanted & EPOLLET && g->out_shown &&
        g->refusals_then == atomic_load(&g->ref.session->refusals))
        shown &= ~(uint32_t)EPOLLOUT;
    return shown;
}

/* The handshake has ended in this very wait: what is ready since belongs to it. Edges come by
 * themselves. */
static uint32_t shown_since(const struct glance *g)
{
    uint32_t asked = g->wanted & ~(uint32_t)MODES;
    struct pollfd entry = {.fd = g->fd, .events = (short)asked};
    struct timespec none = {0};

    if (g->wanted & EPOLLET || g->disarmed || atomic_load(&g->ref.session->stage) != SHIM_OPEN ||
        sys_poll_anyway(&entry, 1, &none, NULL) != 1)
        return 0;
    return view_answer(g->fd, g->ref, asked, (unsigned short)entry.revents);
}

/* True: *event is the program's to see. */
static bool translate(struct epoll_event *event)
{
    struct shim_watch *w;
    struct shim_guard guard;
    struct glance g;
    uint32_t shown;
    unsigned before;

    if (!is_token(event->data.u64))
        return true;
    w = glance_at(event->data.u64, &g);
    if (w == NULL)
        return false;
    event->data.u64 = g.data;
    /* The number that was added may be closed, and the socket have others. In a process that has
     * the set but no descriptor nothing can be done for the session. */
    if (!socket_is_of(g.fd, g.ref.session))
        g.fd = fdtable_number(g.ref.session);
    if (g.fd < 0)
        return true;
    before = atomic_load(&g.ref.session->stage);
    shown = view_answer(g.fd, g.ref, g.wanted & ~(uint32_t)MODES, event->events);
    if (before == SHIM_HANDSHAKE && shown == 0)
        shown = shown_since(&g);
    shown = without_stale_out(&g, event->events, shown);
    if (g.out_reported && atomic_load(&g.ref.session->stage) == SHIM_HANDSHAKE)
        shown &= ~(uint32_t)EPOLLOUT;
    if (g.disarmed)
        shown = 0;
    shim_enter(&guard);
    if (shown != 0 && !use_up(g.ref.session, w, shown))
        shown = 0;
    else if (shown == 0)
        swallowed(g.ref.session, w);
    shim_leave(&guard);
    event->events = shown;
    return shown != 0;
}

int watch_translate(struct epoll_event *events, int count)
{
    int kept = 0;

    for (int i = 0; i < count; i++)
        if (translate(&events[i]))
            events[kept++] = events[i];
    return kept;
}
