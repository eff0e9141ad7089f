/* Settings that are one of a few words: one table for reading, printing and judging. */
#include <stddef.h>
#include <string.h>

#include "policy_parser.h"

static const char *const refuse_or_allow[] = {"refuse", "allow", NULL};
static const char *const off_or_on[] = {"off", "on", NULL};
static const char *const moments[] = {"first-use", "connect", NULL};
static const char *const degrees[] = {"no", "request", "require", NULL};
static const char *const needs[] = {"require", "optional", NULL};
static const char *const profiles[] = {"basic", "strict", NULL};
static const char *const statuses[] = {"off", "request", "require", NULL};
static const char *const sendings[] = {"send", "omit", NULL};

enum { NO_ALLOWANCE = -1 };

static const struct choice {
    enum policy_key_id key;
    const char *const *words; /* in the order of the setting's values */
    size_t at, size;          /* of the setting: a bool or an enum */
    int allowance;            /* the value that is one */
} choices[] = {
#define SETTING(field)                                                                             \
    offsetof(struct policy_settings, field), sizeof(((struct policy_settings *)0)->field)
    {POLICY_KEY_CLIENT_CERTIFICATE, degrees, SETTING(client_certificate), NO_ALLOWANCE},
    {POLICY_KEY_HANDSHAKE, moments, SETTING(handshake), NO_ALLOWANCE},
    {POLICY_KEY_TICKETS, off_or_on, SETTING(tickets), NO_ALLOWANCE},
    {POLICY_KEY_SHA1_CERTIFICATES, refuse_or_allow, SETTING(allow_sha1_certificates), true},
    {POLICY_KEY_COMMON_NAME, refuse_or_allow, SETTING(trusting.allow_common_name), true},
    {POLICY_KEY_CERTIFICATE_PROFILE, profiles, SETTING(trusting.strict), NO_ALLOWANCE},
    {POLICY_KEY_OCSP, statuses, SETTING(trusting.ocsp), NO_ALLOWANCE},
    {POLICY_KEY_CLIENT_ENVIRONMENT, off_or_on, SETTING(trusting.client_environment), NO_ALLOWANCE},
    {POLICY_KEY_TRUNCATION, refuse_or_allow, SETTING(allow_truncation), true},
    {POLICY_KEY_RECORD_SPLITTING, off_or_on, SETTING(record_splitting), false},
    {POLICY_KEY_RENEGOTIATION, refuse_or_allow, SETTING(allow_renegotiation), true},
    {POLICY_KEY_RENEGOTIATION_INFO, needs, SETTING(allow_no_renegotiation_info), true},
    {POLICY_KEY_SSLV2_HELLO, refuse_or_allow, SETTING(allow_sslv2_hello), true},
    {POLICY_KEY_EXTENSIONS, sendings, SETTING(omit_extensions), true},
    {POLICY_KEY_KEYLOG, refuse_or_allow, SETTING(allow_keylog), true},
#undef SETTING
};
enum { CHOICES = sizeof choices / sizeof choices[0] };
_Static_assert(sizeof(enum policy_handshake) == sizeof(int), "an enum is kept as an int");

static const struct choice *choice_of(enum policy_key_id key)
{
    size_t i = 0;
    while (i < CHOICES && choices[i].key != key)
        i++;
    return i < CHOICES ? &choices[i] : NULL;
}

static int value_of(const struct policy_settings *settings, const struct choice *choice)
{
    const char *at = (const char *)settings + choice->at;
    int value;
    if (choice->size == sizeof(bool))
        return *(const bool *)at;
    memcpy(&value, at, sizeof value);
    return value;
}

bool policy_read_choice_setting(struct policy_parser *parser, const struct policy_entry *entry,
                                struct policy_settings *settings)
{
    const struct choice *choice = choice_of(entry->key);
    int i = choice ? policy_read_choice(parser, entry, choice->words) : -1;
    char *at = choice ? (char *)settings + choice->at : NULL;
    if (i >= 0 && choice->size == sizeof(bool))
        *(bool *)at = i == 1;
    else if (i >= 0)
        memcpy(at, &i, sizeof i);
    return choice != NULL;
}

void policy_each_choice(const struct policy_settings *settings, unsigned kind,
                        void (*each)(void *arg, unsigned key, const char *value), void *arg)
{
    for (size_t i = 0; i < CHOICES; i++)
        if (policy_keys[choices[i].key].honoured & kind)
            each(arg, choices[i].key, choices[i].words[value_of(settings, &choices[i])]);
}

const char *policy_choice_word(const struct policy_settings *settings, enum policy_key_id key)
{
    const struct choice *choice = choice_of(key);
    return choice ? choice->words[value_of(settings, choice)] : NULL;
}

bool policy_is_allowance(const struct policy_settings *settings, enum policy_key_id key)
{
    const struct choice *choice = choice_of(key);
    return choice && value_of(settings, choice) == choice->allowance;
}
