/* How connections begin, and what sockets say of themselves: lines 8, 9, 10, 11. */
#include "contract.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

static unsigned char out[65536], in[65536];

static int pending_error(int fd)
{
    int error = -1;
    socklen_t length = sizeof(error);

    MUST(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length));
    return error;
}

static const char *error_name(int error)
{
    return error == 0 ? "none" : strerrorname_np(error);
}

static const char *all_bits(int fd, int ms)
{
    struct pollfd entry = {.fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP};

    poll(&entry, 1, ms);
    return bits((unsigned)entry.revents);
}

/* ---- 8 ---- */

static void connect_nonblocking(void)
{
    int listening = listener(PORT_DIRECT), fd = new_socket();

    nonblocking(fd, true);
    say("connect %s", outcome(connect_fd(fd, PORT_DIRECT)));
    struct pollfd entry = {.fd = fd, .events = POLLOUT};

    say_of(poll(&entry, 1, 2000), "poll %s %s", bits((unsigned)entry.revents));
    say("SO_ERROR %s", error_name(pending_error(fd)));
    say("connect again %s", outcome(connect_fd(fd, PORT_DIRECT)));
    say("and again %s", outcome(connect_fd(fd, PORT_DIRECT)));
    say("read %s", outcome(read(fd, in, 10)));

    struct pair p = {fd, accept_from(listening)};

    nonblocking(p.server, true);
    say("server reads %s", outcome(read(p.server, in, 10)));
    for (int i = 0; i < 50 && !(poll(&entry, 1, 20) == 1 && entry.revents & POLLOUT); i++)
        read(p.server, in, 10);
    say("write %s", outcome(write(p.client, "abc", 3)));
    say("server %d", readable_within(p.server, 2000));
    say("reads %s", outcome(read(p.server, in, 10)));
    pair_close(&p);
}

static void connect_by_epoll(void)
{
    int listening = listener(PORT_DIRECT), fd = new_socket(), set = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = 5};

    nonblocking(fd, true);
    say("connect %s", outcome(connect_fd(fd, PORT_DIRECT)));
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    event.data.u64 = 0;
    say_of(epoll_wait(set, &event, 1, 2000), "woken %s %s, %d", bits(event.events),
           (int)event.data.u64);
    say("SO_ERROR %s", error_name(pending_error(fd)));
    pid_t child = MUST(fork());

    if (child == 0) {
        alarm(10);
        int server = accept_from(listening);

        _exit(read(server, in, 3) == 3 && write(server, "answer", 6) == 6 ? 0 : 1);
    }
    close(listening);
    size_t sent = 0, got = 0;

    /* As an event loop: writes and reads till EAGAIN at every edge. */
    for (int waits = 0; got < 6 && waits < 100; waits++) {
        ssize_t r;

        while (sent < 3 && (r = write(fd, "abc" + sent, 3 - sent)) > 0)
            sent += (size_t)r;
        while (got < 6 && (r = read(fd, in + got, 6 - got)) > 0)
            got += (size_t)r;
        if (got < 6 && epoll_wait(set, &event, 1, 3000) != 1) {
            wrong(__LINE__, "woken", "no edge in 3 s");
            break;
        }
    }
    say("sent %zu, got %.6s", sent, (char *)in);
    say("server %d", child_status(child));
    close(fd);
}

/* Added to the set before connect is called, as some event loops do. */
static void connect_in_set(void)
{
    int listening = listener(PORT_DIRECT), fd = new_socket(), set = MUST(epoll_create1(0));
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = 5};

    nonblocking(fd, true);
    MUST(epoll_ctl(set, EPOLL_CTL_ADD, fd, &event));
    say_of(epoll_wait(set, &event, 1, 100), "before %s %s", bits(event.events));
    say("connect %s", outcome(connect_fd(fd, PORT_DIRECT)));
    event.data.u64 = 0;
    say_of(epoll_wait(set, &event, 1, 2000), "woken %s %s, %d", bits(event.events & ~EPOLLHUP),
           (int)event.data.u64);
    pid_t child = MUST(fork());

    if (child == 0) {
        alarm(10);
        int server = accept_from(listening);

        _exit(write(server, "banner", 6) == 6 && read(server, in, 3) == 3 ? 0 : 1);
    }
    close(listening);
    ssize_t r = -1;

    for (int waits = 0; r < 0 && waits < 100; waits++)
        if ((r = read(fd, in, 10)) < 0 && epoll_wait(set, &event, 1, 3000) != 1) {
            wrong(__LINE__, "woken", "no edge in 3 s");
            break;
        }
    say("read %s", outcome(r));
    say("write %s", outcome(write(fd, "abc", 3)));
    say("server %d", child_status(child));
    close(fd);
}

