/* The launcher's own files: how they hang together, and its exit codes. */
#ifndef SHIM_CLI_H
#define SHIM_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define TLSHIM_VERSION "0.1.0"

enum {                        /* as of env(1), nohup(1) and timeout(1) */
       EXIT_REFUSED = 125,    /* wrong usage, or no usable policy or library */
       EXIT_CANNOT_RUN = 126, /* the program was found, but may not or cannot be run covered */
       EXIT_NOT_FOUND = 127
};
enum { CHECK_CLEAN = 0, CHECK_WARNINGS = 1, CHECK_ERRORS = 2 };

/* ---- messages (main.c) ---- */

/* One line to stderr, "tlshim: ..."; control characters are escaped. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same with a pointer to --help; returns EXIT_REFUSED. */
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The subcommand that a person who wrote `word` may have meant, or NULL. */
const char *subcommand_near(const char *word);

/* ---- options (options.c) ---- */

/* Walks arguments that begin with a dash: "-p FILE", "--trust FILE", "--trust=FILE". */
struct options {
    char **at;         /* the next argument; NULL at the end */
    const char *value; /* of the option last taken, when it takes one */
    const char *wrong; /* what to say when next_option gave OPTION_WRONG */
    char text[200];
};
struct option_name {
    const char *name; /* "--trust" or "-p" */
    bool takes_value;
};
enum { OPTION_END = -1, OPTION_WRONG = -2 };
/* The index in names (which ends with a NULL name) of the next option. OPTION_END at the first
 * argument that is none; a "--" is taken away first. */
int next_option(struct options *options, const struct option_name *names);

/* The preload library: TLSHIM_LIBRARY, or libtlshim.so beside this executable, or in ../lib of its
 * directory. It must be there and loadable: the dynamic linker would only warn and go on. False
 * after a message. */
bool library_find(char out[PATH_MAX]);

/* ---- the subcommands; arguments behind the subcommand's name ---- */

int launch(char **arguments); /* launch.c; returns only on error */
int check_command(char **arguments);
int explain_command(char **arguments);
int preflight_command(char **arguments);
int probe_command(char **arguments);
int trace_command(char **arguments); /* returns only on error, as launch */
int learn_command(char **arguments);
int ps_command(char **arguments);

/* Puts the policy's path into the environment, absolute and alone: TLSHIM_POLICY set,
 * TLSHIM_POLICY_TEXT unset. False after a message. */
bool choose_policy_file(const char *path);
/* path, made absolute with the working directory, as malloc'ed text; NULL after a message. */
char *absolute_path(const char *path);

#endif
