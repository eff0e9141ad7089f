/* What `tlshim check` finds: errors, and warnings of what is allowed but hardly meant. */
#ifndef SHIM_CLI_FINDINGS_H
#define SHIM_CLI_FINDINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "../common_rules.h"

struct finding {
    struct policy_error error;
    bool warning;
    size_t order; /* of its report, between findings at one place */
};

struct findings {
    struct finding *list; /* malloc'ed */
    size_t count, warnings;
    bool out_of_memory;
};

void findings_add(struct findings *findings, bool warning, const struct policy_error *error);

/* Adds the warnings about a policy: its rules (warnings.c) and its certificates
 * (certificate_warnings.c). The rules may have failed to load in part. */
void findings_warn(struct findings *findings, const struct rules *rules);

/* For both files. */
void warn(struct findings *findings, struct policy_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void warn_of_certificates(struct findings *findings, const struct policy_rule *rule,
                          const struct tls_config *config, int64_t now);

enum { WARN_DAYS = 30 /* before a date */ };

#endif
