/* tlshim learn: runs a program as it is, and prints a policy that covers what it connected to and
 * where it listened. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../policy/policy_pattern.h"
#include "../../policy/policy_text.h"
#include "cli.h"

enum { WORD = 320 };

struct seen { /* one line of what the library has recorded */
    bool listen;
    char name[WORD]; /* empty: none */
    char address[WORD], port[8];
    bool loopback;
};

struct learnt {
    struct seen *list; /* malloc'ed, each different */
    size_t count;
};

/* ---- what was recorded ---- */

static bool is_same(const struct seen *a, const struct seen *b)
{
    return a->listen == b->listen && strcmp(a->name, b->name) == 0 &&
           strcmp(a->port, b->port) == 0 && (a->name[0] || strcmp(a->address, b->address) == 0);
}

static void add(struct learnt *learnt, const struct seen *seen)
{
    for (size_t i = 0; i < learnt->count; i++)
        if (is_same(&learnt->list[i], seen))
            return;
    struct seen *list = realloc(learnt->list, (learnt->count + 1) * sizeof *list);
    if (!list)
        return;
    learnt->list = list;
    list[learnt->count++] = *seen;
}

static void read_line(struct learnt *learnt, const char *line)
{
    struct seen seen = {.listen = strncmp(line, "listen", 6) == 0};
    char name[WORD], where[WORD];
    uint8_t address[16], length;
    if (sscanf(line, "%*s %319s %319s", name, where) != 2)
        return;
    char *colon = strrchr(where, ':');
    if (!colon)
        return;
    snprintf(seen.name, sizeof seen.name, "%s",
             strcmp(name, "-") != 0 && policy_is_dns_name(name) ? name : "");
    snprintf(seen.port, sizeof seen.port, "%.7s", colon + 1);
    *colon = '\0';
    memcpy(seen.address, where, sizeof seen.address);
    where[strcspn(where, "]")] = '\0';
    seen.loopback = policy_read_address(where + (where[0] == '['), address, &length) &&
                    (length == 4 ? address[0] == 127 : strcmp(where, "[::1") == 0);
    add(learnt, &seen);
}

static void read_record(struct learnt *learnt, FILE *record)
{
    char line[3 * WORD];
    rewind(record);
    while (fgets(line, sizeof line, record))
        read_line(learnt, line);
}

/* ---- the policy ---- */

/* A name for a section: letters, digits, dots, dashes. */
static void put_title(FILE *out, const char *kind, const char *what, const char *port)
{
    fprintf(out, "\n[%s ", kind);
    for (const char *p = what; *p; p++)
        if (*p != '[' && *p != ']')
            fputc(policy_is_alphanumeric(*p) || *p == '.' || *p == '-' ? *p : '-', out);
    fprintf(out, "-%s]\n", port);
}

static void put_plain(FILE *out, const struct learnt *learnt)
{
    bool any = false;
    for (size_t i = 0; i < learnt->count; i++) {
        const struct seen *s = &learnt->list[i];
        if (s->listen || !s->loopback || s->name[0])
            continue;
        if (!any)
            fputs("\n# This very machine: name services, local databases.\n[plain "
                  "loopback]\nconnect =",
                  out);
        any = true;
        fprintf(out, " %s:%s", s->address, s->port);
    }
    fputs(any ? "\n" : "", out);
}

static void put_clients(FILE *out, const struct learnt *learnt)
{
    for (size_t i = 0; i < learnt->count; i++) {
        const struct seen *s = &learnt->list[i];
        if (s->listen || (s->loopback && !s->name[0]))
            continue;
        const char *host = s->name[0] ? s->name : s->address;
        put_title(out, "client", host, s->port);
        fprintf(out,
                "connect = %s:%s\ntrust = system  # tlshim probe --rule %s:%s tells what fits\n",
                host, s->port, host, s->port);
    }
}

static bool is_any(const char *address)
{
    return strcmp(address, "0.0.0.0") == 0 || strcmp(address, "[::]") == 0;
}

