/* tlshim explain: the question, and how the answer is shown. */
#ifndef SHIM_CLI_EXPLAIN_H
#define SHIM_CLI_EXPLAIN_H

#include "../../policy/policy_detail.h"

struct question {
    struct policy_query query;
    char host[256];
    const char *text; /* HOST:PORT as given */
    bool all;         /* not about a connection: the whole policy */
    bool json;
};

/* Which rule decides, why those before it do not, every setting with where it comes from, each
 * suite's strength by axis, and what the answer depends on and was not told. */
void explain_text(const struct policy *policy, const struct question *question);
void explain_json(const struct policy *policy, const struct question *question);

#endif
