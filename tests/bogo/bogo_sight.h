/* Watches a handshake's plaintext for the peer's Certificate message, before the engine sees it.
 *
 * The runner's certificates come from nowhere, and BoringSSL's shim takes any. The engine takes
 * none that it has no reason to trust. So the shim makes the leaf that is about to come a trust
 * anchor: every check but that of the chain is made all the same, and -verify-fail leaves this out.
 */
#ifndef BOGO_SIGHT_H
#define BOGO_SIGHT_H

#include "bogo_files.h"

enum { BOGO_SIGHT_MAX = 1 << 17 };

struct bogo_sight {
    uint8_t bytes[BOGO_SIGHT_MAX]; /* handshake messages; certificates are views into it */
    size_t have;
    bool over; /* the handshake's plaintext, or the room for it */
    bool seen; /* a Certificate message; chain holds what was in it */
    struct bogo_chain chain;
};

/* Takes a record as it came. True when that completed a Certificate message. */
bool bogo_sight_record(struct bogo_sight *sight, const uint8_t *record, size_t length);

#endif
