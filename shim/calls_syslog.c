/* What libc writes to descriptor 2 by calls of its own, which no hook sees.
 *
 * syslog with LOG_PERROR: libc copies the message to descriptor 2 by a call of its own, which no
 * hook sees. While 2 is a session's, libc is told not to, and the copy goes through the stderr
 * stream. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <syslog.h>

#include "fdtable.h"
#include "real.h"

static struct { /* what the program gave openlog */
    const char *name;
    int option, facility;
    bool opened, without_copy;
} asked;

/* True: the copy is ours to make. */
static bool copy_is_ours(void)
{
    struct shim_ref ref;
    bool ours = asked.opened && (asked.option & LOG_PERROR) != 0 &&
                fd_verdict(STDERR_FILENO, &ref) != FD_IS_PLAIN;

    if (ours != asked.without_copy) {
        asked.without_copy = ours;
        real(openlog)(asked.name, ours ? asked.option & ~LOG_PERROR : asked.option, asked.facility);
    }
    return ours;
}

HOOK void openlog(const char *name, int option, int facility)
{
    asked.name = name;
    asked.option = option;
    asked.facility = facility;
    asked.opened = true;
    asked.without_copy = false;
    real(openlog)(name, option, facility);
    copy_is_ours();
}

static void copy(const char *format, va_list arguments)
{
    va_list again;
    size_t length = strlen(format);

    va_copy(again, arguments);
    if (asked.name != NULL)
        fprintf(stderr, "%s: ", asked.name);
    vfprintf(stderr, format, again);
    if (length == 0 || format[length - 1] != '\n')
        fputc('\n', stderr);
    va_end(again);
}

HOOK void vsyslog(int priority, const char *format, va_list arguments)
{
    if (copy_is_ours())
        copy(format, arguments);
    real(vsyslog)(priority, format, arguments);
}

HOOK void syslog(int priority, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vsyslog(priority, format, arguments);
    va_end(arguments);
}

HOOK void __vsyslog_chk(int priority, int flag, const char *format, va_list arguments)
{
    if (copy_is_ours())
        copy(format, arguments);
    real(__vsyslog_chk)(priority, flag, format, arguments);
}

HOOK void __syslog_chk(int priority, int flag, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    __vsyslog_chk(priority, flag, format, arguments);
    va_end(arguments);
}

/* A signal handler may call it: no memory, no stream. */
HOOK void backtrace_symbols_fd(void *const *frames, int count, int fd)
{
    struct shim_ref ref;
    char text[1024];
    ssize_t n;
    int file;

    if (fd_verdict(fd, &ref) == FD_IS_PLAIN) {
        real(backtrace_symbols_fd)(frames, count, fd);
        return;
    }
    file = (int)sys3(SYS_memfd_create, "backtrace", MFD_CLOEXEC, 0);
    if (file < 0)
        return;
    real(backtrace_symbols_fd)(frames, count, file);
    sys3(SYS_lseek, file, 0, SEEK_SET);
    while ((n = sys3(SYS_read, file, text, sizeof(text))) > 0)
        if (write(fd, text, (size_t)n) != n)
            break;
    sys3(SYS_close, file, 0, 0);
}

HOOK void psiginfo(const siginfo_t *info, const char *text)
{
    struct shim_ref ref;

    if (fd_verdict(STDERR_FILENO, &ref) == FD_IS_PLAIN)
        real(psiginfo)(info, text);
    else
        psignal(info->si_signo, text); /* through the stderr stream; says less */
}
