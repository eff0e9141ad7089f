/* Warnings of `tlshim check` about certificates. */
#include <stdio.h>
#include <time.h>

#include "../../policy/policy_detail.h"
#include "../../policy/policy_pattern.h"
#include "findings.h"

static const char *date_text(int64_t seconds, char out[16])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    if (!gmtime_r(&t, &tm) || strftime(out, 16, "%Y-%m-%d", &tm) == 0)
        snprintf(out, 16, "?");
    return out;
}

static void warn_of_dates(struct findings *findings, struct policy_place place,
                          const struct x509_certificate *cert, int64_t now)
{
    char subject[160], date[16];
    x509_name_text(cert->subject, subject, sizeof subject);
    if (now > cert->not_after)
        warn(findings, place, "certificate %s expired on %s; peers will refuse it: renew it",
             subject, date_text(cert->not_after, date));
    else if (now < cert->not_before)
        warn(findings, place,
             "certificate %s is not valid before %s; peers will refuse it till "
             "then",
             subject, date_text(cert->not_before, date));
    else if (cert->not_after - now < WARN_DAYS * 86400 &&
             cert->not_after - now < (cert->not_after - cert->not_before) / 3)
        warn(findings, place, "certificate %s expires in %d days, on %s; renew it", subject,
             (int)((cert->not_after - now) / 86400), date_text(cert->not_after, date));
}

/* place: where the certificate is named. */
static void warn_of_own(struct findings *findings, const struct policy_rule *rule,
                        struct policy_place place, const struct tls_credential *credential,
                        int64_t now)
{
    const char *why;
    for (size_t i = 0; i < credential->chain_count; i++) {
        struct x509_certificate cert;
        if (x509_parse(&cert, credential->chain[i].data, credential->chain[i].length, &why) !=
            TLS_ERROR_OK)
            continue;
        warn_of_dates(findings, place, &cert, now);
        if (i > 0)
            continue;
        bool server = rule->kind == POLICY_SERVER;
        if (server && cert.subject_alt_name.length == 0)
            warn(findings, place,
                 "the certificate carries no subjectAltName; clients will not find "
                 "their server's name in it: make it anew with one");
        if (server ? !cert.allows_server : !cert.allows_client)
            warn(findings, place,
                 "the certificate's extendedKeyUsage does not allow a %s; peers will refuse it",
                 server ? "server" : "client");
    }
}

/* Some root that may issue others: then names are a matter of what they issue. */
static bool has_issuer(const struct x509_trust *trust)
{
    size_t i = 0;
    while (i < trust->count && !trust->roots[i].is_ca && trust->roots[i].version == 3)
        i++;
    return i < trust->count;
}

static bool is_carried(const struct x509_trust *trust, const char *name)
{
    uint8_t address[16], length;
    bool ip = policy_read_address(name, address, &length);
    for (size_t i = 0; i < trust->count; i++)
        if (ip ? x509_matches_ip(&trust->roots[i], (struct x509_bytes){address, length})
               : x509_matches_dns(&trust->roots[i], name))
            return true;
    return false;
}

/* When only certificates of servers themselves are trusted, they must carry the names. */
static void warn_of_names(struct findings *findings, const struct policy_rule *rule,
                          const struct x509_trust *trust)
{
    const struct policy_string *name = &rule->settings.verify_name;
    if (has_issuer(trust))
        return;
    if (name->text && !is_carried(trust, name->text))
        warn(findings, name->place, "no certificate of this rule's trust carries \"%.200s\"",
             name->text);
    for (const struct policy_pattern *p = rule->connect; p && !name->text; p = p->next)
        if (p->host == POLICY_HOST_NAME && !is_carried(trust, p->name))
            warn(findings, p->word.place, "no certificate of this rule's trust carries \"%.200s\"",
                 p->name);
}

void warn_of_certificates(struct findings *findings, const struct policy_rule *rule,
                          const struct tls_config *config, int64_t now)
{
    size_t i = 0;
    for (const struct tls_credential *c = config->credential; c; c = c->next)
        warn_of_own(findings, rule, rule->settings.certificates[i++].place, c, now);
    if (config->trust && rule->kind == POLICY_CLIENT)
        warn_of_names(findings, rule, config->trust);
}
