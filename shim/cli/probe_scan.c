#include "probe_scan.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SCAN_SECONDS = 120 /* for all questions together */ };

struct scanner {
    const struct probe_target *target;
    struct scan *scan;
    void (*progress)(const char *what);
    struct probe_answer *scratch;
    struct timespec start;
    uint16_t all[TLS_SUITES_MAX]; /* every suite that the engine knows */
    size_t all_count;
    uint16_t groups[SCAN_GROUPS_MAX];
    size_t group_count;
    unsigned flags; /* of a hello that this peer answers */
};

uint16_t scan_version(size_t index)
{
    return (uint16_t)(PROBE_SSL30 + index);
}

static bool time_is_up(struct scanner *s)
{
    struct timespec now = s->start;
    clock_gettime(CLOCK_MONOTONIC, &now);
    s->scan->cut_short |= now.tv_sec - s->start.tv_sec >= SCAN_SECONDS;
    return s->scan->cut_short;
}

/* False: it was left out. A peer that has fallen silent is not asked any more. */
static bool ask(struct scanner *s, const char *what, const struct probe_hello *hello)
{
    if (time_is_up(s))
        return false;
    s->progress(what);
    probe_ask(s->target, hello, s->scratch);
    if (s->scratch->kind == ANSWER_SILENT || s->scratch->kind == ANSWER_NO_REACH)
        s->scan->cut_short = true;
    return true;
}

static struct probe_hello full_hello(const struct scanner *s, uint16_t version)
{
    return (struct probe_hello){.version = version,
                                .flags = s->flags,
                                .suites = s->all,
                                .suite_count = s->all_count,
                                .groups = s->groups,
                                .group_count = s->group_count};
}

static bool speaks(const struct scanner *s, uint16_t version)
{
    return s->scratch->kind == ANSWER_HELLO && s->scratch->version == version;
}

/* ---- a hello that is answered at all ---- */

/* The views of an answer point into itself. */
static void keep_answer(struct scanner *s)
{
    const uint8_t *old = s->scratch->flight;
    *s->scan->answer = *s->scratch;
    if (s->scratch->certificates.data)
        s->scan->answer->certificates.data =
            s->scan->answer->flight + (s->scratch->certificates.data - old);
    s->scan->wants_certificate = s->scratch->wants_certificate;
}

/* Suites that every server of TLS 1.0's time had, for those that choke on a long list. */
static const uint16_t few[] = {0x000a, 0x002f, 0x0035, 0x0005, 0x0004, 0x0009};

/* Tries the fullest hello first. True when TLS 1.0 is chosen. Servers have answered an extension, a
 * long hello or a suite unknown to them with silence or an alert. */
static bool find_style(struct scanner *s)
{
    static const unsigned styles[] = {HELLO_EXTENSIONS | HELLO_ALL, HELLO_EXTENSIONS, 0};
    enum { STYLES = sizeof styles / sizeof styles[0] };
    for (size_t i = 0; i <= STYLES; i++) {
        s->flags = i < STYLES ? styles[i] : 0;
        struct probe_hello hello = full_hello(s, PROBE_TLS10);
        if (i == STYLES) {
            hello.suites = few;
            hello.suite_count = sizeof few / sizeof few[0];
        }
        s->scan->cut_short = false;
        ask(s, "a ClientHello of TLS 1.0", &hello);
        if (speaks(s, PROBE_TLS10)) {
            s->scan->no_extensions = s->flags == 0;
            s->scan->few_suites = i == STYLES;
            memmove(s->all, hello.suites, hello.suite_count * sizeof s->all[0]);
            s->all_count = hello.suite_count;
            keep_answer(s);
            return true;
        }
        if (i == 0)
            keep_answer(s);
        /* Some hang on hellos of 256 to 511 bytes, and some on any extension. */
        if (i == 0 && s->scratch->kind == ANSWER_SILENT)
            i++;
        if (s->scratch->kind == ANSWER_NO_TLS || s->scratch->kind == ANSWER_NO_REACH)
            return false;
    }
    return false;
}

