/* The log: where lines go, how they look, what they may not do to the program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <syslog.h>
#undef _PATH_LOG
#define _PATH_LOG "tlshim-test-log.socket"

#include "shim/common_log.c"
#include "shim/common_sink.c"
#include <poll.h>

ssize_t os_read(int fd, void *buffer, size_t n)
{
    return read(fd, buffer, n);
}
ssize_t os_write(int fd, const void *buffer, size_t n)
{
    return write(fd, buffer, n);
}
int os_close(int fd)
{
    return close(fd);
}
int os_socket(int domain, int type, int protocol)
{
    return socket(domain, type, protocol);
}
ssize_t os_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return sendmsg(fd, message, flags);
}
bool os_is_writable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    return poll(&entry, 1, 0) == 1 && (entry.revents & POLLOUT);
}

static char got[32 * LOG_LINE_MAX];

/* Runs `say` with descriptor 2 as the write end of a pipe; what was written is in `got`. */
static void with_stderr(void (*say)(void))
{
    int ends[2], kept = dup(2);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    dup2(ends[1], 2);
    close(ends[1]);
    log_init();
    say();
    dup2(kept, 2);
    close(kept);
    ssize_t n = 0, used = 0;
    while ((n = read(ends[0], got + used, sizeof got - 1 - (size_t)used)) > 0)
        used += n;
    got[used] = '\0';
    close(ends[0]);
}

static const char *prefixed(const char *rest)
{
    static char line[LOG_LINE_MAX * 2];
    snprintf(line, sizeof line, "tlshim[%d]: %s", (int)getpid(), rest);
    return line;
}

static int clean(void **state)
{
    (void)state;
    unsetenv("TLSHIM_LOG");
    unsetenv("TLSHIM_LOG_TO");
    unsetenv("TLSHIM_LOG_FORMAT");
    memset(recent, 0, sizeof recent);
    memset(floods, 0, sizeof floods);
    return 0;
}

static void say_each_level(void)
{
    errno = E2BIG;
    log_line(LOG_LEVEL_ERROR, "e %d", 1);
    log_line(LOG_LEVEL_WARN, "w");
    log_line(LOG_LEVEL_INFO, "i");
    log_line(LOG_LEVEL_DEBUG, "d");
    assert_int_equal(errno, E2BIG);
}

static void levels(void **state)
{
    (void)state;
    static const char *const names[] = {"error", "warn", "info", "debug"};
    for (int i = 0; i < 4; i++) {
        clean(NULL);
        setenv("TLSHIM_LOG", names[i], 1);
        with_stderr(say_each_level);
        int lines = 0;
        for (const char *p = got; (p = strchr(p, '\n')); p++)
            lines++;
        assert_int_equal(lines, i + 1);
    }
    assert_ptr_equal(strstr(got, prefixed("error: e 1\n")), got);
    clean(NULL);
    with_stderr(say_each_level);
    assert_true(strstr(got, ": warn: w\n") && !strstr(got, ": info: "));
}

static void wrong_settings_are_reported(void **state)
{
    (void)state;
    setenv("TLSHIM_LOG", "loud", 1);
    with_stderr(say_each_level);
    assert_non_null(strstr(
        got, "warn: TLSHIM_LOG=\"loud\" is none of error, warn, info, debug; warn is taken\n"));
    assert_non_null(strstr(got, ": warn: w\n"));
    setenv("TLSHIM_LOG", "warn", 1);
    setenv("TLSHIM_LOG_TO", "", 1);
    with_stderr(say_each_level);
    assert_non_null(strstr(got, "TLSHIM_LOG_TO is empty or too long"));
}

static void say_strange_bytes(void)
{
    log_line(LOG_LEVEL_ERROR, "%s", "a\nb\r\x1b[2J\x7f \xc3\xa9 \xe9 \xc2\x85 z");
}

static void control_characters_are_escaped(void **state)
{
    (void)state;
    with_stderr(say_strange_bytes);
    assert_string_equal(got,
                        prefixed("error: a\\x0ab\\x0d\\x1b[2J\\x7f \xc3\xa9 \\xe9 \\xc2\\x85 z\n"));
}

static void say_json(void)
{
    log_line(LOG_LEVEL_WARN, "%s", "a \"b\" c\\d \n \xc3\xa9 \xe9 \xc2\x85 z");
}

