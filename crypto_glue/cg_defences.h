/* What stops the attacks on arithmetic, padding and timing; as tls/tls_defences.h does for the
 * protocol's. A test takes one away to see that the attack then succeeds. Only test builds can: in
 * what ships each of these is the constant true, and there is nothing to set. */
#ifndef CG_DEFENCES_H
#define CG_DEFENCES_H

#include <stdbool.h>

enum cg_defence {
    CG_DEFENCE_SUBGROUP,  /* RFC 2785: public values 0, 1 and p-1 */
    CG_DEFENCE_CURVE,     /* RFC 8422 5.11: points of another curve */
    CG_DEFENCE_FRESH_KEY, /* Raccoon, CVE-2020-1968 */
    CG_DEFENCE_PADDING,   /* POODLE for TLS, CVE-2014-8730 */
    CG_DEFENCE_SAME_WORK, /* Lucky Thirteen, CVE-2013-0169 */
    CG_DEFENCE_COUNT
};

#ifdef CG_TEST
extern bool cg_defence_is_off[CG_DEFENCE_COUNT];
static inline bool cg_defends(enum cg_defence defence)
{
    return !cg_defence_is_off[defence];
}
#else
static inline bool cg_defends(enum cg_defence defence)
{
    (void)defence;
    return true;
}
#endif

#endif
