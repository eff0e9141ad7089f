#include "cg_aes_cpu.h"

#ifdef CG_TEST
bool cg_aes_hide_cpu_for_tests;
#endif

#ifdef __x86_64__

#include <immintrin.h>

#include "cg_ct.h"

#define WITH_AES __attribute__((target("aes,sse2")))

enum { BLOCK = 16, LANES = 8 };

bool cg_aes_is_in_cpu(void)
{
#ifdef CG_TEST
    if (cg_aes_hide_cpu_for_tests)
        return false;
#endif
    __builtin_cpu_init(); /* may run before libgcc's own constructor */
    return __builtin_cpu_supports("aes") != 0;
}

static inline __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

static inline void store(uint8_t *p, __m128i x)
{
    _mm_storeu_si128((__m128i *)p, x);
}

/* FIPS 197 5.2: each word is the XOR of the one before it and the one a key's length back; the
 * first of four takes `word`, which is there four times. */
static inline __m128i next_words(__m128i back, __m128i word)
{
    back = _mm_xor_si128(back, _mm_slli_si128(back, 4));
    back = _mm_xor_si128(back, _mm_slli_si128(back, 8));
    return _mm_xor_si128(back, word);
}

/* SubWord(RotWord(last word)) ^ rcon, and SubWord(last word); rcon must be a constant. */
#define TURNED(x, rcon) _mm_shuffle_epi32(_mm_aeskeygenassist_si128(x, rcon), 0xff)
#define STRAIGHT(x)     _mm_shuffle_epi32(_mm_aeskeygenassist_si128(x, 0), 0xaa)

WITH_AES static void expand128(__m128i k[CG_AES128_ROUNDS + 1], const uint8_t *key)
{
    k[0] = load(key);
    k[1] = next_words(k[0], TURNED(k[0], 0x01));
    k[2] = next_words(k[1], TURNED(k[1], 0x02));
    k[3] = next_words(k[2], TURNED(k[2], 0x04));
    k[4] = next_words(k[3], TURNED(k[3], 0x08));
    k[5] = next_words(k[4], TURNED(k[4], 0x10));
    k[6] = next_words(k[5], TURNED(k[5], 0x20));
    k[7] = next_words(k[6], TURNED(k[6], 0x40));
    k[8] = next_words(k[7], TURNED(k[7], 0x80));
    k[9] = next_words(k[8], TURNED(k[8], 0x1b));
    k[10] = next_words(k[9], TURNED(k[9], 0x36));
}

WITH_AES static void expand256(__m128i k[CG_AES256_ROUNDS + 1], const uint8_t *key)
{
    k[0] = load(key);
    k[1] = load(key + BLOCK);
    k[2] = next_words(k[0], TURNED(k[1], 0x01));
    k[3] = next_words(k[1], STRAIGHT(k[2]));
    k[4] = next_words(k[2], TURNED(k[3], 0x02));
    k[5] = next_words(k[3], STRAIGHT(k[4]));
    k[6] = next_words(k[4], TURNED(k[5], 0x04));
    k[7] = next_words(k[5], STRAIGHT(k[6]));
    k[8] = next_words(k[6], TURNED(k[7], 0x08));
    k[9] = next_words(k[7], STRAIGHT(k[8]));
    k[10] = next_words(k[8], TURNED(k[9], 0x10));
    k[11] = next_words(k[9], STRAIGHT(k[10]));
    k[12] = next_words(k[10], TURNED(k[11], 0x20));
    k[13] = next_words(k[11], STRAIGHT(k[12]));
    k[14] = next_words(k[12], TURNED(k[13], 0x40));
}

WITH_AES static void expand(__m128i *k, enum cg_aes_rounds rounds, const uint8_t *key)
{
    if (rounds == CG_AES128_ROUNDS)
        expand128(k, key);
    else
        expand256(k, key);
}

WITH_AES void cg_aes_encrypt_key(struct cg_aes_keys *keys, enum cg_aes_rounds rounds,
                                 const uint8_t *key)
{
    expand((__m128i *)keys->round, rounds, key);
}

