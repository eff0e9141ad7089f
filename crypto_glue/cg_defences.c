#include "cg_defences.h"

#ifdef CG_TEST
bool cg_defence_is_off[CG_DEFENCE_COUNT];
#else
typedef int cg_defences_cannot_be_taken_away; /* a file must declare something (C11 6.9) */
#endif
