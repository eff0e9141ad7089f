/* Text for people without stdio: a bounded buffer that says when it was too small. */
#include "x509_internal.h"

struct x509_text x509_text_over(char *out, size_t size)
{
    return (struct x509_text){out, out, size > 0 ? out + size - 1 : NULL, false};
}

static void add_char(struct x509_text *t, char c)
{
    if (t->end && t->at < t->end)
        *t->at++ = c;
    else
        t->cut = true;
}

void x509_text_add(struct x509_text *t, const char *s)
{
    while (*s)
        add_char(t, *s++);
}

void x509_text_add_number(struct x509_text *t, uint64_t n)
{
    char digits[21];
    size_t i = sizeof digits - 1;
    digits[i] = 0;
    do
        digits[--i] = (char)('0' + n % 10);
    while (n /= 10);
    x509_text_add(t, digits + i);
}

static void add_hex_byte(struct x509_text *t, uint8_t b)
{
    add_char(t, "0123456789abcdef"[b >> 4]);
    add_char(t, "0123456789abcdef"[b & 15]);
}

void x509_text_add_hex(struct x509_text *t, struct x509_bytes bytes)
{
    for (size_t i = 0; i < bytes.length && !t->cut; i++)
        add_hex_byte(t, bytes.data[i]);
}

void x509_text_add_escaped(struct x509_text *t, uint8_t c)
{
    if (c >= 0x20 && c < 0x7f) {
        add_char(t, (char)c);
        return;
    }
    x509_text_add(t, "\\x");
    add_hex_byte(t, c);
}

static void add_two_digits(struct x509_text *t, unsigned n)
{
    add_char(t, (char)('0' + n / 10));
    add_char(t, (char)('0' + n % 10));
}

/* Civil date from days, counted in 400-year eras that begin on 1 March. */
void x509_text_add_date(struct x509_text *t, int64_t seconds)
{
    int64_t days = seconds / 86400, rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468; /* from 0000-03-01 to 1970-01-01 */
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned day = (unsigned)(days - era * 146097);
    unsigned year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    day -= 365 * year + year / 4 - year / 100;
    unsigned month = (5 * day + 2) / 153;
    day -= (153 * month + 2) / 5;
    int64_t full_year = year + era * 400 + (month >= 10);
    unsigned time = (unsigned)rest;
    x509_text_add_number(t, full_year > 0 ? (uint64_t)full_year : 0);
    add_char(t, '-');
    add_two_digits(t, month < 10 ? month + 3 : month - 9);
    add_char(t, '-');
    add_two_digits(t, day + 1);
    add_char(t, ' ');
    add_two_digits(t, time / 3600);
    add_char(t, ':');
    add_two_digits(t, time / 60 % 60);
    add_char(t, ':');
    add_two_digits(t, time % 60);
    add_char(t, 'Z');
}

void x509_text_end(struct x509_text *t)
{
    if (!t->end)
        return;
    *t->at = 0;
    for (ptrdiff_t n = 1; t->cut && n <= 3 && n <= t->end - t->start; n++)
        t->end[-n] = '.';
}
