#include "probe_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void)
{
    struct timespec t = {0};
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

void wire_hurry(struct wire *wire, unsigned seconds)
{
    int64_t end = now() + seconds * 1000000000LL;
    if (end < wire->end)
        wire->end = end;
}

/* Waits until the socket is ready for `events`. */
static enum wire_result wait_for(const struct wire *wire, short events)
{
    for (;;) {
        struct pollfd entry = {.fd = wire->fd, .events = events};
        int64_t left = wire->end - now();
        if (left <= 0)
            return WIRE_TIMEOUT;
        int ready = poll(&entry, 1, (int)(left / 1000000 + 1));
        if (ready > 0)
            return WIRE_GOOD;
        if (ready < 0 && errno != EINTR)
            return WIRE_FAILED;
    }
}

static enum wire_result connect_to(struct wire *wire, const struct sockaddr *address,
                                   socklen_t length, unsigned timeout)
{
    int error = 0;
    socklen_t size = sizeof error;
    wire->end = now() + timeout * 1000000000LL;
    wire->fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (wire->fd < 0)
        return WIRE_FAILED;
    if (connect(wire->fd, address, length) == 0)
        return WIRE_GOOD;
    enum wire_result result = errno == EINPROGRESS ? wait_for(wire, POLLOUT) : WIRE_FAILED;
    if (result == WIRE_GOOD &&
        (getsockopt(wire->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0)) {
        errno = error ? error : errno;
        result = WIRE_FAILED;
    }
    if (result != WIRE_GOOD)
        wire_close(wire);
    return result;
}

enum wire_result wire_open(struct wire *wire, const struct probe_target *target)
{
    return connect_to(wire, (const struct sockaddr *)&target->address, target->address_length,
                      target->timeout);
}

void wire_close(struct wire *wire)
{
    int saved = errno;
    close(wire->fd);
    wire->fd = -1;
    errno = saved;
}

static void take_address(struct probe_target *target, const struct addrinfo *found)
{
    char host[INET6_ADDRSTRLEN] = "?";
    bool six = found->ai_family == AF_INET6;
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_length = found->ai_addrlen;
    getnameinfo(found->ai_addr, found->ai_addrlen, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    snprintf(target->text, sizeof target->text, "%s%s%s:%u", six ? "[" : "", host, six ? "]" : "",
             target->port);
}

bool wire_find(struct probe_target *target, char *why, size_t size)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags =
                                       AI_NUMERICSERV | (target->name ? 0 : AI_NUMERICHOST)};
    struct addrinfo *list = NULL;
    char port[8];
    snprintf(port, sizeof port, "%u", target->port);
    int error = getaddrinfo(target->host, port, &hints, &list);
    if (error) {
        snprintf(why, size, "%s: %s", target->host, gai_strerror(error));
        return false;
    }
    bool found = false;
    for (const struct addrinfo *a = list; a && !found; a = a->ai_next) {
        struct wire wire;
        take_address(target, a);
        enum wire_result result = connect_to(&wire, a->ai_addr, a->ai_addrlen, target->timeout);
        found = result == WIRE_GOOD;
        if (found)
            wire_close(&wire);
        else
            snprintf(why, size, "%s: %s", target->text,
                     result == WIRE_TIMEOUT ? "no answer in time; --timeout gives more"
                                            : strerror(errno));
    }
    freeaddrinfo(list);
    return found;
}

enum wire_result wire_send(struct wire *wire, const void *bytes, size_t n)
{
    const char *at = bytes;
    while (n > 0) {
        enum wire_result ready = wait_for(wire, POLLOUT);
        if (ready != WIRE_GOOD)
            return ready;
        ssize_t sent = send(wire->fd, at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return WIRE_FAILED;
        if (sent > 0) {
            at += sent;
            n -= (size_t)sent;
        }
    }
    return WIRE_GOOD;
}

/* Until there are `want` bytes in the buffer. */
static enum wire_result fill(struct wire *wire, uint8_t *buffer, size_t *have, size_t want)
{
    while (*have < want) {
        enum wire_result ready = wait_for(wire, POLLIN);
        if (ready != WIRE_GOOD)
            return ready;
        ssize_t got = recv(wire->fd, buffer + *have, want - *have, 0);
        if (got == 0)
            return WIRE_ENDED;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return WIRE_FAILED;
        if (got > 0)
            *have += (size_t)got;
    }
    return WIRE_GOOD;
}

enum wire_result wire_record(struct wire *wire, const struct tls_session *session, uint8_t *buffer,
                             size_t *length)
{
    *length = 0;
    enum wire_result result = fill(wire, buffer, length, TLS_HEADER);
    if (result != WIRE_GOOD)
        return result;
    size_t whole = tls_record_length(session, buffer, *length);
    if (whole != 0)
        return fill(wire, buffer, length, whole);
    ssize_t more = recv(wire->fd, buffer + *length, 64, MSG_DONTWAIT);
    *length += more > 0 ? (size_t)more : 0;
    return WIRE_GOOD;
}
