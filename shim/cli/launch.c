/* The launcher proper: policy, program, environment, exec. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../common_log.h"
#include "../common_program.h"
#include "../common_rules.h"
#include "cli.h"
#include "one_line.h"

char *absolute_path(const char *path)
{
    char *directory = NULL, *absolute = NULL;
    if (path[0] == '/')
        absolute = strdup(path);
    else if ((directory = getcwd(NULL, 0)) &&
             asprintf(&absolute, "%s%s%s", directory, strcmp(directory, "/") ? "/" : "", path) < 0)
        absolute = NULL;
    free(directory);
    if (!absolute)
        say("%s: no absolute path for it: %s", path, strerror(errno));
    return absolute;
}

bool choose_policy_file(const char *path)
{
    char *absolute = absolute_path(path);
    bool good = absolute && setenv("TLSHIM_POLICY", absolute, 1) == 0 &&
                unsetenv("TLSHIM_POLICY_TEXT") == 0;
    free(absolute);
    return good;
}

/* A relative file for the log or the trace would move with the program's working directory. */
static bool fix_path(const char *variable)
{
    const char *to = getenv(variable);
    if (!to || !to[0] || to[0] == '/' || strcmp(to, "stderr") == 0 || strcmp(to, "syslog") == 0)
        return true;
    char *absolute = absolute_path(to);
    bool good = absolute && setenv(variable, absolute, 1) == 0;
    free(absolute);
    return good;
}

static bool choose_policy(const char *file, const struct one_line *form)
{
    const char *inherited = getenv("TLSHIM_POLICY");
    if (one_line_given(form)) {
        if (file) {
            usage_error("-p FILE does not go with --trust, --certificate and the like");
            return false;
        }
        char *text = one_line_policy(form);
        bool good =
            text && setenv("TLSHIM_POLICY_TEXT", text, 1) == 0 && unsetenv("TLSHIM_POLICY") == 0;
        free(text);
        if (good)
            log_line(LOG_LEVEL_INFO, "%s", one_line_summary(form));
        return good;
    }
    if (file)
        return choose_policy_file(file);
    if (inherited && !getenv("TLSHIM_POLICY_TEXT"))
        return choose_policy_file(inherited);
    return true;
}

static bool preload(const char *library)
{
    const char *old = getenv("LD_PRELOAD");
    size_t n = strlen(library);
    char *list;
    if (old && strncmp(old, library, n) == 0 && (!old[n] || strchr(": ", old[n])))
        return true;
    if (asprintf(&list, "%s%s%s", library, old && old[0] ? ":" : "", old ? old : "") < 0)
        return false;
    bool good = setenv("LD_PRELOAD", list, 1) == 0;
    free(list);
    return good;
}

static int run(char **command)
{
    struct rules rules;
    struct rules_error error;
    struct program program;
    char library[PATH_MAX];
    int found = program_find(&program, command[0]);
    const char *near = subcommand_near(command[0]);
    if (found == EXIT_NOT_FOUND && near) {
        usage_error("there is no program \"%s\"; did you mean tlshim %s?", command[0], near);
        return EXIT_NOT_FOUND;
    }
    if (!rules_load(&rules, &error)) {
        say("%s", error.text);
        return EXIT_REFUSED;
    }
    rules_unload(&rules);
    if (!library_find(library))
        return EXIT_REFUSED;
    int status = found ? found : program_check(&program, false);
    if (status) {
        say("%s", program.reason);
        return status;
    }
    if (!preload(library)) {
        say("not enough memory");
        return EXIT_REFUSED;
    }
    execv(program.path, command);
    status = errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
    say("%s: %s", program.path, strerror(errno));
    return status;
}

enum { POLICY, STRICT, TRUST, CERTIFICATE, KEY, CONNECT, LISTEN, EXCEPT };
static const struct option_name names[] = {
    [POLICY] = {"-p", true},
    [STRICT] = {"--strict", false},
    [TRUST] = {"--trust", true},
    [CERTIFICATE] = {"--certificate", true},
    [KEY] = {"--key", true},
    [CONNECT] = {"--connect", true},
    [LISTEN] = {"--listen", true},
    [EXCEPT] = {"--except", true},
    {NULL, false},
};

static bool set_once(const char **place, const struct options *options, int option)
{
    if (*place)
        usage_error("%s is given twice", names[option].name);
    bool first = !*place;
    *place = options->value;
    return first;
}

/* False after a message. */
static bool take_option(struct one_line *form, const char **file, const struct options *options,
                        int option)
{
    switch (option) {
    case POLICY:
        return set_once(file, options, option);
    case STRICT:
        return setenv("TLSHIM_STRICT", "1", 1) == 0;
    case TRUST:
        return set_once(&form->trust, options, option);
    case CERTIFICATE:
        return set_once(&form->certificate, options, option);
    case KEY:
        return set_once(&form->key, options, option);
    case CONNECT:
        form->connect.words[form->connect.count++] = options->value;
        return true;
    case LISTEN:
        form->listen.words[form->listen.count++] = options->value;
        return true;
    case EXCEPT:
        form->except.words[form->except.count++] = options->value;
        return true;
    default:
        usage_error("%s", options->wrong);
        return false;
    }
}

int launch(char **arguments)
{
    size_t count = 0;
    while (arguments[count])
        count++;
    const char **words = calloc(3 * count, sizeof *words);
    struct one_line form = {
        .connect = {words, 0}, .listen = {words + count, 0}, .except = {words + 2 * count, 0}};
    struct options options = {.at = arguments};
    const char *file = NULL;
    int option, status = EXIT_REFUSED;
    bool good = words != NULL;
    while (good && (option = next_option(&options, names)) != OPTION_END)
        good = take_option(&form, &file, &options, option);
    if (good && !*options.at)
        usage_error("no program is named");
    else if (good && choose_policy(file, &form) && fix_path("TLSHIM_LOG_TO") &&
             fix_path("TLSHIM_TRACE"))
        status = run(options.at);
    free(words);
    return status;
}
