/* Distinguished names: what they may look like, when two are the same, and how people read them. */
#include "x509_internal.h"

/* Names are compared often; RFC 5280's upper bounds (appendix A.1) allow far less than this. */
enum { NAME_MAX_BYTES = 2048 };

struct attribute {
    bool starts_rdn;
    struct x509_bytes type; /* OBJECT IDENTIFIER content */
    uint8_t tag;            /* of the value */
    struct x509_bytes value;
};

struct walk {
    struct der rdns, rdn;
};

static bool walk_begin(struct walk *w, struct x509_bytes name)
{
    struct der d = der_over(name);
    w->rdn = (struct der){NULL, NULL};
    return der_enter(&d, DER_SEQUENCE, &w->rdns) && der_done(&d);
}

static bool walk_done(const struct walk *w)
{
    return der_done(&w->rdn) && der_done(&w->rdns);
}

static bool walk_next(struct walk *w, struct attribute *a)
{
    struct der pair;
    struct der_element value;
    a->starts_rdn = der_done(&w->rdn);
    if (a->starts_rdn && !der_enter(&w->rdns, DER_SET, &w->rdn))
        return false;
    if (!der_enter(&w->rdn, DER_SEQUENCE, &pair) || !der_oid(&pair, &a->type) ||
        !der_next(&pair, &value) || !der_done(&pair))
        return false;
    a->tag = value.tag;
    a->value = value.content;
    return true;
}

static bool is_text(uint8_t tag)
{
    return tag == DER_UTF8_STRING || tag == DER_PRINTABLE_STRING || tag == DER_IA5_STRING ||
           tag == DER_VISIBLE_STRING;
}

/* RFC 3629: shortest forms only, no surrogates, nothing above U+10FFFF. */
static bool is_utf8(struct x509_bytes s)
{
    for (size_t i = 0; i < s.length;) {
        uint8_t c = s.data[i++];
        unsigned more = c < 0x80   ? 0
                        : c < 0xc2 ? 4
                        : c < 0xe0 ? 1
                        : c < 0xf0 ? 2
                        : c < 0xf5 ? 3
                                   : 4;
        if (more == 4 || more > s.length - i)
            return false;
        uint8_t low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        uint8_t high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        for (; more > 0; more--, low = 0x80, high = 0xbf, i++)
            if (s.data[i] < low || s.data[i] > high)
                return false;
    }
    return true;
}

x509_why x509_check_name(struct x509_bytes name)
{
    struct walk w;
    struct attribute a;
    if (name.length > NAME_MAX_BYTES)
        return "a name is longer than 2048 octets";
    if (!walk_begin(&w, name))
        return "a name is not a sequence (RFC 5280 4.1.2.4)";
    while (!walk_done(&w)) {
        if (!walk_next(&w, &a))
            return "a name's attribute is malformed (RFC 5280 4.1.2.4)";
        if ((is_text(a.tag) || a.tag == DER_T61_STRING) && a.value.length > 0 &&
            memchr(a.value.data, 0, a.value.length))
            return "a name has a NUL in it";
        if (a.tag == DER_UTF8_STRING && !is_utf8(a.value))
            return "a name is not valid UTF-8 (RFC 3629)";
    }
    return NULL;
}

bool x509_name_is_empty(struct x509_bytes name)
{
    struct walk w;
    return !walk_begin(&w, name) || walk_done(&w);
}

/* The next character of a string as it takes part in comparison, -1 at its end: ASCII capitals
 * folded, leading and trailing spaces dropped, inner runs of spaces taken as one. */
static int next_folded(const uint8_t **at, const uint8_t *end, bool at_start)
{
    const uint8_t *p = *at;
    if (p < end && *p == ' ') {
        while (p < end && *p == ' ')
            p++;
        if (!at_start && p < end) {
            *at = p;
            return ' ';
        }
    }
    if (p == end) {
        *at = p;
        return -1;
    }
    *at = p + 1;
    return *p >= 'A' && *p <= 'Z' ? *p + ('a' - 'A') : *p;
}

static bool text_equal(struct x509_bytes a, struct x509_bytes b)
{
    const uint8_t *p = a.data, *q = b.data;
    for (bool start = true;; start = false) {
        int c = next_folded(&p, a.data + a.length, start);
        if (c != next_folded(&q, b.data + b.length, start))
            return false;
        if (c < 0)
            return true;
    }
}

static bool attributes_equal(const struct attribute *x, const struct attribute *y)
{
    if (x->starts_rdn != y->starts_rdn || !x509_bytes_equal(x->type, y->type))
        return false;
    if (is_text(x->tag) && is_text(y->tag))
        return text_equal(x->value, y->value);
    return x->tag == y->tag && x509_bytes_equal(x->value, y->value);
}

/* Walks both as long as b goes on. */
static bool starts_with(struct walk *a, struct walk *b)
{
    struct attribute x, y;
    while (!walk_done(b))
        if (walk_done(a) || !walk_next(a, &x) || !walk_next(b, &y) || !attributes_equal(&x, &y))
            return false;
    return true;
}

bool x509_names_equal(struct x509_bytes a, struct x509_bytes b)
{
    struct walk v, w;
    return x509_bytes_equal(a, b) ||
           (walk_begin(&v, a) && walk_begin(&w, b) && starts_with(&v, &w) && walk_done(&v));
}

bool x509_name_within(struct x509_bytes name, struct x509_bytes base)
{
    struct walk v, w;
    return walk_begin(&v, name) && walk_begin(&w, base) && starts_with(&v, &w) && der_done(&v.rdn);
}

