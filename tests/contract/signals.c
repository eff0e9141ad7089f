/* Signals, cancellation, jumps out of handlers: lines 17, 18, 19. */
#include "contract.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <sys/select.h>
#include <sys/time.h>

static unsigned char out[1 << 18], in[1 << 18];

/* ---- 17 ---- */

/* A signal comes while half a record is there. */
static void read_interrupted(int flags)
{
    struct relay r = relay_open(0);

    fill(out, 1000, 0);
    catch (SIGALRM, flags);
    relay_hold(&r);
    MUST((int)write(r.ends.server, out, 1000));
    relay_part(&r, 500);
    if (flags == SA_RESTART)
        relay_pass_later(&r, 500);
    ring(100, 100); /* again and again: on a busy machine the first may come before the read */
    ssize_t n = read(r.ends.client, in, sizeof(in));

    ring(0, 0);
    say_of(n, "read %s, caught some %d", caught > 0);
    if (n < 0) {
        relay_pass(&r);
        say("again %s", outcome(read(r.ends.client, in, sizeof(in))));
    }
    say("intact %d", filled(in, 1000, 0));
    relay_close(&r);
}

static void read_eintr(void)
{
    read_interrupted(0);
}

static void read_restarts(void)
{
    read_interrupted(SA_RESTART);
}

/* MSG_WAITALL has some of it when the signal comes. */
static void wait_all_interrupted(int flags)
{
    struct relay r = relay_open(0);

    fill(out, 1000, 0);
    catch (SIGALRM, flags);
    MUST((int)write(r.ends.server, out, 300));
    readable_within(r.ends.client, 1000);
    relay_hold(&r);
    MUST((int)write(r.ends.server, out + 300, 700));
    relay_part(&r, 100);
    if (flags == SA_RESTART)
        relay_pass_later(&r, 500);
    ring(100, 100);
    ssize_t n = recv(r.ends.client, in, 1000, MSG_WAITALL);

    ring(0, 0);
    say_of(n, "recv %s, caught some %d", caught > 0);
    relay_pass(&r);
    if (n >= 0 && n < 1000)
        say("the rest %s", outcome(recv(r.ends.client, in + n, (size_t)(1000 - n), MSG_WAITALL)));
    say("intact %d", filled(in, 1000, 0));
    relay_close(&r);
}

static void wait_all_eintr(void)
{
    wait_all_interrupted(0);
}

static void wait_all_restarts(void)
{
    wait_all_interrupted(SA_RESTART);
}

/* signal(7): with a time-out on the socket nothing is restarted; neither are the waits. */
static void never_restarted(void)
{
    struct pair p = pair_open();
    struct timeval t = {2, 0};
    struct pollfd entry = {.fd = p.client, .events = POLLIN};
    struct epoll_event event = {.events = EPOLLIN};
    int set = MUST(epoll_create1(0));
    fd_set some;

    MUST(epoll_ctl(set, EPOLL_CTL_ADD, p.client, &event));
    catch (SIGALRM, SA_RESTART);
    ring(60, 60);
    say("poll %s", outcome(poll(&entry, 1, 2000)));
    say("epoll_wait %s", outcome(epoll_wait(set, &event, 1, 2000)));
    FD_ZERO(&some);
    FD_SET(p.client, &some);
    say("select %s", outcome(select(p.client + 1, &some, NULL, NULL, &t)));
    t = (struct timeval){2, 0};
    MUST(setsockopt(p.client, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t)));
    say_of(read(p.client, in, 10), "read with SO_RCVTIMEO %s, caught some %d", caught > 0);
    ring(0, 0);
    pair_close(&p);
}

/* Blocking writes until no byte more goes in; bytes accepted. */
static uint64_t write_full(int fd)
{
    struct timeval brief = {0, 50000}, none = {0, 0};
    uint64_t sent = 0;
    ssize_t r;

    MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief)));
    while ((r = write(fd, out, 10000)) > 0)
        sent += (uint64_t)r;
    MUST(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)));
    return sent;
}

static void write_interrupted(int flags)
{
    struct pair p = pair_open();
    uint64_t sent = write_full(p.client);
    pid_t reader = 0;
    ssize_t r;

    if (flags == SA_RESTART && (reader = MUST(fork())) == 0) {
        pause_ms(350);
        for (uint64_t got = 0; got < sent + 10; got += (uint64_t)r)
            if ((r = read(p.server, in, sizeof(in))) <= 0)
                _exit(1);
        _exit(0);
    }
    catch (SIGALRM, flags);
    ring(100, 100);
    r = write(p.client, out, 10);
    ring(0, 0);
    say_of(r, "write %s, caught some %d", caught > 0);
    if (reader > 0)
        say("reader %d", child_status(reader));
    pair_close(&p);
}

