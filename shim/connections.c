#include "connections.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

#include "common_log.h"
#include "deadlines.h"
#include "fork_gate.h"
#include "global.h"
#include "io_internal.h"
#include "names.h"
#include "needy.h"
#include "report.h"
#include "ruling.h"
#include "sockets.h"
#include "stdio_streams.h"
#include "watch.h"

static void set_text(struct connection *c)
{
    char text[INET6_ADDRSTRLEN];
    int family = c->address_length == 4 ? AF_INET : AF_INET6;

    inet_ntop(family, c->address, text, sizeof(text));
    snprintf(c->text, sizeof(c->text), family == AF_INET ? "%s:%u" : "[%s]:%u", text, c->port);
}

static bool read_address(struct connection *c, const struct sockaddr *address, socklen_t length)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

    memset(c, 0, sizeof(*c));
    if (address->sa_family == AF_INET && length >= (socklen_t)sizeof(struct sockaddr_in)) {
        const struct sockaddr_in *in = (const void *)address;

        memcpy(c->address, &in->sin_addr, 4);
        c->address_length = 4;
        c->port = ntohs(in->sin_port);
        return true;
    }
    /* The kernel takes the address without its scope too (SIN6_LEN_RFC2133). */
    if (address->sa_family != AF_INET6 ||
        length < (socklen_t)offsetof(struct sockaddr_in6, sin6_scope_id))
        return false;
    const struct sockaddr_in6 *in6 = (const void *)address;
    const uint8_t *bytes = in6->sin6_addr.s6_addr;

    c->port = ntohs(in6->sin6_port);
    if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
        memcpy(c->address, bytes + 12, 4);
        c->address_length = 4;
    } else {
        memcpy(c->address, bytes, 16);
        c->address_length = 16;
    }
    return true;
}

bool connection_from(struct connection *c, const struct sockaddr *address, socklen_t length)
{
    if (!read_address(c, address, length))
        return false;
    names_find(c->address, c->address_length, c->name);
    set_text(c);
    return true;
}

void connection_resolve_any(struct connection *c)
{
    static const uint8_t any[16];

    if (memcmp(c->address, any, c->address_length) != 0)
        return;
    if (c->address_length == 4)
        c->address[0] = 127;
    c->address[c->address_length - 1] = 1;
    names_find(c->address, c->address_length, c->name);
    set_text(c);
}

/* A rule with a key that this user may not read: common_configs.h. */
static bool is_withheld(const struct rules *rules, const struct policy_rule *rule)
{
    return rule->settings.keys[0].text != NULL && rules->configs[rule->index]->credential == NULL;
}

static void log_withheld(const struct policy_rule *rule, const struct connection *c)
{
    log_line(LOG_LEVEL_ERROR,
             "%s:%u: [%s %s]: %s%s%s refused: this program's user may not read %s; it can only go "
             "on with connections that were handed over to it",
             rule->place.file, rule->place.line, policy_kind_name(rule->kind), rule->name, c->name,
             c->name[0] != '\0' ? " at " : "", c->text, rule->settings.keys[0].text);
}

const struct policy_rule *connection_rule(const struct rules *rules, const struct connection *c,
                                          enum policy_direction direction, enum fd_verdict *verdict)
{
    struct policy_query query = {
        .direction = direction,
        .address_length = c->address_length,
        .port = c->port,
        .name = c->name[0] != '\0' ? c->name : NULL,
        .program = rules_program_path(),
        .now = time(NULL),
    };
    const struct policy_rule *rule;

    memcpy(query.address, c->address, sizeof(query.address));
    rule = policy_match(&rules->policy, &query);
    *verdict = FD_IS_DENIED;
    if (rule != NULL ? rule->kind == POLICY_PLAIN : rules->policy.process.unmatched_plain)
        *verdict = FD_IS_PLAIN;
    else if (rule != NULL && (rule->kind == POLICY_CLIENT || rule->kind == POLICY_SERVER))
        *verdict = FD_IS_TLS;
    if (*verdict == FD_IS_DENIED)
        report_denied(rule, c, direction);
    else if (*verdict == FD_IS_PLAIN)
        report_plain(rule, c, direction);
    if (*verdict == FD_IS_TLS && is_withheld(rules, rule)) {
        log_withheld(rule, c);
        *verdict = FD_IS_DENIED;
    }
    return *verdict == FD_IS_TLS ? rule : NULL;
}

