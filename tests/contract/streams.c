/* FILE streams over connections: line 28. */
#include "contract.h"

#include <sys/wait.h>

static char text[20000];

/* What the peer has received so far, up to n bytes. */
static const char *received(int fd, size_t n)
{
    ssize_t got = read_all(fd, text, n);

    text[got < 0 ? 0 : got] = '\0';
    return text;
}

static void send_text(int fd, const char *what)
{
    check(write_all(fd, what, strlen(what)) == (ssize_t)strlen(what), "write");
}

static void lines(void)
{
    struct pair p = pair_open();
    FILE *stream = fdopen(p.client, "r+");
    char line[100];

    say("fileno %d", fileno(stream) == p.client);
    send_text(p.server, "first\nsecond\nthird 3 4\n");
    say("fgets: %s", fgets(line, sizeof(line), stream));
    say("getc: %c", getc(stream));
    ungetc('S', stream);
    say("after ungetc: %s", fgets(line, sizeof(line), stream));
    int a = 0, b = 0;

    say_of(fscanf(stream, "third %d %d", &a, &b), "fscanf: %s, %d %d", a, b);
    check(getc(stream) == '\n', "the line's end");
    say("fprintf: %d", fprintf(stream, "number %d\n", 42));
    fputs("and text\n", stream);
    fwrite("bytes\n", 1, 6, stream);
    say("fflush: %d", fflush(stream));
    say("arrived: %s", received(p.server, 10 + 9 + 6));
    shutdown(p.server, SHUT_WR);
    say("at the end: fgets %d, feof %d, ferror %d", fgets(line, sizeof(line), stream) != NULL,
        feof(stream) != 0, ferror(stream) != 0);
    clearerr(stream);
    say("ftell %s", outcome(ftell(stream)));
    say("fclose: %d", fclose(stream));
    say_of(read(p.server, line, 1), "then the peer reads %s%s", "");
    close(p.server);
}

static void two_streams(void)
{
    struct pair p = pair_open();
    FILE *in = fdopen(p.client, "r"), *out = fdopen(dup(p.client), "w");
    char line[100];

    setvbuf(out, NULL, _IOLBF, 0);
    fputs("no newline yet", out);
    say("line-buffered: %d there", readable_within(p.server, 100));
    fputs("\n", out);
    say("and now: %s", received(p.server, 15));
    setvbuf(out, NULL, _IONBF, 0);
    fputs("x", out);
    say("unbuffered: %s", received(p.server, 1));
    setvbuf(out, NULL, _IOFBF, 4096);
    fputs("kept", out);
    say("buffered: %d there", readable_within(p.server, 100));
    say("fflush(NULL): %d: %s", fflush(NULL), received(p.server, 4));
    send_text(p.server, "answer\n");
    say("fgets: %s", fgets(line, sizeof(line), in));
    fclose(out);
    say("one of two closed: %d readable", readable_within(p.server, 100));
    fclose(in);
    say_of(read(p.server, line, 1), "both: %s%s", "");
    close(p.server);
}

/* More than a buffer each way. */
static void much(void)
{
    struct pair p = pair_open();
    FILE *stream = fdopen(p.client, "w");
    static unsigned char bytes[100000], back[100000];

    fill(bytes, sizeof(bytes), 0);
    for (size_t at = 0; at < sizeof(bytes); at += 1000)
        check(fwrite(bytes + at, 1, 1000, stream) == 1000, "fwrite");
    say("fclose: %d", fclose(stream));
    ssize_t n = read_all(p.server, back, sizeof(back));

    check(n == sizeof(back) && filled(back, sizeof(back), 0), "read %s", outcome(n));
    say_of(read(p.server, back, 1), "then %s%s", "");
    close(p.server);
}

static void broken(void)
{
    struct pair p = pair_open();
    FILE *stream = fdopen(p.client, "w");

    signal(SIGPIPE, SIG_IGN);
    shutdown(p.client, SHUT_WR);
    fputs("lost", stream);
    say_of(fflush(stream), "fflush: %s, ferror %d", ferror(stream) != 0);
    say("fclose: %s", outcome(fclose(stream)));
    close(p.server);
}

static void formatted(void)
{
    struct pair p = pair_open();

    say("dprintf: %d", dprintf(p.client, "%s %d\n", "number", 7));
    say("arrived: %s", received(p.server, 9));
    say("on nothing: %s", outcome(dprintf(-1, "x")));
    pair_close(&p);
}

