/* Settings about who the peer is, beyond the files of certificates: pins, revocation, names. */
#include <string.h>

#include "../tls/x509/x509.h"
#include "policy_parser.h"
#include "policy_pattern.h"
#include "policy_text.h"

static const char *const kinds[] = {NULL, "system", "pin-only", "first-use"};

const struct policy_trust policy_builtin_trust = {.ocsp = POLICY_OCSP_REQUEST};

/* ---- lists ---- */

static struct policy_string *begin_list(struct policy_parser *parser,
                                        const struct policy_entry *entry, size_t room,
                                        struct policy_list *list)
{
    struct policy_string *words = policy_take(parser, entry->place, room * sizeof *words);
    *list = (struct policy_list){words, 0};
    return words;
}

static void read_pins(struct policy_parser *parser, const struct policy_entry *entry,
                      struct policy_list *pins)
{
    struct policy_word rest = entry->value, word;
    uint8_t pin[32];
    struct policy_string *words = begin_list(parser, entry, POLICY_PINS_MAX, pins);
    while (words && policy_next_word(&rest, &word)) {
        struct policy_string value = policy_expand(parser, &word, true);
        if (!value.text)
            continue;
        if (!x509_pin_parse(value.text, strlen(value.text), pin))
            policy_complain(parser, value.place,
                            "\"%.80s\" is no pin: sha256// and 44 characters of base64, as curl "
                            "writes them",
                            value.text);
        else if (pins->count == POLICY_PINS_MAX)
            policy_complain(parser, value.place, "more than %d pins", POLICY_PINS_MAX);
        else
            words[pins->count++] = value;
    }
}

static void read_client_names(struct policy_parser *parser, const struct policy_entry *entry,
                              struct policy_list *names)
{
    struct policy_word rest = entry->value, word;
    struct policy_string *words = begin_list(parser, entry, policy_count_words(rest), names);
    while (words && policy_next_word(&rest, &word)) {
        struct policy_string value = policy_expand(parser, &word, true);
        if (value.text)
            words[names->count++] = value;
    }
}

/* The next of subjects that " | " separates: they have spaces themselves. */
static bool next_subject(struct policy_word *rest, struct policy_word *subject)
{
    const char *text = rest->text, *end = text + rest->length, *bar = text;
    while (bar < end && !(*bar == '|' && bar > text && policy_is_space(bar[-1]) && bar + 1 < end &&
                          policy_is_space(bar[1])))
        bar++;
    const char *next = bar < end ? bar + 1 : end, *last = bar;
    while (next < end && policy_is_space(*next))
        next++;
    while (last > text && policy_is_space(last[-1]))
        last--;
    *subject = (struct policy_word){text, (size_t)(last - text), rest->place};
    *rest =
        (struct policy_word){next, (size_t)(end - next), policy_advance(rest->place, text, next)};
    return subject->length > 0;
}

static void read_client_subjects(struct policy_parser *parser, const struct policy_entry *entry,
                                 struct policy_list *subjects)
{
    struct policy_word rest = entry->value, subject;
    size_t room = 1;
    for (size_t i = 0; i < entry->value.length; i++)
        room += entry->value.text[i] == '|';
    struct policy_string *words = begin_list(parser, entry, room, subjects);
    while (words && next_subject(&rest, &subject)) {
        struct policy_string value = policy_expand(parser, &subject, false);
        if (value.text && !strchr(value.text, '='))
            policy_complain(parser, value.place,
                            "\"%.80s\" is no subject; write it as the log does: CN=alice, "
                            "O=Example",
                            value.text);
        else if (value.text)
            words[subjects->count++] = value;
    }
}

/* ---- settings ---- */

static void read_trust(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_settings *settings)
{
    struct policy_word rest = entry->value, word;
    struct policy_trust *trust = &settings->trusting;
    trust->kind = POLICY_TRUST_FILE;
    policy_next_word(&rest, &word);
    struct policy_string first = policy_expand(parser, &word, false);
    if (!first.text)
        return;
    for (int kind = POLICY_TRUST_SYSTEM; kind <= POLICY_TRUST_FIRST_USE; kind++)
        if (strcmp(first.text, kinds[kind]) == 0)
            trust->kind = (enum policy_trust_kind)kind;
    if (trust->kind == POLICY_TRUST_FILE) {
        policy_read_path_list(parser, entry, &settings->trust);
        return;
    }
    if (policy_next_word(&rest, &word))
        policy_complain(parser, word.place, "\"%s\" stands alone; remove what follows it",
                        first.text);
    struct policy_string *words = begin_list(parser, entry, 1, &settings->trust);
    if (words)
        words[settings->trust.count++] = first;
}

bool policy_read_trust_setting(struct policy_parser *parser, const struct policy_entry *entry,
                               struct policy_settings *settings)
{
    struct policy_trust *trust = &settings->trusting;
    switch (entry->key) {
    case POLICY_KEY_TRUST:
        read_trust(parser, entry, settings);
        return true;
    case POLICY_KEY_PIN:
        read_pins(parser, entry, &trust->pins);
        return true;
    case POLICY_KEY_KNOWN_PEERS:
        trust->known_peers = policy_read_path(parser, entry);
        return true;
    case POLICY_KEY_CRL:
        policy_read_path_list(parser, entry, &trust->crls);
        return true;
    case POLICY_KEY_OCSP_RESPONSE:
        policy_read_paths(parser, entry, trust->ocsp_responses);
        return true;
    case POLICY_KEY_CLIENT_SUBJECT:
        read_client_subjects(parser, entry, &trust->client_subjects);
        return true;
    case POLICY_KEY_CLIENT_SAN:
        read_client_names(parser, entry, &trust->client_names);
        return true;
    default:
        return false;
    }
}

