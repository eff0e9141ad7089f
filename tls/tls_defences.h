/* What stops the published attacks. A test takes one away to see that the attack then succeeds, so
 * that the tests of attacks cannot pass for another reason. Only test builds can: in what ships
 * each of these is the constant true, and there is nothing to set. */
#ifndef TLS_DEFENCES_H
#define TLS_DEFENCES_H

#include <stdbool.h>

enum tls_defence {
    TLS_DEFENCE_RSA_ORACLE,    /* Bleichenbacher 1998, ROBOT CVE-2017-13099 */
    TLS_DEFENCE_ROLLBACK,      /* RFC 2246 7.4.7.1: the version in the premaster secret */
    TLS_DEFENCE_SPLITTING,     /* BEAST, CVE-2011-3389 */
    TLS_DEFENCE_EARLY_CCS,     /* CVE-2014-0224 */
    TLS_DEFENCE_ORDER,         /* SMACK: messages left out */
    TLS_DEFENCE_EXPORT_KEY,    /* FREAK, CVE-2015-0204 */
    TLS_DEFENCE_SMALL_GROUP,   /* Logjam, CVE-2015-4000 */
    TLS_DEFENCE_DATA_LIMIT,    /* SWEET32, CVE-2016-2183 */
    TLS_DEFENCE_PREFIX,        /* CVE-2009-3555 */
    TLS_DEFENCE_TRIPLE,        /* triple handshake: RFC 7627 */
    TLS_DEFENCE_TRUNCATION,    /* an end without close_notify */
    TLS_DEFENCE_TICKET_MAC,    /* forged tickets */
    TLS_DEFENCE_TICKET_RULE,   /* tickets of another rule */
    TLS_DEFENCE_RESUMED_SUITE, /* CVE-2010-4180 */
    TLS_DEFENCE_EMPTY_RECORDS, /* floods */
    TLS_DEFENCE_WARNINGS,      /* CVE-2016-8610 */
    TLS_DEFENCE_MESSAGE_SIZE,  /* memory */
    TLS_DEFENCE_IDENTITY,      /* another peer in a renegotiation */
    TLS_DEFENCE_COUNT
};

#ifdef CG_TEST
extern bool tls_defence_is_off[TLS_DEFENCE_COUNT];
static inline bool tls_defends(enum tls_defence defence)
{
    return !tls_defence_is_off[defence];
}
#else
static inline bool tls_defends(enum tls_defence defence)
{
    (void)defence;
    return true;
}
#endif

#endif
