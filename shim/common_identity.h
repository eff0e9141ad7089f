/* A rule's identity: under which sessions are resumed. */
#ifndef SHIM_COMMON_IDENTITY_H
#define SHIM_COMMON_IDENTITY_H

#include "../policy/policy.h"
#include "../tls/tls.h"

/* SHA-256 of the rule's kind and name and of every setting that bears on who the peer is and how
 * strong a session must be; what files hold counts, not where they lie. So an unrelated change of
 * the policy, or another machine with the same policy, gives the same identity, and any change that
 * matters gives another. config is complete but for its `rule`. */
void identity_of_rule(const struct policy_rule *rule, const struct tls_config *config,
                      uint8_t out[TLS_DIGEST]);

/* A number for all that a rule says, and for what its files hold as far as the identity counts it.
 * config: NULL when it has none. */
uint64_t identity_tag(const struct policy_rule *rule, const struct tls_config *config);

#endif
