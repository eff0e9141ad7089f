#include "sslv2_hello.h"

#include "tls_driver.h"

enum {
    HEADER = 2, /* one bit, 15 bits of length */
    SEEN = 5,   /* bytes that tell: header, message type, version */
    CLIENT_HELLO = 1,
    SUITE = 3,        /* bytes of a cipher_spec; those of TLS begin with a zero */
    HELLO_MIN = 9,    /* type, version, three lengths */
    HELLO_MAX = 4096, /* no client has a thousand suites */
    CHALLENGE_MIN = 16
};

bool tls_looks_like_sslv2_hello(const uint8_t *bytes, size_t have)
{
    return have >= SEEN && (bytes[0] & 0x80) != 0 && bytes[2] == CLIENT_HELLO &&
           bytes[3] == TLS_VERSION_10 >> 8;
}

bool tls_is_sslv2_hello(const struct tls_session *session, const uint8_t *bytes, size_t have,
                        size_t *length)
{
    if (!session->accepts_sslv2_hello || session->read.sequence > 0 || have == 0 ||
        (bytes[0] & 0x80) == 0) {
        return false;
    }
    if (have < SEEN) {
        *length = SEEN;
        return true;
    }
    if (!tls_looks_like_sslv2_hello(bytes, have)) {
        return false;
    }
    *length = HEADER + (size_t)((bytes[0] & 0x7f) << 8 | bytes[1]);
    return *length >= HEADER + HELLO_MIN && *length <= HEADER + HELLO_MAX;
}

/* Writes what the hello would be in the new format. */
static enum tls_error translate(struct tls_reader old, struct tls_writer *body)
{
    uint8_t random[TLS_RANDOM] = {0};

    tls_read_u8(&old);
    tls_write_u16(body, tls_read_u16(&old));
    size_t suites_length = tls_read_u16(&old), id_length = tls_read_u16(&old),
           challenge_length = tls_read_u16(&old);
    const uint8_t *suites = tls_read_bytes(&old, suites_length);
    tls_read_bytes(&old, id_length); /* of an SSL 2.0 session */
    const uint8_t *challenge = tls_read_bytes(&old, challenge_length);
    if (!tls_read_all(&old) || suites_length == 0 || suites_length % SUITE != 0 ||
        challenge_length < CHALLENGE_MIN) {
        return TLS_ERROR_DECODE;
    }
    if (challenge_length > TLS_RANDOM) {
        /* RFC 2246 E.1: of a longer one the last 32 bytes. */
        challenge += challenge_length - TLS_RANDOM;
        challenge_length = TLS_RANDOM;
    }
    memcpy(random + TLS_RANDOM - challenge_length, challenge, challenge_length);
    tls_write_bytes(body, random, sizeof random);
    tls_write_u8(body, 0);
    size_t list = tls_open_vector(body, 2);
    for (size_t i = 0; i < suites_length; i += SUITE) {
        if (suites[i] == 0) {
            tls_write_bytes(body, suites + i + 1, SUITE - 1);
        }
    }
    tls_close_vector(body, 2, list);
    tls_write_u16(body, 0x0100); /* null compression alone */
    return TLS_ERROR_OK;
}

enum tls_error tls_take_sslv2_hello(struct tls_conn *conn, const uint8_t *record, size_t length)
{
    uint8_t bytes[HELLO_MAX + 64];
    struct tls_writer body = tls_writer_to(bytes, sizeof bytes);
    struct tls_reader old = tls_reader_of(record + HEADER, length - HEADER);

    conn->handshake->got = TLS_CLIENT_HELLO;
    conn->session->read.sequence++;
    enum tls_error error = translate(old, &body);
    if (error != TLS_ERROR_OK) {
        return error;
    }
    return tls_take_translated(conn, TLS_CLIENT_HELLO, record + HEADER, length - HEADER,
                               tls_reader_of(bytes, body.used));
}
