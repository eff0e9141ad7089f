/* Key pins: SHA-256 of a SubjectPublicKeyInfo, as curl's --pinnedpubkey and RFC 7469 have it. */
#include "x509_internal.h"

static const char prefix[] = "sha256//";

void x509_pin(const struct x509_certificate *cert, uint8_t pin[32])
{
    cg_hash_once(CG_SHA256, cert->public_key.data, cert->public_key.length, pin);
}

bool x509_is_pinned(const struct x509_certificate *cert, const uint8_t (*pins)[32], size_t count)
{
    uint8_t pin[32];
    x509_pin(cert, pin);
    for (size_t i = 0; i < count; i++)
        if (memcmp(pins[i], pin, sizeof pin) == 0)
            return true;
    return false;
}

bool x509_holds_pin(const struct x509_search *s, size_t count, struct x509_failure *failure)
{
    if (s->nested > 0 || s->rules->pin_count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        if (x509_is_pinned(s->path[i], s->rules->pins, s->rules->pin_count))
            return true;
    return x509_fail(failure, TLS_ERROR_CERT_PIN, s->path[0],
                     "neither its key nor one above it is pinned (RFC 7469 2.6)",
                     "find out why the key has changed; only then put the new one into `pin`");
}

/* 43 characters hold 258 bits: the last two must be zero. */
bool x509_pin_parse(const char *text, size_t length, uint8_t pin[32])
{
    enum { PREFIX = sizeof prefix - 1, DIGITS = 43 };
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned held = 0;
    size_t at = 0;
    if (length != PREFIX + DIGITS + 1 || memcmp(text, prefix, PREFIX) != 0 ||
        text[length - 1] != '=')
        return false;
    for (size_t i = PREFIX; i < PREFIX + DIGITS; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit)
            return false;
        bits = bits << 6 | (uint32_t)(digit - digits);
        held += 6;
        if (held >= 8) {
            held -= 8;
            pin[at++] = (uint8_t)(bits >> held);
            bits &= (1u << held) - 1;
        }
    }
    return bits == 0;
}
