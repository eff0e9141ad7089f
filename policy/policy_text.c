#include "policy_text.h"

#include <stdio.h>
#include <string.h>

size_t policy_utf8(const char *s, size_t n)
{
    const unsigned char *b = (const unsigned char *)s;
    if (b[0] < 0x80)
        return 1;
    size_t length = b[0] >= 0xc2 && b[0] <= 0xdf   ? 2
                    : (b[0] & 0xf0) == 0xe0        ? 3
                    : b[0] >= 0xf0 && b[0] <= 0xf4 ? 4
                                                   : 0;
    if (length == 0 || length > n)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((b[i] & 0xc0) != 0x80)
            return 0;
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xf0 && b[1] < 0x90))
        return 0; /* overlong */
    if ((b[0] == 0xed && b[1] > 0x9f) || (b[0] == 0xf4 && b[1] > 0x8f))
        return 0; /* a surrogate, or above U+10FFFF */
    return length;
}

bool policy_is_control(const char *s, size_t length)
{
    const unsigned char *b = (const unsigned char *)s;
    if (length == 1)
        return b[0] < 0x20 || b[0] == 0x7f;
    return length == 2 && b[0] == 0xc2 && b[1] < 0xa0;
}

size_t policy_show(const char *s, size_t n, char out[POLICY_SHOWN_MAX])
{
    size_t length = policy_utf8(s, n), taken = length ? length : 1;
    bool raw = length && !policy_is_control(s, length);
    if (raw)
        memcpy(out, s, taken);
    for (size_t i = 0; i < taken && !raw; i++)
        snprintf(out + 4 * i, 5, "\\x%02x", (unsigned char)s[i]);
    out[raw ? taken : 4 * taken] = '\0';
    return taken;
}

size_t policy_show_json(const char *s, size_t n, char out[POLICY_SHOWN_MAX])
{
    size_t length = policy_utf8(s, n);
    if (length == 0)
        snprintf(out, POLICY_SHOWN_MAX, "\\ufffd");
    else if (*s == '"' || *s == '\\')
        snprintf(out, POLICY_SHOWN_MAX, "\\%c", *s);
    else if (policy_is_control(s, length))
        snprintf(out, POLICY_SHOWN_MAX, "\\u%04x", (unsigned char)s[length - 1]);
    else
        snprintf(out, POLICY_SHOWN_MAX, "%.*s", (int)length, s);
    return length ? length : 1;
}

bool policy_equals(const char *s, size_t n, const char *string)
{
    return strlen(string) == n && memcmp(s, string, n) == 0;
}

enum { NEAREST_MAX = 48 };

static char fold(char c)
{
    return c == '_' ? '-' : policy_lower(c);
}

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* Damerau-Levenshtein (optimal string alignment): how many typing errors lie between a and b. */
static unsigned distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    unsigned rows[3][NEAREST_MAX + 1];
    unsigned *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = (unsigned)j;
    memcpy(before, last, sizeof rows[0]);
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = fold(a[i - 1]) == fold(b[j - 1]);
            row[j] = least(least(last[j] + 1, row[j - 1] + 1), last[j - 1] + !same);
            if (i > 1 && j > 1 && fold(a[i - 1]) == fold(b[j - 2]) &&
                fold(a[i - 2]) == fold(b[j - 1]))
                row[j] = least(row[j], before[j - 2] + 1);
        }
        unsigned *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b_length];
}

const char *policy_nearest(const char *s, size_t n, const char *(*name)(const void *arg, size_t i),
                           const void *arg)
{
    if (n < 3 || n > NEAREST_MAX)
        return NULL;
    const char *nearest = NULL, *prefixed = NULL;
    unsigned best = (unsigned)(n / 4 + 1), prefixes = 0;
    const char *candidate;
    for (size_t i = 0; (candidate = name(arg, i)); i++) {
        size_t length = strlen(candidate);
        if (length > NEAREST_MAX)
            continue;
        unsigned d = distance(s, n, candidate, length);
        if (d < best || (d == best && !nearest)) {
            best = d;
            nearest = candidate;
        }
        if (length > n && strncmp(s, candidate, n) == 0) {
            prefixed = candidate;
            prefixes++;
        }
    }
    return nearest ? nearest : prefixes == 1 ? prefixed : NULL;
}
