/* What probe found, for people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy_text.h"
#include "../../tls/tls_key_exchange.h"
#include "probe.h"

enum { LABEL = 13 };

/* Text that a peer made: control characters escaped. */
static void put_shown(const char *text)
{
    char shown[POLICY_SHOWN_MAX];
    for (size_t n = strlen(text), taken; n > 0; text += taken, n -= taken) {
        taken = policy_show(text, n, shown);
        fputs(shown, stdout);
    }
}

static const char *said(enum scan_said what)
{
    return what == SCAN_YES ? "yes" : what == SCAN_NO ? "no" : "not asked";
}

static void show_session(const struct probe *probe)
{
    const struct probe_session *session = &probe->session;
    if (session->ladder_count == 0)
        return;
    printf("\n%s\n\n", ladder_head);
    for (size_t i = 0; i < session->ladder_count; i++)
        printf("%s\n", session->ladder[i]);
    if (!session->established) {
        fputs("\nThe handshake failed: ", stdout);
        put_shown(session->failure);
        putchar('\n');
    }
}

static void show_certificate(const struct x509_certificate *cert, size_t number)
{
    char text[400], key[PROBE_KEY_TEXT], pin[PROBE_PIN_TEXT], from[16], till[16];
    x509_name_text(cert->subject, text, sizeof text);
    printf("  %zu. %s", number, text);
    x509_san_text(cert, text, sizeof text);
    printf("%s%s\n", text[0] ? ", for " : "", text);
    x509_name_text(cert->issuer, text, sizeof text);
    printf("     %s, from %s to %s\n", chain_key_text(&cert->key, key),
           chain_date(cert->not_before, from), chain_date(cert->not_after, till));
    printf("     signed by %s, %s\n", text, chain_signature_text(cert->signature_algorithm.id));
    chain_pin(cert, pin);
    printf("     pin = %s\n", pin);
}

static void show_certificates(const struct probe *probe)
{
    printf("\nCertificates\n");
    for (size_t i = 0; i < probe->chain.count; i++)
        show_certificate(&probe->chain.list[i], i + 1);
    if (probe->chain.broken)
        printf("  %zu. cannot be read: %s\n", probe->chain.count + 1, probe->chain.broken);
    else if (probe->chain.count == 0)
        printf("  none\n");
    if (probe->chain.count == 0)
        return;
    const char *from = probe->trust ? probe->trust : "system";
    if (probe->trusted == TLS_ERROR_OK)
        printf("  trusted, by trust = %s\n", from);
    else
        printf("  not trusted, by trust = %s: %s\n", from, probe->trust_text);
}

static void show_suites(const struct probe *probe)
{
    const struct scan *scan = &probe->scan;
    printf("\nSuites under TLS 1.0%s\n", scan->own_order == SCAN_YES ? ", in its own order"
                                         : scan->own_order == SCAN_NO
                                             ? "; the client's order counts"
                                             : "");
    for (size_t i = 0; i < scan->suite_count; i++) {
        const struct scan_suite *found = &scan->suites[i];
        printf("  %-40s %3u bits", found->suite->name, found->suite->cipher_bits);
        if (found->group)
            printf(", %s", probe_group_name(found->group));
        if (found->exchange_bits)
            printf(", %s of %u bits",
                   tls_key_exchange_info(found->suite->key_exchange)->agreement == TLS_AGREE_DH
                       ? "group"
                       : "key",
                   found->exchange_bits);
        putchar('\n');
    }
}

static void show_abilities(const struct probe *probe)
{
    const struct scan *scan = &probe->scan;
    printf("\n%-*s", LABEL, "Versions");
    for (size_t i = 0; i < SCAN_VERSIONS; i++)
        printf("%s%s %s", i ? ", " : "", probe_version_name(scan_version(i)),
               said(scan->versions[i]));
    printf("\n%-*s", LABEL, "Groups");
    for (size_t i = 0; i < scan->group_count; i++)
        printf("%s%s", i ? " " : "", probe_group_name(scan->groups[i]));
    printf("%s\n%-*s", scan->group_count ? "" : "none", LABEL, "Extensions");
    for (size_t i = 0; i < scan->answer->extension_count; i++)
        printf("%s%s", i ? " " : "", probe_extension_name(scan->answer->extensions[i]));
    printf("%s\n", scan->answer->extension_count ? "" : "none");
    if (scan->protocol[0]) {
        printf("%-*s", LABEL, "ALPN");
        put_shown(scan->protocol);
        putchar('\n');
    }
    printf("%-*sby session id %s, by ticket %s\n", LABEL, "Resumption",
           probe->resumes_by_id ? "yes" : "no", probe->resumes_by_ticket ? "yes" : "no");
    printf("%-*srefuses downgrades %s, compresses %s, asks for a client certificate %s\n", LABEL,
           "Habits", said(scan->fallback), said(scan->compression),
           scan->wants_certificate ? "yes" : "no");
}

static void show_advice(const struct probe *probe)
{
    bool any = false;
    if (probe->rule.impossible[0]) {
        printf("\nNo rule will do: %s\n", probe->rule.impossible);
        return;
    }
    for (size_t i = 0; i < probe->rule.count; i++) {
        const struct probe_setting *setting = &probe->rule.list[i];
        if (!setting->why[0])
            continue;
        if (!any)
            printf("\nA rule for it needs (--rule prints one whole)\n");
        any = true;
        printf("  %s = %s  # %s\n", policy_keys[setting->key].name, setting->value, setting->why);
    }
    if (!any)
        printf("\nA rule for it needs nothing out of the ordinary (--rule prints one)\n");
}

static void show_rule(const struct probe *probe)
{
    char *text = probe_rule_text(probe, true);
    if (probe->rule.impossible[0])
        printf("# No rule will do for %s: %s\n", probe->question, probe->rule.impossible);
    else if (text)
        fputs(text, stdout);
    free(text);
}

static void show_no_tls(const struct probe *probe)
{
    const struct scan *scan = &probe->scan;
    char text[300];
    probe_answer_text(scan->answer, text, sizeof text);
    printf("%s (%s) does not speak TLS 1.0: %s\n", probe->question, probe->target.text, text);
    for (size_t i = 0; i < SCAN_VERSIONS; i++)
        if (scan->versions[i] == SCAN_YES)
            printf("  it speaks %s\n", probe_version_name(scan_version(i)));
}

void probe_show(const struct probe *probe)
{
    if (probe->scan.suite_count == 0) {
        show_no_tls(probe);
        return;
    }
    if (probe->as_rule) {
        show_rule(probe);
        return;
    }
    printf("%s (%s)\n", probe->question, probe->target.text);
    show_session(probe);
    show_certificates(probe);
    show_suites(probe);
    show_abilities(probe);
    if (probe->weak_count)
        printf("\nWeaknesses\n");
    for (size_t i = 0; i < probe->weak_count; i++)
        printf("  %s\n", probe->weak[i]);
    if (probe->scan.cut_short)
        printf("\nNot everything was asked: the peer had fallen silent, or it took too long\n");
    fputs("\nPolicy: ", stdout);
    put_shown(probe->policy_text);
    putchar('\n');
    show_advice(probe);
}