/* ---- versions ---- */

/* What a server that has put TLS 1.0's suites aside would still answer. */
static const uint16_t modern[] = {0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9,
                                  0xcca8, 0x009e, 0x009f, 0x009c, 0x009d, 0x003c, 0x003d};

static void ask_version(struct scanner *s, size_t index)
{
    uint16_t version = scan_version(index), suites[TLS_SUITES_MAX + 16];
    size_t n = sizeof modern / sizeof modern[0];
    struct probe_hello hello = full_hello(s, version);
    memcpy(suites, modern, sizeof modern);
    memcpy(suites + n, s->all, s->all_count * sizeof suites[0]);
    if (version >= PROBE_TLS12) {
        hello.suites = suites;
        hello.suite_count = s->all_count + n;
        hello.flags |= HELLO_EXTENSIONS;
    }
    if (version == PROBE_SSL30)
        hello.flags = 0;
    s->scan->versions[index] = SCAN_UNKNOWN;
    if (!ask(s, probe_version_name(version), &hello))
        return;
    s->scan->versions[index] = speaks(s, version) ? SCAN_YES : SCAN_NO;
    /* A version that a peer does not know it answers with its own (RFC 2246 E). TLS 1.3 asks in
     * another way. */
    if (version <= PROBE_TLS12 && version > PROBE_TLS10 && s->scratch->kind != ANSWER_HELLO)
        s->scan->intolerant = true;
}

static void ask_versions(struct scanner *s)
{
    for (size_t i = 0; i < SCAN_VERSIONS; i++)
        if (scan_version(i) != PROBE_TLS10)
            ask_version(s, i);
    s->scan->versions[PROBE_TLS10 - PROBE_SSL30] = s->all_count > 0 ? SCAN_YES : SCAN_NO;
}

/* ---- suites and groups: what is chosen is taken off the list, until nothing is ---- */

static void remove_at(uint16_t *list, size_t *count, size_t index)
{
    memmove(list + index, list + index + 1, (--*count - index) * sizeof list[0]);
}

static size_t find(const uint16_t *list, size_t count, uint16_t value)
{
    size_t i = 0;
    while (i < count && list[i] != value)
        i++;
    return i;
}

static void ask_suites(struct scanner *s)
{
    uint16_t left[TLS_SUITES_MAX];
    struct probe_hello hello = full_hello(s, PROBE_TLS10);
    size_t count = s->all_count;
    memcpy(left, s->all, sizeof left);
    hello.suites = left;
    while (count > 0) {
        hello.suite_count = count;
        if (!ask(s, "cipher suites", &hello) || !speaks(s, PROBE_TLS10))
            return;
        size_t i = find(left, count, s->scratch->suite);
        if (i == count) /* one that was not offered */
            return;
        if (s->scan->answer->certificates.length == 0 && s->scratch->certificates.length > 0)
            keep_answer(s); /* the first was without */
        s->scan->suites[s->scan->suite_count++] = (struct scan_suite){
            tls_suite_by_id(left[i]), s->scratch->group, s->scratch->exchange_bits};
        remove_at(left, &count, i);
    }
}

/* Turned round, a list of what is accepted is answered with another suite only by who follows the
 * client. */
static void ask_order(struct scanner *s)
{
    uint16_t list[TLS_SUITES_MAX];
    struct probe_hello hello = full_hello(s, PROBE_TLS10);
    size_t n = s->scan->suite_count;
    s->scan->own_order = SCAN_UNKNOWN;
    for (size_t i = 0; i < n; i++)
        list[i] = s->scan->suites[n - 1 - i].suite->id;
    hello.suites = list;
    hello.suite_count = n;
    if (n > 1 && ask(s, "the order of suites", &hello) && speaks(s, PROBE_TLS10))
        s->scan->own_order = s->scratch->suite != list[0] ? SCAN_YES : SCAN_NO;
}

