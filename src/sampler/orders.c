#include "base/compiler.h"
#include "sampler/orders.h"
#include "base/option.h"

int dmi_listed_order(dm_emit *e, const dm_step *s, const void *user)
{
	const struct dmi_options *given = user;
	if (!given || given->n_list == 0)
		return 0;
	if (given->n_list != (size_t)s->n_step) {
		dmi_refuse(e, DM_ERR_ARGUMENT,
		           "sampler: option \"orders\" has %z entries, it needs one for each of the %l steps", given->n_list,
		           s->n_step);
		return 1;
	}
	return (int)given->list[s->step];
}

int dmi_block_order(dm_emit *e, const dm_step *s, int order, int64_t nfe)
{
	int rest = (int)(nfe % order), two_one = order == 3 && rest == 0;
	if (nfe / order + (rest > 0 || two_one) != s->n_step) {
		dmi_refuse(
		    e, DM_ERR_ARGUMENT,
		    "sampler: nfe = %l does not fit the %l steps of the grid: it takes 3 (steps - 1) + 0, 1 or 2 at order 3, "
		    "2 steps or 2 steps - 1 at order 2",
		    nfe, s->n_step);
		return 1;
	}
	int64_t left = s->n_step - s->step;
	if (left == 1 && (rest > 0 || two_one))
		return two_one ? 1 : rest;
	return left == 2 && two_one ? 2 : order;
}
