/* Constant-time building blocks: no branch and no memory index depends on an argument's value.
 *
 * A mask is a uint32_t that is either 0 or 0xffffffff. Every function takes and gives masks, so
 * that a chain of decisions about a secret stays arithmetic until the one point where the result
 * may become public. */
#ifndef CG_CT_H
#define CG_CT_H

#include <stddef.h>
#include <stdint.h>

#ifdef CG_TEST
#include <valgrind/memcheck.h>
#endif

/* The compiler must not see where a value comes from, or that it has only two values, or it may
 * bring a branch back, or count a loop in steps of a secret. */
static inline uint32_t cg_ct_barrier(uint32_t x)
{
    __asm__("" : "+r"(x));
    return x;
}

/* All ones when the top bit of x is set. */
static inline uint32_t cg_ct_top(uint32_t x)
{
    return (uint32_t)0 - cg_ct_barrier(x >> 31);
}

/* All ones when x is not 0. */
static inline uint32_t cg_ct_nonzero(uint32_t x)
{
    x = cg_ct_barrier(x);
    return cg_ct_top(x | ((uint32_t)0 - x));
}

static inline uint32_t cg_ct_eq(uint32_t a, uint32_t b)
{
    return ~cg_ct_nonzero(a ^ b);
}

/* All ones when a < b, both taken as unsigned. */
static inline uint32_t cg_ct_lt(uint32_t a, uint32_t b)
{
    a = cg_ct_barrier(a);
    b = cg_ct_barrier(b);
    return cg_ct_top(a ^ ((a ^ b) | ((a - b) ^ b)));
}

static inline uint32_t cg_ct_ge(uint32_t a, uint32_t b)
{
    return ~cg_ct_lt(a, b);
}

/* a where the mask is set, else b. */
static inline uint32_t cg_ct_select(uint32_t mask, uint32_t a, uint32_t b)
{
    mask = cg_ct_barrier(mask);
    return (a & mask) | (b & ~mask);
}

/* Says that bytes which were worked out from secrets are public from here on: a signature, or the
 * verdict on a key. Test builds tell valgrind so; there is no other way out of its sight. */
static inline void cg_ct_publish(void *p, size_t n)
{
#ifdef CG_TEST
    VALGRIND_MAKE_MEM_DEFINED(p, n);
#else
    (void)p;
    (void)n;
#endif
}

static inline uint32_t cg_ct_public(uint32_t x)
{
    cg_ct_publish(&x, sizeof x);
    return x;
}

/* All ones when the n bytes are the same. */
uint32_t cg_ct_equal(const void *a, const void *b, size_t n);

/* dst = src where the mask is set; dst is left as it was otherwise. */
void cg_ct_copy_if(uint32_t mask, void *dst, const void *src, size_t n);

/* Overwrites n bytes with zeros in a way that the compiler may not remove. */
void cg_wipe(void *p, size_t n);

/* Overwrites the 4 KiB of stack below the caller, where functions that have returned left their
 * locals: one call at the end of a computation instead of one in each small function. */
void cg_wipe_stack(void);

#endif
