/* Which rule a session is under, said so that another program can tell: the processes of an arena
 * may have read the policy at different times.
 *
 * A rule that gets a session is entered in the arena by its identity (common_identity.h), once; the
 * session has the number of the entry. Each process finds the rule of that identity in the policy
 * that it has read itself, wherever it stands there. */
#ifndef SHIM_RULE_NUMBERS_H
#define SHIM_RULE_NUMBERS_H

#include "../policy/policy.h"
#include "arena.h"
#include "session.h"

enum { RULE_NUMBER_NONE = UINT32_MAX };

/* The number of a rule of this process's policy. RULE_NUMBER_NONE: there have been too many.
 * Between shim_enter and shim_leave, the registry not locked. */
uint32_t rule_number(const struct policy_rule *rule);
/* The same in another arena, to which only this thread writes. */
uint32_t rule_number_in(struct arena *a, const struct policy_rule *rule);

/* The session's rule here; NULL when the policy of this process has none of its identity: then this
 * process must not use the session. */
const struct policy_rule *rule_of_session(const struct shim_session *s);
const struct tls_config *config_of_session(const struct shim_session *s);

/* A rule of this process's policy by its number in another arena; or NULL. */
const struct policy_rule *rule_from(struct arena *a, uint32_t number);

#endif
