/* Characters and words: what the parser, the log and the tools need to know of text. */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the UTF-8 character at s (1 to 4; RFC 3629: no overlong forms, no surrogates, nothing
 * above U+10FFFF), 0 when there is none. n > 0. */
size_t policy_utf8(const char *s, size_t n);

/* Is this character (of the length that policy_utf8 gave) a control character: C0, DEL or C1? */
bool policy_is_control(const char *s, size_t length);

static inline bool policy_is_space(char c)
{
    return c == ' ' || c == '\t';
}
static inline bool policy_is_digit(char c)
{
    return c >= '0' && c <= '9';
}
static inline char policy_lower(char c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}
static inline bool policy_is_alphanumeric(char c)
{
    return policy_is_digit(c) || (policy_lower(c) >= 'a' && policy_lower(c) <= 'z');
}

/* The character at s for people, with control characters and stray bytes as \xNN. Returns how many
 * bytes of s it takes. n > 0. */
enum { POLICY_SHOWN_MAX = 17 };
size_t policy_show(const char *s, size_t n, char out[POLICY_SHOWN_MAX]);
/* The same inside of a JSON string (RFC 8259 7); stray bytes become U+FFFD. */
size_t policy_show_json(const char *s, size_t n, char out[POLICY_SHOWN_MAX]);

/* Is the text s[0..n) exactly this string? */
bool policy_equals(const char *s, size_t n, const char *string);

/* Which of the names a person who wrote s[0..n) meant: the nearest in typing errors (a letter
 * missing, added, replaced, or two exchanged), or the only one that begins so. name(arg, i) gives
 * the i-th name, NULL past the end. NULL when none is near. */
const char *policy_nearest(const char *s, size_t n, const char *(*name)(const void *arg, size_t i),
                           const void *arg);

#endif
