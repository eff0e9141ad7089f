#include "common_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "common_configs.h"
#include "common_credentials.h"
#include "common_environment.h"
#include "common_identity.h"
#include "common_includes.h"

enum { POLICY_FILE_MAX = 1024 * 1024 };

#define TEXT_NAME "(command line)"

/* What such a process believes must not come from who may write its files. */
static bool is_privileged(void)
{
    return geteuid() == 0 || getauxval(AT_SECURE) != 0;
}

/* The directory of a file, with the slash; "" for a bare name. NULL when memory runs out. */
static const char *directory_of(struct rules *rules, const char *file)
{
    const char *slash = strrchr(file, '/');
    return memory_copy(&rules->memory, file, slash ? (size_t)(slash + 1 - file) : 0);
}

static bool grow(struct policy_pool *pool, size_t size)
{
    enum { STEP = 64 * 1024 };
    pool->size = size > STEP ? size : STEP;
    pool->used = 0;
    pool->memory = memory_take(pool->grow_arg, pool->size);
    if (!pool->memory)
        pool->size = 0;
    return pool->memory != NULL;
}

static void load_text(struct loader *loader, const char *text, size_t length)
{
    struct rules *rules = loader->rules;
    struct policy_pool pool = {.grow = grow, .grow_arg = &rules->memory};
    struct includes includes = {
        .memory = &rules->memory, .directory = loader->directory, .privileged = loader->privileged};
    const struct policy_input input = {
        .file = rules->file,
        .text = text,
        .length = length,
        .directory = loader->directory,
        .environment = getauxval(AT_SECURE) ? NULL : kept_getenv,
        .user_id = includes_user_id,
        .include = includes_find,
        .arg = &includes,
        .now = time(NULL),
        .user = loader->user,
    };
    if (!policy_parse_all(&rules->policy, &pool, &input, loader->report, loader->report_arg))
        loader->errors++;
    if (!loader->without_files)
        loader_build_configs(loader);
}

static char program_path[4096];

const char *rules_program_path(void)
{
    return program_path;
}

static void find_program_path(void)
{
    static const char deleted[] = " (deleted)"; /* what the kernel adds when the file is gone */
    ssize_t n = readlink("/proc/self/exe", program_path, sizeof program_path - 1);
    program_path[n < 0 ? 0 : n] = '\0';
    ssize_t head = n - (ssize_t)(sizeof deleted - 1);
    if (head > 0 && strcmp(program_path + head, deleted) == 0 && access(program_path, F_OK) != 0)
        program_path[head] = '\0';
}

/* path and text: one is NULL. */
static void load_source(struct loader *loader, const char *name, const char *path, const char *text)
{
    struct rules *out = loader->rules;
    struct file_text file = {0};
    char reason[FILE_REASON];
    out->file = memory_copy(&out->memory, name, strlen(name));
    if (!text)
        loader->directory = directory_of(out, path);
    struct policy_place start = {out->file ? out->file : name, 1, 1};
    if (!out->file || (!text && !loader->directory))
        loader_complain(loader, start, "not enough memory");
    else if (text)
        load_text(loader, text, strlen(text));
    else if (!file_read(&file, path, POLICY_FILE_MAX, false, reason))
        loader_complain(loader, start, "the policy cannot be used: %s%s", reason,
                        strcmp(path, RULES_DEFAULT_POLICY) == 0
                            ? " (neither -p nor TLSHIM_POLICY names one; without a policy, "
                              "--trust FILE or --certificate FILE --key FILE may do)"
                            : "");
    else if (includes_is_unsafe(&file, loader->privileged))
        loader_complain(
            loader, start,
            "its group or others may write this policy, and this user is privileged; run: "
            "chmod go-w %.120s",
            path);
    else
        load_text(loader, file.text, file.length);
    file_free(&file);
}

bool rules_load_all(struct rules *out, const char *path, const char *text,
                    void (*report)(void *arg, const struct policy_error *error), void *arg)
{
    *out = (struct rules){.secrets.secret = true};
    struct loader loader = {.rules = out,
                            .privileged = is_privileged(),
                            .user = geteuid(),
                            .report = report,
                            .report_arg = arg};
    find_program_path();
    load_source(&loader, text ? TEXT_NAME : path, path, text);
    return loader.errors == 0;
}

