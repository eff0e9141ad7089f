/* tlshim ps: covered processes, all or those that are named, and the sessions that they have. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../policy/policy_text.h"
#include "../arena.h"
#include "../common_rules.h"
#include "../session.h"
#include "cli.h"

struct process {
    int pid;
    char program[PATH_MAX], policy[PATH_MAX];
    dev_t device;
    ino_t arena; /* which processes share; 0: it cannot be seen */
    int fd;      /* of the arena; -1 */
    bool shown;
};

struct processes {
    struct process *list; /* malloc'ed */
    size_t count;
};

/* ---- what /proc tells ---- */

static FILE *open_of(int pid, const char *name)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

static bool has_library(int pid)
{
    FILE *maps = open_of(pid, "maps");
    char line[PATH_MAX + 128];
    bool found = false;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        const char *slash = strrchr(line, '/');
        found = slash && strcmp(slash, "/libtlshim.so\n") == 0;
    }
    if (maps)
        fclose(maps);
    return found;
}

/* The policy's path, as the process was started with it. Some programs write their title over their
 * environment: then it is not known. */
static void find_policy(struct process *p)
{
    FILE *environment = open_of(p->pid, "environ");
    char *word = NULL;
    size_t size = 0;
    bool intact = false;
    snprintf(p->policy, sizeof p->policy, "%s", RULES_DEFAULT_POLICY);
    while (environment && getdelim(&word, &size, '\0', environment) > 0)
        if (strncmp(word, "TLSHIM_POLICY=", 14) == 0)
            snprintf(p->policy, sizeof p->policy, "%s", word + 14);
        else if (strncmp(word, "TLSHIM_POLICY_TEXT=", 19) == 0)
            snprintf(p->policy, sizeof p->policy, "(command line)");
        else if (strncmp(word, "LD_PRELOAD=", 11) == 0)
            intact = true;
    if (!intact)
        snprintf(p->policy, sizeof p->policy, "(not known)");
    free(word);
    if (environment)
        fclose(environment);
}

static void find_arena(struct process *p)
{
    char path[64], link[128];
    snprintf(path, sizeof path, "/proc/%d/fd", p->pid);
    DIR *numbers = opendir(path);
    const struct dirent *entry;
    while (numbers && p->fd < 0 && (entry = readdir(numbers))) {
        struct stat status;
        ssize_t n = readlinkat(dirfd(numbers), entry->d_name, link, sizeof link - 1);
        link[n < 0 ? 0 : n] = '\0';
        if (strcmp(link, "/memfd:" ARENA_FILE_NAME " (deleted)") != 0)
            continue;
        p->fd = openat(dirfd(numbers), entry->d_name, O_RDWR | O_CLOEXEC);
        if (p->fd >= 0 && fstat(p->fd, &status) == 0) {
            p->device = status.st_dev;
            p->arena = status.st_ino;
        }
    }
    if (numbers)
        closedir(numbers);
}

static void add_process(struct processes *all, int pid)
{
    char path[64];
    struct process *list = realloc(all->list, (all->count + 1) * sizeof *list);
    if (!list)
        return;
    all->list = list;
    struct process *p = &list[all->count++];
    *p = (struct process){.pid = pid, .fd = -1};
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    ssize_t n = readlink(path, p->program, sizeof p->program - 1);
    p->program[n < 0 ? 0 : n] = '\0';
    find_policy(p);
    find_arena(p);
}

static void find_processes(struct processes *all)
{
    DIR *proc = opendir("/proc");
    const struct dirent *entry;
    while (proc && (entry = readdir(proc)))
        if (isdigit((unsigned char)entry->d_name[0]) && has_library(atoi(entry->d_name)))
            add_process(all, atoi(entry->d_name));
    if (proc)
        closedir(proc);
}

static bool find_named(struct processes *all, char **numbers)
{
    bool good = true;
    for (; *numbers; numbers++) {
        int pid = atoi(*numbers);
        bool covered = pid > 0 && has_library(pid);
        if (covered)
            add_process(all, pid);
        else
            say("ps: no process %s is covered, or this user may not look", *numbers);
        good &= covered;
    }
    return good;
}

/* ---- what is shown ---- */

static void put_shown(const char *text)
{
    char shown[POLICY_SHOWN_MAX];
    for (size_t n = strlen(text), taken; n > 0; text += taken, n -= taken) {
        taken = policy_show(text, n, shown);
        fputs(shown, stdout);
    }
}

/* A copy, for it may change or go while it is looked at; of one that went, nothing is shown. */
static void show_session(const struct shim_session *live)
{
    static struct shim_session s;
    uint32_t generation = atomic_load(&live->generation);
    memcpy(&s, live, sizeof s);
    if (generation % 2 == 0 || atomic_load(&live->generation) != generation || s.moved)
        return;
    const struct tls_suite *suite = tls_suite_by_id(s.tls.suite);
    uint8_t stage = atomic_load(&s.stage);
    s.peer_name[sizeof s.peer_name - 1] = s.peer_address[sizeof s.peer_address - 1] = '\0';
    bool client = s.tls.role == TLS_CLIENT;
    bool named = client && strncmp(s.peer_address, s.peer_name, strlen(s.peer_name)) != 0;
    printf("  #%llx %s ", (unsigned long long)s.cookie, client ? "to" : "from");
    put_shown(named ? s.peer_name : "");
    fputs(named ? " (" : "", stdout);
    put_shown(s.peer_address);
    printf("%s: %s\n", named ? ")" : "",
           stage == SHIM_OPEN         ? suite ? suite->name : "open"
           : stage == SHIM_FAILED     ? "failed"
           : stage == SHIM_CONNECTING ? "connecting"
                                      : "in the handshake");
}

static void show_sessions(const struct process *p)
{
    struct arena *arena = p->fd >= 0 ? arena_open(p->fd) : NULL;
    if (!arena) {
        puts("  its sessions cannot be seen by this user, or are another version's");
        return;
    }
    for (uint32_t i = 1; i <= arena_reach_of(arena, ARENA_SESSION); i++) {
        struct shim_session *session = arena_piece(arena, ARENA_SESSION, i);
        if (session)
            show_session(session);
    }
    arena_close(arena);
}

/* Processes that share their sessions stand together. */
static void show(struct processes *all)
{
    for (size_t i = 0; i < all->count; i++) {
        struct process *first = &all->list[i];
        if (first->shown)
            continue;
        for (size_t j = i; j < all->count; j++) {
            struct process *p = &all->list[j];
            if (p != first &&
                (p->arena == 0 || p->arena != first->arena || p->device != first->device))
                continue;
            p->shown = true;
            printf("%d ", p->pid);
            put_shown(p->program);
            fputs(", policy ", stdout);
            put_shown(p->policy);
            putchar('\n');
        }
        show_sessions(first);
    }
}

int ps_command(char **arguments)
{
    static const struct option_name names[] = {{NULL, false}};
    struct options options = {.at = arguments};
    struct processes all = {0};
    if (next_option(&options, names) == OPTION_WRONG)
        return usage_error("ps: %s", options.wrong);
    for (char **number = options.at; *number; number++)
        if (strspn(*number, "0123456789") != strlen(*number) || strlen(*number) > 9)
            return usage_error("ps takes numbers of processes, or nothing");
    bool found = true;
    if (options.at[0])
        found = find_named(&all, options.at);
    else
        find_processes(&all);
    show(&all);
    for (size_t i = 0; i < all.count; i++)
        if (all.list[i].fd >= 0)
            close(all.list[i].fd);
    free(all.list);
    if (fflush(stdout) != 0)
        return EXIT_REFUSED;
    return found ? 0 : 1;
}
