/* Several processes on one connection, messages with descriptors, and the end of a process: lines
 * 33, 34, 39 and 40. */
#include "contract.h"

#include <sys/wait.h>

static char byte;

/* ---- 33 ---- */

static int serves(void *arg)
{
    const struct pair *p = arg;
    char text[100];
    ssize_t n;

    close(p->client);
    while ((n = read(p->server, text, sizeof(text))) > 0)
        if (write_all(p->server, text, (size_t)n) != n)
            return 1;
    return n == 0 ? 0 : 2;
}

/* say: who closes and who goes on. */
static void child_serves(void)
{
    for (int fresh = 0; fresh < 2; fresh++) {
        struct pair p = fresh ? pair_fresh() : pair_open();
        pid_t pid = start_child(serves, &p);
        char text[6] = "";

        close(p.server);
        check(write(p.client, "hello", 5) == 5, "write");
        check(read_all(p.client, text, 5) == 5, "read");
        say("it echoes %s", text);
        shutdown(p.client, SHUT_WR);
        say_of(read(p.client, &byte, 1), "then %s, status %d", child_status(pid));
        close(p.client);
    }
}

static int closes(void *arg)
{
    const struct pair *p = arg;

    close(p->client);
    close(p->server);
    return 0;
}

static void parent_serves(void)
{
    struct pair p = pair_open();

    for (int i = 0; i < 3; i++) {
        say("closed there: %d", child_status(start_child(closes, &p)));
        say_hello(&p);
    }
    close(p.client);
    say_of(read(p.server, &byte, 1), "closed here: %s%s", "");
    close(p.server);
}

enum { TURNS = 200, LINE = 16 };

static int writes_lines(int fd, const char *who)
{
    char line[LINE + 1];

    for (int i = 0; i < TURNS; i++) {
        snprintf(line, sizeof(line), "%-6s %8d\n", who, i);
        if (write(fd, line, LINE) != LINE)
            return 1;
    }
    return 0;
}

static int writes_as_child(void *arg)
{
    return writes_lines(*(int *)arg, "child");
}

/* Both write at once: each line arrives whole, and each one's own in order. */
static void both_write(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(writes_as_child, &p.client);
    char line[LINE + 1] = "", who[10];
    int next[2] = {0, 0}, number;

    check(writes_lines(p.client, "parent") == 0, "write");
    for (int i = 0; i < 2 * TURNS; i++) {
        check(read_all(p.server, line, LINE) == LINE, "read");
        check(sscanf(line, "%9s %d", who, &number) == 2, "a torn line: %s", line);
        check(number == next[who[0] == 'c']++, "%s, out of its order", line);
    }
    say("%d and %d lines, status %d", next[0], next[1], child_status(pid));
    pair_close(&p);
}

/* Both read: together they get every line once. */
static int reads_lines(void *arg)
{
    const struct pair *p = arg;
    char line[LINE];
    int count = 0;

    close(p->server);
    while (recv(p->client, line, LINE, MSG_WAITALL) == LINE)
        count++;
    return count;
}

static void both_read(void)
{
    struct pair p = pair_open();
    pid_t first = start_child(reads_lines, &p), second = start_child(reads_lines, &p);

    close(p.client);
    check(writes_lines(p.server, "peer") == 0, "write");
    shutdown(p.server, SHUT_WR);
    int got = child_status(first) + child_status(second);

    say("lines read by one or the other: %d", got);
    close(p.server);
}

/* Who was killed and not waited for holds nothing: the other's close is the last. */
static int is_killed(void *arg)
{
    (void)arg;
    raise(SIGKILL);
    return 0;
}

