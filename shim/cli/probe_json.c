/* What probe found, for programs: one object. */
#include <stdio.h>
#include <stdlib.h>

#include "json.h"
#include "probe.h"

static const char *said(enum scan_said what)
{
    return what == SCAN_YES ? "true" : what == SCAN_NO ? "false" : "null";
}

static void put_versions(const struct scan *scan)
{
    putchar('{');
    for (size_t i = 0; i < SCAN_VERSIONS; i++)
        printf("%s\"%s\": %s", i ? ", " : "", probe_version_name(scan_version(i)),
               said(scan->versions[i]));
    putchar('}');
}

static void put_suites(const struct scan *scan)
{
    putchar('[');
    for (size_t i = 0; i < scan->suite_count; i++) {
        const struct scan_suite *found = &scan->suites[i];
        bool first = true;
        fputs(i ? ",\n    {" : "\n    {", stdout);
        json_text(&first, "name", found->suite->name);
        json_number(&first, "cipher_bits", found->suite->cipher_bits);
        if (found->group)
            json_text(&first, "group", probe_group_name(found->group));
        if (found->exchange_bits)
            json_number(&first, "exchange_bits", found->exchange_bits);
        putchar('}');
    }
    putchar(']');
}

static void put_certificates(const struct probe_chain *chain)
{
    putchar('[');
    for (size_t i = 0; i < chain->count; i++) {
        const struct x509_certificate *cert = &chain->list[i];
        char text[400], key[PROBE_KEY_TEXT], pin[PROBE_PIN_TEXT], date[16];
        bool first = true;
        fputs(i ? ",\n    {" : "\n    {", stdout);
        x509_name_text(cert->subject, text, sizeof text);
        json_text(&first, "subject", text);
        x509_name_text(cert->issuer, text, sizeof text);
        json_text(&first, "issuer", text);
        x509_san_text(cert, text, sizeof text);
        json_text(&first, "names", text);
        json_text(&first, "key", chain_key_text(&cert->key, key));
        json_number(&first, "key_strength", chain_key_bits(&cert->key));
        json_text(&first, "signature", chain_signature_text(cert->signature_algorithm.id));
        json_text(&first, "not_before", chain_date(cert->not_before, date));
        json_text(&first, "not_after", chain_date(cert->not_after, date));
        chain_pin(cert, pin);
        json_text(&first, "pin", pin);
        putchar('}');
    }
    putchar(']');
}

static void put_handshake(const struct probe_session *session)
{
    bool first = true;
    const struct tls_suite *suite = tls_suite_by_id(session->suite);
    putchar('{');
    json_bool(&first, "established", session->established);
    if (session->established) {
        json_text(&first, "suite", suite ? suite->name : NULL);
        json_bool(&first, "extended_master_secret", session->extended_master_secret);
        json_bool(&first, "encrypt_then_mac", session->encrypt_then_mac);
        json_bool(&first, "secure_renegotiation", session->secure_renegotiation);
        json_bool(&first, "close_notify_answered", session->close_answered);
    } else {
        json_text(&first, "failure", session->failure);
    }
    json_name(&first, "ladder");
    for (size_t i = 0; i < session->ladder_count; i++) {
        fputs(i ? ",\n    " : "[\n    ", stdout);
        json_string(session->ladder[i]);
    }
    fputs(session->ladder_count ? "]}" : "[]}", stdout);
}

static void put_settings(const struct probe_rule *rule)
{
    putchar('[');
    bool any = false;
    for (size_t i = 0; i < rule->count; i++) {
        bool first = true;
        if (!rule->list[i].why[0])
            continue;
        fputs(any ? ",\n    {" : "\n    {", stdout);
        any = true;
        json_text(&first, "key", policy_keys[rule->list[i].key].name);
        json_text(&first, "value", rule->list[i].value);
        json_text(&first, "why", rule->list[i].why);
        putchar('}');
    }
    putchar(']');
}

static void put_strings(bool *first, const char *name, size_t count,
                        const char *(*at)(const struct probe *probe, size_t i),
                        const struct probe *probe)
{
    json_name(first, name);
    putchar('[');
    for (size_t i = 0; i < count; i++) {
        fputs(i ? ", " : "", stdout);
        json_string(at(probe, i));
    }
    putchar(']');
}

static const char *group_at(const struct probe *probe, size_t i)
{
    return probe_group_name(probe->scan.groups[i]);
}

static const char *extension_at(const struct probe *probe, size_t i)
{
    return probe_extension_name(probe->scan.answer->extensions[i]);
}

static const char *weak_at(const struct probe *probe, size_t i)
{
    return probe->weak[i];
}

static void put_habits(bool *first, const struct probe *probe)
{
    const struct scan *scan = &probe->scan;
    json_name(first, "server_order");
    fputs(said(scan->own_order), stdout);
    json_name(first, "refuses_downgrades");
    fputs(said(scan->fallback), stdout);
    json_name(first, "compresses");
    fputs(said(scan->compression), stdout);
    json_bool(first, "wants_client_certificate", scan->wants_certificate);
    json_bool(first, "resumes_by_id", probe->resumes_by_id);
    json_bool(first, "resumes_by_ticket", probe->resumes_by_ticket);
    json_text(first, "alpn", scan->protocol[0] ? scan->protocol : NULL);
    json_bool(first, "complete", !scan->cut_short);
}

static void put_found(bool *first, const struct probe *probe)
{
    fputs(",\n  ", stdout);
    *first = true;
    json_name(first, "handshake");
    put_handshake(&probe->session);
    fputs(",\n  \"certificates\": ", stdout);
    put_certificates(&probe->chain);
    json_text(first, "trust_failure", probe->trusted == TLS_ERROR_OK ? NULL : probe->trust_text);
    fputs(",\n  \"suites\": ", stdout);
    put_suites(&probe->scan);
    fputs(",\n  ", stdout);
    *first = true;
    put_strings(first, "groups", probe->scan.group_count, group_at, probe);
    put_strings(first, "extensions", probe->scan.answer->extension_count, extension_at, probe);
    put_habits(first, probe);
    fputs(",\n  ", stdout);
    *first = true;
    put_strings(first, "weaknesses", probe->weak_count, weak_at, probe);
    json_name(first, "needs");
    put_settings(&probe->rule);
    char *rule = probe->rule.impossible[0] ? NULL : probe_rule_text(probe, false);
    json_text(first, "rule", rule);
    free(rule);
    json_text(first, "impossible", probe->rule.impossible[0] ? probe->rule.impossible : NULL);
    json_text(first, "policy", probe->policy_text);
    json_bool(first, "connects", probe->connects);
}

void probe_show_json(const struct probe *probe)
{
    bool first = true;
    char text[300];
    putchar('{');
    json_text(&first, "peer", probe->question);
    json_text(&first, "address", probe->target.text);
    json_name(&first, "versions");
    put_versions(&probe->scan);
    if (probe->scan.suite_count > 0) {
        put_found(&first, probe);
    } else {
        probe_answer_text(probe->scan.answer, text, sizeof text);
        json_text(&first, "failure", text);
    }
    fputs("}\n", stdout);
}
