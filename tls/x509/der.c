#include "der.h"

struct der der_over(struct x509_bytes bytes)
{
    return (struct der){bytes.data, bytes.data ? bytes.data + bytes.length : NULL};
}

/* X.690 8.1.3 and 10.1: short form below 128, else the fewest octets that hold the length. */
static bool read_length(const uint8_t **at, const uint8_t *end, size_t *length)
{
    const uint8_t *p = *at;
    if (p == end)
        return false;
    unsigned octets = *p & 0x7f;
    if (!(*p++ & 0x80)) {
        *length = octets;
        *at = p;
        return true;
    }
    if (octets == 0 || octets > 4 || (size_t)(end - p) < octets || *p == 0)
        return false;
    size_t n = 0;
    while (octets-- > 0)
        n = n << 8 | *p++;
    if (n < 128)
        return false;
    *length = n;
    *at = p;
    return true;
}

bool der_next(struct der *d, struct der_element *element)
{
    const uint8_t *p = d->at;
    size_t length;
    if (p == d->end || *p == 0 || (*p & 0x1f) == 0x1f)
        return false;
    p++;
    if (!read_length(&p, d->end, &length) || length > (size_t)(d->end - p))
        return false;
    element->tag = *d->at;
    element->content = (struct x509_bytes){p, length};
    element->whole = (struct x509_bytes){d->at, (size_t)(p - d->at) + length};
    d->at = p + length;
    return true;
}

static bool next_tagged(struct der *d, uint8_t tag, struct der_element *element)
{
    return der_peek(d) == tag && der_next(d, element);
}

bool der_read(struct der *d, uint8_t tag, struct x509_bytes *content)
{
    struct der_element e;
    if (!next_tagged(d, tag, &e))
        return false;
    *content = e.content;
    return true;
}

bool der_read_whole(struct der *d, uint8_t tag, struct x509_bytes *whole)
{
    struct der_element e;
    if (!next_tagged(d, tag, &e))
        return false;
    *whole = e.whole;
    return true;
}

bool der_enter(struct der *d, uint8_t tag, struct der *inside)
{
    struct der_element e;
    if (!next_tagged(d, tag, &e))
        return false;
    *inside = der_over(e.content);
    return true;
}

bool der_skip_optional(struct der *d, uint8_t tag)
{
    struct der_element e;
    return der_peek(d) != tag || der_next(d, &e);
}

bool der_is_integer(struct x509_bytes c)
{
    if (c.length == 0)
        return false;
    return c.length == 1 ||
           !((c.data[0] == 0x00 && c.data[1] < 0x80) || (c.data[0] == 0xff && c.data[1] >= 0x80));
}

bool der_is_oid(struct x509_bytes c)
{
    if (c.length == 0 || c.data[c.length - 1] >= 0x80)
        return false;
    bool starts_arc = true;
    for (size_t i = 0; i < c.length; i++) {
        if (starts_arc && c.data[i] == 0x80)
            return false;
        starts_arc = c.data[i] < 0x80;
    }
    return true;
}

bool der_boolean_content(struct x509_bytes c, bool *value)
{
    if (c.length != 1 || (c.data[0] != 0x00 && c.data[0] != 0xff))
        return false;
    *value = c.data[0] != 0;
    return true;
}

bool der_bit_string_content(struct x509_bytes c, struct x509_bytes *octets, unsigned *unused_bits)
{
    if (c.length == 0 || c.data[0] > 7 || (c.length == 1 && c.data[0] != 0))
        return false;
    if (c.data[c.length - 1] & ((1u << c.data[0]) - 1) && c.length > 1)
        return false;
    *octets = (struct x509_bytes){c.data + 1, c.length - 1};
    *unused_bits = c.data[0];
    return true;
}

bool der_small_content(struct x509_bytes c, unsigned max, unsigned *value)
{
    if (!der_is_integer(c) || c.data[0] >= 0x80 || c.length > 4)
        return false;
    unsigned n = 0;
    for (size_t i = 0; i < c.length; i++)
        n = n << 8 | c.data[i];
    if (n > max)
        return false;
    *value = n;
    return true;
}

/* Each reader works on a copy of the cursor, and moves the caller's only when all is well. */

bool der_boolean(struct der *d, bool *value)
{
    struct der t = *d;
    struct x509_bytes c;
    if (!der_read(&t, DER_BOOLEAN, &c) || !der_boolean_content(c, value))
        return false;
    *d = t;
    return true;
}

bool der_default_false(struct der *d, bool *value)
{
    struct der t = *d;
    *value = false;
    if (der_peek(&t) != DER_BOOLEAN)
        return true;
    if (!der_boolean(&t, value))
        return false;
    *d = t;
    return true;
}

bool der_integer(struct der *d, struct x509_bytes *content)
{
    struct der t = *d;
    if (!der_read(&t, DER_INTEGER, content) || !der_is_integer(*content))
        return false;
    *d = t;
    return true;
}

