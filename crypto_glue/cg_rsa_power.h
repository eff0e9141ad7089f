/* The public RSA operation, for the paddings built on it. Internal to crypto_glue. */
#ifndef CG_RSA_POWER_H
#define CG_RSA_POWER_H

#include <gmp.h>

#include "cg_rsa.h"

/* out = in^e mod n, both of n_length bytes. False when the key is not sane or in is not below n.
 * Time does not depend on in. in and out may be the same. */
bool cg_rsa_public_power(const struct cg_rsa_public *key, uint8_t *out, const uint8_t *in);

/* The same on limbs; n has no zero limb at the top, in is below it, e is odd. out may be in. */
bool cg_rsa_public_power_limbs(mp_limb_t *out, const mp_limb_t *in, const mp_limb_t *n,
                               size_t limbs, mp_limb_t e);

#endif
