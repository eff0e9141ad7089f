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
    size_t aligned = (size + 16) & ~(size_t)15; /* at least 1, so that no memory is not NULL */
    bool fits = aligned >= size && aligned <= pool->size - pool->used;
    if (!fits && aligned >= size && pool->grow && pool->grow(pool, aligned))
        fits = true;
    if (!fits) {
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
    /* The costliest text is a row of four-byte words ("*:1 "), each a pattern with its word; the
     * shortest section is "[deny a]" with its line's end. */
    size_t rules = length / 9 < POLICY_RULES_MAX ? length / 9 + 1 : POLICY_RULES_MAX;
    return 4096 + ((sizeof(struct policy_pattern) + 32) / 4 + 32) * length +
           rules * (2 * sizeof(struct policy_rule) + sizeof(struct policy_section) +
                    POLICY_KEY_COUNT * (sizeof(void *) + sizeof(struct policy_entry)) + 2048);
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

/* "in line 3", or "in FILE, line 3" when that is another file than the one of `here`. */
static const char *place_text(struct policy_place place, struct policy_place here, char *out,
                              size_t size)
{
    bool same = strcmp(place.file, here.file) == 0;
    snprintf(out, size, "in %.200s%sline %u", same ? "" : place.file, same ? "" : ", ", place.line);
    return out;
}

static void check_repeated(struct policy_parser *parser, const struct policy_section *section)
{
    for (const struct policy_section *s = parser->first; s && s != section; s = s->next)
        if (s->kind == section->kind && strcmp(s->name, section->name) == 0) {
            char title[POLICY_NAME_MAX + 16], place[256];
            policy_section_title(section, title, sizeof title);
            policy_complain(parser, section->place,
                            "%s is there already, %s; sections are never merged: give this one "
                            "another name",
                            title, place_text(s->place, section->place, place, sizeof place));
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

/* May the key stand here? section NULL: before the first one. A header that was wrong is forgiven
 * everything but names that no key has. */
static bool key_belongs(struct policy_parser *parser, enum policy_key_id id,
                        const struct policy_section *section, struct policy_place place)
{
    const struct policy_key *key = &policy_keys[id];
    unsigned kind = section ? section->kind : POLICY_IN_TOP;
    if (kind & key->honoured)
        return true;
    const char *name = policy_section_kind_name(kind);
    if (kind == 0)
        return false;
    if (id == POLICY_KEY_STARTTLS)
        policy_complain(parser, place,
                        "\"starttls\" is not supported by this version: a connection is TLS from "
                        "its first byte on; use the port at which the service speaks TLS at once");
    else if (kind & key->meaning)
        policy_complain(parser, place,
                        key->honoured ? "\"%s\" is not supported by this version in a [%s] section"
                                      : "\"%s\" is not supported by this version",
                        key->name, name);
    else if (kind == POLICY_IN_TOP)
        policy_complain(parser, place,
                        "\"%s\" stands before the first section; put it below [defaults] or a rule",
                        key->name);
    else
        policy_complain(parser, place, "\"%s\" has no meaning in a [%s] section%s", key->name, name,
                        key->meaning == POLICY_IN_DEFAULTS ? "; it belongs into [defaults]"
                        : key->meaning == POLICY_IN_TOP    ? "; it stands before the first section"
                                                           : "");
    return false;
}

/* Checks the key and fills *entry. False on error. */
static bool parse_entry(struct policy_parser *parser, struct line *line,
                        const struct policy_section *section, struct policy_entry *entry)
{
    const char *start = line->at;
    struct policy_place place = place_of(line, start);
    const char *equals = memchr(start, '=', (size_t)(line->end - start));
    if (!equals) {
        policy_complain(parser, place,
                        *start == ';' ? "a comment begins with #, not with ;"
                                      : "a \"=\" is missing: KEY = VALUE");
        return false;
    }
    const char *key_end = equals;
    while (key_end > start && policy_is_space(key_end[-1]))
        key_end--;
    if (key_end == start) {
        policy_complain(parser, place, "a key is missing before the \"=\"");
        return false;
    }
    enum policy_key_id key = read_key(parser, start, (size_t)(key_end - start), place);
    if (key == POLICY_KEY_COUNT || !key_belongs(parser, key, section, place))
        return false;
    line->at = equals + 1;
    skip_space(line);
    *entry = (struct policy_entry){
        .key = key,
        .of_defaults = section && section->kind == POLICY_IN_DEFAULTS,
        .place = place,
        .value = {line->at, (size_t)(line->end - line->at), place_of(line, line->at)},
    };
    if (entry->value.length > 0 && *line->at != '#')
        return true;
    policy_complain(parser, entry->value.place, "\"%s\" has no value", policy_keys[key].name);
    return false;
}

static bool is_list(enum policy_key_id key)
{
    return key == POLICY_KEY_CONNECT || key == POLICY_KEY_LISTEN || key == POLICY_KEY_PROGRAM ||
           key == POLICY_KEY_USER;
}

static void add_entry(struct policy_parser *parser, struct policy_section *section,
                      const struct policy_entry *entry)
{
    const struct policy_entry *there = section->entries[entry->key];
    if (there) {
        policy_complain(parser, entry->place,
                        "\"%s\" is set already, in line %u; a key stands once in a section%s",
                        policy_keys[entry->key].name, there->place.line,
                        is_list(entry->key) ? ", its words separated by spaces" : "");
        return;
    }
    struct policy_entry *copy = policy_take(parser, entry->place, sizeof *copy);
    char *value = copy ? policy_take(parser, entry->place, entry->value.length + 1) : NULL;
    if (!value)
        return;
    memcpy(value, entry->value.text, entry->value.length);
    *copy = *entry;
    copy->value.text = value;
    section->entries[entry->key] = copy;
}

/* ---- whole files ---- */

static void read_include(struct policy_parser *parser, const struct policy_entry *entry)
{
    const struct policy_input *input = parser->input;
    struct policy_word rest = entry->value, word;
    if (parser->in_include || !input->include) {
        policy_complain(parser, entry->place,
                        parser->in_include ? "an included file includes no other"
                                           : "nothing can be included here");
        return;
    }
    while (policy_next_word(&rest, &word)) {
        struct policy_file *file = NULL;
        const char *why = "";
        struct policy_string pattern = policy_expand(parser, &word, true);
        if (!pattern.text)
            continue;
        if (!input->include(input->arg, pattern.text, &file, &why))
            policy_complain(parser, pattern.place, "include: %.400s", why);
        parser->in_include = true;
        for (; file && !parser->pool_full; file = file->next)
            policy_read_lines(parser, file->name, file->text, file->length);
        parser->in_include = false;
    }
}

static struct policy_section *begin_section(struct policy_parser *parser, struct line *line)
{
    if (++parser->sections > POLICY_RULES_MAX) {
        if (parser->sections == POLICY_RULES_MAX + 1)
            policy_complain(parser, place_of(line, line->at), "more than %d sections",
                            POLICY_RULES_MAX);
        return NULL;
    }
    struct policy_section *section = read_header(parser, line);
    if (!section)
        return NULL;
    if (section->kind)
        check_repeated(parser, section);
    if (parser->last)
        parser->last->next = section;
    else
        parser->first = section;
    parser->last = section;
    return section;
}

void policy_read_lines(struct policy_parser *parser, const char *file, const char *text,
                       size_t length)
{
    struct policy_section *section = NULL;
    unsigned number = 0;
    for (const char *at = text, *end = text + length; at < end && !parser->pool_full;) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        struct line line = {at, at, newline ? newline : end, ++number, file};
        struct policy_entry entry;
        at = newline ? newline + 1 : end;
        if (!is_clean(parser, &line))
            continue;
        skip_space(&line);
        trim(&line);
        if (line.at == line.end)
            continue;
        if (*line.at == '[') {
            section = begin_section(parser, &line);
            if (!section)
                return;
        } else if (parse_entry(parser, &line, section, &entry)) {
            if (entry.key == POLICY_KEY_INCLUDE)
                read_include(parser, &entry);
            else if (section)
                add_entry(parser, section, &entry);
        }
    }
}
