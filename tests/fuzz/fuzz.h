/* Fuzzing by mutation, with nothing but a compiler that has ASan and UBSan.
 *
 * A fuzz program is one target linked with driver.c:
 *   fuzz_NAME SECONDS [SEED]      mutates the target's seeds until the time is over; prints how
 * many inputs that were fuzz_NAME --again SEED NUMBER repeats one input, which the driver names
 * when a sanitizer or a signal ends it Every input depends on SEED and NUMBER alone. */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

enum { FUZZ_INPUT_MAX = 1 << 16, FUZZ_SEEDS_MAX = 64 };

/* The target: adds its seeds with fuzz_seed. Called once. */
void fuzz_start(void);
/* The target: one input, alone in an allocation of its size. */
void fuzz_input(const uint8_t *bytes, size_t n);

/* Keeps a copy of bytes as a seed; cut at FUZZ_INPUT_MAX. */
void fuzz_seed(const void *bytes, size_t n);

#endif
