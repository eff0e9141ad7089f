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

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void x509_pin_text(const uint8_t pin[32], char out[X509_PIN_TEXT])
{
    char *at = out + sizeof prefix - 1;
    memcpy(out, prefix, sizeof prefix - 1);
    for (size_t i = 0; i < 33; i += 3) {
        uint32_t bits = (uint32_t)pin[i] << 16 | (uint32_t)pin[i + 1] << 8;
        if (i + 2 < 32)
            bits |= pin[i + 2];
        for (int shift = 18; shift >= 0; shift -= 6)
            *at++ = digits[bits >> shift & 63];
    }
    at[-1] = '=';
    *at = 0;
}

/* The pin that the key has goes into the text: to be compared with what its owner says. */
static bool refuse_pin(const struct x509_certificate *leaf, const char *what,
                       struct x509_failure *failure)
{
    uint8_t pin[32];
    char own[X509_PIN_TEXT], remedy[160];
    struct x509_text t = x509_text_over(remedy, sizeof remedy);
    x509_pin(leaf, pin);
    x509_pin_text(pin, own);
    x509_text_add(&t, "if its owner says that its key is ");
    x509_text_add(&t, own);
    x509_text_add(&t, ", add that to `pin`");
    x509_text_end(&t);
    return x509_fail(failure, TLS_ERROR_CERT_PIN, leaf, what, remedy);
}

bool x509_holds_pin(const struct x509_search *s, size_t count, struct x509_failure *failure)
{
    if (s->nested > 0 || s->rules->pin_count == 0)
        return true;
    for (size_t i = 0; i < count; i++)
        if (x509_is_pinned(s->path[i], s->rules->pins, s->rules->pin_count))
            return true;
    return refuse_pin(s->path[0], "neither its key nor one above it is pinned (RFC 7469 2.6)",
                      failure);
}

enum tls_error x509_verify_key(const struct x509_certificate *leaf, const struct x509_rules *rules,
                               struct x509_failure *failure)
{
    failure->error = TLS_ERROR_OK;
    failure->detail[0] = 0;
    if (!x509_rules_key(leaf, rules, failure))
        return failure->error;
    if (rules->pin_count > 0 && !x509_is_pinned(leaf, rules->pins, rules->pin_count))
        refuse_pin(leaf, "its key is not one that is pinned (RFC 7469 2.6)", failure);
    return failure->error;
}

/* 43 characters hold 258 bits: the last two must be zero. */
bool x509_pin_parse(const char *text, size_t length, uint8_t pin[32])
{
    enum { PREFIX = sizeof prefix - 1, DIGITS = 43 };
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
