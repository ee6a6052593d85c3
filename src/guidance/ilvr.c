/* Iterative latent variable refinement (Choi 2021, algorithm 1): what a low-pass sees of the state is that of a reference
 * (DM_BOUND_REFERENCE), noised to the same level with fresh z. P = A^+ A is the part that the operator A sees (average
 * pooling for a low-pass):
 *
 *     x <- x + strength P (alpha reference + sigma z - x)
 *
 * at the end of every step whose end lies in the interval; with `to` the sample goes its own way in the end. */
#include "base/compiler.h"
#include "guidance/common.h"

enum { STRENGTH };

static const dm_option options[] = {
    DMI_REAL("strength", "share of the difference that is made up for", 1, 0, 1),
    DMI_INTERVAL_OPTIONS,
};

static dm_status state(void *user, const dm_guide *guide, dm_emit *e, dm_val *x)
{
	const double *option = user;
	const dm_node *at = guide->at;
	if (option[STRENGTH] == 0 || !dmi_acts_at(option, at))
		return DM_OK;
	dm_val reference = dm_emit_bound(e, DM_BOUND_REFERENCE), z = at->sigma > 0 ? dm_emit_renoise(e, 1, 0) : 0;
	dm_val difference = dm_emit_linear(e, 3, (dm_term[]){{at->alpha, reference}, {at->sigma, z}, {-1, *x}});
	dm_val seen = dm_emit_operator(e, DM_OPERATOR_PROJECT, difference, NULL);
	*x = dm_emit_linear(e, 2, (dm_term[]){{1, *x}, {option[STRENGTH], seen}});
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_ilvr = {
    .method = DMI_METHOD("ilvr", "the coarse part of a reference", "Choi 2021, algorithm 1", options),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .state = state},
    .needs_operator = 1,
    .check = dmi_guidance_check_interval,
};
