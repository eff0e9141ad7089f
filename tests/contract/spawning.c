/* posix_spawn with every file action and attribute, a connection among what they move: line 36. And
 * what programs rely on in vfork: line 35. */
#include "contract.h"

#include <sched.h>
#include <spawn.h>
#include <sys/wait.h>
#include <wchar.h>

extern char **environ;

static char name[] = "sh", option[] = "-c";

struct spawning {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char *path;
};

static void on_streams(struct spawning *s, const struct pair *p)
{
    posix_spawn_file_actions_adddup2(&s->actions, p->client, 0);
    posix_spawn_file_actions_adddup2(&s->actions, p->client, 1);
}

/* ---- file actions ---- */

static void closes_from(struct spawning *s, const struct pair *p)
{
    on_streams(s, p);
    posix_spawn_file_actions_addclosefrom_np(&s->actions, 3);
}

static void closes_and_moves(struct spawning *s, const struct pair *p)
{
    on_streams(s, p);
    posix_spawn_file_actions_addclosefrom_np(&s->actions, 4);
    for (int fd = 3; fd < 8; fd++)
        posix_spawn_file_actions_adddup2(&s->actions, 0, fd);
    posix_spawn_file_actions_addclosefrom_np(&s->actions, 5);
    posix_spawn_file_actions_addclose(&s->actions, 5);
    posix_spawn_file_actions_addopen(&s->actions, 5, "/dev/null", O_RDONLY, 0);
}

static void moves_high(struct spawning *s, const struct pair *p)
{
    on_streams(s, p);
    for (int fd = 995; fd < 1010; fd++)
        posix_spawn_file_actions_adddup2(&s->actions, p->client, fd);
}

/* Closed and another file at its number, with a copy made before. */
static void opens_over(struct spawning *s, const struct pair *p)
{
    on_streams(s, p);
    posix_spawn_file_actions_addopen(&s->actions, p->client, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addclose(&s->actions, p->client);
}

/* Without FD_CLOEXEC, at its own number. */
static void onto_itself(struct spawning *s, const struct pair *p)
{
    posix_spawn_file_actions_adddup2(&s->actions, p->client, p->client);
    on_streams(s, p);
}

static void in_directory(struct spawning *s, const struct pair *p)
{
    posix_spawn_file_actions_addchdir_np(&s->actions, "/");
    posix_spawn_file_actions_addchdir_np(&s->actions, "usr");
    on_streams(s, p);
    s->path = "bin/sh";
}

static void in_open_directory(struct spawning *s, const struct pair *p)
{
    int directory = MUST(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

    posix_spawn_file_actions_addfchdir_np(&s->actions, directory);
    posix_spawn_file_actions_addchdir_np(&s->actions, "usr");
    on_streams(s, p);
    s->path = "./bin/sh";
}

/* A directory that the actions before have opened, at another number, from where they had gone. */
static void in_opened_directory(struct spawning *s, const struct pair *p)
{
    posix_spawn_file_actions_addchdir_np(&s->actions, "/");
    posix_spawn_file_actions_addopen(&s->actions, 20, "usr", O_RDONLY | O_DIRECTORY, 0);
    posix_spawn_file_actions_addchdir_np(&s->actions, "proc");
    posix_spawn_file_actions_adddup2(&s->actions, 20, 21);
    posix_spawn_file_actions_addfchdir_np(&s->actions, 21);
    posix_spawn_file_actions_addclosefrom_np(&s->actions, 20);
    on_streams(s, p);
    s->path = "./bin/sh";
}

/* ---- attributes ---- */

static void with_flags(struct spawning *s, const struct pair *p, int flags)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    posix_spawnattr_setsigmask(&s->attributes, &signals);
    posix_spawnattr_setsigdefault(&s->attributes, &signals);
    posix_spawnattr_setpgroup(&s->attributes, 0);
    posix_spawnattr_setschedpolicy(&s->attributes, SCHED_OTHER);
    posix_spawnattr_setschedparam(&s->attributes, &(struct sched_param){0});
    MUST(posix_spawnattr_setflags(&s->attributes, (short)flags));
    on_streams(s, p);
}

static void masks(struct spawning *s, const struct pair *p)
{
    with_flags(s, p, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_USEVFORK);
}

static void groups(struct spawning *s, const struct pair *p)
{
    with_flags(s, p, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_RESETIDS);
}

static void new_session(struct spawning *s, const struct pair *p)
{
    with_flags(s, p, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSCHEDULER);
}

/* ---- each of them ---- */

static const struct {
    const char *name;
    void (*prepare)(struct spawning *s, const struct pair *p);
} ways[] = {{"closefrom", closes_from},
            {"closefrom in between", closes_and_moves},
            {"high numbers", moves_high},
            {"open over it", opens_over},
            {"onto itself", onto_itself},
            {"chdir", in_directory},
            {"fchdir", in_open_directory},
            {"an fchdir to what was opened", in_opened_directory},
            {"signal masks", masks},
            {"process group", groups},
            {"session and scheduler", new_session}};

/* How many descriptors it has besides 0 to 2, and what it is told. */
static char told[] = "read -r line; n=0; for f in /proc/$$/fd/*; do case $(readlink $f) in "
                     "*memfd*|'') ;; *) n=$((n + 1)) ;; esac; done; echo \"$n $line\"";

static void spawns_one(const char *what, void (*prepare)(struct spawning *, const struct pair *))
{
    struct pair p = pair_open();
    struct spawning s = {.path = "/bin/sh"};
    char *const argv[] = {name, option, told, NULL};
    char text[40];
    pid_t pid = 0;

    fcntl(p.client, F_SETFD, FD_CLOEXEC);
    fcntl(p.server, F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&s.actions);
    posix_spawnattr_init(&s.attributes);
    prepare(&s, &p);
    say("%s: %s", what,
        strerror(posix_spawn(&pid, s.path, &s.actions, &s.attributes, argv, environ)));
    posix_spawn_file_actions_destroy(&s.actions);
    posix_spawnattr_destroy(&s.attributes);
    close(p.client);
    check(write(p.server, "hello\n", 6) == 6, "write");
    ssize_t n = read_all(p.server, text, sizeof(text));

    say("it says %.*sand then %s, status %d", (int)n, text, outcome(n), child_status(pid));
    close(p.server);
}

static void every_way(void)
{
    for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++)
        spawns_one(ways[i].name, ways[i].prepare);
}

