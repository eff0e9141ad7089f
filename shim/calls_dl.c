/* dlopen: a library that is loaded in a way that binds its calls past this one would write
 * plaintext. */
#include <dlfcn.h>

#include "common_log.h"
#include "global.h"
#include "real.h"

/* RTLD_DEEPBIND makes a library prefer the definitions that it was linked with, libc's, over
 * preloaded ones: the flag is taken out. glibc looks at who calls dlopen (RUNPATH, $ORIGIN, the
 * name space), so this must be a jump and no call: nothing may be done afterwards. */
__attribute__((optimize("O2", "no-stack-protector"))) HOOK void *dlopen(const char *file, int mode)
{
    return real(dlopen)(file, mode & ~RTLD_DEEPBIND);
}

/* A name space of its own has a libc of its own, where nothing is covered. The library is loaded
 * into the program's. */
HOOK void *dlmopen(Lmid_t space, const char *file, int mode)
{
    if (space == LM_ID_BASE)
        return real(dlmopen)(space, file, mode & ~RTLD_DEEPBIND);
    if (shim_ready())
        log_line(LOG_LEVEL_WARN,
                 "dlmopen(%s): a name space of its own would not be covered; "
                 "loaded into the program's",
                 file != NULL ? file : "NULL");
    return real(dlmopen)(LM_ID_BASE, file, mode & ~RTLD_DEEPBIND);
}
