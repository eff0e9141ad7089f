#include "policy_pattern.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "policy_parser.h"
#include "policy_text.h"

/* ---- names and addresses ---- */

/* What a resolver would take for a part of a number address: digits, or 0x and hex digits. */
static bool is_number(const char *s, size_t n)
{
    bool hex = n >= 2 && s[0] == '0' && policy_lower(s[1]) == 'x';
    for (size_t i = hex ? 2 : 0; i < n; i++) {
        char c = policy_lower(s[i]);
        if (!policy_is_digit(c) && !(hex && c >= 'a' && c <= 'f'))
            return false;
    }
    return true;
}

bool policy_is_dns_name(const char *text)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '.')
        length--;
    if (length == 0 || length > 253)
        return false;
    size_t label = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && text[i] != '.') {
            if (!policy_is_alphanumeric(text[i]) && text[i] != '-' && text[i] != '_')
                return false;
            continue;
        }
        if (i == label || i - label > 63)
            return false;
        if (i == length)
            return !is_number(text + label, i - label);
        label = i + 1;
    }
    return false;
}

void policy_unmap_address(uint8_t address[16], uint8_t *length)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (*length != 16 || memcmp(address, mapped, sizeof mapped) != 0)
        return;
    memmove(address, address + 12, 4);
    memset(address + 4, 0, 12);
    *length = 4;
}

bool policy_read_address(const char *text, uint8_t address[16], uint8_t *length)
{
    memset(address, 0, 16);
    if (inet_pton(AF_INET, text, address) == 1)
        *length = 4;
    else if (inet_pton(AF_INET6, text, address) == 1)
        *length = 16;
    else
        return false;
    policy_unmap_address(address, length);
    return true;
}

const char *policy_address_text(const uint8_t *address, uint8_t length,
                                char out[POLICY_ADDRESS_TEXT])
{
    out[0] = '\0';
    inet_ntop(length == 4 ? AF_INET : AF_INET6, address, out, POLICY_ADDRESS_TEXT);
    return out;
}

uint16_t policy_read_port(const char *s, size_t n)
{
    unsigned port = 0;
    if (n == 0 || n > 5 || s[0] == '0')
        return 0;
    for (size_t i = 0; i < n; i++) {
        if (!policy_is_digit(s[i]))
            return 0;
        port = port * 10 + (unsigned)(s[i] - '0');
    }
    return port <= UINT16_MAX ? (uint16_t)port : 0;
}

bool policy_split_endpoint(const char *text, struct policy_endpoint *out, const char **why)
{
    const char *first = strchr(text, ':'), *last = strrchr(text, ':');
    const char *close = text[0] == '[' ? strchr(text, ']') : NULL;
    out->bracketed = text[0] == '[';
    *why = NULL;
    if (out->bracketed) {
        out->host = text + 1;
        out->host_length = close ? (size_t)(close - out->host) : 0;
        last = close && close[1] == ':' ? close + 1 : NULL;
        if (!close)
            *why = "the ] is missing";
        else if (close[1] == '/')
            *why = "the prefix length goes inside the brackets: [2001:db8::/32]:443";
    } else {
        out->host = text;
        out->host_length = last ? (size_t)(last - text) : 0;
        if (first && first[1] == '/' && first[2] == '/')
            *why = "a HOST:PORT is wanted, without a scheme such as https:// and without a path";
        else if (text[0] == '"' || text[0] == '\'')
            *why = "a value is written without quotes";
        else if (strpbrk(text, ",;"))
            *why = "several are separated by spaces; a comment begins with #";
        else if (first != last)
            *why = "an IPv6 address is written in brackets: [2001:db8::1]:443";
    }
    if (*why)
        return false;
    out->port = last ? last + 1 : "";
    if (!last)
        *why = "the port is missing: HOST:PORT, or HOST:* for any port";
    else if (out->host_length == 0)
        *why = "the host is missing: HOST:PORT, or *:PORT for any host";
    else
        return true;
    return false;
}

/* ---- patterns ---- */

static bool read_ports(const char *text, struct policy_pattern *pattern, const char **why)
{
    size_t length = strlen(text);
    const char *dash = strchr(text, '-');
    if (strcmp(text, "*") == 0) {
        pattern->first_port = 0;
        pattern->last_port = UINT16_MAX;
        return true;
    }
    pattern->first_port = policy_read_port(text, dash ? (size_t)(dash - text) : length);
    pattern->last_port = dash ? policy_read_port(dash + 1, strlen(dash + 1)) : pattern->first_port;
    if (pattern->first_port == 0 || pattern->last_port == 0)
        *why = "the port is a number from 1 to 65535, a range such as 1-1023, or *";
    else if (pattern->last_port < pattern->first_port)
        *why = "the range of ports is empty: the smaller number comes first";
    else
        return true;
    return false;
}

/* Clears the bits beyond the prefix. True when there were any. */
static bool clear_host_bits(uint8_t *address, uint8_t length, unsigned prefix)
{
    uint8_t cleared = 0;
    for (unsigned i = 0; i < length; i++) {
        unsigned kept = prefix <= i * 8 ? 0 : prefix - i * 8 >= 8 ? 8 : prefix - i * 8;
        uint8_t mask = (uint8_t)(0xff00u >> kept);
        cleared |= address[i] & (uint8_t)~mask;
        address[i] &= mask;
    }
    return cleared != 0;
}

