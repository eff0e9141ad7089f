/* Certificates, CRLs and OCSP responses changed as trees: elements are removed, doubled, swapped
 * for others and altered, with every length around them put right again, so that the change is met
 * where it is meant to be and not by the first length check.
 *
 * The driver's input is not a document but the list of changes. */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/x509_seeds.h"
#include "tls/x509/x509_crl.h"
#include "tls/x509/x509_internal.h"
#include "tls/x509/x509_ocsp.h"

enum { SEEDS = sizeof x509_seeds / sizeof x509_seeds[0], SIZE = 1 << 15, DEPTH_MAX = 24 };

static struct x509_certificate root;
static struct x509_crl base;
static const char *why;

void fuzz_start(void)
{
    static uint8_t orders[256];
    if (x509_parse(&root, x509_seeds[0].bytes, x509_seeds[0].length, &why) != TLS_ERROR_OK ||
        x509_crl_parse(&base, x509_seeds[7].bytes, x509_seeds[7].length, &why) != TLS_ERROR_OK)
        __builtin_trap();
    for (unsigned n = 0; n < 32; n++) {
        for (size_t i = 0; i < sizeof orders; i++)
            orders[i] = (uint8_t)((n + 1) * 167 * (i + 3) >> (i % 5));
        fuzz_seed(orders, 8 + 8 * n);
    }
}

/* ---- orders: the driver's bytes, taken one after the other ---- */

static const uint8_t *order_at, *order_end;

static unsigned order(unsigned below)
{
    unsigned n = 0;
    for (int i = 0; i < 2 && order_at < order_end; i++)
        n = n << 8 | *order_at++;
    return below ? n % below : 0;
}

/* ---- trees ---- */

static bool is_constructed(uint8_t tag, struct x509_bytes content)
{
    struct der d = der_over(content);
    struct der_element e;
    if (tag & 0x20)
        return true;
    if (tag != DER_OCTET_STRING || content.length == 0) /* extnValue and the like */
        return false;
    while (!der_done(&d))
        if (!der_next(&d, &e))
            return false;
    return true;
}

static size_t count_elements(struct x509_bytes content, unsigned depth)
{
    struct der d = der_over(content);
    struct der_element e;
    size_t n = 0;
    while (!der_done(&d) && der_next(&d, &e))
        n += 1 + (depth < DEPTH_MAX && is_constructed(e.tag, e.content)
                      ? count_elements(e.content, depth + 1)
                      : 0);
    return n;
}

/* The element with this number in order of appearance. */
static bool find_element(struct x509_bytes content, size_t *number, unsigned depth,
                         struct der_element *found)
{
    struct der d = der_over(content);
    while (!der_done(&d) && der_next(&d, found)) {
        if ((*number)-- == 0)
            return true;
        struct der_element e = *found;
        if (depth < DEPTH_MAX && is_constructed(e.tag, e.content) &&
            find_element(e.content, number, depth + 1, found))
            return true;
    }
    return false;
}

struct out {
    uint8_t *bytes;
    size_t length;
};

static void put(struct out *out, const uint8_t *bytes, size_t n)
{
    if (n > SIZE - out->length)
        n = SIZE - out->length;
    if (n > 0)
        memcpy(out->bytes + out->length, bytes, n);
    out->length += n;
}

static void put_element(struct out *out, uint8_t tag, const uint8_t *content, size_t n)
{
    uint8_t header[4] = {tag, (uint8_t)n};
    size_t size = 2;
    if (n >= 128) {
        size = n < 256 ? 3 : 4;
        header[1] = (uint8_t)(0x80 | (size - 2));
        header[2] = (uint8_t)(n >> 8);
        header[size - 1] = (uint8_t)n;
    }
    put(out, header, size);
    put(out, content, n);
}

static void put_changed(struct out *out, const struct der_element *e)
{
    uint8_t *content = malloc(e->content.length + 8);
    size_t n = e->content.length, seed, number;
    struct der_element other;
    if (!content)
        abort();
    memcpy(content, e->content.data, n);
    switch (order(9)) {
    case 0: /* removed */
        break;
    case 1: /* twice */
        put(out, e->whole.data, e->whole.length);
        put(out, e->whole.data, e->whole.length);
        break;
    case 2: /* another tag */
        put_element(out, (uint8_t)(order(4) ? e->tag ^ 1u << order(8) : order(256)), content, n);
        break;
    case 3: /* empty */
        put_element(out, e->tag, content, 0);
        break;
    case 4: /* shorter */
        put_element(out, e->tag, content, order((unsigned)n + 1));
        break;
    case 5: /* longer */
        for (unsigned i = order(8); i > 0; i--)
            content[n++] = (uint8_t)order(256);
        put_element(out, e->tag, content, n);
        break;
    case 6: /* another element of any document instead */
        seed = order(SEEDS);
        number = order(1000);
        struct x509_bytes all = {x509_seeds[seed].bytes, x509_seeds[seed].length};
        number %= count_elements(all, 0);
        if (find_element(all, &number, 0, &other))
            put(out, other.whole.data, other.whole.length);
        break;
    default: /* a byte or two */
        for (unsigned i = 1 + order(2); i > 0 && n > 0; i--)
            content[order((unsigned)n)] = (uint8_t)order(256);
        put_element(out, e->tag, content, n);
    }
    free(content);
}

