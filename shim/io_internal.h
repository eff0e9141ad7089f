/* Between the files io_*.c only. All under the session's locks. */
#ifndef SHIM_IO_INTERNAL_H
#define SHIM_IO_INTERNAL_H

#include <limits.h>
#include <string.h>

#include "io.h"

/* The engine's view of a session for one call. */
void io_conn(struct tls_conn *conn, struct shim_session *s);
/* The same for who has the read lock alone: without what is the writing half's or a handshake's. */
void io_conn_reading(struct tls_conn *conn, struct shim_session *s);
bool io_need_slab(uint32_t *slab); /* false: the arena is used up */
void io_give_slab(uint32_t *slab);
void io_drop_handshake(struct shim_session *s);
void io_drain(int fd);
/* TCP is up: the handshake's time begins. */
void io_start_clock(struct shim_session *s, int fd);
/* Until when a handshake that begins here must be over. */
void io_set_deadline(struct shim_session *s);
/* True: it has taken too long, and the session has failed for it. Both locks. */
bool io_time_is_up(struct shim_session *s, int fd);

/* ---- renegotiation (io_renegotiate.c) ---- */

struct io_record {
    uint8_t *bytes;
    size_t length;
    uint8_t *plain; /* in bytes */
    size_t plain_length;
};
/* tls_receive for an open session: takes the write lock where a renegotiation needs it. Read lock,
 * or both. */
enum tls_result io_receive_record(struct shim_session *s, int fd, struct io_record *r);
/* When output was sent: true when a renegotiation has made more. Write lock. */
bool io_continue_renegotiation(struct shim_session *s);
/* Takes a renegotiation as far as it goes. Both locks. IO_DONE: it is over; IO_READ, IO_ERROR. */
enum io_state io_carry_renegotiation(struct shim_session *s, int fd);

/* What is in user memory and, peeked, in the kernel. */
struct io_peeked {
    uint8_t *record;      /* the first record not opened yet */
    size_t record_length; /* of it, whole; when it is no record at all, what there is */
    size_t available;     /* bytes from record on */
    size_t taken_before;  /* of these, already taken out of the kernel */
};
/* Peeks for a whole record. IO_DONE; IO_READ (partial or none: the low-water mark is set for the
 * rest); IO_END and IO_ERROR with *error 0: the transport ended and the engine was told;
 * IO_ERROR with *error: the socket's errno. */
enum io_state io_peek(struct shim_session *s, int fd, struct io_peeked *in, int *error);
/* Takes n peeked bytes out of the kernel. */
void io_consume(struct shim_session *s, int fd, size_t n);
/* Sets the kernel's SO_RCVLOWAT to what a record still misses; 0: back to 1.
 * False when the kernel would not hold to it. */
bool io_low_water(struct shim_session *s, int fd, size_t missing);

#endif
