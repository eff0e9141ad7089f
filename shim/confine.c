#include "confine.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>

#include "common_log.h"
#include "common_memory.h"
#include "common_sink.h"
#include "global.h"
#include "real.h"
#include "user_memory.h"

_Atomic bool shim_confined;

#if defined(__x86_64__)
enum { OWN_ARCHITECTURE = (int)AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { OWN_ARCHITECTURE = (int)AUDIT_ARCH_AARCH64 };
#endif

struct admitted {
    int call;
    int argument; /* which one must be `value`, all 64 bits of it; -1: any will do */
    unsigned value;
};

/* What libc does for the library: waiting where a thread can be cancelled, locks, random bytes, the
 * time. */
static const struct admitted anywhere[] = {
    {SYS_recvfrom, -1, 0},      {SYS_ppoll, -1, 0}, {SYS_pselect6, -1, 0},
    {SYS_epoll_pwait, -1, 0},   {SYS_futex, -1, 0}, {SYS_getrandom, -1, 0},
    {SYS_clock_gettime, -1, 0},
};

/* Of shim_sys alone. */
static const struct admitted here[] = {
    {SYS_sendto, 4, 0}, /* to nobody but the peer */
    {SYS_getsockopt, -1, 0},
    {SYS_setsockopt, -1, 0},
    {SYS_getsockname, -1, 0},
    {SYS_getpeername, -1, 0},
    {SYS_shutdown, -1, 0},
    {SYS_close, -1, 0},
    {SYS_fcntl, 1, F_GETFL},
    {SYS_fcntl, 1, F_GETFD},
    {SYS_fcntl, 1, F_DUPFD_CLOEXEC},
    {SYS_ioctl, 1, FIONREAD},
    {SYS_ioctl, 1, SIOCOUTQ},
    {SYS_epoll_ctl, -1, 0},
    {SYS_rt_sigprocmask, -1, 0},
    {SYS_getpid, -1, 0},
    {SYS_gettid, -1, 0},
    {SYS_kill, 1, 0}, /* does the process live? */
    {SYS_restart_syscall, -1, 0},
};
enum {
    ANYWHERE = sizeof(anywhere) / sizeof(*anywhere),
    HERE = sizeof(here) / sizeof(*here),
    OF_RULE = 7,                             /* instructions */
    AHEAD = 8 + (ANYWHERE + HERE) * OF_RULE, /* at most */
};
_Static_assert(AHEAD < 256, "a jump reaches the end");

extern const char shim_sys_return[]; /* real.c */

static struct sock_filter load(size_t offset)
{
    return (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset);
}

/* Goes on with the next instruction when A is k, else after so many more. */
static struct sock_filter unless(unsigned k, size_t skip)
{
    return (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, (unsigned char)skip);
}

static struct sock_filter admit(void)
{
    return (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
}

/* All of our processors are little-endian: the low word comes first. */
static size_t argument(int number)
{
    return offsetof(struct seccomp_data, args) + (size_t)number * sizeof(uint64_t);
}

/* With the call's number in A, before and after. */
static size_t write_rules(struct sock_filter *out, const struct admitted *rules, size_t count)
{
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        bool any = rules[i].argument < 0;

        out[n++] = unless((unsigned)rules[i].call, any ? 1 : 6);
        if (!any) {
            out[n++] = load(argument(rules[i].argument));
            out[n++] = unless(rules[i].value, 3);
            out[n++] = load(argument(rules[i].argument) + sizeof(uint32_t));
            out[n++] = unless(0, 1);
        }
        out[n++] = admit();
        if (!any)
            out[n++] = load(offsetof(struct seccomp_data, nr));
    }
    return n;
}

/* Calls that are not the library's go on behind it, with the program's own filter. */
static size_t write_ahead(struct sock_filter *out)
{
    const size_t ip = offsetof(struct seccomp_data, instruction_pointer);
    const uint64_t from = (uint64_t)(uintptr_t)shim_sys_return;
    size_t n = 0, jumps[3];

    out[n++] = load(offsetof(struct seccomp_data, arch));
    jumps[0] = n++;
    out[n++] = load(offsetof(struct seccomp_data, nr));
    n += write_rules(out + n, anywhere, ANYWHERE);
    out[n++] = load(ip);
    jumps[1] = n++;
    out[n++] = load(ip + 4);
    jumps[2] = n++;
    out[n++] = load(offsetof(struct seccomp_data, nr));
    n += write_rules(out + n, here, HERE);
    out[jumps[0]] = unless((unsigned)OWN_ARCHITECTURE, n - jumps[0] - 1);
    out[jumps[1]] = unless((unsigned)from, n - jumps[1] - 1);
    out[jumps[2]] = unless((unsigned)(from >> 32), n - jumps[2] - 1);
    return n;
}

struct sock_fprog confine_filter(const struct sock_fprog *own)
{
    struct sock_filter *text = NULL;
    size_t n;

    log_line(LOG_LEVEL_INFO, "the program confines itself by a filter of system calls (seccomp): "
                             "what reading and writing need is let through, nothing is logged");
    if (own->filter != NULL && own->len > 0 && own->len <= BPF_MAXINSNS - AHEAD)
        text = memory_map((AHEAD + own->len) * sizeof(*text), false);
    if (text == NULL)
        return *own;
    n = write_ahead(text);
    memcpy(text + n, own->filter, own->len * sizeof(*text));
    return (struct sock_fprog){.len = (unsigned short)(n + own->len), .filter = text};
}

void confine_begin(void)
{
    sinks_end();
    atomic_store(&shim_confined, true);
}

HOOK int prctl(int option, ...)
{
    unsigned long a[4];
    struct sock_fprog filter;
    va_list arguments;
    int r;

    va_start(arguments, option);
    for (int i = 0; i < 4; i++)
        a[i] = va_arg(arguments, unsigned long);
    va_end(arguments);
    if (option != PR_SET_SECCOMP || a[0] != SECCOMP_MODE_FILTER || !shim_ready() ||
        !user_memory((const void *)a[1], sizeof(filter)))
        return real(prctl)(option, a[0], a[1], a[2], a[3]);
    filter = confine_filter((const struct sock_fprog *)a[1]);
    r = real(prctl)(option, a[0], (unsigned long)&filter, a[2], a[3]);
    if (r == 0)
        confine_begin();
    return r;
}
