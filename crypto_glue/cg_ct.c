#include "cg_ct.h"

#include <string.h>

uint32_t cg_ct_equal(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    uint32_t difference = 0;
    for (size_t i = 0; i < n; i++)
        difference |= (uint32_t)(x[i] ^ y[i]);
    return ~cg_ct_nonzero(difference);
}

void cg_ct_copy_if(uint32_t mask, void *dst, const void *src, size_t n)
{
    uint8_t *to = dst;
    const uint8_t *from = src;
    uint8_t m = (uint8_t)cg_ct_barrier(mask);
    for (size_t i = 0; i < n; i++)
        to[i] ^= m & (to[i] ^ from[i]);
}

void cg_wipe(void *p, size_t n)
{
    if (n == 0)
        return;
    memset(p, 0, n);
    __asm__ volatile("" : : "r"(p) : "memory");
}

__attribute__((noinline)) void cg_wipe_stack(void)
{
    uint8_t below[4096];
    cg_wipe(below, sizeof below);
}
