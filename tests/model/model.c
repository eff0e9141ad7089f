/* The program: runs sequences and tells their outcomes.
 *
 *   model run FIRST COUNT   sequences of the seeds from FIRST on: per line a seed and a digest of
 *                           all its outcomes
 *   model tell FIRST COUNT  the same, and every outcome in words
 *   model show SEED         the sequence as text
 *   model replay            a sequence as text from standard input: every outcome in words
 *
 * Environment: MODEL_PLAIN=1 where no tlshim is in between; MODEL_WITH and MODEL_WITHOUT: what
 * sequences have, by name, see model_generate.c. */
#include "model.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void say(char *out, const char *format, ...)
{
    size_t n = strlen(out);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(out + n, LINE - n, format, arguments);
    va_end(arguments);
}

const char *error_name(int error)
{
    const char *name = strerrorname_np(error);

    return name != NULL ? name : "0";
}

void say_result(char *out, ssize_t result)
{
    if (result >= 0)
        say(out, "%zd", result);
    else
        say(out, "-1 %s", error_name(errno));
}

/* ---- a sequence ---- */

struct digest {
    uint64_t value; /* FNV-1a */
    bool in_words;
};

static void tell(struct digest *d, const char *what, const char *outcome)
{
    if (d->in_words)
        printf("%-50s -> %s\n", what, outcome);
    for (const char *p = outcome; *p != '\0'; p++)
        d->value = (d->value ^ (uint8_t)*p) * 1099511628211ull;
    d->value = (d->value ^ '\n') * 1099511628211ull;
}

static const char *carry_out(const struct operation *o)
{
    static char outcome[LINE];

    outcome[0] = '\0';
    if (kinds[o->kind].led) {
        kinds[o->kind].run(o, outcome);
        return outcome;
    }
    return actor_does(actor_or_stand_in(o->actor), o);
}

/* What is still on its way at the end must be there, whole. */
static void read_the_rest(struct digest *d)
{
    for (int end = 0; end < ENDS; end++) {
        int actor = slot_of_end(PARENT, end) >= 0 ? ACTOR_MAIN : ACTOR_CHILD;
        struct operation o = {.kind = RECV,
                              .actor = (uint8_t)actor,
                              .arg = {(uint32_t)end * COPIES, BY_RECV, 65536, MSG_DONTWAIT, 1}};
        char what[LINE] = "";
        const char *outcome;

        if (world->ends[end].closed)
            continue;
        operation_print(&o, what);
        for (int i = 0; i < 20; i++) {
            world_settle();
            outcome = actor_does(actor, &o);
            tell(d, what, outcome);
            if (outcome[0] == '-' || outcome[0] == '0' || outcome[0] == 's' || outcome[0] == 'o')
                break;
        }
    }
}

static void run(const struct sequence *q, struct digest *d)
{
    char line[LINE] = "";

    d->value = 14695981039346656037ull;
    world_connect(q);
    for (int i = 0; i < q->count; i++) {
        if (d->in_words)
            operation_print(&q->operations[i], line);
        if (i > 0 && !world->handshaken)
            world_finish_handshake();
        world_settle();
        tell(d, line, carry_out(&q->operations[i]));
    }
    if (!world->handshaken)
        world_finish_handshake();
    world_settle();
    read_the_rest(d);
    if (world->child_lives)
        tell(d, "the child's end", child_end());
    world_disconnect();
}

static int run_many(uint64_t seed, uint64_t count, bool in_words)
{
    struct sequence q;
    struct digest d = {.in_words = in_words};

    for (; count > 0; count--, seed++) {
        generate(&q, seed);
        run(&q, &d);
        printf("%llu %016llx\n", (unsigned long long)seed, (unsigned long long)d.value);
        if (count % 64 == 1)
            fflush(stdout);
    }
    return 0;
}

static int replay(void)
{
    struct sequence q;
    struct digest d = {.in_words = true};

    if (!sequence_read(&q))
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    run(&q, &d);
    return 0;
}

static bool choose(const char *variable, bool in)
{
    const char *names = getenv(variable);

    if (names == NULL || generator_choose(names, in))
        return true;
    fprintf(stderr, "%s: no such name in %s\n", variable, names);
    return false;
}

int main(int argc, char **argv)
{
    struct sequence q;

    if (!choose("MODEL_WITH", true) || !choose("MODEL_WITHOUT", false))
        return 2;
    if (argc == 3 && strcmp(argv[1], "show") == 0) {
        generate(&q, strtoull(argv[2], NULL, 10));
        sequence_print(&q);
        return 0;
    }
    actors_init();
    world_init();
    if (argc == 4 && (strcmp(argv[1], "run") == 0 || strcmp(argv[1], "tell") == 0))
        return run_many(strtoull(argv[2], NULL, 10), strtoull(argv[3], NULL, 10),
                        strcmp(argv[1], "tell") == 0);
    if (argc == 2 && strcmp(argv[1], "replay") == 0)
        return replay();
    fprintf(stderr, "usage: model run|tell FIRST COUNT | show SEED | replay\n");
    return 2;
}
