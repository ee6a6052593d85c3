#include "base/compiler.h"
#include "sampler/orders.h"
#include "base/option.h"

int dmi_listed_order(dm_emit *e, const dm_step *s, const void *user)
{
	const struct dmi_options *given = user;
	if (!given || given->n_list == 0)
		return 0;
	if (given->n_list != (size_t)s->n_step) {
		dm_emit_fail(e, DM_ERR_ARGUMENT, "sampler: option \"orders\" needs one entry for every step of the grid");
		return 1;
	}
	return (int)given->list[s->step];
}

int dmi_block_order(dm_emit *e, const dm_step *s, int order, int64_t nfe)
{
	int rest = (int)(nfe % order), two_one = order == 3 && rest == 0;
	if (nfe / order + (rest > 0 || two_one) != s->n_step) {
		dm_emit_fail(
		    e, DM_ERR_ARGUMENT,
		    "sampler: option \"nfe\" must fit the grid: nfe = 3 (steps - 1) + 0, 1 or 2 at order 3, 2 steps or 2 "
		    "steps - 1 at order 2");
		return 1;
	}
	int64_t left = s->n_step - s->step;
	if (left == 1 && (rest > 0 || two_one))
		return two_one ? 1 : rest;
	return left == 2 && two_one ? 2 : order;
}
