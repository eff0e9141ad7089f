/* The first pass: lines into sections and entries. */
#include "policy_parser.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "policy_text.h"

static const struct {
    unsigned kind;
    const char *name;
} kinds[] = {
    {POLICY_IN_CLIENT, "client"}, {POLICY_IN_SERVER, "server"},     {POLICY_IN_PLAIN, "plain"},
    {POLICY_IN_DENY, "deny"},     {POLICY_IN_DEFAULTS, "defaults"},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *kind_name_at(const void *unused, size_t i)
{
    (void)unused;
    return i < KINDS ? kinds[i].name : NULL;
}

static const char *key_name_at(const void *unused, size_t i)
{
    (void)unused;
    return i < POLICY_KEY_COUNT ? policy_keys[i].name : NULL;
}

const char *policy_section_kind_name(unsigned kind)
{
    for (size_t i = 0; i < KINDS; i++)
        if (kinds[i].kind == kind)
            return kinds[i].name;
    return "";
}

void policy_section_title(const struct policy_section *section, char *out, size_t size)
{
    snprintf(out, size, "[%s%s%s]", policy_section_kind_name(section->kind),
             section->name[0] ? " " : "", section->name);
}

void policy_complain(struct policy_parser *parser, struct policy_place place, const char *format,
                     ...)
{
    struct policy_error error = {.place = place};
    va_list args;
    va_start(args, format);
    vsnprintf(error.message, sizeof error.message, format, args);
    va_end(args);
    parser->errors++;
    parser->report(parser->report_arg, &error);
}

struct policy_place policy_advance(struct policy_place place, const char *from, const char *to)
{
    for (const char *p = from; p < to; p++)
        place.column += ((unsigned char)*p & 0xc0) != 0x80; /* not a UTF-8 continuation byte */
    return place;
}

void *policy_take(struct policy_parser *parser, struct policy_place place, size_t size)
{
    struct policy_pool *pool = parser->pool;
    size_t aligned = (size + 15) & ~(size_t)15;
    if (aligned < size || aligned > pool->size - pool->used) {
        if (!parser->pool_full)
            policy_complain(parser, place, "the policy is too large");
        parser->pool_full = true;
        return NULL;
    }
    void *taken = pool->memory + pool->used;
    pool->used += aligned;
    memset(taken, 0, aligned);
    return taken;
}

size_t policy_pool_size(size_t length)
{
    /* The costliest text is a row of four-byte words ("*:1 "), each a pattern with its word; a
     * rule and its section are bounded in number. */
    return (size_t)65536 + (sizeof(struct policy_pattern) + 16) / 4 * length + 16 * length +
           (size_t)POLICY_RULES_MAX *
               (sizeof(struct policy_rule) + sizeof(struct policy_section) +
                POLICY_KEY_COUNT * (sizeof(void *) + sizeof(struct policy_entry)) + 1024);
}

/* ---- one line ---- */

struct line {
    const char *start, *at, *end;
    unsigned number;
    const char *file;
};

static struct policy_place place_of(const struct line *line, const char *at)
{
    struct policy_place start = {line->file, line->number, 1};
    return policy_advance(start, line->start, at);
}

static void skip_space(struct line *line)
{
    while (line->at < line->end && policy_is_space(*line->at))
        line->at++;
}

/* The raw bytes of a line: length, encoding, control characters. */
static bool is_clean(struct policy_parser *parser, const struct line *line)
{
    if (line->end - line->start > POLICY_LINE_MAX) {
        struct policy_place place = {line->file, line->number, POLICY_LINE_MAX + 1};
        policy_complain(parser, place, "the line is longer than %d bytes", POLICY_LINE_MAX);
        return false;
    }
    for (const char *p = line->start; p < line->end;) {
        size_t n = policy_utf8(p, (size_t)(line->end - p));
        unsigned byte = (unsigned char)*p;
        if (n == 3 && line->number == 1 && p == line->start && memcmp(p, "\xef\xbb\xbf", 3) == 0)
            policy_complain(parser, place_of(line, p),
                            "the file begins with a byte order mark; save it without");
        else if (n == 0)
            policy_complain(parser, place_of(line, p),
                            "byte 0x%02x is not UTF-8; save the file as UTF-8", byte);
        else if (byte == '\r' && p + 1 == line->end)
            policy_complain(parser, place_of(line, p),
                            "the line ends in a carriage return; save the file with Unix line "
                            "ends (sed -i 's/\\r$//' FILE)");
        else if (byte != '\t' && policy_is_control(p, n))
            policy_complain(parser, place_of(line, p),
                            "a control character (0x%02x) in the text; remove it",
                            n == 2 ? (unsigned char)p[1] : byte);
        else {
            p += n;
            continue;
        }
        return false;
    }
    return true;
}

/* Cuts a comment behind white space, and white space at the end. */
static void trim(struct line *line)
{
    for (const char *p = line->at; p < line->end; p++)
        if (*p == '#' && (p == line->at || policy_is_space(p[-1])))
            line->end = p;
    while (line->end > line->at && policy_is_space(line->end[-1]))
        line->end--;
}

/* ---- headers ---- */

static bool is_name_character(char c)
{
    return policy_is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
}

static unsigned read_kind(struct policy_parser *parser, struct line *line)
{
    const char *start = line->at;
    while (line->at < line->end && !policy_is_space(*line->at) && *line->at != ']')
        line->at++;
    size_t n = (size_t)(line->at - start);
    for (size_t i = 0; i < KINDS; i++)
        if (policy_equals(start, n, kinds[i].name))
            return kinds[i].kind;
    const char *near = policy_nearest(start, n, kind_name_at, NULL);
    policy_complain(parser, place_of(line, start), "unknown kind of section \"%.*s\"; %s%s%s",
                    (int)(n < POLICY_NAME_MAX ? n : POLICY_NAME_MAX), start,
                    near ? "did you mean \"" : "there are client, server, plain, deny and defaults",
                    near ? near : "", near ? "\"?" : "");
    return 0;
}

static const char *read_name(struct policy_parser *parser, struct line *line, unsigned kind)
{
    skip_space(line);
    const char *start = line->at;
    while (line->at < line->end && is_name_character(*line->at))
        line->at++;
    size_t n = (size_t)(line->at - start);
    struct policy_place place = place_of(line, start);
    if (kind == POLICY_IN_DEFAULTS ? n > 0 : n == 0) {
        policy_complain(parser, place,
                        n ? "[defaults] takes no name" : "a name is missing: [%s NAME]",
                        policy_section_kind_name(kind));
        return NULL;
    }
    if (n > POLICY_NAME_MAX) {
        policy_complain(parser, place, "the name is longer than %d characters", POLICY_NAME_MAX);
        return NULL;
    }
    char *name = policy_take(parser, place, n + 1);
    if (name)
        memcpy(name, start, n);
    return name;
}

static bool read_header_end(struct policy_parser *parser, struct line *line)
{
    skip_space(line);
    if (line->at == line->end)
        policy_complain(parser, place_of(line, line->at), "the ] of the section header is missing");
    else if (*line->at != ']')
        policy_complain(parser, place_of(line, line->at),
                        "a section's name is made of letters, digits and . _ -");
    else if (line->at + 1 != line->end)
        policy_complain(parser, place_of(line, line->at + 1),
                        "text behind the section header; settings go on lines of their own");
    else
        return true;
    return false;
}

static void check_repeated(struct policy_parser *parser, const struct policy_section *first,
                           const struct policy_section *section)
{
    for (const struct policy_section *s = first; s && s != section; s = s->next)
        if (s->kind == section->kind && strcmp(s->name, section->name) == 0) {
            char title[POLICY_NAME_MAX + 16];
            policy_section_title(section, title, sizeof title);
            policy_complain(parser, section->place,
                            "%s is there already, in line %u; sections are never merged: give "
                            "this one another name",
                            title, s->place.line);
            return;
        }
}

/* Always gives a section (unless memory ran out), so that what follows a bad header is checked. */
static struct policy_section *read_header(struct policy_parser *parser, struct line *line)
{
    struct policy_place place = place_of(line, line->at);
    struct policy_section *section = policy_take(parser, place, sizeof *section);
    if (!section)
        return NULL;
    section->place = place;
    section->name = "";
    line->at++;
    skip_space(line);
    unsigned kind = read_kind(parser, line);
    if (!kind)
        return section;
    const char *name = read_name(parser, line, kind);
    if (!name || !read_header_end(parser, line))
        return section;
    section->kind = kind;
    section->name = name;
    return section;
}

/* ---- entries ---- */

static enum policy_key_id read_key(struct policy_parser *parser, const char *start, size_t n,
                                   struct policy_place place)
{
    enum policy_key_id key = policy_key_by_name(start, n);
    if (key != POLICY_KEY_COUNT)
        return key;
    const char *near = policy_nearest(start, n, key_name_at, NULL);
    policy_complain(parser, place, "unknown key \"%.*s\"%s%s%s",
                    (int)(n < POLICY_NAME_MAX ? n : POLICY_NAME_MAX), start,
                    near ? "; did you mean \"" : "; tlshim.conf(5) lists the keys",
                    near ? near : "", near ? "\"?" : "");
    return key;
}

static bool key_belongs(struct policy_parser *parser, enum policy_key_id id,
                        const struct policy_section *section, struct policy_place place)
{
    const struct policy_key *key = &policy_keys[id];
    if (section->kind & key->honoured)
        return true;
    const char *kind = policy_section_kind_name(section->kind);
    if (!(section->kind & key->meaning))
        policy_complain(parser, place, "\"%s\" has no meaning in a [%s] section%s", key->name, kind,
                        key->meaning == POLICY_IN_DEFAULTS ? "; it belongs into [defaults]" : "");
    else if (key->honoured)
        policy_complain(parser, place, "\"%s\" is not supported by this version in a [%s] section",
                        key->name, kind);
    else
        policy_complain(parser, place, "\"%s\" is not supported by this version", key->name);
    return false;
}

static void read_entry(struct policy_parser *parser, struct line *line,
                       struct policy_section *section)
{
    const char *start = line->at;
    struct policy_place place = place_of(line, start);
    const char *equals = memchr(start, '=', (size_t)(line->end - start));
    if (!equals) {
        policy_complain(parser, place,
                        *start == ';' ? "a comment begins with #, not with ;"
                                      : "a \"=\" is missing: KEY = VALUE");
        return;
    }
    const char *key_end = equals;
    while (key_end > start && policy_is_space(key_end[-1]))
        key_end--;
    if (key_end == start) {
        policy_complain(parser, place, "a key is missing before the \"=\"");
        return;
    }
    enum policy_key_id key = read_key(parser, start, (size_t)(key_end - start), place);
    if (key == POLICY_KEY_COUNT)
        return;
    if (!section) {
        policy_complain(parser, place,
                        "\"%s\" stands before the first section; put it below "
                        "[defaults] or a rule",
                        policy_keys[key].name);
        return;
    }
    if (section->kind == 0 || !key_belongs(parser, key, section, place))
        return;
    line->at = equals + 1;
    skip_space(line);
    struct policy_place value_place = place_of(line, line->at);
    if (line->at == line->end) {
        policy_complain(parser, value_place, "\"%s\" has no value", policy_keys[key].name);
        return;
    }
    if (section->entries[key]) {
        policy_complain(parser, place,
                        "\"%s\" is set already, in line %u; a key stands once in a "
                        "section%s",
                        policy_keys[key].name, section->entries[key]->place.line,
                        key == POLICY_KEY_CONNECT || key == POLICY_KEY_LISTEN ||
                                key == POLICY_KEY_PROGRAM
                            ? ", its words separated by spaces"
                            : "");
        return;
    }
    size_t length = (size_t)(line->end - line->at);
    struct policy_entry *entry = policy_take(parser, place, sizeof *entry);
    char *value = entry ? policy_take(parser, place, length + 1) : NULL;
    if (!value)
        return;
    memcpy(value, line->at, length);
    *entry = (struct policy_entry){
        .key = key,
        .of_defaults = section->kind == POLICY_IN_DEFAULTS,
        .place = place,
        .value = {value, length, value_place},
    };
    section->entries[key] = entry;
}

struct policy_section *policy_read_lines(struct policy_parser *parser, const char *text,
                                         size_t length)
{
    struct policy_section *first = NULL, *section = NULL;
    unsigned number = 0, rules = 0;
    for (const char *at = text, *end = text + length; at < end && !parser->pool_full;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct line line = {at, at, newline ? newline : end, ++number, parser->file};
        at = newline ? newline + 1 : end;
        if (!is_clean(parser, &line))
            continue;
        skip_space(&line);
        trim(&line);
        if (line.at == line.end)
            continue;
        if (*line.at != '[') {
            read_entry(parser, &line, section);
            continue;
        }
        if (++rules > POLICY_RULES_MAX) {
            policy_complain(parser, place_of(&line, line.at), "more than %d sections",
                            POLICY_RULES_MAX);
            return first;
        }
        struct policy_section *previous = section;
        section = read_header(parser, &line);
        if (!section)
            return first;
        if (previous)
            previous->next = section;
        else
            first = section;
        if (section->kind)
            check_repeated(parser, first, section);
    }
    return first;
}
