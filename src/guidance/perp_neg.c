/* Perpendicular negative condition (Armandpour 2023), per sample: of what the negative condition adds only the
 * part at right angles to what the given one adds is taken away. y: the result of the stages before, or the prediction
 * with the given condition; negative: with condition number `condition`; none: with the empty one,
 *
 *     p = y - none,  q = negative - none,  x0 = none + scale (p - negative_scale (q - <q, p> / <p, p> p)) */
#include "base/compiler.h"
#include "guidance/common.h"

enum { NEGATIVE_SCALE = DMI_SCALE_END, CONDITION, SPACE };

static const dm_option options[] = {
    DMI_SCALE_OPTIONS("1: the condition as it is, less the negative one; above 1: stronger", 1),
    DMI_REAL("negative_scale", "strength of the negative condition; 0: classifier-free guidance", 1, -1000, 1000),
    DMI_INTEGER("condition", "number of the negative condition", 2, 2, 1e6),
    DMI_SPACE_OPTION,
};

/* How much of the negative condition counts at a node. */
static double against(const double *option, const dm_node *at)
{
	return dmi_acts_at(option, at) ? dmi_scale_at(option, at, 1) * option[NEGATIVE_SCALE] : 0;
}

static dm_status branches(void *user, const dm_node *at, dm_branch *branch, int32_t *n)
{
	const double *option = user;
	double scale = dmi_scale_at(option, at, 1), negative = against(option, at);
	const struct dmi_part part[3] = {{{0, DM_CONDITION_GIVEN, 0}, scale},
	                                 {{0, DM_CONDITION_NONE, 0}, negative != 0 ? 1 : 1 - scale},
	                                 {{0, (int32_t)option[CONDITION], 0}, negative}};
	dmi_list_parts(part, 3, branch, n);
	return DM_OK;
}

static dm_status weights(void *user, const dm_node *at, const dm_branch *branch, int32_t n, const dm_stats *stats,
                         double *weight)
{
	const double *option = user;
	double scale = dmi_scale_at(option, at, 1), negative = against(option, at), along = 0;
	int32_t m = stats->n, k = 1 + dmi_find_branch(branch, n, DM_CONDITION_NONE),
	        l = 1 + dmi_find_branch(branch, n, (int32_t)option[CONDITION]);
	const double *g = stats->gram;
	for (int32_t b = 0; b < n; b++)
		weight[1 + b] = 0;
	if (negative != 0) {
		double size = g[0] - 2 * g[k] + g[k * m + k];
		along = size > 0 ? (g[l] - g[k] - g[l * m + k] + g[k * m + k]) / size : 0;
		weight[l] = -negative;
	}
	weight[0] = scale + negative * along;
	if (k <= n)
		weight[k] += 1 - scale + negative * (1 - along);
	return DM_OK;
}

const struct dmi_guidance_type dmi_guidance_perp_neg = {
    .method = DMI_METHOD_KNOWN("perp_neg", "classifier-free guidance with a perpendicular negative condition",
                               "Armandpour 2023", options, "ComfyUI: PerpNeg, PerpNegGuider"),
    .ops = {.struct_size = sizeof(dm_guidance_ops), .needs_stats = 1, .branches = branches, .weights = weights},
    .space = SPACE,
    .check = dmi_guidance_check_scale,
};
