/* What [defaults] says about the whole process. */
#include <stdio.h>

#include "policy_parser.h"

static const char *const fates[] = {"deny", "plain", NULL};
static const char *const coverings[] = {"inherit", "drop", NULL};
static const char *const uncovered[] = {"refuse", "plain", NULL};

const struct policy_process policy_builtin_process = {
    .children = POLICY_CHILDREN_INHERIT,
    .uncovered_child = POLICY_UNCOVERED_REFUSE,
    .cache_entries = 4096,
    .cache_bytes = 16 << 20,
};

void policy_read_process(struct policy_parser *parser, const struct policy_entry *entry,
                         struct policy_process *process)
{
    uint64_t number;
    int i;
    switch (entry->key) {
    case POLICY_KEY_UNMATCHED:
        process->unmatched_plain = policy_read_choice(parser, entry, fates) == 1;
        break;
    case POLICY_KEY_CHILDREN:
        if ((i = policy_read_choice(parser, entry, coverings)) >= 0)
            process->children = (enum policy_children)i;
        break;
    case POLICY_KEY_UNCOVERED_CHILD:
        if ((i = policy_read_choice(parser, entry, uncovered)) >= 0)
            process->uncovered_child = (enum policy_uncovered)i;
        break;
    case POLICY_KEY_CACHE_ENTRIES:
        if (policy_read_number(parser, entry, false, 0, POLICY_CACHE_ENTRIES_MAX,
                               "a number of sessions from 0 to 1048576", &number))
            process->cache_entries = (uint32_t)number;
        break;
    case POLICY_KEY_CACHE_BYTES:
        policy_read_number(parser, entry, true, 0, POLICY_CACHE_BYTES_MAX,
                           "a number of bytes from 0 to 4G (K, M, G)", &process->cache_bytes);
        break;
    default:
        break;
    }
}

void policy_each_process_setting(const struct policy_process *process,
                                 void (*each)(void *arg, unsigned key, const char *value),
                                 void *arg)
{
    char number[24];
    each(arg, POLICY_KEY_UNMATCHED, fates[process->unmatched_plain]);
    each(arg, POLICY_KEY_CHILDREN, coverings[process->children]);
    each(arg, POLICY_KEY_UNCOVERED_CHILD, uncovered[process->uncovered_child]);
    snprintf(number, sizeof number, "%u", process->cache_entries);
    each(arg, POLICY_KEY_CACHE_ENTRIES, number);
    snprintf(number, sizeof number, "%llu", (unsigned long long)process->cache_bytes);
    each(arg, POLICY_KEY_CACHE_BYTES, number);
}
