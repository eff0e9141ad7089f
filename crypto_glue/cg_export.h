/* Keys as short as the laws of 1999 wanted them (RFC 2246 D.1, 7.4.3): for servers that must serve
 * clients of that time. Whoever wants to can break them. */
#ifndef CG_EXPORT_H
#define CG_EXPORT_H

#include "cg_dh.h"
#include "cg_rsa.h"

enum { CG_EXPORT_BYTES = 512 / 8 };

/* A new RSA key of 512 bits with e = 65537. What the drawing of primes costs depends on the draw;
 * everything done with a prime does not depend on it. */
struct cg_export_key {
    uint8_t n[CG_EXPORT_BYTES], e[3];
    uint8_t p[CG_EXPORT_BYTES / 2], q[CG_EXPORT_BYTES / 2]; /* secret, as all that follows */
    uint8_t dp[CG_EXPORT_BYTES / 2], dq[CG_EXPORT_BYTES / 2], qinv[CG_EXPORT_BYTES / 2];
};
/* False without randomness. Takes some milliseconds. */
bool cg_export_key_make(struct cg_export_key *key);
/* Views of it; d is left out, as cg_rsa_private_load does not use it. */
struct cg_rsa_private_parts cg_export_key_parts(const struct cg_export_key *key);

/* 2^512 - 2^448 - 1 + 2^64 * ([2^382 pi] + 131), made in the way of RFC 2409's groups; g = 2. */
extern const struct cg_dh_group cg_export_group;

#endif
