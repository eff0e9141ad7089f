#include <stdio.h>
#include <string.h>

#include "../../policy/policy_text.h"
#include "cli.h"

static const char *name_at(const void *names, size_t i)
{
    return ((const struct option_name *)names)[i].name;
}

static int wrong(struct options *options, const char *format, const char *argument,
                 const char *more)
{
    snprintf(options->text, sizeof options->text, format, argument, more);
    options->wrong = options->text;
    return OPTION_WRONG;
}

int next_option(struct options *options, const struct option_name *names)
{
    const char *argument = *options->at;
    if (!argument || argument[0] != '-' || !argument[1])
        return OPTION_END;
    options->at++;
    if (strcmp(argument, "--") == 0)
        return OPTION_END;
    size_t n = strncmp(argument, "--", 2) == 0 ? strcspn(argument, "=") : strlen(argument);
    int i = 0;
    while (names[i].name && !policy_equals(argument, n, names[i].name))
        i++;
    if (!names[i].name) {
        const char *near = policy_nearest(argument, n, name_at, names);
        return wrong(options,
                     near ? "unknown option %.60s; did you mean %s?" : "unknown option %.60s",
                     argument, near);
    }
    options->value = argument[n] == '=' ? argument + n + 1 : NULL;
    if (options->value && !names[i].takes_value)
        return wrong(options, "%s takes no value", names[i].name, NULL);
    if (names[i].takes_value && !options->value)
        options->value = *options->at ? *options->at++ : NULL;
    if (names[i].takes_value && (!options->value || !options->value[0]))
        return wrong(options, "%s needs a value", names[i].name, NULL);
    return i;
}
