#include "cg_limbs.h"

#include <string.h>

mp_limb_t cg_limbs_from_bytes(mp_limb_t *limbs, size_t count, const uint8_t *bytes, size_t n)
{
    mp_limb_t lost = 0;
    memset(limbs, 0, count * sizeof *limbs);
    for (size_t i = 0; i < n; i++) {
        mp_limb_t byte = bytes[n - 1 - i];
        if (i / CG_LIMB_BYTES < count)
            limbs[i / CG_LIMB_BYTES] |= byte << (8 * (i % CG_LIMB_BYTES));
        else
            lost |= byte;
    }
    return lost;
}

void cg_limbs_to_bytes(uint8_t *bytes, size_t n, const mp_limb_t *limbs, size_t count)
{
    for (size_t i = 0; i < n; i++) {
        mp_limb_t limb = i / CG_LIMB_BYTES < count ? limbs[i / CG_LIMB_BYTES] : 0;
        bytes[n - 1 - i] = (uint8_t)(limb >> (8 * (i % CG_LIMB_BYTES)));
    }
}

mp_limb_t cg_limbs_differ(const mp_limb_t *a, const mp_limb_t *b, size_t count)
{
    mp_limb_t difference = 0;
    for (size_t i = 0; i < count; i++)
        difference |= a[i] ^ b[i];
    return difference;
}

mp_limb_t cg_limbs_below(const mp_limb_t *a, const mp_limb_t *b, size_t count)
{
    mp_limb_t borrow = 0;
    for (size_t i = 0; i < count; i++) {
        mp_limb_t d = a[i] - b[i];
        /* Of a - b - borrow, by the top bits alone: a comparison could become a branch. */
        borrow = ((~a[i] & b[i]) | (~(a[i] ^ b[i]) & (d - borrow))) >> 63;
    }
    return borrow;
}

mp_limb_t cg_limbs_any(const mp_limb_t *a, size_t count)
{
    mp_limb_t any = 0;
    for (size_t i = 0; i < count; i++)
        any |= a[i];
    return any;
}

size_t cg_bytes_bits(const uint8_t *bytes, size_t n)
{
    while (n > 0 && *bytes == 0)
        bytes++, n--;
    if (n == 0)
        return 0;
    size_t bits = 8 * (n - 1);
    for (unsigned top = *bytes; top > 0; top >>= 1)
        bits++;
    return bits;
}