static void write_eintr(void)
{
    write_interrupted(0);
}

static void write_restarts(void)
{
    write_interrupted(SA_RESTART);
}

/* Signals every millisecond while a stream runs both ways. */
enum { STORM = 3 << 20 };

static int storm_writer(void *arg)
{
    int fd = *(int *)arg;

    catch (SIGALRM, 0);
    ring(1, 1);
    for (size_t done = 0; done < STORM;) {
        size_t n = STORM - done < 50000 ? STORM - done : 50000;
        ssize_t r;

        fill(out, n, done);
        r = write(fd, out, n);
        if (r < 0 && errno != EINTR)
            return 1;
        done += r > 0 ? (size_t)r : 0;
    }
    ring(0, 0);
    shutdown(fd, SHUT_WR);
    return caught > 0 ? 0 : 2;
}

static void storm(void)
{
    struct pair p = pair_open();
    pid_t writer = start_child(storm_writer, &p.server);

    close(p.server);
    catch (SIGALRM, 0);
    ring(1, 1);
    int64_t got = read_stream(p.client, 0);

    ring(0, 0);
    say("arrived %lld, signals %d", (long long)got, caught > 0);
    say("writer %d", child_status(writer));
    close(p.client);
}

/* ---- 18 ---- */

static int handler_fd;
static volatile sig_atomic_t handled;

static void write_in_handler(int sig)
{
    int saved = errno;

    (void)sig;
    if (write(handler_fd, "hhhhhhhhhh", 10) == 10)
        handled++;
    errno = saved;
}

/* Counts 'm' and 'h' until the end. */
static int count_letters(void *arg)
{
    struct {
        int fd, report;
    } *job = arg;
    int counts[2] = {0, 0};
    ssize_t r;

    while ((r = read(job->fd, in, sizeof(in))) > 0)
        for (ssize_t i = 0; i < r; i++) {
            if (in[i] != 'm' && in[i] != 'h')
                return 3;
            counts[in[i] == 'h']++;
        }
    MUST((int)write(job->report, counts, sizeof(counts)));
    return r == 0 ? 0 : 2;
}

static void handler_writes(int way)
{
    struct pair p = pair_open();
    int ends[2], counts[2] = {0, 0}, written = 0;
    char message[100];

    MUST(pipe(ends));
    fflush(stdout);
    pid_t reader = MUST(fork());

    if (reader == 0) {
        struct {
            int fd, report;
        } job = {p.server, ends[1]};

        close(p.client);
        _exit(count_letters(&job));
    }
    memset(message, 'm', sizeof(message));
    handler_fd = p.client;
    handled = 0;
    catch_with(SIGALRM, SA_RESTART, write_in_handler);
    ring(2, 2);
    for (int64_t end = now_ms() + 400; now_ms() < end;) {
        struct pollfd entry = {.fd = p.client, .events = POLLIN};
        ssize_t r = 0;

        if (way == 0)
            r = write(p.client, message, sizeof(message));
        else if (way == 1)
            poll(&entry, 1, 50);
        else
            recv(p.client, in, 1, MSG_DONTWAIT);
        written += r > 0 ? (int)r : 0;
    }
    ring(0, 0);
    close(p.client);
    close(p.server);
    close(ends[1]);
    say("reader %d", child_status(reader));
    MUST((int)read(ends[0], counts, sizeof(counts)));
    say("all there %d %d, handler ran %d", counts[0] == written, counts[1] == handled * 10,
        handled > 20);
}

static void handler_in_write(void)
{
    handler_writes(0);
}

static void handler_in_poll(void)
{
    handler_writes(1);
}

static void handler_in_recv(void)
{
    handler_writes(2);
}

/* The handler writes while the thread is blocked in a read of the same descriptor. */
static int echo(void *arg)
{
    int fd = *(int *)arg;
    ssize_t r = recv(fd, in, 30, MSG_WAITALL);

    return r == 30 && write(fd, in, 30) == 30 ? 0 : 1;
}

static void handler_in_blocked_read(void)
{
    struct pair p = pair_open();
    pid_t peer = start_child(echo, &p.server);

    handler_fd = p.client;
    handled = 0;
    catch_with(SIGALRM, SA_RESTART, write_in_handler);
    ring(50, 50);
    say("read %s", outcome(recv(p.client, in, 30, MSG_WAITALL)));
    ring(0, 0);
    say("handler ran %d, peer %d", handled >= 3, child_status(peer));
    pair_close(&p);
}

/* ---- 19 ---- */

static void *blocked_read(void *arg)
{
    char bytes[10];

    read(*(int *)arg, bytes, sizeof(bytes));
    return NULL;
}

