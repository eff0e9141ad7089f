#include "probe_hello.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../../crypto_glue/cg_random.h"
#include "../../policy/policy_text.h"
#include "../../tls/tls_key_exchange.h"
#include "../../tls/tls_record.h"

/* ---- names ---- */

const char *probe_version_name(uint16_t version)
{
    switch (version) {
    case PROBE_SSL30:
        return "SSL 3.0";
    case PROBE_TLS10:
        return "TLS 1.0";
    case PROBE_TLS11:
        return "TLS 1.1";
    case PROBE_TLS12:
        return "TLS 1.2";
    case PROBE_TLS13:
        return "TLS 1.3";
    default:
        return "an unknown version";
    }
}

/* Curves that the engine does not have (RFC 4492 5.1.1, RFC 7027, RFC 8422); half of a curve's size
 * is its strength. */
static const struct {
    uint16_t id;
    const char *name;
    unsigned bits;
} others[] = {
    {30, "x448", 224},
    {22, "secp256k1", 128},
    {26, "brainpoolP256r1", 128},
    {27, "brainpoolP384r1", 192},
    {28, "brainpoolP512r1", 256},
    {21, "secp224r1", 112},
    {19, "secp192r1", 96},
    {16, "secp160r1", 80},
    {9, "sect283k1", 142},
    {10, "sect283r1", 142},
    {11, "sect409k1", 204},
    {12, "sect409r1", 204},
    {13, "sect571k1", 285},
    {14, "sect571r1", 285},
    {6, "sect233k1", 116},
    {7, "sect233r1", 116},
    {1, "sect163k1", 81},
    {3, "sect163r2", 81},
};
enum { OTHERS = sizeof others / sizeof others[0] };

static size_t other_index(uint16_t group)
{
    size_t i = 0;
    while (i < OTHERS && others[i].id != group)
        i++;
    return i;
}

const char *probe_group_name(uint16_t group)
{
    static char number[16];
    const struct tls_group *known = tls_group_by_id(group);
    size_t i = other_index(group);
    if (known)
        return known->name;
    if (i < OTHERS)
        return others[i].name;
    snprintf(number, sizeof number, "group %u", group);
    return number;
}

unsigned probe_group_bits(uint16_t group)
{
    const struct tls_group *known = tls_group_by_id(group);
    size_t i = other_index(group);
    return known ? known->bits : i < OTHERS ? others[i].bits : 0;
}

uint16_t probe_group_at(size_t index)
{
    const struct tls_group *known;
    for (size_t i = 0; (known = tls_group_at(i)); i++)
        if (known->is_curve && index-- == 0)
            return known->id;
    return index < OTHERS ? others[index].id : 0;
}

enum { /* IANA's numbers */
       EXT_SERVER_NAME = 0,
       EXT_MAX_FRAGMENT_LENGTH = 1,
       EXT_STATUS_REQUEST = 5,
       EXT_SUPPORTED_GROUPS = 10,
       EXT_EC_POINT_FORMATS = 11,
       EXT_SIGNATURE_ALGORITHMS = 13,
       EXT_HEARTBEAT = 15,
       EXT_ALPN = 16,
       EXT_ENCRYPT_THEN_MAC = 22,
       EXT_EXTENDED_MASTER_SECRET = 23,
       EXT_SESSION_TICKET = 35,
       EXT_SUPPORTED_VERSIONS = 43,
       EXT_KEY_SHARE = 51,
       EXT_RENEGOTIATION_INFO = 0xff01
};

const char *probe_extension_name(uint16_t type)
{
    static char number[24];
    switch (type) {
    case EXT_SERVER_NAME:
        return "server_name";
    case EXT_MAX_FRAGMENT_LENGTH:
        return "max_fragment_length";
    case EXT_STATUS_REQUEST:
        return "status_request";
    case EXT_SUPPORTED_GROUPS:
        return "supported_groups";
    case EXT_EC_POINT_FORMATS:
        return "ec_point_formats";
    case EXT_HEARTBEAT:
        return "heartbeat";
    case EXT_ALPN:
        return "application_layer_protocol_negotiation";
    case EXT_ENCRYPT_THEN_MAC:
        return "encrypt_then_mac";
    case EXT_EXTENDED_MASTER_SECRET:
        return "extended_master_secret";
    case EXT_SESSION_TICKET:
        return "session_ticket";
    case EXT_RENEGOTIATION_INFO:
        return "renegotiation_info";
    default:
        snprintf(number, sizeof number, "extension %u", type);
        return number;
    }
}

/* ---- the question ---- */

/* An extension whose content is the n bytes given. */
static void put_extension(struct tls_writer *w, uint16_t type, const void *content, size_t n)
{
    tls_write_u16(w, type);
    tls_write_u16(w, (uint16_t)n);
    tls_write_bytes(w, content, n);
}

