#include "json.h"

#include <stdio.h>
#include <string.h>

#include "../../policy/policy_text.h"

void json_string(const char *text)
{
    char shown[POLICY_SHOWN_MAX];
    if (!text) {
        fputs("null", stdout);
        return;
    }
    putchar('"');
    for (size_t n = strlen(text), taken; n > 0; text += taken, n -= taken) {
        taken = policy_show_json(text, n, shown);
        fputs(shown, stdout);
    }
    putchar('"');
}

void json_name(bool *first, const char *name)
{
    printf("%s\"%s\": ", *first ? "" : ", ", name);
    *first = false;
}

void json_text(bool *first, const char *name, const char *value)
{
    json_name(first, name);
    json_string(value);
}

void json_number(bool *first, const char *name, long long value)
{
    json_name(first, name);
    printf("%lld", value);
}

void json_bool(bool *first, const char *name, bool value)
{
    json_name(first, name);
    fputs(value ? "true" : "false", stdout);
}

bool json_wanted(const char *value, bool *json)
{
    *json = strcmp(value, "json") == 0;
    return *json || strcmp(value, "text") == 0;
}
