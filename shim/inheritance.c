#include "inheritance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common_files.h"
#include "real.h"
#include "sockets.h"

/* ---- glibc's records ---- */

enum tag { CLOSE, DUP2, OPEN, CHDIR, FCHDIR, CLOSEFROM, SET_GROUP };

struct action { /* struct __spawn_action */
    enum tag tag;
    union {
        int fd; /* CLOSE, FCHDIR, SET_GROUP; CLOSEFROM: the first */
        struct {
            int fd, to;
        } dup2;
        struct {
            int fd;
            char *path;
            int flags;
            mode_t mode;
        } open;
        char *directory;
    };
};

static const struct action *list_of(const posix_spawn_file_actions_t *actions)
{
    return (const struct action *)(const void *)actions->__actions;
}

static int count_of(const struct inheritance *in)
{
    return in->actions != NULL && in->is_known ? in->actions->__used : 0;
}

static bool is_as_added(const posix_spawn_file_actions_t *actions)
{
    const struct action *a = list_of(actions);

    return actions->__used == 7 && a[0].tag == CLOSE && a[0].fd == 11 && a[1].tag == DUP2 &&
           a[1].dup2.fd == 12 && a[1].dup2.to == 13 && a[2].tag == OPEN && a[2].open.fd == 14 &&
           strcmp(a[2].open.path, "/o") == 0 && a[2].open.flags == O_RDWR &&
           a[2].open.mode == 0640 && a[3].tag == CHDIR && strcmp(a[3].directory, "/d") == 0 &&
           a[4].tag == FCHDIR && a[4].fd == 15 && a[5].tag == CLOSEFROM && a[5].fd == 16 &&
           a[6].tag == SET_GROUP && a[6].fd == 17;
}

static bool try_layout(void)
{
    posix_spawn_file_actions_t actions;
    bool good;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return false;
    good = posix_spawn_file_actions_addclose(&actions, 11) == 0 &&
           posix_spawn_file_actions_adddup2(&actions, 12, 13) == 0 &&
           posix_spawn_file_actions_addopen(&actions, 14, "/o", O_RDWR, 0640) == 0 &&
           posix_spawn_file_actions_addchdir_np(&actions, "/d") == 0 &&
           posix_spawn_file_actions_addfchdir_np(&actions, 15) == 0 &&
           posix_spawn_file_actions_addclosefrom_np(&actions, 16) == 0 &&
           posix_spawn_file_actions_addtcsetpgrp_np(&actions, 17) == 0 && is_as_added(&actions);
    posix_spawn_file_actions_destroy(&actions);
    return good;
}

static bool is_layout_known(void)
{
    static _Atomic int known; /* 1: yes; -1: no */
    int answer = atomic_load(&known);

    if (answer == 0) {
        answer = try_layout() ? 1 : -1;
        atomic_store(&known, answer);
    }
    return answer > 0;
}

/* ---- what becomes of descriptors ---- */

struct inheritance inheritance_of(const posix_spawn_file_actions_t *actions)
{
    return (struct inheritance){actions, actions == NULL || is_layout_known()};
}

static bool is_open_after_exec(int fd, bool flag_is_cleared)
{
    long flags = sys3(SYS_fcntl, fd, F_GETFD, 0);

    return flags >= 0 && (flag_is_cleared || (flags & FD_CLOEXEC) == 0);
}

/* Where does what lies at *number after the first `count` actions come from? Backwards to the
 * action that opened or closed it; -1: from this process's descriptor *number. */
static int origin_of(const struct inheritance *in, int count, int *number, bool *flag_is_cleared)
{
    *flag_is_cleared = !in->is_known;
    for (int i = count; i-- > 0;) {
        const struct action *a = &list_of(in->actions)[i];

        if ((a->tag == CLOSE && a->fd == *number) || (a->tag == CLOSEFROM && a->fd <= *number) ||
            (a->tag == OPEN && a->open.fd == *number))
            return i;
        if (a->tag == DUP2 && a->dup2.to == *number) {
            *number = a->dup2.fd;
            *flag_is_cleared = true;
        }
    }
    return -1;
}

int inheritance_at(const struct inheritance *in, int number)
{
    bool flag_is_cleared;
    int by = origin_of(in, count_of(in), &number, &flag_is_cleared);

    return by < 0 && is_open_after_exec(number, flag_is_cleared) ? number : -1;
}

struct walk {
    const struct inheritance *in;
    bool (*each)(int fd, void *arg);
    void *arg;
};

static bool visit(int number, void *arg)
{
    const struct walk *walk = arg;
    int fd = inheritance_at(walk->in, number);

    return fd < 0 || walk->each(fd, walk->arg);
}

bool inheritance_each(const struct inheritance *in, bool (*each)(int fd, void *arg), void *arg)
{
    struct walk walk = {in, each, arg};

    for (int i = 0; i < count_of(in); i++) {
        const struct action *a = &list_of(in->actions)[i];

        if (a->tag == DUP2 && !visit(a->dup2.to, &walk))
            return false;
    }
    return descriptors_each(visit, &walk);
}

static bool visit_name(void *arg, const char *name)
{
    const struct walk *walk = arg;

    return name[0] < '0' || name[0] > '9' || walk->each(atoi(name), walk->arg);
}

