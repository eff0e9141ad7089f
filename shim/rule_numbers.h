/* Which rule a session is under, said so that another program can tell: the processes of an arena
 * may have read the policy at different times.
 *
 * A rule that gets a session is entered in the arena by its identity (common_identity.h), once; the
 * session has the number of the entry. Each process finds the rule of that identity in the policy
 * that it has read itself, wherever it stands there. */
#ifndef SHIM_RULE_NUMBERS_H
#define SHIM_RULE_NUMBERS_H

#include "arena.h"
#include "common_rules.h"
#include "session.h"

enum { RULE_NUMBER_NONE = UINT32_MAX };

/* The number of one of these rules, which has a configuration. RULE_NUMBER_NONE: there have been
 * too many; its sessions cannot go along into other programs. Between shim_enter and shim_leave,
 * the registry not locked. */
uint32_t rule_number(const struct rules *rules, const struct policy_rule *rule);
/* The number in one arena, to which only this thread writes, of what has `number` in another. */
uint32_t rule_number_copy(struct arena *to, struct arena *from, uint32_t number);

/* The one among these rules that has a number in an arena; NULL: none of that identity. */
const struct policy_rule *rule_from(const struct rules *rules, struct arena *a, uint32_t number);

#endif
