/* Which suites a rule has the keys and groups for. */
#include <stdio.h>
#include <string.h>

#include "../tls/tls_key_exchange.h"
#include "policy_parser.h"

/* Does the rule have what suites with certificates need? Without any key at all it does: what is
 * missing is then told in words of its own. */
static bool has_certificates(const struct policy_rule *rule)
{
    const struct policy_settings *settings = &rule->settings;
    return !settings->psk_file.text ||
           (rule->kind == POLICY_CLIENT ? settings->trust.count > 0
                                        : settings->certificates[0].text != NULL);
}

/* A curve, or a group without one that a server may use. */
static bool has_group(const struct policy_settings *settings, bool curve)
{
    const struct tls_group *group;
    for (size_t i = 0; (group = policy_group_at(settings, i)); i++)
        if (group->is_curve == curve &&
            (curve || cg_dh_bits(&cg_dh_groups[group->dh_group]) >= policy_dh_bits(settings)))
            return true;
    return false;
}

/* What the rule lacks for a suite, with the remedy; NULL: nothing. */
static const char *missing(const struct policy_rule *rule, const struct tls_suite *suite)
{
    const struct tls_key_exchange_info *info = tls_key_exchange_info(suite->key_exchange);
    const struct policy_settings *settings = &rule->settings;
    if (info->psk && !settings->psk_file.text)
        return "a key that both sides know beforehand; add \"psk-file = /path/to/psk.txt\"";
    if (info->certificate && !has_certificates(rule))
        return rule->kind == POLICY_CLIENT
                   ? "a certificate; add \"trust = /path/to/ca.pem\""
                   : "a certificate; add \"certificate = /path/to/chain.pem\"";
    if (info->agreement == TLS_AGREE_ECDH && !has_group(settings, true))
        return "a curve; add one to \"groups\"";
    if (info->agreement == TLS_AGREE_DH && rule->kind == POLICY_SERVER && !info->exported &&
        !settings->dh_parameters.text && !has_group(settings, false))
        return "a group that is no curve and no shorter than minimum-dh; add one to \"groups\"";
    return NULL;
}

/* A suite that the rule itself names must not be left out unseen. */
static void check_named(struct policy_parser *parser, const struct policy_rule *rule)
{
    const struct policy_entry *entry = rule->said[POLICY_KEY_SUITES];
    struct policy_word rest, word;
    if (!entry || entry->of_defaults)
        return;
    rest = entry->value;
    while (policy_next_word(&rest, &word)) {
        const struct tls_suite *suite = tls_suite_by_name(word.text, word.length);
        const char *what = suite ? missing(rule, suite) : NULL;
        if (what) {
            policy_complain(parser, word.place, "%s needs %s, or remove the suite", suite->name,
                            what);
            return;
        }
    }
}

void policy_keep_usable_suites(struct policy_parser *parser, const struct policy_rule *rule,
                               struct policy_settings *settings)
{
    size_t kept = 0;
    for (size_t i = 0; i < settings->suite_count; i++)
        if (!missing(rule, tls_suite_by_id(settings->suites[i])))
            settings->suites[kept++] = settings->suites[i];
    settings->suite_count = kept;
    check_named(parser, rule);
}
