/* tlshim check: is this policy right? */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common_rules.h"
#include "cli.h"
#include "findings.h"
#include "json.h"

void findings_add(struct findings *findings, bool warning, const struct policy_error *error)
{
    struct finding *list = realloc(findings->list, (findings->count + 1) * sizeof *findings->list);
    if (!list) {
        findings->out_of_memory = true;
        return;
    }
    findings->list = list;
    list[findings->count] = (struct finding){*error, warning, findings->count};
    findings->count++;
    findings->warnings += warning;
}

static void add_error(void *findings, const struct policy_error *error)
{
    findings_add(findings, false, error);
}

/* Files in the order in which they were first complained of would need a table: by name will do. */
static int by_place(const void *a, const void *b)
{
    const struct finding *x = a, *y = b;
    const struct policy_place *p = &x->error.place, *q = &y->error.place;
    int files = strcmp(p->file, q->file);
    if (files)
        return files;
    if (p->line != q->line)
        return p->line < q->line ? -1 : 1;
    if (p->column != q->column)
        return p->column < q->column ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

/* ---- how it is shown ---- */

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

static void show_text(const struct rules *rules, const struct findings *findings)
{
    size_t errors = findings->count - findings->warnings, count = rules->policy.rule_count;
    for (size_t i = 0; i < findings->count; i++) {
        const struct policy_error *error = &findings->list[i].error;
        printf("%s:%u:%u: %s%s\n", error->place.file, error->place.line, error->place.column,
               findings->list[i].warning ? "warning: " : "", error->message);
    }
    if (errors)
        printf("%s: %zu error%s", rules->file, errors, plural(errors));
    else
        printf("%s: %s, %zu rule%s; what none matches is %s", rules->file,
               findings->warnings ? "usable" : "good", count, plural(count),
               rules->policy.process.unmatched_plain ? "plain" : "denied");
    if (findings->warnings)
        printf("; %zu warning%s", findings->warnings, plural(findings->warnings));
    putchar('\n');
}

static void show_json(const struct rules *rules, const struct findings *findings)
{
    fputs("{\"file\": ", stdout);
    json_string(rules->file);
    printf(", \"rules\": %zu, \"errors\": %zu, \"warnings\": %zu, \"findings\": [",
           rules->policy.rule_count, findings->count - findings->warnings, findings->warnings);
    for (size_t i = 0; i < findings->count; i++) {
        const struct policy_error *error = &findings->list[i].error;
        printf("%s\n  {\"severity\": \"%s\", \"file\": ", i ? "," : "",
               findings->list[i].warning ? "warning" : "error");
        json_string(error->place.file);
        printf(", \"line\": %u, \"column\": %u, \"message\": ", error->place.line,
               error->place.column);
        json_string(error->message);
        putchar('}');
    }
    fputs("]}\n", stdout);
}

/* ---- the command ---- */

enum { POLICY, FORMAT };
static const struct option_name names[] = {
    [POLICY] = {"-p", true},
    [FORMAT] = {"--format", true},
    {NULL, false},
};

static int refuse_option(const struct options *options, int option)
{
    if (option == OPTION_WRONG)
        return usage_error("check: %s", options->wrong);
    if (option == FORMAT)
        return usage_error("check: --format is text or json");
    return usage_error("check takes one file");
}

/* 0, or the exit status after a message. */
static int read_arguments(char **arguments, const char **path, bool *json)
{
    struct options options = {.at = arguments};
    for (;;) {
        int option = next_option(&options, names);
        const char *file = option == POLICY ? options.value : NULL;
        if (option == OPTION_END) {
            file = *options.at;
            if (!file)
                return 0;
            options.at++;
        }
        bool known_format = option == FORMAT && json_wanted(options.value, json);
        if (option == OPTION_WRONG || (option == FORMAT && !known_format) || (file && *path))
            return refuse_option(&options, option);
        if (file)
            *path = file;
    }
}

int check_command(char **arguments)
{
    const char *path = NULL;
    bool json = false;
    int refused = read_arguments(arguments, &path, &json);
    if (refused)
        return refused;
    const char *text = path ? NULL : getenv("TLSHIM_POLICY_TEXT");
    if (!path && !text)
        path = getenv("TLSHIM_POLICY");
    if (!path && !text)
        path = RULES_DEFAULT_POLICY;
    struct rules rules;
    struct findings findings = {0};
    rules_load_all(&rules, path, text, add_error, &findings);
    findings_warn(&findings, &rules);
    int status = findings.count > findings.warnings ? CHECK_ERRORS
                 : findings.warnings                ? CHECK_WARNINGS
                                                    : CHECK_CLEAN;
    if (findings.out_of_memory) {
        say("not enough memory");
        status = EXIT_REFUSED;
    } else {
        if (findings.count)
            qsort(findings.list, findings.count, sizeof *findings.list, by_place);
        (json ? show_json : show_text)(&rules, &findings);
    }
    rules_unload(&rules);
    free(findings.list);
    return fflush(stdout) == 0 ? status : EXIT_REFUSED;
}