static void put_server_name(struct tls_writer *w, const char *name)
{
    tls_write_u16(w, EXT_SERVER_NAME);
    size_t content = tls_open_vector(w, 2), list = tls_open_vector(w, 2);
    tls_write_u8(w, 0); /* host_name */
    size_t host = tls_open_vector(w, 2);
    tls_write_bytes(w, name, strlen(name));
    tls_close_vector(w, 2, host);
    tls_close_vector(w, 2, list);
    tls_close_vector(w, 2, content);
}

static void put_groups(struct tls_writer *w, const struct probe_hello *hello)
{
    tls_write_u16(w, EXT_SUPPORTED_GROUPS);
    size_t content = tls_open_vector(w, 2), list = tls_open_vector(w, 2);
    for (size_t i = 0; i < hello->group_count; i++)
        tls_write_u16(w, hello->groups[i]);
    tls_close_vector(w, 2, list);
    tls_close_vector(w, 2, content);
}

static void put_extensions(struct tls_writer *w, const struct probe_target *target,
                           const struct probe_hello *hello)
{
    static const uint8_t uncompressed[] = {1, 0}, ocsp[] = {1, 0, 0, 0, 0}, may_send[] = {1},
                         of_4096[] = {4}, no_shares[] = {0, 0}, tls13[] = {2, 3, 4};
    static const uint8_t alpn[] = "\0\x0c\x02h2\x08http/1.1";
    /* RSA, ECDSA and PSS with SHA-256, 384, 512, and SHA-1 of RSA, DSA and ECDSA. */
    static const uint8_t algorithms[] = {0, 24, 4, 1, 4, 3, 8, 4, 5, 1, 5, 3, 8,
                                         5, 6,  1, 6, 3, 8, 6, 2, 1, 2, 2, 2, 3};
    if (target->name)
        put_server_name(w, target->name);
    if (hello->group_count > 0)
        put_groups(w, hello);
    put_extension(w, EXT_EC_POINT_FORMATS, uncompressed, sizeof uncompressed);
    if (hello->flags & HELLO_ALL) {
        put_extension(w, EXT_EXTENDED_MASTER_SECRET, NULL, 0);
        put_extension(w, EXT_ENCRYPT_THEN_MAC, NULL, 0);
        put_extension(w, EXT_SESSION_TICKET, NULL, 0);
        put_extension(w, EXT_STATUS_REQUEST, ocsp, sizeof ocsp);
        put_extension(w, EXT_HEARTBEAT, may_send, sizeof may_send);
        put_extension(w, EXT_MAX_FRAGMENT_LENGTH, of_4096, sizeof of_4096);
    }
    if (hello->flags & HELLO_ALPN)
        put_extension(w, EXT_ALPN, alpn, sizeof alpn - 1);
    if (hello->version >= PROBE_TLS12)
        put_extension(w, EXT_SIGNATURE_ALGORITHMS, algorithms, sizeof algorithms);
    if (hello->version >= PROBE_TLS13) {
        put_extension(w, EXT_SUPPORTED_VERSIONS, tls13, sizeof tls13);
        put_extension(w, EXT_KEY_SHARE, no_shares, sizeof no_shares);
    }
}

static void put_hello(struct tls_writer *w, const struct probe_target *target,
                      const struct probe_hello *hello)
{
    enum { SCSV_RENEGOTIATION = 0x00ff, SCSV_FALLBACK = 0x5600, NULL_COMPRESSION = 0, DEFLATE = 1 };
    uint8_t random[TLS_RANDOM] = {0};
    cg_random(random, sizeof random);
    /* RFC 8446 5.1, and what every stack before it did: an old version on the record. */
    tls_write_u8(w, TLS_CONTENT_HANDSHAKE);
    tls_write_u16(w, hello->version < PROBE_TLS10 ? hello->version : PROBE_TLS10);
    size_t record = tls_open_vector(w, 2);
    tls_write_u8(w, TLS_CLIENT_HELLO);
    size_t message = tls_open_vector(w, 3);
    tls_write_u16(w, hello->version < PROBE_TLS12 ? hello->version : PROBE_TLS12);
    tls_write_bytes(w, random, sizeof random);
    tls_write_u8(w, 0); /* no session */
    size_t suites = tls_open_vector(w, 2);
    for (size_t i = 0; i < hello->suite_count; i++)
        tls_write_u16(w, hello->suites[i]);
    tls_write_u16(w, SCSV_RENEGOTIATION);
    if (hello->flags & HELLO_FALLBACK)
        tls_write_u16(w, SCSV_FALLBACK);
    tls_close_vector(w, 2, suites);
    size_t compressions = tls_open_vector(w, 1);
    if (hello->flags & HELLO_DEFLATE)
        tls_write_u8(w, DEFLATE);
    tls_write_u8(w, NULL_COMPRESSION);
    tls_close_vector(w, 1, compressions);
    if (hello->flags & (HELLO_EXTENSIONS | HELLO_ALL | HELLO_ALPN)) {
        size_t extensions = tls_open_vector(w, 2);
        put_extensions(w, target, hello);
        tls_close_vector(w, 2, extensions);
    }
    tls_close_vector(w, 3, message);
    tls_close_vector(w, 2, record);
}

