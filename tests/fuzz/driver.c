#include "fuzz.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct {
    uint8_t *bytes;
    size_t length;
} seeds[FUZZ_SEEDS_MAX];
static size_t seed_count;

static uint64_t run_seed, input_number, random_state;
static const char *program;

void fuzz_seed(const void *bytes, size_t n)
{
    if (seed_count == FUZZ_SEEDS_MAX)
        return;
    n = n < FUZZ_INPUT_MAX ? n : FUZZ_INPUT_MAX;
    seeds[seed_count].bytes = malloc(n ? n : 1);
    memcpy(seeds[seed_count].bytes, bytes, n);
    seeds[seed_count++].length = n;
}

static uint64_t random_bits(void) /* splitmix64 */
{
    uint64_t z = random_state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static size_t below(size_t n)
{
    return n ? random_bits() % n : 0;
}

/* ---- mutations: each changes bytes[0..n) of room FUZZ_INPUT_MAX and returns the new length ----
 */

static size_t flip_bit(uint8_t *bytes, size_t n)
{
    if (n)
        bytes[below(n)] ^= 1u << below(8);
    return n;
}

static size_t set_byte(uint8_t *bytes, size_t n)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x02, 0x03, 0x05, 0x06, 0x0a, 0x16, 0x17, 0x20,
                                      0x22, 0x2a, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82, 0xa0, 0xff};
    if (n)
        bytes[below(n)] = below(2) ? telling[below(sizeof telling)] : (uint8_t)random_bits();
    return n;
}

static size_t add_to_byte(uint8_t *bytes, size_t n)
{
    if (n)
        bytes[below(n)] += (uint8_t)(below(9) - 4);
    return n;
}

static size_t cut_out(uint8_t *bytes, size_t n)
{
    size_t at = below(n), length = below(below(2) ? 8 : n - at);
    length = length < n - at ? length : n - at;
    memmove(bytes + at, bytes + at + length, n - at - length);
    return n - length;
}

/* Puts a copy of `length` bytes of `from` in at `at`. */
static size_t put_in(uint8_t *bytes, size_t n, size_t at, const uint8_t *from, size_t length)
{
    if (length > FUZZ_INPUT_MAX - n)
        return n;
    uint8_t *copy = malloc(length ? length : 1);
    memcpy(copy, from, length);
    memmove(bytes + at + length, bytes + at, n - at);
    memcpy(bytes + at, copy, length);
    free(copy);
    return n + length;
}

static size_t repeat(uint8_t *bytes, size_t n)
{
    size_t from = below(n), length = below(below(2) ? 16 : n - from);
    length = length < n - from ? length : n - from;
    return put_in(bytes, n, below(n + 1), bytes + from, length);
}

static size_t borrow(uint8_t *bytes, size_t n)
{
    size_t other = below(seed_count), from = below(seeds[other].length);
    size_t length = below(seeds[other].length - from);
    return put_in(bytes, n, below(n + 1), seeds[other].bytes + from, length);
}

static size_t end_early(uint8_t *bytes, size_t n)
{
    (void)bytes;
    return below(n + 1);
}

static void one_input(void)
{
    static size_t (*const mutations[])(uint8_t *, size_t) = {
        flip_bit, flip_bit, set_byte, set_byte, add_to_byte, cut_out, repeat, borrow, end_early};
    static uint8_t bytes[FUZZ_INPUT_MAX];

    random_state = run_seed * 0x2545f4914f6cdd1d + input_number;
    size_t chosen = below(seed_count), n = seeds[chosen].length;
    memcpy(bytes, seeds[chosen].bytes, n);
    for (size_t count = 1 + below(6); count > 0; count--)
        n = mutations[below(sizeof mutations / sizeof mutations[0])](bytes, n);

    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, bytes, n);
    fuzz_input(exact, n);
    free(exact);
}

/* ---- what to say when an input ends the program ---- */

static void name_input(void)
{
    char text[200];
    int n = snprintf(text, sizeof text, "\n%s: to repeat: %s --again %" PRIu64 " %" PRIu64 "\n",
                     program, program, run_seed, input_number);
    if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
        _exit(1);
}

static void on_signal(int number)
{
    name_input();
    signal(number, SIG_DFL);
    raise(number);
}

void __sanitizer_set_death_callback(void (*callback)(void));

int main(int argc, char **argv)
{
    program = argv[0];
    int again = argc == 4 && strcmp(argv[1], "--again") == 0;
    if (!again && argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s SECONDS [SEED] | --again SEED NUMBER\n", program);
        return 2;
    }
    run_seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL);
    __sanitizer_set_death_callback(name_input);
    signal(SIGALRM, on_signal); /* an input that takes long is a finding too */
    fuzz_start();
    if (again) {
        input_number = strtoull(argv[3], NULL, 10);
        one_input();
        return 0;
    }
    time_t end = time(NULL) + strtol(argv[1], NULL, 10);
    for (; time(NULL) < end; input_number++) {
        alarm(10);
        one_input();
    }
    printf("%s: %" PRIu64 " inputs, seed %" PRIu64 ", no finding\n", program, input_number,
           run_seed);
    return 0;
}
