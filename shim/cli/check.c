/* tlshim check: is this policy right? */
#include <stdio.h>
#include <stdlib.h>

#include "../common_rules.h"
#include "cli.h"

struct finding {
    struct policy_error error;
    size_t order; /* of its report, between findings at one place */
};

struct findings {
    struct finding *list;
    size_t count;
    bool out_of_memory;
};

static void note(void *arg, const struct policy_error *error)
{
    struct findings *findings = arg;
    struct finding *list = realloc(findings->list, (findings->count + 1) * sizeof *findings->list);
    if (!list) {
        findings->out_of_memory = true;
        return;
    }
    findings->list = list;
    list[findings->count] = (struct finding){*error, findings->count};
    findings->count++;
}

static int by_place(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    if (x->error.place.line != y->error.place.line)
        return x->error.place.line < y->error.place.line ? -1 : 1;
    if (x->error.place.column != y->error.place.column)
        return x->error.place.column < y->error.place.column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static int show(const struct rules *rules, const struct findings *findings)
{
    for (size_t i = 0; i < findings->count; i++) {
        const struct policy_error *error = &findings->list[i].error;
        printf("%s:%u:%u: %s\n", error->place.file, error->place.line, error->place.column,
               error->message);
    }
    if (findings->count)
        printf("%s: %zu error%s\n", rules->file, findings->count, findings->count == 1 ? "" : "s");
    else
        printf("%s: good, %zu rule%s; what none matches is %s\n", rules->file,
               rules->policy.rule_count, rules->policy.rule_count == 1 ? "" : "s",
               rules->policy.unmatched_plain ? "plain" : "denied");
    return findings->count ? CHECK_ERRORS : CHECK_CLEAN;
}

int check_command(char **arguments)
{
    static const struct option_name names[] = {{"-p", true}, {NULL, false}};
    struct options options = {.at = arguments};
    const char *path = NULL;
    int option;
    while ((option = next_option(&options, names)) != OPTION_END)
        if (option == OPTION_WRONG)
            return usage_error("check: %s", options.wrong);
        else
            path = options.value;
    if (*options.at)
        path = *options.at++;
    if (*options.at)
        return usage_error("check takes one file");
    const char *text = path ? NULL : getenv("TLSHIM_POLICY_TEXT");
    if (!path && !text)
        path = getenv("TLSHIM_POLICY");
    if (!path && !text)
        path = RULES_DEFAULT_POLICY;
    struct rules rules;
    struct findings findings = {0};
    rules_load_all(&rules, path, text, note, &findings);
    int status = CHECK_ERRORS;
    if (findings.out_of_memory) {
        say("not enough memory");
    } else {
        if (findings.count)
            qsort(findings.list, findings.count, sizeof *findings.list, by_place);
        status = show(&rules, &findings);
    }
    rules_unload(&rules);
    free(findings.list);
    return fflush(stdout) == 0 ? status : CHECK_ERRORS;
}
