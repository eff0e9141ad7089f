#include "cg_mont.h"

#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"

enum { WINDOW = 5, TABLE = 1 << WINDOW };

/* x, with `carry` above it, is below 2 * modulus: brings it below modulus. */
static void subtract_once(const struct cg_mont *m, mp_limb_t *x, mp_limb_t carry)
{
    mp_limb_t difference[CG_MONT_LIMBS_MAX];
    mp_limb_t borrow = mpn_sub_n(difference, x, m->modulus, (mp_size_t)m->limbs);
    /* A carry always comes with a borrow; so the two differ exactly when x is small enough. */
    mpn_cnd_sub_n(1 ^ carry ^ borrow, x, x, m->modulus, (mp_size_t)m->limbs);
}

void cg_mont_init(struct cg_mont *m, const mp_limb_t *modulus, size_t limbs)
{
    memset(m, 0, sizeof *m);
    m->limbs = limbs;
    memcpy(m->modulus, modulus, limbs * sizeof *modulus);

    /* Newton: an odd number is its own inverse modulo 8; each step doubles the bits. */
    mp_limb_t inverse = modulus[0];
    for (unsigned bits = 3; bits < 64; bits *= 2)
        inverse *= 2 - modulus[0] * inverse;
    m->negative_inverse = 0 - inverse;

    m->square[0] = 1;
    for (size_t i = 0; i < 2 * 64 * limbs; i++) {
        mp_limb_t carry = mpn_add_n(m->square, m->square, m->square, (mp_size_t)limbs);
        subtract_once(m, m->square, carry);
    }
}

void cg_mont_reduce(const struct cg_mont *m, mp_limb_t *out, mp_limb_t *wide)
{
    mp_size_t limbs = (mp_size_t)m->limbs;
    /* Each step makes one limb zero; its place takes the carry, which belongs limbs further up. */
    for (mp_size_t i = 0; i < limbs; i++)
        wide[i] = mpn_addmul_1(wide + i, m->modulus, limbs, wide[i] * m->negative_inverse);
    mp_limb_t carry = mpn_add_n(out, wide + limbs, wide, limbs);
    subtract_once(m, out, carry);
}

void cg_mont_mul(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a, const mp_limb_t *b)
{
    /* mpn_sec_mul and mpn_sec_sqr want no scratch in any GMP so far, but may. */
    mp_limb_t wide[2 * CG_MONT_LIMBS_MAX], scratch[4 * CG_MONT_LIMBS_MAX];
    mp_size_t limbs = (mp_size_t)m->limbs;
    if (a == b)
        mpn_sec_sqr(wide, a, limbs, scratch);
    else
        mpn_sec_mul(wide, a, limbs, b, limbs, scratch);
    cg_mont_reduce(m, out, wide);
}

void cg_mont_add(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a, const mp_limb_t *b)
{
    subtract_once(m, out, mpn_add_n(out, a, b, (mp_size_t)m->limbs));
}

void cg_mont_sub(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a, const mp_limb_t *b)
{
    mp_limb_t borrow = mpn_sub_n(out, a, b, (mp_size_t)m->limbs);
    mpn_cnd_add_n(borrow, out, out, m->modulus, (mp_size_t)m->limbs);
}

void cg_mont_to(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a)
{
    cg_mont_mul(m, out, a, m->square);
}

void cg_mont_from(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a)
{
    mp_limb_t wide[2 * CG_MONT_LIMBS_MAX] = {0};
    memcpy(wide, a, m->limbs * sizeof *wide);
    cg_mont_reduce(m, out, wide);
}

/* WINDOW bits (fewer at the top) of the exponent, from bit `at` on. */
static mp_limb_t window(const mp_limb_t *exponent, size_t limbs, size_t at)
{
    size_t limb = at / 64, shift = at % 64;
    mp_limb_t bits = exponent[limb] >> shift;
    if (shift > 64 - WINDOW && limb + 1 < limbs)
        bits |= exponent[limb + 1] << (64 - shift);
    return bits & (TABLE - 1);
}

void cg_mont_pow(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *base,
                 const mp_limb_t *exponent)
{
    mp_limb_t table[TABLE * CG_MONT_LIMBS_MAX], wide[2 * CG_MONT_LIMBS_MAX];
    mp_limb_t value[CG_MONT_LIMBS_MAX], factor[CG_MONT_LIMBS_MAX];
    size_t limbs = m->limbs, bytes = limbs * sizeof *wide;

    /* table[i] = base^i * R: of 1, the reduction of R^2; of base, three factors of R more. */
    cg_mont_from(m, table, m->square);
    memcpy(wide, base, 2 * bytes);
    cg_mont_reduce(m, value, wide);
    cg_mont_to(m, value, value);
    cg_mont_to(m, table + limbs, value);
    for (size_t i = 2; i < TABLE; i++)
        cg_mont_mul(m, table + i * limbs, table + (i - 1) * limbs, table + limbs);

    memcpy(value, table, bytes);
    for (size_t at = (64 * limbs + WINDOW - 1) / WINDOW; at-- > 0;) {
        for (unsigned i = 0; i < WINDOW; i++)
            cg_mont_mul(m, value, value, value);
        mpn_sec_tabselect(factor, table, (mp_size_t)limbs, TABLE,
                          (mp_size_t)window(exponent, limbs, at * WINDOW));
        cg_mont_mul(m, value, value, factor);
    }

    cg_mont_from(m, out, value);
    cg_wipe(table, sizeof table);
    cg_wipe(wide, sizeof wide);
    cg_wipe(value, sizeof value);
    cg_wipe(factor, sizeof factor);
    cg_wipe_stack();
}

void cg_mont_invert(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a)
{
    mp_limb_t wide[2 * CG_MONT_LIMBS_MAX] = {0}, exponent[CG_MONT_LIMBS_MAX];
    memcpy(wide, a, m->limbs * sizeof *wide);
    mpn_sub_1(exponent, m->modulus, (mp_size_t)m->limbs, 2);
    cg_mont_pow(m, out, wide, exponent);
    cg_wipe(wide, sizeof wide);
    cg_wipe(exponent, sizeof exponent);
}