/* "24" of 10.0.0.0/24: a number up to `most`, or -1. */
static int read_prefix(const char *s, int most)
{
    int prefix = 0;
    if (!*s || strlen(s) > 3 || (s[0] == '0' && s[1]))
        return -1;
    for (; *s; s++) {
        if (!policy_is_digit(*s))
            return -1;
        prefix = prefix * 10 + (*s - '0');
    }
    return prefix <= most ? prefix : -1;
}

/* host is ADDRESS or ADDRESS/LENGTH. False with a message when it is wrong. */
static bool read_network(struct policy_parser *parser, struct policy_string word, char *host,
                         bool bracketed, struct policy_pattern *pattern)
{
    char *slash = strchr(host, '/');
    if (slash)
        *slash = '\0';
    memset(pattern->address, 0, sizeof pattern->address);
    int family = bracketed ? AF_INET6 : AF_INET;
    if (inet_pton(family, host, pattern->address) != 1) {
        policy_complain(parser, word.place, "\"%.200s\": %s", word.text,
                        bracketed ? "what is in brackets is not an IPv6 address"
                        : slash   ? "only an address takes a prefix length, as 10.0.0.0/8"
                                  : "this is neither a DNS name nor an IPv4 address");
        return false;
    }
    int bits = bracketed ? 128 : 32;
    int prefix = slash ? read_prefix(slash + 1, bits) : bits;
    if (prefix < 0) {
        policy_complain(parser, word.place,
                        "\"%.200s\": the prefix length is a number from 0 to %d", word.text, bits);
        return false;
    }
    pattern->host = POLICY_HOST_ADDRESS;
    pattern->address_length = (uint8_t)(bits / 8);
    pattern->prefix = (uint8_t)prefix;
    if (clear_host_bits(pattern->address, pattern->address_length, (unsigned)prefix)) {
        char network[POLICY_ADDRESS_TEXT];
        policy_address_text(pattern->address, pattern->address_length, network);
        policy_complain(parser, word.place,
                        "\"%.200s\": the address has bits beyond its prefix length; the network is "
                        "%s%s/%d%s, the one host is written without /%d",
                        word.text, bracketed ? "[" : "", network, prefix, bracketed ? "]" : "",
                        prefix);
        return false;
    }
    if (prefix >= 96) {
        policy_unmap_address(pattern->address, &pattern->address_length);
        if (pattern->address_length == 4 && bracketed)
            pattern->prefix = (uint8_t)(prefix - 96);
    }
    return true;
}

static bool read_name_pattern(struct policy_parser *parser, struct policy_string word, char *host,
                              enum policy_direction direction, struct policy_pattern *pattern)
{
    pattern->host = host[0] == '*' ? POLICY_HOST_BELOW : POLICY_HOST_NAME;
    size_t n = strlen(host);
    if (host[n - 1] == '.')
        host[--n] = '\0';
    for (size_t i = 0; i < n; i++)
        host[i] = policy_lower(host[i]);
    pattern->name = host + (pattern->host == POLICY_HOST_BELOW);
    if (direction == POLICY_CONNECT)
        return true;
    policy_complain(
        parser, word.place,
        "\"%.200s\": a listener has an address, not a name; write *:PORT or ADDRESS:PORT",
        word.text);
    return false;
}

static bool has_bytes_above_ascii(const char *s)
{
    while (*s && (unsigned char)*s < 0x80)
        s++;
    return *s != '\0';
}

struct policy_pattern *policy_read_pattern(struct policy_parser *parser, struct policy_string text,
                                           enum policy_direction direction)
{
    struct policy_endpoint endpoint;
    const char *why = NULL;
    struct policy_pattern *pattern = policy_take(parser, text.place, sizeof *pattern);
    bool good = pattern && policy_split_endpoint(text.text, &endpoint, &why) &&
                read_ports(endpoint.port, pattern, &why);
    char *host = good ? policy_take(parser, text.place, endpoint.host_length + 1) : NULL;
    if (why)
        policy_complain(parser, text.place, "\"%.200s\": %s", text.text, why);
    if (!host)
        return NULL;
    memcpy(host, endpoint.host, endpoint.host_length);
    pattern->word = text;
    if (has_bytes_above_ascii(host)) {
        policy_complain(parser, text.place,
                        "\"%.200s\": an international name is written in its ASCII form (xn--...)",
                        text.text);
        return NULL;
    }
    if (!endpoint.bracketed && strcmp(host, "*") == 0) {
        pattern->host = POLICY_HOST_ANY;
        return pattern;
    }
    bool below = host[0] == '*' && host[1] == '.';
    if (!endpoint.bracketed && policy_is_dns_name(host + (below ? 2 : 0)))
        good = read_name_pattern(parser, text, host, direction, pattern);
    else
        good = read_network(parser, text, host, endpoint.bracketed, pattern);
    return good ? pattern : NULL;
}
