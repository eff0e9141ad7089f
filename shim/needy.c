#include "needy.h"

#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "sockets.h"
#include "watch.h"

static _Atomic int slots[NEEDY_MAX]; /* descriptor + 1; 0: free */
static _Atomic int used;             /* one above the highest slot ever taken */

bool needy_add(int fd)
{
    for (int i = 0; i < NEEDY_MAX; i++) {
        int expected = 0;

        if (atomic_load(&slots[i]) == fd + 1)
            return true;
        if (!atomic_compare_exchange_strong(&slots[i], &expected, fd + 1))
            continue;
        int now = atomic_load(&used);

        while (now <= i && !atomic_compare_exchange_weak(&used, &now, i + 1))
            ;
        return true;
    }
    return false;
}

/* And nothing unread keeps the kernel readable meanwhile. */
static bool renegotiates(const struct shim_session *s)
{
    return atomic_load(&s->stage) == SHIM_OPEN && tls_in_handshake(&s->tls) && io_leftover(s) == 0;
}

static bool has_work(const struct shim_session *s)
{
    unsigned stage = atomic_load(&s->stage);

    if (s->lingering)
        return true;
    if (stage == SHIM_OPEN)
        return atomic_load(&s->tail) != 0 || renegotiates(s);
    return (stage == SHIM_HANDSHAKE || stage == SHIM_CONNECTING) && !watch_carries(s);
}

/* The session in the slot, or NULL; the slot is freed when there is nothing left to do for it. */
static struct shim_session *needy_at(int i, int *fd)
{
    int value = atomic_load(&slots[i]);
    struct shim_ref ref;

    if (value == 0)
        return NULL;
    *fd = value - 1;
    ref = fdtable_session(*fd);
    if (ref.session != NULL && has_work(ref.session) && socket_is_of(*fd, ref.session)) {
        if (!ref.session->lingering || !io_linger_is_over(*fd, ref))
            return ref.session;
    }
    atomic_compare_exchange_strong(&slots[i], &value, 0);
    return NULL;
}

int64_t needy_deadline(int64_t deadline)
{
    for (int i = 0; i < atomic_load(&used); i++) {
        int fd;
        const struct shim_session *s = needy_at(i, &fd);

        if (s != NULL && s->lingering && s->deadline < deadline)
            deadline = s->deadline;
    }
    return deadline;
}

bool needy_any(void)
{
    int fd;

    for (int i = 0; i < atomic_load(&used); i++)
        if (atomic_load(&slots[i]) != 0 && needy_at(i, &fd) != NULL)
            return true;
    return false;
}

static bool is_listed(int fd, const struct pollfd *list, int count)
{
    for (int i = 0; i < count; i++)
        if (list[i].fd == fd)
            return true;
    return false;
}

static short events_of(const struct shim_session *s)
{
    switch (atomic_load(&s->stage)) {
    case SHIM_CONNECTING:
        return POLLOUT;
    case SHIM_OPEN:
        return renegotiates(s) && atomic_load(&s->tail) == 0 ? POLLIN : POLLOUT;
    default:
        return atomic_load(&s->tail) != 0 ? POLLIN | POLLOUT : POLLIN;
    }
}

int needy_collect(struct pollfd *out, int room, const struct pollfd *list, int count)
{
    int n = 0;

    for (int i = 0; i < atomic_load(&used) && n < room; i++) {
        int fd;
        const struct shim_session *s = needy_at(i, &fd);

        if (s == NULL || is_listed(fd, list, count))
            continue;
        out[n++] = (struct pollfd){.fd = fd, .events = events_of(s)};
    }
    return n;
}

static void forget(int fd)
{
    for (int i = 0; i < NEEDY_MAX; i++) {
        int value = fd + 1;

        atomic_compare_exchange_strong(&slots[i], &value, 0);
    }
}

void needy_attend(const struct pollfd *entries, int count)
{
    for (int i = 0; i < count; i++) {
        struct shim_ref ref = fdtable_session(entries[i].fd);

        if (ref.session == NULL || entries[i].revents == 0)
            continue;
        io_attend(entries[i].fd, ref);
        /* A connect that failed: the program will ask, or not; there is nothing to carry on. */
        if (atomic_load(&ref.session->stage) == SHIM_CONNECTING &&
            entries[i].revents & (POLLERR | POLLHUP))
            forget(entries[i].fd);
    }
}
