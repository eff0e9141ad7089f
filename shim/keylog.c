#include "keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../crypto_glue/cg_ct.h"
#include "common_log.h"
#include "real.h"

static char path[PATH_MAX]; /* "": there is none */
static _Atomic bool told;

void keylog_start(void)
{
    const char *name = secure_getenv("SSLKEYLOGFILE");
    size_t used = 0;

    if (name == NULL || name[0] == '\0')
        return;
    if (name[0] != '/' && getcwd(path, sizeof(path)) != NULL)
        used = strlen(path);
    if ((name[0] != '/' && used == 0) || used + strlen(name) + 2 > sizeof(path)) {
        path[0] = '\0';
        log_line(LOG_LEVEL_WARN, "SSLKEYLOGFILE cannot be used: its path is too long");
        return;
    }
    if (used > 0)
        path[used++] = '/';
    strcpy(path + used, name);
}

/* Why a file is not written to; NULL when it may be. */
static const char *unfit(const struct stat *status)
{
    if (!S_ISREG(status->st_mode) || status->st_nlink != 1)
        return "it is not a file with one name";
    if (status->st_uid != geteuid())
        return "it belongs to another user";
    return status->st_mode & 077 ? "others may use it; run chmod 600 on it" : NULL;
}

static size_t put_hex(char *out, const uint8_t *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    return 2 * n;
}

static void append(int fd, const uint8_t *client_random, const uint8_t *master_secret)
{
    static const char label[] = "CLIENT_RANDOM ";
    char line[sizeof(label) + 2 * TLS_RANDOM + 2 * TLS_MASTER_SECRET + 2];
    size_t n = sizeof(label) - 1;

    memcpy(line, label, n);
    n += put_hex(line + n, client_random, TLS_RANDOM);
    line[n++] = ' ';
    n += put_hex(line + n, master_secret, TLS_MASTER_SECRET);
    line[n++] = '\n';
    sys3(SYS_write, fd, line, n); /* whole, for it appends a line to a file */
    cg_wipe(line, sizeof(line));
}

bool keylog_is_wanted(const struct policy_rule *rule)
{
    return rule->settings.allow_keylog && path[0] != '\0';
}

void keylog_write(void *arg, const uint8_t *client_random, const uint8_t *master_secret)
{
    const struct policy_rule *rule = arg;
    const char *why = NULL;
    struct stat status;
    long fd =
        sys4(SYS_openat, AT_FDCWD, path,
             O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);

    if (fd < 0)
        why = fd == -ELOOP ? "it is a link" : strerrordesc_np((int)-fd);
    else if (fstat((int)fd, &status) != 0)
        why = "it cannot be looked at";
    else
        why = unfit(&status);
    if (why != NULL)
        log_line(LOG_LEVEL_WARN, "%s:%u: keylog = allow: no secrets are written to %s: %s",
                 rule->place.file, rule->place.line, path, why);
    else if (!atomic_exchange(&told, true))
        log_line(
            LOG_LEVEL_WARN,
            "%s:%u: keylog = allow: the secrets of connections are written to %s; who reads it "
            "reads them",
            rule->place.file, rule->place.line, path);
    if (why == NULL)
        append((int)fd, client_random, master_secret);
    if (fd >= 0)
        sys3(SYS_close, fd, 0, 0);
}
