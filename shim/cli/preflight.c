/* tlshim preflight: could this program be covered? */
#include <stdio.h>

#include "../common_program.h"
#include "cli.h"

enum { CAN = 0, CANNOT = 1 };

int preflight_command(char **arguments)
{
    static const struct option_name names[] = {{NULL, false}};
    struct options options = {.at = arguments};
    struct program program;
    char library[PATH_MAX];
    if (next_option(&options, names) == OPTION_WRONG)
        return usage_error("preflight: %s", options.wrong);
    if (!options.at[0] || options.at[1])
        return usage_error("preflight takes one program");
    if (!library_find(library))
        return EXIT_REFUSED;
    bool can = program_find(&program, options.at[0]) == 0 && program_check(&program, false) == 0;
    if (can)
        printf("%s: can be covered\n", program.path);
    else
        printf("%s\n", program.reason);
    return fflush(stdout) != 0 ? EXIT_REFUSED : can ? CAN : CANNOT;
}
