/* Words, and ${VAR} in them. */
#include <string.h>

#include "policy_parser.h"
#include "policy_text.h"

bool policy_next_word(struct policy_word *rest, struct policy_word *word)
{
    const char *end = rest->text + rest->length, *start = rest->text;
    while (start < end && policy_is_space(*start))
        start++;
    const char *p = start;
    while (p < end && !policy_is_space(*p))
        p++;
    word->text = start;
    word->length = (size_t)(p - start);
    word->place = policy_advance(rest->place, rest->text, start);
    rest->place = policy_advance(word->place, start, p);
    rest->text = p;
    rest->length = (size_t)(end - p);
    return word->length > 0;
}

size_t policy_count_words(struct policy_word text)
{
    struct policy_word word;
    size_t count = 0;
    while (policy_next_word(&text, &word))
        count++;
    return count;
}

/* ---- ${VAR} ---- */

static bool is_variable_character(char c)
{
    return policy_is_alphanumeric(c) || c == '_';
}

/* What a variable may bring in: what could be written in its place. NULL when value is such. */
static const char *unfit(const char *value, bool is_word)
{
    size_t n = strlen(value);
    if (n == 0)
        return "is empty";
    for (size_t i = 0, step; i < n; i += step) {
        step = policy_utf8(value + i, n - i);
        if (step == 0)
            return "is not UTF-8";
        if (policy_is_control(value + i, step))
            return "has control characters";
        if (is_word && policy_is_space(value[i]))
            return "has white space, which would split the word";
        if (value[i] == '#' && (i == 0 || policy_is_space(value[i - 1])))
            return "has a # that would begin a comment";
    }
    return policy_is_space(value[0]) || policy_is_space(value[n - 1]) ? "has white space at an end"
                                                                      : NULL;
}

/* The value of the variable that *at points behind the "${" of; *at moves behind the "}". */
static const char *variable(struct policy_parser *parser, const char **at, const char *end,
                            struct policy_place place, bool is_word)
{
    char name[POLICY_NAME_MAX + 1];
    size_t n = 0;
    while (*at < end && n < POLICY_NAME_MAX && is_variable_character(**at))
        name[n++] = *(*at)++;
    name[n] = '\0';
    if (*at == end || **at != '}' || n == 0) {
        policy_complain(parser, place, "a variable is written ${NAME}, of letters, digits and _");
        return NULL;
    }
    ++*at;
    if (!parser->input->environment) {
        policy_complain(parser, place,
                        "${%s}: a privileged program takes nothing from the "
                        "environment; write the value itself",
                        name);
        return NULL;
    }
    const char *value = parser->input->environment(name);
    const char *why = value ? unfit(value, is_word) : "is not set in the environment";
    if (why)
        policy_complain(parser, place, "${%s} %s", name, why);
    return why ? NULL : value;
}

static void too_long(struct policy_parser *parser, const struct policy_word *word)
{
    policy_complain(parser, word->place, "the value is longer than %d bytes", POLICY_VALUE_MAX);
}

size_t policy_written_length(const char *value)
{
    size_t n = 0;
    for (; *value; value++)
        n += *value == '$' ? 2 : 1;
    return n;
}

struct policy_string policy_expand(struct policy_parser *parser, const struct policy_word *word,
                                   bool is_word)
{
    const struct policy_string none = {NULL, word->place};
    char text[POLICY_VALUE_MAX + 1];
    size_t n = 0;
    for (const char *at = word->text, *end = at + word->length; at < end;) {
        const char *piece = at++;
        size_t length = 1;
        if (*piece == '$') {
            struct policy_place place = policy_advance(word->place, word->text, piece);
            char next = at < end ? *at++ : '\0';
            if (next != '$' && next != '{') {
                policy_complain(parser, place,
                                "a $ begins ${NAME}; write $$ for the character itself");
                return none;
            }
            if (next == '{') {
                piece = variable(parser, &at, end, place, is_word);
                if (!piece)
                    return none;
                length = strlen(piece);
            }
        }
        if (length > POLICY_VALUE_MAX - n) {
            too_long(parser, word);
            return none;
        }
        memcpy(text + n, piece, length);
        n += length;
    }
    text[n] = '\0';
    if (policy_written_length(text) > POLICY_VALUE_MAX) {
        too_long(parser, word);
        return none;
    }
    char *copy = policy_take(parser, word->place, n + 1);
    if (copy)
        memcpy(copy, text, n);
    return (struct policy_string){copy, word->place};
}
