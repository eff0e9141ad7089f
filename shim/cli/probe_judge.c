/* What is weak about a peer, and the tightest rule that it satisfies. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../policy/policy_pattern.h"
#include "../../policy/policy_text.h"
#include "../../tls/tls_key_exchange.h"
#include "../common_credentials.h"
#include "cli.h"
#include "probe.h"

enum { MODERN = 112 /* NIST SP 800-131A, and the floor of the preset `default` */ };

/* why: empty where the setting only tightens. A key that policies may not have is left out. */
static void add(struct probe *probe, enum policy_key_id key, const char *why, const char *format,
                ...) __attribute__((format(printf, 4, 5)));
static void add(struct probe *probe, enum policy_key_id key, const char *why, const char *format,
                ...)
{
    va_list args;
    struct probe_rule *rule = &probe->rule;
    if (rule->count == PROBE_SETTINGS_MAX || !(policy_keys[key].honoured & POLICY_IN_CLIENT))
        return;
    struct probe_setting *setting = &rule->list[rule->count++];
    setting->key = key;
    snprintf(setting->why, sizeof setting->why, "%s", why);
    va_start(args, format);
    vsnprintf(setting->value, sizeof setting->value, format, args);
    va_end(args);
}

/* ---- certificates ---- */

/* How far the rules for certificates must be loosened. */
struct loosening {
    bool sha1, other_name, pinned;
    unsigned rsa_bits;
};

static enum tls_error verify(const struct probe *probe, const struct x509_trust *trust,
                             const struct loosening *loose, struct x509_failure *failure)
{
    const struct probe_target *target = &probe->target;
    uint8_t address[16], length = 0;
    struct x509_rules rules = {.now = time(NULL),
                               .purpose = X509_SERVER,
                               .minimum_rsa_bits = loose->rsa_bits,
                               .allow_sha1 = loose->sha1};
    const struct x509_trust leaf = {probe->chain.list, 1};
    if (!loose->other_name && target->name)
        rules.dns_name = target->name;
    else if (!loose->other_name && policy_read_address(target->host, address, &length))
        rules.ip = (struct x509_bytes){address, length};
    return x509_verify(probe->chain.list, probe->chain.count, loose->pinned ? &leaf : trust, &rules,
                       failure);
}

/* Loosens one thing after the other until the chain holds. False: it cannot be made to. */
static bool loosen(struct probe *probe, const struct x509_trust *trust, struct loosening *loose)
{
    for (;;) {
        struct x509_failure failure = {.error = TLS_ERROR_OK};
        enum tls_error error = verify(probe, trust, loose, &failure);
        if (error != TLS_ERROR_OK && probe->trusted == TLS_ERROR_OK) {
            probe->trusted = error;
            snprintf(probe->trust_text, sizeof probe->trust_text, "%s: %s", tls_error_words(error),
                     failure.detail);
        }
        if (error == TLS_ERROR_OK)
            return true;
        if (error == TLS_ERROR_CERT_WEAK_HASH && !loose->sha1)
            loose->sha1 = true;
        else if (error == TLS_ERROR_CERT_WEAK_KEY && loose->rsa_bits > 512)
            loose->rsa_bits /= 2;
        else if (error == TLS_ERROR_CERT_NAME && !loose->other_name)
            loose->other_name = true;
        else if (error == TLS_ERROR_CERT_UNTRUSTED && !loose->pinned)
            /* Then nobody's signature counts any more. */
            *loose = (struct loosening){
                .pinned = true, .other_name = loose->other_name, .rsa_bits = loose->rsa_bits};
        else {
            snprintf(probe->rule.impossible, sizeof probe->rule.impossible, "%s: %.240s",
                     tls_error_words(error), failure.detail);
            return false;
        }
    }
}

/* The first name that the leaf carries. */
static void first_name(const struct x509_certificate *leaf, char *out, size_t size)
{
    x509_san_text(leaf, out, size);
    out[strcspn(out, " ")] = '\0';
}

/* The highest floor of certificates that the chain reaches, of those above 2048 bits of RSA. */
static unsigned highest_floor(const struct probe *probe, const struct x509_trust *trust,
                              const struct loosening *loose)
{
    static const unsigned floors[] = {256, 192, 128};
    for (size_t i = 0; i < sizeof floors / sizeof floors[0]; i++) {
        struct x509_failure failure;
        struct loosening tight = *loose;
        tight.rsa_bits = policy_rsa_bits(floors[i]);
        if (verify(probe, trust, &tight, &failure) == TLS_ERROR_OK)
            return floors[i];
    }
    return MODERN;
}

