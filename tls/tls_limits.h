/* What a peer may do before it is too much. */
#ifndef TLS_LIMITS_H
#define TLS_LIMITS_H

#include "tls.h"

enum {
    TLS_WARNINGS_MAX = 4,       /* warnings, or what counts as one, in a row */
    TLS_EMPTY_RECORDS_MAX = 32, /* empty records of application data in a row */
    TLS_RENEGOTIATIONS_MAX = 32 /* in a connection: each costs a server more than a client */
};

/* Bytes that one key of a 64-bit block cipher may protect (SWEET32, CVE-2016-2183). */
static inline uint64_t tls_limit_64(const struct tls_config *config)
{
    return config->data_limit_64 != 0 ? config->data_limit_64 : TLS_DATA_LIMIT_64;
}

#endif
