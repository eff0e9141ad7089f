/* Points of y^2 = x^3 - 3x + b over the primes of the NIST curves. Internal to crypto_glue. */
#ifndef CG_WEIERSTRASS_H
#define CG_WEIERSTRASS_H

#include <stdbool.h>

#include "cg_ec.h"
#include "cg_mont.h"

enum { CG_EC_LIMBS_MAX = 9 };

struct cg_ec_constants {
    size_t bytes;                           /* of a coordinate, and of the order */
    const uint8_t *p, *b, *gx, *gy, *order; /* big-endian; all curves have cofactor 1 */
};

/* curve is one of the NIST ones. */
const struct cg_ec_constants *cg_ec_constants(enum cg_curve curve);

/* An affine point in plain form. */
struct cg_ec_affine {
    mp_limb_t x[CG_EC_LIMBS_MAX], y[CG_EC_LIMBS_MAX];
};

void cg_ec_generator(enum cg_curve curve, struct cg_ec_affine *g);
/* Reads 04 || x || y; false as cg_ec_point_is_valid says. */
bool cg_ec_read_point(enum cg_curve curve, struct cg_ec_affine *point, const uint8_t *bytes,
                      size_t n);
/* out = scalar * point, in time that depends on the curve only. scalar is big-endian, of the
 * curve's bytes. point is on the curve. False when the result is the point at infinity. */
bool cg_ec_multiply(enum cg_curve curve, struct cg_ec_affine *out, const uint8_t *scalar,
                    const struct cg_ec_affine *point);

/* out = a * generator + b * point, for verification: scalars and point are public, and time
 * depends on them. False when the result is the point at infinity. */
bool cg_ec_multiply_two(enum cg_curve curve, struct cg_ec_affine *out, const uint8_t *a,
                        const uint8_t *b, const struct cg_ec_affine *point);

#endif
