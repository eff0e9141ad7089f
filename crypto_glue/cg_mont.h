/* Arithmetic modulo a secret odd number, by Montgomery's method. Internal to crypto_glue.
 *
 * All but cg_mont_pow and cg_mont_invert leave what they computed on the stack; the caller ends its
 * computation with cg_wipe_stack.
 *
 * mpn_sec_powm and mpn_sec_div_r hide base and exponent, not the modulus: both look its first and
 * last bits up in tables (GMP 6.2's invert_limb and binvert_limb). The primes of an RSA key are
 * secret, so they go through this instead, which is built on those mpn functions that treat every
 * limb alike. Where the modulus is public, mpn_sec_powm is used directly. */
#ifndef CG_MONT_H
#define CG_MONT_H

#include <gmp.h>
#include <stddef.h>

enum { CG_MONT_LIMBS_MAX = 32 };

struct cg_mont {
    size_t limbs;               /* public */
    mp_limb_t negative_inverse; /* -1 / modulus modulo 2^64 */
    mp_limb_t modulus[CG_MONT_LIMBS_MAX];
    mp_limb_t square[CG_MONT_LIMBS_MAX]; /* R^2 mod modulus, R = 2^(64 limbs) */
};

/* modulus: odd, above 1, of 1..CG_MONT_LIMBS_MAX limbs; high limbs may be zero. Takes time in the
 * square of the limbs (0.1 ms for 32). */
void cg_mont_init(struct cg_mont *m, const mp_limb_t *modulus, size_t limbs);

/* out = wide / R mod modulus. wide has 2 * limbs limbs, is below modulus * R, and is destroyed. */
void cg_mont_reduce(const struct cg_mont *m, mp_limb_t *out, mp_limb_t *wide);

/* out = a * b / R mod modulus; out may be a or b. */
void cg_mont_mul(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a, const mp_limb_t *b);

/* Sum and difference; out may be a or b. */
void cg_mont_add(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a, const mp_limb_t *b);
void cg_mont_sub(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a, const mp_limb_t *b);

/* To and from Montgomery form: out = a * R and out = a / R mod modulus. a of cg_mont_to may be any
 * number of `limbs` limbs, above the modulus too. out may be a. */
void cg_mont_to(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a);
void cg_mont_from(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a);

/* out = base^exponent mod modulus, base and out in plain form (not times R). base has 2 * limbs
 * limbs and is below modulus * R; exponent has limbs limbs, all of whose bits are gone through.
 * Needs about 300 * limbs bytes of stack, which it wipes. */
void cg_mont_pow(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *base,
                 const mp_limb_t *exponent);

/* out = 1 / a mod modulus, which must be a prime above 2 (Fermat); plain form; 0 of 0. */
void cg_mont_invert(const struct cg_mont *m, mp_limb_t *out, const mp_limb_t *a);

#endif
