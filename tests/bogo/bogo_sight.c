#include "bogo_sight.h"

#include <string.h>

#include "tls/tls_wire.h"

enum { HANDSHAKE = 22, CHANGE_CIPHER_SPEC = 20, CERTIFICATE = 11 };

/* What cannot be read is left to the engine to refuse. */
static void read_chain(struct bogo_sight *sight, struct tls_reader body)
{
    struct tls_reader list = tls_read_vector(&body, 3);

    sight->seen = true;
    sight->chain.count = 0;
    while (list.left > 0 && sight->chain.count < BOGO_CHAIN_MAX) {
        struct tls_reader der = tls_read_vector(&list, 3);
        if (list.bad) {
            break;
        }
        sight->chain.certificates[sight->chain.count++] = (struct x509_bytes){der.at, der.left};
    }
}

bool bogo_sight_record(struct bogo_sight *sight, const uint8_t *record, size_t length)
{
    if (sight->over || sight->seen || length < TLS_HEADER || record[0] != HANDSHAKE ||
        length - TLS_HEADER > sizeof sight->bytes - sight->have) {
        sight->over = sight->over || length < TLS_HEADER || record[0] == CHANGE_CIPHER_SPEC;
        return false;
    }
    memcpy(sight->bytes + sight->have, record + TLS_HEADER, length - TLS_HEADER);
    sight->have += length - TLS_HEADER;

    struct tls_reader r = tls_reader_of(sight->bytes, sight->have);
    while (r.left > 0) {
        uint8_t type = tls_read_u8(&r);
        struct tls_reader body = tls_read_vector(&r, 3);
        if (r.bad) {
            break;
        }
        if (type == CERTIFICATE) {
            read_chain(sight, body);
            return true;
        }
    }
    return false;
}