static void zombie(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(is_killed, NULL);
    siginfo_t info;

    MUST(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
    close(p.client);
    say_of(read(p.server, &byte, 1), "closed here: %s, status %d", child_status(pid));
    close(p.server);
}

/* A process goes on when its first thread has ended. */
static void *serves_alone(void *arg)
{
    char text[5];

    if (read_all(*(int *)arg, text, 5) != 5 || write_all(*(int *)arg, text, 5) != 5)
        _exit(1);
    _exit(0);
}

static int leaves_to_a_thread(void *arg)
{
    const struct pair *p = arg;
    static int fd;

    close(p->client);
    fd = p->server;
    start_thread(serves_alone, &fd);
    pthread_exit(NULL);
}

static void without_first_thread(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(leaves_to_a_thread, &p);
    char path[40], text[200] = "";

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    for (int64_t until = now_ms() + 20000; strstr(text, ") Z ") == NULL && now_ms() < until;) {
        FILE *f = fopen(path, "r");

        check(f != NULL && fgets(text, sizeof(text), f) != NULL, "no %s", path);
        fclose(f);
    }
    close(p.server);
    check(write(p.client, "hello", 5) == 5, "write");
    memset(text, 0, sizeof(text));
    say_of(read_all(p.client, text, 5), "%s: %.5s", text);
    say_of(read(p.client, &byte, 1), "then %s, status %d", child_status(pid));
    close(p.client);
}

/* ---- 34 ---- */

static _Atomic int stop;

static void *keeps_busy(void *arg)
{
    const struct pair *p = arg;
    char text[64];

    while (!stop) {
        check(write(p->client, "0123456789abcdef", 16) == 16, "write");
        check(read_all(p->server, text, 16) == 16, "read");
    }
    return NULL;
}

static int uses_all(void *arg)
{
    const struct pair *all = arg;

    for (int i = 0; i < 4; i++) {
        close(all[i].client);
        close(all[i].server);
    }
    return 0;
}

static void fork_under_locks(void)
{
    struct pair all[4];
    pthread_t threads[4];
    int failed = 0;

    stop = 0;
    for (int i = 0; i < 4; i++) {
        all[i] = pair_open();
        threads[i] = start_thread(keeps_busy, &all[i]);
    }
    for (int i = 0; i < 300; i++)
        failed += child_status(start_child(uses_all, all)) != 0;
    stop = 1;
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        say_hello(&all[i]);
        pair_close(&all[i]);
    }
    say("children that failed: %d", failed);
}

/* ---- 39 ---- */

union rights {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(3 * sizeof(int))];
};

static ssize_t pass(int way, const int *fds, size_t count, int flags)
{
    struct iovec one = {&byte, 1};
    union rights rights = {.header = {CMSG_LEN(count * sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};

    memcpy(CMSG_DATA(&rights.header), fds, count * sizeof(int));
    return sendmsg(way, &message, flags);
}

static size_t take(int way, int *fds, int flags)
{
    struct iovec one = {&byte, 1};
    union rights rights;
    struct msghdr message = {.msg_iov = &one,
                             .msg_iovlen = 1,
                             .msg_control = rights.bytes,
                             .msg_controllen = sizeof(rights.bytes)};

    if (recvmsg(way, &message, flags) != 1 || CMSG_FIRSTHDR(&message) == NULL)
        return 0;
    size_t n = CMSG_FIRSTHDR(&message)->cmsg_len - CMSG_LEN(0);

    memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&message)), n);
    return n / sizeof(int);
}

static int worker(void *arg)
{
    const int *ways = arg;
    int way = ways[1], fd;
    struct pair p = {0};

    close(ways[0]);
    while (take(way, &fd, MSG_CMSG_CLOEXEC) == 1) {
        p.server = fd;
        check((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, "MSG_CMSG_CLOEXEC");
        if (read(fd, &byte, 1) != 1 || write(fd, "served", 6) != 6)
            return 1;
        close(p.server);
    }
    return 0;
}

/* A master that accepts and a worker that serves. */
static void prefork(void)
{
    int way[2], listening = listener(PORT_DIRECT);

    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, way));
    pid_t pid = start_child(worker, way);

    close(way[1]);
    fcntl(way[0], F_SETFD, FD_CLOEXEC);
    for (int i = 0; i < 5; i++) {
        int client = connect_to(PORT_DIRECT), server = accept_from(listening);
        char text[7] = "";

        check(pass(way[0], &server, 1, 0) == 1, "sendmsg");
        close(server);
        check(write(client, "?", 1) == 1, "write");
        check(read_all(client, text, 6) == 6, "read");
        say_of(read(client, &byte, 1), "then %s, after %s", text);
        close(client);
    }
    close(way[0]);
    close(listening);
    say("worker %d", child_status(pid));
}

