/* Hosts and ports as people write them. */
#ifndef POLICY_PATTERN_H
#define POLICY_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Labels of letters, digits, - and _ with dots between, one dot at the end allowed, at most 253
 * characters; not something that looks like a number address (the last label is not a number). */
bool policy_is_dns_name(const char *text);

/* An IPv4 address in four decimal parts or an IPv6 address without brackets and zone; a v4-mapped
 * one comes out as IPv4. */
bool policy_read_address(const char *text, uint8_t address[16], uint8_t *length);

/* ::ffff:a.b.c.d becomes a.b.c.d; anything else stays. */
void policy_unmap_address(uint8_t address[16], uint8_t *length);

enum { POLICY_ADDRESS_TEXT = 48 };
/* The address for people; IPv6 without brackets. Returns out. */
const char *policy_address_text(const uint8_t *address, uint8_t length,
                                char out[POLICY_ADDRESS_TEXT]);

/* Splits HOST:PORT, where an IPv6 HOST is in brackets, at the last colon. The views lie in text;
 * *host excludes the brackets. False and a phrase in *why when the form is wrong. */
struct policy_endpoint {
    const char *host, *port; /* port ends at the end of text */
    size_t host_length;
    bool bracketed;
};
bool policy_split_endpoint(const char *text, struct policy_endpoint *out, const char **why);

/* 1 to 65535 without leading zeros, from s[0..n); 0 when it is not. */
uint16_t policy_read_port(const char *s, size_t n);

#endif
