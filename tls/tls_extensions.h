/* The block of extensions at the end of both hellos (RFC 3546, RFC 6066), and the table of those
 * that the engine knows. */
#ifndef TLS_EXTENSIONS_H
#define TLS_EXTENSIONS_H

#include "tls_handshake.h"

/* One extension, in a file of its own. Either function may be NULL: then it is never sent, or is
 * read over. Indexed by the role of the one who sends the hello. */
struct tls_extension {
    uint16_t type;
    const char *name;
    /* Writes the extension's data. False: leave it out. A server's is asked only for what the
     * client sent. */
    bool (*write[2])(const struct tls_conn *conn, struct tls_writer *data);
    enum tls_error (*read[2])(struct tls_conn *conn, struct tls_reader data);
};

extern const struct tls_extension tls_ext_server_name, tls_ext_renegotiation_info,
    tls_ext_extended_master_secret, tls_ext_encrypt_then_mac, tls_ext_session_ticket,
    tls_ext_max_fragment_length, tls_ext_alpn, tls_ext_supported_groups, tls_ext_ec_point_formats,
    tls_ext_signature_algorithms, tls_ext_signature_algorithms_cert, tls_ext_status_request;

/* Writes the block into a hello of ours; nothing at all when no extension is to be sent, for the
 * sake of peers from before RFC 3546. */
void tls_write_extensions(struct tls_conn *conn, struct tls_writer *body);
/* Is what a peer's hello has after its compression method nothing, or exactly one block of whole
 * extensions, each type once? Looks into none of them. */
enum tls_error tls_check_extensions(struct tls_conn *conn, struct tls_reader body);
/* Reads each extension of what tls_check_extensions found good. */
enum tls_error tls_read_extensions(struct tls_conn *conn, struct tls_reader body);

/* Was this extension in the peer's hello? */
bool tls_extension_received(const struct tls_handshake *h, const struct tls_extension *extension);
/* Counts the extension as part of the ClientHello, for which a signalling suite stands: a client
 * may then be answered, a server may answer. */
void tls_extension_signalled(struct tls_conn *conn, const struct tls_extension *extension);

#endif
