#include "cg_x25519.h"

#include <string.h>

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_mont.h"

enum { LIMBS = 4 };

typedef mp_limb_t element[LIMBS];

static const mp_limb_t prime[LIMBS] = {0xffffffffffffffed, 0xffffffffffffffff, 0xffffffffffffffff,
                                       0x7fffffffffffffff}; /* 2^255 - 19 */

static void reverse(uint8_t *out, const uint8_t *in)
{
    for (unsigned i = 0; i < CG_X25519_BYTES; i++)
        out[i] = in[CG_X25519_BYTES - 1 - i];
}

/* RFC 7748 5 names the variables. x2/z2 and x3/z3 step up together; x1 is the input. */
struct ladder {
    struct cg_mont f;
    element x1, x2, z2, x3, z3, a24;
};

static void step(struct ladder *l)
{
    const struct cg_mont *f = &l->f;
    element a, aa, b, bb, e, da, cb;
    cg_mont_add(f, a, l->x2, l->z2);
    cg_mont_sub(f, b, l->x2, l->z2);
    cg_mont_add(f, cb, l->x3, l->z3);
    cg_mont_sub(f, da, l->x3, l->z3);
    cg_mont_mul(f, cb, cb, b);
    cg_mont_mul(f, da, da, a);
    cg_mont_mul(f, aa, a, a);
    cg_mont_mul(f, bb, b, b);
    cg_mont_sub(f, e, aa, bb);

    cg_mont_add(f, l->x3, da, cb);
    cg_mont_mul(f, l->x3, l->x3, l->x3);
    cg_mont_sub(f, l->z3, da, cb);
    cg_mont_mul(f, l->z3, l->z3, l->z3);
    cg_mont_mul(f, l->z3, l->z3, l->x1);
    cg_mont_mul(f, l->x2, aa, bb);
    cg_mont_mul(f, l->z2, l->a24, e);
    cg_mont_add(f, l->z2, l->z2, aa);
    cg_mont_mul(f, l->z2, l->z2, e);
}

static void start(struct ladder *l, const uint8_t *u)
{
    uint8_t bytes[CG_X25519_BYTES];
    element one = {1}, a24 = {121665};
    cg_mont_init(&l->f, prime, LIMBS);
    reverse(bytes, u);
    bytes[0] &= 0x7f; /* the top bit is ignored; numbers from the prime on are taken modulo it */
    cg_limbs_from_bytes(l->x1, LIMBS, bytes, sizeof bytes);
    cg_mont_to(&l->f, l->x1, l->x1);
    cg_mont_to(&l->f, l->a24, a24);
    cg_mont_to(&l->f, l->x2, one);
    memset(l->z2, 0, sizeof l->z2);
    memcpy(l->x3, l->x1, sizeof l->x3);
    memcpy(l->z3, l->x2, sizeof l->z3);
}

void cg_x25519(uint8_t *out, const uint8_t *scalar, const uint8_t *u)
{
    struct ladder l;
    uint8_t k[CG_X25519_BYTES], bytes[CG_X25519_BYTES];
    memcpy(k, scalar, sizeof k);
    k[0] &= 0xf8;
    k[31] = (uint8_t)((k[31] & 0x7f) | 0x40);
    start(&l, u);
    mp_limb_t swapped = 0;
    for (int bit = 254; bit >= 0; bit--) {
        mp_limb_t set = k[bit / 8] >> bit % 8 & 1;
        mpn_cnd_swap(swapped ^ set, l.x2, l.x3, LIMBS);
        mpn_cnd_swap(swapped ^ set, l.z2, l.z3, LIMBS);
        swapped = set;
        step(&l);
    }
    mpn_cnd_swap(swapped, l.x2, l.x3, LIMBS);
    mpn_cnd_swap(swapped, l.z2, l.z3, LIMBS);

    cg_mont_from(&l.f, l.z2, l.z2);
    cg_mont_invert(&l.f, l.z2, l.z2);
    cg_mont_mul(&l.f, l.x2, l.x2, l.z2); /* one in Montgomery form, one not: plain */
    cg_limbs_to_bytes(bytes, sizeof bytes, l.x2, LIMBS);
    reverse(out, bytes);
    cg_wipe(&l, sizeof l);
    cg_wipe(k, sizeof k);
    cg_wipe(bytes, sizeof bytes);
    cg_wipe_stack();
}
