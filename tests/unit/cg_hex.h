/* Hexadecimal constants for the tests of crypto_glue. */
#ifndef TESTS_CG_HEX_H
#define TESTS_CG_HEX_H

#include <stddef.h>
#include <stdint.h>

static inline uint8_t cg_hex_digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/* Writes the bytes of well-formed hex text to out and says how many. */
static inline size_t cg_hex(const char *text, uint8_t *out)
{
    size_t n = 0;
    for (; text[2 * n]; n++)
        out[n] = (uint8_t)(cg_hex_digit(text[2 * n]) << 4 | cg_hex_digit(text[2 * n + 1]));
    return n;
}

#endif
