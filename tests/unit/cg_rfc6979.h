/* The vectors of RFC 6979 appendix A.2: message "sample". */
#ifndef TESTS_CG_RFC6979_H
#define TESTS_CG_RFC6979_H

#include "crypto_glue/cg_sign.h"

/* A.2.1, DSA of 1024 bits */
static const char rfc6979_p[] = "86f5ca03dcfeb225063ff830a0c769b9dd9d6153ad91d7ce27f787c43278b447"
                                "e6533b86b18bed6e8a48b784a14c252c5be0dbf60b86d6385bd2f12fb763ed88"
                                "73abfd3f5ba2e0a8c0a59082eac056935e529daf7c610467899c77adedfc846c"
                                "881870b7b19b2b58f9be0521a17002e3bdd6b86685ee90b3d9a1b02b782b1779";
static const char rfc6979_q[] = "996f967f6c8e388d9e28d01e205fba957a5698b1";
static const char rfc6979_g[] = "07b0f92546150b62514bb771e2a0c0ce387f03bda6c56b505209ff25fd3c133d"
                                "89bbcd97e904e09114d9a7defdeadfc9078ea544d2e401aeecc40bb9fbbf78fd"
                                "87995a10a1c27cb7789b594ba7efb5c4326a9fe59a070e136db77175464adca4"
                                "17be5dce2f40d10a46a3a3943f26ab7fd9c0398ff8c76ee0a56826a8a88f1dbd";
static const char rfc6979_x[] = "411602cb19a6ccc34494d79d98ef1e7ed5af25f7";
static const char rfc6979_y[] = "5df5e01ded31d0297e274e1691c192fe5868fef9e19a84776454b100cf16f653"
                                "92195a38b90523e2542ee61871c0440cb87c322fc4b4d2ec5e1e7ec766e1be8d"
                                "4ce935437dc11c3c8fd426338933ebfe739cb3465f4d3668c5e473508253b1e6"
                                "82f65cbdc4fae93c2ea212390e54905a86e2223170b44eaa7da5dd9ffcfb7f3b";

struct rfc6979_vector {
    enum cg_hash_id hash;
    const char *r, *s;
};

static const struct rfc6979_vector rfc6979_dsa[] = {
    {CG_SHA1, "2e1a0c2562b2912caaf89186fb0f42001585da55",
     "29efb6b0aff2d7a68eb70ca313022253b9a88df5"},
    {CG_SHA256, "81f2f5850be5bc123c43f71a3033e9384611c545",
     "4cdd914b65eb6c66a8aaad27299bee6b035f5e89"},
};

/* A.2.5, A.2.6, A.2.7 */
struct rfc6979_ecdsa {
    enum cg_curve curve;
    enum cg_hash_id hash;
    const char *x, *r, *s;
};

static const struct rfc6979_ecdsa rfc6979_ecdsa[] = {
    {CG_P256, CG_SHA1, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "61340c88c3aaebeb4f6d667f672ca9759a6ccaa9fa8811313039ee4a35471d32",
     "6d7f147dac089441bb2e2fe8f7a3fa264b9c475098fdcf6e00d7c996e1b8b7eb"},
    {CG_P256, CG_SHA256, "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721",
     "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716",
     "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"},
    {CG_P384, CG_SHA384,
     "6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2"
     "edf5",
     "94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fa"
     "be46",
     "99ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a3862"
     "8ac8"},
    {CG_P521, CG_SHA512,
     "00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d1"
     "6fcc1466f6d8fbec67db89ec0c08b0e996b83538",
     "00c328fafcbd79dd77850370c46325d987cb525569fb63c5d3bc53950e6d4c5f174e25a1ee9017b5d450606add15"
     "2b534931d7d4e8455cc91f9b15bf05ec36e377fa",
     "00617cce7cf5064806c467f678d3b4080d6f1cc50af26ca209417308281b68af282623eaa63e5b5c0723d8b8c37f"
     "f0777b1a20f8ccb1dccc43997f1ee0e44da4a67a"},
};

#endif
