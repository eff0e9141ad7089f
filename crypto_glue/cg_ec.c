#include "cg_ec.h"

#include "cg_ct.h"
#include "cg_limbs.h"
#include "cg_random.h"
#include "cg_weierstrass.h"
#include "cg_x25519.h"

enum { TRIES = 64 };

static const uint8_t base_u[CG_X25519_BYTES] = {9};

size_t cg_ec_bytes(enum cg_curve curve)
{
    return curve == CG_X25519 ? CG_X25519_BYTES : cg_ec_constants(curve)->bytes;
}

size_t cg_ec_point_bytes(enum cg_curve curve)
{
    return curve == CG_X25519 ? CG_X25519_BYTES : 1 + 2 * cg_ec_bytes(curve);
}

bool cg_ec_point_is_valid(enum cg_curve curve, const uint8_t *point, size_t length)
{
    struct cg_ec_affine ignored;
    if (curve == CG_X25519)
        return length == CG_X25519_BYTES;
    return cg_ec_read_point(curve, &ignored, point, length);
}

/* Is it in 1..order-1? The answer is no secret. */
static bool is_scalar(enum cg_curve curve, const uint8_t *scalar)
{
    const struct cg_ec_constants *k = cg_ec_constants(curve);
    mp_limb_t x[CG_EC_LIMBS_MAX], order[CG_EC_LIMBS_MAX];
    cg_limbs_from_bytes(x, CG_EC_LIMBS_MAX, scalar, k->bytes);
    cg_limbs_from_bytes(order, CG_EC_LIMBS_MAX, k->order, k->bytes);
    mp_limb_t any = cg_limbs_any(x, CG_EC_LIMBS_MAX);
    uint32_t good = cg_ct_nonzero((uint32_t)(any | any >> 32)) &
                    cg_ct_nonzero((uint32_t)cg_limbs_below(x, order, CG_EC_LIMBS_MAX));
    cg_wipe(x, sizeof x);
    return cg_ct_public(good) != 0;
}

bool cg_ec_public(const struct cg_ec_key *key, uint8_t *point)
{
    struct cg_ec_affine p;
    size_t n = cg_ec_bytes(key->curve);
    if (key->curve == CG_X25519) {
        cg_x25519(point, key->scalar, base_u);
        return true;
    }
    if (!is_scalar(key->curve, key->scalar))
        return false;
    cg_ec_generator(key->curve, &p);
    if (!cg_ec_multiply(key->curve, &p, key->scalar, &p))
        return false;
    point[0] = 4;
    cg_limbs_to_bytes(point + 1, n, p.x, cg_limbs_for(n));
    cg_limbs_to_bytes(point + 1 + n, n, p.y, cg_limbs_for(n));
    return true;
}

bool cg_ec_make(enum cg_curve curve, struct cg_ec_key *key, uint8_t *point)
{
    size_t n = cg_ec_bytes(curve);
    *key = (struct cg_ec_key){.curve = curve};
    /* A number above the order is thrown away whole, so trying again tells nothing. */
    for (unsigned i = 0; i < TRIES; i++) {
        if (!cg_random(key->scalar, n))
            return false;
        if (curve == CG_P521)
            key->scalar[0] &= 1;
        if (cg_ec_public(key, point))
            return true;
    }
    return false;
}

static bool x25519_shared(const struct cg_ec_key *key, const uint8_t *peer, uint8_t *secret)
{
    uint32_t any = 0;
    cg_x25519(secret, key->scalar, peer);
    for (unsigned i = 0; i < CG_X25519_BYTES; i++)
        any |= secret[i];
    return cg_ct_public(cg_ct_nonzero(any)) != 0;
}

bool cg_ec_shared(const struct cg_ec_key *key, const uint8_t *peer, size_t peer_length,
                  uint8_t *secret)
{
    struct cg_ec_affine p;
    size_t n = cg_ec_bytes(key->curve);
    if (key->curve == CG_X25519)
        return peer_length == n && x25519_shared(key, peer, secret);
    if (!is_scalar(key->curve, key->scalar) ||
        !cg_ec_read_point(key->curve, &p, peer, peer_length) ||
        !cg_ec_multiply(key->curve, &p, key->scalar, &p))
        return false;
    cg_limbs_to_bytes(secret, n, p.x, cg_limbs_for(n));
    cg_wipe(&p, sizeof p);
    return true;
}