static void json_lines(void **state)
{
    (void)state;
    char want[200];
    setenv("TLSHIM_LOG_FORMAT", "json", 1);
    with_stderr(say_json);
    snprintf(want, sizeof want, ", \"pid\": %d, \"level\": \"warn\", \"message\": \"%s\"}\n",
             (int)getpid(), "a \\\"b\\\" c\\\\d \\u000a \xc3\xa9 \\ufffd \\u0085 z");
    assert_string_equal(strstr(got, ", \"pid\""), want);
    assert_true(llabs(strtoll(got + strlen("{\"time\": "), NULL, 10) - time(NULL)) < 100);

    setenv("TLSHIM_LOG_FORMAT", "xml", 1);
    with_stderr(say_json);
    assert_non_null(strstr(got, "TLSHIM_LOG_FORMAT=\"xml\" is neither text nor json"));
}

static char long_text[3 * LOG_LINE_MAX];
static void say_long(void)
{
    log_line(LOG_LEVEL_ERROR, "%s", long_text);
}

static void long_lines_are_cut(void **state)
{
    (void)state;
    static const char fills[] = {'x', '\x01'};
    for (int round = 0; round < 2; round++) {
        setenv("TLSHIM_LOG_FORMAT", round ? "text" : "json", 1);
        for (size_t f = 0; f < sizeof fills; f++)
            for (size_t n = LOG_LINE_MAX - 40; n < LOG_LINE_MAX + 10; n++) {
                memset(long_text, fills[f], n);
                long_text[n] = '\0';
                memset(recent, 0, sizeof recent); /* cut lines are the same */
                with_stderr(say_long);
                size_t length = strlen(got);
                assert_true(length <= LOG_LINE_MAX);
                assert_int_equal(got[length - 1], '\n');
                assert_true(length > LOG_LINE_MAX - 80);
            }
        assert_non_null(strstr(got, round ? "...\n" : "...\"}\n"));
    }
}

static void say_often(void)
{
    for (int i = 0; i < 100; i++) {
        log_line(LOG_LEVEL_WARN, "again");
        log_line(LOG_LEVEL_WARN, "number %d", i);
    }
}

static void say_once(void)
{
    log_line(LOG_LEVEL_WARN, "again");
}

static unsigned count_of(const char *what)
{
    unsigned n = 0;
    for (const char *p = got; (p = strstr(p, what)); p++)
        n++;
    return n;
}

static void repeated_lines_are_limited(void **state)
{
    (void)state;
    with_stderr(say_often);
    /* "number N" lines may share the slot, and then forget the count. */
    assert_true(count_of(": again\n") >= LOG_REPEAT_MAX && count_of(": again\n") < 20);
    assert_int_equal(count_of(": number "), 100);

    memset(recent, 0, sizeof recent);
    with_stderr(say_once);
    size_t slot = hash_of("again") % SLOTS;
    recent[slot].count = LOG_REPEAT_MAX + 7;
    with_stderr(say_once);
    assert_string_equal(got, "");
    recent[slot].hash_and_start -= LOG_REPEAT_SECONDS; /* the window ends */
    with_stderr(say_once);
    assert_string_equal(got, prefixed("warn: again (and 8 times more before)\n"));
}

/* ---- events ---- */

static const struct log_event failure = {
    .event = "failed",
    .connection = 0x1a2b,
    .file = "policy.conf",
    .line = 3,
    .kind = "client",
    .rule = "erp",
    .direction = "to",
    .name = "db.test",
    .peer = "10.0.0.1:5432",
    .cause = "the peer\nhangs up",
    .remedy = "call it",
};

static void say_event(void)
{
    log_event(LOG_LEVEL_ERROR, &failure);
}

static void an_event_in_text(void **state)
{
    (void)state;
    with_stderr(say_event);
    assert_string_equal(got, prefixed("error: policy.conf:3: [client erp]: connection #1a2b to "
                                      "db.test (10.0.0.1:5432): the peer\\x0ahangs up; call it\n"));
}

static void say_bare_event(void)
{
    const struct log_event refused = {.event = "refused",
                                      .file = "policy.conf",
                                      .direction = "at",
                                      .peer = "[::1]:1",
                                      .cause = "refused"};
    log_event(LOG_LEVEL_WARN, &refused);
}

