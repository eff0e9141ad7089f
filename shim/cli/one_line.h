/* The one-line forms: options into the text of a policy. */
#ifndef SHIM_CLI_ONE_LINE_H
#define SHIM_CLI_ONE_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct patterns {       /* the values of an option that may be repeated */
    const char **words; /* room for all arguments of the command line */
    size_t count;
};

struct one_line {
    const char *trust, *certificate, *key; /* NULL: not given */
    struct patterns connect, listen, except;
};

/* Was any of the options given? */
bool one_line_given(const struct one_line *form);

/* The policy as malloc'ed text, with absolute paths. NULL after a message. */
char *one_line_policy(const struct one_line *form);

/* What is covered and what is left alone, for the log. */
const char *one_line_summary(const struct one_line *form);

#endif
