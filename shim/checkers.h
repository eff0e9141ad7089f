/* What checkers of threads cannot know by themselves: helgrind takes no notice of C11's atomics,
 * and ThreadSanitizer none of system calls that do not go through libc. Empty but in the builds
 * that they run (build/helgrind, build/tsan). */
#ifndef SHIM_CHECKERS_H
#define SHIM_CHECKERS_H

#ifdef SHIM_HELGRIND
#include <valgrind/helgrind.h>
/* What one thread did before it gave p away is done when another has taken it. */
#define CHECKER_GIVES(p) ANNOTATE_HAPPENS_BEFORE(p)
#define CHECKER_TAKES(p) ANNOTATE_HAPPENS_AFTER(p)
/* n bytes of atomics, or whose order atomics see to. */
#define CHECKER_ATOMICS(p, n) VALGRIND_HG_DISABLE_CHECKING(p, n)
#else
#define CHECKER_GIVES(p)      ((void)0)
#define CHECKER_TAKES(p)      ((void)0)
#define CHECKER_ATOMICS(p, n) ((void)0)
#endif

#ifdef __SANITIZE_THREAD__
void __sanitizer_syscall_pre_impl_close(long fd); /* of sanitizer/linux_syscall_hooks.h */
#define CHECKER_CLOSES(fd) __sanitizer_syscall_pre_impl_close(fd)
#else
#define CHECKER_CLOSES(fd) ((void)0)
#endif

#define CHECKER_ATOMIC(field) CHECKER_ATOMICS(&(field), sizeof(field))

#endif