static bool cancelled(pthread_t thread)
{
    void *result;

    pthread_cancel(thread);
    pthread_join(thread, &result);
    return result == PTHREAD_CANCELED;
}

static void cancel_read(void)
{
    struct relay r = relay_open(0);

    fill(out, 1000, 0);
    for (int round = 0; round < 3; round++) {
        relay_hold(&r);
        if (round > 0)
            MUST((int)write(r.ends.server, out, 1000));
        if (round == 2)
            relay_part(&r, 400);
        pthread_t thread = start_thread(blocked_read, &r.ends.client);

        pause_ms(100);
        if (round == 1)
            relay_part(&r, 400);
        pause_ms(50);
        say("cancelled %d", cancelled(thread));
        relay_pass(&r);
        if (round > 0)
            say_of(recv(r.ends.client, in, 1000, MSG_WAITALL), "read %s, intact %d",
                   filled(in, 1000, 0));
    }
    say("write %s", outcome(write(r.ends.client, "x", 1)));
    say("and back %s", outcome(read(r.ends.server, in, 1)));
    relay_close(&r);
}

static void *cancelled_close(void *arg)
{
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
    pthread_cancel(pthread_self());
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
    close(*(int *)arg);
    return NULL;
}

/* Of one of two numbers: the other goes on. */
static void cancel_close(void)
{
    struct pair p = pair_open();
    int copy = MUST(dup(p.client));
    void *result;

    pthread_join(start_thread(cancelled_close, &copy), &result);
    say("cancelled %d", result == PTHREAD_CANCELED);
    say("still open: %s", outcome(close(copy)));
    say_hello(&p);
    pair_close(&p);
}

static struct {
    int fd;
    _Atomic uint64_t accepted;
} writing;

static void *blocked_write(void *arg)
{
    ssize_t r;

    (void)arg;
    do {
        static unsigned char buffer[1000];

        fill(buffer, sizeof(buffer), writing.accepted);
        r = write(writing.fd, buffer, sizeof(buffer));
        writing.accepted += r > 0 ? (uint64_t)r : 0;
    } while (r > 0);
    return NULL;
}

/* The stream goes on where the cancelled write left it: somewhere from what it had accepted to the
 * end of what it was writing. */
static void cancel_write(void)
{
    struct pair p = pair_open();
    int64_t got = 0;
    ssize_t n;

    writing.fd = p.client;
    pthread_t thread = start_thread(blocked_write, NULL);

    pause_ms(300);
    say("cancelled %d", cancelled(thread));
    MUST(shutdown(p.client, SHUT_WR));
    while ((n = read(p.server, in, sizeof(in))) > 0) {
        check(filled(in, (size_t)n, (uint64_t)got), "other bytes after %lld", (long long)got);
        got += n;
    }
    say("end %s", outcome(n));
    check(got >= (int64_t)writing.accepted && got <= (int64_t)writing.accepted + 1000,
          "arrived %lld of %lld", (long long)got, (long long)writing.accepted);
    say("the other way %s", outcome(write(p.server, "x", 1)));
    say("arrives %s", outcome(read(p.client, in, 10)));
    pair_close(&p);
}

static sigjmp_buf jump;

static void jump_out(int sig)
{
    (void)sig;
    siglongjmp(jump, 1);
}

/* A listener whose queue is full lets further connects hang. */
static int full_listener(void)
{
    int listening = new_socket(), one = 1;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(10000 + 999),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    MUST(setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)));
    MUST(bind(listening, (struct sockaddr *)&address, sizeof(address)));
    MUST(listen(listening, 0));
    for (int i = 0; i < 3; i++) {
        int fd = MUST(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

        connect(fd, (struct sockaddr *)&address, sizeof(address));
    }
    pause_ms(50);
    return listening;
}

static void jump_reads(void)
{
    struct relay r = relay_open(0);

    fill(out, 1000, 0);
    catch_with(SIGALRM, 0, jump_out);
    for (int round = 0; round < 2; round++) {
        relay_hold(&r);
        MUST((int)write(r.ends.server, out, 1000));
        if (round > 0)
            relay_part(&r, 300);
        if (sigsetjmp(jump, 1) == 0) {
            ring(100, 0);
            say("read %s", outcome(read(r.ends.client, in, 1000)));
        }
        relay_pass(&r);
        say_of(recv(r.ends.client, in, 1000, MSG_WAITALL), "read %s, intact %d",
               filled(in, 1000, 0));
    }
    relay_close(&r);
}