/* ---- what goes together ---- */

/* What the section itself says; what [defaults] says may find no use in it. */
static const struct policy_entry *own(const struct policy_rule *rule, enum policy_key_id key)
{
    const struct policy_entry *entry = rule->said[key];
    return entry && !entry->of_defaults ? entry : NULL;
}

static void check_client(struct policy_parser *parser, const struct policy_rule *rule)
{
    const struct policy_trust *trust = &rule->settings.trusting;
    const struct policy_entry *entry;
    if (trust->kind == POLICY_TRUST_PIN_ONLY && trust->pins.count == 0)
        policy_complain(parser, rule->said[POLICY_KEY_TRUST]->place,
                        "trust = pin-only, but there is no pin; add \"pin = sha256//...\"");
    if (trust->kind == POLICY_TRUST_FIRST_USE && !trust->known_peers.text)
        policy_complain(parser, rule->said[POLICY_KEY_TRUST]->place,
                        "trust = first-use, but peers are nowhere remembered; add \"known-peers = "
                        "/path/to/a/file\"");
    if (trust->kind != POLICY_TRUST_FIRST_USE && (entry = own(rule, POLICY_KEY_KNOWN_PEERS)))
        policy_complain(parser, entry->place,
                        "known-peers has no use without \"trust = first-use\"");
    if (trust->kind >= POLICY_TRUST_PIN_ONLY && (entry = own(rule, POLICY_KEY_CRL)))
        policy_complain(parser, entry->place,
                        "crl has no use with trust = %s: certificates are not looked at beyond "
                        "their key",
                        kinds[trust->kind]);
}

static void check_server(struct policy_parser *parser, const struct policy_rule *rule)
{
    static const enum policy_key_id for_clients[] = {POLICY_KEY_CLIENT_SUBJECT,
                                                     POLICY_KEY_CLIENT_SAN, POLICY_KEY_CRL};
    const struct policy_settings *settings = &rule->settings;
    for (size_t i = 0; i < sizeof for_clients / sizeof for_clients[0]; i++) {
        const struct policy_entry *entry = own(rule, for_clients[i]);
        if (entry && settings->client_certificate == POLICY_CERT_NO)
            policy_complain(parser, entry->place,
                            "no client is asked for its certificate; add \"client-certificate = "
                            "require\"");
    }
    size_t responses = 0, certificates = 0;
    while (responses < POLICY_CREDENTIALS_MAX && settings->trusting.ocsp_responses[responses].text)
        responses++;
    while (certificates < POLICY_CREDENTIALS_MAX && settings->certificates[certificates].text)
        certificates++;
    if (responses > certificates)
        policy_complain(parser, settings->trusting.ocsp_responses[certificates].place,
                        "more responses than certificates; each certificate has its response in "
                        "the same place of the other list");
}

void policy_check_trust(struct policy_parser *parser, const struct policy_rule *rule)
{
    if (rule->kind == POLICY_CLIENT)
        check_client(parser, rule);
    if (rule->kind == POLICY_SERVER)
        check_server(parser, rule);
}

/* ---- back into text ---- */

static void put_list(const struct policy_list *list, enum policy_key_id key, const char *between,
                     void (*put)(void *arg, unsigned key, const char *word, bool last), void *arg)
{
    for (size_t i = 0; i < list->count; i++) {
        if (i > 0 && between)
            put(arg, key, between, false);
        put(arg, key, list->words[i].text, i + 1 == list->count);
    }
}

void policy_each_trust_setting(const struct policy_rule *rule,
                               void (*put)(void *arg, unsigned key, const char *word, bool last),
                               void *arg)
{
    const struct policy_trust *trust = &rule->settings.trusting;
    bool asks = rule->kind == POLICY_SERVER && rule->settings.client_certificate != POLICY_CERT_NO;
    if (rule->kind == POLICY_CLIENT) {
        bool unchained = trust->kind >= POLICY_TRUST_PIN_ONLY;
        put_list(&trust->pins, POLICY_KEY_PIN, NULL, put, arg);
        if (trust->kind == POLICY_TRUST_FIRST_USE)
            put(arg, POLICY_KEY_KNOWN_PEERS, trust->known_peers.text, true);
        if (!unchained)
            put_list(&trust->crls, POLICY_KEY_CRL, NULL, put, arg);
    }
    for (size_t i = 0;
         rule->kind == POLICY_SERVER && i < POLICY_CREDENTIALS_MAX && trust->ocsp_responses[i].text;
         i++)
        put(arg, POLICY_KEY_OCSP_RESPONSE, trust->ocsp_responses[i].text,
            i + 1 == POLICY_CREDENTIALS_MAX || !trust->ocsp_responses[i + 1].text);
    if (asks) {
        put_list(&trust->client_subjects, POLICY_KEY_CLIENT_SUBJECT, "|", put, arg);
        put_list(&trust->client_names, POLICY_KEY_CLIENT_SAN, NULL, put, arg);
        put_list(&trust->crls, POLICY_KEY_CRL, NULL, put, arg);
    }
}
