/* Finite-field Diffie-Hellman, for groups of up to 4096 bits (RFC 2246 7.4.3, F.1.1.3).
 *
 * Private exponents are drawn anew for every handshake and never used twice (Raccoon,
 * CVE-2020-1968). They are 256 bits long in the groups below, whose primes are known to be safe;
 * in a group that is not known an exponent as long as the prime is used, for a short one would be
 * found piece by piece if the group's order had many small factors (van Oorschot and Wiener 1996).
 *
 * Time and memory access do not depend on the exponent or the shared secret. Stack at 4096 bits:
 * 18 KiB in a known group, 42 KiB in another; wiped. */
#ifndef CG_DH_H
#define CG_DH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CG_DH_BITS_MIN = 512,
    CG_DH_BITS_MAX = 4096,
    CG_DH_BYTES_MAX = CG_DH_BITS_MAX / 8,
    CG_DH_SHORT_BITS = 256
};

/* A group as a view: big-endian integers, owned by the caller; p without leading zeros. */
struct cg_dh_group {
    const uint8_t *p, *g;
    size_t p_length, g_length; /* bytes */
};

/* Well-known groups with safe primes: RFC 7919 appendix A and RFC 3526 3. g is 2 in all. */
enum cg_dh_group_id { CG_FFDHE2048, CG_FFDHE3072, CG_FFDHE4096, CG_MODP2048, CG_DH_GROUP_COUNT };
extern const struct cg_dh_group cg_dh_groups[CG_DH_GROUP_COUNT];

size_t cg_dh_bits(const struct cg_dh_group *group);

/* False when p is even, has a leading zero or is outside CG_DH_BITS_MIN..MAX, or when g is not in
 * 2..p-2. Whether p is prime is not looked at: the group comes signed from the peer. */
bool cg_dh_group_is_sane(const struct cg_dh_group *group);

/* A private exponent; a flat value, to be wiped with cg_wipe after one use. */
struct cg_dh_key {
    size_t bits;
    uint8_t exponent[CG_DH_BYTES_MAX]; /* big-endian, (bits + 7) / 8 bytes */
};

/* Draws a key and writes the public value, p_length bytes. False when the group is not sane or
 * there is no randomness. */
bool cg_dh_make(const struct cg_dh_group *group, struct cg_dh_key *key, uint8_t *public_value);

/* Writes Z as p_length bytes; TLS 1.0's premaster secret is Z without its leading zeros (RFC 2246
 * 8.1.2), which the caller strips. peer may have leading zeros. False when the group is not sane,
 * when peer is not in 2..p-2, or when Z is 1 (a peer in a small subgroup). */
bool cg_dh_shared(const struct cg_dh_group *group, const struct cg_dh_key *key, const uint8_t *peer,
                  size_t peer_length, uint8_t *z);

#endif
