/* A program that knows nothing of TLS, for tlshim to cover: see peer.h. */
#include "peer.h"

#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int socket_fd;

static void list(void) {}

static void set_up(void) {}

static void open_session(int fd, bool first, struct peer_facts *facts)
{
    (void)first;
    (void)facts;
    socket_fd = fd;
}

static size_t read_bytes(void *out, size_t n)
{
    ssize_t got = read(socket_fd, out, n);

    if (got < 0) {
        perror("read");
        peer_die("read", "failed");
    }
    return (size_t)got;
}

static void write_bytes(const void *bytes, size_t n)
{
    if (write(socket_fd, bytes, n) != (ssize_t)n) {
        perror("write");
        peer_die("write", "failed");
    }
}

static void close_session(void)
{
    if (shutdown(socket_fd, SHUT_WR) != 0) {
        peer_die("shutdown", "failed");
    }
}

static void release(void) {}

int main(int argc, char **argv)
{
    static const struct peer_stack stack = {list,        set_up,        open_session, read_bytes,
                                            write_bytes, close_session, release,      NULL};

    return peer_main(argc, argv, &stack);
}