/* ---- the answer ---- */

bool probe_answered_extension(const struct probe_answer *answer, uint16_t type)
{
    size_t i = 0;
    while (i < answer->extension_count && answer->extensions[i] != type)
        i++;
    return i < answer->extension_count;
}

static void read_protocol(struct probe_answer *answer, struct tls_reader data)
{
    struct tls_reader list = tls_read_vector(&data, 2), name = tls_read_vector(&list, 1);
    size_t n = name.left < sizeof answer->protocol - 1 ? name.left : sizeof answer->protocol - 1;
    tls_read_copy(&name, answer->protocol, n);
    answer->protocol[n] = '\0';
}

static bool read_server_hello(struct probe_answer *answer, struct tls_reader body)
{
    answer->version = tls_read_u16(&body);
    tls_read_bytes(&body, TLS_RANDOM);
    tls_read_vector(&body, 1);
    answer->suite = tls_read_u16(&body);
    answer->compression = tls_read_u8(&body);
    if (body.bad)
        return false;
    if (body.left == 0)
        return true;
    struct tls_reader extensions = tls_read_vector(&body, 2);
    while (extensions.left > 0) {
        uint16_t type = tls_read_u16(&extensions);
        struct tls_reader data = tls_read_vector(&extensions, 2);
        if (type == EXT_SUPPORTED_VERSIONS && data.left == 2)
            answer->version = tls_read_u16(&data);
        if (type == EXT_ALPN)
            read_protocol(answer, data);
        if (answer->extension_count < PROBE_EXTENSIONS_MAX)
            answer->extensions[answer->extension_count++] = type;
    }
    return !extensions.bad && tls_read_all(&body);
}

