#include "common_keyfiles.h"

#include <stdio.h>
#include <string.h>

#include "common_files.h"

enum { KEYFILE_MAX = 1024 * 1024 };

struct line { /* without its newline, and without white space at its end */
    char *start, *end;
    unsigned number;
};

struct lines {
    char *at, *end;
    unsigned number;
};

static bool next_line(struct lines *lines, struct line *line)
{
    if (lines->at == lines->end)
        return false;
    char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    *line = (struct line){lines->at, newline ? newline : lines->end, ++lines->number};
    lines->at = newline ? newline + 1 : lines->end;
    while (line->end > line->start &&
           (line->end[-1] == ' ' || line->end[-1] == '\t' || line->end[-1] == '\r'))
        line->end--;
    return true;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* Over its own text. False when that is not pairs of hexadecimal digits. */
static bool decode_hex(char *start, char *end, struct x509_bytes *out)
{
    size_t length = (size_t)(end - start) / 2;
    if ((end - start) % 2 != 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        int high = digit_of(start[2 * i]), low = digit_of(start[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        start[i] = (char)(high << 4 | low);
    }
    *out = (struct x509_bytes){(const uint8_t *)start, length};
    return true;
}

static bool read_private(struct file_text *file, const char *path, char reason[CREDENTIALS_REASON])
{
    char why[FILE_REASON];
    if (!file_read(file, path, KEYFILE_MAX, true, why)) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
        return false;
    }
    if (credentials_is_private(file, path, reason))
        return true;
    file_free(file);
    return false;
}

static bool bad_line(const char *path, unsigned number, const char *why,
                     char reason[CREDENTIALS_REASON])
{
    snprintf(reason, CREDENTIALS_REASON, "%.120s: line %u: %s", path, number, why);
    return false;
}

/* ---- pre-shared keys ---- */

static bool is_comment(const struct line *line)
{
    size_t n = (size_t)(line->end - line->start);
    return n == 0 ||
           (line->start[0] == '#' && (n == 1 || line->start[1] == ' ' || line->start[1] == '\t'));
}

/* What is wrong with the line, or NULL. */
static const char *read_psk(const struct line *line, struct tls_psk *out)
{
    char *colon = memrchr(line->start, ':', (size_t)(line->end - line->start));
    if (!colon)
        return "a \":\" is missing: IDENTITY:KEY";
    out->identity =
        (struct x509_bytes){(const uint8_t *)line->start, (size_t)(colon - line->start)};
    if (line->start[0] == '#' && !decode_hex(line->start + 1, colon, &out->identity))
        return "behind a # the identity is hexadecimal; a comment has a space there";
    if (out->identity.length == 0 || out->identity.length > TLS_PSK_IDENTITY_MAX)
        return "the identity has not 1 to 128 bytes";
    if (!decode_hex(colon + 1, line->end, &out->key))
        return "the key is not hexadecimal (two digits a byte); make one: openssl rand -hex 32";
    if (out->key.length < KEYFILE_PSK_MIN || out->key.length > TLS_PSK_MAX)
        return "the key has not 16 to 64 bytes; make one: openssl rand -hex 32";
    return NULL;
}
_Static_assert(TLS_PSK_IDENTITY_MAX == 128 && TLS_PSK_MAX == 64, "as the messages say");

static bool is_identity(const struct tls_psk *psk, const void *identity, size_t n)
{
    return psk->identity.length == n && memcmp(psk->identity.data, identity, n) == 0;
}

struct psks {
    struct tls_psk *all;
    size_t count;
};

static const struct tls_psk *find_psk(const struct psks *psks, const void *identity, size_t n)
{
    for (size_t i = 0; i < psks->count; i++)
        if (is_identity(&psks->all[i], identity, n))
            return &psks->all[i];
    return NULL;
}

static bool copy_bytes(struct x509_bytes *bytes, struct memory *secrets)
{
    bytes->data = (const uint8_t *)memory_copy(secrets, bytes->data, bytes->length);
    return bytes->data != NULL;
}

static bool read_psks(struct psks *out, struct file_text *file, const char *path, unsigned floor,
                      struct memory *secrets, char reason[CREDENTIALS_REASON])
{
    struct lines lines = {file->text, file->text + file->length, 0};
    struct line line;
    while (next_line(&lines, &line)) {
        struct tls_psk psk;
        const char *why = is_comment(&line) ? NULL : read_psk(&line, &psk);
        if (is_comment(&line))
            continue;
        if (!why && find_psk(out, psk.identity.data, psk.identity.length))
            why = "this identity is there already";
        if (!why && (!copy_bytes(&psk.identity, secrets) || !copy_bytes(&psk.key, secrets)))
            why = "not enough memory";
        if (why)
            return bad_line(path, line.number, why, reason);
        if (psk.key.length * 8 < floor) {
            snprintf(reason, CREDENTIALS_REASON,
                     "%.120s: line %u: the key has %zu bits, minimum-strength asks for %u; make a "
                     "longer one (openssl rand -hex 32) or lower the floor",
                     path, line.number, psk.key.length * 8, floor);
            return false;
        }
        out->all[out->count++] = psk;
    }
    return true;
}

/* Those that are wanted, in that order. */
static bool choose_psks(const struct tls_psk **out, size_t *count, const struct psks *psks,
                        const char *path, const struct policy_list *wanted, struct memory *secrets,
                        char reason[CREDENTIALS_REASON])
{
    struct tls_psk *chosen = memory_take(secrets, (wanted->count + 1) * sizeof *chosen);
    for (size_t i = 0; chosen && i < wanted->count; i++) {
        const char *name = wanted->words[i].text;
        const struct tls_psk *psk = find_psk(psks, name, strlen(name));
        if (!psk) {
            snprintf(reason, CREDENTIALS_REASON,
                     "%.120s: no line for the identity \"%.100s\" in it", path, name);
            return false;
        }
        chosen[i] = *psk;
    }
    snprintf(reason, CREDENTIALS_REASON, "not enough memory");
    *out = chosen;
    *count = wanted->count;
    return chosen != NULL;
}

static size_t count_lines(const struct file_text *file)
{
    size_t count = 1;
    for (size_t i = 0; i < file->length; i++)
        count += file->text[i] == '\n';
    return count;
}

bool keyfile_load_psks(const struct tls_psk **out, size_t *count, const char *path,
                       const struct policy_list *wanted, unsigned floor, struct memory *secrets,
                       char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_private(&file, path, reason))
        return false;
    struct psks psks = {memory_take(secrets, count_lines(&file) * sizeof *psks.all), 0};
    snprintf(reason, CREDENTIALS_REASON, "not enough memory");
    bool good = psks.all && read_psks(&psks, &file, path, floor, secrets, reason);
    file_free(&file);
    if (good && psks.count == 0) {
        snprintf(reason, CREDENTIALS_REASON, "%.120s: no key in it; lines are IDENTITY:KEY", path);
        good = false;
    }
    *out = psks.all;
    *count = psks.count;
    return good &&
           (wanted->count == 0 || choose_psks(out, count, &psks, path, wanted, secrets, reason));
}

/* ---- keys of tickets ---- */

static bool read_ticket_keys(struct tls_ticket_ring *ring, struct file_text *file, const char *path,
                             char reason[CREDENTIALS_REASON])
{
    struct lines lines = {file->text, file->text + file->length, 0};
    struct line line;
    uint8_t *keys = (uint8_t *)file->text; /* over the front of the text: never beyond its line */
    size_t used = 0;
    while (next_line(&lines, &line)) {
        struct x509_bytes key;
        if (line.start == line.end || line.start[0] == '#')
            continue;
        if (!decode_hex(line.start, line.end, &key) || key.length != TLS_TICKET_KEY_BYTES)
            return bad_line(path, line.number,
                            "a key is 160 hexadecimal digits; make one: openssl rand -hex 80",
                            reason);
        memmove(keys + used, key.data, key.length);
        used += key.length;
    }
    tls_ticket_ring_init(ring, 0);
    if (tls_ticket_ring_load(ring, keys, used))
        return true;
    snprintf(reason, CREDENTIALS_REASON,
             "%.120s: there are %zu keys in it, 1 to %d are needed, the current one first; make "
             "one: openssl rand -hex 80",
             path, used / TLS_TICKET_KEY_BYTES, TLS_TICKET_KEYS);
    return false;
}
_Static_assert(TLS_TICKET_KEY_BYTES == 80, "as the messages say");

bool keyfile_load_ticket_ring(struct tls_ticket_ring *ring, const char *path,
                              char reason[CREDENTIALS_REASON])
{
    struct file_text file;
    if (!read_private(&file, path, reason))
        return false;
    bool good = read_ticket_keys(ring, &file, path, reason);
    file_free(&file);
    return good;
}
