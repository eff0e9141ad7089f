/* A further handshake in an open session, which the peer has begun.
 *
 * Its records come among others, so it is the reading half that takes it on, record by record, with
 * the write lock as well. What the program writes meanwhile waits in the queue, as before a first
 * Finished; what the peer had sent before its ChangeCipherSpec is read as ever. */
#include "io_internal.h"

#include "arena.h"
#include "deadlines.h"
#include "global.h"
#include "watch.h"

/* Memory for the handshake, and a limit to its time. */
static bool begin(struct shim_session *s)
{
    if (!io_need_slab(&s->handshake_slab))
        return false;
    tls_handshake_init(arena_at(ARENA_SLAB, s->handshake_slab),
                       s->peer_name[0] != '\0' ? s->peer_name : NULL);
    io_set_deadline(s);
    return true;
}

static void end(struct shim_session *s)
{
    io_drop_handshake(s);
    if (watch_any(s))
        watch_update(s);
}

static enum tls_result give_up(struct tls_conn *conn, enum tls_error error)
{
    tls_abort(conn, error);
    return TLS_FAILED;
}

/* With the write lock. */
static enum tls_result take_record(struct shim_session *s, int fd, struct io_record *r)
{
    struct tls_conn conn;
    int ignored = 0;

    if (atomic_load(&s->stage) != SHIM_OPEN)
        return TLS_FAILED;
    bool begins = !tls_in_handshake(&s->tls);
    bool good = io_need_slab(&s->out_slab) && (!begins || begin(s));

    io_conn(&conn, s);
    if (!good)
        return give_up(&conn, TLS_ERROR_INTERNAL);
    enum tls_result result = tls_receive(&conn, r->bytes, r->length, &r->plain, &r->plain_length);

    if (begins)
        deadlines_add(fd, s->deadline);
    /* Our flight waits for room, and the peer does not wait for it. */
    if (result == TLS_NEED_ROOM)
        result = give_up(&conn, TLS_ERROR_UNEXPECTED);
    if (result != TLS_FAILED)
        io_flush(s, fd, &ignored);
    if (result != TLS_FAILED && !tls_in_handshake(&s->tls))
        end(s);
    return result;
}

enum tls_result io_receive_record(struct shim_session *s, int fd, struct io_record *r)
{
    struct shim_ref self = {.session = s, .generation = atomic_load(&s->generation)};
    enum tls_result result = TLS_NEED_HANDSHAKE;
    struct tls_conn conn;

    if (!tls_in_handshake(&s->tls)) {
        io_conn_reading(&conn, s);
        result = tls_receive(&conn, r->bytes, r->length, &r->plain, &r->plain_length);
    }
    if (result != TLS_NEED_HANDSHAKE)
        return result;
    if (s->both)
        return take_record(s, fd, r);
    if (!session_lock_write(self))
        return TLS_FAILED;
    result = take_record(s, fd, r);
    session_unlock_write(s);
    return result;
}

bool io_continue_renegotiation(struct shim_session *s)
{
    struct tls_conn conn;
    size_t waiting = 0;

    if (atomic_load(&s->stage) != SHIM_OPEN || !tls_in_handshake(&s->tls) ||
        s->handshake_slab == 0 || !io_need_slab(&s->out_slab))
        return false;
    io_conn(&conn, s);
    if (tls_continue(&conn) == TLS_DONE)
        tls_output(&conn, &waiting);
    if (!tls_in_handshake(&s->tls))
        end(s);
    return waiting > 0;
}

enum io_state io_carry_renegotiation(struct shim_session *s, int fd)
{
    int ignored = 0;

    if (io_time_is_up(s, fd))
        return IO_ERROR;
    io_fill(s, fd, ARENA_SLAB_SIZE, 0);
    if (atomic_load(&s->stage) == SHIM_FAILED)
        return IO_ERROR;
    io_flush(s, fd, &ignored);
    return tls_in_handshake(&s->tls) ? IO_READ : IO_DONE;
}