/* Bits of a number whose first byte may be zero. */
static unsigned bits_of(struct tls_reader number)
{
    while (number.left > 0 && *number.at == 0)
        tls_read_u8(&number);
    if (number.left == 0)
        return 0;
    unsigned bits = (unsigned)number.left * 8;
    for (uint8_t top = *number.at; !(top & 0x80); top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static void read_server_key_exchange(struct probe_answer *answer, struct tls_reader body)
{
    enum { NAMED_CURVE = 3 };
    const struct tls_suite *suite = tls_suite_by_id(answer->suite);
    if (!suite)
        return;
    const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
    if (info->psk)
        tls_read_vector(&body, 2); /* the hint, RFC 4279 2 */
    if (info->agreement == TLS_AGREE_ECDH) {
        if (tls_read_u8(&body) == NAMED_CURVE)
            answer->group = tls_read_u16(&body);
    } else if (info->agreement == TLS_AGREE_DH || info->agreement == TLS_AGREE_RSA_EXPORT) {
        answer->exchange_bits = bits_of(tls_read_vector(&body, 2));
    }
}

/* One message; false when it cannot be read. */
static bool read_message(struct probe_answer *answer, unsigned type, struct tls_reader body)
{
    switch (type) {
    case TLS_SERVER_HELLO:
        answer->kind = ANSWER_HELLO;
        return read_server_hello(answer, body);
    case TLS_CERTIFICATE: {
        struct tls_reader list = tls_read_vector(&body, 3);
        answer->certificates = (struct x509_bytes){list.at, list.left};
        return tls_read_all(&body);
    }
    case TLS_SERVER_KEY_EXCHANGE:
        read_server_key_exchange(answer, body);
        return true;
    case TLS_CERTIFICATE_REQUEST:
        answer->wants_certificate = true;
        return true;
    case TLS_SERVER_HELLO_DONE:
        answer->done = true;
        return true;
    default:
        return true;
    }
}

/* Reads the messages in flight that are whole, from *at on. */
static bool read_messages(struct probe_answer *answer, size_t *at)
{
    while (!answer->done) {
        struct tls_reader r = tls_reader_of(answer->flight + *at, answer->length - *at);
        unsigned type = tls_read_u8(&r);
        struct tls_reader body = tls_read_vector(&r, 3);
        if (r.bad)
            return true;
        *at = answer->length - r.left;
        if (!read_message(answer, type, body))
            return false;
    }
    return true;
}

static void note_text(struct probe_answer *answer, const uint8_t *bytes, size_t n)
{
    char text[TLS_HEADER + 32];
    size_t used = 0;
    memcpy(text, bytes, n < sizeof text ? n : sizeof text);
    n = n < sizeof text ? n : sizeof text;
    for (size_t i = 0, taken; i < n; i += taken) {
        char shown[POLICY_SHOWN_MAX];
        taken = policy_show(text + i, n - i, shown);
        used += (size_t)snprintf(answer->text + used, sizeof answer->text - used, "%s", shown);
        if (used >= sizeof answer->text)
            return;
    }
}

/* Takes one record. False: the answer is complete. */
static bool take_record(struct probe_answer *answer, const uint8_t *record, size_t n, size_t *at)
{
    struct tls_session any_version;
    tls_session_init(&any_version, TLS_CLIENT);
    if (tls_record_length(&any_version, record, n) != n) {
        answer->kind = answer->kind == ANSWER_HELLO ? ANSWER_BROKEN : ANSWER_NO_TLS;
        note_text(answer, record, n);
        return false;
    }
    const uint8_t *content = record + TLS_HEADER;
    size_t length = n - TLS_HEADER;
    if (record[0] == TLS_CONTENT_ALERT && length == 2) {
        enum { FATAL = 2 };
        if (content[0] != FATAL)
            return true; /* such as unrecognized_name */
        if (answer->kind != ANSWER_HELLO)
            answer->kind = ANSWER_ALERT;
        answer->alert = content[1];
        return false;
    }
    if (record[0] != TLS_CONTENT_HANDSHAKE)
        return false; /* TLS 1.3's ChangeCipherSpec and what is encrypted behind it */
    if (length > sizeof answer->flight - answer->length) {
        answer->kind = ANSWER_BROKEN;
        return false;
    }
    memcpy(answer->flight + answer->length, content, length);
    answer->length += length;
    if (!read_messages(answer, at)) {
        answer->kind = ANSWER_BROKEN;
        return false;
    }
    return !answer->done && answer->version != PROBE_TLS13;
}

static void take_flight(struct wire *wire, struct probe_answer *answer)
{
    uint8_t record[TLS_RECORD_MAX];
    struct tls_session any_version;
    size_t at = 0, n;
    tls_session_init(&any_version, TLS_CLIENT);
    answer->kind = ANSWER_CLOSED;
    for (;;) {
        enum wire_result result = wire_record(wire, &any_version, record, &n);
        if (result == WIRE_TIMEOUT && answer->kind == ANSWER_CLOSED)
            answer->kind = ANSWER_SILENT;
        if (result != WIRE_GOOD && n > 0 && answer->kind != ANSWER_HELLO) {
            answer->kind = ANSWER_NO_TLS;
            note_text(answer, record, n);
        }
        if (result != WIRE_GOOD || !take_record(answer, record, n, &at))
            return;
    }
}

void probe_ask(const struct probe_target *target, const struct probe_hello *hello,
               struct probe_answer *answer)
{
    uint8_t bytes[1024];
    struct tls_writer w = tls_writer_to(bytes, sizeof bytes);
    struct wire wire;
    memset(answer, 0, offsetof(struct probe_answer, flight));
    enum wire_result result = wire_open(&wire, target);
    if (result != WIRE_GOOD) {
        answer->kind = ANSWER_NO_REACH;
        snprintf(answer->text, sizeof answer->text, "%s",
                 result == WIRE_TIMEOUT ? "no connection in time" : strerror(errno));
        return;
    }
    put_hello(&w, target, hello);
    if (wire_send(&wire, bytes, w.used) == WIRE_TIMEOUT)
        answer->kind = ANSWER_SILENT;
    else
        take_flight(&wire, answer);
    wire_close(&wire);
}

void probe_answer_text(const struct probe_answer *answer, char *out, size_t size)
{
    switch (answer->kind) {
    case ANSWER_HELLO:
        snprintf(out, size, "it chose %s", probe_version_name(answer->version));
        break;
    case ANSWER_ALERT:
        snprintf(out, size, "it refused with the alert %s (%u)", tls_alert_name(answer->alert),
                 answer->alert);
        break;
    case ANSWER_CLOSED:
        snprintf(out, size, "it closed the connection without a word");
        break;
    case ANSWER_SILENT:
        snprintf(out, size, "it said nothing within the time limit");
        break;
    case ANSWER_NO_TLS:
        snprintf(out, size, "what it sends begins with \"%s\", which is no TLS", answer->text);
        break;
    case ANSWER_BROKEN:
        snprintf(out, size, "it sent a malformed message");
        break;
    case ANSWER_NO_REACH:
        snprintf(out, size, "%s", answer->text);
        break;
    }
}
