/* What helgrind cannot know by itself: it takes no notice of C11's atomics. Empty but in the build
 * that it runs (build/helgrind); ThreadSanitizer knows them. */
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
#define CHECKER_ATOMIC(field) CHECKER_ATOMICS(&(field), sizeof(field))

#endif