bool der_unsigned(struct der *d, struct x509_bytes *magnitude)
{
    struct der t = *d;
    struct x509_bytes c;
    if (!der_integer(&t, &c) || c.data[0] >= 0x80)
        return false;
    if (c.data[0] == 0)
        c = (struct x509_bytes){c.data + 1, c.length - 1};
    *magnitude = c;
    *d = t;
    return true;
}

bool der_small(struct der *d, unsigned max, unsigned *value)
{
    struct der t = *d;
    struct x509_bytes c;
    if (!der_read(&t, DER_INTEGER, &c) || !der_small_content(c, max, value))
        return false;
    *d = t;
    return true;
}

bool der_null(struct der *d)
{
    struct der t = *d;
    struct x509_bytes c;
    if (!der_read(&t, DER_NULL, &c) || c.length != 0)
        return false;
    *d = t;
    return true;
}

bool der_oid(struct der *d, struct x509_bytes *content)
{
    struct der t = *d;
    if (!der_read(&t, DER_OID, content) || !der_is_oid(*content))
        return false;
    *d = t;
    return true;
}

bool der_bit_string(struct der *d, struct x509_bytes *octets)
{
    struct der t = *d;
    struct x509_bytes c;
    unsigned unused;
    if (!der_read(&t, DER_BIT_STRING, &c) || !der_bit_string_content(c, octets, &unused) ||
        unused != 0)
        return false;
    *d = t;
    return true;
}

bool der_named_bits_content(struct x509_bytes c, uint16_t *bits)
{
    struct x509_bytes o;
    unsigned unused;
    if (!der_bit_string_content(c, &o, &unused) || o.length > 2)
        return false;
    *bits = 0;
    for (unsigned i = 0; i < 8 * o.length; i++)
        if (o.data[i / 8] & 0x80 >> i % 8)
            *bits = (uint16_t)(*bits | 1u << i);
    return true;
}

bool der_named_bits(struct der *d, uint16_t *bits)
{
    struct der t = *d;
    struct x509_bytes c;
    if (!der_read(&t, DER_BIT_STRING, &c) || !der_named_bits_content(c, bits))
        return false;
    *d = t;
    return true;
}

/* ---- times ---- */

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static bool seconds_since_1970(unsigned year, const unsigned f[5], int64_t *seconds)
{
    static const uint8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned month = f[0], day = f[1], hour = f[2], minute = f[3], second = f[4];
    if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59)
        return false;
    unsigned last = month_days[month - 1] + (month == 2 && is_leap(year));
    if (day < 1 || day > last)
        return false;
    int64_t days = day - 1;
    for (unsigned m = 1; m < month; m++)
        days += month_days[m - 1] + (m == 2 && is_leap(year));
    /* Whole years before this one, in the Gregorian calendar; 719162 days lie before 1970. */
    int64_t y = (int64_t)year - 1;
    days += y * 365 + y / 4 - y / 100 + y / 400 - 719162;
    *seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    return true;
}

static bool two_digits(const uint8_t *p, unsigned *n)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *n = (unsigned)(p[0] - '0') * 10 + (unsigned)(p[1] - '0');
    return true;
}

/* year_digits is 2 or 4; what follows is MMDDHHMMSSZ. */
static bool read_time(struct x509_bytes c, size_t year_digits, unsigned *year, int64_t *seconds)
{
    unsigned high = 0, low, f[5];
    if (c.length != year_digits + 11 || c.data[c.length - 1] != 'Z')
        return false;
    if (year_digits == 4 && !two_digits(c.data, &high))
        return false;
    if (!two_digits(c.data + year_digits - 2, &low))
        return false;
    for (size_t i = 0; i < 5; i++)
        if (!two_digits(c.data + year_digits + 2 * i, &f[i]))
            return false;
    *year = year_digits == 4 ? high * 100 + low : low < 50 ? 2000 + low : 1900 + low;
    return *year > 0 && seconds_since_1970(*year, f, seconds);
}

bool der_time(struct der *d, int64_t *seconds, bool *misplaced)
{
    struct der t = *d;
    struct x509_bytes c;
    unsigned year;
    if (der_peek(&t) == DER_GENERALIZED_TIME) {
        if (!der_read(&t, DER_GENERALIZED_TIME, &c) || !read_time(c, 4, &year, seconds))
            return false;
        *misplaced |= year < 2050;
    } else if (!der_read(&t, DER_UTC_TIME, &c) || !read_time(c, 2, &year, seconds)) {
        return false;
    }
    *d = t;
    return true;
}

bool der_generalized_time(struct der *d, int64_t *seconds)
{
    struct der t = *d;
    struct x509_bytes c;
    unsigned year;
    if (!der_read(&t, DER_GENERALIZED_TIME, &c) || !read_time(c, 4, &year, seconds))
        return false;
    *d = t;
    return true;
}