static void jump_writes(void)
{
    struct pair p = pair_open();
    volatile uint64_t accepted = 0;
    int64_t got = 0;
    ssize_t n;

    catch_with(SIGALRM, 0, jump_out);
    if (sigsetjmp(jump, 1) == 0) {
        ring(200, 0);
        for (;;) {
            fill(out, 1000, accepted);
            n = write(p.client, out, 1000);
            accepted += n > 0 ? (uint64_t)n : 0;
        }
    }
    MUST(shutdown(p.client, SHUT_WR));
    while ((n = read(p.server, in, sizeof(in))) > 0) {
        check(filled(in, (size_t)n, (uint64_t)got), "other bytes after %lld", (long long)got);
        got += n;
    }
    say("end %s", outcome(n));
    check(got >= (int64_t)accepted && got <= (int64_t)accepted + 1000, "arrived %lld of %lld",
          (long long)got, (long long)accepted);
    say("the other way %s", outcome(write(p.server, "x", 1)));
    say("arrives %s", outcome(read(p.client, in, 10)));
    pair_close(&p);
}

/* Jumps out of calls at any moment, not only while they are blocked. */
static void jumps_anywhere(void)
{
    struct pair p = pair_open();
    volatile int jumps = 0;
    volatile bool usable = true;
    char bytes[64];

    catch_with(SIGALRM, 0, jump_out);
    for (volatile int i = 0; i < 300 && usable; i++) {
        if (sigsetjmp(jump, 1) == 0) {
            struct itimerval soon = {.it_value = {0, 20 + i * 3}};

            setitimer(ITIMER_REAL, &soon, NULL);
            for (;;) {
                struct pollfd entry = {.fd = p.server, .events = POLLIN};

                send(p.client, "0123456789", 10, MSG_DONTWAIT);
                poll(&entry, 1, 0);
                recv(p.server, bytes, 7, MSG_DONTWAIT);
            }
        }
        jumps++;
    }
    /* Whatever was lost between a call and its result, the connection works. */
    while (readable_within(p.server, 100) && read(p.server, in, sizeof(in)) > 0)
        ;
    say("write %s", outcome(write(p.client, "abc", 3)));
    say("read %s", outcome(read(p.server, in, 10)));
    say("jumps %d", jumps);
    pair_close(&p);
}

static void *blocked_connect(void *arg)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(10000 + 999),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    connect(*(int *)arg, (struct sockaddr *)&address, sizeof(address));
    return NULL;
}

static void cancel_connect(void)
{
    full_listener();
    int fd = new_socket();
    pthread_t thread = start_thread(blocked_connect, &fd);

    pause_ms(150);
    say("cancelled %d", cancelled(thread));
    say("close %s", outcome(close(fd)));
}

static void connects(void)
{
    full_listener();
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(10000 + 999),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    volatile int fd = new_socket();

    catch_with(SIGALRM, 0, jump_out);
    if (sigsetjmp(jump, 1) == 0) {
        ring(200, 0);
        say("connect %s", outcome(connect(fd, (struct sockaddr *)&address, sizeof(address))));
    }
    nonblocking(fd, true);
    say("again %s", outcome(connect(fd, (struct sockaddr *)&address, sizeof(address))));
    close(fd);
    catch (SIGALRM, 0);
    fd = new_socket();
    ring(100, 0);
    say_of(connect(fd, (struct sockaddr *)&address, sizeof(address)), "interrupted %s, caught %d",
           caught);
    nonblocking(fd, true);
    say("again %s", outcome(connect(fd, (struct sockaddr *)&address, sizeof(address))));
    close(fd);
}

const struct contract_case signal_cases[] = {
    {"17 EINTR in the middle of a record", read_eintr},
    {"17 SA_RESTART in the middle of a record", read_restarts},
    {"17 EINTR under MSG_WAITALL", wait_all_eintr},
    {"17 SA_RESTART under MSG_WAITALL", wait_all_restarts},
    {"17 what is never restarted", never_restarted},
    {"17 EINTR in a write", write_eintr},
    {"17 SA_RESTART in a write", write_restarts},
    {"17 a storm of signals", storm},
    {"18 a handler writes while the program writes", handler_in_write},
    {"18 a handler writes while the program polls", handler_in_poll},
    {"18 a handler writes while the program reads", handler_in_recv},
    {"18 a handler writes while a read is blocked", handler_in_blocked_read},
    {"19 pthread_cancel in read", cancel_read},
    {"19 pthread_cancel in write", cancel_write},
    {"19 pthread_cancel in close", cancel_close},
    {"19 pthread_cancel in connect", cancel_connect},
    {"19 siglongjmp out of read", jump_reads},
    {"19 siglongjmp out of write", jump_writes},
    {"19 siglongjmp out of anything", jumps_anywhere},
    {"19 siglongjmp out of connect, EINTR in connect", connects},
    {NULL, NULL},
};
