/* Values that are lists of names: protocols, groups, identities. */
#include <string.h>

#include "../tls/tls.h"
#include "policy_parser.h"
#include "policy_text.h"

static bool is_listed(const struct policy_list *list, const char *text)
{
    size_t i = 0;
    while (i < list->count && strcmp(list->words[i].text, text) != 0)
        i++;
    return i < list->count;
}

/* Words that differ, each of at most `longest` bytes. */
static void read_words(struct policy_parser *parser, const struct policy_entry *entry,
                       size_t longest, size_t most, struct policy_list *list)
{
    struct policy_word rest = entry->value, word;
    size_t count = policy_count_words(rest), length = 0;
    *list = (struct policy_list){NULL, 0};
    if (count > most) {
        policy_complain(parser, entry->value.place, "more than %zu words", most);
        return;
    }
    struct policy_string *words = policy_take(parser, entry->place, count * sizeof *words);
    list->words = words;
    while (words && policy_next_word(&rest, &word)) {
        struct policy_string text = policy_expand(parser, &word, true);
        if (!text.text)
            return;
        length += 1 + policy_written_length(text.text);
        if (length > POLICY_VALUE_MAX)
            policy_complain(parser, text.place, "the value is longer than %d bytes",
                            POLICY_VALUE_MAX);
        else if (strlen(text.text) > longest)
            policy_complain(parser, text.place, "\"%.40s...\" is longer than %zu bytes", text.text,
                            longest);
        else if (is_listed(list, text.text))
            policy_complain(parser, text.place, "\"%.80s\" is in the list already", text.text);
        else
            words[list->count++] = text;
    }
}

/* ---- groups ---- */

static const char *group_name_at(const void *unused, size_t i)
{
    (void)unused;
    const struct tls_group *group = tls_group_at(i / 2);
    return !group ? NULL : i % 2 ? group->alias : group->name;
}

static void add_group(struct policy_parser *parser, struct policy_string name,
                      struct policy_settings *settings)
{
    const struct tls_group *group = tls_group_by_name(name.text, strlen(name.text));
    if (!group) {
        const char *near = policy_nearest(name.text, strlen(name.text), group_name_at, NULL);
        policy_complain(parser, name.place, "unknown group \"%.40s\"%s%s%s", name.text,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        return;
    }
    for (size_t i = 0; i < settings->group_count; i++)
        if (settings->groups[i] == group->id) {
            policy_complain(parser, name.place, "%s is in the list already", group->name);
            return;
        }
    if (settings->group_count < POLICY_GROUPS_MAX)
        settings->groups[settings->group_count++] = group->id;
}

static void read_groups(struct policy_parser *parser, const struct policy_entry *entry,
                        struct policy_settings *settings)
{
    struct policy_word rest = entry->value, word;
    settings->group_count = 0;
    while (policy_next_word(&rest, &word)) {
        struct policy_string name = policy_expand(parser, &word, true);
        if (name.text)
            add_group(parser, name, settings);
    }
}

void policy_read_list(struct policy_parser *parser, const struct policy_entry *entry,
                      struct policy_settings *settings)
{
    enum { ALPN_NAME_MAX = 255 }; /* RFC 7301 3.1 */
    if (entry->key == POLICY_KEY_GROUPS)
        read_groups(parser, entry, settings);
    else if (entry->key == POLICY_KEY_ALPN)
        read_words(parser, entry, ALPN_NAME_MAX, POLICY_ALPN_MAX, &settings->alpn);
    else
        read_words(parser, entry, TLS_PSK_IDENTITY_MAX, POLICY_PSK_IDENTITIES_MAX,
                   &settings->psk_identities);
}
