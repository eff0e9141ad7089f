#include "poll_view.h"

#define VIEW_IN     (POLLIN | POLLRDNORM)
#define VIEW_OUT    (POLLOUT | POLLWRNORM | POLLWRBAND)
#define VIEW_ALWAYS (POLLERR | POLLHUP | POLLNVAL)

/* A program learns from POLLOUT that TCP is connected. Once it has tried to read or write, or asked
 * for connect to mean the handshake, POLLOUT means that the handshake is over. */
bool view_may_write(const struct shim_session *s)
{
    return !atomic_load(&s->touched) && !atomic_load(&s->eager);
}

/* A renegotiation is under way, and no more can be kept until it is over. */
static bool must_wait_to_write(const struct shim_session *s)
{
    return atomic_load(&s->stage) == SHIM_OPEN && tls_in_handshake(&s->tls) &&
           s->queue_length == SHIM_QUEUE_MAX;
}

unsigned view_ask(const struct shim_session *s, unsigned asked)
{
    switch (atomic_load(&s->stage)) {
    case SHIM_CONNECTING:
        return asked | POLLOUT;
    case SHIM_HANDSHAKE:
        asked = asked & VIEW_OUT && view_may_write(s) ? VIEW_OUT & asked : 0;
        return asked | POLLIN | (atomic_load(&s->tail) != 0 ? POLLOUT : 0);
    default:
        if (must_wait_to_write(s))
            asked = (asked & ~(unsigned)VIEW_OUT) | POLLIN;
        return asked | (atomic_load(&s->tail) != 0 ? POLLOUT : 0);
    }
}

static bool is_readable(int fd, struct shim_ref ref)
{
    struct shim_guard guard;
    bool readable = true;

    shim_enter(&guard);
    if (session_lock_read(ref)) {
        if (atomic_load(&ref.session->stage) == SHIM_OPEN)
            readable = io_is_readable(ref.session, fd);
        session_unlock_read(ref.session);
    }
    shim_leave(&guard);
    return readable;
}

/* The kernel shows an error of the socket until it has been told; it told us, and we the program
 * not yet. */
static unsigned error_to_tell(const struct shim_session *s)
{
    return atomic_load(&s->error) != 0 && tls_failure(&s->tls) == TLS_ERROR_OK ? POLLERR : 0;
}

static unsigned answer_open(int fd, struct shim_ref ref, unsigned asked, unsigned got)
{
    if (got & POLLERR && io_was_orderly(fd, ref))
        got &= ~(unsigned)POLLERR;
    if (got & POLLOUT && atomic_load(&ref.session->tail) != 0) {
        io_attend(fd, ref);
        if (atomic_load(&ref.session->tail) != 0)
            got &= ~(unsigned)VIEW_OUT;
    }
    if (got & VIEW_IN && (got & (POLLERR | POLLHUP)) == 0 && !is_readable(fd, ref))
        got &= ~(unsigned)VIEW_IN;
    if (must_wait_to_write(ref.session))
        got &= ~(unsigned)VIEW_OUT;
    return (got | error_to_tell(ref.session)) & (asked | VIEW_ALWAYS);
}

static void note_shown(struct shim_session *s, uint8_t from, uint8_t to)
{
    atomic_compare_exchange_strong(&s->connect_result, &from, to);
}

unsigned view_answer(int fd, struct shim_ref ref, unsigned asked, unsigned got)
{
    struct shim_session *s = ref.session;
    unsigned before = atomic_load(&s->stage), after;

    if (before == SHIM_OPEN)
        return answer_open(fd, ref, asked, got);
    if (before == SHIM_FAILED)
        note_shown(s, SHIM_CONNECT_SHOWN, SHIM_CONNECT_TOLD);
    if (before == SHIM_FAILED)
        return (got | error_to_tell(s)) & (asked | VIEW_ALWAYS);
    io_attend(fd, ref);
    after = atomic_load(&s->stage);
    if (after == SHIM_CONNECTING)
        return got & (asked | VIEW_ALWAYS);
    /* Open or failed by now: the kernel is asked anew, with the program's own mask. */
    if (after != SHIM_HANDSHAKE)
        return 0;
    got = view_may_write(s) ? got & asked & VIEW_OUT : 0;
    if (got != 0)
        note_shown(s, SHIM_CONNECT_PENDING, SHIM_CONNECT_SHOWN);
    return got;
}
