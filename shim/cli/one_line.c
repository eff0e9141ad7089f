#include "one_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../policy/policy_pattern.h"
#include "../../policy/policy_text.h"
#include "cli.h"

bool one_line_given(const struct one_line *form)
{
    return form->trust || form->certificate || form->key || form->connect.count ||
           form->listen.count || form->except.count;
}

static bool is_complete(const struct one_line *form)
{
    if (!form->certificate != !form->key)
        usage_error("--certificate and --key go together");
    else if (!form->trust && !form->certificate)
        usage_error("--connect, --listen and --except need --trust, or --certificate and --key");
    else if (form->connect.count && !form->trust)
        usage_error("--connect needs --trust");
    else if (form->listen.count && !form->certificate)
        usage_error("--listen needs --certificate and --key");
    else
        return true;
    return false;
}

/* A value as the policy's language wants it: $ doubled. False when that language cannot hold it. */
static bool put_value(FILE *out, const char *option, const char *value)
{
    for (const char *p = value; *p; p++)
        if ((*p == '#' && p > value && policy_is_space(p[-1])) ||
            (policy_is_space(*p) && (p == value || !p[1])) || *p == '\n') {
            usage_error(
                "%s \"%s\": white space at an end or before a #, or a line's end, cannot be "
                "written in a policy",
                option, value);
            return false;
        }
    for (const char *p = value; *p; p++) {
        if (*p == '$')
            fputc('$', out);
        fputc(*p, out);
    }
    return true;
}

static bool put_path(FILE *out, const char *key, const char *option, const char *path)
{
    char *absolute = absolute_path(path);
    fprintf(out, "%s = ", key);
    bool good = absolute && put_value(out, option, absolute);
    fputc('\n', out);
    free(absolute);
    return good;
}

static bool is_name(const char *pattern)
{
    struct policy_endpoint endpoint;
    const char *why;
    if (!policy_split_endpoint(pattern, &endpoint, &why) || endpoint.bracketed)
        return false;
    char host[256];
    snprintf(host, sizeof host, "%.*s", (int)endpoint.host_length, endpoint.host);
    return policy_is_dns_name(strncmp(host, "*.", 2) == 0 ? host + 2 : host);
}

/* without_names: listeners have none. */
static bool put_patterns(FILE *out, const char *key, const char *option,
                         const struct patterns *patterns, bool without_names)
{
    bool any = false;
    for (size_t i = 0; i < patterns->count; i++) {
        if (without_names && is_name(patterns->words[i]))
            continue;
        fprintf(out, "%s%s", any ? " " : key, any ? "" : " = ");
        any = true;
        if (!put_value(out, option, patterns->words[i]))
            return false;
    }
    fputs(any ? "\n" : "", out);
    return true;
}

static bool put_except(FILE *out, const struct one_line *form)
{
    if (!form->except.count)
        return true;
    fputs("[plain except]\n", out);
    return (!form->trust || put_patterns(out, "connect", "--except", &form->except, false)) &&
           (!form->certificate ||
            put_patterns(out, "listen", "--except", &form->except, form->trust != NULL));
}

static bool put_client(FILE *out, const struct one_line *form)
{
    static const char *everything[] = {"*:*"};
    static const struct patterns all = {everything, 1};
    if (!form->trust) {
        fputs("[plain connects]\nconnect = *:*\n", out);
        return true;
    }
    fputs("[client connects]\n", out);
    if (!put_patterns(out, "connect", "--connect", form->connect.count ? &form->connect : &all,
                      false))
        return false;
    if (strcmp(form->trust, "system") != 0)
        return put_path(out, "trust", "--trust", form->trust);
    fputs("trust = system\n", out);
    return true;
}

static bool put_server(FILE *out, const struct one_line *form)
{
    static const char *everything[] = {"*:*"};
    static const struct patterns all = {everything, 1};
    if (!form->certificate) {
        fputs("[plain listeners]\nlisten = *:*\n", out);
        return true;
    }
    fputs("[server listeners]\n", out);
    return put_patterns(out, "listen", "--listen", form->listen.count ? &form->listen : &all,
                        false) &&
           put_path(out, "certificate", "--certificate", form->certificate) &&
           put_path(out, "key", "--key", form->key);
}

char *one_line_policy(const struct one_line *form)
{
    char *text = NULL;
    size_t length;
    if (!is_complete(form))
        return NULL;
    FILE *out = open_memstream(&text, &length);
    bool good = out && put_except(out, form) && put_client(out, form) && put_server(out, form);
    if (out)
        fclose(out);
    if (!good) {
        free(text);
        text = NULL;
    }
    return text;
}

const char *one_line_summary(const struct one_line *form)
{
    return form->trust && form->certificate ? "connects and listeners are covered"
           : form->trust                    ? "connects are covered, listeners are left alone"
                                            : "listeners are covered, connects are left alone";
}
