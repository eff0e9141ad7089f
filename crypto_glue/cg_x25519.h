/* X25519 (RFC 7748 5). Internal to crypto_glue. */
#ifndef CG_X25519_H
#define CG_X25519_H

#include <stdint.h>

enum { CG_X25519_BYTES = 32 };

/* out = scalar * u; the scalar's fixed bits are set here. Time does not depend on anything. */
void cg_x25519(uint8_t *out, const uint8_t *scalar, const uint8_t *u);

#endif