static void copy_changed(struct out *out, struct x509_bytes content, size_t *target, unsigned depth)
{
    struct der d = der_over(content);
    struct der_element e;
    while (!der_done(&d) && der_next(&d, &e)) {
        if ((*target)-- == 0) {
            put_changed(out, &e);
            continue;
        }
        if (depth >= DEPTH_MAX || !is_constructed(e.tag, e.content)) {
            put(out, e.whole.data, e.whole.length);
            continue;
        }
        static uint8_t room[DEPTH_MAX][SIZE];
        struct out inside = {room[depth], 0};
        copy_changed(&inside, e.content, target, depth + 1);
        put_element(out, e.tag, inside.bytes, inside.length);
    }
}

/* ---- what is done with a document ---- */

static const struct x509_rules rules = {.now = 1735689600,
                                        .purpose = X509_SERVER,
                                        .minimum_rsa_bits = 512,
                                        .allow_sha1 = true,
                                        .allow_common_name = true,
                                        .dns_name = "host.example"};

static void use_certificate(const struct x509_certificate *cert)
{
    struct x509_trust trust = {&root, 1};
    struct x509_certificate chain[2] = {*cert, root};
    struct x509_failure failure;
    char text[64];
    unsigned reason;
    x509_name_text(cert->subject, text, sizeof text);
    x509_san_text(cert, text, sizeof text);
    /* The signature does not hold, so that what comes after it is called by hand: as leaf, as CA
     * and as anchor. */
    const struct x509_certificate *const path[] = {cert, cert, &root, cert};
    x509_names_allowed(path, 4, &rules, &failure);
    x509_policies_hold(path, 4, &rules, &failure);
    x509_profile_leaf(cert, &failure);
    x509_profile_pair(cert, &root, true, &failure);
    x509_profile_pair(&root, cert, false, &failure);
    x509_crl_find(&base, cert->issuer, cert->serial, &reason);
    if (order(16) != 1) /* signatures take a hundred times as long as all the rest */
        return;
    struct x509_rules with_crl = rules;
    with_crl.crls = &base;
    with_crl.crl_count = 1;
    x509_verify(chain, 2, &trust, &with_crl, &failure);
    struct x509_work work = {.signatures = 0};
    struct x509_search search = {.chain = chain,
                                 .count = 2,
                                 .trust = &trust,
                                 .rules = &with_crl,
                                 .work = &work,
                                 .failure = &failure,
                                 .path = {&chain[0], &chain[1]}};
    x509_not_revoked(&search, 2, &failure);
}

static void use_crl(const struct x509_crl *crl)
{
    unsigned reason;
    struct x509_trust trust = {&root, 1};
    struct x509_failure failure;
    struct x509_rules with_crl = rules;
    with_crl.crls = crl;
    with_crl.crl_count = 1;
    x509_crl_find(crl, root.subject, root.serial, &reason);
    if (order(16) == 1)
        x509_verify(&root, 1, &trust, &with_crl, &failure);
}

void fuzz_input(const uint8_t *bytes, size_t n)
{
    struct x509_certificate cert;
    struct x509_crl crl;
    order_at = bytes;
    order_end = bytes + n;
    size_t seed = order(SEEDS);
    static uint8_t room[2][SIZE];
    struct out document = {room[0], x509_seeds[seed].length};
    memcpy(document.bytes, x509_seeds[seed].bytes, document.length);
    for (unsigned changes = 1 + order(4); changes > 0; changes--) {
        struct out changed = {room[changes % 2], 0};
        if (changed.bytes == document.bytes)
            changed.bytes = room[1 - changes % 2];
        struct x509_bytes all = {document.bytes, document.length};
        size_t elements = count_elements(all, 0);
        size_t target = elements ? order((unsigned)elements) : 0;
        copy_changed(&changed, all, &target, 0);
        document = changed;
    }
    size_t length = document.length;
    uint8_t *exact = malloc(length ? length : 1);
    if (!exact)
        abort();
    memcpy(exact, document.bytes, length);
    why = NULL;
    if (x509_parse(&cert, exact, length, &why) == TLS_ERROR_OK)
        use_certificate(&cert);
    else if (!why)
        __builtin_trap(); /* every refusal has a reason */
    if (x509_crl_parse(&crl, exact, length, &why) == TLS_ERROR_OK)
        use_crl(&crl);
    if (seed >= 9)
        x509_ocsp_check((struct x509_bytes){exact, length}, &root, &root, &rules, &why);
    free(exact);
}
