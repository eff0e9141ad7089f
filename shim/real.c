#include "real.h"

#include "common_os.h"

struct shim_real shim_real;

static void resolve_one(void **slot, const char *name)
{
    if (__atomic_load_n(slot, __ATOMIC_ACQUIRE) == NULL)
        __atomic_store_n(slot, dlsym(RTLD_NEXT, name), __ATOMIC_RELEASE);
}

void shim_real_resolve(void)
{
    int saved = errno;

#define SHIM_RESOLVE(ret, name, params, coverage, note)                                            \
    resolve_one((void **)&shim_real.name, #name);
    SHIM_SYMBOLS(SHIM_RESOLVE)
#undef SHIM_RESOLVE
    errno = saved;
}

/* The address after the instruction, by which a filter of system calls knows it (confine.h). */
#define RETURN ".globl shim_sys_return\n\t.hidden shim_sys_return\nshim_sys_return:"
#define ONCE   __attribute__((noinline, noclone))

#if defined(__x86_64__) && !defined(__ILP32__)
ONCE long shim_sys(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall\n\t" RETURN
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
ONCE long shim_sys(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc 0\n\t" RETURN
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory");
    return x0;
}
#else
#error "tlshim knows the system call instruction of x86-64 and AArch64 only"
#endif

/* What the code shared with the launcher calls. */
ssize_t os_read(int fd, void *buffer, size_t n)
{
    return real(read)(fd, buffer, n);
}

ssize_t os_write(int fd, const void *buffer, size_t n)
{
    return real(write)(fd, buffer, n);
}

int os_close(int fd)
{
    return real(close)(fd);
}

int os_socket(int domain, int type, int protocol)
{
    return real(socket)(domain, type, protocol);
}

ssize_t os_sendmsg(int fd, const struct msghdr *message, int flags)
{
    return real(sendmsg)(fd, message, flags);
}

/* With the call that waits are made with: whoever has sandboxed itself has let it through. */
bool os_is_writable(int fd)
{
    struct pollfd entry = {.fd = fd, .events = POLLOUT};
    struct timespec none = {0};

    return sys5(SYS_ppoll, &entry, 1, &none, NULL, 0) == 1 && (entry.revents & POLLOUT) != 0;
}