static bool can_carry(int fd)
{
    if (socket_kind(fd) == SOCKET_TCP)
        return true;
    log_line(LOG_LEVEL_ERROR, "a connection that a rule wants under TLS is not TCP (or the kernel "
                              "does not say): refused");
    errno = EPROTONOSUPPORT;
    return false;
}

void connection_undo(int fd, struct shim_ref ref)
{
    struct shim_guard guard;
    unsigned left;

    fdtable_clear(fd, &left);
    shim_enter(&guard);
    if (left == 0 && session_lock_both(ref)) {
        watch_disown(ref.session);
        session_release(ref.session);
    }
    shim_leave(&guard);
}

/* What the peer must prove to be: the rule's word, else the name that the program asked for, else
 * the address itself. */
static void set_peer_name(struct shim_session *s, const struct policy_rule *rule,
                          const struct connection *c)
{
    const char *name = rule->settings.verify_name.text;

    if (rule->kind == POLICY_SERVER)
        return;
    if (name == NULL && c->name[0] != '\0')
        name = c->name;
    if (name != NULL)
        snprintf(s->peer_name, sizeof(s->peer_name), "%s", name);
    else
        inet_ntop(c->address_length == 4 ? AF_INET : AF_INET6, c->address, s->peer_name,
                  sizeof(s->peer_name));
}

/* What the program set before: its low-water mark counts plaintext, and peeking starts at 0. */
static void take_options(struct shim_session *s, int fd)
{
    int low = 1, one = 1, off = -1;
    socklen_t length = sizeof(low);

    sys5(SYS_getsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &low, &length);
    sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_PEEK_OFF, &off, sizeof(off));
    if (low > 1) {
        s->program_low_water = (uint32_t)low;
        sys5(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVLOWAT, &one, sizeof(one));
    }
}

static struct shim_ref make_session(int fd, const struct rules *rules,
                                    const struct policy_rule *rule, const struct connection *c)
{
    struct shim_ref ref = {0};
    uint64_t cookie = socket_cookie(fd);

    if ((unsigned)fd >= FDTABLE_SIZE || cookie == 0 || atomic_load(&shim_ending)) {
        errno = EMFILE;
        return ref;
    }
    ref = session_birth(cookie, rules, rule);
    if (ref.session == NULL) {
        errno = ENOBUFS;
        return ref;
    }
    set_peer_name(ref.session, rule, c);
    memcpy(ref.session->peer_address, c->text, sizeof(c->text));
    atomic_store(&ref.session->eager, rule->settings.handshake == POLICY_HANDSHAKE_CONNECT);
    take_options(ref.session, fd);
    report_begin(ref.session);
    return ref;
}

static void entered(int fd, struct shim_ref ref, bool connected)
{
    if (connected)
        io_start_clock(ref.session, fd);
    needy_add(fd);
    watch_adopt(fd, ref);
}

struct shim_ref connection_begin(int fd, const struct rules *rules, const struct policy_rule *rule,
                                 const struct connection *c, bool connected)
{
    struct shim_guard guard;
    struct shim_ref ref = {0};
    int error;

    if (!can_carry(fd))
        return ref;
    fork_gate_enter(&guard);
    ref = make_session(fd, rules, rule, c);
    error = errno;
    if (ref.session != NULL) {
        session_publish(ref, false);
        fdtable_set_session(fd, ref);
        entered(fd, ref, connected);
    }
    fork_gate_leave(&guard);
    if (ref.session == NULL)
        errno = error;
    else
        stdio_takes_over(fd);
    return ref;
}

struct shim_ref connection_begin_seen(int fd, uint64_t seen, const struct rules *rules,
                                      const struct policy_rule *rule, const struct connection *c)
{
    struct shim_guard guard;
    struct shim_ref ref = {0};
    int error;

    if (!can_carry(fd))
        return ref;
    fork_gate_enter(&guard);
    ref = make_session(fd, rules, rule, c);
    error = errno;
    if (ref.session != NULL && session_publish(ref, true) &&
        fdtable_settle_session(fd, seen, ref)) {
        entered(fd, ref, true);
    } else if (ref.session != NULL) {
        if (session_lock_both(ref)) /* another thread was first */
            session_release(ref.session);
        ref.session = NULL;
        error = EACCES;
    }
    fork_gate_leave(&guard);
    if (ref.session == NULL)
        errno = error;
    else
        stdio_takes_over(fd);
    return ref;
}

