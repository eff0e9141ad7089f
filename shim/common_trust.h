/* What a rule says about the peer's certificate, into a TLS configuration. common_configs.c is the
 * user. */
#ifndef SHIM_COMMON_TRUST_H
#define SHIM_COMMON_TRUST_H

#include "common_configs.h"

/* Fills in roots, pins, revocation lists, admitted names and the like. What is wrong is
 * reported. */
void trust_configure(struct loader *loader, const struct policy_rule *rule,
                     struct tls_config *config);

/* The OCSP response for the certificate at `i` of the rule's list, if it names one. issuer: the
 * next certificate of the chain, or NULL when it is not there. A response that is out of date or
 * does not fit is left out, which is logged: clients may accept a server without one. */
void trust_staple(struct loader *loader, const struct policy_rule *rule, size_t i,
                  const struct x509_certificate *leaf, struct tls_credential *credential);

#endif
