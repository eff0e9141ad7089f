/* Paths in values. */
#include <string.h>

#include "policy_parser.h"
#include "policy_text.h"

static struct policy_string make_absolute(struct policy_parser *parser, struct policy_string value)
{
    const char *directory = parser->input->directory;
    if (!value.text || value.text[0] == '/')
        return value;
    size_t tail = strlen(value.text), head = directory ? strlen(directory) : 0;
    size_t written =
        policy_written_length(value.text) + (directory ? policy_written_length(directory) : 0);
    char *path = NULL;
    if (value.text[0] == '"' || value.text[0] == '\'')
        policy_complain(parser, value.place, "a value is written without quotes");
    else if (value.text[0] == '~')
        policy_complain(parser, value.place,
                        "~ has no meaning here; write the whole path, or ${HOME}/...");
    else if (!directory)
        policy_complain(parser, value.place, "\"%.200s\" is a relative path; write an absolute one",
                        value.text);
    else if (written > POLICY_VALUE_MAX)
        policy_complain(parser, value.place, "the path is longer than %d bytes", POLICY_VALUE_MAX);
    else
        path = policy_take(parser, value.place, head + tail + 1);
    if (path) {
        memcpy(path, directory, head);
        memcpy(path + head, value.text, tail);
    }
    value.text = path;
    return value;
}

struct policy_string policy_read_path(struct policy_parser *parser,
                                      const struct policy_entry *entry)
{
    return make_absolute(parser, policy_expand(parser, &entry->value, false));
}

/* Does another path begin here, behind white space? */
static bool begins_path(const char *text, size_t left)
{
    return (left > 0 && text[0] == '/') || (left > 1 && text[0] == '$' && text[1] == '{');
}

static bool next_path(struct policy_word *rest, struct policy_word *path)
{
    const char *text = rest->text;
    size_t next = 1, length;
    if (rest->length == 0)
        return false;
    while (next < rest->length &&
           !(policy_is_space(text[next - 1]) && begins_path(text + next, rest->length - next)))
        next++;
    for (length = next; policy_is_space(text[length - 1]);)
        length--;
    *path = (struct policy_word){text, length, rest->place};
    *rest = (struct policy_word){text + next, rest->length - next,
                                 policy_advance(rest->place, text, text + next)};
    return true;
}

/* Can the list be read again as policy_print writes it? */
static bool can_be_listed(struct policy_parser *parser, struct policy_string path)
{
    for (const char *p = path.text; *p; p++)
        if (policy_is_space(p[0]) && p[1] == '/') {
            policy_complain(parser, path.place,
                            "\"%.200s\" has white space before a /, where a second path would "
                            "begin; give the file another name",
                            path.text);
            return false;
        }
    return true;
}

/* The next of several. text NULL on error, which is reported. */
static struct policy_string read_next(struct policy_parser *parser, const struct policy_word *word,
                                      bool is_first)
{
    struct policy_string path = policy_expand(parser, word, false);
    if (path.text && !is_first && path.text[0] != '/') {
        policy_complain(parser, word->place, "a second path is an absolute one");
        path.text = NULL;
    }
    path = make_absolute(parser, path);
    if (path.text && !can_be_listed(parser, path))
        path.text = NULL;
    return path;
}

void policy_read_paths(struct policy_parser *parser, const struct policy_entry *entry,
                       struct policy_string paths[POLICY_CREDENTIALS_MAX])
{
    struct policy_word rest = entry->value, word;
    size_t count = 0;
    memset(paths, 0, POLICY_CREDENTIALS_MAX * sizeof *paths);
    while (next_path(&rest, &word)) {
        if (count == POLICY_CREDENTIALS_MAX) {
            policy_complain(parser, word.place, "at most %d paths, one for each kind of key",
                            POLICY_CREDENTIALS_MAX);
            return;
        }
        paths[count] = read_next(parser, &word, count == 0);
        if (!paths[count++].text)
            return;
    }
}

void policy_read_path_list(struct policy_parser *parser, const struct policy_entry *entry,
                           struct policy_list *list)
{
    struct policy_word rest = entry->value, word;
    size_t room = 0;
    while (next_path(&rest, &word))
        room++;
    struct policy_string *paths = policy_take(parser, entry->place, room * sizeof *paths);
    *list = (struct policy_list){paths, 0};
    rest = entry->value;
    while (paths && next_path(&rest, &word)) {
        paths[list->count] = read_next(parser, &word, list->count == 0);
        if (!paths[list->count].text)
            return;
        list->count++;
    }
}
