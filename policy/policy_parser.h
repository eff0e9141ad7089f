/* Inside the policy parser: what its files share. Two passes: policy_lines.c takes the text apart
 * into sections and entries; policy_parse.c gives them their meaning, with policy_values.c for
 * settings and policy_pattern.c for addresses. An error is reported and the pass goes on behind it,
 * so that one run finds them all. */
#ifndef POLICY_PARSER_H
#define POLICY_PARSER_H

#include "policy.h"
#include "policy_detail.h"

struct policy_section;

struct policy_parser {
    struct policy_pool *pool;
    const struct policy_input *input;
    void (*report)(void *arg, const struct policy_error *error);
    void *report_arg;
    unsigned errors;
    bool pool_full;                      /* reported once */
    struct policy_section *first, *last; /* of all files */
    unsigned sections;
    bool in_include;
};

enum { POLICY_NAME_MAX = 64 };

struct policy_section {
    struct policy_section *next;
    unsigned kind;    /* one POLICY_IN_ bit; 0: a header that was wrong */
    const char *name; /* "" for [defaults] */
    struct policy_place place;
    const struct policy_entry *entries[POLICY_KEY_COUNT];
};

void policy_complain(struct policy_parser *parser, struct policy_place place, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));

/* Zeroed memory from the pool. NULL when it is used up, which is reported. */
void *policy_take(struct policy_parser *parser, struct policy_place place, size_t size);

/* The place of `to`, in the same line as `from`, whose place is given. */
struct policy_place policy_advance(struct policy_place place, const char *from, const char *to);

/* The first pass: appends the sections of a text to the parser's list. */
void policy_read_lines(struct policy_parser *parser, const char *file, const char *text,
                       size_t length);
/* "[client erp]", for messages. */
void policy_section_title(const struct policy_section *section, char *out, size_t size);
const char *policy_section_kind_name(unsigned kind);

/* A copy in the pool with ${VAR} and $$ replaced. text NULL on error, which is reported. is_word:
 * one of several in a value, so that no variable may bring white space into it. */
struct policy_string policy_expand(struct policy_parser *parser, const struct policy_word *word,
                                   bool is_word);

/* Bytes of a value when it is written in a policy, with $ doubled. */
size_t policy_written_length(const char *value);

/* Reads one setting (not a match key) into *settings. Errors are reported. suites are not yet
 * filtered by strength. */
void policy_read_setting(struct policy_parser *parser, const struct policy_entry *entry,
                         struct policy_settings *settings);
/* policy_paths.c, for policy_read_setting: a path, made absolute; one to POLICY_CREDENTIALS_MAX of
 * them; any number. */
struct policy_string policy_read_path(struct policy_parser *parser,
                                      const struct policy_entry *entry);
void policy_read_paths(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_string paths[POLICY_CREDENTIALS_MAX]);
void policy_read_path_list(struct policy_parser *parser, const struct policy_entry *entry,
                           struct policy_list *list);
/* policy_trust.c: false when the key is none of its own. */
bool policy_read_trust_setting(struct policy_parser *parser, const struct policy_entry *entry,
                               struct policy_settings *settings);
extern const struct policy_trust policy_builtin_trust;
/* Complains of settings that mean something only together. */
void policy_check_trust(struct policy_parser *parser, const struct policy_rule *rule);
/* Each of these settings that has a meaning for the rule, word by word, in a fixed order. */
void policy_each_trust_setting(const struct policy_rule *rule,
                               void (*put)(void *arg, unsigned key, const char *word, bool last),
                               void *arg);
/* policy_suites.c, for policy_read_setting. */
void policy_read_suites(struct policy_parser *parser, const struct policy_entry *entry,
                        struct policy_settings *settings);
void policy_read_floor(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_settings *settings);
void policy_read_preset(struct policy_parser *parser, const struct policy_entry *entry,
                        struct policy_settings *settings);
/* The groups that settings come to, in order; NULL past the end. */
const struct tls_group *policy_group_at(const struct policy_settings *settings, size_t index);
/* Takes away the suites that the rule has no keys or groups for; an error when it names one. */
void policy_keep_usable_suites(struct policy_parser *parser, const struct policy_rule *rule,
                               struct policy_settings *settings);
/* Takes away those, and the suites below the floors; an error when none is left. */
void policy_keep_strong_suites(struct policy_parser *parser, const struct policy_rule *rule,
                               struct policy_settings *settings);
/* The settings of no section at all, which are those of `preset = default`. */
void policy_set_builtin(struct policy_settings *settings);
/* policy_process.c: the same for what [defaults] says about the process. Other keys are passed
 * over.
 */
extern const struct policy_process policy_builtin_process;
void policy_read_process(struct policy_parser *parser, const struct policy_entry *entry,
                         struct policy_process *process);
/* Each of those settings, as it would be written. */
void policy_each_process_setting(const struct policy_process *process,
                                 void (*each)(void *arg, unsigned key, const char *value),
                                 void *arg);
/* Reads a number of bytes (K, M, G, T behind it) or of other things (none). False on error, which
 * is reported as `wanted`: "a number of bytes from 1M to 32G (K, M, G)". */
bool policy_read_number(struct policy_parser *parser, const struct policy_entry *entry,
                        bool has_units, uint64_t minimum, uint64_t maximum, const char *wanted,
                        uint64_t *out);
/* Does an entry of the key `by` set what the key `key` is about? */
bool policy_key_sets(enum policy_key_id by, enum policy_key_id key);
/* policy_choices.c: settings that are one of a few words. False when the key is none of them. */
bool policy_read_choice_setting(struct policy_parser *parser, const struct policy_entry *entry,
                                struct policy_settings *settings);
/* Each that has a meaning in sections of this kind (a POLICY_IN_ bit), as it would be written. */
void policy_each_choice(const struct policy_settings *settings, unsigned kind,
                        void (*each)(void *arg, unsigned key, const char *value), void *arg);
/* policy_lists.c: names of protocols, groups and identities. */
void policy_read_list(struct policy_parser *parser, const struct policy_entry *entry,
                      struct policy_settings *settings);

/* Questions of few answers: the index of the value among `choices` (NULL-terminated), or -1
 * with an error that lists them. */
int policy_read_choice(struct policy_parser *parser, const struct policy_entry *entry,
                       const char *const *choices);

/* One HOST:PORT, with ${VAR} replaced. NULL on error, which is reported. */
struct policy_pattern *policy_read_pattern(struct policy_parser *parser, struct policy_string text,
                                           enum policy_direction direction);

#endif
