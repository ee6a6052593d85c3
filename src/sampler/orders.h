/* Which order every step of a single-step method has. */
#ifndef DMI_ORDERS_H
#define DMI_ORDERS_H

#include "sampler/step.h"

#define DMI_ORDERS DMI_LIST("orders", "order of every step, like 3/3/2/1, in place of the rule", 1, 3)

/* The order of this step from the list that was given; 0 where none was. Fails where the list is not as long as the
 * grid. user is that of a built-in method: its options. */
int dmi_listed_order(dm_emit *e, const dm_step *s, const void *user);

/* Blocks of `order` evaluations that make nfe of them in all: order everywhere, but 2, 1 at the end where order = 3
 * divides nfe, and else the rest nfe mod order at the last (Lu 2022a, appendix D). Fails where that is not as many blocks
 * as the grid has steps. */
int dmi_block_order(dm_emit *e, const dm_step *s, int order, int64_t nfe);

#endif
