/* tlshim: runs a program under a policy, and answers questions about policies. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../../policy/policy_text.h"
#include "../common_log.h"
#include "cli.h"

static const char help[] =
    "tlshim runs an unmodified program; its TCP connections become TLS as a policy\n"
    "says. What should be encrypted and cannot be fails: nothing leaves in plaintext.\n"
    "\n"
    "  tlshim --trust ca.pem -- curl http://host:443/     its connects are TLS\n"
    "  tlshim --certificate c.pem --key k.pem -- server   its listeners are TLS\n"
    "  tlshim [-p FILE] [--strict] -- PROGRAM [ARGUMENT]...   as the policy file says\n"
    "    --trust FILE|system  whom to trust           --connect PATTERN  only these\n"
    "    --certificate FILE   ours, with its chain    --listen PATTERN   only these\n"
    "    --key FILE           its private key         --except PATTERN   left plain\n"
    "    -p FILE  the policy; else /etc/tlshim/policy.conf   --strict  deny the rest\n"
    "  tlshim check [FILE]                 is this policy right? exit 0, 1 or 2\n"
    "  tlshim explain connect|listen HOST:PORT            which rule decides, why\n"
    "  tlshim probe [--rule] HOST:PORT     what does it speak, and what rule fits?\n"
    "  tlshim trace [-o FILE] ... PROGRAM  as above, with every handshake shown\n"
    "  tlshim learn [-o FILE] PROGRAM      runs it plain, prints a policy for it\n"
    "  tlshim preflight PROGRAM | ps [PID]...  can it be covered? what is, right now?\n"
    "\n"
    "PATTERN: HOST:PORT as in *.corp.example:443 10.0.0.0/8:1-1023 [::1]:*\n"
    "A policy:  [client web]                     [server mail]\n"
    "           connect = *:443                  listen = *:993\n"
    "           trust = system                   certificate = /etc/mail.pem\n"
    "                                            key = /etc/mail.key\n"
    "$TLSHIM_LOG=error|warn|info|debug  $TLSHIM_LOG_TO=stderr|syslog|FILE\n"
    "Exit: 125 policy or usage, 126 cannot be covered or run, 127 no such program\n";

static void print_line(const char *format, va_list args, const char *tail)
{
    char text[8192];
    vsnprintf(text, sizeof text, format, args);
    char shown[POLICY_SHOWN_MAX];
    fputs("tlshim: ", stderr);
    const char *p = text;
    for (size_t n = strlen(text), taken; n > 0; p += taken, n -= taken) {
        taken = policy_show(p, n, shown);
        fputs(shown, stderr);
    }
    fputs(tail, stderr);
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(format, args, "\n");
    va_end(args);
}

int usage_error(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line(format, args, " (tlshim --help tells more)\n");
    va_end(args);
    return EXIT_REFUSED;
}

static const struct {
    const char *name;
    int (*run)(char **arguments); /* those behind the name */
} subcommands[] = {
    {"check", check_command}, {"explain", explain_command}, {"preflight", preflight_command},
    {"probe", probe_command}, {"trace", trace_command},     {"learn", learn_command},
    {"ps", ps_command},
};

static const char *subcommand_at(const void *arg, size_t i)
{
    (void)arg;
    return i < sizeof subcommands / sizeof subcommands[0] ? subcommands[i].name : NULL;
}

const char *subcommand_near(const char *word)
{
    return policy_nearest(word, strlen(word), subcommand_at, NULL);
}

static bool asks_for_help(const char *word)
{
    return word && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0);
}

static int print_help(void)
{
    return fputs(help, stdout) < 0 || fflush(stdout) != 0;
}

int main(int argc, char **argv)
{
    log_init();
    const char *first = argc > 1 ? argv[1] : "";
    if (!first[0]) {
        fputs(help, stderr);
        return EXIT_REFUSED;
    }
    if (asks_for_help(first))
        return print_help();
    if (strcmp(first, "--version") == 0)
        return puts("tlshim " TLSHIM_VERSION) < 0 || fflush(stdout) != 0;
    for (size_t i = 0; i < sizeof subcommands / sizeof subcommands[0]; i++)
        if (strcmp(first, subcommands[i].name) == 0)
            return asks_for_help(argv[2]) ? print_help() : subcommands[i].run(argv + 2);
    return launch(argv + 1);
}