static void connect_refused(void)
{
    int fd = new_socket();

    nonblocking(fd, true);
    say("connect %s", outcome(connect_fd(fd, PORT_DIRECT)));
    pause_ms(20);
    say("poll %s", all_bits(fd, 2000));
    say("SO_ERROR %s", error_name(pending_error(fd)));
    say("SO_ERROR again %s", error_name(pending_error(fd)));
    say("read %s", outcome(read(fd, in, 10)));
    say("write %s", outcome(send(fd, in, 10, MSG_NOSIGNAL)));
    close(fd);
    fd = new_socket();
    say("blocking %s", outcome(connect_fd(fd, PORT_DIRECT)));
    say("read %s", outcome(read(fd, in, 10)));
    say("write %s", outcome(send(fd, in, 10, MSG_NOSIGNAL)));
    int listening = listener(PORT_DIRECT);

    say("the same socket again %s", outcome(connect_fd(fd, PORT_DIRECT)));
    struct pair p = {fd, accept_from(listening)};

    say_hello(&p);
    pair_close(&p);
}

/* connect to AF_UNSPEC undoes a connection. */
static void disconnect(void)
{
    struct pair p = pair_open();
    struct sockaddr none = {.sa_family = AF_UNSPEC};

    say("disconnect %s", outcome(connect(p.client, &none, sizeof(none))));
    pair_close(&p);
}

/* The peer speaks no TLS: the mapped errno once, by the first call or by SO_ERROR. */
static void no_tls(int way)
{
    int listening = listener(PORT_CONNECTS), fd = new_socket();

    nonblocking(fd, true);
    say("connect %s", outcome(connect_fd(fd, PORT_CONNECTS)));
    say("poll %s", all_bits(fd, 2000));
    int server = accept_from(listening);

    MUST((int)write(server, "HTTP/1.0 400 Bad Request\r\n\r\n", 28));
    pause_ms(30);
    if (way == 0) {
        say("read %s", outcome(read(fd, in, 100)));
    } else if (way == 1) {
        say("write %s", outcome(write(fd, "GET /", 5)));
        say("write %s", outcome(send(fd, "GET /", 5, MSG_NOSIGNAL)));
    } else {
        say("poll %s", all_bits(fd, 2000));
        say("poll %s", all_bits(fd, 100));
        say("SO_ERROR %s", error_name(pending_error(fd)));
    }
    say("SO_ERROR %s", error_name(pending_error(fd)));
    say("read %s", outcome(read(fd, in, 100)));
    say("poll %s", all_bits(fd, 100));
    close(fd);
    close(server);
}

static void no_tls_read(void)
{
    no_tls(0);
}

static void no_tls_write(void)
{
    no_tls(1);
}

static void no_tls_poll(void)
{
    no_tls(2);
}

