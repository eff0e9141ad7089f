/* Everything that a process needs to decide about its connections: the policy, and for each client
 * and server rule a ready TLS configuration with certificates, key and roots in memory.
 *
 * No malloc, no stdio: may run in a constructor. All memory is mapped; what holds private keys is
 * left out of core dumps. */
#ifndef SHIM_COMMON_RULES_H
#define SHIM_COMMON_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "../policy/policy.h"
#include "../tls/tls.h"
#include "common_files.h"

#define RULES_DEFAULT_POLICY "/etc/tlshim/policy.conf"

enum { RULES_ERROR_TEXT = 4096 + POLICY_ERROR_TEXT + 64 };
struct rules_error {
    char text[RULES_ERROR_TEXT]; /* "FILE:LINE:COLUMN: message with remedy", ready to print */
};

struct rules {
    struct policy policy;
    const struct tls_config *const *configs; /* by rule->index; NULL for plain and deny */
    const char *file;                        /* as shown in messages */
    struct file_notes seen;                  /* every file that was read, the policy's first */
    /* Set by rules_load and rules_load_from. A number for all of it: the same in another process
     * that reads the same files; and one for each rule (by its index), of what it says and of what
     * its files hold as far as that bears on resuming sessions. Never 0. */
    uint64_t id;
    const uint64_t *tags;
    struct memory memory, secrets;    /* rules_unload's business */
    struct later_roots *system_roots; /* of trust = system; NULL: no rule has that */
};

/* Where the policy comes from, found out once: what the program does to its environment, its
 * working directory or its user later counts for nothing. */
struct rules_source {
    const char *name, *path, *text; /* name: for messages; path: absolute; one of the two is NULL */
    bool strict;
    bool is_child;   /* as in struct loader */
    bool privileged; /* then no file may be writable by others */
    uint32_t user;
    struct memory memory;
};

/* Loads the policy that the environment names: TLSHIM_POLICY (a path) or TLSHIM_POLICY_TEXT (the
 * text itself, shown as "(command line)"), never both; else RULES_DEFAULT_POLICY. Under AT_SECURE
 * neither counts. TLSHIM_STRICT (not empty, not 0) makes `unmatched = deny` of whatever the policy
 * says. Relative paths in a policy file start at the file's directory;
 * a policy given as text has only absolute ones.
 *
 * False: *error is what is wrong first in the file, and what to do; *out is then empty and needs no
 * unload. The caller must not go on without rules: the library prints "tlshim: " and error->text
 * and ends the process with status 125. */
bool rules_load(struct rules *out, struct rules_error *error);

/* rules_load in two steps, the second of which can be done again, at any time and in any thread, to
 * see whether the files have changed. When loading fails, out->seen still tells what was read, and
 * *out is to be unloaded. */
bool rules_find_source(struct rules_source *out, struct rules_error *error);
bool rules_load_from(struct rules *out, const struct rules_source *source,
                     struct rules_error *error);

/* The same without the files that rules name: no configs, and no error about such a file. */
bool rules_read(struct rules *out, struct rules_error *error);

/* As rules_load, for a policy that the caller names (one of path and text is NULL), and with every
 * error told to report, in no order. On failure *out still has all of the policy that was
 * understood, for who wants to look at it; unload it. */
bool rules_load_all(struct rules *out, const char *path, const char *text,
                    void (*report)(void *arg, const struct policy_error *error), void *arg);

/* Wipes the keys and gives the memory back. Nothing may point into the rules any more. */
void rules_unload(struct rules *rules);

/* The absolute path of the running executable, for struct policy_query, as rules_load found it; ""
 * when it could not be read (a policy that has the key `program` does not load then). */
const char *rules_program_path(void);

#endif
