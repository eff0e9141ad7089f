#include "cg_weierstrass.h"

#include <string.h>

#include "cg_ct.h"
#include "cg_defences.h"
#include "cg_limbs.h"

enum { WINDOW = 4, TABLE = 1 << WINDOW };

typedef mp_limb_t element[CG_EC_LIMBS_MAX]; /* of the field, in Montgomery form */

struct point { /* projective: x = X/Z, y = Y/Z; infinity is (0 : 1 : 0) */
    element x, y, z;
};

struct curve {
    struct cg_mont field;
    element b, one;
};

static void read_element(const struct curve *c, mp_limb_t *out, const uint8_t *bytes, size_t n)
{
    cg_limbs_from_bytes(out, c->field.limbs, bytes, n);
    cg_mont_to(&c->field, out, out);
}

static void load_curve(struct curve *c, enum cg_curve id)
{
    const struct cg_ec_constants *k = cg_ec_constants(id);
    static const uint8_t one = 1;
    element p;
    size_t limbs = cg_limbs_for(k->bytes);
    cg_limbs_from_bytes(p, limbs, k->p, k->bytes);
    cg_mont_init(&c->field, p, limbs);
    read_element(c, c->b, k->b, k->bytes);
    read_element(c, c->one, &one, 1);
}

/* out = (a1 + b1)(a2 + b2) - aa - bb, which is a1 b2 + a2 b1. */
static void cross(const struct cg_mont *f, mp_limb_t *out, const mp_limb_t *a1, const mp_limb_t *b1,
                  const mp_limb_t *a2, const mp_limb_t *b2, const mp_limb_t *aa,
                  const mp_limb_t *bb)
{
    element sum;
    cg_mont_add(f, sum, a1, b1);
    cg_mont_add(f, out, a2, b2);
    cg_mont_mul(f, out, out, sum);
    cg_mont_sub(f, out, out, aa);
    cg_mont_sub(f, out, out, bb);
}

static void triple(const struct cg_mont *f, mp_limb_t *x)
{
    element twice;
    cg_mont_add(f, twice, x, x);
    cg_mont_add(f, x, x, twice);
}

/* out = a b + c d, or a b - c d. out is none of them. */
static void two_products(const struct cg_mont *f, mp_limb_t *out, const mp_limb_t *a,
                         const mp_limb_t *b, const mp_limb_t *c, const mp_limb_t *d, bool minus)
{
    element second;
    cg_mont_mul(f, out, a, b);
    cg_mont_mul(f, second, c, d);
    if (minus)
        cg_mont_sub(f, out, out, second);
    else
        cg_mont_add(f, out, out, second);
}

/* The complete addition law for a = -3 (Renes, Costello and Batina 2016, 3.2): right for all pairs
 * of points, equal ones and infinity included, so that no case has to be told apart. out may be
 * either operand. */
static void add(const struct curve *c, struct point *out, const struct point *p,
                const struct point *q)
{
    const struct cg_mont *f = &c->field;
    element xx, yy, zz, xy, yz, xz, u, v, w, plus, minus;
    cg_mont_mul(f, xx, p->x, q->x);
    cg_mont_mul(f, yy, p->y, q->y);
    cg_mont_mul(f, zz, p->z, q->z);
    cross(f, xy, p->x, p->y, q->x, q->y, xx, yy);
    cross(f, yz, p->y, p->z, q->y, q->z, yy, zz);
    cross(f, xz, p->x, p->z, q->x, q->z, xx, zz);

    cg_mont_mul(f, u, c->b, zz); /* u = 3 (xz - b zz) */
    cg_mont_sub(f, u, xz, u);
    triple(f, u);
    cg_mont_mul(f, v, c->b, xz); /* v = 3 (b xz - xx - 3 zz) */
    cg_mont_sub(f, v, v, xx);
    triple(f, zz);
    cg_mont_sub(f, v, v, zz);
    triple(f, v);
    triple(f, xx); /* w = 3 xx - 3 zz */
    cg_mont_sub(f, w, xx, zz);
    cg_mont_add(f, plus, yy, u);
    cg_mont_sub(f, minus, yy, u);

    two_products(f, out->x, xy, plus, yz, v, true);
    two_products(f, out->y, plus, minus, w, v, false);
    two_products(f, out->z, yz, minus, xy, w, false);
}

static void select_point(struct point *out, const struct point *table, mp_limb_t index)
{
    const mp_size_t limbs = sizeof *out / sizeof(mp_limb_t);
    mpn_sec_tabselect((mp_limb_t *)out, (const mp_limb_t *)table, limbs, TABLE, (mp_size_t)index);
}

static bool to_affine(const struct curve *c, struct cg_ec_affine *out, const struct point *p)
{
    element z;
    mp_limb_t any = cg_limbs_any(p->z, c->field.limbs);
    cg_mont_from(&c->field, z, p->z);
    cg_mont_invert(&c->field, z, z);
    cg_mont_mul(&c->field, out->x, p->x, z); /* one in Montgomery form, one not: plain */
    cg_mont_mul(&c->field, out->y, p->y, z);
    cg_wipe(z, sizeof z);
    return cg_ct_public(cg_ct_nonzero((uint32_t)(any | any >> 32))) != 0;
}

