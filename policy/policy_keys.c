#include "policy_keys.h"

#include "policy_text.h"

const struct policy_key policy_keys[POLICY_KEY_COUNT] = {
#define X(id, name, meaning, honoured) {name, meaning, honoured},
    POLICY_KEYS(X)
#undef X
};

enum policy_key_id policy_key_by_name(const char *name, size_t length)
{
    size_t i = 0;
    while (i < POLICY_KEY_COUNT && !policy_equals(name, length, policy_keys[i].name))
        i++;
    return (enum policy_key_id)i;
}