static void judge_certificates(struct probe *probe, const struct x509_trust *trust)
{
    struct loosening loose = {.rsa_bits = 2048};
    char pin[PROBE_PIN_TEXT], name[256];
    const struct x509_certificate *leaf = &probe->chain.list[0];
    bool good = loosen(probe, trust, &loose);
    if (!good)
        loose.pinned = true;
    const char *from = probe->trust ? probe->trust : "system";
    char *path = strcmp(from, "system") == 0 ? strdup(from) : absolute_path(from);
    chain_pin(leaf, pin);
    add(probe, POLICY_KEY_TRUST,
        loose.pinned ? "nobody that is trusted has signed its certificate: its key itself is" : "",
        "%s",
        loose.pinned ? "pin-only"
        : path       ? path
                     : from);
    add(probe, POLICY_KEY_PIN, "", "%s", pin);
    free(path);
    first_name(leaf, name, sizeof name);
    if (loose.other_name && name[0])
        add(probe, POLICY_KEY_VERIFY_NAME, "the certificate is for other names", "%s", name);
    if (loose.sha1)
        add(probe, POLICY_KEY_SHA1_CERTIFICATES, "a certificate is signed with SHA-1", "allow");
    if (loose.rsa_bits < 2048)
        add(probe, POLICY_KEY_MINIMUM_CERTIFICATE, "a key of the chain is short", "%u",
            loose.rsa_bits >= 1024 ? 80 : 56);
    else if (good)
        add(probe, POLICY_KEY_MINIMUM_CERTIFICATE, "", "%u", highest_floor(probe, trust, &loose));
}

/* ---- suites ---- */

struct worth {
    const struct tls_suite *suite;
    unsigned cipher, exchange, certificate;
    unsigned group;           /* bits of a Diffie-Hellman prime; 0: none */
    bool forward, plain_form; /* secret for ever; with a certificate, not for export, encrypting */
};

static struct worth worth_of(const struct probe *probe, const struct scan_suite *found)
{
    const struct tls_key_exchange_info *info = tls_key_exchange_info(found->suite->key_exchange);
    const struct x509_key *key = probe->chain.count ? &probe->chain.list[0].key : NULL;
    unsigned leaf = key ? chain_key_bits(key) : 0;
    struct worth w = {.suite = found->suite, .cipher = found->suite->cipher_bits};
    w.certificate = info->certificate ? leaf : 0;
    w.exchange = info->exported                      ? 40
                 : info->agreement == TLS_AGREE_ECDH ? probe_group_bits(found->group)
                 : info->agreement == TLS_AGREE_DH   ? chain_modulus_bits(found->exchange_bits)
                                                     : leaf;
    w.group = info->agreement == TLS_AGREE_DH ? found->exchange_bits : 0;
    w.forward =
        !info->exported && (info->agreement == TLS_AGREE_ECDH || info->agreement == TLS_AGREE_DH);
    w.plain_form = info->certificate && !info->psk && !info->exported && w.cipher > 0;
    return w;
}

/* Keeps those that have a property, if there are any. */
static void prefer(struct worth *list, size_t *count, bool (*has)(const struct worth *w))
{
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        kept += has(&list[i]);
    if (kept == 0)
        return;
    kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (has(&list[i]))
            list[kept++] = list[i];
    *count = kept;
}

static bool encrypts_well(const struct worth *w)
{
    return w->cipher >= MODERN;
}

static bool exchanges_well(const struct worth *w)
{
    return w->exchange >= MODERN;
}

static bool is_forward(const struct worth *w)
{
    return w->forward;
}

/* The highest value that the floor's key takes and that is not above `bits`. */
static unsigned floor_of(unsigned bits)
{
    static const unsigned floors[] = {256, 192, 128, 112, 80, 56, 40, 0};
    size_t i = 0;
    while (floors[i] > bits)
        i++;
    return floors[i];
}

/* Keeps the suites of the highest floor that any of them reaches, and returns it. */
static unsigned keep_strongest(struct worth *list, size_t *count, bool exchange)
{
    unsigned best = 0;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        unsigned bits = floor_of(exchange ? list[i].exchange : list[i].cipher);
        best = bits > best ? bits : best;
    }
    for (size_t i = 0; i < *count; i++)
        if ((exchange ? list[i].exchange : list[i].cipher) >= best)
            list[kept++] = list[i];
    *count = kept;
    return best;
}

