#include "cg_random.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

#include "cg_ct.h"

#ifdef CG_TEST
bool (*cg_random_for_tests)(void *out, size_t n);
#endif

bool cg_random(void *out, size_t n)
{
#ifdef CG_TEST
    if (cg_random_for_tests)
        return cg_random_for_tests(out, n);
#endif
    uint8_t *at = out;
    size_t left = n;
    int saved_errno = errno;
    while (left > 0) {
        ssize_t got = getrandom(at, left, 0);
        if (got > 0) {
            at += got;
            left -= (size_t)got;
        } else if (errno != EINTR) {
            break;
        }
    }
    errno = saved_errno;
    if (left > 0)
        cg_wipe(out, n);
    return left == 0;
}
