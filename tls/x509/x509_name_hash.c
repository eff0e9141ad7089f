/* The number by which OpenSSL names the files of a certificate directory (c_rehash): the SHA-1 of a
 * name in OpenSSL's canonical form, which is its RDNs with every text in UTF-8, ASCII capitals
 * folded, white space trimmed and its runs made one space. */
#include "x509_internal.h"

struct sink { /* counts, and hashes when there is something to hash with */
    struct cg_hash *hash;
    size_t length;
};

static void put(struct sink *s, const uint8_t *bytes, size_t n)
{
    if (s->hash && n > 0)
        cg_hash_update(s->hash, bytes, n);
    s->length += n;
}

static void put_header(struct sink *s, uint8_t tag, size_t n)
{
    uint8_t h[4] = {tag, (uint8_t)n, 0, 0};
    size_t size = n < 128 ? 2 : n < 256 ? 3 : 4;
    if (size > 2) {
        h[1] = (uint8_t)(0x80 | (size - 2));
        h[2] = (uint8_t)(n >> 8);
        h[size - 1] = (uint8_t)n;
    }
    put(s, h, size);
}

/* Octets of a character in a text of that type; 0 when it is no text. UTF-8 is taken octet by
 * octet. */
static size_t char_size(uint8_t tag)
{
    switch (tag) {
    case DER_UTF8_STRING:
    case DER_PRINTABLE_STRING:
    case DER_IA5_STRING:
    case DER_VISIBLE_STRING:
    case DER_T61_STRING:
        return 1;
    case DER_BMP_STRING:
        return 2;
    case DER_UNIVERSAL_STRING:
        return 4;
    default:
        return 0;
    }
}

static void put_utf8(struct sink *s, uint32_t c)
{
    uint8_t out[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t first[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (size_t i = n; i-- > 1; c >>= 6)
        out[i] = (uint8_t)(0x80 | (c & 0x3f));
    out[0] = (uint8_t)(n == 1 ? c : first[n] | c);
    put(s, out, n);
}

static bool is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static void put_text(struct sink *s, uint8_t tag, struct x509_bytes text)
{
    size_t size = char_size(tag);
    bool started = false, space = false;
    for (size_t i = 0; i + size <= text.length; i += size) {
        uint32_t c = 0;
        for (size_t k = 0; k < size; k++)
            c = c << 8 | text.data[i + k];
        if (is_space(c)) {
            space = started;
            continue;
        }
        if (space)
            put(s, (const uint8_t *)" ", 1);
        space = false;
        started = true;
        if (c >= 'A' && c <= 'Z')
            c += 'a' - 'A';
        if (tag == DER_UTF8_STRING) {
            uint8_t octet = (uint8_t)c;
            put(s, &octet, 1);
        } else {
            put_utf8(s, c);
        }
    }
}

static void put_attribute(struct sink *s, struct x509_bytes type, const struct der_element *value)
{
    struct sink text = {NULL, 0};
    uint8_t tag = value->tag;
    if (char_size(tag) > 0) {
        put_text(&text, tag, value->content);
        tag = DER_UTF8_STRING;
    } else {
        text.length = value->content.length;
    }
    struct sink body = {NULL, 0};
    put_header(&body, DER_OID, type.length);
    put_header(&body, tag, text.length);
    put_header(s, DER_SEQUENCE, body.length + type.length + text.length);
    put_header(s, DER_OID, type.length);
    put(s, type.data, type.length);
    put_header(s, tag, text.length);
    if (char_size(value->tag) > 0)
        put_text(s, value->tag, value->content);
    else
        put(s, value->content.data, value->content.length);
}

static bool put_rdn(struct sink *s, struct der rdn)
{
    struct der pair;
    struct x509_bytes type;
    struct der_element value;
    while (!der_done(&rdn)) {
        if (!der_enter(&rdn, DER_SEQUENCE, &pair) || !der_oid(&pair, &type) ||
            !der_next(&pair, &value))
            return false;
        put_attribute(s, type, &value);
    }
    return true;
}

uint32_t x509_name_hash(struct x509_bytes name)
{
    struct der d = der_over(name), rdns, rdn;
    struct cg_hash hash;
    uint8_t digest[CG_HASH_MAX];
    cg_hash_init(&hash, CG_SHA1);
    struct sink s = {&hash, 0};
    if (!der_enter(&d, DER_SEQUENCE, &rdns))
        return 0;
    while (!der_done(&rdns)) {
        struct sink body = {NULL, 0};
        if (!der_enter(&rdns, DER_SET, &rdn) || !put_rdn(&body, rdn))
            return 0;
        put_header(&s, DER_SET, body.length);
        put_rdn(&s, rdn);
    }
    cg_hash_final(&hash, digest);
    return (uint32_t)digest[3] << 24 | (uint32_t)digest[2] << 16 | (uint32_t)digest[1] << 8 |
           digest[0];
}
