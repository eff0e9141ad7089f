/* Writing: lines 20, 23, 26, 27. */
#include "contract.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

static unsigned char out[1 << 18], in[1 << 18];

/* ---- 20 ---- */

/* Reads to the end, by bits, slowly at first; says nothing itself. 0: all as it should be. */
struct reading {
    int fd;
    uint64_t position;
    int delay;  /* ms before the first byte, and a little between reads for a while */
    int report; /* where the number of bytes goes */
};

static int slow_reader(void *arg)
{
    struct reading *job = arg;
    unsigned seed = 12345;
    int64_t total = 0;

    pause_ms(job->delay);
    for (int i = 0;; i++) {
        size_t want = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 20000;
        ssize_t r = read(job->fd, in, want);

        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0) {
            say("reader: %s after %lld", outcome(r), (long long)total);
            return 2;
        }
        if (r == 0)
            break;
        if (!filled(in, (size_t)r, job->position + (uint64_t)total))
            return 3;
        total += r;
        if (i < 30)
            pause_ms(2);
    }
    MUST((int)write(job->report, &total, sizeof(total)));
    return 0;
}

/* However late the reader is and however slow the writer: it fills up. */
static void fills_soon(int fd)
{
    int size = 65536;

    MUST(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
}

static pid_t start_reader(int fd, int other, int delay, int *report)
{
    int ends[2];
    struct reading job = {.fd = fd, .delay = delay};

    MUST(pipe(ends));
    job.report = ends[1];
    *report = ends[0];
    fflush(stdout);
    pid_t pid = MUST(fork());

    if (pid == 0) {
        alarm(30);
        close(other);
        _exit(slow_reader(&job));
    }
    close(ends[1]);
    return pid;
}

static int64_t reported(int report)
{
    int64_t total = -1;

    if (read(report, &total, sizeof(total)) != sizeof(total))
        total = -1;
    return total;
}

/* What was not accepted is offered anew in another buffer, in other sizes; what was offered and not
 * accepted must never be seen. */
static void retries(int send_buffer, bool offers_others)
{
    enum { TOTAL = 6 << 20 };
    struct pair p = pair_open();
    int report, full = 0;
    uint64_t sent = 0;
    unsigned seed = 99;

    if (send_buffer > 0)
        MUST(setsockopt(p.client, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof(send_buffer)));
    pid_t reader = start_reader(p.server, p.client, 100, &report);

    close(p.server);
    fills_soon(p.client);
    nonblocking(p.client, true);
    while (sent < TOTAL) {
        size_t offer = 1 + (seed = seed * 1103515245 + 12345) / 65536 % 30000;
        unsigned char *buffer = out + seed % 1000;
        ssize_t r;

        fill(buffer, offer, sent);
        r = write(p.client, buffer, offer);
        if (r < 0 && errno == EAGAIN) {
            struct pollfd entry = {.fd = p.client, .events = POLLOUT};

            full++;
            check(poll(&entry, 1, 5000) == 1, "no room for 5 s after %d", (int)sent);
            if (entry.revents == 0)
                break;
            if (offers_others)
                memset(out, 0xee, sizeof(out));
            continue;
        }
        check(r > 0 && r <= (ssize_t)offer, "write %s", outcome(r));
        if (r <= 0)
            break;
        memset(buffer, 0xdd, offer);
        sent += (uint64_t)r;
    }
    check(full > 0, "the socket was never full");
    say("close %s", outcome(close(p.client)));
    say("all arrived %d", reported(report) == (int64_t)sent);
    say("reader %d", child_status(reader));
}

static void retries_other_buffers(void)
{
    retries(0, true);
}

static void retries_small_buffer(void)
{
    retries(4096, true);
}

/* Writes until the socket is full; bytes accepted. */
static uint64_t write_full(int fd, size_t piece)
{
    uint64_t sent = 0;
    ssize_t r;

    nonblocking(fd, true);
    do {
        fill(out, piece, sent);
        r = write(fd, out, piece);
        if (r > 0)
            sent += (uint64_t)r;
    } while (r > 0);
    check(errno == EAGAIN, "%s", outcome(r));
    return sent;
}

static void full_then_close(void)
{
    struct pair p = pair_open();
    int report;
    pid_t reader = start_reader(p.server, p.client, 300, &report);

    close(p.server);
    uint64_t sent = write_full(p.client, 20000);

    say("close %s", outcome(close(p.client)));
    say("all arrived %d", reported(report) == (int64_t)sent);
    say("reader %d", child_status(reader));
}

struct leaving {
    struct pair pair;
    int report;
    bool executes, at_once;
};

static int leave(void *arg)
{
    struct leaving *job = arg;
    uint64_t sent;

    close(job->pair.server);
    if (job->at_once) {
        job->pair.client = connect_to(PORT_DIRECT);
        fill(out, 10000, 0);
        sent = (uint64_t)MUST((int)write(job->pair.client, out, 10000));
    } else {
        sent = write_full(job->pair.client, 20000);
    }
    MUST((int)write(job->report, &sent, sizeof(sent)));
    if (job->executes) {
        MUST(fcntl(job->pair.client, F_SETFD, FD_CLOEXEC));
        execl("/bin/true", "true", (char *)NULL);
        return 9;
    }
    return 0;
}

static void full_then_leave(bool executes)
{
    struct leaving job = {.pair = pair_open(), .executes = executes};
    int ends[2], report;

    MUST(pipe(ends));
    job.report = ends[1];
    pid_t reader = start_reader(job.pair.server, job.pair.client, 300, &report);
    pid_t writer = start_child(leave, &job);

    pair_close(&job.pair);
    close(ends[1]);
    int64_t sent = reported(ends[0]);

    say("writer %d", child_status(writer));
    say("all arrived %d", sent > 0 && reported(report) == sent);
    say("reader %d", child_status(reader));
}

static void full_then_exit(void)
{
    full_then_leave(false);
}

static void full_then_exec(void)
{
    full_then_leave(true);
}

/* Bytes written before the handshake is over, and then the end. */
static void early_then_leave(bool executes)
{
    int listening = listener(PORT_DIRECT), ends[2];
    struct leaving job = {.pair = {-1, listening}, .executes = executes, .at_once = true};

    MUST(pipe(ends));
    job.report = ends[1];
    pid_t writer = start_child(leave, &job);

    pause_ms(100);
    int server = accept_from(listening);

    close(listening);
    say("read %lld", (long long)read_stream(server, 0));
    say("writer %d", child_status(writer));
    say("reported %lld", (long long)reported(ends[0]));
    close(server);
}

static void early_then_exit(void)
{
    early_then_leave(false);
}

static void early_then_exec(void)
{
    early_then_leave(true);
}

/* The same by close, both ends in one thread. */
static void early_then_close(void)
{
    int listening = listener(PORT_DIRECT), client = connect_to(PORT_DIRECT), server;

    fill(out, 5000, 0);
    say("write %s", outcome(write(client, out, 5000)));
    pid_t child = MUST(fork());

    if (child == 0) {
        alarm(20);
        close(client);
        server = accept_from(listening);
        pause_ms(300); /* the parent's close is the last one, and finds the handshake undone */
        _exit(read_stream(server, 0) == 5000 ? 0 : 1);
    }
    close(listening);
    pause_ms(100);
    say("close %s", outcome(close(client)));
    say("reader %d", child_status(child));
}

/* ---- 23 ---- */

static int file_of(size_t n)
{
    int fd = MUST(memfd_create("file", 0));

    fill(out, n, 0);
    MUST((int)write_all(fd, out, n));
    return fd;
}

static void send_file(void)
{
    struct pair p = pair_open();
    int file = file_of(30000), pipe_ends[2], write_only;
    off_t at = 100;

    say_of(sendfile(p.client, file, &at, 50), "offset 100: %s, then %d", (int)at);
    say("position untouched %d", (int)lseek(file, 0, SEEK_CUR));
    say("read %s", outcome(recv(p.server, in, 50, MSG_WAITALL)));
    say("intact %d", filled(in, 50, 100));
    MUST((int)lseek(file, 29000, SEEK_SET));
    say_of(sendfile(p.client, file, NULL, 5000), "beyond the end: %s, position %d",
           (int)lseek(file, 0, SEEK_CUR));
    say("read %s", outcome(recv(p.server, in, 1000, MSG_WAITALL)));
    say("intact %d", filled(in, 1000, 29000));
    say("at the end: %s", outcome(sendfile(p.client, file, NULL, 5000)));
    at = 40000;
    say_of(sendfile(p.client, file, &at, 10), "behind the end: %s, %d", (int)at);
    at = -1;
    say("negative: %s", outcome(sendfile(p.client, file, &at, 10)));
    at = 0;
    say("nothing: %s", outcome(sendfile(p.client, file, &at, 0)));
    say_of(sendfile64(p.client, file, &at, 30000), "the whole: %s, %d", (int)at);
    say("read %s", outcome(recv(p.server, in, 30000, MSG_WAITALL)));
    say("intact %d", filled(in, 30000, 0));
    say("no file: %s", outcome(sendfile(p.client, -1, NULL, 10)));
    say("a socket: %s", outcome(sendfile(p.client, p.server, NULL, 10)));
    MUST(pipe(pipe_ends));
    say("a pipe at an offset: %s", outcome(sendfile(p.client, pipe_ends[0], &at, 10)));
    write_only = MUST(open("/dev/null", O_WRONLY));
    say("a file that is written only: %s", outcome(sendfile(p.client, write_only, NULL, 10)));
    say("a folder: %s", outcome(sendfile(p.client, MUST(open("/", O_RDONLY)), NULL, 10)));
    MUST(shutdown(p.client, SHUT_WR));
    say("nothing else came %s", outcome(read(p.server, in, 10)));
    pair_close(&p);
}

/* On a socket that fills up: what the offset says was sent is what arrives. */
static void send_file_partly(bool by_position)
{
    enum { SIZE = 8 << 20 };
    struct pair p = pair_open();
    int file = MUST(memfd_create("file", 0)), report, full = 0;
    off_t at = 0, before;

    for (size_t done = 0; done < SIZE; done += sizeof(out)) {
        fill(out, sizeof(out), done);
        MUST((int)write_all(file, out, sizeof(out)));
    }
    MUST((int)lseek(file, 0, SEEK_SET));
    pid_t reader = start_reader(p.server, p.client, 100, &report);

    close(p.server);
    fills_soon(p.client);
    nonblocking(p.client, true);
    while (at < SIZE) {
        before = at;
        ssize_t r = sendfile(p.client, file, by_position ? NULL : &at, SIZE);

        if (by_position)
            at = lseek(file, 0, SEEK_CUR);
        check(at == before + (r > 0 ? r : 0), "%s: offset %lld after %lld", outcome(r),
              (long long)at, (long long)before);
        if (r < 0 && errno == EAGAIN) {
            struct pollfd entry = {.fd = p.client, .events = POLLOUT};

            full++;
            check(poll(&entry, 1, 5000) == 1, "no room for 5 s");
            if (entry.revents == 0)
                break;
        } else if (r <= 0) {
            wrong(__LINE__, "sendfile", "%s", outcome(r));
            break;
        }
    }
    check(full > 0, "the socket was never full");
    close(p.client);
    say("all arrived %d", reported(report) == SIZE);
    say("reader %d", child_status(reader));
}

static void send_file_offset(void)
{
    send_file_partly(false);
}

static void send_file_position(void)
{
    send_file_partly(true);
}

static void send_file_blocking(void)
{
    enum { SIZE = 3 << 20 };
    struct pair p = pair_open();
    int file = MUST(memfd_create("file", 0)), report;

    for (size_t done = 0; done < SIZE; done += sizeof(out)) {
        fill(out, sizeof(out), done);
        MUST((int)write_all(file, out, sizeof(out)));
    }
    pid_t reader = start_reader(p.server, p.client, 50, &report);
    off_t at = 0;

    close(p.server);
    say_of(sendfile(p.client, file, &at, SIZE + 10), "sendfile %s, offset %d", (int)at);
    close(p.client);
    say("arrived %lld", (long long)reported(report));
    say("reader %d", child_status(reader));
}

/* ---- 27 ---- */

static void broken(bool ignored)
{
    struct pair p = pair_open();
    struct iovec one = {out, 10};
    struct msghdr message = {.msg_iov = &one, .msg_iovlen = 1};
    int file = file_of(100);
    off_t at = 0;

    catch (SIGPIPE, 0);
    if (ignored)
        signal(SIGPIPE, SIG_IGN);
    MUST(shutdown(p.client, SHUT_WR));
    say_of(write(p.client, out, 10), "write %s, caught %d", caught);
    say_of(send(p.client, out, 10, MSG_NOSIGNAL), "send MSG_NOSIGNAL %s, caught %d", caught);
    say_of(send(p.client, out, 10, 0), "send %s, caught %d", caught);
    say_of(writev(p.client, &one, 1), "writev %s, caught %d", caught);
    say_of(sendmsg(p.client, &message, 0), "sendmsg %s, caught %d", caught);
    say_of(sendmsg(p.client, &message, MSG_NOSIGNAL), "sendmsg MSG_NOSIGNAL %s, caught %d", caught);
    say_of(sendfile(p.client, file, &at, 10), "sendfile %s, caught %d", caught);
    say("offset %d", (int)at);
    say_of(write(p.client, out, 0), "write nothing %s, caught %d", caught);
    pair_close(&p);
}

static void broken_caught(void)
{
    broken(false);
}

static void broken_ignored(void)
{
    broken(true);
}

/* The peer has closed: the first write is taken, later ones break. */
static void broken_by_peer(void)
{
    struct pair p = pair_open();
    ssize_t r = 0;

    catch (SIGPIPE, 0);
    close(p.server);
    pause_ms(50);
    say_of(write(p.client, out, 10), "first %s, caught %d", caught);
    for (int i = 0; i < 20 && r >= 0; i++) {
        pause_ms(20);
        r = write(p.client, out, 10);
    }
    say_of(r, "later %s, caught %d", caught);
    r = write(p.client, out, 10);
    say_of(r, "still %s, caught %d", caught);
    close(p.client);
}

static int killed_by_pipe(void *arg)
{
    struct pair *p = arg;

    signal(SIGPIPE, SIG_DFL);
    MUST(shutdown(p->client, SHUT_WR));
    write(p->client, out, 10);
    return 5;
}

static void broken_kills(void)
{
    struct pair p = pair_open();

    say("status %d", child_status(start_child(killed_by_pipe, &p)) - 1000);
    pair_close(&p);
}

const struct contract_case writing_cases[] = {
    {"20 retries with other buffers and other sizes", retries_other_buffers},
    {"20 retries, SO_SNDBUF 4096", retries_small_buffer},
    {"20 full, then close", full_then_close},
    {"20 full, then _exit", full_then_exit},
    {"20 full, then exec", full_then_exec},
    {"20 written before the handshake, then close", early_then_close},
    {"20 written before the handshake, then _exit", early_then_exit},
    {"20 written before the handshake, then exec", early_then_exec},
    {"23 sendfile: offsets, ends, errors", send_file},
    {"23 sendfile: partial sends, by offset", send_file_offset},
    {"23 sendfile: partial sends, by position", send_file_position},
    {"23 sendfile: blocking", send_file_blocking},
    {"27 EPIPE and SIGPIPE after shutdown", broken_caught},
    {"27 EPIPE with SIGPIPE ignored", broken_ignored},
    {"27 EPIPE after the peer has closed", broken_by_peer},
    {"27 SIGPIPE kills", broken_kills},
    {NULL, NULL},
};
