/* Runs the cases of a Wycheproof file. The files are JSON, with every group's keys in front of its
 * tests, so one pass that remembers the latest value of each name is enough. */
#ifndef TESTS_WYCHEPROOF_H
#define TESTS_WYCHEPROOF_H

#include <stddef.h>
#include <stdint.h>

enum { WYCHEPROOF_BYTES = 8192 };

struct wycheproof_value { /* a view into the file; quotes are left out */
    const char *text;
    size_t length;
};

struct wycheproof {
    struct {
        struct wycheproof_value name, value;
    } fields[64];
    size_t count;
};

/* The latest value under this name; ends the program when there is none. */
struct wycheproof_value wycheproof_get(const struct wycheproof *w, const char *name);
/* The same as bytes of hex text; says how many. */
size_t wycheproof_hex(const struct wycheproof *w, const char *name, uint8_t *out);
int wycheproof_is(const struct wycheproof *w, const char *name, const char *value);
/* Whether the case has this flag. */
int wycheproof_flag(const struct wycheproof *w, const char *flag);

/* Calls `test` for each case of ../shared/data/wycheproof/NAME, seen from the project's root, and
 * returns how many there were; 0 when the file is not there. */
unsigned wycheproof_run(const char *name, void (*test)(const struct wycheproof *w));

#endif
