#include "cg_dh.h"

#include <string.h>

#include "cg_ct.h"
#include "cg_defences.h"
#include "cg_limbs.h"
#include "cg_random.h"

enum {
    LIMBS_MAX = CG_DH_BYTES_MAX / CG_LIMB_BYTES,
    /* What GMP 6.2's mpn_sec_powm asks for, with a little more: its table has 16 entries for
     * exponents of 256 bits and 64 for those of 4096. */
    SHORT_SCRATCH = 21 * LIMBS_MAX,
    LONG_SCRATCH = 70 * LIMBS_MAX
};

size_t cg_dh_bits(const struct cg_dh_group *group)
{
    return cg_bytes_bits(group->p, group->p_length);
}

/* Reads a number into p's count of limbs; false when it is not in 2..p-2. All of it is public. */
static bool read_element(mp_limb_t *x, const mp_limb_t *p, size_t limbs, const uint8_t *bytes,
                         size_t n)
{
    mp_limb_t above[LIMBS_MAX];
    mp_limb_t lost = cg_limbs_from_bytes(x, limbs, bytes, n);
    mp_limb_t is_tiny = !(cg_limbs_any(x + 1, limbs - 1) | x[0] >> 1);
    mpn_add_1(above, x, (mp_size_t)limbs, 1); /* x < p - 1; a carry gives 0, with x above p */
    if (!cg_defends(CG_DEFENCE_SUBGROUP))
        return !lost && cg_limbs_below(x, p, limbs);
    return !lost && !is_tiny && cg_limbs_below(x, p, limbs) && cg_limbs_below(above, p, limbs);
}

bool cg_dh_group_is_sane(const struct cg_dh_group *group)
{
    mp_limb_t p[LIMBS_MAX], g[LIMBS_MAX];
    size_t bits = cg_dh_bits(group);
    if (bits < CG_DH_BITS_MIN || bits > CG_DH_BITS_MAX || group->p[0] == 0 ||
        !(group->p[group->p_length - 1] & 1))
        return false;
    size_t limbs = cg_limbs_for(group->p_length);
    cg_limbs_from_bytes(p, limbs, group->p, group->p_length);
    return read_element(g, p, limbs, group->g, group->g_length);
}

/* Two functions, so that the usual case does not pay for the other's stack. */
static bool __attribute__((noinline))
power_short(mp_limb_t *out, const mp_limb_t *base, const mp_limb_t *e, size_t bits,
            const mp_limb_t *p, mp_size_t limbs)
{
    mp_limb_t scratch[SHORT_SCRATCH];
    if (mpn_sec_powm_itch(limbs, bits, limbs) > SHORT_SCRATCH)
        return false;
    mpn_sec_powm(out, base, limbs, e, bits, p, limbs, scratch);
    cg_wipe(scratch, sizeof scratch);
    cg_wipe_stack();
    return true;
}

static bool __attribute__((noinline))
power_long(mp_limb_t *out, const mp_limb_t *base, const mp_limb_t *e, size_t bits,
           const mp_limb_t *p, mp_size_t limbs)
{
    mp_limb_t scratch[LONG_SCRATCH];
    if (mpn_sec_powm_itch(limbs, bits, limbs) > LONG_SCRATCH)
        return false;
    mpn_sec_powm(out, base, limbs, e, bits, p, limbs, scratch);
    cg_wipe(scratch, sizeof scratch);
    cg_wipe_stack();
    return true;
}

/* out = base^key mod p, p_length bytes; not_one gets whether it is other than 1. */
static bool power(const struct cg_dh_group *group, const struct cg_dh_key *key, const uint8_t *base,
                  size_t base_length, uint8_t *out, bool *not_one)
{
    mp_limb_t p[LIMBS_MAX], x[LIMBS_MAX], e[LIMBS_MAX], result[LIMBS_MAX];
    size_t limbs = cg_limbs_for(group->p_length);
    cg_limbs_from_bytes(p, limbs, group->p, group->p_length);
    if (!read_element(x, p, limbs, base, base_length))
        return false;
    cg_limbs_from_bytes(e, LIMBS_MAX, key->exponent, (key->bits + 7) / 8);
    bool done = key->bits <= CG_DH_SHORT_BITS
                    ? power_short(result, x, e, key->bits, p, (mp_size_t)limbs)
                    : power_long(result, x, e, key->bits, p, (mp_size_t)limbs);
    if (done) {
        mp_limb_t rest = cg_limbs_any(result + 1, limbs - 1) | (result[0] ^ 1);
        *not_one = cg_ct_public(cg_ct_nonzero((uint32_t)(rest | rest >> 32))) != 0;
        cg_limbs_to_bytes(out, group->p_length, result, limbs);
    }
    cg_wipe(e, sizeof e);
    cg_wipe(result, sizeof result);
    return done;
}

static bool is_known(const struct cg_dh_group *group)
{
    for (size_t i = 0; i < CG_DH_GROUP_COUNT; i++) {
        if (group->p_length == cg_dh_groups[i].p_length &&
            memcmp(group->p, cg_dh_groups[i].p, group->p_length) == 0)
            return true;
    }
    return false;
}

bool cg_dh_make(const struct cg_dh_group *group, struct cg_dh_key *key, uint8_t *public_value)
{
    bool not_one;
    if (!cg_dh_group_is_sane(group))
        return false;
    memset(key, 0, sizeof *key);
    key->bits = is_known(group) ? CG_DH_SHORT_BITS : cg_dh_bits(group) - 1;
    if (!cg_defends(CG_DEFENCE_FRESH_KEY))
        memset(key->exponent, 0x55, (key->bits + 7) / 8); /* one key for all */
    else if (!cg_random(key->exponent, (key->bits + 7) / 8))
        return false;
    key->exponent[0] &= (uint8_t)(0xff >> (7 & (8 - key->bits % 8)));
    return power(group, key, group->g, group->g_length, public_value, &not_one);
}

bool cg_dh_shared(const struct cg_dh_group *group, const struct cg_dh_key *key, const uint8_t *peer,
                  size_t peer_length, uint8_t *z)
{
    bool not_one = false;
    return cg_dh_group_is_sane(group) && power(group, key, peer, peer_length, z, &not_one) &&
           (not_one || !cg_defends(CG_DEFENCE_SUBGROUP));
}