/* handshake = connect: the call itself waits for the handshake, and fails with it. */
static void eager(void)
{
    int listening = listener(PORT_EAGER), fd = new_socket(), server;
    pid_t child = MUST(fork());

    if (child == 0) {
        server = accept_from(listening);
        write(server, "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
        pause_ms(50);
        _exit(0);
    }
    say("connect %s", outcome(connect_fd(fd, PORT_EAGER)));
    say("server %d", child_status(child));
    close(fd);
}

static void denied(void)
{
    int fd = new_socket(), listening = listener(PORT_DENIED);

    say("connect %s", outcome(connect_fd(fd, PORT_DENIED)));
    close(listening);
    close(fd);
}

/* ---- 9 ---- */

static void first_words(bool server_first)
{
    int listening = listener(PORT_DIRECT);
    pid_t child = MUST(fork());

    if (child == 0) {
        alarm(10);
        int fd = accept_from(listening);

        if (server_first)
            MUST((int)write(fd, "220 ready", 9));
        if (recv(fd, in, 4, MSG_WAITALL) != 4)
            _exit(1);
        if (!server_first)
            MUST((int)write(fd, "220 ready", 9));
        MUST((int)write(fd, "bye", 3));
        _exit(read(fd, in, 10) == 0 ? 0 : 2);
    }
    close(listening);
    int fd = connect_to(PORT_DIRECT);

    if (server_first)
        say("greeting %s", outcome(recv(fd, in, 9, MSG_WAITALL)));
    say("write %s", outcome(write(fd, "HELO", 4)));
    if (!server_first)
        say("greeting %s", outcome(recv(fd, in, 9, MSG_WAITALL)));
    MUST(shutdown(fd, SHUT_WR));
    say("last words %s", outcome(recv(fd, in, 3, MSG_WAITALL)));
    say("end %s", outcome(read(fd, in, 10)));
    say("server %d", child_status(child));
    close(fd);
}

static void server_first(void)
{
    first_words(true);
}

static void client_first(void)
{
    first_words(false);
}

/* A single thread is both ends, blocking. */
static void one_thread(void)
{
    for (int first = 0; first < 2; first++) {
        struct pair p = pair_fresh();
        int from = first ? p.server : p.client, to = first ? p.client : p.server;

        fill(out, 10000, 0);
        say("write %s", outcome(write(from, out, 10000)));
        say("read %s", outcome(recv(to, in, 10000, MSG_WAITALL)));
        say("intact %d", filled(in, 10000, 0));
        say("back %s", outcome(write(to, out, 5000)));
        say("read %s", outcome(recv(from, in, 5000, MSG_WAITALL)));
        say("close %s", outcome(close(from)));
        say("end %s", outcome(read(to, in, 10)));
        close(to);
    }
}

/* FTP: the data connection is opened before the command that makes the server accept it. */
static int ftp_server(void *arg)
{
    int listening = *(int *)arg, control = accept_from(listening), data;
    char command[4];

    if (recv(control, command, 4, MSG_WAITALL) != 4)
        return 1;
    data = accept_from(listening);
    fill(out, sizeof(out), 0);
    if (write_all(data, out, sizeof(out)) != sizeof(out))
        return 2;
    close(data);
    if (write(control, "226 ", 4) != 4)
        return 3;
    return read(control, command, 4) == 0 ? 0 : 4;
}

static void ftp_passive(void)
{
    int listening = listener(PORT_DIRECT);
    pid_t child = start_child(ftp_server, &listening);
    int control = connect_to(PORT_DIRECT), data = connect_to(PORT_DIRECT);

    say("command %s", outcome(write(control, "RETR", 4)));
    say("file %lld", (long long)read_stream(data, 0));
    say("reply %s", outcome(recv(control, in, 4, MSG_WAITALL)));
    close(data);
    close(control);
    say("server %d", child_status(child));
}

/* Active: the server connects back; the roles of TLS follow TCP's. */
static int ftp_active_server(void *arg)
{
    int control = accept_from(*(int *)arg);
    char command[4];

    if (recv(control, command, 4, MSG_WAITALL) != 4)
        return 1;
    int data = connect_to(PORT_SECOND);

    fill(out, sizeof(out), 0);
    if (write_all(data, out, sizeof(out)) != sizeof(out))
        return 2;
    close(data);
    return write(control, "226 ", 4) == 4 && read(control, command, 4) == 0 ? 0 : 3;
}

static void ftp_active(void)
{
    int listening = listener(PORT_DIRECT), listening_for_data = listener(PORT_SECOND);
    pid_t child = start_child(ftp_active_server, &listening);
    int control = connect_to(PORT_DIRECT);

    say("command %s", outcome(write(control, "PORT", 4)));
    int data = accept_from(listening_for_data);

    say("file %lld", (long long)read_stream(data, 0));
    say("reply %s", outcome(recv(control, in, 4, MSG_WAITALL)));
    close(data);
    close(control);
    say("server %d", child_status(child));
}

/* Clients in the backlog of a server that serves one at a time. */
static int queued_client(void *arg)
{
    bool writes_first = *(int *)arg % 2 == 0;
    int fd = connect_to(PORT_DIRECT);

    if (writes_first && write(fd, "GET /", 5) != 5)
        return 1;
    if (recv(fd, in, 6, MSG_WAITALL) != 6)
        return 2;
    if (!writes_first && write(fd, "GET /", 5) != 5)
        return 3;
    return read_stream(fd, 0) == 20000 ? 0 : 4;
}

static void queue(void)
{
    enum { CLIENTS = 6 };
    int listening = listener(PORT_DIRECT), number[CLIENTS];
    pid_t child[CLIENTS];
    int64_t began = now_ms();

    for (int i = 0; i < CLIENTS; i++) {
        number[i] = i;
        child[i] = start_child(queued_client, &number[i]);
    }
    pause_ms(100);
    fill(out, 20000, 0);
    for (int i = 0; i < CLIENTS; i++) {
        int fd = accept_from(listening);

        check(write(fd, "hello\n", 6) == 6, "greeting %d", i);
        check(recv(fd, in, 5, MSG_WAITALL) == 5, "request %d", i);
        check(write_all(fd, out, 20000) == 20000, "answer %d", i);
        close(fd);
    }
    for (int i = 0; i < CLIENTS; i++)
        say("client %d", child_status(child[i]));
    check(now_ms() - began < 3000, "took %d ms", (int)(now_ms() - began));
}

/* ---- 10 ---- */

static int silent_client(void *arg)
{
    int fd = connect_to(PORT_HURRIED);

    (void)arg;
    pause_ms(3000);
    close(fd);
    return 0;
}

/* The others are served meanwhile, and the silent one is dropped: only under tlshim, for a plain
 * socket knows no handshake (the difference is stated). */
static void silent(void)
{
    int listening = listener(PORT_HURRIED);
    pid_t child = start_child(silent_client, NULL);

    pause_ms(50);
    int first = accept_from(listening);
    pid_t second_child = start_child(silent_client, NULL);
    int64_t began = now_ms();
    int second = accept_from(listening);

    check(now_ms() - began < 300, "the next accept took %d ms", (int)(now_ms() - began));
    struct pollfd entries[2] = {{.fd = first, .events = POLLIN},
                                {.fd = listening, .events = POLLIN}};
    int r = poll(entries, 2, 2000), took = (int)(now_ms() - began);

    say("poll %d %s", r, bits((unsigned)entries[0].revents));
    say("dropped in time %d", took > 800 && took < 1400);
    say("read %s", outcome(recv(first, in, 10, MSG_DONTWAIT)));
    say("a blocking read %s", outcome(read(second, in, 10)));
    say("in time %d", (int)(now_ms() - began) < 2500);
    kill(child, SIGKILL);
    kill(second_child, SIGKILL);
    child_status(child);
    child_status(second_child);
}

/* ---- 11 ---- */

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof(value);

    return getsockopt(fd, level, name, &value, &length) == 0 ? value : -errno;
}

