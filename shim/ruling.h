/* The rules in force, and those of before for as long as connections live under them.
 *
 * What is loaded never changes: when a file has, all of it is read anew into a set of its own,
 * which new connections get from then on. A connection keeps the set that it began under. Each
 * process does that for itself, so forked workers need nobody to tell them. A policy that is wrong,
 * or cannot be read (any more: after chroot, or as another user), leaves the rules as they are and
 * is one error in the log.
 *
 * Whether files have changed is looked at when a connection begins, and so seldom that it takes a
 * thousandth of the time at most. */
#ifndef SHIM_RULING_H
#define SHIM_RULING_H

#include "common_rules.h"
#include "session.h"

/* Loads the policy that the environment names. False: *error says why. Once. */
bool ruling_start(struct rules_error *error);

/* The rules for a connection that begins, read anew if need be. They stay until ruling_unpin, or
 * for as long as a session lives that was born with them in between. No lock may be held. */
const struct rules *ruling_pin(void);
void ruling_unpin(const struct rules *rules);

/* The policy's name, for messages. */
const char *ruling_file(void);
/* What [defaults] says about the process, in the rules in force. */
struct policy_process ruling_process(void);

/* Notes in a session that is being born which rule it is under; between pin and unpin. */
void ruling_name(struct shim_session *s, const struct rules *rules, const struct policy_rule *rule);
/* The rule of a live session, and its configuration. NULL: none here is the same, which can be when
 * another program began the session and the policy has changed between the two; then this process
 * must not use it. */
const struct policy_rule *rule_of_session(const struct shim_session *s);
const struct tls_config *config_of_session(const struct shim_session *s);

void ruling_in_child(void); /* after fork */

#endif
