/* Handshake signatures (RFC 2246 7.4.3, RFC 4492 5.4): MD5 and SHA-1 with RSA, SHA-1 alone with DSA
 * and ECDSA. */
#ifndef TLS_SIGN_H
#define TLS_SIGN_H

#include "tls_handshake.h"

/* digest: MD5 || SHA-1 of what is signed. Both functions handle the vector with the signature. */
enum tls_error tls_write_signature(struct tls_conn *conn, const struct tls_credential *credential,
                                   const uint8_t digest[TLS_TRANSCRIPT_DIGEST],
                                   struct tls_writer *body);
/* With the key of the peer's certificate. */
enum tls_error tls_read_signature(struct tls_conn *conn,
                                  const uint8_t digest[TLS_TRANSCRIPT_DIGEST],
                                  struct tls_reader *body);

/* Keeps the key of the peer's certificate in the handshake; false when it does not fit. */
bool tls_peer_key_take(struct tls_peer_key *peer, const struct x509_key *key);
/* Views of it; the right one for its kind. */
struct cg_rsa_public tls_peer_key_rsa(const struct tls_peer_key *peer);

#endif