static void about(void)
{
    struct pair p = pair_open();
    struct sockaddr_in address = {0};
    socklen_t length = sizeof(address);
    struct stat status;
    int one = 1, n = 0;
    struct tcp_info info;

    say("getpeername %s", outcome(getpeername(p.client, (struct sockaddr *)&address, &length)));
    say("%s %d", inet_ntoa(address.sin_addr), (int)length);
    say("getsockname %s", outcome(getsockname(p.server, (struct sockaddr *)&address, &length)));
    say("SO_TYPE %d", option(p.client, SOL_SOCKET, SO_TYPE));
    say("SO_DOMAIN %d", option(p.client, SOL_SOCKET, SO_DOMAIN));
    say("SO_PROTOCOL %d", option(p.client, SOL_SOCKET, SO_PROTOCOL));
    say("SO_ACCEPTCONN %d", option(p.client, SOL_SOCKET, SO_ACCEPTCONN));
    say("SO_ERROR %d", option(p.client, SOL_SOCKET, SO_ERROR));
    say("SO_RCVLOWAT %d", option(p.client, SOL_SOCKET, SO_RCVLOWAT));
    say("SO_KEEPALIVE %d", option(p.client, SOL_SOCKET, SO_KEEPALIVE));
    say("TCP_NODELAY %d", option(p.client, IPPROTO_TCP, TCP_NODELAY));
    say("TCP_CORK %s", outcome(setsockopt(p.client, IPPROTO_TCP, TCP_CORK, &one, sizeof(one))));
    say("a wrong option %s", outcome(setsockopt(p.client, SOL_SOCKET, 9999, &one, sizeof(one))));
    say("a short option %s", outcome(setsockopt(p.client, SOL_SOCKET, SO_RCVLOWAT, &one, 1)));
    length = sizeof(info);
    MUST(getsockopt(p.client, IPPROTO_TCP, TCP_INFO, &info, &length));
    say("TCP_INFO state %d", info.tcpi_state);
    say("F_GETFL %o", (unsigned)fcntl(p.client, F_GETFL));
    say("F_GETFD %d", fcntl(p.client, F_GETFD));
    say("FIONBIO %s", outcome(ioctl(p.client, FIONBIO, &one)));
    say("F_GETFL %o", (unsigned)fcntl(p.client, F_GETFL));
    say("read %s", outcome(read(p.client, in, 10)));
    say("fstat %s", outcome(fstat(p.client, &status)));
    say("a socket %d", S_ISSOCK(status.st_mode));
    say("lseek %s", outcome((ssize_t)lseek(p.client, 0, SEEK_CUR)));
    say("isatty %d", isatty(p.client));
    say("ftruncate %s", outcome(ftruncate(p.client, 0)));
    say("fsync %s", outcome(fsync(p.client)));
    say("SIOCATMARK %s", outcome(ioctl(p.client, SIOCATMARK, &n)));
    say("accept %s", outcome(accept(p.client, NULL, NULL)));
    say("listen %s", outcome(listen(p.client, 5)));
    say("bind %s", outcome(bind(p.client, (struct sockaddr *)&address, sizeof(address))));
    pair_close(&p);
}