void connection_arrived(int fd, struct shim_ref ref)
{
    struct shim_guard guard;

    fdtable_set_session(fd, ref);
    needy_add(fd);
    if (atomic_load(&ref.session->stage) == SHIM_HANDSHAKE) {
        shim_enter(&guard);
        deadlines_add(fd, ref.session->deadline);
        shim_leave(&guard);
    }
    stdio_takes_over(fd);
}

/* What the policy says about a connection that arrived at the local address; a session for it, when
 * it is TLS. */
static enum fd_verdict decide(int fd, const struct connection *local)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    const struct rules *rules = ruling_pin();
    struct connection peer;
    enum fd_verdict verdict;
    const struct policy_rule *rule = connection_rule(rules, local, POLICY_LISTEN, &verdict);

    memset(&peer, 0, sizeof(peer));
    if (rule != NULL && sys3(SYS_getpeername, fd, &address, &length) == 0)
        connection_from(&peer, (struct sockaddr *)&address, length);
    if (rule != NULL && connection_begin(fd, rules, rule, &peer, true).session == NULL)
        verdict = FD_IS_DENIED;
    ruling_unpin(rules);
    return verdict;
}

enum fd_verdict connection_accepted(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct connection local;
    enum fd_verdict verdict;

    connection_forget(fd);
    if (socket_kind(fd) == SOCKET_NONE) {
        fdtable_set_plain(fd);
        return FD_IS_PLAIN;
    }
    if (sys3(SYS_getsockname, fd, &address, &length) != 0 ||
        !connection_from(&local, (struct sockaddr *)&address, length))
        return FD_IS_DENIED;
    verdict = decide(fd, &local);
    if (verdict == FD_IS_PLAIN)
        fdtable_set_plain(fd);
    return verdict;
}

/* True: nobody else holds it, and goodbye is to be said. */
static bool give_up(int fd, struct shim_ref ref)
{
    if (!session_is_live(ref) || !holders_drop(ref.session))
        return false;
    if (fdtable_count(ref.session) > 0) { /* a dup in another thread was faster */
        holders_add(ref.session);
        return false;
    }
    if (socket_is_of(fd, ref.session))
        return true;
    if (session_lock_both(ref)) /* the number is another file's already: nothing to send on */
        session_release(ref.session);
    return false;
}

void connection_let_go(int fd, struct shim_ref ref, unsigned left)
{
    struct shim_guard guard;
    bool last;

    if (left > 0)
        return;
    shim_enter(&guard);
    last = give_up(fd, ref);
    shim_leave(&guard);
    if (last)
        io_goodbye(fd, ref);
}

struct shim_ref connection_take(int fd, unsigned *left, uint64_t *taken)
{
    struct shim_guard guard;
    struct shim_ref ref;
    bool last;

    if (fdtable_kind(fd) != FD_TLS)
        return fdtable_take(fd, left, taken);
    fork_gate_enter(&guard);
    ref = fdtable_take(fd, left, taken);
    last = ref.session != NULL && *left == 0 && give_up(fd, ref);
    fork_gate_leave(&guard);
    if (last)
        io_goodbye(fd, ref);
    return ref;
}

void connection_forget(int fd)
{
    unsigned left;
    uint64_t taken;

    if (fdtable_kind(fd) != FD_TLS) {
        fdtable_clear(fd, &left);
        return;
    }
    connection_take(fd, &left, &taken);
    fdtable_changed(fd, taken);
}

/* ---- own listeners ---- */

static _Atomic uint64_t listening[65536 / 64]; /* ports that this process has listened on */

HOOK int listen(int fd, int backlog)
{
    int r = real(listen)(fd, backlog), saved = errno;
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct connection local;

    if (r == 0 && sys3(SYS_getsockname, fd, &address, &length) == 0 &&
        read_address(&local, (struct sockaddr *)&address, length)) {
        atomic_fetch_or(&listening[local.port / 64], (uint64_t)1 << (local.port % 64));
        local.name[0] = '\0';
        set_text(&local);
        if (shim_ready())
            report_listen(&local);
    }
    errno = saved;
    return r;
}

bool shim_peer_is_own_listener(int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct connection peer;

    if (sys3(SYS_getpeername, fd, &address, &length) != 0 ||
        !read_address(&peer, (struct sockaddr *)&address, length))
        return false;
    return (atomic_load(&listening[peer.port / 64]) >> (peer.port % 64) & 1) != 0;
}
