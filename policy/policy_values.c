/* The meaning of each setting. */
#include <stdio.h>
#include <string.h>

#include "../tls/tls.h"
#include "policy_parser.h"
#include "policy_pattern.h"
#include "policy_text.h"

static const char *choice_at(const void *choices, size_t i)
{
    return ((const char *const *)choices)[i];
}

int policy_read_choice(struct policy_parser *parser, const struct policy_entry *entry,
                       const char *const *choices)
{
    struct policy_string value = policy_expand(parser, &entry->value, false);
    if (!value.text)
        return -1;
    char list[200] = "";
    size_t used = 0;
    for (int i = 0; choices[i]; i++) {
        if (strcmp(value.text, choices[i]) == 0)
            return i;
        int n = snprintf(list + used, sizeof list - used, "%s%s", i ? " | " : "", choices[i]);
        used = used + (size_t)n < sizeof list ? used + (size_t)n : sizeof list - 1;
    }
    const char *near = policy_nearest(value.text, strlen(value.text), choice_at, choices);
    policy_complain(parser, value.place, "\"%.40s\" is not a value of \"%s\" (%s)%s%s%s",
                    value.text, policy_keys[entry->key].name, list, near ? "; did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "");
    return -1;
}

static void read_versions(struct policy_parser *parser, const struct policy_entry *entry,
                          struct policy_settings *settings)
{
    static const struct {
        const char *name, *other_name;
        uint16_t number; /* 0: known, not supported */
    } versions[] = {
        {"TLSv1.0", "TLS1.0", TLS_VERSION_10},
        {"TLSv1", "TLS1", TLS_VERSION_10},
        {"SSLv2", "SSL2", 0},
        {"SSLv3", "SSL3", 0},
        {"TLSv1.1", "TLS1.1", 0},
        {"TLSv1.2", "TLS1.2", 0},
        {"TLSv1.3", "TLS1.3", 0},
    };
    struct policy_word rest = entry->value, word;
    uint16_t number = 0;
    while (policy_next_word(&rest, &word)) {
        struct policy_string value = policy_expand(parser, &word, true);
        if (!value.text)
            return;
        size_t i = 0, count = sizeof versions / sizeof versions[0];
        while (i < count && strcmp(value.text, versions[i].name) != 0 &&
               strcmp(value.text, versions[i].other_name) != 0)
            i++;
        if (i == count)
            policy_complain(parser, value.place, "unknown version \"%.40s\"; write TLSv1.0",
                            value.text);
        else if (versions[i].number == 0)
            policy_complain(parser, value.place,
                            "%s is not supported by this version; write "
                            "TLSv1.0",
                            versions[i].name);
        else if (number != 0)
            policy_complain(parser, value.place, "%s is named twice", versions[i].name);
        else
            number = versions[i].number;
    }
    settings->version_min = settings->version_max = number;
}

static void read_verify_name(struct policy_parser *parser, const struct policy_entry *entry,
                             struct policy_settings *settings)
{
    struct policy_string value = policy_expand(parser, &entry->value, false);
    uint8_t address[16], length;
    if (!value.text)
        return;
    if (policy_is_dns_name(value.text) || policy_read_address(value.text, address, &length))
        settings->verify_name = value;
    else
        policy_complain(parser, value.place, "\"%.80s\" is neither a DNS name nor an IP address",
                        value.text);
}

/* Clients are not servers: every stranger can have a certificate of a public authority. */
static void read_client_trust(struct policy_parser *parser, const struct policy_entry *entry,
                              struct policy_settings *settings)
{
    policy_read_path_list(parser, entry, &settings->client_trust);
    if (strcmp(entry->value.text, "system") == 0)
        policy_complain(parser, entry->value.place,
                        "whom the system trusts, anybody can become; name the file of the "
                        "authority that certifies your clients");
}

/* Days from 1970-01-01 to a date of the Gregorian calendar, with March as the first month. */
static int64_t days_since_1970(int64_t year, int month, int day)
{
    int64_t m = (month + 9) % 12, y = year - (m >= 10);
    return 365 * y + y / 4 - y / 100 + y / 400 + (m * 306 + 5) / 10 + day - 1 - 719468;
}

static bool read_digits(const char *s, size_t n, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if (!policy_is_digit(s[i]))
            return false;
        *out = *out * 10 + (s[i] - '0');
    }
    return true;
}

static void read_date(struct policy_parser *parser, const struct policy_entry *entry,
                      struct policy_settings *settings)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct policy_string value = policy_expand(parser, &entry->value, false);
    int year = 0, month = 0, day = 0;
    const char *s = value.text;
    if (!s)
        return;
    bool good = strlen(s) == 10 && s[4] == '-' && s[7] == '-' && read_digits(s, 4, &year) &&
                read_digits(s + 5, 2, &month) && read_digits(s + 8, 2, &day) && year >= 1970 &&
                month >= 1 && month <= 12;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (!good || day < 1 || day > lengths[month - 1] + (month == 2 && leap)) {
        policy_complain(parser, value.place, "\"%.40s\" is not a date; write it as 2027-01-31", s);
        return;
    }
    settings->legacy_until = (days_since_1970(year, month, day) + 1) * 86400 - 1;
    settings->legacy_until_text = value;
}

