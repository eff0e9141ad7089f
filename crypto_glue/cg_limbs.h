/* Big-endian bytes to and from the limbs that GMP's mpn functions take. Internal to crypto_glue.
 *
 * Time and memory access depend on lengths only, never on values. */
#ifndef CG_LIMBS_H
#define CG_LIMBS_H

#include <gmp.h>
#include <stddef.h>
#include <stdint.h>

_Static_assert(GMP_LIMB_BITS == 64 && GMP_NAIL_BITS == 0, "limbs are 64 bits");

enum { CG_LIMB_BYTES = 8 };

static inline size_t cg_limbs_for(size_t bytes)
{
    return (bytes + CG_LIMB_BYTES - 1) / CG_LIMB_BYTES;
}

/* Fills `count` limbs from n bytes; what does not fit is not stored. Returns 0 when everything
 * fitted (leading zero bytes always do). */
mp_limb_t cg_limbs_from_bytes(mp_limb_t *limbs, size_t count, const uint8_t *bytes, size_t n);
/* Writes the low n bytes of `count` limbs, with zeros in front when there are fewer. */
void cg_limbs_to_bytes(uint8_t *bytes, size_t n, const mp_limb_t *limbs, size_t count);

/* 0 when equal. */
mp_limb_t cg_limbs_differ(const mp_limb_t *a, const mp_limb_t *b, size_t count);
/* 1 when a < b, else 0. */
mp_limb_t cg_limbs_below(const mp_limb_t *a, const mp_limb_t *b, size_t count);
/* 0 when all limbs are zero. */
mp_limb_t cg_limbs_any(const mp_limb_t *a, size_t count);

/* Bits of a public big-endian number, leading zeros not counted. */
size_t cg_bytes_bits(const uint8_t *bytes, size_t n);

#endif