bool descriptors_each(bool (*each)(int fd, void *arg), void *arg)
{
    enum { REASONABLE = 65536 };
    struct walk walk = {NULL, each, arg};

    if (access("/proc/self/fd", R_OK) == 0)
        return file_each_name("/proc/self/fd", visit_name, &walk);
    for (int fd = 0; fd < REASONABLE; fd++)
        if (socket_is_open(fd) && !each(fd, arg))
            return false;
    return true;
}

static bool go_to(const char *directory, char *out, size_t size)
{
    size_t used = directory[0] == '/' ? 0 : strlen(out);
    int n = snprintf(out + used, size - used, "%s/", directory);

    return n >= 0 && (size_t)n < size - used;
}

/* After the first `count` actions. What comes before the last FCHDIR does not matter, but for the
 * path of a directory that an action opens. */
static bool directory_after(const struct inheritance *in, int count, char *out, size_t size)
{
    const struct action *list = count > 0 ? list_of(in->actions) : NULL;
    char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
    bool ignored, good = true;
    int i = count, number, by;

    out[0] = '\0';
    while (i > 0 && list[i - 1].tag != FCHDIR)
        i--;
    if (i > 0) {
        number = list[i - 1].fd;
        by = origin_of(in, i - 1, &number, &ignored);
        if (by >= 0 && list[by].tag == OPEN) {
            good = directory_after(in, by, out, size) && go_to(list[by].open.path, out, size);
        } else {
            snprintf(path, sizeof(path), "/proc/self/fd/%d", by < 0 ? number : -1);
            good = go_to(path, out, size);
        }
    }
    for (; good && i < count; i++)
        good = list[i].tag != CHDIR || go_to(list[i].directory, out, size);
    return good;
}

bool inheritance_directory(const struct inheritance *in, char *out, size_t size)
{
    return directory_after(in, count_of(in), out, size);
}

/* ---- one descriptor more ---- */

static bool mentions(const struct action *a, int number)
{
    switch (a->tag) {
    case CLOSE:
    case FCHDIR:
    case SET_GROUP:
        return a->fd == number;
    case DUP2:
        return a->dup2.fd == number || a->dup2.to == number;
    case OPEN:
        return a->open.fd == number;
    default:
        return false;
    }
}

static bool any_mentions(const struct inheritance *in, int number)
{
    for (int i = 0; i < count_of(in); i++)
        if (mentions(&list_of(in->actions)[i], number))
            return true;
    return false;
}

/* A number that neither this process nor the actions use; fd's own where that is so. */
static int free_number(const struct inheritance *in, int fd)
{
    int number = fd;

    if (!any_mentions(in, fd))
        return fd;
    for (number = 3; any_mentions(in, number) || socket_is_open(number); number++)
        ;
    return number;
}

static int move(posix_spawn_file_actions_t *out, int from, int to)
{
    int r = posix_spawn_file_actions_adddup2(out, from, to);

    return r != 0 || from == to ? r : posix_spawn_file_actions_addclose(out, from);
}

static int copy_action(posix_spawn_file_actions_t *out, const struct action *a)
{
    switch (a->tag) {
    case CLOSE:
        return posix_spawn_file_actions_addclose(out, a->fd);
    case DUP2:
        return posix_spawn_file_actions_adddup2(out, a->dup2.fd, a->dup2.to);
    case OPEN:
        return posix_spawn_file_actions_addopen(out, a->open.fd, a->open.path, a->open.flags,
                                                a->open.mode);
    case CHDIR:
        return posix_spawn_file_actions_addchdir_np(out, a->directory);
    case FCHDIR:
        return posix_spawn_file_actions_addfchdir_np(out, a->fd);
    case CLOSEFROM:
        return posix_spawn_file_actions_addclosefrom_np(out, a->fd);
    case SET_GROUP:
        return posix_spawn_file_actions_addtcsetpgrp_np(out, a->fd);
    }
    return ENOTSUP;
}

/* What closes all from a number on closes all but the one: it takes that number itself. */
static int add_around(posix_spawn_file_actions_t *out, const struct action *a, int home, int *at)
{
    int r = 0;

    if (a->tag == CLOSEFROM && a->fd <= *at) {
        if (a->fd < *at)
            r = posix_spawn_file_actions_adddup2(out, *at, a->fd);
        *at = a->fd;
        return r != 0 ? r : posix_spawn_file_actions_addclosefrom_np(out, a->fd + 1);
    }
    if (mentions(a, *at) && *at != home) {
        r = move(out, *at, home);
        *at = home;
    }
    return r != 0 ? r : copy_action(out, a);
}

int inheritance_with(const struct inheritance *in, int fd, posix_spawn_file_actions_t *out,
                     int *number)
{
    int home = free_number(in, fd), r;

    if (!in->is_known)
        return ENOTSUP;
    r = posix_spawn_file_actions_init(out);
    if (r != 0)
        return r;
    *number = home;
    r = posix_spawn_file_actions_adddup2(out, fd, home);
    for (int i = 0; r == 0 && i < count_of(in); i++)
        r = add_around(out, &list_of(in->actions)[i], home, number);
    if (r != 0)
        posix_spawn_file_actions_destroy(out);
    return r;
}
