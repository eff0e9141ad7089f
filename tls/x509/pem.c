/* PEM, as RFC 7468 has it: strict inside a block, indifferent to what is between blocks. */
#include "pem.h"

#include <string.h>

static const char dashes[] = "-----";
enum { DASHES = sizeof dashes - 1 };

struct line {
    const char *at;
    size_t length; /* without the line's end and trailing blanks */
};

static bool next_line(struct pem_reader *r, struct line *line)
{
    if (r->at == r->end)
        return false;
    const char *end = memchr(r->at, '\n', (size_t)(r->end - r->at));
    line->at = r->at;
    line->length = (size_t)((end ? end : r->end) - r->at);
    r->at = end ? end + 1 : r->end;
    r->line++;
    while (line->length > 0 && strchr(" \t\r", line->at[line->length - 1]) &&
           line->at[line->length - 1])
        line->length--;
    return true;
}

static bool starts_with(const struct line *line, const char *word)
{
    size_t n = strlen(word);
    return line->length >= n && memcmp(line->at, word, n) == 0;
}

/* "-----BEGIN label-----" and the same with END. */
static bool is_boundary(const struct line *line, const char *word, const char **label,
                        size_t *length)
{
    size_t head = DASHES + strlen(word);
    if (!starts_with(line, dashes) || line->length < head + DASHES ||
        memcmp(line->at + DASHES, word, strlen(word)) != 0 ||
        memcmp(line->at + line->length - DASHES, dashes, DASHES) != 0)
        return false;
    *label = line->at + head;
    *length = line->length - head - DASHES;
    return true;
}

/* 0 to 63; 64 for '='; 255 for what is not base64. */
static unsigned sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (unsigned)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0') + 52;
    return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 64 : 255;
}

struct decoder {
    uint32_t bits;
    unsigned held, padding; /* characters in bits; '=' seen */
    uint8_t *out;
    size_t length, size;
};

static const char *decode_line(struct decoder *d, const struct line *line)
{
    for (size_t i = 0; i < line->length; i++) {
        unsigned v = sextet(line->at[i]);
        if (v == 255)
            return "a character that is not base64";
        if (v == 64 ? d->held < 2 : d->padding > 0)
            return "base64 goes on after its padding";
        d->padding += v == 64;
        d->bits = d->bits << 6 | (v & 63);
        if (++d->held < 4)
            continue;
        if (d->size - d->length < 3 - d->padding)
            return "the block is too long";
        if (d->bits & ((1u << 8 * d->padding) - 1))
            return "base64 with bits left over at its end";
        for (unsigned k = 0; k < 3 - d->padding; k++)
            d->out[d->length++] = (uint8_t)(d->bits >> (16 - 8 * k));
        d->bits = 0;
        d->held = 0;
    }
    return NULL;
}

static const char *read_body(struct pem_reader *r, const struct pem_block *block, struct decoder *d)
{
    struct line line;
    const char *label, *why;
    size_t length;
    while (next_line(r, &line)) {
        if (is_boundary(&line, "END ", &label, &length)) {
            if (length != strlen(block->label) || memcmp(label, block->label, length) != 0)
                return "the END line has another label than the BEGIN line";
            return d->held == 0 ? NULL : "base64 is cut short";
        }
        if (starts_with(&line, dashes))
            return "a boundary inside of a block";
        if (starts_with(&line, "Proc-Type:") || starts_with(&line, "DEK-Info:"))
            return "the key is encrypted with a passphrase; decrypt it with `openssl pkey`";
        if ((why = decode_line(d, &line)))
            return why;
    }
    return "the END line is missing";
}

enum pem_result pem_next(struct pem_reader *reader, struct pem_block *block, uint8_t *out,
                         size_t out_size, const char **why)
{
    struct line line;
    struct decoder decoder = {.out = out, .size = out_size};
    const char *label;
    size_t length;
    while (next_line(reader, &line)) {
        if (!starts_with(&line, "-----BEGIN"))
            continue;
        block->line = reader->line;
        *why = "the BEGIN line is malformed";
        if (!is_boundary(&line, "BEGIN ", &label, &length) || length >= sizeof block->label)
            return PEM_BAD;
        memcpy(block->label, label, length);
        block->label[length] = 0;
        if ((*why = read_body(reader, block, &decoder)))
            return PEM_BAD;
        block->length = decoder.length;
        return PEM_BLOCK;
    }
    return PEM_END;
}
