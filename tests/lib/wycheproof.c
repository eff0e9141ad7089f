#include "wycheproof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int same(struct wycheproof_value v, const char *text)
{
    return v.length == strlen(text) && memcmp(v.text, text, v.length) == 0;
}

struct wycheproof_value wycheproof_get(const struct wycheproof *w, const char *name)
{
    for (size_t i = 0; i < w->count; i++) {
        if (same(w->fields[i].name, name))
            return w->fields[i].value;
    }
    fprintf(stderr, "wycheproof: no field %s\n", name);
    exit(1);
}

static unsigned digit(char c)
{
    return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

size_t wycheproof_hex(const struct wycheproof *w, const char *name, uint8_t *out)
{
    struct wycheproof_value v = wycheproof_get(w, name);
    if (v.length / 2 > WYCHEPROOF_BYTES)
        exit(1);
    for (size_t i = 0; i < v.length / 2; i++)
        out[i] = (uint8_t)(digit(v.text[2 * i]) << 4 | digit(v.text[2 * i + 1]));
    return v.length / 2;
}

int wycheproof_is(const struct wycheproof *w, const char *name, const char *value)
{
    return same(wycheproof_get(w, name), value);
}

int wycheproof_flag(const struct wycheproof *w, const char *flag)
{
    struct wycheproof_value v = wycheproof_get(w, "flags");
    size_t n = strlen(flag);
    for (size_t i = 0; i + n + 2 <= v.length; i++) {
        if (v.text[i] == '"' && memcmp(v.text + i + 1, flag, n) == 0 && v.text[i + 1 + n] == '"')
            return 1;
    }
    return 0;
}

static void put(struct wycheproof *w, struct wycheproof_value name, struct wycheproof_value value)
{
    size_t i = 0;
    while (i < w->count && (w->fields[i].name.length != name.length ||
                            memcmp(w->fields[i].name.text, name.text, name.length) != 0))
        i++;
    if (i == sizeof w->fields / sizeof *w->fields)
        exit(1);
    w->fields[i].name = name;
    w->fields[i].value = value;
    w->count += i == w->count;
}

/* From an opening quote: the string inside; *at is left behind the closing one. */
static struct wycheproof_value take_string(const char **at)
{
    const char *start = ++*at;
    while (**at != '"')
        *at += **at == '\\' ? 2 : 1;
    return (struct wycheproof_value){start, (size_t)((*at)++ - start)};
}

/* A string, a number, or the raw text of an array of strings. False at an opening bracket of
 * anything that is to be gone into. */
static int take_value(const char **at, struct wycheproof_value *value)
{
    const char *start = *at;
    if (*start == '"') {
        *value = take_string(at);
        return 1;
    }
    if (*start == '{' || (*start == '[' && start[1 + strspn(start + 1, " \n")] == '{'))
        return 0;
    *at += *start == '[' ? strcspn(start, "]") + 1 : strcspn(start, ",}\n");
    *value = (struct wycheproof_value){start, (size_t)(*at - start)};
    return 1;
}

static unsigned walk(const char *at, void (*test)(const struct wycheproof *w))
{
    struct wycheproof w = {.count = 0};
    unsigned cases = 0;
    int in_case = 0;
    while (*at) {
        if (*at == '}' && in_case) {
            test(&w);
            cases++;
            in_case = 0;
        }
        if (*at != '"') {
            at++;
            continue;
        }
        struct wycheproof_value name = take_string(&at), value;
        at += strspn(at, ": ");
        if (take_value(&at, &value)) {
            put(&w, name, value);
            in_case |= same(name, "tcId");
        }
    }
    return cases;
}

unsigned wycheproof_run(const char *name, void (*test)(const struct wycheproof *w))
{
    char path[256];
    snprintf(path, sizeof path, "../shared/data/wycheproof/%s", name);
    FILE *f = fopen(path, "r");
    if (!f)
        return 0;
    size_t size = 4 << 20;
    char *text = malloc(size);
    size_t n = text ? fread(text, 1, size - 1, f) : 0;
    fclose(f);
    unsigned cases = 0;
    if (n > 0) {
        text[n] = 0;
        cases = walk(text, test);
    }
    free(text);
    return cases;
}