static void ask_groups(struct scanner *s)
{
    uint16_t left[SCAN_GROUPS_MAX], with_curves[TLS_SUITES_MAX];
    struct probe_hello hello = full_hello(s, PROBE_TLS10);
    size_t count = s->group_count;
    hello.suites = with_curves;
    hello.suite_count = 0;
    for (size_t i = 0; i < s->scan->suite_count; i++)
        if (s->scan->suites[i].group != 0)
            with_curves[hello.suite_count++] = s->scan->suites[i].suite->id;
    memcpy(left, s->groups, sizeof left);
    hello.groups = left;
    while (hello.suite_count > 0 && s->flags != 0 && count > 0) {
        hello.group_count = count;
        if (!ask(s, "groups", &hello) || !speaks(s, PROBE_TLS10))
            return;
        size_t i = find(left, count, s->scratch->group);
        if (i == count)
            return;
        s->scan->groups[s->scan->group_count++] = left[i];
        remove_at(left, &count, i);
    }
}

/* ---- the rest ---- */

static void ask_habits(struct scanner *s)
{
    struct probe_hello hello = full_hello(s, PROBE_TLS10);
    hello.flags = s->flags | HELLO_DEFLATE;
    s->scan->compression = SCAN_UNKNOWN;
    if (ask(s, "compression", &hello))
        s->scan->compression =
            speaks(s, PROBE_TLS10) && s->scratch->compression != 0 ? SCAN_YES : SCAN_NO;
    s->scan->fallback = SCAN_UNKNOWN;
    hello.flags = s->flags | HELLO_FALLBACK;
    if (s->scan->versions[PROBE_TLS11 - PROBE_SSL30] == SCAN_YES ||
        s->scan->versions[PROBE_TLS12 - PROBE_SSL30] == SCAN_YES) {
        if (ask(s, "downgrades", &hello))
            s->scan->fallback = s->scratch->kind == ANSWER_ALERT &&
                                        s->scratch->alert == TLS_ALERT_INAPPROPRIATE_FALLBACK
                                    ? SCAN_YES
                                    : SCAN_NO;
    }
    hello.flags = s->flags | HELLO_ALPN;
    if (s->flags != 0 && ask(s, "protocols", &hello) && speaks(s, PROBE_TLS10))
        memcpy(s->scan->protocol, s->scratch->protocol, sizeof s->scan->protocol);
}

bool scan_peer(const struct probe_target *target, struct scan *scan,
               void (*progress)(const char *what))
{
    struct scanner s = {.target = target, .scan = scan, .progress = progress};
    memset(scan, 0, sizeof *scan);
    scan->answer = calloc(1, sizeof *scan->answer);
    s.scratch = calloc(1, sizeof *s.scratch);
    clock_gettime(CLOCK_MONOTONIC, &s.start);
    const struct tls_suite *suite;
    for (; s.all_count < TLS_SUITES_MAX && (suite = tls_suite_at(s.all_count)); s.all_count++)
        s.all[s.all_count] = suite->id;
    uint16_t group;
    for (; s.group_count < SCAN_GROUPS_MAX && (group = probe_group_at(s.group_count));
         s.group_count++)
        s.groups[s.group_count] = group;
    bool good = scan->answer && s.scratch && find_style(&s);
    if (good) {
        ask_versions(&s);
        ask_suites(&s);
        ask_order(&s);
        ask_groups(&s);
        ask_habits(&s);
    } else if (scan->answer && s.scratch && scan->answer->kind != ANSWER_NO_TLS &&
               scan->answer->kind != ANSWER_NO_REACH && scan->answer->kind != ANSWER_SILENT) {
        s.all_count = 0;
        s.flags = HELLO_EXTENSIONS;
        ask_versions(&s);
    }
    free(s.scratch);
    return good;
}
