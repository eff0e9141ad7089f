#include "tls_defences.h"

#ifdef CG_TEST
bool tls_defence_is_off[TLS_DEFENCE_COUNT];
#else
typedef int tls_defences_cannot_be_taken_away; /* a file must declare something (C11 6.9) */
#endif