/* Of those that have one; 0: none has. */
static unsigned smallest_group(const struct worth *list, size_t count)
{
    unsigned smallest = 0;
    for (size_t i = 0; i < count; i++)
        if (list[i].group > 0 && (smallest == 0 || list[i].group < smallest))
            smallest = list[i].group;
    return smallest;
}

static void join_names(const struct worth *list, size_t count, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++)
        used +=
            (size_t)snprintf(out + used, size - used, "%s%s", i ? " " : "", list[i].suite->name);
}

static void judge_suites(struct probe *probe)
{
    struct worth list[TLS_SUITES_MAX];
    size_t count = 0;
    char names[1200];
    for (size_t i = 0; i < probe->scan.suite_count; i++) {
        list[count] = worth_of(probe, &probe->scan.suites[i]);
        count += list[count].plain_form;
    }
    if (count == 0) {
        snprintf(probe->rule.impossible, sizeof probe->rule.impossible,
                 "it accepts no suite that encrypts and has a certificate");
        return;
    }
    prefer(list, &count, encrypts_well);
    prefer(list, &count, exchanges_well);
    prefer(list, &count, is_forward);
    unsigned exchange = keep_strongest(list, &count, true);
    unsigned cipher = keep_strongest(list, &count, false);
    join_names(list, count, names, sizeof names);
    add(probe, POLICY_KEY_SUITES, "", "%s", names);
    add(probe, POLICY_KEY_MINIMUM_CIPHER, cipher < MODERN ? "none of its ciphers is stronger" : "",
        "%u", cipher);
    add(probe, POLICY_KEY_MINIMUM_KEY_EXCHANGE,
        exchange < MODERN ? "it has no stronger key exchange" : "", "%u", exchange);
    unsigned group = smallest_group(list, count);
    if (group > 0)
        add(probe, POLICY_KEY_MINIMUM_DH, "", "%u", group);
}

/* ---- habits ---- */

enum { RENEGOTIATION_INFO = 0xff01, HEARTBEAT = 15, EXTENDED_MASTER_SECRET = 23 };

static void judge_habits(struct probe *probe)
{
    const struct scan *scan = &probe->scan;
    if (scan->no_extensions)
        add(probe, POLICY_KEY_EXTENSIONS, "it does not answer a hello with extensions", "omit");
    if (!probe_answered_extension(scan->answer, RENEGOTIATION_INFO))
        add(probe, POLICY_KEY_RENEGOTIATION_INFO, "it does not know RFC 5746", "optional");
}

/* ---- weaknesses ---- */

static void weak(struct probe *probe, bool is, const char *words)
{
    if (is && probe->weak_count < PROBE_WEAK_MAX)
        probe->weak[probe->weak_count++] = words;
}

static void find_weak_suites(struct probe *probe)
{
    bool export = false, null = false, anonymous = false, rc4 = false, des = false, forward = false,
         small = false;
    for (size_t i = 0; i < probe->scan.suite_count; i++) {
        const struct scan_suite *found = &probe->scan.suites[i];
        const struct tls_key_exchange_info *info =
            tls_key_exchange_info(found->suite->key_exchange);
        struct worth w = worth_of(probe, found);
        export |= info->exported;
        null |= w.cipher == 0;
        anonymous |= !info->certificate && !info->psk;
        rc4 |= w.cipher == 64;
        des |= w.cipher == 56 || w.cipher == 112;
        forward |= w.forward && w.plain_form;
        small |= w.forward && w.plain_form && w.exchange < MODERN;
    }
    weak(probe, export, "it accepts export suites of 40 bits (FREAK, Logjam)");
    weak(probe, null, "it accepts suites that do not encrypt");
    weak(probe, anonymous, "it accepts suites without a certificate: anybody can stand between");
    weak(probe, rc4, "it accepts RC4 (RFC 7465 forbids it)");
    weak(probe, des, "it accepts ciphers with blocks of 64 bits (SWEET32)");
    weak(probe, small, "its Diffie-Hellman group is below 2048 bits (Logjam)");
    weak(probe, !forward, "no forward secrecy: who gets its key reads what was recorded");
}