/* The equivalent inverse cipher's keys, in the order of their use (FIPS 197 5.3.5). */
WITH_AES void cg_aes_decrypt_key(struct cg_aes_keys *keys, enum cg_aes_rounds rounds,
                                 const uint8_t *key)
{
    __m128i forward[CG_AES256_ROUNDS + 1], *k = (__m128i *)keys->round;
    expand(forward, rounds, key);
    k[0] = forward[rounds];
    for (int i = 1; i < (int)rounds; i++)
        k[i] = _mm_aesimc_si128(forward[(int)rounds - i]);
    k[rounds] = forward[0];
    cg_wipe(forward, sizeof forward);
}

WITH_AES void cg_aes_cbc_encrypt(const struct cg_aes_keys *keys, enum cg_aes_rounds rounds,
                                 uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t n)
{
    const __m128i *k = (const __m128i *)keys->round;
    __m128i x = load(iv);
    for (size_t at = 0; at < n; at += BLOCK) {
        x = _mm_xor_si128(x, _mm_xor_si128(load(src + at), k[0]));
        for (int i = 1; i < (int)rounds; i++)
            x = _mm_aesenc_si128(x, k[i]);
        x = _mm_aesenclast_si128(x, k[rounds]);
        store(dst + at, x);
    }
    store(iv, x);
}

/* Decrypts `lanes` blocks side by side, as many as the CPU can have under way. */
WITH_AES static inline __attribute__((always_inline)) __m128i
decrypt_lanes(const __m128i *k, int rounds, __m128i before, uint8_t *dst, const uint8_t *src,
              int lanes)
{
    __m128i x[LANES], cipher[LANES];
#pragma GCC unroll LANES
    for (int lane = 0; lane < lanes; lane++) {
        cipher[lane] = load(src + BLOCK * lane);
        x[lane] = _mm_xor_si128(cipher[lane], k[0]);
    }
    for (int i = 1; i < rounds; i++) {
#pragma GCC unroll LANES
        for (int lane = 0; lane < lanes; lane++)
            x[lane] = _mm_aesdec_si128(x[lane], k[i]);
    }
#pragma GCC unroll LANES
    for (int lane = 0; lane < lanes; lane++) {
        x[lane] = _mm_aesdeclast_si128(x[lane], k[rounds]);
        store(dst + BLOCK * lane, _mm_xor_si128(x[lane], lane > 0 ? cipher[lane - 1] : before));
    }
    return cipher[lanes - 1];
}

WITH_AES void cg_aes_cbc_decrypt(const struct cg_aes_keys *keys, enum cg_aes_rounds rounds,
                                 uint8_t *iv, uint8_t *dst, const uint8_t *src, size_t n)
{
    const __m128i *k = (const __m128i *)keys->round;
    __m128i before = load(iv);
    size_t at = 0;
    for (; n - at >= LANES * BLOCK; at += LANES * BLOCK)
        before = decrypt_lanes(k, (int)rounds, before, dst + at, src + at, LANES);
    for (; at < n; at += BLOCK)
        before = decrypt_lanes(k, (int)rounds, before, dst + at, src + at, 1);
    store(iv, before);
}

#else

bool cg_aes_is_in_cpu(void)
{
    return false;
}

/* Never called: cg_aes_is_in_cpu says no. */
void cg_aes_encrypt_key(struct cg_aes_keys *keys, enum cg_aes_rounds rounds, const uint8_t *key)
{
    (void)keys, (void)rounds, (void)key;
}

void cg_aes_decrypt_key(struct cg_aes_keys *keys, enum cg_aes_rounds rounds, const uint8_t *key)
{
    (void)keys, (void)rounds, (void)key;
}

void cg_aes_cbc_encrypt(const struct cg_aes_keys *keys, enum cg_aes_rounds rounds, uint8_t *iv,
                        uint8_t *dst, const uint8_t *src, size_t n)
{
    (void)keys, (void)rounds, (void)iv, (void)dst, (void)src, (void)n;
}

void cg_aes_cbc_decrypt(const struct cg_aes_keys *keys, enum cg_aes_rounds rounds, uint8_t *iv,
                        uint8_t *dst, const uint8_t *src, size_t n)
{
    (void)keys, (void)rounds, (void)iv, (void)dst, (void)src, (void)n;
}

#endif