static int flags_of(int fd)
{
    return fcntl(fd, F_GETFL) & O_NONBLOCK ? 1 : 0;
}

static void accept_flags(void)
{
    int listening = listener(PORT_DIRECT),
        fds[2] = {connect_to(PORT_DIRECT), connect_to(PORT_DIRECT)};
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    int first =
        accept4(listening, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);

    say("length %d, family %d", (int)length, address.sin_family);
    say("non-blocking %d, close-on-exec %d", flags_of(first), fcntl(first, F_GETFD));
    nonblocking(listening, true);
    int second = accept(listening, NULL, NULL);

    say("non-blocking %d, close-on-exec %d", flags_of(second), fcntl(second, F_GETFD));
    say("no more %s", outcome(accept(listening, NULL, NULL)));
    say("wrong flags %s", outcome(accept4(listening, NULL, NULL, 12345)));
    close(fds[0]);
    close(fds[1]);
}

const struct contract_case connecting_cases[] = {
    {"8 non-blocking connect", connect_nonblocking},
    {"8 non-blocking connect, edge-triggered epoll", connect_by_epoll},
    {"8 in an epoll set before connect", connect_in_set},
    {"8 refused", connect_refused},
    {"8 disconnected", disconnect},
    {"8 the peer speaks no TLS: told by read", no_tls_read},
    {"8 the peer speaks no TLS: told by write", no_tls_write},
    {"8 the peer speaks no TLS: told by SO_ERROR", no_tls_poll},
    {"8 handshake = connect", eager},
    {"8 denied", denied},
    {"9 the server speaks first", server_first},
    {"9 the client speaks first", client_first},
    {"9 both ends in one blocking thread", one_thread},
    {"9 FTP, passive", ftp_passive},
    {"9 FTP, active", ftp_active},
    {"9 a queue of clients", queue},
    {"10 a silent client", silent},
    {"11 what a socket says of itself", about},
    {"11 flags of accept", accept_flags},
    {NULL, NULL},
};
