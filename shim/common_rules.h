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

#define RULES_DEFAULT_POLICY "/etc/tlshim/policy.conf"

enum { RULES_ERROR_TEXT = 4096 + POLICY_ERROR_TEXT + 64 };
struct rules_error {
    char text[RULES_ERROR_TEXT]; /* "FILE:LINE:COLUMN: message with remedy", ready to print */
};

struct rules {
    struct policy policy;
    const struct tls_config *const *configs; /* by rule->index; NULL for plain and deny */
    const char *file;                        /* as shown in messages */
    void *memory, *secrets;                  /* rules_unload's business, as are the sizes */
    size_t memory_size, secrets_size;
};

/* Loads the policy that the environment names: TLSHIM_POLICY (a path) or TLSHIM_POLICY_TEXT (the
 * text itself, shown as "(command line)"), never both; else RULES_DEFAULT_POLICY. Under AT_SECURE
 * the environment does not count. Relative paths in a policy file start at the file's directory.
 *
 * False: *error says what is wrong and what to do; *out is then empty and needs no unload. The
 * caller must not go on without rules: the library prints "tlshim: " and error->text and ends the
 * process with status 125. */
bool rules_load(struct rules *out, struct rules_error *error);

/* Wipes the keys and gives the memory back. Nothing may point into the rules any more. */
void rules_unload(struct rules *rules);

/* The absolute path of the running executable, for struct policy_query; "" when it cannot be read.
 * Found out once per process image; async-signal-safe. */
const char *rules_program_path(void);

#endif
