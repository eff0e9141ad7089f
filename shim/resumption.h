/* Sessions that a later handshake may resume: the engine's cache and ticket keys, in one mapping
 * shared by all processes that descend from this one, so that prefork workers resume each other's
 * sessions. */
#ifndef SHIM_RESUMPTION_H
#define SHIM_RESUMPTION_H

#include "common_rules.h"

/* Makes room for as many sessions as the limits allow. Once, before any session. Without memory for
 * it sessions are just not resumed. */
void resumption_start(const struct policy_process *limits);
/* Gives the configurations of rules their cache and ticket keys. Before anyone uses them. */
void resumption_equip(struct rules *rules);

#endif