/* table[i] = i * point, infinity first. */
static void fill_table(const struct curve *c, struct point table[TABLE],
                       const struct cg_ec_affine *point)
{
    memset(table, 0, TABLE * sizeof *table);
    memcpy(table[0].y, c->one, sizeof c->one);
    cg_mont_to(&c->field, table[1].x, point->x);
    cg_mont_to(&c->field, table[1].y, point->y);
    memcpy(table[1].z, c->one, sizeof c->one);
    for (unsigned i = 2; i < TABLE; i++)
        add(c, &table[i], &table[i - 1], &table[1]);
}

static void times_table(const struct curve *c, struct point *sum)
{
    for (unsigned i = 0; i < WINDOW; i++)
        add(c, sum, sum, sum);
}

/* The i-th group of WINDOW bits from the top. */
static unsigned window(const uint8_t *scalar, size_t i)
{
    return scalar[i / 2] >> (i % 2 ? 0 : WINDOW) & (TABLE - 1);
}

bool cg_ec_multiply(enum cg_curve curve, struct cg_ec_affine *out, const uint8_t *scalar,
                    const struct cg_ec_affine *point)
{
    struct curve c;
    struct point table[TABLE], sum, chosen;
    load_curve(&c, curve);
    fill_table(&c, table, point);
    sum = table[0];
    memset(&chosen, 0, sizeof chosen);
    for (size_t i = 0; i < 2 * cg_ec_constants(curve)->bytes; i++) {
        times_table(&c, &sum);
        select_point(&chosen, table, window(scalar, i));
        add(&c, &sum, &sum, &chosen);
    }
    bool finite = to_affine(&c, out, &sum);
    cg_wipe(table, sizeof table);
    cg_wipe(&sum, sizeof sum);
    cg_wipe(&chosen, sizeof chosen);
    cg_wipe_stack();
    return finite;
}

bool cg_ec_multiply_two(enum cg_curve curve, struct cg_ec_affine *out, const uint8_t *a,
                        const uint8_t *b, const struct cg_ec_affine *point)
{
    struct curve c;
    struct cg_ec_affine generator;
    struct point of_generator[TABLE], of_point[TABLE], sum;
    load_curve(&c, curve);
    cg_ec_generator(curve, &generator);
    fill_table(&c, of_generator, &generator);
    fill_table(&c, of_point, point);
    sum = of_point[0];
    for (size_t i = 0; i < 2 * cg_ec_constants(curve)->bytes; i++) {
        times_table(&c, &sum);
        if (window(a, i))
            add(&c, &sum, &sum, &of_generator[window(a, i)]);
        if (window(b, i))
            add(&c, &sum, &sum, &of_point[window(b, i)]);
    }
    return to_affine(&c, out, &sum);
}

void cg_ec_generator(enum cg_curve curve, struct cg_ec_affine *g)
{
    const struct cg_ec_constants *k = cg_ec_constants(curve);
    cg_limbs_from_bytes(g->x, CG_EC_LIMBS_MAX, k->gx, k->bytes);
    cg_limbs_from_bytes(g->y, CG_EC_LIMBS_MAX, k->gy, k->bytes);
}

/* y^2 = x^3 - 3x + b; of a public point. */
static bool is_on_curve(const struct curve *c, const struct cg_ec_affine *point)
{
    const struct cg_mont *f = &c->field;
    element x, y, right, three_x;
    cg_mont_to(f, x, point->x);
    cg_mont_to(f, y, point->y);
    cg_mont_mul(f, right, x, x);
    cg_mont_mul(f, right, right, x);
    memcpy(three_x, x, sizeof x);
    triple(f, three_x);
    cg_mont_sub(f, right, right, three_x);
    cg_mont_add(f, right, right, c->b);
    cg_mont_mul(f, y, y, y);
    return cg_limbs_differ(y, right, f->limbs) == 0;
}

bool cg_ec_read_point(enum cg_curve curve, struct cg_ec_affine *point, const uint8_t *bytes,
                      size_t n)
{
    struct curve c;
    size_t size = cg_ec_constants(curve)->bytes;
    if (n != 1 + 2 * size || bytes[0] != 4)
        return false;
    load_curve(&c, curve);
    cg_limbs_from_bytes(point->x, CG_EC_LIMBS_MAX, bytes + 1, size);
    cg_limbs_from_bytes(point->y, CG_EC_LIMBS_MAX, bytes + 1 + size, size);
    return cg_limbs_below(point->x, c.field.modulus, c.field.limbs) &&
           cg_limbs_below(point->y, c.field.modulus, c.field.limbs) &&
           (is_on_curve(&c, point) || !cg_defends(CG_DEFENCE_CURVE));
}