/* A child that does not get it, and a list that it is not in. */
static void without(void)
{
    struct pair p = pair_open();
    posix_spawn_file_actions_t actions;
    char *const argv[] = {name, option, (char[]){"exit 5"}, NULL};
    pid_t pid;

    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addclosefrom_np(&actions, 3);
    say("not passed: %d", posix_spawnp(&pid, "sh", &actions, NULL, argv, environ));
    say("status %d", child_status(pid));
    say_hello(&p);
    posix_spawn_file_actions_adddup2(&actions, 77, 0);
    say("of nothing: %s", strerror(posix_spawnp(&pid, "sh", &actions, NULL, argv, environ)));
    posix_spawn_file_actions_destroy(&actions);
    say_hello(&p);
    pair_close(&p);
}

/* ---- popen and system ---- */

static void pipes(void)
{
    int (*volatile ends)(FILE *) = fclose; /* waits too, where the compiler sees a mistake */
    struct pair p = pair_open();
    char text[20];
    FILE *pipe = popen("echo to a pipe", "re");

    say("close on exec %d, wide %d", fcntl(fileno(pipe), F_GETFD), fwide(pipe, 0));
    check(fgets(text, sizeof(text), pipe) != NULL, "fgets");
    say("read %sstatus %d", text, pclose(pipe));
    pipe = popen("exit 3", "w");
    say("wide %d", fwide(pipe, 1));
    say("fclose says %d", ends(pipe) >> 8);
    say("no such mode: %s", popen("true", "rw") == NULL ? strerror(errno) : "a stream");
    say_hello(&p);
    pair_close(&p);
}

/* Signals to the caller while system waits. */
static void interrupted(void)
{
    struct pair p = pair_open();
    sigset_t mask;

    catch (SIGINT, 0);
    catch (SIGCHLD, 0);
    say("system: %d", system("kill -INT $PPID; kill -QUIT $PPID; exit 4") >> 8);
    sigprocmask(SIG_BLOCK, NULL, &mask);
    say("caught %d, SIGCHLD is blocked: %d", (int)caught, sigismember(&mask, SIGCHLD));
    say("killed by %d", system("kill -TERM $$") & 127);
    say("there is a shell: %d", system(NULL) != 0);
    say_hello(&p);
    pair_close(&p);
}

/* ---- vfork ---- */

pid_t __vfork(void) __attribute__((returns_twice));

/* The parent goes on when the child has executed or ended, not before. */
static void suspends(void)
{
    struct pair p = pair_open();
    int ends[2];
    char byte;

    MUST(pipe2(ends, O_NONBLOCK | O_CLOEXEC));
    for (int round = 0; round < 4; round++) {
        bool executes = round % 2 != 0;
        pid_t pid = round < 2 ? vfork() : __vfork();

        if (pid == 0) {
            usleep(100000);
            (void)!write(ends[1], "x", 1);
            if (executes)
                execl("/bin/sh", "sh", "-c", "exit 7", (char *)NULL);
            _exit(6);
        }
        say_of(read(ends[0], &byte, 1), "the child was first: %s, status %d", child_status(pid));
    }
    say_hello(&p);
    pair_close(&p);
}

const struct contract_case spawn_cases[] = {
    {"35 vfork suspends the parent", suspends},
    {"35 system and signals", interrupted},
    {"35 popen's modes", pipes},
    {"36 posix_spawn: every file action and attribute", every_way},
    {"36 posix_spawn: without the connection", without},
    {NULL, NULL},
};
