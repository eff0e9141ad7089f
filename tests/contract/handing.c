/* Connections handed to other programs: lines 35 to 37. Each program is /bin/cat, the connection
 * its standard input and output, so that what the peer sends must come back. */
#include "contract.h"

#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

enum { AMOUNT = 100000 };
static unsigned char out[AMOUNT], in[AMOUNT];
static char name[] = "cat";
static char *const cat[] = {name, NULL};

/* ---- ways to start a program ---- */

static int exec_execve(void)
{
    return execve("/bin/cat", cat, environ);
}

static int exec_execv(void)
{
    return execv("/bin/cat", cat);
}

static int exec_execvp(void)
{
    return execvp("cat", cat);
}

static int exec_execvpe(void)
{
    return execvpe("cat", cat, environ);
}

static int exec_execl(void)
{
    return execl("/bin/cat", "cat", "-u", "-", (char *)NULL);
}

static int exec_execlp(void)
{
    return execlp("cat", "cat", (char *)NULL);
}

static int exec_execle(void)
{
    return execle("/bin/cat", "cat", (char *)NULL, environ);
}

static int exec_fexecve(void)
{
    return fexecve(MUST(open("/bin/cat", O_RDONLY | O_CLOEXEC)), cat, environ);
}

static int exec_execveat(void)
{
    return (int)syscall(SYS_execveat, MUST(open("/bin", O_RDONLY | O_DIRECTORY | O_CLOEXEC)), "cat",
                        cat, environ, 0);
}

static int exec_by_number(void)
{
    return (int)syscall(SYS_execve, "/bin/cat", cat, environ);
}

static int exec_stripped(void)
{
    char *const nothing[] = {NULL};

    return execve("/bin/cat", cat, nothing);
}

static int exec_cleared(void)
{
    clearenv();
    return execl("/bin/cat", "cat", (char *)NULL);
}

static int exec_env(void)
{
    return execl("/usr/bin/env", "env", "-i", "/bin/cat", (char *)NULL);
}

static int exec_shell(void)
{
    return execl("/bin/sh", "sh", "-c", "cat", (char *)NULL);
}

static int exec_twice(void)
{
    return execl("/bin/sh", "sh", "-c", "exec sh -c 'exec cat'", (char *)NULL);
}

static int run_system(void)
{
    int r = system("cat");

    _exit(r == 0 ? 0 : 1);
}

static int run_spawn(void)
{
    pid_t pid;
    int r = posix_spawn(&pid, "/bin/cat", NULL, NULL, cat, environ);

    _exit(r == 0 ? child_status(pid) : r);
}

static int run_spawnp(void)
{
    pid_t pid;
    int r = posix_spawnp(&pid, "cat", NULL, NULL, cat, environ);

    _exit(r == 0 ? child_status(pid) : r);
}

static int run_vfork(void)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execl("/bin/cat", "cat", (char *)NULL);
        _exit(127);
    }
    _exit(child_status(pid));
}

static const struct way {
    const char *name;
    int (*run)(void); /* in a child; returns only when it fails */
} ways[] = {
    {"execve", exec_execve},         {"execv", exec_execv},         {"execvp", exec_execvp},
    {"execvpe", exec_execvpe},       {"execl", exec_execl},         {"execlp", exec_execlp},
    {"execle", exec_execle},         {"fexecve", exec_fexecve},     {"execveat", exec_execveat},
    {"SYS_execve", exec_by_number},  {"system", run_system},        {"posix_spawn", run_spawn},
    {"posix_spawnp", run_spawnp},    {"vfork and exec", run_vfork}, {"a shell", exec_shell},
    {"exec after exec", exec_twice},
};

static const struct way stripped_ways[] = {
    {"an empty environment", exec_stripped},
    {"clearenv", exec_cleared},
    {"env -i", exec_env},
};

/* ---- what goes over the connection ---- */

struct started {
    int fd;
    const struct way *way;
};

static int become(void *arg)
{
    const struct started *s = arg;

    MUST(dup2(s->fd, 0));
    MUST(dup2(s->fd, 1));
    close(s->fd);
    s->way->run();
    return 126;
}

