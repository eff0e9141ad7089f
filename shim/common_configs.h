/* Rules into TLS configurations: reads what the rules name. common_rules.c is the user. */
#ifndef SHIM_COMMON_CONFIGS_H
#define SHIM_COMMON_CONFIGS_H

#include "common_rules.h"

struct loaded_trust; /* common_trust.c's */
struct loaded_lists;

struct loader {
    struct rules *rules;
    const char *directory; /* as in struct policy_input */
    bool without_files;
    bool privileged; /* then no file may be writable by others */
    uint32_t user;
    struct loaded_trust *trusts; /* each file of roots is read once for all rules */
    struct loaded_lists *lists;  /* and each of CRLs */
    void (*report)(void *arg, const struct policy_error *error);
    void *report_arg;
    /* Loads for a program that a covered one has executed, perhaps as a user who may not read keys
     * (inetd does that): rules whose keys are withheld have no credential then, and no suite that
     * needs one. */
    bool is_child;
    unsigned errors;
};

/* Reports an error. */
void loader_complain(struct loader *loader, struct policy_place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Makes rules->configs from rules->policy. What is wrong is reported. */
void loader_build_configs(struct loader *loader);

#endif
