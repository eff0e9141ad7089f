/* What is in a message, in words, where its own file has not said it. */
#ifndef TLS_NOTES_H
#define TLS_NOTES_H

#include "tls_handshake.h"

/* Fills the handshake's note for the message of a step that was just taken, unless it is there
 * already. No secret, and nothing that is not on the wire, is told. */
void tls_note_step(struct tls_conn *conn, const struct tls_step *step);

#endif
