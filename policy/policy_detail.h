/* What a policy is made of, for tools that look inside: entries as written, patterns as read. */
#ifndef POLICY_DETAIL_H
#define POLICY_DETAIL_H

#include "policy.h"
#include "policy_keys.h"

/* Text as written: not ended by NUL, ${VAR} not looked at yet. */
struct policy_word {
    const char *text;
    size_t length;
    struct policy_place place;
};

/* Takes the next word off the front of *rest. False when there is none. */
bool policy_next_word(struct policy_word *rest, struct policy_word *word);
/* How many words there are in text. */
size_t policy_count_words(struct policy_word text);

struct policy_entry {
    enum policy_key_id key;
    bool of_defaults;
    struct policy_place place; /* of the key */
    struct policy_word value;  /* in the pool, ended by NUL; not empty; no white
                                * space at its ends; no comment */
};

enum policy_host { POLICY_HOST_ANY, POLICY_HOST_NAME, POLICY_HOST_BELOW, POLICY_HOST_ADDRESS };

struct policy_pattern {
    const struct policy_pattern *next;
    struct policy_string word; /* ${VAR} replaced */
    enum policy_host host;
    const char *name;    /* NAME: lower case, no trailing dot; BELOW: ".example.com" */
    uint8_t address[16]; /* bits beyond prefix are 0 */
    uint8_t address_length, prefix;
    uint16_t first_port, last_port;
};

/* The word of a setting that is one of a few; NULL for other keys. */
const char *policy_choice_word(const struct policy_settings *settings, enum policy_key_id key);
/* Is it set to what some old or broken peer needs, and nobody else? */
bool policy_is_allowance(const struct policy_settings *settings, enum policy_key_id key);

/* Does the address lie in an address pattern's network? */
bool policy_in_network(const struct policy_pattern *pattern, const uint8_t *address,
                       uint8_t length);

/* Is the program, a path or a bare name, one of the rule's? True when the rule names none. */
bool policy_has_program(const struct policy_rule *rule, const char *program);

/* The first rule before `rule` that takes everything which this pattern of it could match, whoever
 * the program and the user are; NULL when there is none. */
const struct policy_rule *policy_hidden_by(const struct policy *policy,
                                           const struct policy_rule *rule,
                                           const struct policy_pattern *pattern,
                                           enum policy_direction direction);

#endif