bool policy_read_number(struct policy_parser *parser, const struct policy_entry *entry,
                        bool has_units, uint64_t minimum, uint64_t maximum, const char *wanted,
                        uint64_t *out)
{
    static const char units[] = "KMGT";
    struct policy_string value = policy_expand(parser, &entry->value, false);
    if (!value.text)
        return false;
    uint64_t number = 0;
    const char *p = value.text;
    for (; policy_is_digit(*p) && number <= UINT32_MAX; p++)
        number = number * 10 + (uint64_t)(*p - '0');
    const char *unit = has_units && p > value.text && *p ? strchr(units, *p) : NULL;
    if (unit) {
        p++;
        number = number <= UINT32_MAX ? number << 10 * (unit - units + 1) : UINT64_MAX;
    }
    if (p == value.text || *p || number < minimum || number > maximum) {
        policy_complain(parser, value.place, "\"%.40s\" is not %s", value.text, wanted);
        return false;
    }
    *out = number;
    return true;
}

static void read_unsigned(struct policy_parser *parser, const struct policy_entry *entry,
                          unsigned minimum, unsigned maximum, const char *wanted, unsigned *out)
{
    uint64_t number;
    if (policy_read_number(parser, entry, false, minimum, maximum, wanted, &number))
        *out = (unsigned)number;
}

void policy_read_setting(struct policy_parser *parser, const struct policy_entry *entry,
                         struct policy_settings *settings)
{
    if (policy_read_choice_setting(parser, entry, settings) ||
        policy_read_trust_setting(parser, entry, settings))
        return;
    switch (entry->key) {
    case POLICY_KEY_PRESET:
        policy_read_preset(parser, entry, settings);
        break;
    case POLICY_KEY_MINIMUM_STRENGTH:
    case POLICY_KEY_MINIMUM_CIPHER:
    case POLICY_KEY_MINIMUM_KEY_EXCHANGE:
    case POLICY_KEY_MINIMUM_CERTIFICATE:
    case POLICY_KEY_MINIMUM_SIGNATURE:
        policy_read_floor(parser, entry, settings);
        break;
    case POLICY_KEY_LEGACY_UNTIL:
        read_date(parser, entry, settings);
        break;
    case POLICY_KEY_REASON:
        settings->reason = policy_expand(parser, &entry->value, false);
        break;
    case POLICY_KEY_DATA_LIMIT:
        policy_read_number(parser, entry, true, POLICY_DATA_LIMIT_MIN, POLICY_DATA_LIMIT_MAX,
                           "a number of bytes from 1M to 32G (K, M, G)", &settings->data_limit);
        break;
    case POLICY_KEY_HANDSHAKE_TIMEOUT:
        read_unsigned(parser, entry, 1, POLICY_TIMEOUT_MAX, "a number of seconds from 1 to 3600",
                      &settings->handshake_timeout);
        break;
    case POLICY_KEY_VERSIONS:
        read_versions(parser, entry, settings);
        break;
    case POLICY_KEY_SUITES:
        policy_read_suites(parser, entry, settings);
        break;
    case POLICY_KEY_VERIFY_NAME:
        read_verify_name(parser, entry, settings);
        break;
    case POLICY_KEY_CERTIFICATE:
        policy_read_paths(parser, entry, settings->certificates);
        break;
    case POLICY_KEY_KEY:
        policy_read_paths(parser, entry, settings->keys);
        break;
    case POLICY_KEY_DH_PARAMETERS:
        settings->dh_parameters = policy_read_path(parser, entry);
        break;
    case POLICY_KEY_CLIENT_TRUST:
        read_client_trust(parser, entry, settings);
        break;
    case POLICY_KEY_TICKET_KEYS:
        settings->ticket_keys = policy_read_path(parser, entry);
        break;
    case POLICY_KEY_PSK_FILE:
        settings->psk_file = policy_read_path(parser, entry);
        break;
    case POLICY_KEY_KEY_PASSPHRASE_FILE:
        settings->key_passphrase_file = policy_read_path(parser, entry);
        break;
    case POLICY_KEY_GROUPS:
    case POLICY_KEY_ALPN:
    case POLICY_KEY_PSK_IDENTITY:
        policy_read_list(parser, entry, settings);
        break;
    case POLICY_KEY_MINIMUM_DH:
        read_unsigned(parser, entry, POLICY_DH_BITS_MIN, POLICY_DH_BITS_MAX,
                      "a number of bits from 512 to 8192", &settings->minimum_dh);
        break;
    case POLICY_KEY_CACHE_AGE:
        read_unsigned(parser, entry, 0, POLICY_CACHE_AGE_MAX,
                      "a number of seconds from 0 to 604800 (a week)", &settings->cache_age);
        break;
    default: /* match keys are policy_parse.c's; others are about the process, or refused by name */
        break;
    }
}
