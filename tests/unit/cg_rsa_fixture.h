/* Loads the keys of cg_rsa_keys.h. */
#ifndef TESTS_CG_RSA_FIXTURE_H
#define TESTS_CG_RSA_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto_glue/cg_rsa.h"
#include "tests/unit/cg_hex.h"
#include "tests/unit/cg_rsa_keys.h"

enum {
    CG_RSA_TEST_KEYS = sizeof cg_rsa_test_keys / sizeof *cg_rsa_test_keys,
    CG_RSA_TEST_BYTES = 512 /* of the largest integer */
};

struct cg_rsa_fixture {
    uint8_t n[CG_RSA_TEST_BYTES], e[8], d[CG_RSA_TEST_BYTES], p[CG_RSA_TEST_BYTES],
        q[CG_RSA_TEST_BYTES], dp[CG_RSA_TEST_BYTES], dq[CG_RSA_TEST_BYTES], qinv[CG_RSA_TEST_BYTES];
    struct cg_rsa_private_parts parts;
    struct cg_rsa_public public;
};

static inline void cg_rsa_fixture(struct cg_rsa_fixture *f, const struct cg_rsa_test_key *k)
{
    f->parts = (struct cg_rsa_private_parts){f->n,
                                             f->e,
                                             f->d,
                                             f->p,
                                             f->q,
                                             f->dp,
                                             f->dq,
                                             f->qinv,
                                             cg_hex(k->n, f->n),
                                             cg_hex(k->e, f->e),
                                             cg_hex(k->d, f->d),
                                             cg_hex(k->p, f->p),
                                             cg_hex(k->q, f->q),
                                             cg_hex(k->dp, f->dp),
                                             cg_hex(k->dq, f->dq),
                                             cg_hex(k->qinv, f->qinv)};
    f->public = (struct cg_rsa_public){f->n, f->e, f->parts.n_length, f->parts.e_length};
}

#endif
