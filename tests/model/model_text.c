/* Operations as text: "t1 recv c0 recv 100 PEEK|DONTWAIT 2". */
#include "model.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

/* Letters of an operation's arguments: S slot, N number, A actor, F MSG_ flags, P poll events,
 * E epoll events, H how of shutdown, and the styles s (send) r (recv) w (wait) d (dup). */
const struct kind_of kinds[KINDS] = {
    [SEND] = {"send", "SsNFN", run_send, false},     /* bytes, flags, parts */
    [RECV] = {"recv", "SrNFN", run_recv, false},     /* bytes, flags, parts */
    [STATED] = {"stated", "SN", run_stated, false},  /* which */
    [POLL] = {"poll", "SPSPN", run_poll, false},     /* two descriptors, milliseconds */
    [SELECT] = {"select", "SPN", run_select, false}, /* events, milliseconds */
    [EPOLL_ADD] = {"eadd", "NSE", run_epoll_ctl, false},
    [EPOLL_MOD] = {"emod", "NSE", run_epoll_ctl, false},
    [EPOLL_DEL] = {"edel", "NS", run_epoll_ctl, false},
    [EPOLL_WAIT] = {"ewait", "NN", run_epoll_wait, false}, /* set, most events */
    [READABLE] = {"fionread", "S", run_readable, false},
    [QUERY] = {"query", "S", run_query, false},
    [SHUTDOWN] = {"shutdown", "SH", run_shutdown, false},
    [CLOSE] = {"close", "S", run_close, false},
    [DUP] = {"dup", "SdS", run_dup, false},                /* the one that dup2 replaces */
    [NONBLOCK] = {"nonblock", "SNN", run_nonblock, false}, /* on, by ioctl */
    [LOW_WATER] = {"lowat", "SN", run_low_water, false},
    [RECEIVE_TIMEOUT] = {"rcvtimeo", "SN", run_receive_timeout, false},
    [FORK] = {"fork", "", run_fork, true},
    [EXIT] = {"exit", "", run_exit, true},
    [READ_WAITS] = {"readwaits", "SrNFNA", run_read_waits, true}, /* parts, who writes */
    [POLL_WAITS] = {"pollwaits", "SwNA", run_poll_waits, true},   /* bytes or 0: shutdown */
    [SIGNALLED] = {"signalled", "SrNN", run_signalled, true},     /* bytes, restarts */
    [BULK] = {"bulk", "SNsrNAN", run_bulk, true},    /* bytes, styles, chunk, reader, nonblocking */
    [DUPLEX] = {"duplex", "NNNN", run_duplex, true}, /* bytes, chunks, nonblocking */
    [FILL] = {"fill", "SsNAN", run_fill, true},      /* bytes a call, who drains, SO_SNDTIMEO */
    [MIXED_WAIT] = {"mixed", "SwNN", run_mixed, false},   /* bits: which others, events */
    [MASKED_WAIT] = {"masked", "SwN", run_masked, false}, /* milliseconds */
    [LINGER] = {"linger", "S", run_linger, false},
    [SHUT_WAKES] = {"shutwakes", "SwHN", run_shut_wakes, true}, /* in a read, not a wait */
    [CONNECTS] = {"connects", "NwNN", run_connects, false},     /* how many, nonblocking, bits */
    [WAIT_HERE] = {"wait-here", "SwN", run_wait_here, false},
    [INFO] = {"info", "S", run_info, false},
    [TRANSFER_OUT] = {"transfer-out", "SNsNN", run_transfer_out, false},
    [TRANSFER_IN] = {"transfer-in", "SNrNN", run_transfer_in, false},
};

struct word {
    const char *name;
    uint32_t value;
};

static const struct word message_flags[] = {
    {"PEEK", MSG_PEEK},
    {"DONTWAIT", MSG_DONTWAIT},
    {"WAITALL", MSG_WAITALL},
    {"TRUNC", MSG_TRUNC},
    {"NOSIGNAL", MSG_NOSIGNAL},
    {"MORE", MSG_MORE},
    {"EOR", MSG_EOR},
    {"CMSG_CLOEXEC", MSG_CMSG_CLOEXEC},
    {"WAITFORONE", MSG_WAITFORONE},
    {NULL, 0},
};
static const struct word poll_events[] = {
    {"IN", POLLIN},       {"PRI", POLLPRI},   {"OUT", POLLOUT},       {"ERR", POLLERR},
    {"HUP", POLLHUP},     {"NVAL", POLLNVAL}, {"RDNORM", POLLRDNORM}, {"WRNORM", POLLWRNORM},
    {"RDHUP", POLLRDHUP}, {NULL, 0},
};
static const struct word epoll_events[] = {
    {"IN", EPOLLIN}, {"OUT", EPOLLOUT},         {"RDHUP", EPOLLRDHUP},
    {"ET", EPOLLET}, {"ONESHOT", EPOLLONESHOT}, {"EXCLUSIVE", EPOLLEXCLUSIVE},
    {NULL, 0},
};
static const struct word hows[] = {
    {"RD", SHUT_RD},
    {"WR", SHUT_WR},
    {"RDWR", SHUT_RDWR},
    {NULL, 0},
};
static const struct word send_styles[] = {
    {"send", BY_SEND},         {"write", BY_WRITE},
    {"writev", BY_WRITEV},     {"sendmsg", BY_SENDMSG},
    {"sendto", BY_SENDTO},     {"sendmmsg", BY_SENDMMSG},
    {"sendfile", BY_SENDFILE}, {NULL, 0},
};
static const struct word recv_styles[] = {
    {"recv", BY_RECV},
    {"read", BY_READ},
    {"readv", BY_READV},
    {"recvmsg", BY_RECVMSG},
    {"recvfrom", BY_RECVFROM},
    {"recvmmsg", BY_RECVMMSG},
    {NULL, 0},
};
static const struct word wait_styles[] = {
    {"poll", BY_POLL},
    {"ppoll", BY_PPOLL},
    {"select", BY_SELECT},
    {"pselect", BY_PSELECT},
    {"epoll", BY_EPOLL},
    {"epoll-edge", BY_EPOLL_EDGE},
    {"epoll-oneshot", BY_EPOLL_ONESHOT},
    {"epoll-nested", BY_EPOLL_NESTED},
    {NULL, 0},
};
static const struct word dup_styles[] = {
    {"dup", BY_DUP},   {"F_DUPFD", BY_F_DUPFD}, {"F_DUPFD_CLOEXEC", BY_F_DUPFD_CLOEXEC},
    {"dup2", BY_DUP2}, {"dup3", BY_DUP3},       {"dup2-over", BY_DUP2_OVER},
    {NULL, 0},
};
static const struct word slots[] = {
    {"c0", 0}, {"c1", 1}, {"c2", 2}, {"s0", 3}, {"s1", 4}, {"s2", 5}, {NULL, 0},
};
static const struct word actors[] = {
    {"t0", 0}, {"t1", 1}, {"t2", 2}, {"t3", 3}, {"child", ACTOR_CHILD}, {NULL, 0},
};

