/* Randomness straight from the kernel: no generator state in user space, so nothing repeats after
 * fork, and nothing has to be seeded. */
#ifndef CG_RANDOM_H
#define CG_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

/* Fills n bytes from getrandom(2), waiting for the pool at early boot. False when the kernel
 * refuses (seccomp): the caller must then fail, the buffer holds nothing usable. */
bool cg_random(void *out, size_t n);

#ifdef CG_TEST
/* Test builds only: while set, cg_random calls this instead of the kernel. */
extern bool (*cg_random_for_tests)(void *out, size_t n);
#endif

#endif