/* The client's end becomes a program's; this process goes on with the server's. */
static pid_t hand_over(struct pair *p, const struct way *way)
{
    struct started s = {p->client, way};

    fcntl(p->server, F_SETFD, FD_CLOEXEC);
    pid_t pid = start_child(become, &s);

    close(p->client);
    p->client = -1;
    return pid;
}

static void *write_it(void *arg)
{
    int fd = *(int *)arg;

    check(write_all(fd, out, AMOUNT) == AMOUNT, "write");
    shutdown(fd, SHUT_WR);
    return NULL;
}

/* Everything comes back, then the end. */
static void echoes(struct pair *p, pid_t pid, const char *what)
{
    pthread_t writer;

    fill(out, AMOUNT, 0);
    writer = start_thread(write_it, &p->server);
    ssize_t n = read_all(p->server, in, AMOUNT);

    check(n == AMOUNT && filled(in, AMOUNT, 0), "%s: read %s", what, outcome(n));
    pthread_join(writer, NULL);
    n = read(p->server, in, 1);
    say("%s: then %s, status %d", what, outcome(n), child_status(pid));
    close(p->server);
}

static void each_way(const struct way *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct pair p = pair_open();

        echoes(&p, hand_over(&p, &list[i]), list[i].name);
    }
}

static void programs(void)
{
    each_way(ways, sizeof(ways) / sizeof(*ways));
}

static void stripped(void)
{
    each_way(stripped_ways, sizeof(stripped_ways) / sizeof(*stripped_ways));
}

/* ---- in whatever state the connection is ---- */

static void fresh(void)
{
    struct pair p = pair_fresh();

    echoes(&p, hand_over(&p, &ways[0]), "nothing exchanged");
}

static void accepted(void)
{
    int listening = listener(PORT_DIRECT);
    struct pair p = {.server = connect_to(PORT_DIRECT)};

    p.client = accept_from(listening);
    close(listening);
    echoes(&p, hand_over(&p, &ways[0]), "just accepted");
}

/* A record of which the program has read a part: the rest is for the next program. */
static void plaintext_waiting(void)
{
    struct pair p = pair_open();
    unsigned char some[10];

    fill(out, AMOUNT, 0);
    check(write(p.server, out, 3000) == 3000, "write");
    check(read_all(p.client, some, sizeof(some)) == sizeof(some), "read");
    pid_t pid = hand_over(&p, &ways[0]);
    ssize_t n = read_all(p.server, in, 2990);

    check(n == 2990 && filled(in, 2990, sizeof(some)), "read %s", outcome(n));
    echoes(&p, pid, "plaintext waiting");
}

static void half_closed(void)
{
    struct pair p = pair_open();
    char text[20];

    check(write(p.server, "last words", 10) == 10, "write");
    shutdown(p.server, SHUT_WR);
    pid_t pid = hand_over(&p, &ways[0]);
    ssize_t n = read_all(p.server, text, sizeof(text));

    say("half closed: %.*s, status %d", (int)n, text, child_status(pid));
    close(p.server);
}

/* A program that the connection is handed to and one that it comes from write in turn. */
static void shared(void)
{
    struct pair p = pair_open();
    char command[100], text[100];
    ssize_t n = 0;

    snprintf(command, sizeof(command), "echo from the child >&%d", p.client);
    for (int i = 0; i < 5; i++) {
        check(write(p.client, "from the parent ", 16) == 16, "write");
        check(system(command) == 0, "system");
        n = read_all(p.server, text, 31);
        check(n == 31 && memcmp(text, "from the parent from the child\n", 31) == 0, "read %.*s",
              (int)n, text);
    }
    snprintf(command, sizeof(command), "head -c 5 <&%d", p.client);
    check(write(p.server, "hello", 5) == 5, "write");
    FILE *pipe = popen(command, "r");

    check(pipe != NULL && fread(text, 1, sizeof(text), pipe) == 5 && memcmp(text, "hello", 5) == 0,
          "popen");
    say("popen's status %d", pclose(pipe));
    pair_close(&p);
}

