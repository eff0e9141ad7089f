/* Under valgrind: the CBC check neither branches on nor indexes by the record's bytes, the MAC key
 * or the content's length, whether the record is right or wrong.
 *
 * valgrind's CPU has no SHA instructions, so of Nettle's SHA-1 the plain x86-64 code is what runs
 * here; the SHA-NI code, which has no branch or table either, is not reached. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "crypto_glue/cg_cbc_mac.h"
#include "crypto_glue/cg_hash.h"

enum { MAX_RECORD = 400 };

static const uint8_t header[11] = {0, 0, 0, 0, 0, 0, 0, 1, 23, 3, 1};

static void build(enum cg_hash_id mac, const uint8_t *key, uint8_t *record, size_t n,
                  size_t padding)
{
    size_t content = n - cg_hash_size(mac) - 1 - padding;
    uint8_t length[2] = {(uint8_t)(content >> 8), (uint8_t)content};
    struct cg_hmac m;
    memset(record, (int)n, n);
    cg_hmac_init(&m, mac, key, cg_hash_size(mac));
    cg_hmac_update(&m, header, sizeof header);
    cg_hmac_update(&m, length, sizeof length);
    cg_hmac_update(&m, record, content);
    cg_hmac_final(&m, record + content);
    memset(record + content + cg_hash_size(mac), (int)padding, padding + 1);
}

static int check(enum cg_hash_id mac, const uint8_t *record, size_t n, size_t *length)
{
    uint8_t key[20] = "0123456789abcdefghij", secret[MAX_RECORD];
    memcpy(secret, record, n);
    VALGRIND_MAKE_MEM_UNDEFINED(secret, n);
    VALGRIND_MAKE_MEM_UNDEFINED(key, sizeof key);
    uint32_t good = cg_cbc_mac_check(mac, key, header, secret, n, length);
    VALGRIND_MAKE_MEM_DEFINED(&good, sizeof good);
    VALGRIND_MAKE_MEM_DEFINED(length, sizeof *length);
    return good == UINT32_MAX;
}

int main(void)
{
    static const uint8_t key[20] = "0123456789abcdefghij";
    uint8_t record[MAX_RECORD];
    size_t length;
    int failed = 0;
    printf("1..1\n");
    for (enum cg_hash_id mac = CG_MD5; mac <= CG_SHA1; mac++) {
        for (size_t n = cg_hash_size(mac) + 1; n <= MAX_RECORD; n += 13) {
            for (size_t padding = 0; padding < 256 && padding + cg_hash_size(mac) < n;
                 padding += 17) {
                build(mac, key, record, n, padding);
                failed += !check(mac, record, n, &length);
                failed += length != n - cg_hash_size(mac) - 1 - padding;
                record[0] ^= 1;
                failed += check(mac, record, n, &length);
            }
        }
    }
    printf("%sok 1 - the CBC check gives the right answers\n", failed ? "not " : "");
    return failed != 0;
}