static void put_servers(FILE *out, const struct learnt *learnt)
{
    for (size_t i = 0; i < learnt->count; i++) {
        const struct seen *s = &learnt->list[i];
        const char *host = is_any(s->address) ? "*" : s->address;
        bool first = s->listen;
        for (size_t j = 0; j < i && first; j++) /* 0.0.0.0 and [::] are one */
            first = !learnt->list[j].listen || strcmp(learnt->list[j].port, s->port) != 0 ||
                    !is_any(learnt->list[j].address) || !is_any(s->address);
        if (!first)
            continue;
        put_title(out, "server", strcmp(host, "*") == 0 ? "port" : host, s->port);
        fprintf(out,
                "listen = %s:%s\ncertificate = /etc/tlshim/server.pem  # yours\n"
                "key = /etc/tlshim/server.key\n",
                host, s->port);
    }
}

static void print_policy(FILE *out, const struct learnt *learnt, const char *program)
{
    char date[16] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm))
        strftime(date, sizeof date, "%Y-%m-%d", &tm);
    fprintf(out,
            "# Where %s connected to and listened on %s (tlshim learn).\n"
            "# Look at each rule: what it did not do that day is refused.\n"
            "[defaults]\nunmatched = deny\n",
            program, date);
    put_plain(out, learnt);
    put_clients(out, learnt);
    put_servers(out, learnt);
}

/* ---- the program ---- */

/* The child becomes the launcher with a policy that leaves everything plain. */
static int run_child(char **command, const char *record)
{
    if (setenv("TLSHIM_LEARN", record, 1) != 0 || unsetenv("TLSHIM_POLICY") != 0 ||
        unsetenv("TLSHIM_STRICT") != 0 ||
        setenv("TLSHIM_POLICY_TEXT", "[defaults]\nunmatched = plain\n", 1) != 0)
        return EXIT_REFUSED;
    return launch(command);
}

/* Its status as a shell gives it. */
static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int learn_with(char **command, FILE *record, const char *path, FILE *out)
{
    struct learnt learnt = {0};
    /* Ctrl-C is for the program; the policy is printed afterwards. */
    void (*on_interrupt)(int) = signal(SIGINT, SIG_IGN), (*on_quit)(int) = signal(SIGQUIT, SIG_IGN);
    pid_t child = fork();
    if (child == 0) {
        signal(SIGINT, on_interrupt);
        signal(SIGQUIT, on_quit);
        _exit(run_child(command, path));
    }
    if (child < 0) {
        say("fork: %s", strerror(errno));
        return EXIT_REFUSED;
    }
    int status = wait_for(child);
    read_record(&learnt, record);
    if (status < EXIT_REFUSED || status > EXIT_NOT_FOUND)
        print_policy(out, &learnt, command[0]);
    free(learnt.list);
    if (fflush(out) != 0) {
        say("the policy cannot be written: %s", strerror(errno));
        status = EXIT_REFUSED;
    }
    return status;
}

enum { OUTPUT };
static const struct option_name names[] = {[OUTPUT] = {"-o", true}, {NULL, false}};

int learn_command(char **arguments)
{
    struct options options = {.at = arguments};
    char path[] = "/tmp/tlshim-learn.XXXXXX";
    const char *output = NULL;
    int option;
    while ((option = next_option(&options, names)) != OPTION_END) {
        if (option == OPTION_WRONG)
            return usage_error("learn: %s", options.wrong);
        output = options.value;
    }
    if (!options.at[0])
        return usage_error("learn: no program is named");
    FILE *out = output ? fopen(output, "we") : stdout;
    if (!out) {
        say("%s: %s", output, strerror(errno));
        return EXIT_REFUSED;
    }
    int fd = mkstemp(path);
    FILE *record = fd >= 0 ? fdopen(fd, "r") : NULL;
    if (!record) {
        say("%s: %s", path, strerror(errno));
        return EXIT_REFUSED;
    }
    int status = learn_with(options.at, record, path, out);
    fclose(record);
    unlink(path);
    return status;
}
