/* The secrets of connections whose rule says `keylog = allow`, in a file for Wireshark (the format
 * that NSS began: CLIENT_RANDOM, random, master secret). */
#ifndef SHIM_KEYLOG_H
#define SHIM_KEYLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "../policy/policy.h"

/* Takes the file's name from SSLKEYLOGFILE, as the program was started with it. Once. */
void keylog_start(void);
/* Is there a file, and does the rule allow it? */
bool keylog_is_wanted(const struct policy_rule *rule);
/* Appends a line, as struct tls_conn's log_secret; arg is the rule. No descriptor stays open; a
 * file that others than this user may touch, or a link, is not written to, which is logged. */
void keylog_write(void *arg, const uint8_t *client_random, const uint8_t *master_secret);

#endif