static size_t put_header(uint8_t *out, uint8_t tag, size_t length)
{
    out[0] = tag;
    if (length < 128) {
        out[1] = (uint8_t)length;
        return 2;
    }
    out[1] = 0x82;
    out[2] = (uint8_t)(length >> 8);
    out[3] = (uint8_t)length;
    if (length >= 256)
        return 4;
    out[1] = 0x81;
    out[2] = out[3];
    return 3;
}

size_t x509_name_extended(struct x509_bytes name, struct x509_bytes rdn, uint8_t *out, size_t size)
{
    struct der d = der_over(name);
    struct x509_bytes rdns;
    uint8_t header[4];
    if (!der_read(&d, DER_SEQUENCE, &rdns) || rdns.length + rdn.length + 8 > size ||
        size > UINT16_MAX)
        return 0;
    size_t set = put_header(header, DER_SET, rdn.length);
    size_t at = put_header(out, DER_SEQUENCE, rdns.length + set + rdn.length);
    memcpy(out + at, rdns.data, rdns.length);
    at += rdns.length;
    memcpy(out + at, header, set);
    memcpy(out + at + set, rdn.data, rdn.length);
    return at + set + rdn.length;
}

bool x509_name_emails(struct x509_bytes name, bool (*visit)(void *arg, struct x509_bytes email),
                      void *arg)
{
    struct walk w;
    struct attribute a;
    if (!walk_begin(&w, name))
        return false;
    while (!walk_done(&w))
        if (!walk_next(&w, &a) ||
            (x509_oid_find(a.type) == X509_OID_AT_EMAIL && !visit(arg, a.value)))
            return false;
    return true;
}

struct x509_bytes x509_common_name(struct x509_bytes name)
{
    struct x509_bytes found = {NULL, 0};
    struct walk w;
    struct attribute a;
    if (!walk_begin(&w, name))
        return found;
    while (!walk_done(&w) && walk_next(&w, &a))
        if (x509_oid_find(a.type) == X509_OID_AT_COMMON_NAME)
            found =
                is_text(a.tag) || a.tag == DER_T61_STRING ? a.value : (struct x509_bytes){NULL, 0};
    for (size_t i = 0; i < found.length; i++)
        if (found.data[i] >= 0x80)
            return (struct x509_bytes){NULL, 0};
    return found;
}

static const char *attribute_word(struct x509_bytes type)
{
    switch (x509_oid_find(type)) {
    case X509_OID_AT_COMMON_NAME:
        return "CN";
    case X509_OID_AT_SURNAME:
        return "SN";
    case X509_OID_AT_SERIAL_NUMBER:
        return "serialNumber";
    case X509_OID_AT_COUNTRY:
        return "C";
    case X509_OID_AT_LOCALITY:
        return "L";
    case X509_OID_AT_STATE:
        return "ST";
    case X509_OID_AT_STREET:
        return "street";
    case X509_OID_AT_ORGANIZATION:
        return "O";
    case X509_OID_AT_UNIT:
        return "OU";
    case X509_OID_AT_TITLE:
        return "title";
    case X509_OID_AT_GIVEN_NAME:
        return "GN";
    case X509_OID_AT_DOMAIN:
        return "DC";
    case X509_OID_AT_USER:
        return "UID";
    case X509_OID_AT_EMAIL:
        return "emailAddress";
    default:
        return NULL;
    }
}

static void add_oid(struct x509_text *t, struct x509_bytes oid)
{
    uint64_t arc = 0;
    bool first = true;
    for (size_t i = 0; i < oid.length; i++) {
        arc = arc << 7 | (oid.data[i] & 0x7f);
        if (oid.data[i] & 0x80)
            continue;
        if (first) {
            uint64_t top = arc < 80 ? arc / 40 : 2;
            x509_text_add_number(t, top);
            arc -= top * 40;
            first = false;
        }
        x509_text_add(t, ".");
        x509_text_add_number(t, arc);
        arc = 0;
    }
}

static void add_attribute(struct x509_text *t, const struct attribute *a)
{
    const char *word = attribute_word(a->type);
    if (word)
        x509_text_add(t, word);
    else
        add_oid(t, a->type);
    x509_text_add(t, "=");
    if (!is_text(a->tag) && a->tag != DER_T61_STRING) {
        x509_text_add(t, "#");
        x509_text_add_hex(t, a->value);
        return;
    }
    for (size_t i = 0; i < a->value.length; i++) {
        if (strchr(",+\\\"<>;", a->value.data[i]) && a->value.data[i])
            x509_text_add(t, "\\");
        x509_text_add_escaped(t, a->value.data[i]);
    }
}

/* RFC 4514 2.1: the last RDN comes first, which is also what people look for first. */
void x509_name_text(struct x509_bytes name, char *out, size_t size)
{
    enum { SHOWN = 16 };
    struct walk w, at_rdn[SHOWN];
    struct attribute a;
    size_t rdns = 0;
    struct x509_text t = x509_text_over(out, size);
    if (!walk_begin(&w, name) || walk_done(&w)) {
        x509_text_add(&t, "(empty name)");
        x509_text_end(&t);
        return;
    }
    while (!walk_done(&w)) {
        if (der_done(&w.rdn))
            at_rdn[rdns++ % SHOWN] = w;
        if (!walk_next(&w, &a))
            break;
    }
    for (size_t i = 0; i < rdns && i < SHOWN; i++) {
        w = at_rdn[(rdns - 1 - i) % SHOWN];
        for (bool first = true; walk_next(&w, &a); first = false) {
            if (i > 0 || !first)
                x509_text_add(&t, first ? ", " : "+");
            add_attribute(&t, &a);
            if (der_done(&w.rdn))
                break;
        }
    }
    if (rdns > SHOWN)
        x509_text_add(&t, ", ...");
    x509_text_end(&t);
}