/* A relative path starts where the process did. NULL when there is no saying. */
static const char *absolute(struct rules_source *source, const char *path)
{
    char directory[4096];
    if (path[0] == '/')
        return memory_copy(&source->memory, path, strlen(path));
    size_t head = getcwd(directory, sizeof directory) ? strlen(directory) : 0;
    char *whole = head ? memory_take(&source->memory, head + strlen(path) + 2) : NULL;
    if (whole)
        sprintf(whole, "%s/%s", directory, path);
    return whole;
}

bool rules_find_source(struct rules_source *out, struct rules_error *error)
{
    const char *path = kept_getenv("TLSHIM_POLICY"), *text = kept_getenv("TLSHIM_POLICY_TEXT");
    const char *strict = kept_getenv("TLSHIM_STRICT");
    *out = (struct rules_source){
        .strict = strict && strict[0] && strcmp(strict, "0") != 0,
        .is_child = kept_getenv("TLSHIM_CHILD") != NULL,
        .privileged = is_privileged(),
        .user = geteuid(),
    };
    if (path && text) {
        snprintf(error->text, sizeof error->text,
                 TEXT_NAME ":1:1: TLSHIM_POLICY and TLSHIM_POLICY_TEXT are both set; unset one");
        return false;
    }
    if (!path && !text)
        path = RULES_DEFAULT_POLICY;
    out->name = text ? TEXT_NAME : memory_copy(&out->memory, path, strlen(path));
    out->text = text ? memory_copy(&out->memory, text, strlen(text)) : NULL;
    out->path = text ? NULL : absolute(out, path);
    find_program_path();
    if (out->name && (out->text || out->path))
        return true;
    snprintf(error->text, sizeof error->text,
             "%.4096s:1:1: the working directory is unknown: name "
             "the policy by an absolute path",
             out->name ? out->name : TEXT_NAME);
    memory_release(&out->memory);
    return false;
}

/* Numbers for what was loaded. False when memory runs out. */
static bool add_numbers(struct rules *rules)
{
    const struct policy *policy = &rules->policy;
    uint64_t *tags = memory_take(&rules->memory, (policy->rule_count + 1) * sizeof *tags);
    rules->tags = tags;
    rules->id = file_notes_number(&rules->seen);
    for (size_t i = 0; tags && i < policy->rule_count; i++) {
        tags[i] = identity_tag(&policy->rules[i], rules->configs ? rules->configs[i] : NULL);
        rules->id = (rules->id << 1 | rules->id >> 63) ^ tags[i];
    }
    rules->id |= 1;
    return tags != NULL;
}

static bool load_from(struct rules *out, const struct rules_source *source,
                      struct rules_error *error, bool without_files)
{
    struct policy_earliest earliest = {0};
    *out = (struct rules){.secrets.secret = true};
    struct loader loader = {.rules = out,
                            .without_files = without_files,
                            .privileged = source->privileged,
                            .user = source->user,
                            .is_child = source->is_child,
                            .report = policy_keep_earliest,
                            .report_arg = &earliest};
    file_notes_begin(&out->seen);
    load_source(&loader, source->name, source->path, source->text);
    file_notes_end();
    if (source->strict)
        out->policy.process.unmatched_plain = false;
    if (loader.errors == 0 && add_numbers(out))
        return true;
    snprintf(error->text, sizeof error->text, "%.4096s:%u:%u: %s",
             earliest.found ? earliest.error.place.file : source->name, earliest.error.place.line,
             earliest.error.place.column,
             earliest.found ? earliest.error.message : "not enough memory");
    return false;
}

bool rules_load_from(struct rules *out, const struct rules_source *source,
                     struct rules_error *error)
{
    return load_from(out, source, error, false);
}

static bool from_environment(struct rules *out, struct rules_error *error, bool without_files)
{
    struct rules_source source;
    *out = (struct rules){0};
    if (!rules_find_source(&source, error))
        return false;
    bool good = load_from(out, &source, error, without_files);
    if (!good)
        rules_unload(out);
    memory_release(&source.memory);
    return good;
}

bool rules_read(struct rules *out, struct rules_error *error)
{
    return from_environment(out, error, true);
}

bool rules_load(struct rules *out, struct rules_error *error)
{
    return from_environment(out, error, false);
}

void rules_unload(struct rules *rules)
{
    if (rules->system_roots)
        later_roots_release(rules->system_roots);
    memory_release(&rules->memory);
    memory_release(&rules->secrets);
    file_notes_release(&rules->seen);
    *rules = (struct rules){0};
}