static void find_weak_certificates(struct probe *probe)
{
    bool sha1 = false, md5 = false, small = false;
    int64_t now = time(NULL);
    for (size_t i = 0; i < probe->chain.count; i++) {
        const struct x509_certificate *cert = &probe->chain.list[i];
        bool root = cert->issuer.length == cert->subject.length &&
                    memcmp(cert->issuer.data, cert->subject.data, cert->issuer.length) == 0;
        sha1 |= !root && chain_is_sha1(cert->signature_algorithm.id);
        md5 |= !root && cert->signature_algorithm.id == X509_SIG_RSA_MD5;
        small |= chain_key_bits(&cert->key) < MODERN && cert->key.kind != X509_KEY_UNSUPPORTED;
        weak(probe, now > cert->not_after, "a certificate has expired");
    }
    weak(probe, md5, "a certificate is signed with MD5");
    weak(probe, sha1, "a certificate is signed with SHA-1");
    weak(probe, small, "a certificate's key has less than 112 bits of strength");
}

static void find_weaknesses(struct probe *probe)
{
    const struct scan *scan = &probe->scan;
    find_weak_certificates(probe);
    find_weak_suites(probe);
    weak(probe, scan->versions[0] == SCAN_YES, "it accepts SSL 3.0 (POODLE)");
    weak(probe,
         scan->versions[2] != SCAN_YES && scan->versions[3] != SCAN_YES &&
             scan->versions[4] != SCAN_YES,
         "it has nothing newer than TLS 1.0");
    weak(probe, scan->fallback == SCAN_NO, "it does not refuse downgrades (no TLS_FALLBACK_SCSV)");
    weak(probe, scan->compression == SCAN_YES, "it compresses (CRIME)");
    weak(probe, !probe_answered_extension(scan->answer, RENEGOTIATION_INFO),
         "no secure renegotiation (RFC 5746)");
    weak(probe, !probe_answered_extension(scan->answer, EXTENDED_MASTER_SECRET),
         "no extended master secret (RFC 7627): triple handshake attacks");
    weak(probe, probe_answered_extension(scan->answer, HEARTBEAT),
         "it answers heartbeats: make sure that it is patched (Heartbleed)");
    weak(probe, scan->own_order == SCAN_NO, "it lets the client choose the suite");
    weak(probe, scan->intolerant, "it does not answer a ClientHello of a newer version");
    weak(probe, scan->no_extensions, "it does not answer a ClientHello with extensions");
    weak(probe, scan->few_suites, "it does not answer a ClientHello with many suites");
    weak(probe, probe->session.established && !probe->session.close_answered,
         "it does not answer close_notify: cut streams look like ended ones (RFC 2246 7.2.1)");
}

void probe_judge(struct probe *probe, void (*progress)(const char *what))
{
    struct memory memory = {0};
    struct x509_trust trust = {0};
    char reason[CREDENTIALS_REASON];
    progress("certificates");
    bool loaded = !probe->trust || strcmp(probe->trust, "system") == 0
                      ? credentials_load_system_trust(&trust, &memory, reason)
                      : credentials_load_trust(&trust, probe->trust, false, &memory, reason);
    if (!loaded)
        say("%s", reason);
    if (probe->chain.count > 0)
        judge_certificates(probe, &trust);
    else
        snprintf(probe->rule.impossible, sizeof probe->rule.impossible,
                 "it shows no certificate that can be read");
    judge_suites(probe);
    judge_habits(probe);
    find_weaknesses(probe);
    memory_release(&memory);
}

/* ---- the rule as text ---- */

static void put_name(FILE *out, const struct probe *probe)
{
    for (const char *p = probe->target.host; *p; p++)
        fputc(policy_is_alphanumeric(*p) || strchr("._-", *p) ? *p : '-', out);
    fprintf(out, "-%u", probe->target.port);
}

char *probe_rule_text(const struct probe *probe, bool comments)
{
    char *text = NULL, date[16];
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return NULL;
    if (comments)
        fprintf(out, "# What %s satisfied on %s (tlshim probe --rule)\n", probe->question,
                chain_date(time(NULL), date));
    fputs("[client ", out);
    put_name(out, probe);
    fprintf(out, "]\nconnect = %s\n", probe->question);
    bool allowance = false;
    for (size_t i = 0; i < probe->rule.count; i++) {
        const struct probe_setting *setting = &probe->rule.list[i];
        fprintf(out, "%s = %s", policy_keys[setting->key].name, setting->value);
        if (comments && setting->why[0])
            fprintf(out, "  # %s", setting->why);
        fputc('\n', out);
        allowance |= setting->why[0] && setting->key != POLICY_KEY_TRUST &&
                     setting->key != POLICY_KEY_VERIFY_NAME;
    }
    if (comments && allowance)
        fputs("# legacy-until = YYYY-MM-DD  # until when to put up with that\n", out);
    return fclose(out) == 0 ? text : NULL;
}