static void by_actions(void)
{
    struct pair p = pair_open();
    posix_spawn_file_actions_t actions;
    pid_t pid;

    fcntl(p.client, F_SETFD, FD_CLOEXEC);
    fcntl(p.server, F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, p.client, 0);
    posix_spawn_file_actions_adddup2(&actions, p.client, 1);
    say("posix_spawn: %d", posix_spawn(&pid, "/bin/cat", &actions, NULL, cat, environ));
    posix_spawn_file_actions_destroy(&actions);
    close(p.client);
    echoes(&p, pid, "file actions");
}

/* Nothing but the exec itself happened: the connection goes on. */
static void failed(void)
{
    struct pair p = pair_open();

    say_of(execv("/nowhere/no", cat), "execv: %s%s", "");
    say_of(execvp("no-such-program", cat), "execvp: %s%s", "");
    say_of(execv("/etc", cat), "a directory: %s%s", "");
    say_of(execv("/etc/passwd", cat), "no program: %s%s", "");
    pid_t pid = 0;
    int r = posix_spawn(&pid, "/nowhere/no", NULL, NULL, cat, environ);

    say("posix_spawn: %s", strerror(r));
    say("system: %d", system("exit 3") >> 8);
    say_hello(&p);
    pair_close(&p);
    say("goes on");
}

/* A connection that is closed by the exec ends in order. */
static int exec_true(void *arg)
{
    fcntl(*(int *)arg, F_SETFD, FD_CLOEXEC);
    execl("/bin/true", "true", (char *)NULL);
    return 126;
}

static void closed_by_exec(void)
{
    struct pair p = pair_open();

    fcntl(p.server, F_SETFD, FD_CLOEXEC);
    pid_t pid = start_child(exec_true, &p.client);

    close(p.client);
    say_of(read(p.server, in, 1), "the peer reads %s, status %d", child_status(pid));
    close(p.server);
}

/* Children that come and go leave the parent's connections alone. */
static int close_and_exec(void *arg)
{
    const struct pair *p = arg;

    close(p->client);
    dup2(p->server, 1);
    close(p->server);
    execl("/bin/true", "true", (char *)NULL);
    return 126;
}

static void intact(void)
{
    struct pair p = pair_open();
    pid_t pid = vfork();

    if (pid == 0) {
        close(p.client);
        close(p.server);
        execl("/bin/true", "true", (char *)NULL);
        _exit(126);
    }
    say("vfork and exec: %d", child_status(pid));
    say_hello(&p);
    pid = vfork();
    if (pid == 0) {
        close(p.client);
        _exit(3);
    }
    say("vfork and _exit: %d", child_status(pid));
    say_hello(&p);
    say("fork, close and exec: %d", child_status(start_child(close_and_exec, &p)));
    say_hello(&p);
    posix_spawn(&pid, "/bin/true", NULL, NULL, cat, environ);
    say("posix_spawn: %d", child_status(pid));
    say_hello(&p);
    say("system: %d", system("true"));
    say_hello(&p);
    FILE *pipe = popen("true", "r");

    say("popen: %d", pclose(pipe));
    say_hello(&p);
    pair_close(&p);
}

/* daemon(3) forks inside libc. */
static int go_away(void *arg)
{
    const struct pair *p = arg;

    close(p->server);
    if (daemon(1, 1) != 0)
        return 1;
    check(write(p->client, "from the daemon", 15) == 15, "write");
    close(p->client);
    return 0;
}

static void daemons(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(go_away, &p);
    char text[20];

    close(p.client);
    say("daemon: %d", child_status(pid));
    ssize_t n = read_all(p.server, text, sizeof(text));

    say("it writes: %.*s", (int)n, text);
    close(p.server);
}

const struct contract_case handing_cases[] = {
    {"35 vfork, posix_spawn, system, popen leave connections intact", intact},
    {"35 daemon", daemons},
    {"36 every way to start a program", programs},
    {"36 nothing exchanged yet", fresh},
    {"36 just accepted", accepted},
    {"36 plaintext waiting", plaintext_waiting},
    {"36 half closed", half_closed},
    {"36 used by parent and child in turn", shared},
    {"36 posix_spawn's file actions", by_actions},
    {"36 an exec that fails", failed},
    {"36 closed by the exec", closed_by_exec},
    {"37 a stripped environment", stripped},
    {NULL, NULL},
};
