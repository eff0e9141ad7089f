/* Trust on first use: a file that remembers the keys of peers, as ssh does.
 *
 * Its lines are "NAME:PORT PIN", the pin as curl writes it; empty lines and what begins with # do
 * not count. A peer may have several lines: any of its keys is good. Who knows better than the
 * first use edits the file.
 *
 * The file belongs to the user that runs the program (or root), nobody else may write it or its
 * directory, and it is made with mode 0600 when it is not there. Writers hold flock(2) on it, and
 * append one line with one write; what is cut short is taken back. */
#ifndef SHIM_KNOWN_PEERS_H
#define SHIM_KNOWN_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../tls/tls_error.h"

/* Is the pin one that the file has for this peer ("host.example:443")? A peer that the file does
 * not know is recorded, *recorded says so. Makes system calls directly (no cancellation point, no
 * errno); waits at most a second for another writer. On failure returns TLS_ERROR_CERT_CHANGED or
 * TLS_ERROR_CERT_RECORD, and detail says why and what to do. */
enum tls_error known_peers_check(const char *path, const char *peer, const uint8_t pin[32],
                                 bool *recorded, char *detail, size_t size);

#endif