static void an_event_in_json(void **state)
{
    (void)state;
    setenv("TLSHIM_LOG_FORMAT", "json", 1);
    with_stderr(say_event);
    assert_string_equal(strstr(got, "\"event\""),
                        "\"event\": \"failed\", \"connection\": \"1a2b\", \"place\": "
                        "\"policy.conf:3\", \"rule\": \"client erp\", \"direction\": \"to\", "
                        "\"name\": \"db.test\", \"peer\": \"10.0.0.1:5432\", \"cause\": \"the "
                        "peer\\u000ahangs up\", \"remedy\": \"call it\"}\n");
    with_stderr(say_bare_event);
    assert_string_equal(strstr(got, "\"event\""),
                        "\"event\": \"refused\", \"place\": \"policy.conf\", \"direction\": "
                        "\"at\", \"peer\": \"[::1]:1\", \"cause\": \"refused\"}\n");
}

static void say_events_of_any_length(void)
{
    struct log_event event = failure;
    for (size_t n = 0; n < 3 * LOG_LINE_MAX; n += 97) {
        memset(long_text, 'x', n);
        long_text[n] = '\0';
        event.cause = event.remedy = event.name = event.file = long_text;
        memset(recent, 0, sizeof recent);
        memset(floods, 0, sizeof floods);
        memset(got, 0, sizeof got);
        log_event(LOG_LEVEL_ERROR, &event);
    }
}

static void long_events_are_cut(void **state)
{
    (void)state;
    char path[] = "/tmp/tlshim-log.XXXXXX";
    close(mkstemp(path));
    setenv("TLSHIM_LOG_TO", path, 1);
    for (int round = 0; round < 2; round++) {
        setenv("TLSHIM_LOG_FORMAT", round ? "text" : "json", 1);
        with_stderr(say_events_of_any_length);
    }
    FILE *file = fopen(path, "r");
    char line[2 * LOG_LINE_MAX];
    unsigned lines = 0;
    while (fgets(line, sizeof line, file)) {
        size_t n = strlen(line);
        assert_true(n <= LOG_LINE_MAX && line[n - 1] == '\n');
        assert_true(line[0] == 't' || strcmp(line + n - 3, "\"}\n") == 0);
        lines++;
    }
    assert_int_equal(lines, 2 * ((3 * LOG_LINE_MAX + 96) / 97));
    fclose(file);
    unlink(path);
}

/* A thousand failures: of one host by ever new ports, then of as many hosts. */
static void say_attack(void)
{
    struct log_event event = failure;
    char peer[32];
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(peer, sizeof peer, "10.0.0.1:%u", 1024 + i);
        event.peer = peer;
        event.connection = i;
        event.cause = "one host";
        log_event(LOG_LEVEL_ERROR, &event);
    }
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(peer, sizeof peer, "10.0.%u.%u:1", i / 250, i % 250);
        event.peer = peer;
        event.cause = "many hosts";
        log_event(LOG_LEVEL_ERROR, &event);
    }
}

static void failures_cannot_fill_a_disk(void **state)
{
    (void)state;
    time_t start = time(NULL);
    with_stderr(say_attack);
    unsigned windows = (unsigned)(time(NULL) - start) / LOG_REPEAT_SECONDS + 2;
    assert_in_range(count_of("one host"), LOG_REPEAT_MAX, windows * LOG_REPEAT_MAX);
    assert_in_range(count_of("many hosts"), LOG_FLOOD_MAX / 2, windows * LOG_FLOOD_MAX);
}

static void say_a_lot(void)
{
    for (int i = 0; i < 2000; i++)
        log_line(LOG_LEVEL_ERROR, "line %d", i);
}

/* Nobody reads: what does not go into the pipe goes to syslog, and nothing waits. */
static void a_full_pipe_does_not_hold_the_program(void **state)
{
    (void)state;
    int ends[2], kept = dup(2);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], 2);
    log_init();
    alarm(60);
    say_a_lot();
    alarm(0);
    dup2(kept, 2);
    close(kept);
    close(ends[0]);
    close(ends[1]);
}

static void trace_lines(void **state)
{
    (void)state;
    char path[] = "/tmp/tlshim-log.XXXXXX", want[100], line[300];
    close(mkstemp(path));
    setenv("TLSHIM_TRACE", path, 1);
    log_init();
    unsetenv("TLSHIM_TRACE");
    assert_true(log_is_tracing());
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    log_trace(0x1a2b, (now.tv_sec - 75) * 1000000000LL + now.tv_nsec, "a\n%s", "b");
    log_trace(0, 0, "c");
    FILE *file = fopen(path, "r");
    assert_non_null(fgets(line, sizeof line, file));
    snprintf(want, sizeof want, "[%d #1a2b]        75.", (int)getpid());
    assert_ptr_equal(strstr(line, want), line);
    assert_string_equal(strstr(line, " a"), " a\\x0ab\n");
    assert_non_null(fgets(line, sizeof line, file));
    snprintf(want, sizeof want, "[%d] ", (int)getpid());
    assert_ptr_equal(strstr(line, want), line);
    assert_string_equal(strstr(line, "Z "), "Z c\n");
    fclose(file);
    unlink(path);
    log_init();
    assert_false(log_is_tracing());
}