/* To oneself, with other descriptors; the old number stays good. */
static void several(void)
{
    struct pair p = pair_open();
    int way[2], pipes[2], got[3];

    MUST(socketpair(AF_UNIX, SOCK_DGRAM, 0, way));
    MUST(pipe(pipes));
    const int sent[3] = {pipes[0], p.client, pipes[1]};

    say("sendmsg %s", outcome(pass(way[0], sent, 3, 0)));
    say("received %zu", take(way[1], got, 0));
    check(write(got[2], "p", 1) == 1 && read(got[0], &byte, 1) == 1, "the pipe");
    check(write(got[1], "x", 1) == 1 && read(p.server, &byte, 1) == 1, "by the new number");
    check(write(p.client, "y", 1) == 1 && read(p.server, &byte, 1) == 1, "by the old one");
    close(p.client);
    check(write(got[1], "z", 1) == 1 && read(p.server, &byte, 1) == 1, "by the new one alone");
    close(got[1]);
    say_of(read(p.server, &byte, 1), "both closed: %s%s", "");
    close(p.server);
}

/* Closed by the sender before it is received: the peer sees nothing of it. */
static void on_its_way(void)
{
    struct pair p = pair_open();
    int way[2], got;

    MUST(socketpair(AF_UNIX, SOCK_STREAM, 0, way));
    say("sendmsg %s", outcome(pass(way[0], &p.client, 1, 0)));
    close(p.client);
    check(!readable_within(p.server, 50), "the end");
    say("received %zu", take(way[1], &got, 0));
    p.client = got;
    say_hello(&p);
    pair_close(&p);
    say("to nobody: %s", outcome(pass(999, way, 1, 0)));
}

/* ---- 40 ---- */

enum ending { RETURN, EXIT, UNDERSCORE_EXIT, QUICK_EXIT, ENDINGS };

struct goodbye {
    int fd;
    enum ending how;
};

static int says_goodbye(void *arg)
{
    const struct goodbye *g = arg;

    if (write(g->fd, "last words", 10) != 10)
        return 1;
    switch (g->how) {
    case EXIT:
        exit(0);
    case UNDERSCORE_EXIT:
        _exit(0);
    case QUICK_EXIT:
        quick_exit(0);
    default:
        return 0;
    }
}

static void endings(void)
{
    for (int how = 0; how < ENDINGS; how++) {
        struct pair p = pair_open();
        struct goodbye g = {p.client, how};

        fcntl(p.server, F_SETFD, FD_CLOEXEC);
        pid_t pid = start_child(says_goodbye, &g);
        char text[11] = "";

        close(p.client);
        check(read_all(p.server, text, 10) == 10, "read");
        say_of(read(p.server, &byte, 1), "then %s, after %s, %d", text, child_status(pid));
        close(p.server);
    }
}

/* The last holder: it waits until its parent has closed. */
static int crashes(void *arg)
{
    const struct goodbye *g = arg;

    (void)!read(g->fd, &byte, 1);
    (void)!write(g->fd, "last words", 10);
    signal(SIGABRT, SIG_DFL);
    raise(g->how == RETURN ? SIGKILL : SIGABRT);
    return 0;
}

static void crash(void)
{
    for (int how = 0; how < 2; how++) {
        struct pair p = pair_open();
        struct goodbye g = {p.client, how};
        pid_t pid = start_child(crashes, &g);
        char text[11] = "";

        close(p.client);
        MUST((int)write(p.server, "!", 1));
        check(read_all(p.server, text, 10) == 10, "read");
        say_of(read(p.server, &byte, 1), "then %s, after %s, %d", text, child_status(pid));
        close(p.server);
    }
}

const struct contract_case process_cases[] = {
    {"33 the parent closes, the child serves", child_serves},
    {"33 the child closes, the parent serves", parent_serves},
    {"33 both write at once", both_write},
    {"33 both read", both_read},
    {"33 a holder that was killed and is a zombie", zombie},
    {"33 a holder whose first thread has ended", without_first_thread},
    {"34 fork while other threads hold locks", fork_under_locks},
    {"39 a master passes connections to a worker", prefork},
    {"39 among other descriptors, to oneself", several},
    {"39 closed while it is on its way", on_its_way},
    {"40 exit, _exit, quick_exit", endings},
    {"40 abort and SIGKILL", crash},
    {NULL, NULL},
};
