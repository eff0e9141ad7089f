/* Who the peer of a session has shown to be: the last word about its certificate (trust on first
 * use), and what the log and programs that are started get to know of it. */
#ifndef SHIM_IDENTITY_H
#define SHIM_IDENTITY_H

#include <stddef.h>

#include "session.h"

/* struct tls_conn's approve; arg is the session, both locks held. */
enum tls_error identity_approve(void *arg, const struct x509_certificate *leaf, char *detail,
                                size_t size);

/* Does the rule of a session want programs that are started over it to know the client
 * (`client-environment = on`)? */
bool identity_is_exported(const struct shim_session *s);

/* What such a program's environment is to have, named as s6-tlsd names it: strings one after the
 * other, each ended by NUL. "NAME=VALUE" sets a variable, "NAME" alone removes it, so that none is
 * believed that somebody else has set:
 *   SSL_PROTOCOL           TLSv1
 *   SSL_CIPHER             AES128-SHA
 *   SSL_PEER_CERT_HASH     SHA256: and the certificate's hash in hexadecimal
 *   SSL_PEER_CERT_SUBJECT  CN=alice, O=Example
 *   SSL_PEER_CERT_ISSUER   likewise
 *   SSL_PEER_CERT_SERIAL   in hexadecimal
 *   SSL_PEER_CERT_SAN      alice@example.com 10.0.0.1
 * The last five are removed when the client has shown no certificate. The session's handshake must
 * be over (drive it to its end before the program is started), else only removals are given.
 * Returns how many bytes were written, 0 when size does not suffice (IDENTITY_ENVIRONMENT_MAX
 * does). Takes the session's read lock. */
enum { IDENTITY_ENVIRONMENT_MAX = 8192 };
size_t identity_environment(struct shim_ref ref, char *out, size_t size);

/* For a program that is executed: the environment with what identity_environment says of the
 * session at its descriptor 0, else 1, whose handshake is waited for. streams: which descriptors of
 * this process those are, -1: none. room: of identity_room bytes, aligned as a pointer; room 0: no
 * rule asks for anything, and the environment stays as it is. */
size_t identity_room(char *const environment[], const int streams[2]);
char *const *identity_into(void *room, size_t size, char *const environment[],
                           const int streams[2]);

#endif