static void a_file_is_appended_to_and_not_kept_open(void **state)
{
    (void)state;
    char path[] = "/tmp/tlshim-log.XXXXXX";
    close(mkstemp(path));
    setenv("TLSHIM_LOG_TO", path, 1);
    int before = dup(0);
    close(before);
    with_stderr(say_each_level);
    assert_string_equal(got, "");
    int after = dup(0);
    close(after);
    assert_int_equal(before, after);
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, got, sizeof got - 1);
    got[n] = '\0';
    close(fd);
    unlink(path);
    assert_ptr_equal(strstr(got, prefixed("error: e 1\n")), got);
    assert_non_null(strstr(got, "warn: w\n"));
}

static int syslog_socket(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = _PATH_LOG};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(_PATH_LOG);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static const char *received(int fd)
{
    ssize_t n = recv(fd, got, sizeof got - 1, 0);
    got[n < 0 ? 0 : n] = '\0';
    return got;
}

static void what_cannot_go_to_stderr_goes_to_syslog(void **state)
{
    (void)state;
    char expected[200];
    int fd = syslog_socket(), kept = dup(2), pair[2];
    snprintf(expected, sizeof expected, "<27>%s", prefixed("error: x"));

    /* descriptor 2 is a socket, perhaps a peer's */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    dup2(pair[0], 2);
    log_init();
    log_line(LOG_LEVEL_ERROR, "x");
    char byte;
    assert_int_equal(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
    assert_string_equal(received(fd), expected);
    close(pair[0]);
    close(pair[1]);

    /* a pipe that nobody reads: no SIGPIPE (its default would end this test) */
    assert_int_equal(pipe(pair), 0);
    close(pair[0]);
    dup2(pair[1], 2);
    close(pair[1]);
    log_line(LOG_LEVEL_ERROR, "x");
    assert_string_equal(received(fd), expected);
    sigset_t pending;
    sigpending(&pending);
    assert_false(sigismember(&pending, SIGPIPE));

    close(2);
    log_line(LOG_LEVEL_ERROR, "x");
    assert_string_equal(received(fd), expected);
    dup2(kept, 2);
    close(kept);

    setenv("TLSHIM_LOG_TO", "syslog", 1);
    log_init();
    log_line(LOG_LEVEL_WARN, "y");
    snprintf(expected, sizeof expected, "<28>%s", prefixed("warn: y"));
    assert_string_equal(received(fd), expected);

    setenv("TLSHIM_LOG_TO", "/nonexistent/x", 1);
    log_init();
    log_line(LOG_LEVEL_WARN, "z");
    snprintf(expected, sizeof expected, "<28>%s", prefixed("warn: z"));
    assert_string_equal(received(fd), expected);
    close(fd);
    unlink(_PATH_LOG);
}

int main(void)
{
    char directory[] = "/tmp/tlshim-test.XXXXXX";
    if (!mkdtemp(directory) || chdir(directory) != 0)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(levels, clean),
        cmocka_unit_test_setup(wrong_settings_are_reported, clean),
        cmocka_unit_test_setup(control_characters_are_escaped, clean),
        cmocka_unit_test_setup(json_lines, clean),
        cmocka_unit_test_setup(long_lines_are_cut, clean),
        cmocka_unit_test_setup(repeated_lines_are_limited, clean),
        cmocka_unit_test_setup(an_event_in_text, clean),
        cmocka_unit_test_setup(an_event_in_json, clean),
        cmocka_unit_test_setup(long_events_are_cut, clean),
        cmocka_unit_test_setup(failures_cannot_fill_a_disk, clean),
        cmocka_unit_test_setup(a_full_pipe_does_not_hold_the_program, clean),
        cmocka_unit_test_setup(trace_lines, clean),
        cmocka_unit_test_setup(a_file_is_appended_to_and_not_kept_open, clean),
        cmocka_unit_test_setup(what_cannot_go_to_stderr_goes_to_syslog, clean),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(directory);
    return result;
}
