#include "common_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../crypto_glue/cg_hash.h"
#include "common_os.h"

/* ---- notes ---- */

struct state { /* of a file; all zeros but error when it could not be looked at */
    uint64_t device, inode, size, mode;
    int64_t changed[2], modified[2];
    int64_t error;
};

struct file_note {
    struct file_note *next;
    const char *path;
    struct state state;
};

static __thread struct file_notes *noting __attribute__((tls_model("initial-exec")));

void file_notes_begin(struct file_notes *notes)
{
    noting = notes;
}

void file_notes_end(void)
{
    noting = NULL;
}

/* status NULL: error says why there is none. */
static struct state state_of(const struct stat *status, int error)
{
    if (!status)
        return (struct state){.error = error};
    return (struct state){
        .device = status->st_dev,
        .inode = status->st_ino,
        .size = (uint64_t)status->st_size,
        .mode = status->st_mode,
        .changed = {status->st_ctim.tv_sec, status->st_ctim.tv_nsec},
        .modified = {status->st_mtim.tv_sec, status->st_mtim.tv_nsec},
    };
}

static void note(const char *path, const struct stat *status, int error)
{
    struct file_note *new = noting ? memory_take(&noting->memory, sizeof *new) : NULL;
    if (!noting)
        return;
    if (new)
        new->path = memory_copy(&noting->memory, path, strlen(path));
    if (!new || !new->path) { /* never to be found unchanged */
        static struct file_note lost = {.path = "", .state.error = -1};
        noting->first = &lost;
        return;
    }
    new->state = state_of(status, error);
    new->next = noting->first;
    noting->first = new;
}

bool file_notes_changed(const struct file_notes *notes)
{
    for (const struct file_note *n = notes->first; n; n = n->next) {
        struct stat status;
        bool there = stat(n->path, &status) == 0;
        struct state state = state_of(there ? &status : NULL, errno);
        if (memcmp(&state, &n->state, sizeof state) != 0)
            return true;
    }
    return false;
}

uint64_t file_notes_number(const struct file_notes *notes)
{
    uint8_t digest[CG_HASH_MAX];
    uint64_t number;
    struct cg_hash hash;
    cg_hash_init(&hash, CG_SHA256);
    for (const struct file_note *n = notes->first; n; n = n->next) {
        cg_hash_update(&hash, n->path, strlen(n->path) + 1);
        cg_hash_update(&hash, &n->state, sizeof n->state);
    }
    cg_hash_final(&hash, digest);
    memcpy(&number, digest, sizeof number);
    return number;
}

void file_notes_release(struct file_notes *notes)
{
    notes->first = NULL;
    memory_release(&notes->memory);
}

/* ---- files ---- */

static void explain_errno(int error, char reason[FILE_REASON])
{
    const char *what = strerrordesc_np(error); /* strerror may allocate */
    if (error == EACCES)
        snprintf(reason, FILE_REASON,
                 "permission denied for user %u; let that user read the file and search the "
                 "directories above it",
                 (unsigned)geteuid());
    else if (error == ENOENT || error == ENOTDIR)
        snprintf(reason, FILE_REASON, "there is no such file; check the path");
    else
        snprintf(reason, FILE_REASON, "cannot be read: %s", what ? what : "unknown error");
}

static bool is_usable(const struct stat *status, size_t limit, char reason[FILE_REASON])
{
    if (S_ISDIR(status->st_mode))
        snprintf(reason, FILE_REASON, "this is a directory; name a file");
    else if (!S_ISREG(status->st_mode))
        snprintf(reason, FILE_REASON, "this is not a regular file");
    else if (status->st_size > (off_t)limit)
        snprintf(reason, FILE_REASON, "the file is larger than %zu KiB", limit / 1024);
    else
        return true;
    return false;
}

/* Reads until the end or until the buffer is full. -1 on error. */
static ssize_t read_whole(int fd, char *buffer, size_t size)
{
    size_t used = 0;
    while (used < size) {
        ssize_t n = os_read(fd, buffer + used, size - used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

bool file_read(struct file_text *out, const char *path, size_t limit, bool secret,
               char reason[FILE_REASON])
{
    struct stat status;
    *out = (struct file_text){.secret = secret};
    /* O_NONBLOCK: a FIFO must not hold up the program's start. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    bool there = fd >= 0 && fstat(fd, &status) == 0;
    int error = errno;
    note(path, there ? &status : NULL, error);
    if (!there) {
        explain_errno(error, reason);
    } else if (is_usable(&status, limit, reason)) {
        out->mode = status.st_mode;
        out->mapped = (size_t)status.st_size + 1; /* one more shows a file that grew meanwhile */
        out->text = memory_map(out->mapped, secret);
        ssize_t n = out->text ? read_whole(fd, out->text, out->mapped) : -1;
        if (n >= 0 && (size_t)n < out->mapped)
            out->length = (size_t)n;
        else if (n >= 0)
            snprintf(reason, FILE_REASON, "the file changed while it was read; try again");
        else
            explain_errno(errno, reason);
        if (n < 0 || (size_t)n == out->mapped)
            file_free(out);
    }
    if (fd >= 0)
        os_close(fd);
    return out->text != NULL;
}

void file_free(struct file_text *file)
{
    if (file->text)
        memory_unmap(file->text, file->mapped, file->secret);
    file->text = NULL;
}

bool file_each_name(const char *directory, bool (*each)(void *arg, const char *name), void *arg)
{
    union {
        char bytes[8192];
        struct dirent64 aligned;
    } buffer;
    /* getdents64 because readdir allocates. */
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat status;
    bool there = fd >= 0 && fstat(fd, &status) == 0;
    note(directory, there ? &status : NULL, errno);
    ssize_t n = fd < 0 ? -1 : 1;
    bool good = true;
    while (good && n > 0) {
        n = getdents64(fd, buffer.bytes, sizeof buffer.bytes);
        for (ssize_t at = 0; good && at < n;) {
            const struct dirent64 *entry = (const void *)(buffer.bytes + at);
            at += entry->d_reclen;
            good = each(arg, entry->d_name);
        }
    }
    if (fd >= 0)
        os_close(fd);
    return good && n == 0;
}
