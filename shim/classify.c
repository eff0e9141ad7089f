/* Descriptors that nobody has told us of: found out at first use. */
#include <fcntl.h>

#include "common_log.h"
#include "connections.h"
#include "global.h"
#include "ruling.h"
#include "sockets.h"

/* net.ipv4.ip_local_port_range as it comes. */
static bool is_client_port(uint16_t port)
{
    return port >= 32768 && port <= 60999;
}

/* Which side began it cannot be seen. A local port that a listen rule covers tells; so do ports,
 * for clients get theirs from the kernel's range. */
static enum fd_verdict decide(int fd, uint64_t seen, struct shim_ref *ref,
                              const struct connection *local, const struct connection *peer)
{
    const struct rules *rules = ruling_pin();
    bool accepted = policy_covers_listen_port(&rules->policy, local->port) ||
                    (!is_client_port(local->port) && is_client_port(peer->port));
    enum fd_verdict verdict;
    const struct policy_rule *rule = connection_rule(
        rules, accepted ? local : peer, accepted ? POLICY_LISTEN : POLICY_CONNECT, &verdict);

    if (rule != NULL) {
        *ref = connection_begin_seen(fd, seen, rules, rule, peer);
        verdict = ref->session != NULL ? FD_IS_TLS : FD_IS_DENIED;
    }
    ruling_unpin(rules);
    return verdict;
}

/* A connected TCP socket from elsewhere: inherited, passed, duplicated inside libc. */
static enum fd_verdict classify_connected(int fd, uint64_t seen, struct shim_ref *ref,
                                          const struct sockaddr_storage *peer_address,
                                          socklen_t peer_length)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct connection local, peer;
    enum fd_verdict verdict;

    if (sys3(SYS_getsockname, fd, &address, &length) != 0 ||
        !connection_from(&local, (struct sockaddr *)&address, length) ||
        !connection_from(&peer, (const struct sockaddr *)peer_address, peer_length)) {
        errno = EACCES;
        return FD_IS_DENIED;
    }
    verdict = decide(fd, seen, ref, &local, &peer);
    if (verdict == FD_IS_PLAIN)
        fdtable_settle_plain(fd, seen);
    else if (verdict == FD_IS_DENIED)
        errno = EACCES;
    return verdict;
}

static enum fd_verdict classify_stream(int fd, uint64_t seen, struct shim_ref *ref)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    uint64_t cookie = socket_cookie(fd);
    struct shim_guard guard;
    bool ends;

    shim_enter(&guard);
    if (cookie != 0)
        *ref = session_find(cookie);
    ends = ref->session != NULL && !holders_join(*ref);
    shim_leave(&guard);
    if (ends) { /* another thread or process closes it, and was first */
        ref->session = NULL;
        errno = EBADF;
        return FD_IS_DENIED;
    }
    if (ref->session != NULL && rule_of_session(ref->session) == NULL) {
        log_line(LOG_LEVEL_ERROR,
                 "descriptor %d is a TLS connection under a rule that this program's policy does "
                 "not have, or has with other settings: its use is refused (EACCES)",
                 fd);
        ref->session = NULL;
        errno = EACCES;
        return FD_IS_DENIED;
    }
    if (ref->session != NULL) {
        fdtable_settle_session(fd, seen, *ref);
        return FD_IS_TLS;
    }
    if (socket_is_listening(fd)) {
        fdtable_settle_plain(fd, seen); /* what it accepts is looked at one by one */
        return FD_IS_PLAIN;
    }
    if (sys3(SYS_getpeername, fd, &address, &length) != 0)
        return FD_IS_UNCONNECTED; /* it stays unknown */
    if ((seen & 3) == FD_CHANGING)
        return FD_IS_PLAIN; /* its session has just ended: asked again, see classify_settled */
    return classify_connected(fd, seen, ref, &address, length);
}

static enum fd_verdict classify(int fd, uint64_t seen, struct shim_ref *ref)
{
    switch (socket_kind(fd)) {
    case SOCKET_NONE:
        if (socket_is_open(fd))
            fdtable_settle_plain(fd, seen);
        return FD_IS_PLAIN;
    case SOCKET_UNSURE:
        log_line(LOG_LEVEL_ERROR,
                 "the kernel does not say what descriptor %d is (a sandbox that "
                 "refuses getsockopt?): its use is refused",
                 fd);
        errno = EACCES;
        return FD_IS_DENIED;
    default:
        return classify_stream(fd, seen, ref);
    }
}

/* The session that an entry names, if fd is still its socket. */
static bool is_session(int fd, uint64_t seen, struct shim_ref *ref)
{
    unsigned left;
    struct shim_ref stale;

    if ((seen & 3) != FD_TLS)
        return false;
    *ref = fdtable_session_of(seen);
    if (ref->session != NULL && socket_is_of(fd, ref->session))
        return true;
    /* Closed and reused behind our back. */
    stale = fdtable_clear_if(fd, seen, &left);
    if (stale.session != NULL)
        connection_let_go(fd, stale, left);
    ref->session = NULL;
    return false;
}

/* What was found counts only if the number still stood for the same at the end of the looking:
 * another thread may have put a connection there meanwhile. */
static enum fd_verdict classify_settled(int fd, struct shim_ref *ref)
{
    enum { YIELDS = 100, TRIES = 600 };
    struct timespec a_while = {0, 1000000};

    for (int tries = 0; tries < TRIES; tries++) {
        uint64_t seen = fdtable_entry(fd);
        enum fd_verdict verdict;

        ref->session = NULL;
        if (is_session(fd, seen, ref))
            return FD_IS_TLS;
        seen = fdtable_entry(fd);
        verdict = classify(fd, seen, ref);
        if (verdict != FD_IS_PLAIN || (unsigned)fd >= FDTABLE_SIZE ||
            (fdtable_kind(fd) == FD_PLAIN && (seen & 3) != FD_CHANGING) || !socket_is_open(fd))
            return verdict;
        if (tries < YIELDS)
            sys3(SYS_sched_yield, 0, 0, 0);
        else
            sys3(SYS_nanosleep, &a_while, NULL, 0);
    }
    errno = EACCES;
    return FD_IS_DENIED;
}

enum fd_verdict fd_look(int fd, struct shim_ref *ref)
{
    int saved = errno;
    enum fd_verdict verdict;
    uint64_t seen;

    ref->session = NULL;
    if (!shim_ready() || fd < 0)
        return FD_IS_PLAIN;
    seen = fdtable_entry(fd);
    if ((seen & 3) == FD_PLAIN)
        return FD_IS_PLAIN;
    if (is_session(fd, seen, ref))
        return FD_IS_TLS;
    verdict = classify_settled(fd, ref);
    if (verdict != FD_IS_DENIED)
        errno = saved;
    return verdict;
}
