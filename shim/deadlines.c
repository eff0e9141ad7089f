#include "deadlines.h"

#include <pthread.h>
#include <stdatomic.h>

#include "fdtable.h"
#include "global.h"
#include "io.h"
#include "needy.h"
#include "sockets.h"

/* When more handshakes than this run at once, the oldest lose their place; they are still timed
 * out when the program next touches them. */
enum { DEADLINES = 16384 };

static struct {
    int64_t deadline;
    int fd;
} ring[DEADLINES];
static _Atomic uint32_t head, tail; /* tail - head entries, modulo DEADLINES */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

void deadlines_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void deadlines_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void deadlines_add(int fd, int64_t deadline)
{
    deadlines_lock();
    uint32_t at = atomic_load(&tail);

    if (at - atomic_load(&head) == DEADLINES)
        atomic_fetch_add(&head, 1);
    /* Rules may differ in their time-outs: the place is behind all that end earlier. */
    uint32_t place = at;

    for (; place != atomic_load(&head) && ring[(place - 1) % DEADLINES].deadline > deadline;
         place--)
        ring[place % DEADLINES] = ring[(place - 1) % DEADLINES];
    ring[place % DEADLINES].deadline = deadline;
    ring[place % DEADLINES].fd = fd;
    atomic_store(&tail, at + 1);
    deadlines_unlock();
}

/* Drops what is over at the front. 1: *fd is due; 0: *next says when. */
static int look(int64_t now, int *fd, int64_t *next)
{
    struct shim_guard guard;
    int due = 0;

    *next = INT64_MAX;
    shim_enter(&guard);
    deadlines_lock();
    for (; atomic_load(&head) != atomic_load(&tail); atomic_fetch_add(&head, 1)) {
        uint32_t at = atomic_load(&head) % DEADLINES;
        struct shim_ref ref = fdtable_session(ring[at].fd);

        if (ref.session == NULL || !session_in_handshake(ref.session) ||
            ref.session->deadline != ring[at].deadline)
            continue;
        if (ring[at].deadline > now) {
            *next = ring[at].deadline;
            break;
        }
        *fd = ring[at].fd;
        due = 1;
        atomic_fetch_add(&head, 1);
        break;
    }
    deadlines_unlock();
    shim_leave(&guard);
    return due;
}

int64_t deadlines_next(void)
{
    int64_t next = INT64_MAX;
    int fd;

    if (atomic_load(&head) == atomic_load(&tail))
        return needy_deadline(INT64_MAX);
    while (look(shim_now(), &fd, &next)) {
        struct shim_ref ref = fdtable_session(fd);

        if (ref.session != NULL && socket_is_of(fd, ref.session))
            io_attend(fd, ref);
    }
    return needy_deadline(next);
}
