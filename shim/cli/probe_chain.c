#include "probe_chain.h"

#include <stdio.h>
#include <time.h>

#include "../../tls/tls_wire.h"

void chain_read(struct probe_chain *chain, struct x509_bytes list)
{
    struct tls_reader r = tls_reader_of(list.data, list.length);
    chain->count = 0;
    chain->broken = NULL;
    while (r.left > 0 && !chain->broken && chain->count < X509_CHAIN_MAX) {
        struct tls_reader der = tls_read_vector(&r, 3);
        if (der.bad || der.left == 0)
            chain->broken = "its length does not fit the message";
        else if (x509_parse(&chain->list[chain->count], der.at, der.left, &chain->broken) ==
                 TLS_ERROR_OK)
            chain->count++;
    }
}

unsigned chain_modulus(const struct x509_key *key)
{
    const uint8_t *n = key->kind == X509_KEY_DSA ? key->dsa.p : key->rsa.n;
    size_t length = key->kind == X509_KEY_DSA ? key->dsa.p_length : key->rsa.n_length;
    if (key->kind != X509_KEY_RSA && key->kind != X509_KEY_RSA_PSS && key->kind != X509_KEY_DSA)
        return 0;
    while (length > 0 && *n == 0) {
        n++;
        length--;
    }
    unsigned bits = (unsigned)length * 8;
    for (unsigned top = length ? *n : 0x80; !(top & 0x80); top <<= 1)
        bits--;
    return bits;
}

unsigned chain_modulus_bits(unsigned modulus)
{
    static const struct {
        unsigned modulus, bits;
    } rows[] = {{15360, 256}, {7680, 192}, {3072, 128}, {2048, 112}, {1024, 80}, {512, 56}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (modulus >= rows[i].modulus)
            return rows[i].bits;
    return 0;
}

unsigned chain_key_bits(const struct x509_key *key)
{
    switch (key->kind) {
    case X509_KEY_EC:
        return key->curve == CG_P256 ? 128 : key->curve == CG_P384 ? 192 : 256;
    case X509_KEY_ED25519:
        return 128;
    default:
        return chain_modulus_bits(chain_modulus(key));
    }
}

const char *chain_key_text(const struct x509_key *key, char out[PROBE_KEY_TEXT])
{
    switch (key->kind) {
    case X509_KEY_EC:
        snprintf(out, PROBE_KEY_TEXT, "EC on %s",
                 key->curve == CG_P256   ? "P-256"
                 : key->curve == CG_P384 ? "P-384"
                                         : "P-521");
        break;
    case X509_KEY_ED25519:
        snprintf(out, PROBE_KEY_TEXT, "Ed25519");
        break;
    case X509_KEY_UNSUPPORTED:
        snprintf(out, PROBE_KEY_TEXT, "a key of a kind that is not supported");
        break;
    default:
        snprintf(out, PROBE_KEY_TEXT, "%s of %u bits", key->kind == X509_KEY_DSA ? "DSA" : "RSA",
                 chain_modulus(key));
    }
    return out;
}

const char *chain_signature_text(enum x509_signature signature)
{
    static const char *const words[] = {
        [X509_SIG_RSA_MD5] = "MD5 with RSA",
        [X509_SIG_RSA_SHA1] = "SHA-1 with RSA",
        [X509_SIG_RSA_SHA224] = "SHA-224 with RSA",
        [X509_SIG_RSA_SHA256] = "SHA-256 with RSA",
        [X509_SIG_RSA_SHA384] = "SHA-384 with RSA",
        [X509_SIG_RSA_SHA512] = "SHA-512 with RSA",
        [X509_SIG_RSA_PSS] = "RSA-PSS",
        [X509_SIG_DSA_SHA1] = "SHA-1 with DSA",
        [X509_SIG_DSA_SHA224] = "SHA-224 with DSA",
        [X509_SIG_DSA_SHA256] = "SHA-256 with DSA",
        [X509_SIG_ECDSA_SHA1] = "SHA-1 with ECDSA",
        [X509_SIG_ECDSA_SHA224] = "SHA-224 with ECDSA",
        [X509_SIG_ECDSA_SHA256] = "SHA-256 with ECDSA",
        [X509_SIG_ECDSA_SHA384] = "SHA-384 with ECDSA",
        [X509_SIG_ECDSA_SHA512] = "SHA-512 with ECDSA",
        [X509_SIG_ED25519] = "Ed25519",
        [X509_SIG_UNSUPPORTED] = "an unknown signature",
    };
    return words[signature];
}

bool chain_is_sha1(enum x509_signature signature)
{
    return signature == X509_SIG_RSA_SHA1 || signature == X509_SIG_DSA_SHA1 ||
           signature == X509_SIG_ECDSA_SHA1;
}

void chain_pin(const struct x509_certificate *cert, char out[PROBE_PIN_TEXT])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t pin[33] = {0};
    x509_pin(cert, pin);
    size_t at = (size_t)snprintf(out, PROBE_PIN_TEXT, "sha256//");
    for (size_t i = 0; i < 33; i += 3) {
        uint32_t bits = (uint32_t)pin[i] << 16 | (uint32_t)pin[i + 1] << 8 | pin[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            out[at++] = digits[bits >> shift & 63];
    }
    out[at - 1] = '='; /* 32 bytes fill all but the last digit */
    out[at] = '\0';
}

const char *chain_date(int64_t seconds, char out[16])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(out, 16, "?");
    return out;
}