/* ---- the standard streams, in a child ---- */

static int talks(void *arg)
{
    struct pair *p = arg;
    FILE *saved = stdout;
    char line[100];

    close(p->client);
    dup2(p->server, 0);
    dup2(p->server, 1);
    close(p->server);
    printf("ready\n");
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        printf("got %s", line);
        fflush(stdout);
    }
    say("the child: feof %d", feof(stdin) != 0);
    /* A pointer from before writes to the connection, or fails. */
    fprintf(saved, "saved");
    fflush(saved);
    printf(" at exit");
    exit(0);
}

static void standard(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(talks, &p);

    close(p.server);
    say("child: %s", received(p.client, 6));
    send_text(p.client, "one\n");
    say("child: %s", received(p.client, 8));
    shutdown(p.client, SHUT_WR);
    received(p.client, sizeof(text) - 1);
    const char *end = strstr(text, " at exit");

    check(end != NULL && end[8] == '\0', "at exit: %s", text);
    check(end == text || strstr(text, "saved") != NULL || strstr(text, "feof") != NULL, "%s", text);
    say("ended %d", child_status(pid));
    close(p.client);
}

/* What was printed before the number changed and not flushed goes where the number leads. */
static int prints_early(void *arg)
{
    const struct pair *p = arg;

    setvbuf(stdout, NULL, _IOFBF, 0);
    printf("early ");
    dup2(p->server, 1);
    close(p->server);
    close(p->client);
    printf("late");
    exit(0);
}

static void unflushed(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(prints_early, &p);

    close(p.server);
    say("arrived: %s", received(p.client, sizeof(text) - 1));
    say("ended %d", child_status(pid));
    close(p.client);
}

/* And back again. */
static int redirects(void *arg)
{
    const struct pair *p = arg;
    int keep = dup(1);

    for (int i = 0; i < 3; i++) {
        dup2(p->server, 1);
        printf("to the peer %d\n", i);
        fflush(stdout);
        dup2(keep, 1);
        say("to the transcript %d", i);
    }
    fflush(stdout);
    return 0;
}

static void there_and_back(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(redirects, &p);

    close(p.server);
    say("arrived: %s", received(p.client, sizeof(text) - 1));
    say("ended %d", child_status(pid));
    close(p.client);
}

static int reopens(void *arg)
{
    const struct pair *p = arg;

    dup2(p->server, 1);
    dup2(p->server, 2);
    close(p->server);
    close(p->client);
    printf("before ");
    say("freopen %d", freopen("/dev/null", "w", stdout) != NULL);
    fprintf(stderr, "stderr goes on");
    say("freopen %d", freopen("/dev/null", "w", stderr) != NULL);
    printf("nobody sees this");
    fprintf(stderr, "nor this");
    return 0;
}

static void reopened(void)
{
    struct pair p = pair_open();
    pid_t pid = start_child(reopens, &p);

    close(p.server);
    received(p.client, sizeof(text) - 1);
    check(strstr(text, "before ") == text && strstr(text, "stderr goes on") != NULL &&
              strstr(text, "nobody") == NULL && strstr(text, "nor") == NULL,
          "arrived: %s", text);
    say("ended %d", child_status(pid));
    close(p.client);
}

/* A child that popen starts inherits a connection. */
static void piped(void)
{
    struct pair p = pair_open();
    char command[100];

    snprintf(command, sizeof(command), "cat >&%d", p.client);
    FILE *pipe = popen(command, "w");

    fputs("through a pipe", pipe);
    say("pclose: %d", pclose(pipe));
    say("arrived: %s", received(p.server, 14));
    pipe = popen("exit 3", "r");
    say("fgetc %d", fgetc(pipe));
    say("pclose %d", pclose(pipe) >> 8);
    pair_close(&p);
}

const struct contract_case stream_cases[] = {
    {"28 fdopen: lines, formats, the end", lines},
    {"28 buffering, fflush(NULL), two streams on one connection", two_streams},
    {"28 more than a buffer", much},
    {"28 a broken connection", broken},
    {"28 dprintf", formatted},
    {"28 the standard streams", standard},
    {"28 unflushed output", unflushed},
    {"28 the standard output there and back", there_and_back},
    {"28 freopen", reopened},
    {"28 popen of a child that inherits", piped},
    {NULL, NULL},
};
