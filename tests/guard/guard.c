#include "guard.h"

#include <signal.h>

static const struct guard_case *const families[] = {
    guard_leaks, guard_streams,   guard_windows,   guard_waking,
    guard_times, guard_integrity, guard_processes,
};

int main(int count, char **arguments)
{
    signal(SIGPIPE, SIG_IGN);
    need(count >= 2, "usage: guard CASE ARGUMENT...");
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        for (const struct guard_case *c = families[i]; c->name != NULL; c++) {
            if (strcmp(c->name, arguments[1]) != 0)
                continue;
            c->run(arguments + 2);
            say("end");
            leave();
        }
    }
    need(false, "there is no such case");
}
