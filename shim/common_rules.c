#include "common_rules.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "common_configs.h"
#include "common_files.h"
#include "common_includes.h"

enum { POLICY_FILE_MAX = 1024 * 1024 };

#define TEXT_NAME "(command line)"

/* What such a process believes must not come from who may write its files. */
static bool is_privileged(void)
{
    return geteuid() == 0 || getauxval(AT_SECURE) != 0;
}

static const char *environment(const char *name)
{
    return getenv(name);
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
        .memory = &rules->memory, .directory = loader->directory, .privileged = is_privileged()};
    const struct policy_input input = {
        .file = rules->file,
        .text = text,
        .length = length,
        .directory = loader->directory,
        .environment = getauxval(AT_SECURE) ? NULL : environment,
        .user_id = includes_user_id,
        .include = includes_find,
        .arg = &includes,
        .now = time(NULL),
        .user = geteuid(),
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
static void load_source(struct loader *loader, const char *path, const char *text)
{
    struct rules *out = loader->rules;
    const char *name = text ? TEXT_NAME : path;
    struct file_text file = {0};
    char reason[FILE_REASON];
    find_program_path();
    out->file = memory_copy(&out->memory, name, strlen(name));
    if (!text)
        loader->directory = directory_of(out, path);
    struct policy_place start = {out->file ? out->file : name, 1, 1};
    if (!out->file || (!text && !loader->directory))
        loader_complain(loader, start, "not enough memory");
    else if (text)
        load_text(loader, text, strlen(text));
    else if (!file_read(&file, path, POLICY_FILE_MAX, false, reason))
        loader_complain(loader, start, "the policy cannot be used: %s", reason);
    else if (includes_is_unsafe(&file, is_privileged()))
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
    struct loader loader = {.rules = out, .report = report, .report_arg = arg};
    load_source(&loader, path, text);
    return loader.errors == 0;
}

static bool from_environment(struct rules *out, struct rules_error *error, bool without_files)
{
    const char *path = secure_getenv("TLSHIM_POLICY"), *text = secure_getenv("TLSHIM_POLICY_TEXT");
    struct policy_earliest earliest = {0};
    *out = (struct rules){.secrets.secret = true};
    if (path && text) {
        snprintf(error->text, sizeof error->text,
                 TEXT_NAME ":1:1: TLSHIM_POLICY and TLSHIM_POLICY_TEXT are both set; unset one");
        return false;
    }
    if (!path && !text)
        path = RULES_DEFAULT_POLICY;
    struct loader loader = {.rules = out,
                            .without_files = without_files,
                            .report = policy_keep_earliest,
                            .report_arg = &earliest};
    load_source(&loader, path, text);
    if (loader.errors == 0) {
        const char *strict = getenv("TLSHIM_STRICT");
        if (strict && strict[0] && strcmp(strict, "0") != 0)
            out->policy.process.unmatched_plain = false;
        return true;
    }
    snprintf(error->text, sizeof error->text, "%.4096s:%u:%u: %s", earliest.error.place.file,
             earliest.error.place.line, earliest.error.place.column, earliest.error.message);
    rules_unload(out);
    return false;
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
    memory_release(&rules->memory);
    memory_release(&rules->secrets);
    *rules = (struct rules){0};
}