static const struct word *words_for(char letter)
{
    switch (letter) {
    case 'S':
        return slots;
    case 'A':
        return actors;
    case 'H':
        return hows;
    case 's':
        return send_styles;
    case 'r':
        return recv_styles;
    case 'w':
        return wait_styles;
    case 'd':
        return dup_styles;
    case 'F':
        return message_flags;
    case 'P':
        return poll_events;
    case 'E':
        return epoll_events;
    default:
        return NULL;
    }
}

static bool is_mask(char letter)
{
    return letter == 'F' || letter == 'P' || letter == 'E';
}

static void print_mask(char *out, const struct word *words, uint32_t value)
{
    const char *between = "";

    for (; words->name != NULL; words++)
        if ((value & words->value) == words->value) {
            say(out, "%s%s", between, words->name);
            between = "|";
        }
    if (between[0] == '\0')
        say(out, "-");
}

void say_poll(char *out, unsigned events)
{
    print_mask(out, poll_events, events);
}

static void print_argument(char *out, char letter, uint32_t value)
{
    const struct word *words = words_for(letter);

    say(out, " ");
    if (words == NULL) {
        say(out, "%u", value);
    } else if (is_mask(letter)) {
        print_mask(out, words, value);
    } else {
        while (words->name != NULL && words->value != value)
            words++;
        say(out, "%s", words->name);
    }
}

void operation_print(const struct operation *o, char out[LINE])
{
    const struct kind_of *kind = &kinds[o->kind];

    out[0] = '\0';
    say(out, "%s %s", actors[o->actor].name, kind->name);
    for (int i = 0; kind->arguments[i] != '\0'; i++)
        print_argument(out, kind->arguments[i], o->arg[i]);
}

static bool find(const struct word *words, const char *text, uint32_t *value)
{
    while (words->name != NULL && strcmp(words->name, text) != 0)
        words++;
    *value = words->value;
    return words->name != NULL;
}

static bool parse_argument(char letter, char *text, uint32_t *value)
{
    const struct word *words = words_for(letter);
    char *end, *state;

    *value = 0;
    if (words == NULL) {
        *value = (uint32_t)strtoul(text, &end, 10);
        return end != text && *end == '\0';
    }
    if (!is_mask(letter))
        return find(words, text, value);
    for (char *name = strtok_r(text, "|", &state); name; name = strtok_r(NULL, "|", &state)) {
        uint32_t bit;

        if (strcmp(name, "-") != 0 && !find(words, name, &bit))
            return false;
        *value |= strcmp(name, "-") != 0 ? bit : 0;
    }
    return true;
}

bool operation_parse(struct operation *o, const char *line)
{
    char copy[LINE], *state, *text;
    uint32_t actor;

    snprintf(copy, sizeof(copy), "%s", line);
    memset(o, 0, sizeof(*o));
    text = strtok_r(copy, " \n", &state);
    if (text == NULL || !find(actors, text, &actor))
        return false;
    o->actor = (uint8_t)actor;
    text = strtok_r(NULL, " \n", &state);
    while (text != NULL && o->kind < KINDS && strcmp(kinds[o->kind].name, text) != 0)
        o->kind++;
    if (text == NULL || o->kind == KINDS)
        return false;
    for (int i = 0; kinds[o->kind].arguments[i] != '\0'; i++) {
        text = strtok_r(NULL, " \n", &state);
        if (text == NULL || !parse_argument(kinds[o->kind].arguments[i], text, &o->arg[i]))
            return false;
    }
    return strtok_r(NULL, " \n", &state) == NULL;
}

void sequence_print(const struct sequence *q)
{
    char line[LINE];

    printf("start %u %u\n", q->polls, q->small_buffers);
    for (int i = 0; i < q->count; i++) {
        operation_print(&q->operations[i], line);
        puts(line);
    }
}

bool sequence_read(struct sequence *q)
{
    char line[LINE];

    q->count = 0;
    if (fgets(line, sizeof(line), stdin) == NULL ||
        sscanf(line, "start %u %u", &q->polls, &q->small_buffers) != 2)
        return false;
    while (q->count < OPERATIONS && fgets(line, sizeof(line), stdin) != NULL)
        if (!operation_parse(&q->operations[q->count++], line)) {
            fprintf(stderr, "no operation: %s", line);
            return false;
        }
    return true;
}
