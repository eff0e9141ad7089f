/* Is this certificate for that name? (RFC 9525 6, RFC 5280 4.2.1.6) */
#include "x509_internal.h"

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

static bool is_label_char(uint8_t c)
{
    c = lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(const uint8_t *s, size_t length)
{
    if (length == 0 || length > 63 || s[0] == '-' || s[length - 1] == '-')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_label_char(s[i]))
            return false;
    return true;
}

bool x509_dns_name(struct x509_bytes text, bool wildcard, struct x509_bytes *name)
{
    size_t n = text.length, start = 0;
    if (n > 0 && text.data[n - 1] == '.')
        n--;
    if (n == 0 || n > 253)
        return false;
    if (wildcard && n > 2 && text.data[0] == '*' && text.data[1] == '.')
        start = 2;
    for (size_t i = start; i <= n; i++) {
        if (i < n && text.data[i] != '.')
            continue;
        if (!is_label(text.data + start, i - start))
            return false;
        start = i + 1;
    }
    *name = (struct x509_bytes){text.data, n};
    return true;
}

bool x509_equal_folded(struct x509_bytes a, struct x509_bytes b)
{
    if (a.length != b.length)
        return false;
    for (size_t i = 0; i < a.length; i++)
        if (lower(a.data[i]) != lower(b.data[i]))
            return false;
    return true;
}

static struct x509_bytes after_first_dot(struct x509_bytes name)
{
    const uint8_t *dot = memchr(name.data, '.', name.length);
    if (!dot)
        return (struct x509_bytes){name.data, 0};
    return (struct x509_bytes){dot + 1, name.length - (size_t)(dot + 1 - name.data)};
}

/* Both are valid; presented may begin with "*.". */
static bool matches(struct x509_bytes presented, struct x509_bytes wanted)
{
    if (presented.data[0] != '*')
        return x509_equal_folded(presented, wanted);
    struct x509_bytes rest = after_first_dot(presented), wanted_rest = after_first_dot(wanted);
    return after_first_dot(rest).length > 0 && x509_equal_folded(rest, wanted_rest);
}

/* A name whose last label is a number is an IPv4 address in one of its spellings. */
static bool looks_like_ip(struct x509_bytes name)
{
    size_t i = name.length;
    while (i > 0 && name.data[i - 1] >= '0' && name.data[i - 1] <= '9')
        i--;
    return i < name.length && (i == 0 || name.data[i - 1] == '.');
}

bool x509_host_name(struct x509_bytes text, struct x509_bytes *name)
{
    return x509_dns_name(text, false, name) && !looks_like_ip(*name);
}

bool x509_entry_matches(struct x509_bytes entry, const char *name)
{
    struct x509_bytes wanted, presented;
    return x509_host_name((struct x509_bytes){(const uint8_t *)name, strlen(name)}, &wanted) &&
           x509_dns_name(entry, true, &presented) && matches(presented, wanted);
}

bool x509_matches_dns(const struct x509_certificate *cert, const char *name)
{
    struct der d = der_over(cert->subject_alt_name);
    struct der_element e;
    while (!der_done(&d) && der_next(&d, &e))
        if (e.tag == X509_GN_DNS && x509_entry_matches(e.content, name))
            return true;
    return false;
}

struct x509_bytes x509_name_of_old(const struct x509_certificate *cert,
                                   const struct x509_rules *rules)
{
    struct der d = der_over(cert->subject_alt_name);
    struct der_element e;
    while (!der_done(&d) && der_next(&d, &e))
        if (e.tag == X509_GN_DNS)
            return (struct x509_bytes){NULL, 0};
    return rules->allow_common_name ? x509_common_name(cert->subject)
                                    : (struct x509_bytes){NULL, 0};
}

bool x509_matches_ip(const struct x509_certificate *cert, struct x509_bytes ip)
{
    struct der d = der_over(cert->subject_alt_name);
    struct der_element e;
    if (ip.length != 4 && ip.length != 16)
        return false;
    while (!der_done(&d) && der_next(&d, &e))
        if (e.tag == X509_GN_IP && x509_bytes_equal(e.content, ip))
            return true;
    return false;
}

/* ---- allow-lists ---- */

static bool is_entry(const struct der_element *e, const struct x509_alt_name *wanted)
{
    static const uint8_t tags[] = {[X509_ALT_DNS] = X509_GN_DNS,
                                   [X509_ALT_EMAIL] = X509_GN_EMAIL,
                                   [X509_ALT_URI] = X509_GN_URI,
                                   [X509_ALT_IP] = X509_GN_IP};
    return e->tag == tags[wanted->kind] &&
           (wanted->kind == X509_ALT_DNS ? x509_equal_folded(e->content, wanted->value)
                                         : x509_bytes_equal(e->content, wanted->value));
}

static bool has_subject(const struct x509_certificate *cert, const struct x509_admitted *admitted)
{
    char text[1024]; /* one that is longer ends in dots and is nobody's */
    if (admitted->subject_count == 0 || x509_name_is_empty(cert->subject))
        return false;
    x509_name_text(cert->subject, text, sizeof text);
    for (size_t i = 0; i < admitted->subject_count; i++)
        if (strcmp(admitted->subjects[i], text) == 0)
            return strlen(text) < sizeof text - 1;
    return false;
}

bool x509_is_admitted(const struct x509_certificate *cert, const struct x509_admitted *admitted)
{
    struct der d = der_over(cert->subject_alt_name);
    struct der_element e;
    if (has_subject(cert, admitted))
        return true;
    while (!der_done(&d) && der_next(&d, &e))
        for (size_t i = 0; i < admitted->name_count; i++)
            if (is_entry(&e, &admitted->names[i]))
                return true;
    return false;
}

/* ---- for people ---- */

static void add_ipv6(struct x509_text *t, const uint8_t *ip)
{
    for (size_t i = 0; i < 16; i += 2) {
        unsigned group = (unsigned)ip[i] << 8 | ip[i + 1];
        bool shown = false;
        if (i > 0)
            x509_text_add(t, ":");
        for (int shift = 12; shift >= 0; shift -= 4) {
            char digit[2] = {"0123456789abcdef"[group >> shift & 15], 0};
            shown |= digit[0] != '0' || shift == 0;
            if (shown)
                x509_text_add(t, digit);
        }
    }
}

void x509_text_add_ip(struct x509_text *t, struct x509_bytes ip)
{
    if (ip.length == 16) {
        add_ipv6(t, ip.data);
        return;
    }
    for (size_t i = 0; i < ip.length; i++) {
        if (i > 0)
            x509_text_add(t, ".");
        x509_text_add_number(t, ip.data[i]);
    }
}

void x509_san_text(const struct x509_certificate *cert, char *out, size_t size)
{
    struct x509_text t = x509_text_over(out, size);
    struct der d = der_over(cert->subject_alt_name);
    struct der_element e;
    bool first = true;
    while (!der_done(&d) && der_next(&d, &e) && !t.cut) {
        if (!first)
            x509_text_add(&t, " ");
        first = false;
        switch (e.tag) {
        case X509_GN_IP:
            x509_text_add_ip(&t, e.content);
            break;
        case X509_GN_DNS:
        case X509_GN_EMAIL:
        case X509_GN_URI:
            for (size_t i = 0; i < e.content.length; i++)
                x509_text_add_escaped(&t, e.content.data[i]);
            break;
        default:
            x509_text_add(&t, "(other)");
            break;
        }
    }
    x509_text_end(&t);
}
