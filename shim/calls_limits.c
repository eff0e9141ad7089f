/* Limits on the address space. The arena reserves more of it than some programs allow themselves
 * (vsftpd: 200 MiB), so a limit that the program sets counts what is the program's own: the kernel
 * gets the arena on top of it, as far as the hard limit goes.
 *
 * A limit from before the program started is not touched: the arena has been made to fit it. */
#include <sys/resource.h>

#include "arena.h"
#include "real.h"

/* What the program set last, and what the kernel got for it. */
static struct rlimit asked, given;

static rlim_t with_arena(rlim_t limit, rlim_t ceiling)
{
    rlim_t sum = limit + arena_reserved();

    if (limit == RLIM_INFINITY || limit > ceiling)
        return limit;
    return sum < limit || sum > ceiling ? ceiling : sum;
}

static int change(const struct rlimit *wanted)
{
    struct rlimit own = *wanted, now;

    if (wanted->rlim_cur <= wanted->rlim_max && real(prlimit)(0, RLIMIT_AS, NULL, &now) == 0) {
        own.rlim_max = with_arena(wanted->rlim_max, now.rlim_max);
        own.rlim_cur = with_arena(wanted->rlim_cur, own.rlim_max);
    }
    if (real(prlimit)(0, RLIMIT_AS, &own, NULL) != 0)
        return -1;
    asked = *wanted;
    given = own;
    return 0;
}

static void show(struct rlimit *limit)
{
    if (given.rlim_max != 0 && limit->rlim_cur == given.rlim_cur &&
        limit->rlim_max == given.rlim_max)
        *limit = asked;
}

HOOK int prlimit(pid_t pid, __rlimit_resource_t resource, const struct rlimit *wanted,
                 struct rlimit *before)
{
    struct rlimit then;
    int r;

    if (resource != RLIMIT_AS || (pid != 0 && pid != getpid()))
        return real(prlimit)(pid, resource, wanted, before);
    r = real(prlimit)(pid, resource, NULL, &then);
    show(&then);
    if (r == 0 && wanted != NULL)
        r = change(wanted);
    if (r == 0 && before != NULL)
        *before = then;
    return r;
}

HOOK int setrlimit(__rlimit_resource_t resource, const struct rlimit *wanted)
{
    return prlimit(0, resource, wanted, NULL);
}

HOOK int getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
    return prlimit(0, resource, NULL, limit);
}

/* The same with 64-bit numbers, which they have anyway. */
_Static_assert(sizeof(struct rlimit64) == sizeof(struct rlimit), "64-bit limits");

HOOK int prlimit64(pid_t pid, __rlimit_resource_t resource, const struct rlimit64 *wanted,
                   struct rlimit64 *before)
{
    return prlimit(pid, resource, (const struct rlimit *)wanted, (struct rlimit *)before);
}

HOOK int setrlimit64(__rlimit_resource_t resource, const struct rlimit64 *wanted)
{
    return setrlimit(resource, (const struct rlimit *)wanted);
}

HOOK int getrlimit64(__rlimit_resource_t resource, struct rlimit64 *limit)
{
    return getrlimit(resource, (struct rlimit *)limit);
}
