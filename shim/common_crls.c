/* Revocation lists: files and directories of them. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../tls/x509/der.h"
#include "../tls/x509/pem.h"
#include "../tls/x509/x509_crl.h"
#include "common_credentials.h"
#include "common_files.h"

enum { LIST_FILE_MAX = 16 * 1024 * 1024, LIST_PATH_SIZE = 4096 };

struct found_list {
    struct found_list *next;
    struct x509_crl crl;
};

struct gathering {
    struct found_list *found;
    size_t count;
    struct memory *memory;
    const char *directory;
    char *reason;
};

static bool gather_list(struct gathering *g, const char *path, const void *bytes, size_t length)
{
    const char *why = "not enough memory";
    const uint8_t *copy = (const uint8_t *)memory_copy(g->memory, bytes, length);
    struct found_list *found = memory_take(g->memory, sizeof *found);
    if (!copy || !found || x509_crl_parse(&found->crl, copy, length, &why) != TLS_ERROR_OK) {
        snprintf(g->reason, CREDENTIALS_REASON, "%.120s: %s; get it from the CA anew", path, why);
        return false;
    }
    found->next = g->found;
    g->found = found;
    g->count++;
    return true;
}

static bool gather_pem(struct gathering *g, const char *path, const struct file_text *file)
{
    struct pem_reader reader = {.at = file->text, .end = file->text + file->length};
    struct pem_block block;
    const char *why = "";
    enum pem_result result;
    while ((result = pem_next(&reader, &block, (uint8_t *)file->text, file->length, &why)) ==
           PEM_BLOCK)
        if (strcmp(block.label, "X509 CRL") == 0 && !gather_list(g, path, file->text, block.length))
            return false;
    if (result != PEM_BAD)
        return true;
    snprintf(g->reason, CREDENTIALS_REASON, "%.120s:%u: %s", path, reader.line, why);
    return false;
}

static bool gather_file(struct gathering *g, const char *path)
{
    static const char begin[] = "-----BEGIN ";
    struct file_text file;
    char why[FILE_REASON];
    if (!file_read(&file, path, LIST_FILE_MAX, false, why)) {
        snprintf(g->reason, CREDENTIALS_REASON, "%.120s: %s", path, why);
        return false;
    }
    bool is_der = file.length > 1 && file.text[0] == DER_SEQUENCE &&
                  !memmem(file.text, file.length, begin, sizeof begin - 1);
    bool good = is_der ? gather_list(g, path, file.text, file.length) : gather_pem(g, path, &file);
    file_free(&file);
    return good;
}

/* What openssl rehash makes, and what people call such files. */
static bool is_list_name(const char *name)
{
    static const char hex[] = "0123456789abcdef";
    const char *dot = strrchr(name, '.');
    if (name[0] == '.' || !dot)
        return false;
    return strcmp(dot, ".crl") == 0 || strcmp(dot, ".pem") == 0 ||
           (strspn(name, hex) == 8 && dot == name + 8 && dot[1] == 'r' && dot[2] &&
            strspn(dot + 2, "0123456789") == strlen(dot + 2));
}

static bool gather_named(void *arg, const char *name)
{
    struct gathering *g = arg;
    char path[LIST_PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/%s", g->directory, name);
    return !is_list_name(name) || (length < (int)sizeof path && gather_file(g, path));
}

static bool put_lists_together(struct credentials_crls *out, const struct gathering *g)
{
    struct x509_crl *lists = memory_take(g->memory, g->count * sizeof *lists);
    size_t used = 0;
    for (const struct found_list *f = g->found; lists && f; f = f->next)
        lists[used++] = f->crl;
    *out = (struct credentials_crls){lists, used};
    if (!lists)
        snprintf(g->reason, CREDENTIALS_REASON, "not enough memory");
    return lists != NULL;
}

bool credentials_load_crls(struct credentials_crls *out, const char *path, struct memory *memory,
                           char reason[CREDENTIALS_REASON])
{
    struct gathering g = {.memory = memory, .directory = path, .reason = reason};
    struct stat status;
    bool is_directory = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    snprintf(reason, CREDENTIALS_REASON, "%.120s: the directory cannot be read; check the path",
             path);
    bool good = is_directory ? file_each_name(path, gather_named, &g) : gather_file(&g, path);
    if (good && g.count == 0)
        snprintf(reason, CREDENTIALS_REASON,
                 is_directory ? "%.120s: no revocation lists in it, named *.crl, *.pem or as by "
                                "openssl rehash"
                              : "%.120s: no X509 CRL in it; a file with -----BEGIN X509 CRL----- "
                                "or one in DER is needed",
                 path);
    return good && g.count > 0 && put_lists_together(out, &g);
}
