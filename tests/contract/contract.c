/* contract -l: the names of all cases. contract SLOT NAME: runs one. */
#include "contract.h"

#include <stdarg.h>

static const struct contract_case *const families[] = {
    connecting_cases, reading_cases, writing_cases, ending_cases,  poll_cases,
    epoll_cases,      signal_cases,  thread_cases,  around_cases,  plain_cases,
    handing_cases,    stream_cases,  number_cases,  process_cases, spawn_cases,
};
enum { FAMILIES = sizeof(families) / sizeof(*families) };

int contract_slot;
static bool failed;

void say(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

void wrong(int line, const char *condition, const char *format, ...)
{
    va_list arguments;

    failed = true;
    printf("WRONG: line %d: %s: ", line, condition);
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
}

static int list(void)
{
    for (int i = 0; i < FAMILIES; i++)
        for (const struct contract_case *c = families[i]; c->name != NULL; c++)
            puts(c->name);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "-l") == 0)
        return list();
    if (argc != 3)
        return 2;
    contract_slot = atoi(argv[1]);
    for (int i = 0; i < FAMILIES; i++)
        for (const struct contract_case *c = families[i]; c->name != NULL; c++)
            if (strcmp(c->name, argv[2]) == 0) {
                c->run();
                return failed ? 1 : 0;
            }
    fprintf(stderr, "no such case: %s\n", argv[2]);
    return 2;
}
