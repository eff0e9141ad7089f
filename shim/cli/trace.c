/* tlshim trace: the launcher, with the ladders of all connections shown. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

enum { OUTPUT };
static const struct option_name names[] = {[OUTPUT] = {"-o", true}, {NULL, false}};

int trace_command(char **arguments)
{
    struct options options = {.at = arguments};
    const char *to = "stderr";
    char *path = NULL;
    if (arguments[0] && strcmp(arguments[0], "-o") == 0) {
        if (next_option(&options, names) != OUTPUT)
            return usage_error("trace: %s", options.wrong);
        to = path = absolute_path(options.value);
    }
    bool good = to && setenv("TLSHIM_TRACE", to, 1) == 0;
    free(path);
    return good ? launch(options.at) : EXIT_REFUSED;
}
